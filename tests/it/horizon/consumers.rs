//! Readers whose place the service keeps, and the beginning of the log.

use potts::proto::consumer_start::Start;
use potts::proto::{
    Consumer, ConsumerStart, ConsumerState, CreateConsumerRequest, GetConsumerRequest,
};

use super::{BEFORE, DAY, SECOND, WITHIN, after_90_days, horizon, keep, rolled};
use crate::support::{TestApp, eventually};

#[tokio::test(flavor = "multi_thread")]
async fn a_consumer_holds_the_log_until_it_is_too_far_behind() {
    let app = rolled(&[("POTTS_LOG_RETENTION", "never")]).await;
    let request = CreateConsumerRequest {
        parent: "projects/abc".into(),
        consumer_id: "x".into(),
        consumer: Some(Consumer::default()),
        start: Some(ConsumerStart { start: Some(Start::FromBeginning(true)) }),
        ..Default::default()
    };
    app.events().create_consumer(request).await.unwrap();
    let database = app.stop().await;
    database.advance_clock(91 * DAY).await;

    keep(&database.url, &after_90_days(None)).await;
    assert_eq!(horizon(&database).await, (SECOND - BEFORE, "ATTACHED".to_owned()));

    let app = TestApp::on(database, &[("POTTS_LOG_RETENTION", "never")]).await;
    let get = || GetConsumerRequest { name: "projects/abc/consumers/x".into() };
    let look = async || app.events().get_consumer(get()).await.unwrap().into_inner();
    let is_expired = |state: ConsumerState| state == ConsumerState::Expired;
    eventually(WITHIN, look, |got| got.consumer.as_ref().is_some_and(|x| is_expired(x.state())))
        .await;
    keep(&app.database.url, &after_90_days(None)).await;

    assert_eq!(horizon(&app.database).await, (SECOND, "ENDED".to_owned()));
}

//! How many streams end when the service is asked to stop: with their last cursor, in time.

use std::time::Duration;

use potts::proto::event_service_client::EventServiceClient;
use potts::proto::subscribe_request::Start;
use potts::proto::{EventFilter, SubscribeRequest, SubscribeResponse};
use tokio::time::Instant;
use tonic::{Code, Streaming};

use super::oracle::{Oracle, rows};
use super::stalled::{publish, tight};
use crate::fault_calls::{create, issue, reason};
use crate::replicas::{door, project};
use crate::support::app::{Door, PATIENCE};
use crate::support::{Process, TestDatabase};

/// Streams that are read, on connections of so many.
const STREAMS: usize = 200;
const A_CONNECTION: usize = 100;
/// As the service has it by default, and some for the machine.
const GRACE: Duration = Duration::from_secs(17);

async fn open(door: &Door, request: SubscribeRequest) -> Streaming<SubscribeResponse> {
    EventServiceClient::new(door.clone()).subscribe(request).await.unwrap().into_inner()
}

/// Reads a stream to its end, which must be that of a service that stops.
async fn to_its_end(stream: &mut Streaming<SubscribeResponse>, told: &mut Oracle) {
    loop {
        match tokio::time::timeout(PATIENCE, stream.message()).await.expect("an end in time") {
            Ok(said) => told.note(said.expect("a status at the end").message.unwrap()),
            Err(status) => {
                assert_eq!(status.code(), Code::Unavailable, "{status:?}");
                return assert_eq!(reason(&status), "SHUTTING_DOWN", "{status:?}");
            }
        }
    }
}

/// Goal: a service that stops ends every stream with its last cursor, and waits for none that is
/// not read.
#[tokio::test(flavor = "multi_thread")]
async fn streams_end_with_their_last_cursor_and_one_that_is_never_read_holds_up_nothing() {
    let database = TestDatabase::new().await;
    let data = tempfile::tempdir().unwrap();
    let set =
        [("POTTS_DATABASE_URL", database.url.as_str()), ("POTTS_CALLER_SUBSCRIPTIONS_MAX", "1000")];
    let mut process = Process::start(data.path(), &set).await;
    let writer = door(process.grpc_addr).await;
    project(&writer, "abc").await;
    // More than fits on its way to somebody who does not read.
    publish(&writer, "never", 512, 16 << 10).await;
    let never = tight(process.grpc_addr).await;
    let beginning =
        || SubscribeRequest { start: Some(Start::FromBeginning(true)), ..Default::default() };
    let never_read = open(&never, beginning()).await;

    let filter = EventFilter { types: vec!["issue.*".into()], ..Default::default() };
    let mut streams = Vec::new();
    let mut doors = Vec::new();
    for n in 0..STREAMS {
        if n % A_CONNECTION == 0 {
            doors.push(door(process.grpc_addr).await);
        }
        let oracle = Oracle::new(filter.clone());
        streams.push((open(doors.last().unwrap(), oracle.request()).await, oracle));
    }
    for n in 0..10 {
        create(&writer, &issue("abc", &n.to_string()), PATIENCE).await.unwrap();
    }

    let asked = Instant::now();
    process.terminate();
    for (stream, told) in &mut streams {
        to_its_end(stream, told).await;
    }
    let status = process.ended(GRACE).await;
    let took = asked.elapsed();

    assert!(status.success() && took < GRACE, "{status} after {took:?}: {}", process.log());
    process = Process::start(data.path(), &set).await;
    let again = door(process.grpc_addr).await;
    let rows = rows(&database, 0).await;
    assert_eq!(rows.len(), 1 + 512 + 10);
    for (n, (_, told)) in streams.iter_mut().enumerate() {
        let rest = rows.partition_point(|row| row.seq <= told.at());
        assert!(rest >= 512, "told before it was asked to stop");
        assert_eq!(told.violations(&rows[..rest]), Vec::<String>::new());
        if n % 10 == 0 {
            assert_eq!(told.misled(&again, &rows).await, Vec::<String>::new());
        }
    }
    drop((never_read, doors));
}

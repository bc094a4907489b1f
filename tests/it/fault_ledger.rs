//! Statements that fail, rows that are locked, partitions that are missing: what the ledger makes
//! of each, and that nobody else's command suffers.

use std::time::Duration;

use futures_util::future::join_all;
use potts::proto::{DeleteProjectRequest, Project, UpdateProjectRequest};
use potts::store::PARTITION_EVENTS;
use tonic::Code;

use crate::fault_calls::{
    create, creating, hold_order_lock, issue, issues_titled, log, order_lock_awaited, reason,
};
use crate::replicas::beside;
use crate::support::app::{TestApp, channel};
use crate::support::eventually;

const WITHIN: Duration = Duration::from_secs(20);

/// Makes statements that store an issue of that title fail.
async fn refuse_title(app: &TestApp, title: &str, raise: &str) {
    let trigger = format!(
        "create function refuse() returns trigger language plpgsql as $$
         begin
             if new.title = '{title}' then {raise}; end if;
             return new;
         end $$;
         create trigger refuse before insert or update on issues
             for each row execute function refuse()"
    );
    app.database.sql().await.batch_execute(&trigger).await.unwrap();
}

/// Sends 64 creations that the lane takes as one batch; answers how each went.
async fn sixty_four(app: &TestApp, guilty: &str) -> Vec<(String, Result<String, tonic::Status>)> {
    let held = hold_order_lock(&app.database).await;
    // It occupies the lane, so that the rest waits for it together.
    let first = creating(&app.door, &issue("abc", "first"), WITHIN);
    order_lock_awaited(&app.database).await;
    let titles: Vec<String> =
        (0..64).map(|n| if n == 31 { guilty.to_owned() } else { format!("issue {n}") }).collect();
    let calls: Vec<_> =
        titles.iter().map(|title| creating(&app.door, &issue("abc", title), WITHIN)).collect();
    eventually(WITHIN, async || app.queued().await, |queued| *queued == 64).await;
    drop(held);
    first.await.unwrap().unwrap();
    let answers = join_all(calls)
        .await
        .into_iter()
        .map(|answer| answer.unwrap().map(|created| created.issue.unwrap().name));
    titles.into_iter().zip(answers).collect()
}

impl TestApp {
    /// How many commands wait in the lanes, as the metrics have it.
    async fn queued(&self) -> i64 {
        let metrics = crate::support::get(self.server.http_addr, "/metrics").await.1;
        let line =
            metrics.lines().find_map(|line| line.strip_prefix("potts_ledger_queued_commands "));
        line.map_or(-1, |count| count.trim().parse().unwrap())
    }
}

/// Goal: of 64 that are carried out together one is refused for what the database says.
pub async fn one_is_refused_and_63_happen_once(raise: &str, code: Code, told: &str) {
    let app = TestApp::start().await;
    app.project("abc").await;
    refuse_title(&app, "guilty", raise).await;

    let answers = sixty_four(&app, "guilty").await;

    for (title, answer) in &answers {
        if title == "guilty" {
            let status = answer.as_ref().unwrap_err();
            assert_eq!((status.code(), reason(status).as_str()), (code, told), "{status:?}");
        } else {
            assert!(answer.is_ok(), "{title}: {answer:?}");
            assert_eq!(issues_titled(&app.database, title).await, 1, "{title}");
        }
    }
    assert_eq!(issues_titled(&app.database, "guilty").await, 0);
    assert_eq!(log(&app.database).await.len(), 65);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_statement_that_fails_for_one_of_64_fails_for_it_alone() {
    one_is_refused_and_63_happen_once("raise exception 'no'", Code::Internal, "INTERNAL").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_commit_that_fails_for_one_of_64_fails_for_it_alone() {
    let app = TestApp::start().await;
    app.project("abc").await;
    refuse_title(&app, "guilty", "raise exception 'no'").await;
    let at_commit = "drop trigger refuse on issues;
        create constraint trigger refuse after insert on issues deferrable initially deferred
            for each row execute function refuse()";
    app.database.sql().await.batch_execute(at_commit).await.unwrap();

    let answers = sixty_four(&app, "guilty").await;

    let refused: Vec<_> = answers.iter().filter(|(_, answer)| answer.is_err()).collect();
    assert_eq!(refused.len(), 1, "{refused:?}");
    assert_eq!(reason(refused[0].1.as_ref().unwrap_err()), "INTERNAL");
    assert_eq!(issues_titled(&app.database, "guilty").await, 0);
    assert_eq!(log(&app.database).await.len(), 65);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_that_stays_locked_is_contention_for_whom_it_concerns() {
    let raise = "raise exception 'canceling statement due to lock timeout' using errcode = '55P03'";
    one_is_refused_and_63_happen_once(raise, Code::Aborted, "CONTENTION").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn serialization_failures_are_tried_again_a_few_times_only() {
    let raise = "raise exception 'could not serialize access' using errcode = '40001'";
    one_is_refused_and_63_happen_once(raise, Code::Aborted, "CONTENTION").await;
}

/// Goal: a lock that somebody holds for longer than a statement waits costs time, nothing else.
#[tokio::test(flavor = "multi_thread")]
async fn a_row_that_is_locked_for_a_while_delays_and_does_not_fail() {
    let app = TestApp::start().await;
    app.project("abc").await;
    app.project("xyz").await;
    let mut locker = app.database.sql().await;
    let held = locker.transaction().await.unwrap();
    held.execute("select from counters where parent = 'projects/abc' for update", &[])
        .await
        .unwrap();

    let blocked = creating(&app.door, &issue("abc", "blocked"), WITHIN);
    let given_up = "select count(*) from pg_stat_database where datname = current_database() \
                    and xact_rollback > 0";
    let look = app.database.sql().await;
    eventually(
        WITHIN,
        async || look.query_one(given_up, &[]).await.unwrap().get::<_, i64>(0),
        |seen| *seen == 1,
    )
    .await;
    held.rollback().await.unwrap();

    assert!(blocked.await.unwrap().is_ok());
    create(&app.door, &issue("xyz", "free"), WITHIN).await.unwrap();
    assert_eq!(log(&app.database).await.len(), 4);
}

/// Has the log begin so many places before the end of a partition.
async fn begin_before_boundary(app: &TestApp, places: i64) {
    let oldest = PARTITION_EVENTS - places;
    let begin = format!("update log_state set oldest_seq = {oldest}");
    app.database.sql().await.batch_execute(&begin).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_log_stays_dense_across_the_end_of_a_partition() {
    let app = TestApp::start().await;
    begin_before_boundary(&app, 40).await;
    let app = TestApp::on(app.stop().await, &[]).await;
    app.project("abc").await;
    let mut follower = app.follow().await;

    let calls: Vec<_> =
        (0..80).map(|n| creating(&app.door, &issue("abc", &n.to_string()), WITHIN)).collect();
    for call in join_all(calls).await {
        call.unwrap().unwrap();
    }

    let rows = log(&app.database).await;
    assert_eq!((rows.len(), rows[0].0), (81, PARTITION_EVENTS - 40));
    let told: Vec<i64> = follower.events(81).await.iter().map(|event| event.seq).collect();
    assert_eq!(told, rows.iter().map(|row| row.0).collect::<Vec<_>>());
    // And on: the head lies in the second partition now.
    app.issue("abc", "one more").await;
    assert_eq!(log(&app.database).await.len(), 82);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_partition_is_made_when_it_is_needed() {
    let app = TestApp::start().await;
    begin_before_boundary(&app, 3).await;
    let app = TestApp::on(app.stop().await, &[]).await;
    app.project("abc").await;
    let lose = "drop table events_00000001, events_00000002, events_00000003, events_00000004;
                delete from event_partitions where index > 0";
    app.database.sql().await.batch_execute(lose).await.unwrap();

    for n in 0..10 {
        create(&app.door, &issue("abc", &n.to_string()), WITHIN).await.unwrap();
    }

    assert_eq!(log(&app.database).await.len(), 11);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_partition_that_can_be_made_writes_are_refused() {
    let app = TestApp::start().await;
    begin_before_boundary(&app, 1).await;
    let app = TestApp::on(app.stop().await, &[]).await;
    app.project("abc").await;
    // Their rows say that they are there.
    let lose = "drop table events_00000001, events_00000002, events_00000003, events_00000004";
    let sql = app.database.sql().await;
    sql.batch_execute(lose).await.unwrap();
    let request = issue("abc", "beyond");

    let refused = create(&app.door, &request, Duration::from_secs(2)).await.unwrap_err();

    assert_eq!(refused.code(), Code::Unavailable, "{refused:?}");
    // Unknown if its deadline fell into an attempt.
    let reasons = ["DATABASE_UNAVAILABLE", "OUTCOME_UNKNOWN"];
    assert!(reasons.contains(&reason(&refused).as_str()), "{refused:?}");
    sql.batch_execute("delete from event_partitions where index > 0").await.unwrap();
    let again = async || create(&app.door, &request, WITHIN).await;
    eventually(WITHIN, again, Result::is_ok).await.unwrap();
    assert_eq!(issues_titled(&app.database, "beyond").await, 1);
    assert_eq!(log(&app.database).await.len(), 2);
}

/// Goal: whatever replica decides, no issue comes into a project behind its deletion.
#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_decided_by_a_definition_that_has_changed() {
    let app = TestApp::start().await;
    let (_other, other) = beside(&app).await;
    for round in 0..10 {
        let id = format!("p{round}");
        app.project(&id).await;
        // Both replicas have it in their caches.
        create(&app.door, &issue(&id, "here"), WITHIN).await.unwrap();
        create(&other, &issue(&id, "there"), WITHIN).await.unwrap();
        let update = UpdateProjectRequest {
            project: Some(Project {
                name: format!("projects/{id}"),
                display_name: "Renamed".into(),
                ..Default::default()
            }),
            ..Default::default()
        };
        app.projects().update_project(update).await.unwrap();

        let late: Vec<_> = (0..8).map(|_| creating(&other, &issue(&id, "late"), WITHIN)).collect();
        let delete = DeleteProjectRequest {
            name: format!("projects/{id}"),
            force: true,
            ..Default::default()
        };
        app.projects().delete_project(delete).await.unwrap();
        let after = create(&other, &issue(&id, "after"), WITHIN).await.unwrap_err();

        assert_eq!((after.code(), reason(&after).as_str()), (Code::NotFound, "RESOURCE_NOT_FOUND"));
        for call in join_all(late).await {
            let answer = call.unwrap();
            assert!(answer.as_ref().err().is_none_or(|s| s.code() == Code::NotFound), "{answer:?}");
        }
        let rows = log(&app.database).await;
        let name = format!("projects/{id}");
        let of = |row: &&(i64, String, String, String)| {
            row.3 == name || row.3.starts_with(&format!("{name}/"))
        };
        assert_eq!(rows.iter().rfind(of).unwrap().2, "project.deleted");
    }
}

/// Goal: overload is told, with when to come back, and what was taken in happens.
/// Method: messages wait behind a commit that waits for the order lock.
#[tokio::test(flavor = "multi_thread")]
async fn a_full_queue_is_told_and_what_is_in_it_happens() {
    use potts::proto::{PublishEventsRequest, cloudevents, publish_result::Outcome};
    let app = TestApp::start().await;
    app.project("abc").await;
    let held = hold_order_lock(&app.database).await;
    let message = |publisher: usize, n: usize| cloudevents::CloudEvent {
        id: format!("{publisher}-{n}"),
        source: "/tests".into(),
        spec_version: "1.0".into(),
        r#type: "test".into(),
        ..Default::default()
    };

    let publishing: Vec<_> = (0..15)
        .map(|publisher| {
            let mut events = app.events();
            let request = PublishEventsRequest {
                parent: "projects/abc".into(),
                events: (0..256).map(|n| message(publisher, n)).collect(),
                ..Default::default()
            };
            tokio::spawn(async move { events.publish_events(request).await.unwrap().into_inner() })
        })
        .collect();
    eventually(WITHIN, async || app.queued().await, |queued| *queued >= 3_072).await;
    let refused = create(&app.door, &issue("abc", "too much"), WITHIN).await.unwrap_err();
    drop(held);
    let results: Vec<_> =
        join_all(publishing).await.into_iter().flat_map(|all| all.unwrap().results).collect();

    assert_eq!(refused.code(), Code::ResourceExhausted, "{refused:?}");
    assert_eq!(reason(&refused), "QUEUE_FULL");
    let retry = tonic_types::StatusExt::get_details_retry_info(&refused).unwrap();
    let after = retry.retry_delay.unwrap();
    assert!((Duration::from_millis(50)..=Duration::from_secs(5)).contains(&after), "{after:?}");
    let taken = results.iter().filter(|r| matches!(r.outcome, Some(Outcome::Message(_)))).count();
    assert!((3_072..3_840).contains(&taken), "{taken}");
    assert_eq!(log(&app.database).await.len(), taken + 1);
    create(&app.door, &issue("abc", "now"), WITHIN).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_waited_past_its_deadline_is_not_carried_out() {
    let app = TestApp::start().await;
    app.project("abc").await;
    let held = hold_order_lock(&app.database).await;
    let first = creating(&app.door, &issue("abc", "first"), WITHIN);
    order_lock_awaited(&app.database).await;

    let late = create(&app.door, &issue("abc", "late"), Duration::from_millis(300)).await;
    drop(held);
    first.await.unwrap().unwrap();
    create(&app.door, &issue("abc", "next"), WITHIN).await.unwrap();

    let status = late.unwrap_err();
    assert_eq!(status.code(), Code::DeadlineExceeded, "{status:?}");
    assert_eq!(reason(&status), "DEADLINE_PASSED");
    assert_eq!(issues_titled(&app.database, "late").await, 0);
}

/// Goal: a call whose deadline passes while its batch is under way is told that nobody knows, and
/// the same call again happens once.
#[tokio::test(flavor = "multi_thread")]
async fn what_was_under_way_at_its_deadline_is_unknown_and_happens_once() {
    let app = TestApp::start().await;
    app.project("abc").await;
    let held = hold_order_lock(&app.database).await;
    let request = issue("abc", "slow");

    let late = create(&app.door, &request, Duration::from_millis(500)).await.unwrap_err();
    drop(held);
    let again = create(&app.door, &request, WITHIN).await.unwrap();

    assert_eq!(late.code(), Code::Unavailable, "{late:?}");
    assert_eq!(reason(&late), "OUTCOME_UNKNOWN");
    assert!(again.changed);
    assert_eq!(issues_titled(&app.database, "slow").await, 1);
}

/// Goal: a caller that goes away takes nothing with it but its own call.
#[tokio::test(flavor = "multi_thread")]
async fn a_caller_that_hangs_up_harms_nobody() {
    let app = TestApp::start().await;
    app.project("abc").await;
    let held = hold_order_lock(&app.database).await;
    let gone = tonic::service::interceptor::InterceptedService::new(
        channel(app.server.grpc_addr).await,
        crate::support::app::Bearer::of(crate::support::app::TOKEN),
    );
    let call = creating(&gone, &issue("abc", "gone"), WITHIN);
    order_lock_awaited(&app.database).await;

    call.abort();
    drop(gone);
    let other = creating(&app.door, &issue("abc", "other"), WITHIN);
    drop(held);

    other.await.unwrap().unwrap();
    assert!(issues_titled(&app.database, "gone").await <= 1);
    log(&app.database).await;
}

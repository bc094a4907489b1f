//! Asking what a command would do.

use jiff::Timestamp;
use potts::proto::ListEventsRequest;
use serde_json::Value;
use tokio_postgres::Client;

use super::commands::{Answer, Outcome};
use super::rng;
use super::town::Town;
use crate::support::TestApp;

/// What the server gives a thing: it is not given to what is not made.
const GIVEN: [&str; 7] = ["name", "uid", "key", "etag", "create_time", "update_time", "fence"];

/// Tables whose every row is compared.
const TABLES: [&str; 18] = [
    "projects",
    "issues",
    "actions",
    "action_keys",
    "action_waits",
    "ready_actions",
    "action_leases",
    "attempts",
    "dependencies",
    "counters",
    "relations",
    "comments",
    "object_references",
    "members",
    "actors",
    "groups",
    "definition_versions",
    "requests",
];

/// Who calls, by turns: those who may do much call more often.
const CALLS: [usize; 9] = [0, 1, 2, 3, 0, 1, 2, 3, 4];

/// How often every row is compared, and not only versions.
const WHOLE: usize = 20;

/// What there is, as far as it is seen cheaply: the end of the log, and all versions.
async fn versions(sql: &Client) -> Vec<i64> {
    let asked = "select (select coalesce(max(seq), 0) from events)::bigint,
        (select coalesce(sum(version), 0) from issues)::bigint,
        (select coalesce(sum(version), 0) from actions)::bigint,
        (select coalesce(sum(version), 0) from definition_versions)::bigint,
        (select count(*) from requests)";
    let row = sql.query_one(asked, &[]).await.unwrap();
    (0..5).map(|column| row.get(column)).collect()
}

/// Every row of every table.
async fn rows(sql: &Client) -> Vec<String> {
    let mut all = Vec::new();
    for table in TABLES {
        let digest = format!(
            "select coalesce(md5(string_agg(t::text, ' ' order by t::text)), '') from {table} t"
        );
        all.push(format!(
            "{table} {}",
            sql.query_one(&digest, &[]).await.unwrap().get::<_, String>(0)
        ));
    }
    all
}

/// Whether the service did something by itself after that place of the log.
async fn service_acted(app: &TestApp, after: i64) -> bool {
    let request = ListEventsRequest { newest_first: true, page_size: 200, ..Default::default() };
    let page = app.events().list_events(request).await.unwrap().into_inner();
    page.events.iter().any(|event| event.seq > after && event.actor == "actors/potts")
}

/// An outcome without what the server gives.
fn without_given(outcome: Outcome) -> Outcome {
    let without = |(kind, mut resource): (&'static str, Value)| {
        let fields = resource.as_object_mut().unwrap();
        if fields.get("thread") == fields.get("name") || kind == "Issue" && fields["parent"] == "" {
            fields.remove("thread");
        }
        GIVEN.iter().for_each(|given| {
            fields.remove(*given);
        });
        (kind, resource)
    };
    outcome.map(|Answer { resources, changed }| Answer {
        resources: resources.into_iter().map(without).collect(),
        changed,
    })
}

/// Goal: `validate_only` is the whole truth, and leaves nothing behind.
#[tokio::test(flavor = "multi_thread")]
async fn asking_first_says_what_will_happen() {
    let (seed, size) = (rng::seed(), rng::size(1_000));
    let town = Town::start().await;
    let mut callers = town.callers(seed).await;
    // So that nothing is due in between, and times are equal.
    town.app.database.stop_clock(Timestamp::now()).await;
    let sql = town.app.database.sql().await;
    let (mut compared, mut accepted) = (0, 0);

    for n in 0..size {
        let caller = &mut callers[CALLS[n % CALLS.len()]];
        let command = caller.command();
        let whole = n % WHOLE == 0;
        let before = versions(&sql).await;
        let rows_before = if whole { rows(&sql).await } else { Vec::new() };
        let asked = command.validating().send(&caller.clients).await;
        let rows_after = if whole { rows(&sql).await } else { Vec::new() };
        let after = versions(&sql).await;
        let done = command.send(&caller.clients).await;
        caller.note(&command, &done);
        let is_ok = done.is_ok();
        let (asked, done) = (without_given(asked), without_given(done));
        let equal = asked == done && before == after && rows_before == rows_after;
        // What others waited for in other issues is settled a moment later.
        if !equal && service_acted(&town.app, before[0]).await {
            continue;
        }
        assert_eq!(asked, done, "{command:?}");
        assert_eq!(before, after, "{command:?}");
        assert_eq!(rows_before, rows_after, "{command:?}");
        compared += 1;
        accepted += usize::from(is_ok);
    }

    assert!(compared * 20 > size * 19, "{compared} of {size} could be compared");
    let reasons: Vec<_> = callers.iter().map(|caller| &caller.refused).collect();
    assert!(accepted * 5 > size, "{accepted} of {size} were accepted: {reasons:#?}");
}

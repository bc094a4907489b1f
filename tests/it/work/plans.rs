//! However much there is to do, a claim looks at little of it, and so does the service when time
//! has come or something has ended.

use std::collections::BTreeSet;
use std::time::Duration;

use potts::domain::action::Draw;
use potts::domain::name::{ActionName, ActorName, IssueName, Principal, ProjectId};
use potts::store::{Connections, Connector, Ended, Store};
use tokio::time::Instant;

use crate::support::{TestApp, TestDatabase};

/// How many are claimed, or looked at, at once.
const TAKE: usize = 10;
/// Claims that go on.
const HELD: usize = 200;

/// 2,000 issues and 60,200 actions: a third is ready, in four lines; a third waits, half of it for
/// a time and all of it for what comes next; a third has ended; and 200 are held.
async fn filled() -> TestDatabase {
    let app = TestApp::start().await;
    app.project("abc").await;
    app.hand("ann", "MACHINE", "WORKER").await;
    app.issue("abc", "The light is off").await;
    let issues = "insert into issues select (jsonb_populate_record(i, jsonb_build_object(
            'number', n, 'uid', gen_random_uuid(), 'thread', n))).*
        from issues i, generate_series(2, 2000) n";
    let actions = "insert into lines (project, digest, action_type, performers, level) values
            ('abc', '\\x00', 'take-action', '{}', 3),
            ('abc', '\\x01', 'take-action', '{actors/ann}', 1),
            ('abc', '\\x02', 'take-action', '{actors/ben}', 1),
            ('abc', '\\x03', 'take-action', '{}', 5);
        insert into actions (project, issue, number, uid, version, created_at, updated_at, creator,
            title, description, action_type, action_type_revision, parameters, candidates, priority,
            unique_key, attempt, failures, losses, backoff_ms, step, ended_at, ended_state)
        select 'abc', n % 2000 + 1, n / 2000 + 1, md5('a' || n)::uuid, 1, potts_now(), potts_now(),
            'actors/root', 'Do it', '', 'take-action', 0, '{}', '{}', 0, '', 0, 0, 0, 0, 0,
            case when n % 3 = 2 and n < 60000 then potts_now() end,
            case when n % 3 = 2 and n < 60000 then 'SUCCEEDED' end
        from generate_series(0, 60199) n;
        insert into ready_actions (action_id, line_id, vkey, ready_ms, expires_at)
        select md5('a' || n)::uuid, 1 + n / 3 % 4, n, n,
            case when n % 2 = 0 then potts_now() + make_interval(mins => n) end
        from generate_series(0, 59999, 3) n;
        insert into action_waits select md5('a' || n)::uuid, 'DEPENDENCIES', 1,
            case when n % 2 = 0 then potts_now() + make_interval(mins => n - 30) end
        from generate_series(1, 59999, 3) n;
        insert into dependencies
        select md5('a' || n)::uuid, 0, 'ACTION', md5('a' || (n + 1))::uuid, (n + 1) % 2000 + 1,
            (n + 1) / 2000 + 1, null, 'SUCCESS_OR_SKIP', false, false
        from generate_series(1, 59999, 3) n;
        insert into action_leases (action_id, fence, actor, claimed_at, deadline_at, step, note,
            vkey)
        select md5('a' || n)::uuid, 1, 'actors/ann', potts_now(),
            potts_now() + make_interval(secs => n - 60010), '', '', n
        from generate_series(60000, 60199) n";
    let sql = app.database.sql().await;
    sql.batch_execute(issues).await.unwrap();
    sql.batch_execute(actions).await.unwrap();
    app.stop().await
}

/// The tables that grow with what there is to do, and with what was done. Those that are held are
/// few: they are looked at all.
const LARGE: [&str; 5] = ["issues", "actions", "action_waits", "ready_actions", "dependencies"];

/// How many rows were read from tables and indexes, whether they were of use or not.
fn rows_read(plan: &str) -> usize {
    let number = |line: &str, after: &str| -> Option<f64> {
        let (_, rest) = line.split_once(after)?;
        rest.split(|c: char| !c.is_ascii_digit() && c != '.').next()?.parse().ok()
    };
    let (mut read, mut loops) = (0.0, 0.0);
    for line in plan.lines() {
        if let Some(actual) = line.split("(actual ").nth(1) {
            loops = number(actual, "loops=").unwrap();
            let scans = line.contains(" Scan ");
            read += if scans { number(actual, "rows=").unwrap() * loops } else { 0.0 };
        } else if let Some(removed) = number(line, "Rows Removed by Filter: ") {
            read += removed * loops;
        }
    }
    format!("{read:.0}").parse().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn claims_and_looks_read_few_rows_of_many() {
    let database = filled().await;
    let connector = Connector::new(&database.url).unwrap();
    let store = Store::new(connector, Connections { read: 1, stream: 1 });
    let deadline = || Instant::now() + Duration::from_secs(20);
    let ann = ActorName::parse("actor", "actors/ann").unwrap();
    let standing = store.standing(&Principal::from(ann.clone()), deadline()).await.unwrap();
    let (standing, project) = (standing.unwrap(), ProjectId::parse("id", "abc").unwrap());
    let draw = Draw { project: project.clone(), actor: ann, action_types: BTreeSet::new() };
    let action = |n: i64| {
        let issue = IssueName { project: project.clone(), number: n % 2000 + 1 };
        ActionName { issue, number: n / 2000 + 1 }
    };
    let issues = (1..=5).map(|number| IssueName { project: project.clone(), number }).collect();
    let ended = Ended { actions: (0..10).map(|n| action(3 * n + 2)).collect(), issues };

    // The plans of a lane are those of a table as it was once: also without statistics.
    let sql = database.sql().await;
    let few = (TAKE * 20, HELD * 4);
    for statistics in ["select", "analyze"] {
        sql.batch_execute(statistics).await.unwrap();
        let mut plans = store.plans_of_claims(&draw, &standing, TAKE, &ended).await.unwrap();
        if statistics == "analyze" {
            let limit = i64::try_from(TAKE).unwrap();
            plans.extend(store.plans_of_looks(&ended, limit, deadline()).await.unwrap());
        }
        for (name, plan) in &plans {
            let (indexes, at_most): (&[&str], usize) = match *name {
                "Next" => (&["ready_actions_in_order", "actions_uid_unique"], few.0),
                "Dependents" => (&["actions_pk", "dependencies_by_on"], few.0),
                "Due" => (&["action_waits_by_due_at", "ready_actions_by_expires_at"], few.0),
                "SettledBy" => (&["actions_pk", "issues_pk", "dependencies_by_on"], few.0),
                "Expired" | "Revoked" => (&["actions_uid_unique"], few.1),
                other => panic!("what is {other}?"),
            };
            for index in indexes {
                assert!(plan.contains(index), "{name} does not use {index}\n{plan}");
            }
            for table in LARGE {
                assert!(!plan.contains(&format!("Seq Scan on {table}")), "{name}\n{plan}");
            }
            let read = rows_read(plan);
            assert!((1..=at_most).contains(&read), "{name} reads {read} rows\n{plan}");
        }
    }
}

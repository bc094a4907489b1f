//! Agendas of an installation where much is to be done are read from indexes.

use std::time::Duration;

use potts::domain::agenda::Agenda;
use potts::domain::event::Seq;
use potts::domain::name::Principal;
use potts::store::{AgendaQuery, Connections, Connector, Store};
use tokio::time::Instant;

use crate::support::{TestApp, TestDatabase};

/// 20,000 issues and 100,000 unfinished actions: half of them are ready, 1,000 are held, and the
/// others wait for those. Every tenth ready one is assigned.
async fn filled() -> TestDatabase {
    let app = TestApp::start().await;
    app.project("abc").await;
    app.hand("ann", "PERSON", "WORKER").await;
    app.issue("abc", "The light is off").await;
    let issues = "insert into issues select (jsonb_populate_record(i, jsonb_build_object(
            'number', n, 'uid', gen_random_uuid(), 'thread', n,
            'owner', case when n % 200 = 0 then 'actors/ann' else 'actors/o' || n % 500 end,
            'category', case when n % 500 = 0 then 'TRIAGE' else 'TODO' end,
            'priority', n % 6,
            'due_at', case when n % 3 = 0 then i.created_at + make_interval(hours => n % 2000) end,
            'updated_at', i.created_at - make_interval(mins => n)))).*
        from issues i, generate_series(2, 20500) n";
    let actions = "insert into lines (project, digest, action_type, performers, level) values
            ('abc', '\\x00', 'take-action', '{}', 3),
            ('abc', '\\x01', 'take-action', '{actors/ann}', 3);
        insert into actions (project, issue, number, uid, version, created_at, updated_at, creator,
            title, description, action_type, action_type_revision, parameters, assignee, candidates,
            priority, unique_key, not_before, due_at, attempt, failures, losses, backoff_ms, step)
        select 'abc', n % 20000 + 1, n / 20000 + 1, md5('a' || n)::uuid, 1, potts_now(),
            potts_now(), 'actors/root', 'Do it', '', 'take-action', 0, '{}',
            case when n % 100 = 0 or n % 1000 = 55 then 'actors/ann' end, '{}', 0, '',
            case when n % 7 = 0 then potts_now() + make_interval(hours => n % 1000) end,
            case when n % 3 = 0 then potts_now() + make_interval(hours => n % 2000) end,
            0, 0, 0, 0, 0
        from generate_series(0, 99999) n;
        insert into ready_actions (action_id, line_id, vkey, ready_ms)
        select md5('a' || n)::uuid, case when n % 100 = 0 then 2 else 1 end, n, n
        from generate_series(0, 99999) n where n % 10 < 5;
        insert into action_leases (action_id, fence, actor, claimed_at, step, note, vkey)
        select md5('a' || n)::uuid, 1, case when n % 10000 = 99 then 'actors/ann'
            else 'actors/h' || n % 77 end, potts_now(), '', '', n
        from generate_series(0, 99999) n where n % 100 = 99;
        insert into action_waits select md5('a' || n)::uuid, 'DEPENDENCIES', 1, null
        from generate_series(0, 99999) n where n % 10 >= 5 and n % 100 <> 99;
        insert into dependencies
        select md5('a' || n)::uuid, 0, 'ACTION', md5('a' || (n / 100 * 100 + 99))::uuid, 1, 1, null,
            'SUCCESS_OR_SKIP', false, false
        from generate_series(0, 99999) n where n % 10 >= 5 and n % 100 <> 99;
        analyze";
    let sql = app.database.sql().await;
    sql.batch_execute(issues).await.unwrap();
    sql.batch_execute(actions).await.unwrap();
    app.stop().await
}

/// The tables that grow with what there is to do. Held actions are few.
const LARGE: [&str; 5] = ["issues", "actions", "action_waits", "ready_actions", "dependencies"];

/// Goal: no bucket reads a large table from end to end.
#[tokio::test(flavor = "multi_thread")]
async fn every_bucket_is_served_by_indexes() {
    let database = filled().await;
    let connector = Connector::new(&database.url).unwrap();
    let store = Store::new(connector, Connections { read: 1, stream: 1 });
    let deadline = || Instant::now() + Duration::from_secs(20);
    let ann = store.standing(&Principal::stored("actors/ann"), deadline()).await.unwrap().unwrap();
    let query = AgendaQuery { actor: &ann, reader: None, projects: &None, size: 20 };

    let plans = store.plans_of_agenda(&query, deadline()).await.unwrap();
    let (agenda, _) = store.agenda(&query, Seq(0), deadline()).await.unwrap();

    let indexes: [(&str, &[&str]); 7] = [
        ("Now", &["action_leases_by_actor"]),
        ("Parallel", &["ready_actions_in_order"]),
        ("Next", &["dependencies_by_on", "dependencies_pk", "action_waits_pk"]),
        ("Review", &["issues_in_triage", "issues_by_urgency", "actions_pk"]),
        ("Aware", &["issues_by_owner_updated_at"]),
        ("PrepareActions", &["actions_by_assignee_due_at", "actions_by_assignee_not_before"]),
        ("PrepareIssues", &["issues_by_owner_due_at"]),
    ];
    for ((name, plan), (expected, indexes)) in plans.iter().zip(indexes) {
        assert_eq!(*name, expected);
        for index in indexes {
            assert!(plan.contains(index), "{name} does not use {index}\n{plan}");
        }
        for table in LARGE {
            assert!(!plan.contains(&format!("Seq Scan on {table}")), "{name}\n{plan}");
        }
    }
    let Agenda { now, parallel, next, review, aware, prepare } = &agenda;
    let sizes = [now, parallel, next, review, aware, prepare].map(Vec::len);
    assert!(sizes.iter().all(|size| (3..=20).contains(size)), "{sizes:?}");
    assert_eq!(sizes[..2], [10, 20]);
}

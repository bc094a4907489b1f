//! What the statements of every request cost on tables that are full, and what the tables refuse.

use std::time::Duration;

use potts::domain::audience::Audience;
use potts::domain::definition::DefinitionKey;
use potts::domain::event::Seq;
use potts::domain::name::ProjectId;
use potts::store::{
    Append, Connections, Connector, NewEvent, Resolve, Store, lock_order::ORDER_LOCK,
};

use crate::fault_calls::{create, issue, issues_titled};
use crate::support::TestDatabase;
use crate::support::app::TestApp;

const CONNECTIONS: Connections = Connections { read: 1, stream: 1 };

fn store(database: &TestDatabase) -> Store {
    Store::new(Connector::new(&database.url).unwrap(), CONNECTIONS)
}

/// A database in which much has happened, with statistics of when it was small.
async fn filled() -> TestDatabase {
    let database = TestDatabase::new().await;
    store(&database).keep_partitions(Seq(0)).await.unwrap();
    let fill = "
        insert into definition_versions select 'q' || n, 'project', 1
          from generate_series(1, 100) n;
        analyze;
        insert into projects (id, uid, version, created_at, updated_at, creator, display_name)
        select 'p' || n, gen_random_uuid(), 1, now(), now(), 'actors/root', 'P'
          from generate_series(1, 2000) n;
        insert into counters (parent, noun, last, live)
        select 'projects/p' || n, 'issues', 0, 0 from generate_series(1, 2000) n;
        insert into definition_versions select 'p' || n, 'project', 1
          from generate_series(1, 2000) n;
        insert into issues (project, number, uid, version, created_at, updated_at, creator, title,
               description, workflow, status, resolution, priority, parameters, annotations,
               milestone, step)
        select 'p' || (n % 20 + 1), n, gen_random_uuid(), 1, now(), now(), 'actors/root', 'title',
               '', 'simple', 'open', '', 0, '{}', '{}', '', 0
          from generate_series(1, 20000) n;
        insert into requests
        select 'actors/root', ('00000000-0000-4000-8000-' || lpad(n::text, 12, '0'))::uuid, '',
               '{}', true, n, now() from generate_series(1, 20000) n;
        insert into inbound_keys
        select 'p1', decode(md5(n::text), 'hex'), gen_random_uuid(), now() + interval '1 day'
          from generate_series(1, 20000) n;
        insert into actors
        select 'actors/a' || n, gen_random_uuid(), 1, now(), now(), 'actors/root', 'PERSON', 'A',
               '', '', '[]', '', 'ACTIVE', false, null from generate_series(1, 20000) n;
        insert into groups
        select 'groups/g' || n, gen_random_uuid(), 1, now(), now(), 'actors/root', 'TEAM', 'G', null
          from generate_series(1, 2000) n;
        insert into group_members
        select 'groups/g' || (n % 2000 + 1), 'actors/a' || n from generate_series(1, 20000) n;
        insert into members
        select 'p' || (n % 2000 + 1), 'a' || n, gen_random_uuid(), 1, now(), now(), 'actors/root',
               'actors/a' || n, 'VIEWER' from generate_series(1, 20000) n;
        insert into credentials
        select gen_random_uuid(), 'actors/a' || n, now(), 'actors/root', '',
               sha256(n::text::bytea), null, null from generate_series(1, 20000) n;
        insert into events
        select n, gen_random_uuid(), 'projects/p' || (n % 1000), 'projects/p1/issues/' || n,
               'projects/p1/issues/' || n, 1, case n % 500 when 0 then 'rare.event' else
               'issue.created' end, 0, true, now(), '' from generate_series(1, 50000) n;";
    database.sql().await.batch_execute(fill).await.unwrap();
    database
}

/// The plan of a statement, as a lane or a reader would get it.
async fn plan(database: &TestDatabase, statement: &str) -> String {
    let rows = database.sql().await.query(&format!("explain {statement}"), &[]).await.unwrap();
    rows.iter().map(|row| row.get::<_, String>(0)).collect::<Vec<_>>().join("\n")
}

const PAGE: &str = "select seq, event_id, ends_command, true, body from events \
                    where seq > 40000 and seq <= 41000 order by seq limit 500";

#[tokio::test(flavor = "multi_thread")]
async fn statements_of_every_request_use_indexes() {
    let database = filled().await;
    let ids = "array['00000000-0000-4000-8000-000000000007'::uuid]";
    let statements = [
        // A lane: resolve, lock, write.
        format!(
            "select r.caller, r.request_id from requests r \
             join unnest(array['actors/root'], {ids}) as u (caller, request_id) \
             using (caller, request_id)"
        ),
        "select d.version from unnest(array['p7'], array['project']) as u (project, kind) \
         cross join lateral (select * from definition_versions d \
         where d.project = u.project and d.kind = u.kind for no key update) as d"
            .into(),
        "select c.last from (select 'projects/p7' as parent, 'issues' as noun) as u \
         cross join lateral (select * from counters c where c.parent = u.parent \
         and c.noun = u.noun for no key update) as c"
            .into(),
        "select i.title from issues i join unnest(array['p7'], array[6::bigint]) \
         as u (project, number) using (project, number) \
         order by i.project, i.number for no key update of i"
            .into(),
        "select k.message_id from inbound_keys k \
         join unnest(array['p1'], array[decode(md5('7'), 'hex')]) as u (project, key) \
         using (project, key)"
            .into(),
        "update counters c set last = 1 where c.ctid = (select k.ctid from counters k \
         where k.parent = 'projects/p7' and k.noun = 'issues')"
            .into(),
        // Who calls, and what they may do.
        "select actor from credentials where token_hash = sha256('7') and revoked_at is null"
            .into(),
        "select g.group_name from group_members g where g.member = 'actors/a7'".into(),
        "select m.role from members m where m.member = 'actors/a7'".into(),
        "select m.id from unnest(array['p7']) as p (project) \
         cross join unnest(array['actors/a7']) as w (member) cross join lateral (select * \
         from members m where m.project = p.project and m.member = w.member limit 1) as m"
            .into(),
        "select name from actors where name > 'actors/a7' and deleted_at is null \
         order by name limit 50"
            .into(),
        "select id from members m where m.project = 'p7' and m.id > 'a' order by m.id limit 50"
            .into(),
        // Readers of things.
        "select title from issues where project = 'p7' and number > 50 order by number limit 50"
            .into(),
        "select id from projects where id > 'p7' order by id limit 50".into(),
        // Readers of the log.
        PAGE.into(),
        "select seq, event_id, ends_command, visible_before, visible_after, body from events \
         where seq > 40000 and seq <= 41000 order by seq"
            .into(),
        "select seq from events where seq > 40000 and seq <= 42000 order by seq".into(),
        "select seq from events where seq > 0 and seq <= 50000 \
         and (seq = 50000 or root = any(array['projects/p1/issues/7'])) order by seq limit 500"
            .into(),
        "select recorded_at from events where seq = 777".into(),
        "select max(seq) from events_00000000".into(),
        // The sweeper.
        "select caller, request_id from requests \
         where created_at < potts_now() - make_interval(secs => 86400) limit 5000"
            .into(),
        "select project, key from inbound_keys where expires_at < potts_now() limit 5000".into(),
    ];

    for statement in statements {
        let plan = plan(&database, &statement).await;

        assert!(!plan.contains("Seq Scan"), "{statement}\n{plan}");
    }
}

/// Attaches empty partitions until there are so many.
async fn partitions(database: &TestDatabase, count: i64) {
    let make = format!(
        "do $$ begin
             for n in 5..{last} loop
                 execute format('create table events_%s (like events including all)',
                     lpad(n::text, 8, '0'));
                 execute format('alter table events attach partition events_%s
                     for values from (%s) to (%s)',
                     lpad(n::text, 8, '0'), n * 2000000, (n + 1) * 2000000);
                 insert into event_partitions values (n, 'ATTACHED');
             end loop;
         end $$",
        last = count - 1
    );
    database.sql().await.batch_execute(&make).await.unwrap();
}

/// Goal: what a reader locks does not grow with the log.
#[tokio::test(flavor = "multi_thread")]
async fn a_bounded_read_locks_few_of_two_hundred_partitions() {
    let database = filled().await;
    partitions(&database, 200).await;
    let mut session = database.sql().await;
    let tx = session.transaction().await.unwrap();

    tx.batch_execute(PAGE).await.unwrap();

    let locks = "select count(*) from pg_locks where pid = pg_backend_pid()
                 and relation in (select oid from pg_class where relname like 'events%')";
    let locked: i64 = tx.query_one(locks, &[]).await.unwrap().get(0);
    // The parent, the partition, and the four indexes of each.
    assert!(locked <= 10, "{locked}");
}

/// Goal: nor does what an append locks, while it holds the lock that all others wait for.
#[tokio::test(flavor = "multi_thread")]
async fn an_append_locks_few_of_two_hundred_partitions() {
    let database = filled().await;
    partitions(&database, 200).await;
    let mut session = store(&database).session();
    let event = NewEvent {
        event_id: uuid::Uuid::new_v4(),
        project: "projects/p1".into(),
        root: "projects/p1".into(),
        subject: "projects/p1".into(),
        version: 2,
        kind: "project.updated",
        class: 0,
        ends_command: true,
        audience: Audience::everybody(),
        body: Default::default(),
    };

    for known_head in [Seq(0), Seq(50_000)] {
        let tx = session.open().await.unwrap();
        let resolved = tx.begin(&Resolve::default()).await.unwrap();
        let append = Append {
            known_head,
            now: resolved.now,
            used: &[],
            events: std::slice::from_ref(&event),
            requests: &[],
        };
        let head = tx.append(tx.writes(), &append).await.unwrap();
        let locks = "select count(*) from pg_locks l join pg_stat_activity a using (pid)
                     where a.application_name = 'potts lane' and a.datname = current_database()
                     and l.locktype = 'relation'";
        let locked: i64 = database.sql().await.query_one(locks, &[]).await.unwrap().get(0);
        tx.roll_back().await.unwrap();

        assert_eq!(head, Seq(50_000));
        assert!(locked <= 32, "{locked}");
    }
}

/// Goal: whatever writes events holds the order lock; a place that is given without it is a defect.
/// Method: a trigger looks at who holds what.
#[tokio::test(flavor = "multi_thread")]
async fn every_event_is_appended_under_the_order_lock() {
    let app = TestApp::start().await;
    let sql = app.database.sql().await;
    let watch = format!(
        "create function under_the_order_lock() returns trigger language plpgsql as $$
         begin
             if not exists (select from pg_locks where pid = pg_backend_pid() and granted
                               and locktype = 'advisory' and objid = {ORDER_LOCK}) then
                 raise exception 'not under the order lock';
             end if;
             return null;
         end $$;
         create trigger under_the_order_lock before insert on events
             for each statement execute function under_the_order_lock()"
    );
    sql.batch_execute(&watch).await.unwrap();

    app.project("abc").await;
    for n in 0..20 {
        app.issue("abc", &n.to_string()).await;
    }
    let beside = "insert into events select seq + 21, gen_random_uuid(), project, root, subject,
                         version, type, class, ends_command, recorded_at, body
                    from events where seq = 1";
    let refused = sql.batch_execute(beside).await.unwrap_err();

    assert_eq!(refused.as_db_error().unwrap().message(), "not under the order lock");
    assert_eq!(crate::fault_calls::log(&app.database).await.len(), 21);
}

/// Goal: `seq` is the order of the log, and not the time, whatever the clock does.
#[tokio::test(flavor = "multi_thread")]
async fn a_clock_that_is_set_back_changes_no_order() {
    let app = TestApp::start().await;
    app.project("abc").await;
    let mut follower = app.follow().await;

    for (n, seconds) in [0, -7_200, 60, -3_600].into_iter().enumerate() {
        app.database.advance_clock(seconds).await;
        app.issue("abc", &n.to_string()).await;
    }

    let events = follower.events(5).await;
    assert_eq!(events.iter().map(|event| event.seq).collect::<Vec<_>>(), [1, 2, 3, 4, 5]);
    let subjects: Vec<&str> = events[1..].iter().map(|event| event.subject.as_str()).collect();
    let issues = [1, 2, 3, 4].map(|n| format!("projects/abc/issues/{n}"));
    assert_eq!(subjects, issues);
    let time = |at: usize| events[at].record_time.as_ref().unwrap().seconds;
    assert!(time(2) < time(1) && time(4) < time(3), "the clock was set back: {events:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn events_are_neither_changed_nor_deleted() {
    let app = TestApp::start().await;
    app.project("abc").await;
    let sql = app.database.sql().await;

    for change in [
        "update events set type = 'other'",
        "delete from events",
        "update events_00000000 set type = 'other'",
        "delete from events_00000000",
        "insert into events select * from events on conflict (seq) do update set type = 'other'",
    ] {
        let refused = sql.batch_execute(change).await.unwrap_err();
        let said = refused.as_db_error().unwrap().message();
        assert!(said.contains("events are facts"), "{change}: {said}");
    }
}

/// Goal: a place is given under the order lock alone; who takes it waits for whoever has it.
#[tokio::test(flavor = "multi_thread")]
async fn one_at_a_time_appends() {
    let database = TestDatabase::new().await;
    let mut session = store(&database).session();
    store(&database).keep_partitions(Seq(0)).await.unwrap();
    let tx = session.open().await.unwrap();
    let resolved = tx.begin(&Resolve::default()).await.unwrap();
    let nothing =
        Append { known_head: Seq(0), now: resolved.now, used: &[], events: &[], requests: &[] };
    tx.append(tx.writes(), &nothing).await.unwrap();

    let other = database.sql().await;
    let free = "select pg_try_advisory_lock($1)";
    let got: bool = other.query_one(free, &[&ORDER_LOCK]).await.unwrap().get(0);
    drop(tx);
    let look = async || other.query_one(free, &[&ORDER_LOCK]).await.unwrap().get(0);
    crate::support::eventually(Duration::from_secs(5), look, |free: &bool| *free).await;

    assert!(!got);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_is_forgotten_after_its_time() {
    let app = TestApp::start().await;
    app.project("abc").await;
    let kept = Duration::from_secs(86_400);
    let request = issue("abc", "again");
    let first = create(&app.door, &request, kept).await.unwrap();
    let store = store(&app.database);

    app.database.advance_clock(86_400 - 600).await;
    let early = store.sweep(kept).await.unwrap();
    let replayed = create(&app.door, &request, kept).await.unwrap();
    app.database.advance_clock(86_400 + 600).await;
    // The server's own sweeper may be first.
    store.sweep(kept).await.unwrap();
    let count = "select count(*) from requests where request_id = $1::text::uuid";
    let left: i64 =
        app.database.sql().await.query_one(count, &[&request.request_id]).await.unwrap().get(0);
    let anew = create(&app.door, &request, kept).await.unwrap();

    assert_eq!((early, left), (0, 0));
    assert_eq!(first.cursor, replayed.cursor);
    assert_ne!(first.issue.unwrap().name, anew.issue.unwrap().name);
    assert_eq!(issues_titled(&app.database, "again").await, 2);
}

/// Has the database refuse to tell the time, with this message, and begins transactions that ask
/// for it together with much else. Answers what each of them was told.
async fn refused_with(message: &str) -> Vec<String> {
    let database = TestDatabase::new().await;
    let refuse = format!(
        "create or replace function potts_now() returns timestamptz language plpgsql stable as $$
         begin raise exception '{message}'; end $$"
    );
    database.sql().await.batch_execute(&refuse).await.unwrap();
    let mut session = store(&database).session();
    let mut told = Vec::new();
    for _ in 0..40 {
        let calls = vec![("actors/root", uuid::Uuid::new_v4())];
        let definitions = vec![DefinitionKey::project(ProjectId::parse("id", "abc").unwrap())];
        let resolve = Resolve { calls, definitions, ..Resolve::default() };
        let fault = session.open().await.unwrap().begin(&resolve).await.unwrap_err();
        told.push(format!("{:#}", anyhow::Error::from(fault)));
    }
    told
}

/// Goal: of statements that were sent together the one that failed is told, and never one behind it
/// that was refused because of that: what is to be done depends on it.
#[tokio::test(flavor = "multi_thread")]
async fn the_statement_that_failed_is_told_and_not_those_behind_it() {
    let late = "canceling statement due to statement timeout";
    for told in refused_with(late).await {
        assert_eq!(told, format!("the database asks to try again: {late}"));
    }
    for told in refused_with("no").await {
        assert_eq!(told, "the database refuses a statement: no");
    }
}

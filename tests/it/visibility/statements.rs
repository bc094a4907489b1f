//! The statements that show the log: they say what the domain says, and read no more than
//! they need.

use potts::domain::audience::Audience;
use potts::domain::event::{EventPattern, Seq};
use potts::domain::filter::{EventFilter, Facts};
use potts::domain::name::{ActorName, GroupName, ProjectId};
use potts::domain::people::{Role, Standing};
use potts::domain::reader::{Reader, Seen, View};
use potts::store::{Connections, Connector, Store, Stretch};
use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::TestRunner;

use crate::support::TestDatabase;

const NAMES: [&str; 4] = ["actors/ann", "groups/dev", "groups/qa", "groups/ops"];
const PROJECTS: [&str; 4] = ["", "projects/a", "projects/b", "projects/c"];
const KINDS: [&str; 4] = ["issue.created", "issue.updated", "actor.created", "credential.created"];
const ROWS: usize = 400;

fn store(database: &TestDatabase) -> Store {
    let connector = Connector::new(&database.url).unwrap();
    Store::new(connector, Connections { read: 1, stream: 1 })
}

type Names = Option<Vec<String>>;

#[derive(Clone, Debug)]
struct Row {
    project: &'static str,
    kind: &'static str,
    before: Names,
    after: Names,
}

fn names() -> impl Strategy<Value = Names> {
    let some = prop::sample::subsequence(&NAMES[..], 0..=NAMES.len());
    prop::option::of(some.prop_map(|names| names.into_iter().map(str::to_owned).collect()))
}

fn row() -> impl Strategy<Value = Row> {
    let of = |all: &'static [&'static str]| prop::sample::select(all);
    let row = |(project, kind, before, after)| Row { project, kind, before, after };
    (of(&PROJECTS), of(&KINDS), names(), names()).prop_map(row)
}

fn standing() -> impl Strategy<Value = Standing> {
    let roles = prop::collection::vec(prop::option::of(prop::sample::select(Role::ALL)), 3);
    let groups = prop::sample::subsequence(&NAMES[1..], 0..=3);
    let standing = |(roles, groups, admin): (Vec<Option<Role>>, Vec<&str>, bool)| {
        let projects = ["a", "b", "c"].map(|id| ProjectId::parse("p", id).unwrap());
        let roles = projects.into_iter().zip(roles);
        Standing {
            principal: ActorName::stored("actors/ann").into(),
            active: true,
            person: true,
            admin,
            groups: groups.into_iter().map(GroupName::stored).collect(),
            roles: roles.filter_map(|(project, role)| Some((project, role?))).collect(),
        }
    };
    (roles, groups, prop::bool::weighted(0.1)).prop_map(standing)
}

fn filter() -> impl Strategy<Value = EventFilter> {
    let projects = prop::option::of(prop::sample::subsequence(&PROJECTS[..], 1..=3));
    let filter = |(projects, issues): (Option<Vec<&str>>, bool)| EventFilter {
        projects: projects.map(|all| all.into_iter().map(str::to_owned).collect()),
        types: issues.then(|| vec![EventPattern::parse("types", "issue.*").unwrap()]),
        ..EventFilter::default()
    };
    (projects, any::<bool>()).prop_map(filter)
}

fn list(names: &Names) -> String {
    names.as_ref().map_or("null".into(), |names| format!("'{{{}}}'", names.join(",")))
}

async fn fill(database: &TestDatabase, rows: &[Row]) {
    let values: Vec<_> = rows
        .iter()
        .zip(1..)
        .map(|(Row { project, kind, before, after }, seq)| {
            let (before, after) = (list(before), list(after));
            format!(
                "({seq}, gen_random_uuid(), '{project}', 'r', 's', 1, '{kind}', 1, true, now(), '',
                  {before}, {after})"
            )
        })
        .collect();
    let insert = format!(
        "insert into events (seq, event_id, project, root, subject, version, type, class,
             ends_command, recorded_at, body, visible_before, visible_after) values {}",
        values.join(",")
    );
    database.sql().await.batch_execute(&insert).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn statements_show_what_the_domain_shows() {
    let mut runner = TestRunner::deterministic();
    let mut draw = move || {
        let all = (prop::collection::vec(row(), ROWS), standing(), filter());
        all.new_tree(&mut runner).unwrap().current()
    };
    let (rows, ..) = draw();
    let database = TestDatabase::new().await;
    let store = store(&database);
    store.keep_partitions(Seq(0)).await.unwrap();
    fill(&database, &rows).await;
    let to = Seq(ROWS.try_into().unwrap());
    let stretch = Stretch { after: Seq(0), to, limit: 1_000 };

    let raw = store.log_raw(Seq(0), to).await.unwrap();
    let told: Vec<_> = raw.into_iter().map(|row| (row.seq, row.audience)).collect();
    let audience = |row: &Row| Audience::of(row.before.clone(), row.after.clone());
    let expected = (1..).map(Seq).zip(rows.iter().map(audience));
    assert_eq!(told, expected.collect::<Vec<_>>(), "whoever filters by himself is told the same");

    let mut shown = [0; 3];
    for _ in 0..60 {
        let (_, standing, filter) = draw();
        let view = View { filter, reader: Reader::of(&standing).into() };
        let seen = |row: &Row| {
            let Row { project, kind, before, after } = row;
            let facts = Facts { project, root: "r", subject: "s", kind, class: 1 };
            view.sees(facts, &Audience::of(before.clone(), after.clone()))
        };
        let all = rows.iter().zip(1..).map(|(row, seq)| (Seq(seq), seen(row)));
        let expected: Vec<_> = all.filter(|(_, seen)| *seen != Seen::No).collect();

        let page = store.log_page(stretch, &view).await.unwrap();
        let newest = store.log_newest(stretch, &view).await.unwrap();

        assert_eq!(page.last().unwrap().seq, to, "the last place is always there");
        let page: Vec<_> = page.iter().map(|row| (row.seq, row.seen)).collect();
        let page: Vec<_> = page.into_iter().filter(|(_, seen)| *seen != Seen::No).collect();
        assert_eq!(page, expected, "{view:?}");
        let newest: Vec<_> = newest.iter().rev().map(|row| (row.seq, row.seen)).collect();
        assert_eq!(newest, expected, "{view:?}");
        shown[0] += ROWS - expected.len();
        shown[1] += expected.iter().filter(|(_, seen)| *seen == Seen::Hidden).count();
        shown[2] += expected.iter().filter(|(_, seen)| *seen == Seen::Whole).count();
    }
    assert!(shown.iter().all(|count| *count > 500), "each way of seeing comes up: {shown:?}");
}

/// Many events of many projects, with statistics of when there were none.
async fn filled() -> TestDatabase {
    let database = TestDatabase::new().await;
    store(&database).keep_partitions(Seq(0)).await.unwrap();
    let fill = "
        analyze;
        insert into events
        select n, gen_random_uuid(), 'projects/p' || (n % 2000), 'projects/p1/issues/' || n,
               'projects/p1/issues/' || n, 1, 'issue.created', 1, true, now(), '',
               case when n % 10 = 0 then '{groups/dev}'::text[] end,
               case when n % 10 = 0 then '{groups/dev}'::text[] end
          from generate_series(1, 50000) n;";
    database.sql().await.batch_execute(fill).await.unwrap();
    database
}

/// The condition of a reader with so many projects.
fn readable(projects: usize) -> String {
    let names: Vec<_> = (0..projects).map(|n| format!("'projects/p{n}'")).collect();
    let names = names.join(",");
    format!(
        "(project = any(array['', {names}]) and split_part(type, '.', 1) <> 'credential'
          and (visible_after is null or visible_before is null
               or visible_after && array['groups/qa'] or visible_before && array['groups/qa']
               or project = any(array['projects/p1'])))"
    )
}

/// Goal: a reader with bounds reads a stretch of the log by its places or by their projects, and
/// never the whole table.
#[tokio::test(flavor = "multi_thread")]
async fn readers_of_one_ten_and_a_thousand_projects_use_indexes() {
    let database = filled().await;
    let sql = database.sql().await;

    for projects in [1, 10, 1_000] {
        let readable = readable(projects);
        for statement in [
            format!(
                "select seq, {readable}, body from events where seq > 40000 and seq <= 41000
                 and (seq = 41000 or {readable}) order by seq limit 500"
            ),
            format!(
                "select seq, {readable}, body from events where seq > 0 and seq <= 50000
                 and (seq = 50000 or {readable}) order by seq limit 500"
            ),
            format!(
                "select seq, body from events where seq > 0 and seq <= 50000 and {readable}
                 order by seq desc limit 50"
            ),
        ] {
            let explain = format!("explain (analyze, timing off) {statement}");
            let rows = sql.query(&explain, &[]).await.unwrap();
            let plan: Vec<String> = rows.iter().map(|row| row.get(0)).collect();
            let plan = plan.join("\n");

            assert!(!plan.contains("Seq Scan"), "{projects}: {plan}");
        }
    }
}

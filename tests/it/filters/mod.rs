//! Filters and orders of lists: what the database takes is what the plainest evaluator takes.

mod generate;
mod paging;
mod people;
mod plans;

use std::cmp::Ordering;
use std::fmt::Debug;
use std::time::Duration;

use potts::domain::action::{Action, FIELDS as ACTION_FIELDS};
use potts::domain::issue::{FIELDS, Issue};
use potts::domain::name::ProjectId;
use potts::domain::people::{ACTOR_FIELDS, GROUP_FIELDS, MEMBER_FIELDS};
use potts::domain::project::FIELDS as PROJECT_FIELDS;
use potts::domain::query::{Fields, Filter, Lookup, Order, Scalar, Sort, holds};
use potts::domain::reader::Reader;
use potts::domain::working_set::Noun;
use potts::proto::{ListActionsRequest, ListIssuesRequest, ListIssuesResponse};
use potts::store::{
    ActionList, ActionsOf, Connections, Connector, IssueList, Listed, Selection, Store,
};
use proptest::strategy::{Strategy, ValueTree as _};
use proptest::test_runner::TestRunner;
use serde_json::{Value, json};
use tokio::time::Instant;
use tonic::Code;

use crate::support::{TestApp, TestDatabase, told};

const ROWS: i64 = 200;
const FILTERS: usize = 400;

fn store(database: &TestDatabase) -> Store {
    let connections = Connections { read: 1, stream: 1 };
    Store::new(Connector::new(&database.url).unwrap(), connections)
}

/// The value that a strategy makes next.
fn next<T: Debug>(runner: &mut TestRunner, strategy: &impl Strategy<Value = T>) -> T {
    strategy.new_tree(runner).unwrap().current()
}

/// A project with issues of every kind.
async fn with_rows(runner: &mut TestRunner) -> TestApp {
    let app = TestApp::start().await;
    app.project("abc").await;
    app.issue("abc", "The light is off").await;
    let rows: Vec<Value> = (2..=ROWS)
        .map(|number| {
            let mut row = next(runner, &generate::issues());
            row["number"] = number.into();
            row["dedup_key"] =
                if number % 3 == 0 { format!("k{number}") } else { "".into() }.into();
            row
        })
        .collect();
    let insert = "insert into issues
                  select (jsonb_populate_record(i, row || jsonb_build_object(
                      'uid', gen_random_uuid()))).*
                    from issues i, jsonb_array_elements($1::text::jsonb) row";
    app.database.sql().await.execute(insert, &[&json!(rows).to_string()]).await.unwrap();
    app
}

/// A project with three issues, and actions of every kind in every state.
async fn with_actions(runner: &mut TestRunner) -> TestApp {
    let app = TestApp::with_issues(3).await;
    app.action(1, "The first").await;
    let rows: Vec<Value> = (2..=ROWS)
        .map(|number| {
            let mut row = next(runner, &generate::actions());
            row["number"] = number.into();
            row
        })
        .collect();
    let rows = json!(rows).to_string();
    let of = "jsonb_array_elements($1::text::jsonb) row join actions a
              on a.number = (row->>'number')::bigint and a.number > 1 where row->>'lies' =";
    let sql = app.database.sql().await;
    for insert in [
        "insert into actions select (jsonb_populate_record(a, row || jsonb_build_object(
             'uid', gen_random_uuid()))).*
         from actions a, jsonb_array_elements($1::text::jsonb) row"
            .to_owned(),
        format!(
            "insert into action_waits (action_id, reason, unmet)
             select a.uid, row->>'reason', 0 from {of} 'waiting'"
        ),
        format!(
            "insert into ready_actions (action_id, line_id, vkey, ready_ms)
             select a.uid, (select min(line_id) from lines), 0, 0 from {of} 'ready'"
        ),
        format!(
            "insert into action_leases (action_id, fence, actor, claimed_at, step, note, vkey)
             select a.uid, 1, row->>'holder', a.created_at, '', '', 0 from {of} 'held'"
        ),
        format!(
            "insert into action_leases (action_id, fence, actor, claimed_at, started_at, step,
                 note, vkey)
             select a.uid, 1, row->>'holder', a.created_at, a.created_at, '', '', 0
             from {of} 'started'"
        ),
    ] {
        sql.execute(&insert, &[&rows]).await.unwrap();
    }
    app
}

struct Lists {
    store: Store,
    project: ProjectId,
    of: ActionsOf,
    reader: Reader,
}

fn patience() -> Instant {
    Instant::now() + Duration::from_secs(20)
}

/// The rows of a list, or what the database says.
fn rows<N>(listed: potts::store::Result<Listed<N>>) -> Result<Vec<N>, String> {
    listed.map(|listed| listed.rows).map_err(|fault| format!("{fault:?}"))
}

impl Lists {
    fn of(database: &TestDatabase) -> Lists {
        let project = ProjectId::parse("id", "abc").unwrap();
        let (of, reader) = (ActionsOf::Project(project.clone()), Reader::of_everything());
        Lists { store: store(database), project, of, reader }
    }

    fn asked<'a>(&'a self, filter: &'a Filter, order: &'a Order) -> IssueList<'a> {
        IssueList {
            project: &self.project,
            deleted_after: None,
            reader: &self.reader,
            selection: Selection { filter, order, after: None, limit: 1000 },
        }
    }

    async fn issues(&self, selection: Selection<'_>) -> Result<Vec<Issue>, String> {
        let asked = IssueList { selection, ..self.asked(selection.filter, selection.order) };
        rows(self.store.issues(&asked, None, patience()).await)
    }

    async fn actions(&self, selection: Selection<'_>) -> Result<Vec<Action>, String> {
        let asked = ActionList { of: &self.of, reader: &self.reader, selection };
        rows(self.store.actions(&asked, None, patience()).await)
    }

    async fn plan(&self, filter: &str, order: &str, after: Option<Vec<Option<Scalar>>>) -> String {
        let filter = Filter::parse(filter, &FIELDS).unwrap();
        let order = Order::parse(order, &FIELDS).unwrap();
        let after = after.map(|values| order.position_of(values).unwrap());
        let asked = self.asked(&filter, &order);
        let selection = Selection { after: after.as_ref(), limit: 51, ..asked.selection };
        let asked = IssueList { selection, ..asked };
        self.store.plan_of_issues(&asked, patience()).await.unwrap()
    }
}

/// All rows of a list, in an order.
async fn all<N>(
    order: &Order,
    listed: impl AsyncFn(Selection<'_>) -> Result<Vec<N>, String>,
) -> Vec<N> {
    listed(Selection { filter: &Filter::ALL, order, after: None, limit: 1000 }).await.unwrap()
}

fn names<N: Noun>(rows: &[N]) -> Vec<N::Key> {
    rows.iter().map(Noun::key).collect()
}

/// Compares what the database takes with what the plain evaluator takes, filter by filter.
async fn filters_agree<N>(
    runner: &mut TestRunner,
    fields: &'static Fields,
    filters: usize,
    listed: impl AsyncFn(Selection<'_>) -> Result<Vec<N>, String>,
) where
    N: Noun + Lookup + Clone,
    N::Key: Debug + PartialEq,
{
    let order = Order::parse("", fields).unwrap();
    let rows = all(&order, &listed).await;
    let (mut some, texts) = (0, generate::filters(fields, &rows));

    for _ in 0..filters {
        let text = next(runner, &texts);
        let filter = match Filter::parse(&text, fields) {
            Ok(filter) => filter,
            Err(refused) => {
                assert!(text.len() > 2000 || text.matches("(").count() > 8, "{text}: {refused}");
                continue;
            }
        };
        let selection = Selection { filter: &filter, order: &order, after: None, limit: 1000 };
        let taken = listed(selection).await.unwrap_or_else(|fault| panic!("{text}: {fault}"));

        let expected: Vec<_> = rows.iter().filter(|row| holds(&filter, *row)).cloned().collect();
        assert_eq!(names(&taken), names(&expected), "{text}\n{filter:#?}");
        some += usize::from(!taken.is_empty() && taken.len() < rows.len());
    }

    assert!(some > filters / 10, "only {some} filters tell rows apart");
}

/// Goal: filters mean the same everywhere, `OR` binding tighter than `AND` and two truth values
/// included.
/// Method: conditions of every kind over rows with all that is odd, put together at random.
#[tokio::test(flavor = "multi_thread")]
async fn generated_filters_take_what_the_plain_evaluator_takes() {
    let mut runner = TestRunner::default();
    let app = with_rows(&mut runner).await;
    let lists = Lists::of(&app.database);

    let issues = async |selection: Selection<'_>| lists.issues(selection).await;
    filters_agree(&mut runner, &FIELDS, FILTERS, issues).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn generated_filters_of_actions_take_what_the_plain_evaluator_takes() {
    let mut runner = TestRunner::default();
    let app = with_actions(&mut runner).await;
    let lists = Lists::of(&app.database);

    let actions = async |selection: Selection<'_>| lists.actions(selection).await;
    filters_agree(&mut runner, &ACTION_FIELDS, FILTERS, actions).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn generated_filters_of_people_take_what_the_plain_evaluator_takes() {
    let mut runner = TestRunner::default();
    let app = people::with_people().await;
    let lists = Lists::of(&app.database);
    let (store, project) = (&lists.store, &lists.project);

    let projects =
        async |by: Selection<'_>| rows(store.projects(None, &by, None, patience()).await);
    let actors = async |by: Selection<'_>| rows(store.actors(&by, None, patience()).await);
    let groups = async |by: Selection<'_>| rows(store.groups(&by, None, patience()).await);
    let members =
        async |by: Selection<'_>| rows(store.members(project, &by, None, patience()).await);
    filters_agree(&mut runner, &PROJECT_FIELDS, FILTERS / 4, projects).await;
    filters_agree(&mut runner, &ACTOR_FIELDS, FILTERS / 4, actors).await;
    filters_agree(&mut runner, &GROUP_FIELDS, FILTERS / 4, groups).await;
    filters_agree(&mut runner, &MEMBER_FIELDS, FILTERS / 4, members).await;
}

/// How two rows stand in an order.
fn compared<N: Lookup>(order: &Order, one: &N, other: &N) -> Ordering {
    let (one, other) = (order.position(one), order.position(other));
    let of = |(sort, (a, b)): (&Sort, (&Option<Scalar>, &Option<Scalar>))| {
        let order = match (a, b) {
            (None, None) => return Ordering::Equal,
            (None, Some(_)) => return Ordering::Greater,
            (Some(_), None) => return Ordering::Less,
            (Some(Scalar::Text(a)), Some(Scalar::Text(b))) => a.as_bytes().cmp(b.as_bytes()),
            (Some(Scalar::Integer(a)), Some(Scalar::Integer(b))) => a.cmp(b),
            (Some(Scalar::Time(a)), Some(Scalar::Time(b))) => a.cmp(b),
            other => panic!("{other:?}"),
        };
        if sort.is_descending { order.reverse() } else { order }
    };
    let pairs = one.values().iter().zip(other.values());
    order.sorts().iter().zip(pairs).map(of).find(|order| order.is_ne()).unwrap_or(Ordering::Equal)
}

async fn page(app: &TestApp, request: ListIssuesRequest) -> ListIssuesResponse {
    app.issues().list_issues(request).await.unwrap().into_inner()
}

fn list(filter: &str, order_by: &str) -> ListIssuesRequest {
    ListIssuesRequest {
        parent: "projects/abc".into(),
        filter: filter.into(),
        order_by: order_by.into(),
        ..Default::default()
    }
}

fn listed(page: &ListIssuesResponse) -> Vec<i64> {
    page.issues.iter().map(|i| i.key.strip_prefix("ABC-").unwrap().parse().unwrap()).collect()
}

/// Compares the pages of many orders with the rows in those orders.
async fn pages_agree<N: Noun + Lookup>(
    fields: &'static Fields,
    filter: &str,
    orders: &[&str],
    listed: impl AsyncFn(Selection<'_>) -> Result<Vec<N>, String>,
    name: impl Fn(&N) -> String,
    pages: impl AsyncFn(String, String) -> (Vec<String>, String),
) {
    let known = Order::parse("", fields).unwrap();
    let taken = Filter::parse(filter, fields).unwrap();
    let mut rows = all(&known, listed).await;
    rows.retain(|row| holds(&taken, row));

    for text in orders {
        let order = Order::parse(text, fields).unwrap();
        rows.sort_by(|one, other| compared(&order, one, other));

        let (mut seen, mut token) = (Vec::new(), String::new());
        loop {
            let (page, next) = pages((*text).to_owned(), token).await;
            seen.extend(page);
            token = next;
            if token.is_empty() {
                break;
            }
        }

        assert_eq!(seen, rows.iter().map(&name).collect::<Vec<_>>(), "{text}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_of_every_order_hold_each_issue_once_and_in_its_place() {
    let app = with_rows(&mut TestRunner::default()).await;
    let lists = Lists::of(&app.database);
    let issues = async |selection: Selection<'_>| lists.issues(selection).await;
    let pages = async |order: String, page_token| {
        let list = list("priority < 4", &order);
        let page = page(&app, ListIssuesRequest { page_size: 7, page_token, ..list }).await;
        (page.issues.into_iter().map(|issue| issue.name).collect(), page.next_page_token)
    };
    let orders = [
        "",
        "number desc",
        "update_time",
        "update_time desc",
        "priority, title",
        "priority desc, update_time",
        "due_time",
        "due_time desc",
        "close_time desc, title, due_time",
        "milestone, due_time desc, number desc",
        "status, due_time, title desc",
    ];

    let name = |issue: &Issue| issue.name.to_string();
    pages_agree(&FIELDS, "priority < 4", &orders, issues, name, pages).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_of_every_order_hold_each_action_once_and_in_its_place() {
    let app = with_actions(&mut TestRunner::default()).await;
    let lists = Lists::of(&app.database);
    let actions = async |selection: Selection<'_>| lists.actions(selection).await;
    let pages = async |order_by: String, page_token| {
        let filter = "priority < 4 AND state != CANCELLED".into();
        let parent = "projects/abc".into();
        let request = ListActionsRequest { parent, page_size: 7, page_token, filter, order_by };
        let page = app.actions().list_actions(request).await.unwrap().into_inner();
        (page.actions.into_iter().map(|action| action.name).collect(), page.next_page_token)
    };
    let orders = [
        "",
        "issue desc",
        "number",
        "number desc",
        "issue desc, number",
        "issue, number desc",
        "priority, title desc",
        "due_time desc",
        "due_time, priority",
        "not_before, end_time desc",
        "update_time desc",
    ];

    let (fields, name) = (&ACTION_FIELDS, |action: &Action| action.name.to_string());
    let filter = "priority < 4 AND state != CANCELLED";
    pages_agree(fields, filter, &orders, actions, name, pages).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_by_time_of_change_stay_whole_while_issues_come_and_go() {
    let app = TestApp::start().await;
    app.project("abc").await;
    for _ in 0..8 {
        app.issue("abc", "The light is off").await;
    }
    let request = list("title:light", "update_time desc");
    let paged = |page_token: &str| ListIssuesRequest {
        page_size: 3,
        page_token: page_token.into(),
        ..request.clone()
    };

    let first = page(&app, paged("")).await;
    app.issue("abc", "Another light").await;
    let delete = potts::proto::DeleteIssueRequest { name: "ABC-4".into(), ..Default::default() };
    app.issues().delete_issue(delete).await.unwrap();
    let second = page(&app, paged(&first.next_page_token)).await;
    let third = page(&app, paged(&second.next_page_token)).await;

    assert_eq!(listed(&first), [8, 7, 6]);
    assert_eq!(listed(&second), [5, 3, 2]);
    assert_eq!((listed(&third), third.next_page_token.as_str()), (vec![1], ""));
    assert!(!first.cursor.is_empty() && second.cursor.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_token_is_of_one_filter_and_one_order() {
    let app = TestApp::start().await;
    app.project("abc").await;
    for _ in 0..3 {
        app.issue("abc", "The light is off").await;
    }
    let asked = list("title:light", "update_time");
    let first = page(&app, ListIssuesRequest { page_size: 1, ..asked.clone() }).await;
    let page_token = first.next_page_token;

    for other in [
        list("title:Light", "update_time"),
        list("", "update_time"),
        list("title:light", "update_time desc"),
        list("title:light", ""),
        list("", ""),
    ] {
        let request = ListIssuesRequest { page_token: page_token.clone(), ..other };
        let refusal = told(app.issues().list_issues(request).await);

        assert_eq!(refusal.why(), (Code::InvalidArgument, "PAGE_TOKEN_INVALID"));
        assert_eq!(refusal.blamed(), "page_token");
    }
    let same = page(&app, ListIssuesRequest { page_token, ..asked }).await;
    assert_eq!(listed(&same), [2, 3]);
}

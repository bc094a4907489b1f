//! Filters and orders of lists: what the database takes is what the plainest evaluator takes.

mod generate;
mod plans;

use std::cmp::Ordering;
use std::time::Duration;

use potts::domain::issue::{FIELDS, Issue};
use potts::domain::name::ProjectId;
use potts::domain::query::{Filter, Order, Scalar, Sort, holds};
use potts::domain::reader::Reader;
use potts::proto::{ListIssuesRequest, ListIssuesResponse};
use potts::store::{Connections, Connector, IssueList, Store};
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
fn next<T: std::fmt::Debug>(runner: &mut TestRunner, strategy: &impl Strategy<Value = T>) -> T {
    strategy.new_tree(runner).unwrap().current()
}

/// A project with issues of every kind.
async fn with_rows(runner: &mut TestRunner) -> TestApp {
    let app = TestApp::start().await;
    app.project("abc").await;
    app.issue("abc", "The light is off").await;
    let rows: Vec<Value> = (2..=ROWS)
        .map(|number| {
            let mut row = next(runner, &generate::rows());
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

struct Lists {
    store: Store,
    project: ProjectId,
    reader: Reader,
}

impl Lists {
    fn of(database: &TestDatabase) -> Lists {
        let project = ProjectId::parse("id", "abc").unwrap();
        Lists { store: store(database), project, reader: Reader::of_everything() }
    }

    fn asked<'a>(&'a self, filter: &'a Filter, order: &'a Order) -> IssueList<'a> {
        IssueList {
            project: &self.project,
            deleted_after: None,
            reader: &self.reader,
            filter,
            order,
            after: None,
            limit: 1000,
        }
    }

    async fn issues(&self, asked: &IssueList<'_>) -> Result<Vec<Issue>, String> {
        let deadline = Instant::now() + Duration::from_secs(20);
        let listed = self.store.issues(asked, None, deadline).await;
        listed.map(|listed| listed.rows).map_err(|fault| format!("{fault:?}"))
    }

    async fn plan(&self, filter: &str, order: &str, after: Option<Vec<Option<Scalar>>>) -> String {
        let filter = Filter::parse(filter, &FIELDS).unwrap();
        let order = Order::parse(order, &FIELDS).unwrap();
        let after = after.map(|values| order.position_of(values).unwrap());
        let asked = IssueList { after: after.as_ref(), limit: 51, ..self.asked(&filter, &order) };
        let deadline = Instant::now() + Duration::from_secs(20);
        self.store.plan_of_issues(&asked, deadline).await.unwrap()
    }
}

fn numbers(issues: &[Issue]) -> Vec<i64> {
    issues.iter().map(|issue| issue.name.number).collect()
}

/// Goal: filters mean the same everywhere, `OR` binding tighter than `AND` and two truth values
/// included.
/// Method: conditions of every kind over rows with all that is odd, put together at random.
#[tokio::test(flavor = "multi_thread")]
async fn generated_filters_take_what_the_plain_evaluator_takes() {
    let mut runner = TestRunner::default();
    let app = with_rows(&mut runner).await;
    let lists = Lists::of(&app.database);
    let order = Order::parse("", &FIELDS).unwrap();
    let all = lists.issues(&lists.asked(&Filter::ALL, &order)).await.unwrap();
    let (mut some, filters) = (0, generate::filters());

    for _ in 0..FILTERS {
        let text = next(&mut runner, &filters);
        let Ok(filter) = Filter::parse(&text, &FIELDS) else {
            assert!(text.len() > 2000 || text.matches("(").count() > 8, "{text}");
            continue;
        };
        let taken = lists.issues(&lists.asked(&filter, &order)).await;
        let taken = taken.unwrap_or_else(|fault| panic!("{text}: {fault}"));

        let expected: Vec<_> = all.iter().filter(|row| holds(&filter, *row)).cloned().collect();
        assert_eq!(numbers(&taken), numbers(&expected), "{text}\n{filter:#?}");
        some += usize::from(!taken.is_empty() && taken.len() < all.len());
    }

    assert_eq!(all.len(), usize::try_from(ROWS).unwrap());
    assert!(some > FILTERS / 3, "only {some} filters tell rows apart");
}

/// How two rows stand in an order.
fn compared(order: &Order, one: &Issue, other: &Issue) -> Ordering {
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

/// All pages of a list, of so many issues each.
async fn all_pages(app: &TestApp, request: ListIssuesRequest, page_size: i32) -> Vec<i64> {
    let (mut numbers, mut page_token) = (Vec::new(), String::new());
    loop {
        let page = page(app, ListIssuesRequest { page_size, page_token, ..request.clone() }).await;
        numbers.extend(listed(&page));
        page_token = page.next_page_token;
        if page_token.is_empty() {
            return numbers;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_of_every_order_hold_each_issue_once_and_in_its_place() {
    let mut runner = TestRunner::default();
    let app = with_rows(&mut runner).await;
    let lists = Lists::of(&app.database);
    let any = Order::parse("", &FIELDS).unwrap();
    let filter = Filter::parse("priority < 4", &FIELDS).unwrap();
    let mut rows = lists.issues(&lists.asked(&filter, &any)).await.unwrap();

    for text in [
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
    ] {
        let order = Order::parse(text, &FIELDS).unwrap();
        rows.sort_by(|one, other| compared(&order, one, other));

        let pages = all_pages(&app, list("priority < 4", text), 7).await;

        assert_eq!(pages, numbers(&rows), "{text}");
    }
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

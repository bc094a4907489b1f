//! What is asked most is served by indexes.

use potts::domain::issue::FIELDS;
use potts::domain::query::{Filter, Order, Scalar};
use potts::store::IssueList;

use super::Lists;
use crate::support::{TestApp, TestDatabase};

/// Two projects with 20,000 issues, and statistics of them.
async fn filled() -> TestDatabase {
    let app = TestApp::start().await;
    app.project("abc").await;
    app.project("abd").await;
    app.issue("abc", "The light is off").await;
    let fill = "insert into issues select (jsonb_populate_record(i, jsonb_build_object(
                    'project', case when n % 4 = 0 then 'abd' else 'abc' end,
                    'number', n, 'uid', gen_random_uuid(), 'thread', n,
                    'status', case when n % 3 = 0 then 'in_progress' else 'open' end,
                    'updated_at', i.created_at + make_interval(secs => n * 7919 % 20011),
                    'tags', array['t' || n % 500],
                    'parameters', jsonb_build_object('host', 'h' || n % 500, 'n', n)))).*
                from issues i, generate_series(2, 20000) n;
                analyze issues;";
    app.database.sql().await.batch_execute(fill).await.unwrap();
    app.stop().await
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_that_are_asked_most_are_read_from_an_index_in_order() {
    let database = filled().await;
    let lists = Lists::of(&database);
    let (all, order) = (Filter::ALL, Order::parse("update_time", &FIELDS).unwrap());
    let half = IssueList { limit: 7_500, ..lists.asked(&all, &order) };
    let deep = lists.issues(&half).await.unwrap().pop().unwrap();
    let place = |order: &str| -> Vec<Option<Scalar>> {
        let order = Order::parse(order, &FIELDS).unwrap();
        let place = order.position(&deep);
        place.values().to_vec()
    };

    for (filter, order, index) in [
        ("", "", "issues_pk"),
        ("", "number desc", "issues_pk"),
        ("status = \"open\"", "", "issues_by_status"),
        ("", "update_time", "issues_by_updated_at"),
        ("", "update_time desc", "issues_by_updated_at"),
        ("priority = 0 AND state = OPEN", "update_time", "issues_by_updated_at"),
    ] {
        for after in [None, Some(place(order))] {
            let plan = lists.plan(filter, order, after.clone()).await;

            assert!(plan.contains(index), "{filter} {order} {after:?}\n{plan}");
            assert!(!plan.contains("Seq Scan"), "{filter} {order} {after:?}\n{plan}");
            assert!(!plan.contains("Sort"), "{filter} {order} {after:?}\n{plan}");
            let begins = after.is_none()
                || plan.lines().any(|line| {
                    line.contains("Index Cond") && (line.contains("ROW") || line.contains("number"))
                });
            assert!(begins, "{filter} {order}: the index is read from its beginning\n{plan}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_objects_and_lists_hold_is_found_by_index() {
    let database = filled().await;
    let lists = Lists::of(&database);

    for (filter, index) in [
        ("parameters.host = \"h7\"", "issues_by_parameters"),
        ("parameters.host = \"h7\" AND priority != 1", "issues_by_parameters"),
        ("tags:t7", "issues_by_tags"),
        ("thread = ABC-7", "issues_by_thread"),
    ] {
        let plan = lists.plan(filter, "", None).await;

        assert!(plan.contains(index) && !plan.contains("Seq Scan"), "{filter}\n{plan}");
    }
}

//! What is asked most is served by indexes.

use potts::domain::issue::FIELDS;
use potts::domain::name::IssueName;
use potts::domain::query::{Filter, Order, Scalar};
use potts::store::{ActionList, ActionsOf, Selection};

use super::{ACTION_FIELDS, Lists, patience};
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
    let half = Selection { filter: &all, order: &order, after: None, limit: 7_500 };
    let deep = lists.issues(half).await.unwrap().pop().unwrap();
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

/// 20,000 actions in 200 issues, most of which have ended, and statistics of them.
async fn filled_with_actions() -> TestDatabase {
    let app = TestApp::with_issues(200).await;
    app.action(1, "Do it").await;
    let fill = "insert into actions select (jsonb_populate_record(a, jsonb_build_object(
                    'issue', 1 + n % 200, 'number', n, 'uid', gen_random_uuid(),
                    'assignee', case when n % 10 = 0 then 'actors/a' || n % 400 end,
                    'ended_at', case when n % 20 > 0 then a.created_at end,
                    'ended_state', case when n % 20 > 0 then 'SUCCEEDED' end))).*
                from actions a, generate_series(2, 20000) n;
                insert into ready_actions (action_id, line_id, vkey, ready_ms)
                select a.uid, (select min(line_id) from lines), 0, 0 from actions a
                where a.number % 40 = 0;
                insert into action_waits (action_id, reason, unmet)
                select a.uid, case a.number % 400 when 20 then 'PANICKED' else 'TIME' end, 0
                from actions a where a.number % 40 = 20;
                analyze;";
    app.database.sql().await.batch_execute(fill).await.unwrap();
    app.stop().await
}

#[tokio::test(flavor = "multi_thread")]
async fn actions_are_found_by_the_index_of_what_is_asked() {
    let database = filled_with_actions().await;
    let lists = Lists::of(&database);
    let issue = ActionsOf::Issue(IssueName::parse("name", "ABC-1").unwrap());
    let project = ActionsOf::Project(lists.project.clone());

    for (of, filter, order, index) in [
        (&project, "", "", "actions_pk"),
        (&project, "priority < 3", "issue desc", "actions_pk"),
        (&issue, "", "", "actions_pk"),
        (&issue, "state = READY OR state = PENDING", "priority", "actions_pk"),
        (&project, "assignee = \"actors/a80\"", "", "actions_by_assignee"),
        (&project, "assignee = \"actors/a80\" AND state = READY", "", "actions_by_assignee"),
        (&project, "assignee = \"actors/a80\"", "due_time", "actions_by_assignee"),
    ] {
        let by = Order::parse(order, &ACTION_FIELDS).unwrap();
        let taken = Filter::parse(filter, &ACTION_FIELDS).unwrap();
        let selection = Selection { filter: &taken, order: &by, after: None, limit: 51 };
        let asked = ActionList { of, reader: &lists.reader, selection };

        let plan = lists.store.plan_of_actions(&asked, patience()).await.unwrap();

        assert!(plan.contains(index), "{filter} {order}\n{plan}");
        assert!(!plan.contains("Seq Scan on actions"), "{filter} {order}\n{plan}");
        let rows = lists.store.actions(&asked, None, patience()).await.unwrap().rows;
        assert!(!rows.is_empty(), "{filter} takes nothing");
    }
}

/// What must be looked at is where it lies: few actions among many that have ended.
#[tokio::test(flavor = "multi_thread")]
async fn actions_in_a_rare_state_are_found_where_they_lie() {
    let database = filled_with_actions().await;
    let lists = Lists::of(&database);
    let project = ActionsOf::Project(lists.project.clone());

    for (filter, place) in [
        ("state = PANICKED", "action_waits"),
        ("state = RUNNING", "action_leases"),
        ("blocked_reason = PANICKED", "action_waits"),
    ] {
        let by = Order::parse("priority", &ACTION_FIELDS).unwrap();
        let taken = Filter::parse(filter, &ACTION_FIELDS).unwrap();
        let selection = Selection { filter: &taken, order: &by, after: None, limit: 51 };
        let asked = ActionList { of: &project, reader: &lists.reader, selection };

        let plan = lists.store.plan_of_actions(&asked, patience()).await.unwrap();

        assert!(plan.contains(place) && plan.contains("actions_uid_unique"), "{filter}\n{plan}");
        assert!(!plan.contains("Seq Scan on actions"), "{filter}\n{plan}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn people_and_projects_are_read_by_name_from_an_index() {
    let app = TestApp::with_issues(0).await;
    let fill = "insert into actors select (jsonb_populate_record(a, jsonb_build_object(
                    'name', 'actors/a' || n, 'uid', gen_random_uuid()))).*
                from actors a, generate_series(1, 5000) n where a.name = 'actors/root';
                insert into groups select 'groups/g' || n, gen_random_uuid(), 1, potts_now(),
                    potts_now(), 'actors/root', 'TEAM', ''
                from generate_series(1, 5000) n;
                insert into projects select (jsonb_populate_record(p, jsonb_build_object(
                    'id', 'p' || n, 'uid', gen_random_uuid()))).*
                from projects p, generate_series(1, 5000) n;
                analyze;";
    app.database.sql().await.batch_execute(fill).await.unwrap();
    let lists = Lists::of(&app.database);
    let all = Filter::ALL;
    let order = Order::parse("", &potts::domain::project::FIELDS).unwrap();
    let place = order.position_of(vec![Some(Scalar::Text("projects/p7".into()))]).unwrap();

    for after in [None, Some(&place)] {
        let selection = Selection { filter: &all, order: &order, after, limit: 51 };
        let plans = lists.store.plans_by_name(&selection, patience()).await.unwrap();

        let indexes = ["projects_by_name", "actors_by_name", "groups_by_name"];
        for (plan, index) in plans.iter().zip(indexes) {
            let read = plan.lines().nth(1).unwrap_or_default();
            assert!(read.contains(index), "{index}\n{plan}");
            assert_eq!(plan.contains("Index Cond"), after.is_some(), "{index}\n{plan}");
        }
    }
}

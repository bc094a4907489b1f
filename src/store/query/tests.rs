use super::*;
use crate::domain::query::{Fields, Filter, Kind, Order};

static FIELDS: Fields = Fields {
    keys: &["number"],
    all: &[
        Field::new("number", Kind::Integer).sortable(),
        Field::new("title", Kind::Text).sortable(),
        Field::new("update_time", Kind::Time).sortable(),
        Field::new("due_time", Kind::Time).optional().sortable(),
        Field::new("tags", Kind::TextList),
        Field::new("state", Kind::Enum(&["OPEN", "CLOSED"])),
        Field::new("parameters", Kind::Object),
    ],
};

const COLUMNS: Columns = &[
    ("number", Stored::As("number")),
    ("title", Stored::As("title")),
    ("update_time", Stored::As("updated_at")),
    ("due_time", Stored::As("due_at")),
    ("tags", Stored::As("tags")),
    ("state", Stored::Words(&[("OPEN", "closed_at is null"), ("CLOSED", "closed_at is not null")])),
    ("parameters", Stored::As("parameters")),
];

/// The text, and what was bound to it.
fn told(statement: &mut Statement<()>) -> String {
    let told = diesel::debug_query::<Pg, _>(statement).to_string();
    told.replace(" -- binds: ", " -- ")
}

fn condition(filter: &str) -> String {
    let filter = Filter::parse(filter, &FIELDS).unwrap();
    told(Statement::new("").filter(COLUMNS, &filter))
}

#[test]
fn values_are_parameters_and_never_text() {
    let told = condition("title = \"x' or true --\" AND parameters.\"k')\" = \"v'\"");

    let (text, binds) = told.split_once(" -- ").unwrap();
    assert_eq!(text, "((title = $1) and (parameters @> $2::jsonb))");
    assert!(binds.contains("or true --") && binds.contains("k')"), "{binds}");
}

#[test]
fn negations_stand_at_the_tests() {
    let told = condition("NOT (number = 1 OR title != a AND -due_time = null)");

    let (text, _) = told.split_once(" -- ").unwrap();
    let expected = "((((number = $1) is not true) and (title = $2)) or (due_at is null))";
    assert_eq!(text, expected);
}

#[test]
fn words_that_follow_from_something_are_that() {
    let told = condition("state = OPEN AND state != CLOSED");

    let (text, _) = told.split_once(" -- ").unwrap();
    assert_eq!(text, "((closed_at is null) and ((closed_at is not null) is not true))");
}

#[test]
fn a_filter_that_takes_all_is_true() {
    assert_eq!(condition("").split(" -- ").next(), Some("true"));
}

fn after(order: &str, values: Vec<Option<Scalar>>) -> String {
    let order = Order::parse(order, &FIELDS).unwrap();
    let position = order.position_of(values).unwrap();
    let told = told(Statement::new("true").after(COLUMNS, &order, Some(&position)));
    told.split(" -- ").next().unwrap().to_owned()
}

#[test]
fn a_place_of_one_direction_is_a_row() {
    let (one, at) = (Some(Scalar::Integer(1)), Some(Scalar::Time(Timestamp::UNIX_EPOCH)));

    assert_eq!(after("", vec![one.clone()]), "true and (number) > ($1)");
    assert_eq!(
        after("update_time desc", vec![at, one]),
        "true and (updated_at, number) < ($1, $2)"
    );
}

#[test]
fn a_place_of_two_directions_begins_where_an_index_can() {
    let (one, title) = (Some(Scalar::Integer(1)), Some(Scalar::Text("t".into())));
    let at = Some(Scalar::Time(Timestamp::UNIX_EPOCH));

    assert_eq!(
        after("title desc, number", vec![title, one.clone()]),
        "true and title collate \"C\" <= $1 and \
         (title collate \"C\" < $2 or title collate \"C\" = $3 and (number > $4))"
    );
    assert_eq!(
        after("due_time", vec![at, one.clone()]),
        "true and (due_at > $1 or due_at is null or due_at = $2 and (number > $3))"
    );
    assert_eq!(
        after("due_time", vec![None, one]),
        "true and (false or due_at is null and (number > $1))"
    );
}

#[test]
fn what_is_absent_comes_last_either_way() {
    let order = |order| {
        let order = Order::parse(order, &FIELDS).unwrap();
        told(Statement::new("").order(COLUMNS, &order)).split(" -- ").next().unwrap().to_owned()
    };

    assert_eq!(order("due_time"), " order by due_at nulls last, number");
    assert_eq!(order("due_time desc"), " order by due_at desc nulls last, number desc");
    assert_eq!(order("title, number desc"), " order by title collate \"C\", number desc");
}

#[test]
fn what_comes_again_is_kept() {
    let kept = |filter: &str| {
        let filter = Filter::parse(filter, &FIELDS).unwrap();
        let mut statement = Statement::<()>::new("select ");
        statement.filter(COLUMNS, &filter);
        statement.done().is_kept
    };

    assert!(kept("number = 1") && kept("number = 2"));
    assert!(!kept(&["number = 1"; 9].join(" OR ")));
}

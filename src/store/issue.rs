//! The table `issues`.

use std::collections::BTreeSet;
use std::marker::PhantomData;

use diesel::data_types::PgTimestamp;
use diesel::sql_types::{
    Array, BigInt, Bool, Integer, Jsonb, Nullable, SmallInt, Text, Timestamptz, Uuid as SqlUuid,
};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use serde_json::Value;
use uuid::Uuid;

use super::error::Result;
use super::prepared::prepared;
use super::table::{Table, assert_written};
use super::{stored, time};
use crate::domain::configuration::IssueKind;
use crate::domain::issue::Issue;
use crate::domain::name::{ActorName, GroupName, IssueName, Principal};
use crate::domain::workflow::Category;

pub(super) type SqlRow = (SqlOwn, SqlPlace);
type SqlOwn = (
    Text,
    BigInt,
    SqlUuid,
    BigInt,
    Timestamptz,
    Timestamptz,
    Text,
    Text,
    Text,
    Text,
    Text,
    Text,
    SmallInt,
    Jsonb,
    Jsonb,
    Nullable<Timestamptz>,
    Text,
    Nullable<Timestamptz>,
    BigInt,
    Nullable<Timestamptz>,
);
type SqlPlace = (
    Text,
    BigInt,
    Text,
    BigInt,
    Text,
    Nullable<Array<Text>>,
    Bool,
    Text,
    Array<Text>,
    Nullable<BigInt>,
    BigInt,
    SmallInt,
    Integer,
    Array<Text>,
    Text,
);
pub(super) type Row = (Own, Place);
type Own = (
    String,
    i64,
    Uuid,
    i64,
    PgTimestamp,
    PgTimestamp,
    String,
    String,
    String,
    String,
    String,
    String,
    i16,
    Value,
    Value,
    Option<PgTimestamp>,
    String,
    Option<PgTimestamp>,
    i64,
    Option<PgTimestamp>,
);
type Place = (
    String,
    i64,
    String,
    i64,
    String,
    Option<Vec<String>>,
    bool,
    String,
    Vec<String>,
    Option<i64>,
    i64,
    i16,
    i32,
    Vec<String>,
    String,
);

macro_rules! columns {
    () => {
        "i.project, i.number, i.uid, i.version, i.created_at, i.updated_at, i.creator, i.title, \
         i.description, i.workflow, i.status, i.resolution, i.priority, i.parameters, \
         i.annotations, i.due_at, i.milestone, i.closed_at, i.step, i.deleted_at, i.issue_type, \
         i.issue_type_revision, i.kind, i.workflow_revision, i.category, i.visible_to, i.active, \
         i.owner, i.assignees, i.parent, i.thread, i.depth, i.open_children, i.tags, i.dedup_key"
    };
}

/// What a row of ours is read from.
pub(super) const COLUMNS: &str = columns!();

prepared!(
    Lock(projects: Vec<&'a str> => Array<Text>, numbers: Vec<i64> => Array<BigInt>) -> SqlRow,
    concat!("select ", columns!(), " from (select * from unnest({projects}, {numbers}) \
             as u (project, number) order by project, number) as u cross join lateral (select * \
             from issues i where i.project = u.project and i.number = u.number \
             for no key update) as i")
);

prepared!(
    Find(project: &'a str => Text, number: i64 => BigInt) -> SqlRow,
    concat!("select ", columns!(), " from issues i \
             where i.project = {project} and i.number = {number}")
);

prepared!(
    Restricted(projects: Vec<&'a str> => Array<Text>, numbers: Vec<i64> => Array<BigInt>)
        -> SqlRow,
    concat!("select ", columns!(), " from unnest({projects}, {numbers}) as u (project, number) \
             cross join lateral (select * from issues i where i.project = u.project \
             and i.number = u.number and i.visible_to is not null limit 1) as i")
);

prepared!(
    Insert(
        project: Vec<&'a str> => Array<Text>,
        number: Vec<i64> => Array<BigInt>,
        uid: Vec<Uuid> => Array<SqlUuid>,
        version: Vec<i64> => Array<BigInt>,
        created_at: Vec<PgTimestamp> => Array<Timestamptz>,
        updated_at: Vec<PgTimestamp> => Array<Timestamptz>,
        creator: Vec<&'a str> => Array<Text>,
        title: Vec<&'a str> => Array<Text>,
        description: Vec<&'a str> => Array<Text>,
        workflow: Vec<&'a str> => Array<Text>,
        status: Vec<&'a str> => Array<Text>,
        resolution: Vec<&'a str> => Array<Text>,
        priority: Vec<i16> => Array<SmallInt>,
        parameters: Vec<String> => Array<Text>,
        annotations: Vec<String> => Array<Text>,
        due_at: Vec<Option<PgTimestamp>> => Array<Nullable<Timestamptz>>,
        milestone: Vec<&'a str> => Array<Text>,
        closed_at: Vec<Option<PgTimestamp>> => Array<Nullable<Timestamptz>>,
        step: Vec<i64> => Array<BigInt>,
        deleted_at: Vec<Option<PgTimestamp>> => Array<Nullable<Timestamptz>>,
        issue_type: Vec<&'a str> => Array<Text>,
        issue_type_revision: Vec<i64> => Array<BigInt>,
        kind: Vec<&'a str> => Array<Text>,
        workflow_revision: Vec<i64> => Array<BigInt>,
        category: Vec<&'a str> => Array<Text>,
        visible_to: Vec<Option<String>> => Array<Nullable<Text>>,
        active: Vec<bool> => Array<Bool>,
        owner: Vec<&'a str> => Array<Text>,
        assignees: Vec<String> => Array<Text>,
        parent: Vec<Option<i64>> => Array<Nullable<BigInt>>,
        thread: Vec<i64> => Array<BigInt>,
        depth: Vec<i16> => Array<SmallInt>,
        open_children: Vec<i32> => Array<Integer>,
        tags: Vec<String> => Array<Text>,
        dedup_key: Vec<&'a str> => Array<Text>,
    ) -> (),
    "insert into issues (project, number, uid, version, created_at, updated_at, creator, \
     title, description, workflow, status, resolution, priority, parameters, annotations, \
     due_at, milestone, closed_at, step, deleted_at, issue_type, issue_type_revision, kind, \
     workflow_revision, category, visible_to, active, owner, assignees, parent, thread, depth, \
     open_children, tags, dedup_key) select u.project, u.number, u.uid, \
     u.version, u.created_at, u.updated_at, u.creator, u.title, u.description, u.workflow, \
     u.status, u.resolution, u.priority, u.parameters::jsonb, u.annotations::jsonb, u.due_at, \
     u.milestone, u.closed_at, u.step, u.deleted_at, u.issue_type, u.issue_type_revision, \
     u.kind, u.workflow_revision, u.category, u.visible_to::text[], u.active, u.owner, \
     u.assignees::text[], u.parent, u.thread, u.depth, u.open_children, u.tags::text[], \
     u.dedup_key from unnest({project}, {number}, {uid}, \
     {version}, {created_at}, {updated_at}, {creator}, {title}, {description}, {workflow}, \
     {status}, {resolution}, {priority}, {parameters}, {annotations}, {due_at}, {milestone}, \
     {closed_at}, {step}, {deleted_at}, {issue_type}, {issue_type_revision}, {kind}, \
     {workflow_revision}, {category}, {visible_to}, {active}, {owner}, {assignees}, {parent}, \
     {thread}, {depth}, {open_children}, {tags}, {dedup_key}) as u (project, number, uid, \
     version, created_at, updated_at, creator, title, description, workflow, status, resolution, \
     priority, parameters, annotations, due_at, milestone, closed_at, step, deleted_at, \
     issue_type, issue_type_revision, kind, workflow_revision, category, visible_to, active, \
     owner, assignees, parent, thread, depth, open_children, tags, dedup_key)"
);

prepared!(
    Update(
        project: Vec<&'a str> => Array<Text>,
        number: Vec<i64> => Array<BigInt>,
        version: Vec<i64> => Array<BigInt>,
        updated_at: Vec<PgTimestamp> => Array<Timestamptz>,
        title: Vec<&'a str> => Array<Text>,
        description: Vec<&'a str> => Array<Text>,
        status: Vec<&'a str> => Array<Text>,
        resolution: Vec<&'a str> => Array<Text>,
        priority: Vec<i16> => Array<SmallInt>,
        parameters: Vec<String> => Array<Text>,
        annotations: Vec<String> => Array<Text>,
        due_at: Vec<Option<PgTimestamp>> => Array<Nullable<Timestamptz>>,
        milestone: Vec<&'a str> => Array<Text>,
        closed_at: Vec<Option<PgTimestamp>> => Array<Nullable<Timestamptz>>,
        step: Vec<i64> => Array<BigInt>,
        deleted_at: Vec<Option<PgTimestamp>> => Array<Nullable<Timestamptz>>,
        issue_type_revision: Vec<i64> => Array<BigInt>,
        workflow_revision: Vec<i64> => Array<BigInt>,
        category: Vec<&'a str> => Array<Text>,
        visible_to: Vec<Option<String>> => Array<Nullable<Text>>,
        active: Vec<bool> => Array<Bool>,
        owner: Vec<&'a str> => Array<Text>,
        assignees: Vec<String> => Array<Text>,
        parent: Vec<Option<i64>> => Array<Nullable<BigInt>>,
        thread: Vec<i64> => Array<BigInt>,
        depth: Vec<i16> => Array<SmallInt>,
        open_children: Vec<i32> => Array<Integer>,
        tags: Vec<String> => Array<Text>,
        dedup_key: Vec<&'a str> => Array<Text>,
    ) -> (),
    "update issues i set version = u.version, updated_at = u.updated_at, title = u.title, \
     description = u.description, status = u.status, resolution = u.resolution, priority = \
     u.priority, parameters = u.parameters::jsonb, annotations = u.annotations::jsonb, due_at \
     = u.due_at, milestone = u.milestone, closed_at = u.closed_at, step = u.step, deleted_at \
     = u.deleted_at, issue_type_revision = u.issue_type_revision, workflow_revision = \
     u.workflow_revision, category = u.category, visible_to = u.visible_to::text[], active = \
     u.active, owner = u.owner, assignees = u.assignees::text[], parent = u.parent, thread = \
     u.thread, depth = u.depth, open_children = u.open_children, tags = u.tags::text[], \
     dedup_key = u.dedup_key from unnest({project}, {number}, {version}, {updated_at}, {title}, \
     {description}, {status}, {resolution}, {priority}, {parameters}, {annotations}, \
     {due_at}, {milestone}, {closed_at}, {step}, {deleted_at}, {issue_type_revision}, \
     {workflow_revision}, {category}, {visible_to}, {active}, {owner}, {assignees}, {parent}, \
     {thread}, {depth}, {open_children}, {tags}, {dedup_key}) as u (project, number, \
     version, updated_at, title, description, status, resolution, priority, parameters, \
     annotations, due_at, milestone, closed_at, step, deleted_at, issue_type_revision, \
     workflow_revision, category, visible_to, active, owner, assignees, parent, thread, depth, \
     open_children, tags, dedup_key) where i.ctid = \
     (select k.ctid from issues k where k.project = u.project and k.number = u.number)"
);

#[expect(clippy::too_many_lines, reason = "a column is a line, and has no second place")]
pub(super) fn issue((own, place): Row) -> Issue {
    let (
        project,
        number,
        uid,
        version,
        created_at,
        updated_at,
        creator,
        title,
        description,
        workflow,
        status,
        resolution,
        priority,
        parameters,
        annotations,
        due_at,
        milestone,
        closed_at,
        step,
        deleted_at,
    ) = own;
    let (
        issue_type,
        issue_type_revision,
        kind,
        workflow_revision,
        category,
        visible_to,
        active,
        owner,
        assignees,
        parent,
        thread,
        depth,
        open_children,
        tags,
        dedup_key,
    ) = place;
    Issue {
        name: IssueName { project: stored::project_id(&project), number },
        uid,
        version,
        created_at: time::from_sql(created_at),
        updated_at: time::from_sql(updated_at),
        creator: ActorName::stored(&creator),
        title,
        description,
        workflow,
        status,
        resolution,
        priority,
        parameters: object(parameters),
        annotations: serde_json::from_value(annotations).expect("only we write annotations"),
        due_at: due_at.map(time::from_sql),
        milestone,
        closed_at: closed_at.map(time::from_sql),
        step,
        deleted_at: deleted_at.map(time::from_sql),
        issue_type,
        issue_type_revision,
        kind: IssueKind::stored(&kind).expect("the table's constraint knows the kinds"),
        workflow_revision,
        category: Category::stored(&category).expect("the table's constraint knows them"),
        visible_to: visible_to.map(|groups| groups.iter().map(|g| GroupName::stored(g)).collect()),
        active,
        owner: ActorName::stored(&owner),
        assignees: assignees.iter().map(|name| Principal::stored(name)).collect(),
        parent,
        thread,
        depth,
        open_children,
        tags: tags.into_iter().collect(),
        dedup_key,
    }
}

/// Names as the text of an array, for they hold nothing that needs quotes. An array of arrays would
/// be flattened.
fn names<'a>(names: impl Iterator<Item = &'a str>) -> String {
    let names: Vec<&str> = names.collect();
    format!("{{{}}}", names.join(","))
}

fn object(value: Value) -> serde_json::Map<String, Value> {
    let Value::Object(fields) = value else {
        panic!("only we write parameters, and always as an object: {value}")
    };
    fields
}

fn json(value: &impl serde::Serialize) -> String {
    serde_json::to_string(value).expect("maps with text as keys always serialise")
}

fn visible_to(issue: &Issue) -> Option<String> {
    issue.visible_to.as_ref().map(|groups| names(groups.iter().map(GroupName::as_str)))
}

fn assignees(issue: &Issue) -> String {
    names(issue.assignees.iter().map(Principal::as_str))
}

/// One issue, hidden or not.
pub(super) async fn find(conn: &mut AsyncPgConnection, name: &IssueName) -> Result<Option<Issue>> {
    let (project, number) = (name.project.as_str(), name.number);
    let rows: Vec<Row> = Find { project, number, _of: PhantomData }.load(conn).await?;
    Ok(rows.into_iter().next().map(issue))
}

/// Those of these issues that not everybody may see who may read their project: not locked.
pub(super) async fn restricted(
    conn: &mut AsyncPgConnection,
    names: &BTreeSet<IssueName>,
) -> Result<Vec<Issue>> {
    let projects = names.iter().map(|name| name.project.as_str()).collect();
    let numbers = names.iter().map(|name| name.number).collect();
    let rows: Vec<Row> = Restricted { projects, numbers, _of: PhantomData }.load(conn).await?;
    Ok(rows.into_iter().map(issue).collect())
}

impl Table for Issue {
    const NAME: &str = "issues";

    async fn lock(conn: &mut AsyncPgConnection, keys: &BTreeSet<IssueName>) -> Result<Vec<Self>> {
        let projects = keys.iter().map(|key| key.project.as_str()).collect();
        let numbers = keys.iter().map(|key| key.number).collect();
        let rows: Vec<Row> = Lock { projects, numbers, _of: PhantomData }.load(conn).await?;
        Ok(rows.into_iter().map(issue).collect())
    }

    async fn insert(conn: &mut AsyncPgConnection, rows: &[&Self]) -> Result<()> {
        let insert = Insert {
            project: rows.iter().map(|row| row.name.project.as_str()).collect(),
            number: rows.iter().map(|row| row.name.number).collect(),
            uid: rows.iter().map(|row| row.uid).collect(),
            version: rows.iter().map(|row| row.version).collect(),
            created_at: rows.iter().map(|row| time::to_sql(row.created_at)).collect(),
            updated_at: rows.iter().map(|row| time::to_sql(row.updated_at)).collect(),
            creator: rows.iter().map(|row| row.creator.as_str()).collect(),
            title: rows.iter().map(|row| row.title.as_str()).collect(),
            description: rows.iter().map(|row| row.description.as_str()).collect(),
            workflow: rows.iter().map(|row| row.workflow.as_str()).collect(),
            status: rows.iter().map(|row| row.status.as_str()).collect(),
            resolution: rows.iter().map(|row| row.resolution.as_str()).collect(),
            priority: rows.iter().map(|row| row.priority).collect(),
            parameters: rows.iter().map(|row| json(&row.parameters)).collect(),
            annotations: rows.iter().map(|row| json(&row.annotations)).collect(),
            due_at: rows.iter().map(|row| row.due_at.map(time::to_sql)).collect(),
            milestone: rows.iter().map(|row| row.milestone.as_str()).collect(),
            closed_at: rows.iter().map(|row| row.closed_at.map(time::to_sql)).collect(),
            step: rows.iter().map(|row| row.step).collect(),
            deleted_at: rows.iter().map(|row| row.deleted_at.map(time::to_sql)).collect(),
            issue_type: rows.iter().map(|row| row.issue_type.as_str()).collect(),
            issue_type_revision: rows.iter().map(|row| row.issue_type_revision).collect(),
            kind: rows.iter().map(|row| row.kind.as_str()).collect(),
            workflow_revision: rows.iter().map(|row| row.workflow_revision).collect(),
            category: rows.iter().map(|row| row.category.as_str()).collect(),
            visible_to: rows.iter().map(|row| visible_to(row)).collect(),
            active: rows.iter().map(|row| row.active).collect(),
            owner: rows.iter().map(|row| row.owner.as_str()).collect(),
            assignees: rows.iter().map(|row| assignees(row)).collect(),
            parent: rows.iter().map(|row| row.parent).collect(),
            thread: rows.iter().map(|row| row.thread).collect(),
            depth: rows.iter().map(|row| row.depth).collect(),
            open_children: rows.iter().map(|row| row.open_children).collect(),
            tags: rows.iter().map(|row| names(row.tags.iter().map(String::as_str))).collect(),
            dedup_key: rows.iter().map(|row| row.dedup_key.as_str()).collect(),
            _of: PhantomData,
        };
        insert.execute(conn).await?;
        Ok(())
    }

    async fn update(conn: &mut AsyncPgConnection, rows: &[&Self]) -> Result<()> {
        let update = Update {
            project: rows.iter().map(|row| row.name.project.as_str()).collect(),
            number: rows.iter().map(|row| row.name.number).collect(),
            version: rows.iter().map(|row| row.version).collect(),
            updated_at: rows.iter().map(|row| time::to_sql(row.updated_at)).collect(),
            title: rows.iter().map(|row| row.title.as_str()).collect(),
            description: rows.iter().map(|row| row.description.as_str()).collect(),
            status: rows.iter().map(|row| row.status.as_str()).collect(),
            resolution: rows.iter().map(|row| row.resolution.as_str()).collect(),
            priority: rows.iter().map(|row| row.priority).collect(),
            parameters: rows.iter().map(|row| json(&row.parameters)).collect(),
            annotations: rows.iter().map(|row| json(&row.annotations)).collect(),
            due_at: rows.iter().map(|row| row.due_at.map(time::to_sql)).collect(),
            milestone: rows.iter().map(|row| row.milestone.as_str()).collect(),
            closed_at: rows.iter().map(|row| row.closed_at.map(time::to_sql)).collect(),
            step: rows.iter().map(|row| row.step).collect(),
            deleted_at: rows.iter().map(|row| row.deleted_at.map(time::to_sql)).collect(),
            issue_type_revision: rows.iter().map(|row| row.issue_type_revision).collect(),
            workflow_revision: rows.iter().map(|row| row.workflow_revision).collect(),
            category: rows.iter().map(|row| row.category.as_str()).collect(),
            visible_to: rows.iter().map(|row| visible_to(row)).collect(),
            active: rows.iter().map(|row| row.active).collect(),
            owner: rows.iter().map(|row| row.owner.as_str()).collect(),
            assignees: rows.iter().map(|row| assignees(row)).collect(),
            parent: rows.iter().map(|row| row.parent).collect(),
            thread: rows.iter().map(|row| row.thread).collect(),
            depth: rows.iter().map(|row| row.depth).collect(),
            open_children: rows.iter().map(|row| row.open_children).collect(),
            tags: rows.iter().map(|row| names(row.tags.iter().map(String::as_str))).collect(),
            dedup_key: rows.iter().map(|row| row.dedup_key.as_str()).collect(),
            _of: PhantomData,
        };
        assert_written(update.execute(conn).await?, rows.len());
        Ok(())
    }
}

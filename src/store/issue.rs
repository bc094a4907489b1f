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
use super::prepared::{prepared, write_rows};
use super::table::Table;
use super::writes::Writes;
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

write_rows!(
    Insert of row: Issue {
        project: &'a str => Text = row.name.project.as_str(),
        number: i64 => BigInt = row.name.number,
        uid: Uuid => SqlUuid = row.uid,
        version: i64 => BigInt = row.version,
        created_at: PgTimestamp => Timestamptz = time::to_sql(row.created_at),
        updated_at: PgTimestamp => Timestamptz = time::to_sql(row.updated_at),
        creator: &'a str => Text = row.creator.as_str(),
        title: &'a str => Text = row.title.as_str(),
        description: &'a str => Text = row.description.as_str(),
        workflow: &'a str => Text = row.workflow.as_str(),
        status: &'a str => Text = row.status.as_str(),
        resolution: &'a str => Text = row.resolution.as_str(),
        priority: i16 => SmallInt = row.priority,
        parameters: String => Text = json(&row.parameters),
        annotations: String => Text = json(&row.annotations),
        due_at: Option<PgTimestamp> => Nullable<Timestamptz> = row.due_at.map(time::to_sql),
        milestone: &'a str => Text = row.milestone.as_str(),
        closed_at: Option<PgTimestamp> => Nullable<Timestamptz> = row.closed_at.map(time::to_sql),
        step: i64 => BigInt = row.step,
        deleted_at: Option<PgTimestamp> => Nullable<Timestamptz> = row.deleted_at.map(time::to_sql),
        issue_type: &'a str => Text = row.issue_type.as_str(),
        issue_type_revision: i64 => BigInt = row.issue_type_revision,
        kind: &'a str => Text = row.kind.as_str(),
        workflow_revision: i64 => BigInt = row.workflow_revision,
        category: &'a str => Text = row.category.as_str(),
        visible_to: Option<String> => Nullable<Text> = visible_to(row),
        active: bool => Bool = row.active,
        owner: &'a str => Text = row.owner.as_str(),
        assignees: String => Text = assignees(row),
        parent: Option<i64> => Nullable<BigInt> = row.parent,
        thread: i64 => BigInt = row.thread,
        depth: i16 => SmallInt = row.depth,
        open_children: i32 => Integer = row.open_children,
        tags: String => Text = names(row.tags.iter().map(String::as_str)),
        dedup_key: &'a str => Text = row.dedup_key.as_str(),
    },
    "insert into issues ({columns}) select u.project, u.number, u.uid, u.version, u.created_at, \
     u.updated_at, u.creator, u.title, u.description, u.workflow, u.status, u.resolution, \
     u.priority, u.parameters::jsonb, u.annotations::jsonb, u.due_at, u.milestone, u.closed_at, \
     u.step, u.deleted_at, u.issue_type, u.issue_type_revision, u.kind, u.workflow_revision, \
     u.category, u.visible_to::text[], u.active, u.owner, u.assignees::text[], u.parent, u.thread, \
     u.depth, u.open_children, u.tags::text[], u.dedup_key from {rows}"
);

write_rows!(
    Update of row: Issue {
        project: &'a str => Text = row.name.project.as_str(),
        number: i64 => BigInt = row.name.number,
        version: i64 => BigInt = row.version,
        updated_at: PgTimestamp => Timestamptz = time::to_sql(row.updated_at),
        title: &'a str => Text = row.title.as_str(),
        description: &'a str => Text = row.description.as_str(),
        status: &'a str => Text = row.status.as_str(),
        resolution: &'a str => Text = row.resolution.as_str(),
        priority: i16 => SmallInt = row.priority,
        parameters: String => Text = json(&row.parameters),
        annotations: String => Text = json(&row.annotations),
        due_at: Option<PgTimestamp> => Nullable<Timestamptz> = row.due_at.map(time::to_sql),
        milestone: &'a str => Text = row.milestone.as_str(),
        closed_at: Option<PgTimestamp> => Nullable<Timestamptz> = row.closed_at.map(time::to_sql),
        step: i64 => BigInt = row.step,
        deleted_at: Option<PgTimestamp> => Nullable<Timestamptz> = row.deleted_at.map(time::to_sql),
        issue_type_revision: i64 => BigInt = row.issue_type_revision,
        workflow_revision: i64 => BigInt = row.workflow_revision,
        category: &'a str => Text = row.category.as_str(),
        visible_to: Option<String> => Nullable<Text> = visible_to(row),
        active: bool => Bool = row.active,
        owner: &'a str => Text = row.owner.as_str(),
        assignees: String => Text = assignees(row),
        parent: Option<i64> => Nullable<BigInt> = row.parent,
        thread: i64 => BigInt = row.thread,
        depth: i16 => SmallInt = row.depth,
        open_children: i32 => Integer = row.open_children,
        tags: String => Text = names(row.tags.iter().map(String::as_str)),
        dedup_key: &'a str => Text = row.dedup_key.as_str(),
    },
    "update issues i set version = u.version, updated_at = u.updated_at, title = u.title, \
     description = u.description, status = u.status, resolution = u.resolution, priority = \
     u.priority, parameters = u.parameters::jsonb, annotations = u.annotations::jsonb, due_at = \
     u.due_at, milestone = u.milestone, closed_at = u.closed_at, step = u.step, deleted_at = \
     u.deleted_at, issue_type_revision = u.issue_type_revision, workflow_revision = \
     u.workflow_revision, category = u.category, visible_to = u.visible_to::text[], active = \
     u.active, owner = u.owner, assignees = u.assignees::text[], parent = u.parent, thread = \
     u.thread, depth = u.depth, open_children = u.open_children, tags = u.tags::text[], dedup_key \
     = u.dedup_key from {rows} where i.ctid = (select k.ctid from issues k where k.project = \
     u.project and k.number = u.number)"
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
pub(super) async fn find(mut conn: &AsyncPgConnection, name: &IssueName) -> Result<Option<Issue>> {
    let (project, number) = (name.project.as_str(), name.number);
    let rows: Vec<Row> = Find { project, number, _of: PhantomData }.load(&mut conn).await?;
    Ok(rows.into_iter().next().map(issue))
}

/// Those of these issues that not everybody may see who may read their project: not locked.
pub(super) async fn restricted(
    mut conn: &AsyncPgConnection,
    names: &BTreeSet<IssueName>,
) -> Result<Vec<Issue>> {
    let projects = names.iter().map(|name| name.project.as_str()).collect();
    let numbers = names.iter().map(|name| name.number).collect();
    let rows: Vec<Row> = Restricted { projects, numbers, _of: PhantomData }.load(&mut conn).await?;
    Ok(rows.into_iter().map(issue).collect())
}

impl Table for Issue {
    const NAME: &str = "issues";

    async fn lock(mut conn: &AsyncPgConnection, keys: &BTreeSet<IssueName>) -> Result<Vec<Self>> {
        let projects = keys.iter().map(|key| key.project.as_str()).collect();
        let numbers = keys.iter().map(|key| key.number).collect();
        let rows: Vec<Row> = Lock { projects, numbers, _of: PhantomData }.load(&mut conn).await?;
        Ok(rows.into_iter().map(issue).collect())
    }

    fn insert<'a>(writes: &mut Writes<'a>, rows: &[&'a Self]) {
        writes.add(Insert::of(rows));
    }

    fn update<'a>(writes: &mut Writes<'a>, rows: &[&'a Self]) {
        writes.exactly(rows.len(), Update::of(rows));
    }
}

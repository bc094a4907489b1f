//! The table `configurations`.

mod body;

use std::collections::BTreeSet;
use std::marker::PhantomData;

use diesel::data_types::PgTimestamp;
use diesel::sql_types::{Array, BigInt, Jsonb, Nullable, Text, Timestamptz, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use serde_json::Value;
use uuid::Uuid;

use super::error::Result;
use super::prepared::{prepared, write_rows};
use super::table::Table;
use super::writes::Writes;
use super::{stored, time};
use crate::domain::configuration::{Configuration, Usage, UsageOf};
use crate::domain::name::{
    ActorName, ConfigurationKind, ConfigurationName, Id, IssueName, ProjectId,
};

type SqlRow = (
    Text,
    Text,
    Text,
    BigInt,
    SqlUuid,
    Timestamptz,
    Timestamptz,
    Text,
    Jsonb,
    Nullable<Timestamptz>,
);
type Row = (
    String,
    String,
    String,
    i64,
    Uuid,
    PgTimestamp,
    PgTimestamp,
    String,
    Value,
    Option<PgTimestamp>,
);

macro_rules! columns {
    () => {
        "c.project, c.kind, c.id, c.revision, c.uid, c.created_at, c.updated_at, c.creator, \
         c.body, c.deleted_at"
    };
}

prepared!(
    All(project: &'a str => Text) -> SqlRow,
    concat!("select ", columns!(), " from configurations c where c.project = {project}")
);

prepared!(
    Newest(project: &'a str => Text, kind: &'a str => Text, id: &'a str => Text) -> SqlRow,
    concat!("select ", columns!(), " from configurations c where c.project = {project} \
             and c.kind = {kind} and c.id = {id} order by c.revision desc limit 1")
);

prepared!(
    Revision(
        project: &'a str => Text,
        kind: &'a str => Text,
        id: &'a str => Text,
        revision: i64 => BigInt,
    ) -> SqlRow,
    concat!("select ", columns!(), " from configurations c where c.project = {project} \
             and c.kind = {kind} and c.id = {id} and c.revision = {revision}")
);

prepared!(
    Page(
        project: &'a str => Text,
        kind: &'a str => Text,
        after: &'a str => Text,
        limit: i64 => BigInt,
    ) -> SqlRow,
    concat!("select ", columns!(), " from (select distinct on (id) * from configurations \
             where project = {project} and kind = {kind} and id collate \"C\" > {after} \
             order by id, revision desc) as c where c.deleted_at is null \
             order by c.id collate \"C\" limit {limit}")
);

prepared!(
    Lock(
        projects: Vec<&'a str> => Array<Text>,
        kinds: Vec<&'a str> => Array<Text>,
        ids: Vec<&'a str> => Array<Text>,
        revisions: Vec<i64> => Array<BigInt>,
    ) -> SqlRow,
    concat!("select ", columns!(), " from (select * from unnest({projects}, {kinds}, {ids}, \
             {revisions}) as u (project, kind, id, revision) \
             order by project, kind, id, revision) as u cross join lateral (select * \
             from configurations c where c.project = u.project and c.kind = u.kind \
             and c.id = u.id and c.revision = u.revision for no key update) as c")
);

write_rows!(
    Insert of row: Configuration {
        project: &'a str => Text = row.name.project.as_str(),
        kind: &'a str => Text = row.name.kind.collection(),
        id: &'a str => Text = row.name.id.as_str(),
        revision: i64 => BigInt = row.revision,
        uid: Uuid => SqlUuid = row.uid,
        created_at: PgTimestamp => Timestamptz = time::to_sql(row.created_at),
        updated_at: PgTimestamp => Timestamptz = time::to_sql(row.updated_at),
        creator: &'a str => Text = row.creator.as_str(),
        body: String => Text = body::write(&row.body),
        deleted_at: Option<PgTimestamp> => Nullable<Timestamptz> = row.deleted_at.map(time::to_sql),
    },
    "insert into configurations ({columns}) select u.project, u.kind, u.id, u.revision, u.uid, \
     u.created_at, u.updated_at, u.creator, u.body::jsonb, u.deleted_at from {rows}"
);

prepared!(
    /// How many open issues have each of these statuses of a workflow.
    InStatuses(
        project: &'a str => Text,
        workflow: &'a str => Text,
        statuses: Vec<&'a str> => Array<Text>,
    ) -> (Text, BigInt),
    "select i.status, count(*) from issues i where i.project = {project} \
     and i.status = any({statuses}) and i.workflow = {workflow} and i.closed_at is null \
     and i.deleted_at is null group by i.status"
);

prepared!(
    /// The first open issues that have one of these statuses of a workflow.
    IssuesIn(
        project: &'a str => Text,
        workflow: &'a str => Text,
        statuses: Vec<&'a str> => Array<Text>,
        limit: i64 => BigInt,
    ) -> BigInt,
    "select i.number from issues i where i.project = {project} and i.status = any({statuses}) \
     and i.workflow = {workflow} and i.closed_at is null and i.deleted_at is null \
     order by i.number limit {limit}"
);

prepared!(
    /// How many open issues have a type.
    OfType(project: &'a str => Text, issue_type: &'a str => Text) -> BigInt,
    "select count(*) from issues i where i.project = {project} \
     and i.issue_type = {issue_type} and i.closed_at is null and i.deleted_at is null"
);

fn configuration(row: Row) -> Configuration {
    let (project, kind, id, revision, uid, created_at, updated_at, creator, body, deleted_at) = row;
    let kind = ConfigurationKind::ALL.iter().copied().find(|known| known.collection() == kind);
    let kind = kind.expect("the table's constraint knows the kinds");
    let id = Id::parse("id", &id).expect("the table's constraint holds the form of ids");
    Configuration {
        name: ConfigurationName { project: stored::project_id(&project), kind, id },
        uid,
        revision,
        created_at: time::from_sql(created_at),
        updated_at: time::from_sql(updated_at),
        creator: ActorName::stored(&creator),
        deleted_at: deleted_at.map(time::from_sql),
        body: body::read(kind, body),
    }
}

/// All configuration of a project, with all revisions.
pub(super) async fn all(
    mut conn: &AsyncPgConnection,
    project: &ProjectId,
) -> Result<Vec<Configuration>> {
    let rows: Vec<Row> =
        All { project: project.as_str(), _of: PhantomData }.load(&mut conn).await?;
    Ok(rows.into_iter().map(configuration).collect())
}

/// The newest revision of a piece of configuration, also of a deleted one.
pub(super) async fn newest(
    mut conn: &AsyncPgConnection,
    name: &ConfigurationName,
) -> Result<Option<Configuration>> {
    let (project, kind) = (name.project.as_str(), name.kind.collection());
    let newest = Newest { project, kind, id: name.id.as_str(), _of: PhantomData };
    let rows: Vec<Row> = newest.load(&mut conn).await?;
    Ok(rows.into_iter().next().map(configuration))
}

/// One revision of a piece of configuration; the last one of a deleted one says so.
pub(super) async fn revision(
    mut conn: &AsyncPgConnection,
    name: &ConfigurationName,
    revision: i64,
) -> Result<Option<Configuration>> {
    let (project, kind) = (name.project.as_str(), name.kind.collection());
    let find = Revision { project, kind, id: name.id.as_str(), revision, _of: PhantomData };
    let rows: Vec<Row> = find.load(&mut conn).await?;
    Ok(rows.into_iter().next().map(configuration))
}

/// Up to `limit` pieces of configuration after an id, in the order of ids, without deleted ones.
pub(super) async fn page(
    mut conn: &AsyncPgConnection,
    project: &ProjectId,
    kind: ConfigurationKind,
    after: &str,
    limit: i64,
) -> Result<Vec<Configuration>> {
    let (project, kind) = (project.as_str(), kind.collection());
    let rows: Vec<Row> =
        Page { project, kind, after, limit, _of: PhantomData }.load(&mut conn).await?;
    Ok(rows.into_iter().map(configuration).collect())
}

/// Which open issues use a piece of configuration.
pub(super) async fn usage(mut conn: &AsyncPgConnection, of: &UsageOf) -> Result<Usage> {
    let (project, id) = (of.name.project.as_str(), of.name.id.as_str());
    match of.name.kind {
        ConfigurationKind::IssueType => {
            let of_type = OfType { project, issue_type: id, _of: PhantomData };
            let open: i64 = of_type.get_result(&mut conn).await?;
            Ok(Usage { open, ..Usage::default() })
        }
        ConfigurationKind::Workflow => {
            let statuses: Vec<&str> = of.statuses.iter().map(String::as_str).collect();
            let in_statuses =
                InStatuses { project, workflow: id, statuses: statuses.clone(), _of: PhantomData };
            let counts: Vec<(String, i64)> = in_statuses.load(&mut conn).await?;
            let mut usage = Usage {
                open: counts.iter().map(|(_, count)| count).sum(),
                by_status: counts.into_iter().collect(),
                ..Usage::default()
            };
            if usage.open > 0 && of.issues_max > 0 {
                let limit = of.issues_max;
                let issues = IssuesIn { project, workflow: id, statuses, limit, _of: PhantomData };
                let numbers: Vec<i64> = issues.load(&mut conn).await?;
                let project = &of.name.project;
                let name = |number| IssueName { project: project.clone(), number };
                usage.issues = numbers.into_iter().map(name).collect();
            }
            Ok(usage)
        }
        // Actions stay on the revision of their type, and nothing else refers to one.
        ConfigurationKind::ActionType => Ok(Usage::default()),
    }
}

impl Table for Configuration {
    const NAME: &str = "configurations";

    async fn lock(
        mut conn: &AsyncPgConnection,
        keys: &BTreeSet<(ConfigurationName, i64)>,
    ) -> Result<Vec<Self>> {
        let lock = Lock {
            projects: keys.iter().map(|(name, _)| name.project.as_str()).collect(),
            kinds: keys.iter().map(|(name, _)| name.kind.collection()).collect(),
            ids: keys.iter().map(|(name, _)| name.id.as_str()).collect(),
            revisions: keys.iter().map(|(_, revision)| *revision).collect(),
            _of: PhantomData,
        };
        let rows: Vec<Row> = lock.load(&mut conn).await?;
        Ok(rows.into_iter().map(configuration).collect())
    }

    fn insert<'a>(writes: &mut Writes<'a>, rows: &[&'a Self]) {
        writes.add(Insert::of(rows));
    }

    /// # Panics
    /// Always: a revision never changes.
    fn update<'a>(_: &mut Writes<'a>, rows: &[&'a Self]) {
        assert!(rows.is_empty(), "a revision never changes");
    }
}

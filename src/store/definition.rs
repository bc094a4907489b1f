//! The table `definition_versions`.

use std::collections::BTreeSet;
use std::marker::PhantomData;

use diesel::sql_types::{Array, BigInt, Text};
use diesel_async::{AsyncPgConnection, RunQueryDsl};

use super::error::Result;
use super::prepared::{prepared, write_rows};
use super::stored;
use super::table::Table;
use super::writes::Writes;
use crate::domain::definition::{DefinitionKey, DefinitionKind, DefinitionVersion};

prepared!(
    Lock(projects: Vec<&'a str> => Array<Text>, kinds: Vec<&'a str> => Array<Text>)
        -> (Text, Text, BigInt),
    "select d.project, d.kind, d.version from (select * from unnest({projects}, {kinds}) \
     as u (project, kind) order by project, kind) as u cross join lateral (select * \
     from definition_versions d where d.project = u.project and d.kind = u.kind \
     for no key update) as d"
);

write_rows!(
    Insert of row: DefinitionVersion {
        project: &'a str => Text = row.key.project_id(),
        kind: &'a str => Text = row.key.kind.as_str(),
        version: i64 => BigInt = row.version,
    },
    "insert into definition_versions ({columns}) select * from {rows}"
);

write_rows!(
    Update of row: DefinitionVersion {
        project: &'a str => Text = row.key.project_id(),
        kind: &'a str => Text = row.key.kind.as_str(),
        version: i64 => BigInt = row.version,
    },
    "update definition_versions d set version = u.version from {rows} where d.ctid = (select \
     k.ctid from definition_versions k where k.project = u.project and k.kind = u.kind)"
);

/// A stored version. A kind that this release does not know is none of its business.
pub(super) fn version(
    (project, kind, version): (String, String, i64),
) -> Option<DefinitionVersion> {
    let kind = DefinitionKind::stored(&kind)?;
    let project = (!project.is_empty()).then(|| stored::project_id(&project));
    let key = DefinitionKey { project, kind };
    Some(DefinitionVersion { key, version })
}

impl Table for DefinitionVersion {
    const NAME: &str = "definition_versions";

    async fn lock(
        mut conn: &AsyncPgConnection,
        keys: &BTreeSet<DefinitionKey>,
    ) -> Result<Vec<Self>> {
        let projects = keys.iter().map(DefinitionKey::project_id).collect();
        let kinds = keys.iter().map(|key| key.kind.as_str()).collect();
        let rows = Lock { projects, kinds, _of: PhantomData }.load(&mut conn).await?;
        Ok(rows.into_iter().filter_map(version).collect())
    }

    fn insert<'a>(writes: &mut Writes<'a>, rows: &[&'a Self]) {
        writes.add(Insert::of(rows));
    }

    fn update<'a>(writes: &mut Writes<'a>, rows: &[&'a Self]) {
        writes.exactly(rows.len(), Update::of(rows));
    }
}

//! The table `inbound_keys`.

use std::collections::BTreeSet;
use std::marker::PhantomData;

use diesel::data_types::PgTimestamp;
use diesel::sql_types::{Array, Binary, Text, Timestamptz, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use uuid::Uuid;

use super::error::Result;
use super::prepared::{prepared, write_rows};
use super::table::Table;
use super::writes::Writes;
use super::{stored, time};
use crate::domain::message::{KnownMessage, MessageKey};

// Known messages never change, so nothing needs to be locked: a race to insert one is decided by
// the primary key.
prepared!(
    Find(projects: Vec<&'a str> => Array<Text>, keys: Vec<&'a [u8]> => Array<Binary>)
        -> (Text, Binary, SqlUuid, Timestamptz),
    "select k.project, k.key, k.message_id, k.expires_at \
     from unnest({projects}, {keys}) as u (project, key) cross join lateral \
     (select * from inbound_keys k where k.project = u.project and k.key = u.key limit 1) as k"
);

write_rows!(
    Insert of row: KnownMessage {
        project: &'a str => Text = row.key.project.as_str(),
        key: &'a [u8] => Binary = row.key.digest.as_slice(),
        message_id: Uuid => SqlUuid = row.uid,
        expires_at: PgTimestamp => Timestamptz = time::to_sql(row.expires_at),
    },
    "insert into inbound_keys ({columns}) select * from {rows}"
);

impl Table for KnownMessage {
    const NAME: &str = "inbound_keys";

    async fn lock(mut conn: &AsyncPgConnection, keys: &BTreeSet<MessageKey>) -> Result<Vec<Self>> {
        let projects = keys.iter().map(|key| key.project.as_str()).collect();
        let keys = keys.iter().map(|key| key.digest.as_slice()).collect();
        let find = Find { projects, keys, _of: PhantomData };
        let rows: Vec<(String, Vec<u8>, Uuid, PgTimestamp)> = find.load(&mut conn).await?;
        let row = |(project, key, uid, expires_at): (String, Vec<u8>, _, _)| {
            let digest = key.try_into().expect("the table's constraint holds the length");
            let key = MessageKey { project: stored::project_id(&project), digest };
            KnownMessage { key, uid, expires_at: time::from_sql(expires_at) }
        };
        Ok(rows.into_iter().map(row).collect())
    }

    fn insert<'a>(writes: &mut Writes<'a>, rows: &[&'a Self]) {
        writes.add(Insert::of(rows));
    }

    fn update<'a>(_: &mut Writes<'a>, rows: &[&'a Self]) {
        assert!(rows.is_empty(), "a known message never changes");
    }
}

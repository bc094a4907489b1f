//! The table `credentials`.

use std::collections::BTreeSet;
use std::marker::PhantomData;
use std::time::Duration;

use diesel::OptionalExtension as _;
use diesel::data_types::PgTimestamp;
use diesel::sql_types::{Array, BigInt, Binary, Nullable, Text, Timestamptz, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use uuid::Uuid;

use super::error::Result;
use super::prepared::{prepared, write_rows};
use super::table::Table;
use super::writes::Writes;
use super::{standing, time};
use crate::domain::name::{ActorName, CredentialName, Principal};
use crate::domain::people::{Credential, Standing};

prepared!(
    LettingIn(hash: &'a [u8] => Binary) -> (Text, Nullable<Timestamptz>, Timestamptz),
    "select actor, expires_at, potts_now() from credentials where token_hash = {hash} \
     and revoked_at is null and (expires_at is null or expires_at > potts_now())"
);

/// Whom a token lets in.
#[derive(Clone, Debug)]
pub struct LetIn {
    /// Who.
    pub actor: ActorName,
    /// What they may do; they may be disabled.
    pub standing: Standing,
    /// How long the token is still good; none: until it is revoked.
    pub expires_in: Option<Duration>,
}

/// Whom the token of that digest lets in: an actor that exists, disabled or not.
pub(super) async fn let_in(mut conn: &AsyncPgConnection, hash: &[u8]) -> Result<Option<LetIn>> {
    type Row = (String, Option<PgTimestamp>, PgTimestamp);
    let letting_in = LettingIn { hash, _of: PhantomData };
    let found: Option<Row> = letting_in.get_result(&mut conn).await.optional()?;
    let Some((actor, expires_at, now)) = found else { return Ok(None) };
    let actor = ActorName::stored(&actor);
    let standings = standing::find(conn, &[&Principal::from(actor.clone())]).await?;
    let left = expires_at.map(|at| time::from_sql(at).duration_since(time::from_sql(now)));
    let expires_in = left.map(|left| Duration::try_from(left).unwrap_or_default());
    Ok(standings.into_iter().next().map(|standing| LetIn { actor, standing, expires_in }))
}

type SqlRow = (
    (SqlUuid, Text, Timestamptz, Text),
    (Text, Binary, Nullable<Timestamptz>, Nullable<Timestamptz>),
);
type Row = (
    (Uuid, String, PgTimestamp, String),
    (String, Vec<u8>, Option<PgTimestamp>, Option<PgTimestamp>),
);

macro_rules! columns {
    () => {
        "c.uid, c.actor, c.created_at, c.creator, c.display_name, c.token_hash, c.expires_at, \
         c.revoked_at"
    };
}

prepared!(
    Lock(actors: Vec<&'a str> => Array<Text>, uids: Vec<Uuid> => Array<SqlUuid>) -> SqlRow,
    concat!("select ", columns!(), " from (select * from unnest({actors}, {uids}) \
             as u (actor, uid) order by actor, uid) as u cross join lateral (select * \
             from credentials c where c.uid = u.uid and c.actor = u.actor \
             for no key update) as c")
);

prepared!(
    Find(actor: &'a str => Text, uid: Uuid => SqlUuid) -> SqlRow,
    concat!("select ", columns!(), " from credentials c where c.uid = {uid} \
             and c.actor = {actor}")
);

prepared!(
    Page(actor: &'a str => Text, after: Uuid => SqlUuid, limit: i64 => BigInt) -> SqlRow,
    concat!("select ", columns!(), " from credentials c where c.actor = {actor} \
             and c.uid > {after} order by c.uid limit {limit}")
);

write_rows!(
    Insert of row: Credential {
        uid: Uuid => SqlUuid = row.name.uid,
        actor: &'a str => Text = row.name.actor.as_str(),
        created_at: PgTimestamp => Timestamptz = time::to_sql(row.created_at),
        creator: &'a str => Text = row.creator.as_str(),
        display_name: &'a str => Text = row.display_name.as_str(),
        token_hash: &'a [u8] => Binary = row.token_hash.as_slice(),
        expires_at: Option<PgTimestamp> => Nullable<Timestamptz> = row.expires_at.map(time::to_sql),
    },
    "insert into credentials ({columns}) select * from {rows}"
);

write_rows!(
    Update of row: Credential {
        uid: Uuid => SqlUuid = row.name.uid,
        revoked_at: Option<PgTimestamp> => Nullable<Timestamptz> = row.revoked_at.map(time::to_sql),
    },
    "update credentials c set revoked_at = u.revoked_at from {rows} where c.ctid = (select k.ctid \
     from credentials k where k.uid = u.uid)"
);

fn credential(row: Row) -> Credential {
    let ((uid, actor, created_at, creator), (display_name, token_hash, expires_at, revoked_at)) =
        row;
    Credential {
        name: CredentialName { actor: ActorName::stored(&actor), uid },
        created_at: time::from_sql(created_at),
        creator: ActorName::stored(&creator),
        display_name,
        token_hash: token_hash.try_into().expect("the table's constraint holds the length"),
        expires_at: expires_at.map(time::from_sql),
        revoked_at: revoked_at.map(time::from_sql),
    }
}

/// A credential, revoked or not.
pub(super) async fn find(
    mut conn: &AsyncPgConnection,
    name: &CredentialName,
) -> Result<Option<Credential>> {
    let find = Find { actor: name.actor.as_str(), uid: name.uid, _of: PhantomData };
    let rows: Vec<Row> = find.load(&mut conn).await?;
    Ok(rows.into_iter().next().map(credential))
}

/// Up to `limit` credentials of an actor after an id, oldest first, revoked or not.
pub(super) async fn page(
    mut conn: &AsyncPgConnection,
    actor: &ActorName,
    after: Uuid,
    limit: i64,
) -> Result<Vec<Credential>> {
    let page = Page { actor: actor.as_str(), after, limit, _of: PhantomData };
    let rows: Vec<Row> = page.load(&mut conn).await?;
    Ok(rows.into_iter().map(credential).collect())
}

impl Table for Credential {
    const NAME: &str = "credentials";

    async fn lock(
        mut conn: &AsyncPgConnection,
        keys: &BTreeSet<CredentialName>,
    ) -> Result<Vec<Self>> {
        let actors = keys.iter().map(|key| key.actor.as_str()).collect();
        let uids = keys.iter().map(|key| key.uid).collect();
        let rows: Vec<Row> = Lock { actors, uids, _of: PhantomData }.load(&mut conn).await?;
        Ok(rows.into_iter().map(credential).collect())
    }

    fn insert<'a>(writes: &mut Writes<'a>, rows: &[&'a Self]) {
        writes.add(Insert::of(rows));
    }

    fn update<'a>(writes: &mut Writes<'a>, rows: &[&'a Self]) {
        writes.exactly(rows.len(), Update::of(rows));
    }
}

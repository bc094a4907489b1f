//! The table `credentials`.

use std::marker::PhantomData;
use std::time::Duration;

use diesel::OptionalExtension as _;
use diesel::data_types::PgTimestamp;
use diesel::sql_types::{Binary, Nullable, Text, Timestamptz};
use diesel_async::{AsyncPgConnection, RunQueryDsl};

use super::error::Result;
use super::prepared::prepared;
use super::{standing, time};
use crate::domain::name::{ActorName, Principal};
use crate::domain::people::Standing;

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
pub(super) async fn let_in(conn: &mut AsyncPgConnection, hash: &[u8]) -> Result<Option<LetIn>> {
    type Row = (String, Option<PgTimestamp>, PgTimestamp);
    let letting_in = LettingIn { hash, _of: PhantomData };
    let found: Option<Row> = letting_in.get_result(conn).await.optional()?;
    let Some((actor, expires_at, now)) = found else { return Ok(None) };
    let actor = ActorName::stored(&actor);
    let standings = standing::find(conn, &[&Principal::from(actor.clone())]).await?;
    let left = expires_at.map(|at| time::from_sql(at).duration_since(time::from_sql(now)));
    let expires_in = left.map(|left| Duration::try_from(left).unwrap_or_default());
    Ok(standings.into_iter().next().map(|standing| LetIn { actor, standing, expires_in }))
}

//! Taking away for good what was deleted too long ago to be brought back.
//!
//! This is no command. From the moment that its time is over every rule and every read takes such
//! an issue for absent, so its rows are like calls that are remembered no longer: nobody can tell
//! whether they are there, and the log has nothing to say of them. A command would have to load and
//! lock every comment only to drop it, in a lane in which callers wait. The events stay, and so
//! does the counter of the project: a number is never given again.
//!
//! Any replica does it, at any time: what another one has locked is passed over.

use std::marker::PhantomData;

use diesel::sql_types::{Array, BigInt, Text};
use diesel_async::{AsyncPgConnection, RunQueryDsl, SimpleAsyncConnection as _};

use super::error::Result;
use super::prepared::prepared;
use crate::domain::issue::RESTORABLE;

/// How many issues go at a time: more would hold locks for longer than a batch takes.
pub const ISSUES_MAX: i64 = 200;

/// It waits for others less long than the database takes to look for a deadlock: so it is never a
/// batch that has to give way, whatever order this locks in. Everything is found by key, as it is
/// in the lanes.
const BEGIN: &str = "begin; set local lock_timeout = '100ms'; set local enable_seqscan = off; \
                     set local enable_hashjoin = off; set local enable_mergejoin = off";

// Nothing can be put below an issue that is deleted, or related to it, so what is found here stays
// so. One with parts stays hidden until they are gone: they name it.
prepared!(
    Lock(seconds: i64 => BigInt, limit: i64 => BigInt) -> (Text, BigInt),
    "select i.project, i.number from issues i \
     where i.deleted_at <= potts_now() - make_interval(secs => {seconds}) \
     and not exists (select from issues p where p.project = i.project and p.parent = i.number) \
     order by i.deleted_at limit {limit} for update of i skip locked"
);

/// The relations of issues that are found by one end, and the counts of the other ends.
macro_rules! unrelate {
    ($name:ident, $project:literal, $issue:literal, $far_project:literal, $far_issue:literal) => {
        prepared!(
            $name(projects: &'a [String] => Array<Text>, numbers: &'a [i64] => Array<BigInt>)
                -> (),
            concat!(
                "with gone as (delete from relations r using unnest({projects}, {numbers}) \
                 as u (project, number) where r.", $project, " = u.project and r.", $issue,
                " = u.number returning 'projects/' || r.", $far_project, " || '/issues/' || r.",
                $far_issue, " as parent), fewer as (select parent, count(*) as count from gone \
                 group by parent order by parent) \
                 update counters c set live = c.live - f.count from fewer f \
                 where c.parent = f.parent and c.noun = 'relations'"
            )
        );
    };
}

unrelate!(RelationsFrom, "project", "issue", "to_project", "to_issue");
unrelate!(RelationsTo, "to_project", "to_issue", "project", "issue");

// What is found by the names of the issues and of their actions.
prepared!(
    Remarks(projects: &'a [String] => Array<Text>, numbers: &'a [i64] => Array<BigInt>) -> (),
    "with named as materialized (select u.project, u.number, \
     'projects/' || u.project || '/issues/' || u.number as name \
     from unnest({projects}, {numbers}) as u (project, number)), \
     parents as materialized (select n.name from named n union all \
     select n.name || '/actions/' || a.number from named n cross join lateral \
     (select * from actions a where a.project = n.project and a.issue = n.number) as a), \
     said as (delete from comments c using parents p where c.parent = p.name), \
     shown as (delete from object_references r using parents p where r.parent = p.name) \
     delete from counters c using parents p where c.parent = p.name"
);

// Constraints are looked at once the statement has ended.
prepared!(
    Work(projects: &'a [String] => Array<Text>, numbers: &'a [i64] => Array<BigInt>) -> (),
    "with work as materialized (select a.uid from unnest({projects}, {numbers}) \
     as u (project, number) cross join lateral (select * from actions a \
     where a.project = u.project and a.issue = u.number) as a), \
     waiting as (delete from action_waits w using work where w.action_id = work.uid), \
     ready as (delete from ready_actions r using work where r.action_id = work.uid), \
     held as (delete from action_leases l using work where l.action_id = work.uid), \
     tried as (delete from attempts t using work where t.action_id = work.uid), \
     gates as (delete from dependencies d using work where d.action_id = work.uid), \
     keys as (delete from action_keys k using unnest({projects}, {numbers}) \
     as u (project, number) where k.project = u.project and k.issue = u.number) \
     delete from actions a using unnest({projects}, {numbers}) as u (project, number) \
     where a.project = u.project and a.issue = u.number"
);

prepared!(
    Issues(projects: &'a [String] => Array<Text>, numbers: &'a [i64] => Array<BigInt>) -> (),
    "delete from issues i using unnest({projects}, {numbers}) as u (project, number) \
     where i.project = u.project and i.number = u.number"
);

/// Takes away issues that can be brought back no more, with all that belongs to them. Answers how
/// many; [`ISSUES_MAX`] means that there may be more. After a failure the connection must not be
/// used again: dropped, it takes the transaction back.
pub(super) async fn purge(conn: &mut AsyncPgConnection) -> Result<usize> {
    conn.batch_execute(BEGIN).await?;
    let lock = Lock { seconds: RESTORABLE.as_secs(), limit: ISSUES_MAX, _of: PhantomData };
    let found: Vec<(String, i64)> = lock.load(conn).await?;
    let (projects, numbers): (Vec<String>, Vec<i64>) = found.into_iter().unzip();
    if !projects.is_empty() {
        let (projects, numbers, _of) = (projects.as_slice(), numbers.as_slice(), PhantomData);
        RelationsFrom { projects, numbers, _of }.execute(conn).await?;
        RelationsTo { projects, numbers, _of }.execute(conn).await?;
        Remarks { projects, numbers, _of }.execute(conn).await?;
        Work { projects, numbers, _of }.execute(conn).await?;
        Issues { projects, numbers, _of }.execute(conn).await?;
    }
    conn.batch_execute("commit").await?;
    Ok(projects.len())
}

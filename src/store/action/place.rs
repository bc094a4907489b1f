//! The tables `action_waits`, `ready_actions` and `action_leases`, the lines, and the keys.

use std::collections::BTreeMap;
use std::marker::PhantomData;

use diesel::data_types::PgTimestamp;
use diesel::sql_types::{
    Array, BigInt, Binary, Nullable, SmallInt, Text, Timestamptz, Uuid as SqlUuid,
};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use uuid::Uuid;

use crate::domain::action::{Action, Blocked, EndedState, Lease, Line, Place, Ready, Stop, Wait};
use crate::domain::name::{ActorName, Principal};
use crate::store::error::Result;
use crate::store::pipelined::heard;
use crate::store::prepared::prepared;
use crate::store::writes::Writes;
use crate::store::{stored, time};

// The row of `actions` is locked, so nobody else moves these, but claims: they take ready rows.
prepared!(
    Waits(ids: &'a [Uuid] => Array<SqlUuid>) -> (SqlUuid, Text, SmallInt, Nullable<Timestamptz>),
    "select w.action_id, w.reason, w.unmet, w.due_at from unnest({ids}) as u (id) \
     cross join lateral (select * from action_waits w where w.action_id = u.id limit 1) as w"
);

prepared!(
    Readies(ids: &'a [Uuid] => Array<SqlUuid>)
        -> (SqlUuid, Text, Array<Text>, SmallInt, BigInt, BigInt, Nullable<Timestamptz>),
    "select r.action_id, l.action_type, l.performers, l.level, r.vkey, r.ready_ms, r.expires_at \
     from (select * from unnest({ids}) as u (id) order by id) as u cross join lateral \
     (select * from ready_actions r where r.action_id = u.id for update) as r \
     cross join lateral (select * from lines l where l.line_id = r.line_id limit 1) as l"
);

prepared!(
    Seen(ids: &'a [Uuid] => Array<SqlUuid>)
        -> (SqlUuid, Text, Array<Text>, SmallInt, BigInt, BigInt, Nullable<Timestamptz>),
    "select r.action_id, l.action_type, l.performers, l.level, r.vkey, r.ready_ms, r.expires_at \
     from unnest({ids}) as u (id) cross join lateral \
     (select * from ready_actions r where r.action_id = u.id limit 1) as r \
     cross join lateral (select * from lines l where l.line_id = r.line_id limit 1) as l"
);

type SqlLease = (SqlLeaseOwn, SqlLeaseWork);
type SqlLeaseOwn = (
    SqlUuid,
    BigInt,
    Text,
    Timestamptz,
    Nullable<Timestamptz>,
    Nullable<Timestamptz>,
    Nullable<Timestamptz>,
);
type SqlLeaseWork = (Nullable<Text>, Nullable<Text>, Text, Nullable<SmallInt>, Text, BigInt);
type LeaseRow = (LeaseOwn, LeaseWork);
type LeaseOwn =
    (Uuid, i64, String, PgTimestamp, Option<PgTimestamp>, Option<PgTimestamp>, Option<PgTimestamp>);
type LeaseWork = (Option<String>, Option<String>, String, Option<i16>, String, i64);

prepared!(
    Leases(ids: &'a [Uuid] => Array<SqlUuid>) -> SqlLease,
    "select l.action_id, l.fence, l.actor, l.claimed_at, l.started_at, l.deadline_at, l.stop_at, \
     l.stop_state, l.stop_reason, l.step, l.progress, l.note, l.vkey \
     from unnest({ids}) as u (id) cross join lateral \
     (select * from action_leases l where l.action_id = u.id limit 1) as l"
);

macro_rules! leave {
    ($name:ident, $table:literal) => {
        prepared!(
            $name(ids: Vec<Uuid> => Array<SqlUuid>) -> (),
            concat!("delete from ", $table, " t using unnest({ids}) as u (id) where t.ctid = \
                     (select k.ctid from ", $table, " k where k.action_id = u.id)")
        );
    };
}
leave!(LeaveWaits, "action_waits");
leave!(LeaveReady, "ready_actions");
leave!(LeaveLeases, "action_leases");

prepared!(
    EnterWaits(
        ids: Vec<Uuid> => Array<SqlUuid>,
        reasons: Vec<&'a str> => Array<Text>,
        unmet: Vec<i16> => Array<SmallInt>,
        due_ats: Vec<Option<PgTimestamp>> => Array<Nullable<Timestamptz>>,
    ) -> (),
    "insert into action_waits (action_id, reason, unmet, due_at) \
     select * from unnest({ids}, {reasons}, {unmet}, {due_ats})"
);

prepared!(
    ChangeWaits(
        ids: Vec<Uuid> => Array<SqlUuid>,
        reasons: Vec<&'a str> => Array<Text>,
        unmet: Vec<i16> => Array<SmallInt>,
        due_ats: Vec<Option<PgTimestamp>> => Array<Nullable<Timestamptz>>,
    ) -> (),
    "update action_waits w set reason = u.reason, unmet = u.unmet, due_at = u.due_at \
     from unnest({ids}, {reasons}, {unmet}, {due_ats}) as u (id, reason, unmet, due_at) \
     where w.ctid = (select k.ctid from action_waits k where k.action_id = u.id)"
);

// Two batches may meet at a new line: the second one waits here for the first, which waits for
// nothing of ours any more, since all rows are locked and lines are taken in their order.
prepared!(
    MakeLines(
        projects: Vec<&'a str> => Array<Text>,
        digests: Vec<Vec<u8>> => Array<Binary>,
        action_types: Vec<&'a str> => Array<Text>,
        performers: Vec<String> => Array<Text>,
        levels: Vec<i16> => Array<SmallInt>,
    ) -> (),
    "insert into lines (project, digest, action_type, performers, level) \
     select u.project, u.digest, u.action_type, u.performers::text[], u.level \
     from unnest({projects}, {digests}, {action_types}, {performers}, {levels}) \
     as u (project, digest, action_type, performers, level) \
     where not exists (select from lines l where l.project = u.project and l.digest = u.digest) \
     order by u.project, u.digest on conflict on constraint lines_digest_unique do nothing"
);

prepared!(
    EnterReady(
        ids: Vec<Uuid> => Array<SqlUuid>,
        projects: Vec<&'a str> => Array<Text>,
        digests: Vec<Vec<u8>> => Array<Binary>,
        vkeys: Vec<i64> => Array<BigInt>,
        ready_mss: Vec<i64> => Array<BigInt>,
        expires_ats: Vec<Option<PgTimestamp>> => Array<Nullable<Timestamptz>>,
    ) -> (),
    "insert into ready_actions (action_id, line_id, vkey, ready_ms, expires_at) \
     select u.id, l.line_id, u.vkey, u.ready_ms, u.expires_at \
     from unnest({ids}, {projects}, {digests}, {vkeys}, {ready_mss}, {expires_ats}) \
     as u (id, project, digest, vkey, ready_ms, expires_at) cross join lateral (select * \
     from lines l where l.project = u.project and l.digest = u.digest limit 1) as l"
);

macro_rules! leases {
    ($name:ident, $text:expr) => {
        prepared!(
            $name(
                ids: Vec<Uuid> => Array<SqlUuid>,
                fences: Vec<i64> => Array<BigInt>,
                actors: Vec<&'a str> => Array<Text>,
                claimed_ats: Vec<PgTimestamp> => Array<Timestamptz>,
                started_ats: Vec<Option<PgTimestamp>> => Array<Nullable<Timestamptz>>,
                deadline_ats: Vec<Option<PgTimestamp>> => Array<Nullable<Timestamptz>>,
                stop_ats: Vec<Option<PgTimestamp>> => Array<Nullable<Timestamptz>>,
                stop_states: Vec<Option<&'a str>> => Array<Nullable<Text>>,
                stop_reasons: Vec<Option<&'a str>> => Array<Nullable<Text>>,
                steps: Vec<&'a str> => Array<Text>,
                progresses: Vec<Option<i16>> => Array<Nullable<SmallInt>>,
                notes: Vec<&'a str> => Array<Text>,
                vkeys: Vec<i64> => Array<BigInt>,
            ) -> (),
            $text
        );

        impl<'a> $name<'a> {
            fn of(rows: &[(Uuid, &'a Lease)]) -> $name<'a> {
                let leases = || rows.iter().map(|(_, lease)| *lease);
                let stops = || leases().map(|lease| lease.stop.as_ref());
                $name {
                    ids: rows.iter().map(|(uid, _)| *uid).collect(),
                    fences: leases().map(|lease| lease.fence).collect(),
                    actors: leases().map(|lease| lease.actor.as_str()).collect(),
                    claimed_ats: leases().map(|lease| time::to_sql(lease.claimed_at)).collect(),
                    started_ats: leases().map(|l| l.started_at.map(time::to_sql)).collect(),
                    deadline_ats: leases().map(|l| l.deadline_at.map(time::to_sql)).collect(),
                    stop_ats: stops().map(|s| s.map(|stop| time::to_sql(stop.at))).collect(),
                    stop_states: stops().map(|s| s.map(|stop| stop.end.as_str())).collect(),
                    stop_reasons: stops().map(|s| s.map(|stop| stop.reason.as_str())).collect(),
                    steps: leases().map(|lease| lease.step.as_str()).collect(),
                    progresses: leases().map(|lease| lease.progress).collect(),
                    notes: leases().map(|lease| lease.note.as_str()).collect(),
                    vkeys: leases().map(|lease| lease.vkey).collect(),
                    _of: PhantomData,
                }
            }
        }
    };
}
leases!(
    EnterLeases,
    "insert into action_leases (action_id, fence, actor, claimed_at, started_at, deadline_at, \
     stop_at, stop_state, stop_reason, step, progress, note, vkey) \
     select * from unnest({ids}, {fences}, {actors}, {claimed_ats}, {started_ats}, \
     {deadline_ats}, {stop_ats}, {stop_states}, {stop_reasons}, {steps}, {progresses}, {notes}, \
     {vkeys})"
);
leases!(
    ChangeLeases,
    "update action_leases l set started_at = u.started_at, deadline_at = u.deadline_at, \
     stop_at = u.stop_at, stop_state = u.stop_state, stop_reason = u.stop_reason, \
     step = u.step, progress = u.progress, note = u.note \
     from unnest({ids}, {fences}, {actors}, {claimed_ats}, {started_ats}, {deadline_ats}, \
     {stop_ats}, {stop_states}, {stop_reasons}, {steps}, {progresses}, {notes}, {vkeys}) \
     as u (id, fence, actor, claimed_at, started_at, deadline_at, stop_at, stop_state, \
     stop_reason, step, progress, note, vkey) \
     where l.ctid = (select k.ctid from action_leases k where k.action_id = u.id)"
);

prepared!(
    TakeKeys(
        projects: Vec<&'a str> => Array<Text>,
        issues: Vec<i64> => Array<BigInt>,
        keys: Vec<&'a str> => Array<Text>,
        numbers: Vec<i64> => Array<BigInt>,
    ) -> (),
    "insert into action_keys (project, issue, unique_key, number) \
     select * from unnest({projects}, {issues}, {keys}, {numbers})"
);

prepared!(
    FreeKeys(
        projects: Vec<&'a str> => Array<Text>,
        issues: Vec<i64> => Array<BigInt>,
        keys: Vec<&'a str> => Array<Text>,
    ) -> (),
    "delete from action_keys t using unnest({projects}, {issues}, {keys}) \
     as u (project, issue, key) where t.ctid = (select k.ctid from action_keys k \
     where k.project = u.project and k.issue = u.issue and k.unique_key = u.key)"
);

type ReadyRow = (Uuid, String, Vec<String>, i16, i64, i64, Option<PgTimestamp>);

fn ready(row: ReadyRow) -> (Uuid, Place) {
    let (uid, action_type, performers, level, vkey, ready_ms, expires_at) = row;
    let performers = performers.iter().map(|name| Principal::stored(name)).collect();
    let line = Line { action_type, performers, level };
    let expires_at = expires_at.map(time::from_sql);
    (uid, Place::Ready(Ready { line, vkey, ready_ms, expires_at }))
}

fn wait(row: (Uuid, String, i16, Option<PgTimestamp>)) -> (Uuid, Place) {
    let (uid, reason, unmet, due_at) = row;
    let reason = Blocked::stored(&reason).expect("the table's constraint knows the reasons");
    (uid, Place::Waiting(Wait { reason, unmet, due_at: due_at.map(time::from_sql) }))
}

fn lease((own, work): LeaseRow) -> (Uuid, Place) {
    let (uid, fence, actor, claimed_at, started_at, deadline_at, stop_at) = own;
    let (stop_state, stop_reason, step, progress, note, vkey) = work;
    let stop = stop_at.zip(stop_state).map(|(at, end)| Stop {
        at: time::from_sql(at),
        end: EndedState::stored(&end).expect("the table's constraint knows them"),
        reason: stop_reason.unwrap_or_default(),
    });
    let lease = Lease {
        fence,
        actor: ActorName::stored(&actor),
        claimed_at: time::from_sql(claimed_at),
        started_at: started_at.map(time::from_sql),
        deadline_at: deadline_at.map(time::from_sql),
        stop,
        step,
        progress,
        note,
        vkey,
    };
    (uid, Place::Leased(lease))
}

/// Where these live actions lie. Rows of lines are locked too: a claim takes them first.
pub(super) async fn read(
    conn: &AsyncPgConnection,
    uids: &[Uuid],
    locked: bool,
) -> Result<BTreeMap<Uuid, Place>> {
    if uids.is_empty() {
        return Ok(BTreeMap::new());
    }
    let of = PhantomData;
    let waits = async {
        let mut conn = conn;
        Ok(Waits { ids: uids, _of: of }.load(&mut conn).await?)
    };
    let readies = async {
        let mut conn = conn;
        Ok(match locked {
            true => Readies { ids: uids, _of: of }.load(&mut conn).await?,
            false => Seen { ids: uids, _of: of }.load(&mut conn).await?,
        })
    };
    let leases = async {
        let mut conn = conn;
        Ok(Leases { ids: uids, _of: of }.load(&mut conn).await?)
    };
    let (waits, readies, leases): (Vec<_>, Vec<_>, Vec<_>) =
        tokio::try_join!(biased; heard(waits), heard(readies), heard(leases))?;
    let places = waits.into_iter().map(wait).chain(readies.into_iter().map(ready));
    Ok(places.chain(leases.into_iter().map(lease)).collect())
}

/// What is to be done with the rows of the three tables.
#[derive(Default)]
struct Moves<'a> {
    left: [Vec<Uuid>; 3],
    waits: Vec<(Uuid, &'a Wait)>,
    changed_waits: Vec<(Uuid, &'a Wait)>,
    readies: Vec<(&'a Action, &'a Ready)>,
    leases: Vec<(Uuid, &'a Lease)>,
    changed_leases: Vec<(Uuid, &'a Lease)>,
}

impl<'a> Moves<'a> {
    fn enter(&mut self, action: &'a Action) {
        match &action.place {
            Place::Waiting(wait) => self.waits.push((action.uid, wait)),
            Place::Ready(ready) => self.readies.push((action, ready)),
            Place::Leased(lease) => self.leases.push((action.uid, lease)),
            Place::Ended(_) => (),
        }
    }

    fn exchange(&mut self, old: &'a Action, new: &'a Action) {
        let [waits, readies, leases] = &mut self.left;
        match (&old.place, &new.place) {
            (was, is) if was == is => return,
            (Place::Waiting(_), Place::Waiting(wait)) => {
                return self.changed_waits.push((new.uid, wait));
            }
            (Place::Leased(_), Place::Leased(lease)) => {
                return self.changed_leases.push((new.uid, lease));
            }
            (Place::Waiting(_), _) => waits.push(new.uid),
            (Place::Ready(_), _) => readies.push(new.uid),
            (Place::Leased(_), _) => leases.push(new.uid),
            (Place::Ended(_), _) => (),
        }
        self.enter(new);
    }

    fn write(self, writes: &mut Writes<'a>) {
        let [waits, readies, leases] = self.left;
        let of = PhantomData;
        if !waits.is_empty() {
            writes.exactly(waits.len(), LeaveWaits { ids: waits, _of: of });
        }
        if !readies.is_empty() {
            writes.exactly(readies.len(), LeaveReady { ids: readies, _of: of });
        }
        if !leases.is_empty() {
            writes.exactly(leases.len(), LeaveLeases { ids: leases, _of: of });
        }
        wait_again(writes, &self.waits, &self.changed_waits);
        if !self.changed_leases.is_empty() {
            let changed = ChangeLeases::of(&self.changed_leases);
            writes.exactly(self.changed_leases.len(), changed);
        }
        if !self.leases.is_empty() {
            writes.add(EnterLeases::of(&self.leases));
        }
        if !self.readies.is_empty() {
            enter_lines(writes, &self.readies);
        }
    }
}

fn wait_again<'a>(writes: &mut Writes<'a>, new: &[(Uuid, &'a Wait)], changed: &[(Uuid, &'a Wait)]) {
    if !changed.is_empty() {
        let change = ChangeWaits {
            ids: changed.iter().map(|(uid, _)| *uid).collect(),
            reasons: changed.iter().map(|(_, wait)| wait.reason.as_str()).collect(),
            unmet: changed.iter().map(|(_, wait)| wait.unmet).collect(),
            due_ats: changed.iter().map(|(_, wait)| wait.due_at.map(time::to_sql)).collect(),
            _of: PhantomData,
        };
        writes.exactly(changed.len(), change);
    }
    if !new.is_empty() {
        let enter = EnterWaits {
            ids: new.iter().map(|(uid, _)| *uid).collect(),
            reasons: new.iter().map(|(_, wait)| wait.reason.as_str()).collect(),
            unmet: new.iter().map(|(_, wait)| wait.unmet).collect(),
            due_ats: new.iter().map(|(_, wait)| wait.due_at.map(time::to_sql)).collect(),
            _of: PhantomData,
        };
        writes.add(enter);
    }
}

fn enter_lines<'a>(writes: &mut Writes<'a>, rows: &[(&'a Action, &'a Ready)]) {
    let lines: BTreeMap<(&str, Vec<u8>), &Line> =
        rows.iter().map(|(action, ready)| (line_key(action, ready), &ready.line)).collect();
    let make = MakeLines {
        projects: lines.keys().map(|(project, _)| *project).collect(),
        digests: lines.keys().map(|(_, digest)| digest.clone()).collect(),
        action_types: lines.values().map(|line| line.action_type.as_str()).collect(),
        performers: lines
            .values()
            .map(|line| stored::names(line.performers.iter().map(Principal::as_str)))
            .collect(),
        levels: lines.values().map(|line| line.level).collect(),
        _of: PhantomData,
    };
    writes.add(make);
    let keys = || rows.iter().map(|(action, ready)| line_key(action, ready));
    let enter = EnterReady {
        ids: rows.iter().map(|(action, _)| action.uid).collect(),
        projects: keys().map(|(project, _)| project).collect(),
        digests: keys().map(|(_, digest)| digest).collect(),
        vkeys: rows.iter().map(|(_, ready)| ready.vkey).collect(),
        ready_mss: rows.iter().map(|(_, ready)| ready.ready_ms).collect(),
        expires_ats: rows.iter().map(|(_, ready)| ready.expires_at.map(time::to_sql)).collect(),
        _of: PhantomData,
    };
    writes.exactly(rows.len(), enter);
}

fn line_key<'a>(action: &'a Action, ready: &Ready) -> (&'a str, Vec<u8>) {
    (action.name.issue.project.as_str(), ready.line.digest().to_vec())
}

/// Puts new actions where they belong.
pub(super) fn enter<'a>(writes: &mut Writes<'a>, rows: impl Iterator<Item = &'a Action>) {
    let mut moves = Moves::default();
    rows.for_each(|action| moves.enter(action));
    moves.write(writes);
}

/// Moves actions to where they belong.
pub(super) fn exchange<'a>(writes: &mut Writes<'a>, rows: &[(&'a Action, &'a Action)]) {
    let mut moves = Moves::default();
    rows.iter().for_each(|(old, new)| moves.exchange(old, new));
    moves.write(writes);
}

/// Takes the keys of actions that have one and have not ended.
pub(super) fn take_keys<'a>(writes: &mut Writes<'a>, rows: impl Iterator<Item = &'a Action>) {
    let takes = |row: &&Action| !row.unique_key.is_empty() && row.is_unfinished();
    let rows: Vec<&Action> = rows.filter(takes).collect();
    if rows.is_empty() {
        return;
    }
    let take = TakeKeys {
        projects: rows.iter().map(|row| row.name.issue.project.as_str()).collect(),
        issues: rows.iter().map(|row| row.name.issue.number).collect(),
        keys: rows.iter().map(|row| row.unique_key.as_str()).collect(),
        numbers: rows.iter().map(|row| row.name.number).collect(),
        _of: PhantomData,
    };
    writes.add(take);
}

/// Frees the keys of those that have ended, takes those of the repeated.
pub(super) fn exchange_keys<'a>(writes: &mut Writes<'a>, rows: &[(&'a Action, &'a Action)]) {
    let freed = |(old, new): &&(&Action, &Action)| {
        !old.unique_key.is_empty() && old.is_unfinished() && !new.is_unfinished()
    };
    let rows_freed: Vec<&'a Action> = rows.iter().filter(freed).map(|(old, _)| *old).collect();
    if !rows_freed.is_empty() {
        let free = FreeKeys {
            projects: rows_freed.iter().map(|row| row.name.issue.project.as_str()).collect(),
            issues: rows_freed.iter().map(|row| row.name.issue.number).collect(),
            keys: rows_freed.iter().map(|row| row.unique_key.as_str()).collect(),
            _of: PhantomData,
        };
        writes.exactly(rows_freed.len(), free);
    }
    let repeated = rows.iter().filter(|(old, _)| !old.is_unfinished()).map(|(_, new)| *new);
    take_keys(writes, repeated);
}

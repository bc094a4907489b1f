//! The table `dependencies`.

use std::marker::PhantomData;

use diesel::data_types::PgTimestamp;
use diesel::sql_types::{
    Array, BigInt, Bool, Nullable, SmallInt, Text, Timestamptz, Uuid as SqlUuid,
};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use uuid::Uuid;

use crate::domain::action::{Action, Gate, GateOn, Satisfy};
use crate::domain::name::{ActionName, IssueName, ProjectId};
use crate::store::error::Result;
use crate::store::prepared::prepared;
use crate::store::time;
use crate::store::writes::Writes;

prepared!(
    Find(ids: &'a [Uuid] => Array<SqlUuid>)
        -> (SqlUuid, Nullable<SqlUuid>, Nullable<BigInt>, Nullable<BigInt>, Nullable<Timestamptz>,
            Text, Bool, Bool),
    "select d.action_id, d.on_uid, d.on_issue, d.on_number, d.on_time, d.satisfy, d.met, \
     d.unsatisfiable from unnest({ids}) as u (id) cross join lateral (select * \
     from dependencies d where d.action_id = u.id order by d.ordinal) as d"
);

prepared!(
    Insert(
        ids: Vec<Uuid> => Array<SqlUuid>,
        ordinals: Vec<i16> => Array<SmallInt>,
        kinds: Vec<&'a str> => Array<Text>,
        uids: Vec<Option<Uuid>> => Array<Nullable<SqlUuid>>,
        issues: Vec<Option<i64>> => Array<Nullable<BigInt>>,
        numbers: Vec<Option<i64>> => Array<Nullable<BigInt>>,
        times: Vec<Option<PgTimestamp>> => Array<Nullable<Timestamptz>>,
        satisfies: Vec<&'a str> => Array<Text>,
        met: Vec<bool> => Array<Bool>,
        unsatisfiable: Vec<bool> => Array<Bool>,
    ) -> (),
    "insert into dependencies (action_id, ordinal, on_kind, on_uid, on_issue, on_number, on_time, \
     satisfy, met, unsatisfiable) select * from unnest({ids}, {ordinals}, {kinds}, {uids}, \
     {issues}, {numbers}, {times}, {satisfies}, {met}, {unsatisfiable})"
);

prepared!(
    Update(
        ids: Vec<Uuid> => Array<SqlUuid>,
        ordinals: Vec<i16> => Array<SmallInt>,
        met: Vec<bool> => Array<Bool>,
        unsatisfiable: Vec<bool> => Array<Bool>,
    ) -> (),
    "update dependencies d set met = u.met, unsatisfiable = u.unsatisfiable \
     from unnest({ids}, {ordinals}, {met}, {unsatisfiable}) \
     as u (id, ordinal, met, unsatisfiable) where d.ctid = (select k.ctid from dependencies k \
     where k.action_id = u.id and k.ordinal = u.ordinal)"
);

type Row = (Uuid, Option<Uuid>, Option<i64>, Option<i64>, Option<PgTimestamp>, String, bool, bool);

/// A gate of an action of that project.
fn gate(project: &ProjectId, row: Row) -> Gate {
    let (_, uid, issue, number, at, satisfy, met, unsatisfiable) = row;
    let issue = issue.map(|number| IssueName { project: project.clone(), number });
    let on = match (at, issue.zip(uid), number) {
        (Some(at), _, _) => GateOn::Time(time::from_sql(at)),
        (None, Some((issue, uid)), Some(number)) => {
            GateOn::Action(ActionName { issue, number }, uid)
        }
        (None, Some((issue, uid)), None) => GateOn::Issue(issue, uid),
        (None, None, _) => panic!("only we write gates, and always on something"),
    };
    let satisfy = Satisfy::stored(&satisfy).expect("the table's constraint knows them");
    Gate { on, satisfy, met, unsatisfiable }
}

/// The gates of these actions, in order; `project_of` says of which project an action is.
pub(super) async fn read(
    mut conn: &AsyncPgConnection,
    uids: &[Uuid],
    project_of: impl Fn(Uuid) -> Option<ProjectId>,
) -> Result<Vec<(Uuid, Gate)>> {
    let rows: Vec<Row> = Find { ids: uids, _of: PhantomData }.load(&mut conn).await?;
    let read = |row: Row| Some((row.0, gate(&project_of(row.0)?, row)));
    Ok(rows.into_iter().filter_map(read).collect())
}

fn ordinal(n: usize) -> i16 {
    i16::try_from(n).expect("an action has few dependencies")
}

/// Inserts the gates of new actions.
pub(super) fn insert<'a>(writes: &mut Writes<'a>, rows: &[&'a Action]) {
    let mut all = Insert {
        ids: Vec::new(),
        ordinals: Vec::new(),
        kinds: Vec::new(),
        uids: Vec::new(),
        issues: Vec::new(),
        numbers: Vec::new(),
        times: Vec::new(),
        satisfies: Vec::new(),
        met: Vec::new(),
        unsatisfiable: Vec::new(),
        _of: PhantomData,
    };
    for (row, (n, gate)) in
        rows.iter().flat_map(|row| row.gates.iter().enumerate().map(move |g| (row, g)))
    {
        let (kind, uid, issue, number, at) = match &gate.on {
            GateOn::Action(name, uid) => {
                ("ACTION", Some(*uid), Some(name.issue.number), Some(name.number), None)
            }
            GateOn::Issue(name, uid) => ("ISSUE", Some(*uid), Some(name.number), None, None),
            GateOn::Time(at) => ("TIME", None, None, None, Some(time::to_sql(*at))),
        };
        all.ids.push(row.uid);
        all.ordinals.push(ordinal(n));
        all.kinds.push(kind);
        all.uids.push(uid);
        all.issues.push(issue);
        all.numbers.push(number);
        all.times.push(at);
        all.satisfies.push(gate.satisfy.as_str());
        all.met.push(gate.met);
        all.unsatisfiable.push(gate.unsatisfiable);
    }
    if !all.ids.is_empty() {
        writes.add(all);
    }
}

/// Updates the gates that have been settled.
pub(super) fn update<'a>(writes: &mut Writes<'a>, rows: &[(&'a Action, &'a Action)]) {
    let changed: Vec<(Uuid, usize, &Gate)> = rows
        .iter()
        .flat_map(|(old, new)| {
            let pairs = old.gates.iter().zip(&new.gates).enumerate();
            pairs.filter(|(_, (was, is))| was != is).map(|(n, (_, is))| (new.uid, n, is))
        })
        .collect();
    if changed.is_empty() {
        return;
    }
    let update = Update {
        ids: changed.iter().map(|(uid, _, _)| *uid).collect(),
        ordinals: changed.iter().map(|(_, n, _)| ordinal(*n)).collect(),
        met: changed.iter().map(|(_, _, gate)| gate.met).collect(),
        unsatisfiable: changed.iter().map(|(_, _, gate)| gate.unsatisfiable).collect(),
        _of: PhantomData,
    };
    writes.exactly(changed.len(), update);
}

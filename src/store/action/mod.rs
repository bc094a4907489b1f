//! The tables of actions: `actions`, and the three in which those lie that have not ended.
//!
//! Whoever moves an action has locked its row in `actions`, so where it lies stays so while it is
//! looked up. Claims alone take a row of `ready_actions` first; they wait for nothing.

mod asks;
mod attempt;
mod draw;
mod due;
mod gate;
mod list;
mod place;
mod plans;
mod read;
mod row;

use std::collections::{BTreeMap, BTreeSet};

use diesel_async::AsyncPgConnection;
use uuid::Uuid;

pub(super) use asks::find as find_asked;
pub(super) use draw::draw;
pub use due::{Ended, GatePlace};
pub use list::{ActionList, ActionsOf};
pub use read::Attempts;
use row::{Locked, Row};

use super::error::Result;
use super::pipelined::heard;
use super::table::Table;
use super::writes::Writes;
use crate::domain::action::{Action, Gate, Place};
use crate::domain::name::{ActionName, ProjectId};

/// The actions of these rows, with places and gates.
async fn whole(conn: &AsyncPgConnection, rows: Vec<Row>, locked: bool) -> Result<Vec<Action>> {
    let uids: Vec<Uuid> = rows.iter().map(|row| row::identity(row).1).collect();
    if uids.is_empty() {
        return Ok(Vec::new());
    }
    let live = rows.iter().filter(|row| row::ended(row).is_none());
    let live: Vec<Uuid> = live.map(|row| row::identity(row).1).collect();
    let projects: BTreeMap<Uuid, ProjectId> =
        rows.iter().map(row::identity).map(|(name, uid)| (uid, name.issue.project)).collect();
    let (mut places, found) = tokio::try_join!(
        biased;
        place::read(conn, &live, locked),
        heard(gate::read(conn, &uids, |uid| projects.get(&uid).cloned())),
    )?;
    let mut gates: BTreeMap<Uuid, Vec<Gate>> = BTreeMap::new();
    for (uid, gate) in found {
        gates.entry(uid).or_default().push(gate);
    }
    let whole = |row: Row| {
        let (name, uid) = row::identity(&row);
        let place = match row::ended(&row) {
            Some(ended) => Place::Ended(ended),
            None => places.remove(&uid).unwrap_or_else(|| panic!("{name} lies nowhere")),
        };
        row::action(row, place, gates.remove(&uid).unwrap_or_default())
    };
    Ok(rows.into_iter().map(whole).collect())
}

/// Actions by name, of those that exist, in the order of their names: not locked. To be called
/// within a snapshot, else one that moves meanwhile lies nowhere.
pub(super) async fn find(
    conn: &AsyncPgConnection,
    names: &BTreeSet<ActionName>,
) -> Result<Vec<Action>> {
    let rows = row::read(conn, names.iter(), Locked::No).await?;
    whole(conn, rows, false).await
}

impl Table for Action {
    const NAME: &str = "actions";

    async fn lock(conn: &AsyncPgConnection, keys: &BTreeSet<ActionName>) -> Result<Vec<Self>> {
        let rows = row::read(conn, keys.iter(), Locked::Wait).await?;
        whole(conn, rows, true).await
    }

    fn insert<'a>(writes: &mut Writes<'a>, rows: &[&'a Self]) {
        row::insert(writes, rows);
        gate::insert(writes, rows);
        place::take_keys(writes, rows.iter().copied());
        place::enter(writes, rows.iter().copied());
    }

    fn replace<'a>(writes: &mut Writes<'a>, rows: &[(&'a Self, &'a Self)]) {
        // A sign of life leaves the version, and the row.
        let own = rows.iter().filter(|(old, new)| old.version != new.version);
        let own: Vec<(&'a Self, &'a Self)> = own.copied().collect();
        if !own.is_empty() {
            row::update(writes, &own);
        }
        gate::update(writes, rows);
        place::exchange_keys(writes, rows);
        place::exchange(writes, rows);
    }

    fn update<'a>(_: &mut Writes<'a>, rows: &[&'a Self]) {
        assert!(rows.is_empty(), "an action is replaced: what it was says where it lay");
    }
}

//! What a batch is decided by: found, locked and loaded in the one order; and written back.

use std::collections::BTreeSet;

use uuid::Uuid;

use super::batch::{self, Replays, World};
use super::definitions::Cache;
use super::queue::Pending;
use crate::domain::asks::Found;
use crate::domain::definition::{DefinitionKey, Definitions};
use crate::domain::event::Seq;
use crate::domain::working_set::nouns::*;
use crate::domain::working_set::{Footprint, Rows, WorkingSet, for_each_noun};
use crate::store::{Fault, Resolve, Session, Tx, Writes};
use crate::stream::Position;

/// The versions of the definitions that a batch is decided by.
pub type Used = Vec<(DefinitionKey, i64)>;

/// Begins a transaction, finds out what is known of the calls, locks and loads what they need.
pub async fn begin<'a, 'c>(
    session: &'a mut Session,
    cache: &'c mut Cache,
    batch: &[Pending],
) -> Result<(Tx<'a>, World<'c>, Used), Fault> {
    let wanted = batch::footprint(batch, &Replays::new());
    let calls: Vec<(String, Uuid)> = batch.iter().map(call_of).collect();
    let resolve = Resolve {
        calls: calls.iter().map(|(caller, id)| (caller.as_str(), *id)).collect(),
        definitions: wanted.definition_keys().collect(),
        asks: wanted.asks.clone(),
    };
    let tx = session.open().await?;
    // What nobody has to look for is locked in the same round trip.
    let is_named = wanted.asks.is_empty();
    let lock_named = async {
        match is_named {
            true => lock_first(&tx, &wanted).await.map(Some),
            false => Ok(None),
        }
    };
    let (resolved, named) = tokio::try_join!(biased; tx.begin(&resolve), lock_named)?;

    let mut replays = Replays::new();
    for known in resolved.known {
        let position = match known.last_seq {
            Seq(0) => Position::default(),
            seq => tx
                .event_id(seq)
                .await?
                .map_or_else(Position::default, |id| Position::after(seq, id)),
        };
        replays.insert((known.caller.clone(), known.request_id), (known, position));
    }
    let mut footprint = if replays.is_empty() { wanted } else { batch::footprint(batch, &replays) };
    resolved.found.lock(&mut footprint);

    let mut used = cache.refresh(&tx, resolved.versions, &footprint).await?;
    let mut rows = match named {
        Some(rows) => rows,
        None => lock_first(&tx, &footprint).await?,
    };
    if !std::mem::take(&mut footprint.asks).are_met(&rows) {
        return Err(Fault::Stale("a parent changed before it was locked".into()));
    }
    // Whoever holds the lock of a definition compares it here: its own change must not look like
    // somebody else's.
    for (key, version) in &used {
        let held = footprint.definitions.contains(key);
        if held && rows.definitions.loaded(key).map(|d| d.version) != Some(*version) {
            return Err(Fault::Stale("a definition changed before it was locked".into()));
        }
    }
    used.retain(|(key, _)| !footprint.definitions.contains(key));
    let definitions = cache.definitions();
    let mut second = batch::expand(batch, &rows, definitions, resolved.now, &replays, footprint);
    find_exactly(&tx, &mut second, &resolved.found).await?;
    look_up_usage(&tx, &second, &mut rows).await?;
    if second.action_asks.names_any() {
        second.actions.extend(tx.find_actions(&second.action_asks).await?);
    }
    lock_second(&tx, &second, &mut rows).await?;
    draw(&tx, &second, definitions, &mut rows).await?;
    let world = World { rows, definitions, now: resolved.now, replays };
    Ok((tx, world, used))
}

/// Asks again, now that the first rows are locked. What is found then stays so to the end.
async fn find_exactly(tx: &Tx<'_>, footprint: &mut Footprint, first: &Found) -> Result<(), Fault> {
    if footprint.asks.is_empty() {
        return Ok(());
    }
    let found = tx.find(&footprint.asks).await?;
    if !found.is_locked(footprint, first) {
        return Err(Fault::Stale("what was asked for changed before it was locked".into()));
    }
    footprint.relations.extend(found.relations);
    Ok(())
}

/// Locks and loads what is known to be needed, table after table, in the one order, all in one
/// round trip.
async fn lock_first(tx: &Tx<'_>, footprint: &Footprint) -> Result<WorkingSet, Fault> {
    macro_rules! lock_all {
        ($($rows:ident: $noun:ident,)* ; $($late:ident: $second:ident,)*) => {{
            let ($($rows),*) = tokio::try_join!(biased; $(tx.lock::<$noun>(&footprint.$rows)),*)?;
            WorkingSet { $($rows,)* ..WorkingSet::default() }
        }};
    }
    Ok(for_each_noun!(lock_all))
}

/// Looks up who uses the configuration that a command is about to change, and locks the issues that
/// are to move. Nothing of the second step is locked yet, and the definition is: so only a batch
/// that locked other issues before can meet another one that waits for it.
async fn look_up_usage(
    tx: &Tx<'_>,
    footprint: &Footprint,
    rows: &mut WorkingSet,
) -> Result<(), Fault> {
    for of in &footprint.usage {
        let usage = tx.usage(of).await?;
        let unlocked = usage.issues.iter().filter(|name| !rows.issues.has(name));
        let unlocked: BTreeSet<_> = unlocked.cloned().collect();
        rows.issues.add(tx.lock::<Issue>(&unlocked).await?);
        rows.usage.insert(of.clone(), usage);
    }
    Ok(())
}

/// Locks and loads what the first rows have shown to be needed: the tables behind those.
async fn lock_second(
    tx: &Tx<'_>,
    footprint: &Footprint,
    rows: &mut WorkingSet,
) -> Result<(), Fault> {
    macro_rules! lock_all {
        ($($rows:ident: $noun:ident,)* ; $($late:ident: $second:ident,)*) => {
            $(rows.$late = tx.lock::<$second>(&footprint.$late).await?;)*
        };
    }
    for_each_noun!(lock_all);
    Ok(())
}

/// Draws ready actions from the lines, passing over those that others have locked. Last of all,
/// because it never waits: so this batch waits for nobody who waits for what is drawn here.
async fn draw(
    tx: &Tx<'_>,
    footprint: &Footprint,
    definitions: &Definitions,
    rows: &mut WorkingSet,
) -> Result<(), Fault> {
    for (draw, take) in footprint.action_asks.takes() {
        let Some(standing) = definitions.standing(&draw.actor.clone().into()) else { continue };
        let drawn = tx.draw_actions(draw, standing, take).await?;
        let names: Vec<_> = drawn.iter().map(|action| action.name.clone()).collect();
        rows.actions.add(Rows::load(&names.iter().cloned().collect(), drawn));
        // Who may see an action is for its issue to say, and claims lock no issue.
        let issues: BTreeSet<_> = names.iter().map(|name| name.issue.clone()).collect();
        let restricted = tx.restricted_issues(&issues).await?;
        let found = restricted.iter().map(|issue| issue.name.clone()).collect();
        rows.issues.add(Rows::load(&found, restricted));
        rows.drawn.insert(draw.clone(), names);
    }
    Ok(())
}

/// Writes what has changed, table after table, in the same order: of each, first the rows that are
/// gone.
pub fn write<'a>(writes: &mut Writes<'a>, rows: &'a WorkingSet) {
    macro_rules! write_all {
        ($($rows:ident: $noun:ident,)* ; $($late:ident: $second:ident,)*) => {
            $(writes.rows::<$noun>(&rows.$rows);)*
            $(writes.rows::<$second>(&rows.$late);)*
        };
    }
    for_each_noun!(write_all);
}

/// Who made a call, and its id.
pub fn call_of(pending: &Pending) -> (String, Uuid) {
    let call = &pending.command.call;
    (call.caller.to_string(), call.request_id)
}

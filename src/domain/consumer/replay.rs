//! Parked events are tried again.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde_json::json;

use super::desk::Desk;
use super::{unexpired, whole_footprint};
use crate::domain::access::Subject;
use crate::domain::command::{At, Decide, Decision};
use crate::domain::error::Result;
use crate::domain::event::{EventType, Seq};
use crate::domain::name::ConsumerName;
use crate::domain::working_set::Footprint;

/// More at once would hold up others.
pub const REPLAY_MAX: usize = 500;

/// Has parked events tried again. Those that are not parked any more are passed over.
#[derive(Clone, Debug)]
pub struct ReplayParkedEvents {
    /// Of which consumer.
    pub name: ConsumerName,
    /// Which.
    pub seqs: BTreeSet<Seq>,
}

impl Decide for ReplayParkedEvents {
    fn subject(&self) -> Subject<'_> {
        Subject::Project(&self.name.project)
    }

    fn footprint(&self) -> Footprint {
        whole_footprint(&self.name)
    }

    fn expand(&self, at: &At<'_>) -> Footprint {
        let Some(consumer) = at.rows.consumers.find(&self.name) else {
            return Footprint::default();
        };
        Footprint {
            retries: self.seqs.iter().map(|seq| (consumer.run, *seq)).collect(),
            parked: self.seqs.iter().map(|seq| (consumer.uid, *seq)).collect(),
            ..Footprint::default()
        }
    }

    fn decide(&self, at: &At<'_>) -> Result<Decision> {
        let consumer = unexpired(at, &self.name)?;
        let mut desk = Desk::new(at, consumer);
        let parked: Vec<_> =
            self.seqs.iter().filter_map(|seq| at.rows.parked.find(&(consumer.uid, *seq))).collect();
        let (Some(first), Some(last)) = (parked.first(), parked.last()) else {
            return Ok(Decision::unchanged(Arc::clone(consumer)));
        };
        parked.iter().for_each(|parked| desk.replay(parked));
        let mut event = consumer.event(EventType::ConsumerReplayed);
        // The consumer itself has not changed.
        event.version = 0;
        event.data.insert("events".into(), json!(parked.len()));
        event.data.insert("first_seq".into(), json!(first.seq.0));
        event.data.insert("last_seq".into(), json!(last.seq.0));
        Ok(Decision { events: vec![event], ..desk.decision() })
    }
}

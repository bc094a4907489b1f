//! What others than subscribers are woken by.
//!
//! A bell says that it may be worth looking, never what is so: it can be rung twice, and who was
//! away has missed it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{broadcast, watch};

use super::frame::Frame;
use crate::domain::event::{may_be_claimable, moves_work};
use crate::domain::name::ProjectId;

/// Events that a listener may be behind by. One that is further behind is told that it has missed
/// some, and looks at everything.
const BEHIND_MAX: usize = 1_024;

/// What happened to what, in short: bells hold no event for longer than the ring does.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Moved {
    /// The type of the event.
    pub kind: String,
    /// By name.
    pub subject: String,
}

/// The bells of a hub.
#[derive(Debug)]
pub(super) struct Bells {
    moved: broadcast::Sender<Moved>,
    /// By the name of the project; those that somebody listens to.
    claimable: Mutex<BTreeMap<String, watch::Sender<()>>>,
}

impl Bells {
    pub fn new() -> Bells {
        Bells { moved: broadcast::Sender::new(BEHIND_MAX), claimable: Mutex::default() }
    }

    /// Tells what was committed.
    pub fn ring(&self, frames: &[Arc<Frame>]) {
        if self.moved.receiver_count() > 0 {
            for frame in frames.iter().filter(|frame| moves_work(&frame.kind)) {
                // Nobody listens any more: then nobody is to be woken.
                let (kind, subject) = (frame.kind.clone(), frame.subject.clone());
                let _ = self.moved.send(Moved { kind, subject });
            }
        }
        let mut claimable = self.lock();
        if claimable.is_empty() {
            return;
        }
        claimable.retain(|_, bell| bell.receiver_count() > 0);
        for frame in frames.iter().filter(|frame| may_be_claimable(&frame.kind)) {
            if let Some(bell) = claimable.get(&frame.project) {
                bell.send_replace(());
            }
        }
    }

    /// Every event that other work may have waited for, from now on.
    pub fn moved(&self) -> broadcast::Receiver<Moved> {
        self.moved.subscribe()
    }

    /// Rings when there may be something more to claim in a project.
    pub fn claimable(&self, project: &ProjectId) -> watch::Receiver<()> {
        let mut claimable = self.lock();
        claimable.entry(project.to_string()).or_default().subscribe()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, watch::Sender<()>>> {
        // Nothing that can panic is done under the lock.
        self.claimable.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use uuid::Uuid;

    use super::*;
    use crate::domain::event::Seq;

    fn frames(project: &str, kind: &str) -> Vec<Arc<Frame>> {
        vec![Arc::new(Frame {
            seq: Seq(1),
            event_id: Uuid::nil(),
            ends_command: true,
            project: project.into(),
            root: String::new(),
            subject: String::new(),
            kind: kind.into(),
            class: 1,
            bytes: Bytes::new(),
        })]
    }

    #[test]
    fn a_bell_rings_for_its_project_and_for_what_can_be_claimed() {
        let bells = Bells::new();
        let project = ProjectId::parse("id", "abc").unwrap();
        let heard = bells.claimable(&project);

        bells.ring(&frames("projects/other", "action.readied"));
        bells.ring(&frames("projects/abc", "action.claimed"));
        assert!(!heard.has_changed().unwrap());

        bells.ring(&frames("projects/abc", "action.readied"));
        assert!(heard.has_changed().unwrap());
    }

    #[test]
    fn bells_that_nobody_listens_to_are_taken_away() {
        let bells = Bells::new();
        let project = ProjectId::parse("id", "abc").unwrap();

        drop(bells.claimable(&project));
        bells.ring(&frames("projects/abc", "action.readied"));

        assert!(bells.lock().is_empty());
    }

    #[test]
    fn what_moves_work_is_passed_on() {
        let bells = Bells::new();
        let mut moved = bells.moved();

        bells.ring(&frames("projects/abc", "issue.updated"));
        bells.ring(&frames("projects/abc", "issue.closed"));

        assert_eq!(moved.try_recv().unwrap().kind, "issue.closed");
        assert!(moved.try_recv().is_err());
    }
}

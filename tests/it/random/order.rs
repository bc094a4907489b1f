//! The order of events within a command: what happened to a thing precedes what follows from it.

use super::log::{Command, Entry};

/// An event, and those of which one must have come before it, in the same command.
const FOLLOWS: [(&str, &[&str]); 3] = [
    ("issue.closed", &["issue.transitioned"]),
    ("issue.reopened", &["issue.transitioned"]),
    ("action.panicked", &["action.failed", "action.released"]),
];

/// Events that move actions of the issue that they are on.
const MOVES_ACTIONS: [&str; 6] = [
    "issue.transitioned",
    "issue.closed",
    "issue.activated",
    "issue.deactivated",
    "issue.deleted",
    "issue.undeleted",
];

/// Checks one command.
pub fn check(command: &Command) {
    let all = |told: &dyn Fn(&Entry) -> bool| -> Vec<usize> {
        let places = command.iter().enumerate().filter(|(_, entry)| told(entry));
        places.map(|(place, _)| place).collect()
    };
    for (place, entry) in command.iter().enumerate() {
        for (kind, after) in &FOLLOWS {
            let before = |first: &Entry| {
                after.contains(&first.kind.as_str())
                    && (&first.subject, first.version) == (&entry.subject, entry.version)
            };
            let preceded = all(&before).first().is_some_and(|first| *first < place);
            assert!(entry.kind != *kind || preceded, "{kind} comes first: {command:#?}");
        }
        if entry.noun() == "action" {
            let moves = |first: &Entry| {
                first.subject == entry.root && MOVES_ACTIONS.contains(&first.kind.as_str())
            };
            assert!(all(&moves).iter().all(|first| *first < place), "{entry:?}: {command:#?}");
        }
    }
    // The service looks after many actions in one command; callers do one thing each.
    let ends: Vec<usize> = all(&|entry| entry.end().is_some());
    if let ([end], false) = (&ends[..], command[0].actor == "actors/potts") {
        let moved = all(&|entry| matches!(&*entry.kind, "action.readied" | "action.blocked"));
        assert!(moved.iter().all(|moved| moved > end), "what waited comes after: {command:#?}");
    }
}

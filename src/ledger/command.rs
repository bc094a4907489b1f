//! What the ledger is asked, and what it answers.

use tokio::time::Instant;
use uuid::Uuid;

use crate::domain::command::{Resource, Verb};
use crate::domain::name::ActorName;
use crate::stream::Position;

/// How urgent a command is when the queue fills: who makes room for others is admitted longest.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Class {
    /// Takes on more work.
    Claim,
    /// A call from outside.
    Client,
    /// Ends work that is held.
    Finish,
}

/// Who asks, as what call, and until when the answer is of use.
#[derive(Clone, Debug)]
pub struct Call {
    /// Who.
    pub caller: ActorName,
    /// The id of the call: the same one again happens once.
    pub request_id: Uuid,
    /// Whether the caller chose it; else the door made it.
    pub request_id_given: bool,
    /// Tells this call from another under the same id: SHA-256 of the request without its id, cut.
    pub fingerprint: [u8; 16],
    /// Until when.
    pub deadline: Instant,
    /// Decide, but write nothing.
    pub validate_only: bool,
}

/// A change that somebody wants.
#[derive(Clone, Debug)]
pub struct Command {
    /// Who asks, and how.
    pub call: Call,
    /// How urgent it is.
    pub class: Class,
    /// About how many bytes it holds.
    pub bytes: usize,
    /// What.
    pub verb: Verb,
}

impl Command {
    /// How many ready actions it wants that it does not name.
    pub fn draws(&self) -> usize {
        // Only claims do, and only they are asked: to say what a command needs takes a moment.
        if self.class != Class::Claim {
            return 0;
        }
        self.verb.rule().footprint().action_asks.draws.values().sum()
    }
}

/// A command that was acknowledged.
#[derive(Clone, Debug)]
pub struct Done {
    /// What it was about.
    pub answer: Answer,
    /// Of a call that was acknowledged before, the names of all that it was about; else none.
    pub names: Vec<String>,
    /// Whether it changed anything.
    pub changed: bool,
    /// Where the log ended after it.
    pub position: Position,
}

/// What a command was about.
#[derive(Clone, Debug)]
pub enum Answer {
    /// The thing as the command left it.
    Resource(Resource),
    /// The call was acknowledged before: the name of the thing, to be read as it is now.
    Replayed(String),
}

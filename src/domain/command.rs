//! Commands: a change that somebody wants, whichever door it came through.
//!
//! A command is all or nothing. `decide` of a [`Verb`] is pure: loaded rows, the command and the
//! time go in; new rows and events, or a typed refusal, come out.

use std::fmt;
use std::sync::Arc;

use jiff::Timestamp;
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use super::access::{self, Subject};
use super::action::{
    Action, AddAction, AssignAction, CancelAction, ClaimAction, ClaimNextActions, CompleteAction,
    ExpireLeases, FailAction, HeartbeatAction, ReleaseAction, ReleaseHeld, RepeatAction,
    SettleGates, SkipAction, StartAction, UpdateAction, WakeDue,
};
use super::audience;
use super::comment::{Comment, CreateComment, DeleteComment, UpdateComment};
use super::configuration::{
    Configuration, CreateActionType, CreateIssueType, CreateWorkflow, DeleteActionType,
    DeleteIssueType, DeleteWorkflow, UpdateActionType, UpdateIssueType, UpdateWorkflow,
};
use super::consumer::{
    AckEvents, Consume, Consumer, CreateConsumer, DeleteConsumer, ExpireConsumer, ExtendEvents,
    FailEvents, LeaveConsumer, ParkEvents, PauseConsumer, ProgressConsumer, ReplayParkedEvents,
    ResetConsumer, ResumeConsumer, UpdateConsumer,
};
use super::definition::Definitions;
use super::error::Result;
use super::event::Event;
use super::issue::{
    ActivateIssue, AssignIssue, CloseIssue, CreateIssue, DeactivateIssue, DeleteIssue, Issue,
    ReopenIssue, TransitionIssue, UndeleteIssue, UpdateIssue,
};
use super::message::ReceiveMessage;
use super::name::{ActorName, AttemptName, MessageName};
use super::people::{
    Actor, CreateActor, CreateCredential, CreateGroup, CreateMember, Credential, DeleteActor,
    DeleteGroup, DeleteMember, DisableActor, EnableActor, Group, Member, RevokeCredential,
    UpdateActor, UpdateGroup, UpdateMember,
};
use super::project::{CreateProject, DeleteProject, Project, UpdateProject};
use super::reference::{CreateReference, DeleteReference, Reference, UpdateReference};
use super::relation::{CreateIssueRelation, DeleteIssueRelation, Relation};
use super::working_set::{Change, Footprint, Gone, WorkingSet};

/// A rule: what a command needs, and what it does.
pub trait Decide {
    /// What it is about, for the question who may do it.
    fn subject(&self) -> Subject<'_>;

    /// The rows it needs, and the definitions.
    fn footprint(&self) -> Footprint;

    /// The rows it needs besides, now that the first ones are locked: what belongs to an issue,
    /// say.
    fn expand(&self, at: &At<'_>) -> Footprint {
        let _ = at;
        Footprint::default()
    }

    /// Whether it changes what other commands are decided by.
    fn changes_definition(&self) -> bool {
        false
    }

    /// Whether it may change rows that nobody is told of: a sign of life, which would drown what
    /// happens.
    fn is_sign_of_life(&self) -> bool {
        false
    }

    /// What it does.
    fn decide(&self, at: &At<'_>) -> Result<Decision>;
}

macro_rules! verbs {
    ($($verb:ident),* $(,)?) => {
        /// One variant per changing call.
        #[derive(Clone, Debug)]
        pub enum Verb { $(#[doc = concat!("See [`", stringify!($verb), "`].")] $verb($verb),)* }

        $(impl From<$verb> for Verb {
            fn from(verb: $verb) -> Verb {
                Verb::$verb(verb)
            }
        })*

        impl Verb {
            /// Its rule.
            pub fn rule(&self) -> &dyn Decide {
                match self { $(Verb::$verb(verb) => verb,)* }
            }

            /// The name of the RPC that asks for it.
            pub fn name(&self) -> &'static str {
                match self { $(Verb::$verb(_) => stringify!($verb),)* }
            }
        }
    };
}

verbs! {
    CreateProject, UpdateProject, DeleteProject,
    CreateIssue, UpdateIssue, DeleteIssue, UndeleteIssue,
    TransitionIssue, CloseIssue, ReopenIssue,
    AssignIssue, ActivateIssue, DeactivateIssue,
    CreateIssueRelation, DeleteIssueRelation,
    CreateComment, UpdateComment, DeleteComment,
    CreateReference, UpdateReference, DeleteReference,
    ReceiveMessage,
    CreateWorkflow, UpdateWorkflow, DeleteWorkflow,
    CreateIssueType, UpdateIssueType, DeleteIssueType,
    CreateActionType, UpdateActionType, DeleteActionType,
    CreateActor, UpdateActor, DeleteActor, EnableActor, DisableActor,
    CreateGroup, UpdateGroup, DeleteGroup,
    CreateCredential, RevokeCredential,
    CreateMember, UpdateMember, DeleteMember,
    AddAction, UpdateAction, AssignAction, ClaimAction, ClaimNextActions, StartAction,
    HeartbeatAction, CompleteAction, FailAction, ReleaseAction, SkipAction, RepeatAction,
    CancelAction,
    ExpireLeases, ReleaseHeld, WakeDue, SettleGates,
    CreateConsumer, UpdateConsumer, DeleteConsumer, PauseConsumer, ResumeConsumer, ResetConsumer,
    Consume, AckEvents, FailEvents, ExtendEvents, ParkEvents, ReplayParkedEvents,
    LeaveConsumer, ProgressConsumer, ExpireConsumer,
}

impl Verb {
    /// What it does, if the caller may do it.
    pub fn decide(&self, at: &At<'_>) -> Result<Decision> {
        let rule = self.rule();
        access::check(at, self.name(), rule.subject())?;
        let mut decision = rule.decide(at)?;
        audience::settle(&mut decision, at.rows);
        Ok(decision)
    }
}

/// Everything a decision may look at.
#[derive(Clone, Copy)]
pub struct At<'a> {
    /// The rows of the footprint as they are now.
    pub rows: &'a WorkingSet,
    /// The definitions of the footprint.
    pub definitions: &'a Definitions,
    /// The time of the batch, by the clock of the database.
    pub now: Timestamp,
    /// Who asks.
    pub caller: &'a ActorName,
    /// What ids are made from: unique per command, so that `decide` needs no source of randomness.
    pub seed: Uuid,
}

impl At<'_> {
    /// The `n`-th id of this command: a UUIDv7 of its time, the rest drawn from the seed.
    pub fn uid(&self, n: u32) -> Uuid {
        let mut hash = Sha256::new();
        hash.update(self.caller.as_str());
        hash.update(self.seed);
        hash.update(n.to_be_bytes());
        let drawn: [u8; 32] = hash.finalize().into();
        let mut random = [0; 10];
        random.iter_mut().zip(drawn).for_each(|(to, from)| *to = from);
        let millis = u64::try_from(self.now.as_millisecond()).unwrap_or(0);
        uuid::Builder::from_unix_timestamp_millis(millis, &random).into_uuid()
    }
}

impl fmt::Debug for At<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("At").field("now", &self.now).field("caller", &self.caller).finish()
    }
}

/// What a command does.
#[derive(Clone, Debug)]
pub struct Decision {
    /// New values of rows.
    pub changes: Vec<Change>,
    /// Rows that are no more.
    pub gone: Vec<Gone>,
    /// What happened; empty exactly if nothing changed, but for signs of life.
    pub events: Vec<Event>,
    /// What the caller is answered.
    pub resource: Resource,
}

impl Decision {
    /// Nothing happens: it is so already.
    pub fn unchanged(resource: impl Into<Resource>) -> Decision {
        Decision {
            changes: Vec::new(),
            gone: Vec::new(),
            events: Vec::new(),
            resource: resource.into(),
        }
    }

    /// Whether it does anything.
    pub fn changed(&self) -> bool {
        !self.events.is_empty()
    }
}

macro_rules! resources {
    ($($variant:ident($resource:ty) = $doc:literal, |$it:ident| $name:expr;)*) => {
        /// What a command was about.
        #[derive(Clone, Debug, PartialEq)]
        pub enum Resource { $(#[doc = $doc] $variant($resource),)* }

        impl Resource {
            /// Its name: what a retry of the command is answered by.
            pub fn name(&self) -> String {
                match self { $(Resource::$variant($it) => $name.to_string(),)* }
            }
        }

        $(impl From<$resource> for Resource {
            fn from(resource: $resource) -> Resource {
                Resource::$variant(resource)
            }
        }

        /// Gives the resource back if it is another one.
        impl TryFrom<Resource> for $resource {
            type Error = Resource;

            fn try_from(resource: Resource) -> std::result::Result<$resource, Resource> {
                if let Resource::$variant(found) = resource { Ok(found) } else { Err(resource) }
            }
        })*
    };
}

resources! {
    Project(Arc<Project>) = "A project.", |project| project.id;
    Issue(Arc<Issue>) = "An issue.", |issue| issue.name;
    Relation(Arc<Relation>) = "A relation.", |relation| relation.name;
    Comment(Arc<Comment>) = "A comment.", |comment| comment.name;
    Reference(Arc<Reference>) = "A reference.", |reference| reference.name;
    Configuration(Arc<Configuration>) = "A piece of configuration.", |piece| piece.name;
    Actor(Arc<Actor>) = "An actor.", |actor| actor.name;
    Group(Arc<Group>) = "A group.", |group| group.name;
    Credential(Arc<Credential>) = "A credential.", |credential| credential.name;
    Member(Arc<Member>) = "A member of a project.", |member| member.name;
    Consumer(Arc<Consumer>) = "A consumer.", |consumer| consumer.name;
    Message(MessageName) = "A message, by its name.", |name| name;
    Action(Arc<Action>) = "An action.", |action| action.name;
    Actions(Vec<Arc<Action>>) = "Several actions; their names, one a line.",
        |actions| names(actions);
}

impl Resource {
    /// The names that are remembered: of several claims one each, those of the attempts that they
    /// are, as an action may be claimed again.
    pub fn names(&self) -> Vec<String> {
        if let Resource::Actions(actions) = self {
            let attempt = |action: &Arc<Action>| AttemptName {
                action: action.name.clone(),
                number: action.attempt,
            };
            return actions.iter().map(|action| attempt(action).to_string()).collect();
        }
        vec![self.name()]
    }
}

fn names(actions: &[Arc<Action>]) -> String {
    let names: Vec<String> = actions.iter().map(|action| action.name.to_string()).collect();
    names.join("\n")
}

//! Events: the catalogue of what can happen, and the facts themselves.

use std::fmt;

use jiff::Timestamp;
use uuid::Uuid;

use super::audience::Audience;
use super::cloud_event::CloudEvent;
use super::error::{Error, Reason, Result, quoted};
use super::name::{ActorName, ProjectId};
use super::value::Fields;

/// A place in the log: dense from 1; 0 is the place before the first event.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct Seq(pub i64);

impl Seq {
    /// The place of the event after this one.
    pub fn next(self) -> Seq {
        Seq(self.0 + 1)
    }
}

impl fmt::Display for Seq {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// What kind of event it is: a function of its type. The numbers are those of the contract and of
/// the log table.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum EventClass {
    /// The state of an object changed.
    Object = 1,
    /// Another service said something.
    Service = 2,
    /// A measured value changed.
    Environment = 3,
    /// A point in time was reached.
    Time = 4,
    /// Worth a note; changes no state that others act on.
    System = 5,
}

impl EventClass {
    /// The number that is stored and sent.
    pub fn number(self) -> i16 {
        match self {
            EventClass::Object => 1,
            EventClass::Service => 2,
            EventClass::Environment => 3,
            EventClass::Time => 4,
            EventClass::System => 5,
        }
    }

    /// The class of that number.
    pub fn of_number(number: i32) -> Option<EventClass> {
        use EventClass::{Environment, Object, Service, System, Time};
        [Object, Service, Environment, Time, System]
            .into_iter()
            .find(|class| i32::from(class.number()) == number)
    }
}

macro_rules! catalogue {
    ($($variant:ident = $name:literal, $class:ident, $description:literal;)*) => {
        /// What can happen.
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
        pub enum EventType { $(#[doc = $description] $variant,)* }

        impl EventType {
            /// The whole catalogue, by name.
            pub const ALL: &[EventType] = &[$(EventType::$variant,)*];

            /// The name that is stored and sent.
            pub fn as_str(self) -> &'static str {
                match self { $(EventType::$variant => $name,)* }
            }

            /// Its class.
            pub fn class(self) -> EventClass {
                match self { $(EventType::$variant => EventClass::$class,)* }
            }

            /// What happened, and what its data holds.
            pub fn description(self) -> &'static str {
                match self { $(EventType::$variant => $description,)* }
            }
        }
    };
}

catalogue! {
    ActionAdded = "action.added", Object,
        "An action was added to an issue. after: all its fields. data: dependencies[].";
    ActionAssigned = "action.assigned", Object,
        "It was said who alone may do an action, or that whoever may do it. after: assignee.";
    ActionBlocked = "action.blocked", Object,
        "An action waits, or waits for something else or less than before. data: reason, unmet, \
         until.";
    ActionCancelled = "action.cancelled", Object,
        "An action is not wanted any more. data: reason.";
    ActionClaimed = "action.claimed", Object,
        "Somebody took an action to do it. after: holder. data: attempt.";
    ActionCompleted = "action.completed", Object,
        "An action was done. data: attempt, result.";
    ActionFailed = "action.failed", Object,
        "An attempt at an action failed. data: attempt, error, retry_time where it is tried again.";
    ActionPanicked = "action.panicked", Object,
        "An action failed or was lost too often: somebody must look. data: attempt, error, reason.";
    ActionReadied = "action.readied", Object,
        "An action can be claimed.";
    ActionReleased = "action.released", Object,
        "An action was given back, or taken from its holder. data: attempt, reason: LOST, \
         HOLDER_DISABLED or what the holder said.";
    ActionRepeated = "action.repeated", Object,
        "An action that had ended is to be done again. data: attempt, reason.";
    ActionSkipped = "action.skipped", Object,
        "An action was left out. data: reason.";
    ActionStarted = "action.started", Object,
        "The holder of an action has begun. data: attempt, step.";
    ActionUpdated = "action.updated", Object,
        "Fields of an action changed, or its holder was asked to end it. data: changed[]; where it \
         was asked: stop_state, reason.";
    ActionTypeCreated = "action_type.created", System,
        "An action type was created. data: revision.";
    ActionTypeDeleted = "action_type.deleted", System,
        "An action type was deleted. data: revision.";
    ActionTypeUpdated = "action_type.updated", System,
        "An action type got a new revision. data: revision, changed[].";
    ActorCreated = "actor.created", System,
        "An actor was created. after: all its fields.";
    ActorDeleted = "actor.deleted", System,
        "An actor was deleted.";
    ActorDisabled = "actor.disabled", System,
        "An actor may act no more.";
    ActorEnabled = "actor.enabled", System,
        "A disabled actor may act again.";
    ActorUpdated = "actor.updated", System,
        "Fields of an actor changed. data: changed[].";
    CommentCreated = "comment.created", System,
        "A comment was made. subject: what it is on. data: comment.";
    CommentDeleted = "comment.deleted", System,
        "A comment was taken back. subject: what it was on. data: comment.";
    CommentUpdated = "comment.updated", System,
        "The text of a comment changed. subject: what it is on. data: comment, changed[].";
    ConsumerCreated = "consumer.created", System,
        "A consumer was created. after: all its fields. data: seq, the place that it starts after.";
    ConsumerDeleted = "consumer.deleted", System,
        "A consumer was deleted.";
    ConsumerExpired = "consumer.expired", System,
        "A consumer was too far behind, and holds the log no more. data: seq, how far it had come.";
    ConsumerPaused = "consumer.paused", System,
        "Nothing more is delivered to the members of a consumer.";
    ConsumerReplayed = "consumer.replayed", System,
        "Parked events of a consumer are tried again. data: events, how many; first_seq, last_seq.";
    ConsumerReset = "consumer.reset", System,
        "A consumer was moved to another place. data: seq, the place that it goes on after.";
    ConsumerResumed = "consumer.resumed", System,
        "A paused consumer goes on.";
    ConsumerUpdated = "consumer.updated", System,
        "Fields of a consumer changed. data: changed[].";
    CredentialCreated = "credential.created", System,
        "A credential of an actor was created. after: all its fields.";
    CredentialRevoked = "credential.revoked", System,
        "A credential was revoked: its token lets nobody in any more.";
    GroupCreated = "group.created", System,
        "A group was created. after: all its fields.";
    GroupDeleted = "group.deleted", System,
        "A group was deleted.";
    GroupUpdated = "group.updated", System,
        "Fields of a group changed. data: changed[].";
    IssueActivated = "issue.activated", Object,
        "Work on an issue may go on.";
    IssueAssigned = "issue.assigned", Object,
        "An issue was given to others. data: added[], removed[].";
    IssueClosed = "issue.closed", Object,
        "An issue was closed. data: resolution, message, duplicate_of.";
    IssueCreated = "issue.created", Object,
        "An issue was created. after: all its fields.";
    IssueDeactivated = "issue.deactivated", Object,
        "Work on an issue is to wait.";
    IssueDeleted = "issue.deleted", Object,
        "An issue was hidden.";
    IssueDescribed = "issue.described", System,
        "The title, the description or the annotations of an issue changed. data: changed[].";
    IssueReopened = "issue.reopened", Object,
        "A closed issue was opened again. data: message.";
    IssueTransitioned = "issue.transitioned", Object,
        "An issue got another status. data: transition, from, to, from_category, to_category, \
         message.";
    IssueUndeleted = "issue.undeleted", Object,
        "A hidden issue was brought back.";
    IssueUpdated = "issue.updated", Object,
        "Fields of an issue changed that others may act on. data: changed[].";
    IssueTypeCreated = "issue_type.created", System,
        "An issue type was created. data: revision.";
    IssueTypeDeleted = "issue_type.deleted", System,
        "An issue type was deleted. data: revision.";
    IssueTypeUpdated = "issue_type.updated", System,
        "An issue type got a new revision. data: revision, changed[].";
    MemberCreated = "member.created", System,
        "An actor or a group got a role in a project. after: all fields of the member.";
    MemberDeleted = "member.deleted", System,
        "An actor or a group lost its role in a project. before: all fields of the member.";
    MemberUpdated = "member.updated", System,
        "A member of a project got another role. data: changed[].";
    MessageReceived = "message.received", Service,
        "Another service sent a message. data: message, source, id, type, subject. payload: as \
         sent.";
    ProjectCreated = "project.created", System,
        "A project was created. after: all its fields.";
    ProjectDeleted = "project.deleted", System,
        "A project was deleted, with all its issues.";
    ProjectUpdated = "project.updated", System,
        "Fields of a project changed. data: changed[].";
    ReferenceCreated = "reference.created", System,
        "A reference was made. subject: what it is on. data: reference.";
    ReferenceDeleted = "reference.deleted", System,
        "A reference was taken away. subject: what it was on. data: reference.";
    ReferenceUpdated = "reference.updated", System,
        "Fields of a reference changed. subject: what it is on. data: reference, changed[].";
    RelationAdded = "relation.added", Object,
        "It was said how an issue stands to another. data: relation, issue, target, kind.";
    RelationRemoved = "relation.removed", Object,
        "It is not said any more how an issue stands to another. data: relation, issue, target, \
         kind.";
    WorkflowCreated = "workflow.created", System,
        "A workflow was created. data: revision.";
    WorkflowDeleted = "workflow.deleted", System,
        "A workflow was deleted. data: revision.";
    WorkflowUpdated = "workflow.updated", System,
        "A workflow got a new revision. data: revision, changed[].";
}

/// Something that happened, as a rule decides it. The ledger adds who, when and where in the log.
#[derive(Clone, PartialEq, Debug)]
pub struct Event {
    /// What.
    pub kind: EventType,
    /// Where; none is the installation.
    pub project: Option<ProjectId>,
    /// To what, by name.
    pub subject: String,
    /// The issue it belongs to, else the subject.
    pub root: String,
    /// The version of the subject afterwards; 0 where the subject did not change.
    pub version: i64,
    /// How often the status of the subject has changed, afterwards.
    pub step: i64,
    /// When it happened where it happened, if that was said.
    pub event_time: Option<Timestamp>,
    /// The changed fields as they were.
    pub before: Fields,
    /// The changed fields as they are.
    pub after: Fields,
    /// What else there is to say.
    pub data: Fields,
    /// The message as it was sent.
    pub payload: Option<CloudEvent>,
    /// Who may see it. There is no default: whoever makes an event has to know.
    pub audience: Audience,
}

impl Event {
    /// An event beside a thing that has not changed itself, and that is no issue and of none.
    pub fn beside(kind: EventType, project: Option<ProjectId>, subject: &str) -> Event {
        Event {
            kind,
            project,
            subject: subject.into(),
            root: subject.into(),
            version: 0,
            step: 0,
            event_time: None,
            before: Fields::new(),
            after: Fields::new(),
            data: Fields::new(),
            payload: None,
            audience: Audience::everybody(),
        }
    }
}

/// What the ledger adds to an event when it records it.
#[derive(Clone, PartialEq, Debug)]
pub struct Recorded {
    /// The id of the event.
    pub id: Uuid,
    /// Who caused it.
    pub actor: ActorName,
    /// When.
    pub at: Timestamp,
    /// Whether it is the last of its command.
    pub ends_command: bool,
}

/// Which event types to take.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum EventPattern {
    /// Exactly that one.
    Exact(String),
    /// All of a noun: `issue.*`. Holds the noun.
    Noun(String),
    /// All.
    All,
}

impl EventPattern {
    /// As it was written.
    pub fn to_text(&self) -> String {
        match self {
            EventPattern::Exact(exact) => exact.clone(),
            EventPattern::Noun(noun) => format!("{noun}.*"),
            EventPattern::All => "*".into(),
        }
    }

    /// One that was stored: a type that is known no more takes nothing.
    pub fn stored(text: &str) -> EventPattern {
        match text.strip_suffix(".*") {
            _ if text == "*" => EventPattern::All,
            Some(noun) => EventPattern::Noun(noun.into()),
            None => EventPattern::Exact(text.into()),
        }
    }

    /// Takes `issue.closed`, `issue.*` or `*`. One that no known type matches is refused: it would
    /// wait for ever.
    pub fn parse(field: &str, pattern: &str) -> Result<EventPattern> {
        let parsed = EventPattern::stored(pattern);
        if !EventType::ALL.iter().any(|known| parsed.takes(known.as_str())) {
            return Err(Error::Invalid {
                reason: Reason::EventTypeUnknown,
                field: field.into(),
                problem: format!("no event type matches {}", quoted(pattern)),
            });
        }
        Ok(parsed)
    }

    /// Whether it takes that type.
    pub fn takes(&self, kind: &str) -> bool {
        match self {
            EventPattern::Exact(exact) => exact == kind,
            EventPattern::Noun(noun) => noun_of(kind) == noun,
            EventPattern::All => true,
        }
    }
}

/// Whether events of that type say that somebody may do more or less than before.
pub fn concerns_people(kind: &str) -> bool {
    matches!(noun_of(kind), "actor" | "credential" | "group" | "member")
}

/// Whether after an event of that type there may be more to claim.
pub fn may_be_claimable(kind: &str) -> bool {
    matches!(
        kind,
        "action.assigned"
            | "action.readied"
            | "action.released"
            | "action.repeated"
            | "action.updated"
    )
}

/// Whether other work may have waited for an event of that type, or may now wait for a time. What
/// only says that work goes on does not count: it comes most often.
pub fn moves_work(kind: &str) -> bool {
    match noun_of(kind) {
        "action" => !matches!(kind, "action.claimed" | "action.started"),
        "actor" => true,
        "issue" => matches!(kind, "issue.closed" | "issue.activated" | "issue.undeleted"),
        _ => false,
    }
}

/// The first word of a type.
pub(super) fn noun_of(kind: &str) -> &str {
    kind.split('.').next().unwrap_or(kind)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_catalogue_is_sorted_and_well_formed() {
        let names: Vec<_> = EventType::ALL.iter().map(|kind| kind.as_str()).collect();

        assert!(names.is_sorted());
        assert!(names.iter().all(|name| name.split('.').count() == 2), "noun.verb: {names:?}");
    }

    #[test]
    fn patterns_take_what_they_say() {
        let takes =
            |pattern: &str, kind| EventPattern::parse("types", pattern).unwrap().takes(kind);

        assert!(takes("issue.closed", "issue.closed") && !takes("issue.closed", "issue.created"));
        assert!(takes("issue.*", "issue.closed") && !takes("issue.*", "project.created"));
        assert!(takes("*", "project.created"));
    }

    #[test]
    fn patterns_that_match_nothing_are_refused() {
        for wrong in
            ["", "issue", "issue.", "issue.clos*", "*.closed", "iss*", "ISSUE.*", ".*", "**"]
        {
            let error = EventPattern::parse("types", wrong).unwrap_err();
            assert_eq!(error.reason(), Reason::EventTypeUnknown, "{wrong:?}");
        }
    }

    #[test]
    fn class_numbers_read_back() {
        for kind in EventType::ALL {
            let number = i32::from(kind.class().number());
            assert_eq!(EventClass::of_number(number), Some(kind.class()));
        }
        assert_eq!(EventClass::of_number(0), None);
        assert_eq!(EventClass::of_number(6), None);
    }
}

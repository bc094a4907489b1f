//! What a piece of configuration says.

use jiff::SignedDuration;

use crate::domain::name::{ConfigurationKind, GroupName, Principal};
use crate::domain::schema::Schema;
use crate::domain::workflow::Workflow;

/// What it says, by kind.
#[derive(Clone, PartialEq, Debug)]
pub enum Body {
    /// Statuses and moves.
    Workflow(Workflow),
    /// A kind of issues.
    IssueType(IssueType),
    /// A kind of work.
    ActionType(ActionType),
}

/// Lists the fields that callers set, by their names in the contract: those that a mask may name.
macro_rules! fields {
    ($type:ident: $($field:ident),*) => {
        impl $type {
            /// The fields that callers set, by their names in the contract.
            pub const FIELDS: &'static [&'static str] = &[$(stringify!($field)),*];

            /// Takes one field as the other has it.
            fn take(&mut self, field: &str, from: &$type) {
                match field {
                    $(stringify!($field) => self.$field.clone_from(&from.$field),)*
                    _ => (),
                }
            }

            /// Whether they say the same in that field.
            fn agrees(&self, field: &str, other: &$type) -> bool {
                match field {
                    $(stringify!($field) => self.$field == other.$field,)*
                    _ => true,
                }
            }
        }
    };
}

fields!(Workflow: display_name, initial_status, statuses, transitions);
fields!(IssueType: display_name, kind, workflow, parameter_schema, visible_to);
fields!(ActionType:
    display_name, performers, parameter_schema, result_schema, steps, lease, attempts_max,
    losses_max, on_exhausted, expire_after
);

impl Body {
    /// Of which kind it is.
    pub fn kind(&self) -> ConfigurationKind {
        match self {
            Body::Workflow(_) => ConfigurationKind::Workflow,
            Body::IssueType(_) => ConfigurationKind::IssueType,
            Body::ActionType(_) => ConfigurationKind::ActionType,
        }
    }

    /// The fields of a kind that callers set, by their names in the contract.
    pub fn fields(kind: ConfigurationKind) -> &'static [&'static str] {
        match kind {
            ConfigurationKind::Workflow => Workflow::FIELDS,
            ConfigurationKind::IssueType => IssueType::FIELDS,
            ConfigurationKind::ActionType => ActionType::FIELDS,
        }
    }

    /// This one, with some fields as another of the same kind has them.
    #[must_use]
    pub fn with(&self, fields: &[&str], from: &Body) -> Body {
        let mut new = self.clone();
        for field in fields {
            match (&mut new, from) {
                (Body::Workflow(new), Body::Workflow(from)) => new.take(field, from),
                (Body::IssueType(new), Body::IssueType(from)) => new.take(field, from),
                (Body::ActionType(new), Body::ActionType(from)) => new.take(field, from),
                (Body::Workflow(_) | Body::IssueType(_) | Body::ActionType(_), _) => (),
            }
        }
        new
    }

    /// The fields in which another of the same kind says something else.
    pub fn changed(&self, old: &Body) -> Vec<&'static str> {
        let agrees = |field: &str| match (self, old) {
            (Body::Workflow(new), Body::Workflow(old)) => new.agrees(field, old),
            (Body::IssueType(new), Body::IssueType(old)) => new.agrees(field, old),
            (Body::ActionType(new), Body::ActionType(old)) => new.agrees(field, old),
            (Body::Workflow(_) | Body::IssueType(_) | Body::ActionType(_), _) => false,
        };
        Body::fields(self.kind()).iter().copied().filter(|field| !agrees(field)).collect()
    }

    /// Whom it names, by the field that names them.
    pub fn principals(&self) -> Vec<(String, Principal)> {
        let groups = |field: String, groups: &[GroupName]| -> Vec<(String, Principal)> {
            let one = |(n, g): (usize, &GroupName)| (format!("{field}[{n}]"), g.clone().into());
            groups.iter().enumerate().map(one).collect()
        };
        match self {
            Body::Workflow(workflow) => {
                let statuses = workflow.statuses.iter().enumerate();
                let statuses = statuses.flat_map(|(n, status)| {
                    groups(format!("statuses[{n}].visible_to"), &status.visible_to)
                });
                let transitions = workflow.transitions.iter().enumerate();
                let transitions = transitions.flat_map(|(n, transition)| {
                    groups(format!("transitions[{n}].allowed_groups"), &transition.allowed_groups)
                });
                statuses.chain(transitions).collect()
            }
            Body::IssueType(issue_type) => groups("visible_to".into(), &issue_type.visible_to),
            Body::ActionType(action_type) => {
                let one = |(n, who): (usize, &Principal)| (format!("performers[{n}]"), who.clone());
                action_type.performers.iter().enumerate().map(one).collect()
            }
        }
    }
}

/// What an issue is about, for programs.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum IssueKind {
    /// Something is broken.
    Bug,
    /// Something ought to be better.
    Enhancement,
    /// Something is to be done.
    Task,
    /// Somebody wants to know.
    Question,
    /// Of one's own.
    Custom,
}

impl IssueKind {
    /// All kinds.
    pub const ALL: &[IssueKind] = &[
        IssueKind::Bug,
        IssueKind::Enhancement,
        IssueKind::Task,
        IssueKind::Question,
        IssueKind::Custom,
    ];

    /// The kind of that stored name.
    pub fn stored(name: &str) -> Option<IssueKind> {
        IssueKind::ALL.iter().copied().find(|kind| kind.as_str() == name)
    }

    /// The name in rows and events: that of the contract without its prefix.
    pub fn as_str(self) -> &'static str {
        match self {
            IssueKind::Bug => "BUG",
            IssueKind::Enhancement => "ENHANCEMENT",
            IssueKind::Task => "TASK",
            IssueKind::Question => "QUESTION",
            IssueKind::Custom => "CUSTOM",
        }
    }
}

/// A kind of issues.
#[derive(Clone, PartialEq, Debug)]
pub struct IssueType {
    /// What people call it.
    pub display_name: String,
    /// What it is about.
    pub kind: IssueKind,
    /// The id of the workflow, of the project or built in.
    pub workflow: String,
    /// What the parameters must look like.
    pub parameter_schema: Schema,
    /// Who may see its issues; empty is all who may read the project.
    pub visible_to: Vec<GroupName>,
}

/// What becomes of an action that has failed too often.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum OnExhausted {
    /// It stops and waits for somebody.
    #[default]
    Panic,
    /// It ends as failed.
    Fail,
}

impl OnExhausted {
    /// Both.
    pub const ALL: &[OnExhausted] = &[OnExhausted::Panic, OnExhausted::Fail];

    /// The stored name: that of the contract without its prefix.
    pub fn as_str(self) -> &'static str {
        match self {
            OnExhausted::Panic => "PANIC",
            OnExhausted::Fail => "FAIL",
        }
    }

    /// What has that stored name.
    pub fn stored(name: &str) -> Option<OnExhausted> {
        OnExhausted::ALL.iter().copied().find(|what| what.as_str() == name)
    }
}

/// A kind of work.
#[derive(Clone, PartialEq, Debug)]
pub struct ActionType {
    /// What people call it.
    pub display_name: String,
    /// Who may do it; empty is everybody who may work in the project.
    pub performers: Vec<Principal>,
    /// What the parameters must look like.
    pub parameter_schema: Schema,
    /// What the result must look like.
    pub result_schema: Schema,
    /// The ids of its steps, in order; the first is entered by `StartAction`.
    pub steps: Vec<String>,
    /// How long the claim of a machine holds without a sign of life; none is [`LEASE_DEFAULT`].
    /// The claim of a person never ends by itself.
    pub lease: Option<SignedDuration>,
    /// How often it may fail before it is given up.
    pub attempts_max: i32,
    /// How often a lease may be lost before it is given up.
    pub losses_max: i32,
    /// What becomes of it then.
    pub on_exhausted: OnExhausted,
    /// Cancels what was not claimed after so long.
    pub expire_after: Option<SignedDuration>,
}

/// How long the claim of a machine holds if its type does not say.
pub const LEASE_DEFAULT: SignedDuration = SignedDuration::from_secs(30);
/// How often an action may fail, or lose its lease, if its type does not say.
pub const TRIES_DEFAULT: i32 = 5;

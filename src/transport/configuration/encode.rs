//! Configuration in the words of the contract.

use jiff::SignedDuration;
use prost::Message;

use crate::domain::configuration::{
    ActionType, Body, Configuration, IssueKind, IssueType, OnExhausted,
};
use crate::domain::etag;
use crate::domain::name::{ConfigurationKind, GroupName, Principal};
use crate::domain::workflow::{Status, Transition, Workflow};
use crate::proto;
use crate::proto::well_known::{to_struct, to_timestamp};
use crate::transport::encode::category;

/// A message that a piece of configuration is sent as.
pub(super) trait Sent: Message + Default {
    /// What it is.
    const KIND: ConfigurationKind;

    /// The message with what this body says, if it is of this kind.
    fn of(body: &Body) -> Option<Self>;

    /// Sets what the server sets.
    fn stamp(&mut self, stamp: Stamp);
}

/// What the server sets.
pub(super) struct Stamp {
    name: String,
    uid: String,
    etag: String,
    create_time: Option<prost_types::Timestamp>,
    update_time: Option<prost_types::Timestamp>,
    creator: String,
    revision: i64,
    built_in: bool,
}

/// A piece of configuration; none if it is of another kind.
pub(super) fn configuration<T: Sent>(configuration: &Configuration) -> Option<T> {
    let Configuration { name, uid, revision, created_at, updated_at, creator, body, .. } =
        configuration;
    let built_in = *revision == 0;
    let mut sent = T::of(body)?;
    sent.stamp(Stamp {
        name: name.to_string(),
        uid: uid.to_string(),
        etag: etag::of(*revision),
        create_time: (!built_in).then(|| to_timestamp(*created_at)),
        update_time: (!built_in).then(|| to_timestamp(*updated_at)),
        creator: creator.to_string(),
        revision: *revision,
        built_in,
    });
    Some(sent)
}

/// A piece of configuration that was decided and not written: without what the server would have
/// given it.
pub(super) fn configuration_to_be<T: Sent>(configuration: &Configuration) -> Option<T> {
    let mut sent = T::of(&configuration.body)?;
    sent.stamp(Stamp {
        name: String::new(),
        uid: String::new(),
        etag: String::new(),
        create_time: None,
        update_time: None,
        creator: configuration.creator.to_string(),
        revision: configuration.revision,
        built_in: false,
    });
    Some(sent)
}

macro_rules! sent {
    ($($message:ident by $write:ident),*) => {$(
        impl Sent for proto::$message {
            const KIND: ConfigurationKind = ConfigurationKind::$message;

            fn of(body: &Body) -> Option<Self> {
                if let Body::$message(body) = body { Some($write(body)) } else { None }
            }

            fn stamp(&mut self, stamp: Stamp) {
                let Stamp {
                    name, uid, etag, create_time, update_time, creator, revision, built_in,
                } = stamp;
                self.name = name;
                self.uid = uid;
                self.etag = etag;
                self.create_time = create_time;
                self.update_time = update_time;
                self.creator = creator;
                self.revision = revision;
                self.built_in = built_in;
            }
        }
    )*};
}

sent!(Workflow by workflow, IssueType by issue_type, ActionType by action_type);

fn groups(groups: &[GroupName]) -> Vec<String> {
    groups.iter().map(ToString::to_string).collect()
}

fn workflow(workflow: &Workflow) -> proto::Workflow {
    let Workflow { display_name, initial_status, statuses, transitions } = workflow;
    proto::Workflow {
        display_name: display_name.clone(),
        initial_status: initial_status.clone(),
        statuses: statuses.iter().map(status).collect(),
        transitions: transitions.iter().map(transition).collect(),
        ..proto::Workflow::default()
    }
}

fn status(status: &Status) -> proto::Status {
    let Status { id, category, visible_to, predicate } = status;
    proto::Status {
        id: id.clone(),
        category: self::category(*category).into(),
        visible_to: groups(visible_to),
        predicate: predicate.clone(),
    }
}

fn transition(transition: &Transition) -> proto::Transition {
    let Transition {
        id,
        from,
        to,
        condition,
        required_parameters,
        allowed_groups,
        require_actions_done,
        require_unblocked,
    } = transition;
    proto::Transition {
        id: id.clone(),
        from: from.clone(),
        to: to.clone(),
        condition: condition.source().into(),
        required_parameters: required_parameters.clone(),
        allowed_groups: groups(allowed_groups),
        require_actions_done: *require_actions_done,
        require_unblocked: *require_unblocked,
    }
}

fn issue_type(issue_type: &IssueType) -> proto::IssueType {
    let IssueType { display_name, kind, workflow, parameter_schema, visible_to } = issue_type;
    let kind = match kind {
        IssueKind::Bug => proto::IssueKind::Bug,
        IssueKind::Enhancement => proto::IssueKind::Enhancement,
        IssueKind::Task => proto::IssueKind::Task,
        IssueKind::Question => proto::IssueKind::Question,
        IssueKind::Custom => proto::IssueKind::Custom,
    };
    proto::IssueType {
        display_name: display_name.clone(),
        kind: kind.into(),
        workflow: workflow.clone(),
        parameter_schema: to_struct(parameter_schema.source()),
        visible_to: groups(visible_to),
        ..proto::IssueType::default()
    }
}

fn action_type(action_type: &ActionType) -> proto::ActionType {
    let ActionType {
        display_name,
        performers,
        parameter_schema,
        result_schema,
        steps,
        lease,
        attempts_max,
        losses_max,
        on_exhausted,
        expire_after,
    } = action_type;
    let on_exhausted = match on_exhausted {
        OnExhausted::Panic => proto::OnExhausted::Panic,
        OnExhausted::Fail => proto::OnExhausted::Fail,
    };
    proto::ActionType {
        display_name: display_name.clone(),
        performers: performers.iter().map(|who: &Principal| who.as_str().to_owned()).collect(),
        parameter_schema: to_struct(parameter_schema.source()),
        result_schema: to_struct(result_schema.source()),
        steps: steps.clone(),
        lease: lease.map(span),
        attempts_max: *attempts_max,
        losses_max: *losses_max,
        on_exhausted: on_exhausted.into(),
        expire_after: expire_after.map(span),
        ..proto::ActionType::default()
    }
}

fn span(span: SignedDuration) -> prost_types::Duration {
    prost_types::Duration { seconds: span.as_secs(), nanos: span.subsec_nanos() }
}

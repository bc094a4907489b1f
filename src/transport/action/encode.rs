//! Actions and attempts in the words of the contract.

use crate::domain::action::{
    Action, ActionError, Attempt, AttemptOutcome, Blocked, Gate, GateOn, Lease, Place, Satisfy,
    State,
};
use crate::domain::etag;
use crate::domain::name::{ActorName, AttemptName, Principal};
use crate::proto;
use crate::proto::dependency::On;
use crate::proto::well_known::{to_struct, to_timestamp};

/// An action, as somebody may see it: the fence is for the holder alone.
pub fn action(action: &Action, viewer: &ActorName) -> proto::Action {
    let Action {
        name,
        uid,
        version,
        created_at,
        updated_at,
        creator,
        title,
        description,
        action_type,
        action_type_revision: _,
        parameters,
        assignee,
        candidates,
        priority,
        unique_key,
        not_before,
        due_at,
        expires_at,
        attempt,
        last_outcome: _,
        failures: _,
        losses: _,
        backoff_ms: _,
        retry_at: _,
        result,
        error,
        last_error,
        step,
        ended_at,
        place,
        gates,
    } = action;
    let lease = place.lease();
    proto::Action {
        name: name.to_string(),
        uid: uid.to_string(),
        etag: etag::of(*version),
        create_time: Some(to_timestamp(*created_at)),
        update_time: Some(to_timestamp(*updated_at)),
        creator: creator.to_string(),
        title: title.clone(),
        description: description.clone(),
        action_type: action_type.clone(),
        parameters: to_struct(parameters),
        dependencies: gates.iter().map(dependency).collect(),
        assignee: assignee.as_ref().map(ToString::to_string).unwrap_or_default(),
        candidates: candidates.iter().map(Principal::to_string).collect(),
        priority: i32::from(*priority),
        unique_key: unique_key.clone(),
        not_before: not_before.map(to_timestamp),
        due_time: due_at.map(to_timestamp),
        state: state(place.state()).into(),
        blocked_reason: place.blocked().map_or(0, |reason| blocked(reason).into()),
        wake_time: wake_time(place),
        attempt: *attempt,
        attempt_step: lease.map(|lease| lease.step.clone()).unwrap_or_default(),
        fence: lease.filter(|held| held.actor == *viewer).map_or(0, |held| held.fence),
        holder: lease.map(|lease| lease.actor.to_string()).unwrap_or_default(),
        lease_expire_time: lease.and_then(Lease::ends_at).map(to_timestamp),
        progress: lease.and_then(|lease| lease.progress).map_or(0, i32::from),
        note: lease.map(|lease| lease.note.clone()).unwrap_or_default(),
        result: result.as_ref().and_then(to_struct),
        error: error.as_ref().map(self::error),
        last_error: last_error.as_ref().map(self::error),
        expire_time: expires_at.map(to_timestamp),
        end_time: ended_at.map(to_timestamp),
        step: *step,
        stop_time: lease.and_then(|lease| lease.stop.as_ref()).map(|stop| to_timestamp(stop.at)),
    }
}

/// An action that was decided and not written: without what the server would have given it.
pub fn action_to_be(action: &Action, viewer: &ActorName) -> proto::Action {
    proto::Action {
        name: String::new(),
        uid: String::new(),
        etag: String::new(),
        create_time: None,
        update_time: None,
        fence: 0,
        ..self::action(action, viewer)
    }
}

fn wake_time(place: &Place) -> Option<prost_types::Timestamp> {
    match place {
        Place::Waiting(wait) => wait.due_at.map(to_timestamp),
        Place::Ready(_) | Place::Leased(_) | Place::Ended(_) => None,
    }
}

/// Where an action stands.
pub fn state(state: State) -> proto::ActionState {
    match state {
        State::Pending => proto::ActionState::Pending,
        State::Ready => proto::ActionState::Ready,
        State::Claimed => proto::ActionState::Claimed,
        State::Running => proto::ActionState::Running,
        State::Panicked => proto::ActionState::Panicked,
        State::Succeeded => proto::ActionState::Succeeded,
        State::Failed => proto::ActionState::Failed,
        State::Skipped => proto::ActionState::Skipped,
        State::Cancelled => proto::ActionState::Cancelled,
    }
}

/// Why an action waits.
pub fn blocked(reason: Blocked) -> proto::BlockedReason {
    match reason {
        Blocked::IssueInactive => proto::BlockedReason::IssueInactive,
        Blocked::Dependencies => proto::BlockedReason::Dependencies,
        Blocked::Unsatisfiable => proto::BlockedReason::Unsatisfiable,
        Blocked::Parameters => proto::BlockedReason::Parameters,
        Blocked::Time => proto::BlockedReason::Time,
        Blocked::Panicked => proto::BlockedReason::Panicked,
    }
}

fn dependency(gate: &Gate) -> proto::Dependency {
    let Gate { on, satisfy, met, unsatisfiable } = gate;
    let (on, satisfy) = match on {
        GateOn::Action(name, _) => (On::Action(name.to_string()), self::satisfy(*satisfy)),
        GateOn::Issue(name, _) => (On::Issue(name.to_string()), proto::Satisfy::Unspecified),
        GateOn::Time(at) => (On::NotBefore(to_timestamp(*at)), proto::Satisfy::Unspecified),
    };
    let state = match (met, unsatisfiable) {
        (true, _) => proto::DependencyState::Met,
        (false, true) => proto::DependencyState::Unsatisfiable,
        (false, false) => proto::DependencyState::Open,
    };
    proto::Dependency { on: Some(on), satisfy: satisfy.into(), state: state.into() }
}

fn satisfy(satisfy: Satisfy) -> proto::Satisfy {
    match satisfy {
        Satisfy::SuccessOrSkip => proto::Satisfy::SuccessOrSkip,
        Satisfy::Success => proto::Satisfy::Success,
        Satisfy::AnyEnd => proto::Satisfy::AnyEnd,
        Satisfy::Failure => proto::Satisfy::Failure,
    }
}

fn error(error: &ActionError) -> proto::ActionError {
    let ActionError { name, message, attributes } = error;
    let (name, message) = (name.clone(), message.clone());
    proto::ActionError { name, message, attributes: to_struct(attributes) }
}

/// An attempt that has ended.
pub fn attempt(attempt: &Attempt) -> proto::Attempt {
    let Attempt {
        name,
        action_uid: _,
        actor,
        claimed_at,
        started_at,
        ended_at,
        step,
        outcome,
        error,
        result,
    } = attempt;
    let state = match outcome {
        AttemptOutcome::Succeeded => proto::AttemptState::Succeeded,
        AttemptOutcome::Failed => proto::AttemptState::Failed,
        AttemptOutcome::Lost => proto::AttemptState::Lost,
        AttemptOutcome::Released => proto::AttemptState::Released,
        AttemptOutcome::Panicked => proto::AttemptState::Panicked,
        AttemptOutcome::Cancelled => proto::AttemptState::Cancelled,
    };
    proto::Attempt {
        name: name.to_string(),
        state: state.into(),
        actor: actor.to_string(),
        claim_time: Some(to_timestamp(*claimed_at)),
        start_time: started_at.map(to_timestamp),
        end_time: Some(to_timestamp(*ended_at)),
        step: step.clone(),
        error: error.as_ref().map(self::error),
        result: result.as_ref().and_then(to_struct),
    }
}

/// The attempt that goes on, if somebody holds the action.
pub fn open_attempt(action: &Action) -> Option<proto::Attempt> {
    let lease = action.place.lease()?;
    let name = AttemptName { action: action.name.clone(), number: lease.fence };
    Some(proto::Attempt {
        name: name.to_string(),
        state: proto::AttemptState::Open.into(),
        actor: lease.actor.to_string(),
        claim_time: Some(to_timestamp(lease.claimed_at)),
        start_time: lease.started_at.map(to_timestamp),
        end_time: None,
        step: lease.step.clone(),
        error: None,
        result: None,
    })
}

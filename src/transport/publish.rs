//! `PublishEvents`: each message stands alone and has its own result.

use futures_util::{StreamExt as _, stream};

use super::auth::Caller;
use super::door::{Door, expected};
use super::status::{Told, tell};
use crate::domain::cloud_event::CloudEvent;
use crate::domain::error::{Error, Reason, Result, required, too_large};
use crate::domain::message::ReceiveMessage;
use crate::domain::name::MessageName;
use crate::domain::name::ProjectId;
use crate::ledger::{Answer, Command, Done};
use crate::proto::cloudevents;
use crate::proto::publish_result::Outcome;
use crate::proto::{
    PublishEventsRequest, PublishEventsResponse, PublishRefusal, PublishResult, PublishedMessage,
};
use crate::stream::Position;

/// More messages are several calls.
const EVENTS_MAX: usize = 1000;
/// A batch of the ledger holds as many; more would only take the places of other callers.
const IN_FLIGHT_MAX: usize = 256;

/// Records messages, in the order of the request.
pub(super) async fn publish(
    door: &Door,
    caller: &Caller,
    request: PublishEventsRequest,
) -> Result<PublishEventsResponse> {
    let PublishEventsRequest { parent, events, validate_only } = request;
    let project = ProjectId::parse_name("parent", &parent)?;
    if events.is_empty() {
        return Err(required("events"));
    }
    if events.len() > EVENTS_MAX {
        return Err(too_large("events", format_args!("{EVENTS_MAX} events")));
    }
    door.reader(caller, "PublishEvents", &project).await?;

    let one = |sent| {
        let command = command(caller, &project, sent, validate_only);
        async move { door.ledger.submit(command?).await }
    };
    // The lanes of the ledger are queues, and the futures are polled in this order first: so the
    // messages come into the log in the order of the request.
    let mut answers = stream::iter(events).map(one).buffered(IN_FLIGHT_MAX);
    let mut results = Vec::new();
    let mut end: Option<Position> = None;
    while let Some(answer) = answers.next().await {
        let outcome = match answer {
            Ok(done) => {
                end = later(end, done.position);
                Outcome::Message(published(done, validate_only)?)
            }
            Err(error) if is_of_all(&error) => return Err(error),
            Err(error) => Outcome::Refusal(refusal(error)),
        };
        results.push(PublishResult { outcome: Some(outcome) });
    }
    let cursor = end.map(|end| end.cursor(door.hub.epoch())).unwrap_or_default();
    Ok(PublishEventsResponse { results, cursor })
}

/// Whether it is said of the call: the project went away meanwhile, or the caller may not add to
/// it.
fn is_of_all(error: &Error) -> bool {
    matches!(error.reason(), Reason::ResourceNotFound | Reason::RoleRequired)
}

/// The later of two places.
fn later(end: Option<Position>, other: Position) -> Option<Position> {
    end.into_iter().chain([other]).max_by_key(|position| position.seq)
}

fn command(
    caller: &Caller,
    project: &ProjectId,
    sent: cloudevents::CloudEvent,
    validate_only: bool,
) -> Result<Command> {
    let message = CloudEvent::try_from(sent.clone())?;
    message.check()?;
    let verb = ReceiveMessage { project: project.clone(), message };
    Ok(caller.command("PublishEvents", &sent, validate_only, verb))
}

fn published(done: Done, validate_only: bool) -> Result<PublishedMessage> {
    let Done { answer, names: _, changed, position: _ } = done;
    let name = match answer {
        Answer::Resource(resource) => expected::<MessageName>("a message", resource)?.to_string(),
        Answer::Replayed(name) => name,
    };
    // A name that was decided and not written would be another one the next time.
    let name = if validate_only && changed { String::new() } else { name };
    Ok(PublishedMessage { name, duplicate: !changed })
}

fn refusal(error: Error) -> PublishRefusal {
    let told = tell(error);
    let reason = told.proto_reason().into();
    let Told { code, field, message, .. } = told;
    PublishRefusal { code: code.into(), reason, field, message }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::domain::command::Resource;
    use crate::domain::event::Seq;
    use crate::proto::ErrorReason;

    fn done(answer: Answer, changed: bool) -> Done {
        Done { answer, names: Vec::new(), changed, position: Position::default() }
    }

    fn message() -> Answer {
        let project = ProjectId::parse("p", "abc").unwrap();
        Answer::Resource(Resource::Message(MessageName { project, uid: Uuid::max() }))
    }

    #[test]
    fn what_was_there_before_is_a_duplicate() {
        let name = format!("projects/abc/messages/{}", Uuid::max());

        let new = published(done(message(), true), false).unwrap();
        let known = published(done(message(), false), false).unwrap();
        let validated = published(done(message(), true), true).unwrap();
        let replayed = published(done(Answer::Replayed(name.clone()), true), false).unwrap();

        assert_eq!((&new.name, new.duplicate), (&name, false));
        assert_eq!((&known.name, known.duplicate), (&name, true));
        assert_eq!((validated.name.as_str(), validated.duplicate), ("", false));
        assert_eq!((&replayed.name, replayed.duplicate), (&name, false));
    }

    #[test]
    fn a_refusal_says_what_a_call_of_its_own_would_be_told() {
        let refusal = refusal(Error::Invalid {
            reason: Reason::FieldInvalid,
            field: "attributes.time".into(),
            problem: "must be a timestamp".into(),
        });

        let PublishRefusal { code, reason, field, message } = refusal;
        assert_eq!((code, reason), (3, i32::from(ErrorReason::FieldInvalid)));
        assert_eq!(field, "attributes.time");
        assert_eq!(message, "attributes.time: must be a timestamp");
    }

    #[test]
    fn the_cursor_is_that_of_the_latest_message() {
        let at = |seq| Position { seq: Seq(seq), check: [0; 8] };

        assert_eq!(later(None, at(3)), Some(at(3)));
        assert_eq!(later(Some(at(3)), at(2)), Some(at(3)));
        assert_eq!(later(Some(at(3)), at(4)), Some(at(4)));
    }
}

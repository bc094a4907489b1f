//! Answers: nouns, events and messages of the stream in the words of the contract.

use prost::Message as _;

use super::well_known::{to_struct, to_timestamp};
use crate::domain::error::{Error, Result};
use crate::domain::etag;
use crate::domain::event::{EventClass, EventType, Seq};
use crate::domain::issue::Issue;
use crate::domain::project::Project;
use crate::domain::workflow::Category;
use crate::proto;
use crate::proto::subscribe_response::Message as Sent;
use crate::stream::{Epoch, Message};

/// A project.
pub(super) fn project(project: &Project) -> proto::Project {
    let Project { id, uid, version, created_at, updated_at, creator, display_name, deleted_at: _ } =
        project;
    proto::Project {
        name: id.to_string(),
        uid: uid.to_string(),
        etag: etag::of(*version),
        create_time: Some(to_timestamp(*created_at)),
        update_time: Some(to_timestamp(*updated_at)),
        creator: creator.to_string(),
        display_name: display_name.clone(),
    }
}

/// A project that was decided and not written: without what the server would have given it.
pub(super) fn project_to_be(project: &Project) -> proto::Project {
    proto::Project {
        name: String::new(),
        uid: String::new(),
        etag: String::new(),
        create_time: None,
        update_time: None,
        ..self::project(project)
    }
}

/// An issue.
pub(super) fn issue(issue: &Issue) -> proto::Issue {
    let state = match issue.is_closed() {
        true => proto::IssueState::Closed,
        false => proto::IssueState::Open,
    };
    let category = category(issue.category());
    let expires_at = issue.expires_at();
    let Issue {
        name,
        uid,
        version,
        created_at,
        updated_at,
        creator,
        title,
        description,
        workflow,
        status,
        resolution,
        priority,
        parameters,
        annotations,
        due_at,
        milestone,
        closed_at,
        step,
        deleted_at,
    } = issue;
    proto::Issue {
        name: name.to_string(),
        uid: uid.to_string(),
        key: name.key(),
        etag: etag::of(*version),
        create_time: Some(to_timestamp(*created_at)),
        update_time: Some(to_timestamp(*updated_at)),
        creator: creator.to_string(),
        title: title.clone(),
        description: description.clone(),
        state: state.into(),
        status: status.clone(),
        category: category.into(),
        resolution: resolution.clone(),
        priority: i32::from(*priority),
        parameters: to_struct(parameters),
        annotations: annotations.clone(),
        due_time: due_at.map(to_timestamp),
        milestone: milestone.clone(),
        close_time: closed_at.map(to_timestamp),
        step: *step,
        workflow: workflow.clone(),
        delete_time: deleted_at.map(to_timestamp),
        expire_time: expires_at.map(to_timestamp),
    }
}

/// An issue that was decided and not written: without what the server would have given it.
pub(super) fn issue_to_be(issue: &Issue) -> proto::Issue {
    proto::Issue {
        name: String::new(),
        uid: String::new(),
        key: String::new(),
        etag: String::new(),
        create_time: None,
        update_time: None,
        ..self::issue(issue)
    }
}

fn category(category: Category) -> proto::StatusCategory {
    match category {
        Category::Triage => proto::StatusCategory::Triage,
        Category::Todo => proto::StatusCategory::Todo,
        Category::InProgress => proto::StatusCategory::InProgress,
        Category::Review => proto::StatusCategory::Review,
        Category::Approval => proto::StatusCategory::Approval,
        Category::Testing => proto::StatusCategory::Testing,
        Category::Done => proto::StatusCategory::Done,
        Category::Cancelled => proto::StatusCategory::Cancelled,
    }
}

fn class(class: EventClass) -> proto::EventClass {
    match class {
        EventClass::Object => proto::EventClass::Object,
        EventClass::Service => proto::EventClass::Service,
        EventClass::Environment => proto::EventClass::Environment,
        EventClass::Time => proto::EventClass::Time,
        EventClass::System => proto::EventClass::System,
    }
}

/// A type of the catalogue.
pub(super) fn event_type(kind: EventType) -> proto::EventType {
    proto::EventType {
        r#type: kind.as_str().into(),
        class: class(kind.class()).into(),
        description: kind.description().into(),
    }
}

/// An event as the log holds it.
pub(super) fn event(seq: Seq, body: &[u8]) -> Result<proto::Event> {
    let event = proto::Event::decode(body).map_err(|error| {
        Error::Internal(anyhow::Error::from(error).context(format!("event {seq} is not readable")))
    })?;
    Ok(proto::Event { seq: seq.0, ..event })
}

/// A message of the stream.
pub(super) fn stream_message(message: Message, epoch: Epoch) -> proto::SubscribeResponse {
    let message = match message {
        Message::Started { cursor, oldest, head } => {
            let cursor = cursor.cursor(epoch);
            Sent::Started(proto::Started { cursor, oldest: oldest.0, head: head.0 })
        }
        Message::Batch { events, cursor, command_complete, head } => {
            Sent::Batch(proto::EventBatch {
                events,
                cursor: cursor.cursor(epoch),
                command_complete,
                lag: (head.0 - cursor.seq.0).max(0),
                head: head.0,
            })
        }
        Message::Checkpoint { cursor, head } => {
            let cursor = cursor.cursor(epoch);
            Sent::Checkpoint(proto::Checkpoint { cursor, head: head.0 })
        }
        Message::CaughtUp { cursor, head } => {
            let cursor = cursor.cursor(epoch);
            Sent::CaughtUp(proto::CaughtUp { cursor, head: head.0 })
        }
        Message::FellBehind { cursor, head } => {
            let cursor = cursor.cursor(epoch);
            Sent::FellBehind(proto::FellBehind { cursor, head: head.0 })
        }
    };
    proto::SubscribeResponse { message: Some(message) }
}

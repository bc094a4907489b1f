//! Answers: nouns, events and messages of the stream in the words of the contract.

use prost::Message as _;

use crate::domain::configuration::IssueKind;
use crate::domain::error::{Error, Result};
use crate::domain::etag;
use crate::domain::event::{EventClass, EventType};
use crate::domain::issue::Issue;
use crate::domain::name::IssueName;
use crate::domain::project::Project;
use crate::domain::reader::Seen;
use crate::domain::relation::{Relation, RelationKind};
use crate::domain::workflow::Category;
use crate::proto;
use crate::proto::subscribe_response::Message as Sent;
use crate::proto::well_known::{to_struct, to_timestamp};
use crate::store::PageRow;
use crate::stream::{Epoch, Message, hidden};

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
#[expect(clippy::too_many_lines, reason = "a field is a line, and has no second place")]
pub(super) fn issue(issue: &Issue) -> proto::Issue {
    let state = match issue.is_closed() {
        true => proto::IssueState::Closed,
        false => proto::IssueState::Open,
    };
    let category = category(issue.category);
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
        issue_type,
        issue_type_revision,
        kind,
        workflow_revision,
        category: _,
        visible_to,
        active,
        owner,
        assignees,
        parent: _,
        thread,
        depth: _,
        open_children: _,
        tags,
        dedup_key,
    } = issue;
    let thread = IssueName { project: name.project.clone(), number: *thread };
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
        issue_type: issue_type.clone(),
        issue_type_revision: *issue_type_revision,
        kind: self::kind(*kind).into(),
        workflow_revision: *workflow_revision,
        active: Some(*active),
        owner: owner.to_string(),
        assignees: assignees.iter().map(ToString::to_string).collect(),
        parent: issue.parent_name().map(|name| name.to_string()).unwrap_or_default(),
        thread: thread.to_string(),
        tags: tags.iter().cloned().collect(),
        dedup_key: dedup_key.clone(),
        visible_to: visible_to.iter().flatten().map(ToString::to_string).collect(),
    }
}

/// An issue that was decided and not written: without what the server would have given it.
pub(super) fn issue_to_be(issue: &Issue) -> proto::Issue {
    let sent = self::issue(issue);
    proto::Issue {
        name: String::new(),
        uid: String::new(),
        key: String::new(),
        etag: String::new(),
        create_time: None,
        update_time: None,
        thread: match issue.parent {
            Some(_) => sent.thread,
            // Its own name is not given yet.
            None => String::new(),
        },
        ..sent
    }
}

fn kind(kind: IssueKind) -> proto::IssueKind {
    match kind {
        IssueKind::Bug => proto::IssueKind::Bug,
        IssueKind::Enhancement => proto::IssueKind::Enhancement,
        IssueKind::Task => proto::IssueKind::Task,
        IssueKind::Question => proto::IssueKind::Question,
        IssueKind::Custom => proto::IssueKind::Custom,
    }
}

/// A relation.
pub(super) fn relation(relation: &Relation) -> proto::IssueRelation {
    let Relation { name, uid, created_at, creator, target, kind } = relation;
    let kind = match kind {
        RelationKind::Blocks => proto::RelationKind::Blocks,
        RelationKind::Duplicates => proto::RelationKind::Duplicates,
        RelationKind::RelatesTo => proto::RelationKind::RelatesTo,
        RelationKind::Causes => proto::RelationKind::Causes,
    };
    proto::IssueRelation {
        name: name.to_string(),
        uid: uid.to_string(),
        create_time: Some(to_timestamp(*created_at)),
        creator: creator.to_string(),
        issue: name.issue.to_string(),
        target: target.to_string(),
        kind: kind.into(),
    }
}

/// A relation that was decided and not written: without what the server would have given it.
pub(super) fn relation_to_be(relation: &Relation) -> proto::IssueRelation {
    proto::IssueRelation {
        name: String::new(),
        uid: String::new(),
        create_time: None,
        ..self::relation(relation)
    }
}

/// What a status means.
/// What a status means.
pub(super) fn category(category: Category) -> proto::StatusCategory {
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

/// An event as it is seen; none if it is not.
pub(super) fn event(row: &PageRow) -> Result<Option<proto::Event>> {
    let PageRow { seq, event_id: _, ends_command: _, seen, body } = row;
    let decoded = match seen {
        Seen::No => return Ok(None),
        Seen::Hidden => proto::Event::decode(hidden(body)),
        Seen::Whole => proto::Event::decode(body.as_slice()),
    };
    let event = decoded.map_err(|error| {
        Error::Internal(anyhow::Error::from(error).context(format!("event {seq} is not readable")))
    })?;
    Ok(Some(proto::Event { seq: seq.0, ..event }))
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

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use jiff::Timestamp;
    use serde_json::json;
    use uuid::Uuid;

    use std::collections::BTreeSet;

    use super::*;
    use crate::domain::event::Seq;
    use crate::domain::issue::RESTORABLE;
    use crate::domain::name::{ActorName, ProjectId};
    use crate::stream::Position;

    fn closed_issue() -> Issue {
        let at = Timestamp::new(100, 0).unwrap();
        Issue {
            name: IssueName::parse("n", "ABC-12").unwrap(),
            uid: Uuid::max(),
            version: 3,
            created_at: at,
            updated_at: at,
            creator: ActorName::root(),
            title: "t".into(),
            description: "d".into(),
            workflow: "simple".into(),
            status: "closed".into(),
            resolution: "completed".into(),
            priority: 2,
            parameters: json!({ "n": 1 }).as_object().unwrap().clone(),
            annotations: [("team".to_owned(), "qa".to_owned())].into(),
            due_at: Some(at),
            milestone: "m".into(),
            closed_at: Some(at),
            step: 1,
            deleted_at: Some(at),
            issue_type: "task".into(),
            issue_type_revision: 0,
            kind: IssueKind::Task,
            workflow_revision: 0,
            category: Category::Done,
            visible_to: None,
            active: true,
            owner: ActorName::root(),
            assignees: BTreeSet::new(),
            parent: None,
            thread: 12,
            depth: 0,
            open_children: 0,
            tags: BTreeSet::new(),
            dedup_key: String::new(),
        }
    }

    #[test]
    fn an_issue_says_all_it_is() {
        let sent = issue(&closed_issue());

        assert_eq!((&*sent.name, &*sent.key), ("projects/abc/issues/12", "ABC-12"));
        assert_eq!((&*sent.etag, &*sent.creator), ("v3", "actors/root"));
        assert_eq!(sent.state(), proto::IssueState::Closed);
        assert_eq!(sent.category(), proto::StatusCategory::Done);
        assert_eq!(sent.expire_time.unwrap().seconds, 100 + RESTORABLE.as_secs());
        assert_eq!(sent.parameters.unwrap().fields.len(), 1);
    }

    #[test]
    fn what_was_not_written_has_nothing_of_the_server() {
        let proto::Issue { name, uid, key, etag, create_time, update_time, title, .. } =
            issue_to_be(&closed_issue());
        assert_eq!([name, uid, key, etag], [const { String::new() }; 4]);
        assert_eq!((create_time, update_time, title.as_str()), (None, None, "t"));

        let at = Timestamp::UNIX_EPOCH;
        let sent = project_to_be(&Project {
            id: ProjectId::parse("p", "abc").unwrap(),
            uid: Uuid::max(),
            version: 1,
            created_at: at,
            updated_at: at,
            creator: ActorName::root(),
            display_name: "ABC".into(),
            deleted_at: None,
        });
        assert_eq!((&*sent.name, &*sent.uid, &*sent.etag), ("", "", ""));
        assert_eq!(sent.display_name, "ABC");
    }

    #[test]
    fn a_batch_says_how_much_of_the_log_lies_behind_it() {
        let cursor = Position { seq: Seq(5), check: [0; 8] };
        let epoch = Epoch::of(Uuid::max());
        let events = vec![Bytes::from_static(b"x")];
        let batch = Message::Batch { events, cursor, command_complete: true, head: Seq(9) };

        let Some(Sent::Batch(sent)) = stream_message(batch, epoch).message else { panic!() };

        assert_eq!((sent.lag, sent.head, sent.events.len()), (4, 9, 1));
        assert_eq!(sent.cursor, cursor.cursor(epoch));
    }

    #[test]
    fn events_get_their_place() {
        let body = proto::Event { id: "x".into(), ..Default::default() }.encode_to_vec();
        let read = |seen, body| {
            let (seq, event_id) = (Seq(7), Uuid::nil());
            event(&PageRow { seq, event_id, ends_command: true, seen, body })
        };

        assert_eq!(read(Seen::Whole, body.clone()).unwrap().unwrap().seq, 7);
        assert!(read(Seen::Hidden, body.clone()).unwrap().unwrap().hidden);
        assert_eq!(read(Seen::No, body).unwrap(), None);
        assert!(matches!(read(Seen::Whole, vec![0xff]), Err(Error::Internal(_))));
    }

    #[test]
    fn the_catalogue_is_told_with_its_classes() {
        for &kind in EventType::ALL {
            let sent = event_type(kind);
            assert_eq!(sent.class, i32::from(kind.class().number()));
            assert!(!sent.description.is_empty());
        }
    }
}

//! Comments: what people say about an issue or an action.

use std::sync::Arc;

use jiff::Timestamp;
use serde_json::json;
use uuid::Uuid;

use super::access::{Subject, role_required};
use super::command::{At, Decide, Decision};
use super::counter::{Counted, Counter, CounterKey};
use super::error::{Result, not_found, required};
use super::etag;
use super::event::{Event, EventType};
use super::name::{ActorName, CommentName, CommentParent, Principal};
use super::people::Role;
use super::remark;
use super::value::check_text;
use super::working_set::{Footprint, Gone, Noun};

/// A longer text is a document.
pub const TEXT_BYTES_MAX: usize = 64 * 1024;

/// What somebody said.
#[derive(Clone, PartialEq, Debug)]
pub struct Comment {
    /// On what, and its number there.
    pub name: CommentName,
    /// Given by the server.
    pub uid: Uuid,
    /// Counts every change, from 1.
    pub version: i64,
    /// When it was said.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
    /// Who said it.
    pub creator: ActorName,
    /// What.
    pub text: String,
    /// When the text was changed afterwards.
    pub edited_at: Option<Timestamp>,
}

impl Noun for Comment {
    type Key = CommentName;

    fn key(&self) -> CommentName {
        self.name.clone()
    }
}

impl Comment {
    /// What happened to it is told of its parent: who follows an issue follows what is said on it.
    fn event(&self, at: &At<'_>, kind: EventType) -> Result<Event> {
        let mut event = remark::event_of_issue(at, self.name.parent.issue(), kind)?;
        event.subject = self.name.parent.to_string();
        event.data.insert("comment".into(), json!(self.name.to_string()));
        Ok(event)
    }
}

/// Checks what somebody says.
fn check(field: &str, text: &str) -> Result<()> {
    if text.trim().is_empty() {
        return Err(required(field));
    }
    check_text(field, text, TEXT_BYTES_MAX)
}

fn footprint(parent: &CommentParent) -> Footprint {
    let issue = parent.issue();
    Footprint {
        issues: [issue.clone()].into(),
        uses: [issue.project.clone()].into(),
        ..Footprint::default()
    }
}

/// A comment that is there, of the version that the caller saw.
fn there<'a>(at: &At<'a>, name: &CommentName, etag: Option<&str>) -> Result<&'a Arc<Comment>> {
    remark::live_issue(at, name.parent.issue())?;
    let comment = at.rows.comments.get(name).ok_or_else(|| not_found(name))?;
    etag::check(etag, comment.version, name)?;
    Ok(comment)
}

/// Says something.
#[derive(Clone, Debug)]
pub struct CreateComment {
    /// On what.
    pub parent: CommentParent,
    /// What.
    pub text: String,
}

impl Decide for CreateComment {
    fn subject(&self) -> Subject<'_> {
        Subject::Issue(self.parent.issue())
    }

    fn footprint(&self) -> Footprint {
        let key = CounterKey::of(&self.parent, Counted::Comments);
        let mut footprint = footprint(&self.parent);
        footprint.counters.insert(key);
        if let CommentParent::Action(action) = &self.parent {
            footprint.actions.insert(action.clone());
        }
        footprint
    }

    fn decide(&self, at: &At<'_>) -> Result<Decision> {
        remark::live_issue(at, self.parent.issue())?;
        if let CommentParent::Action(action) = &self.parent {
            remark::has_action(at, action)?;
        }
        check("comment.text", &self.text)?;
        let key = CounterKey::of(&self.parent, Counted::Comments);
        let counter = Counter::after(key.clone(), at.rows.counters.get(&key).map(|c| &**c));
        let comment = Arc::new(Comment {
            name: CommentName { parent: self.parent.clone(), number: counter.last },
            uid: at.uid(0),
            version: 1,
            created_at: at.now,
            updated_at: at.now,
            creator: at.caller.clone(),
            text: self.text.clone(),
            edited_at: None,
        });
        let mut event = comment.event(at, EventType::CommentCreated)?;
        event.after.insert("text".into(), json!(comment.text));
        Ok(Decision {
            changes: vec![Arc::new(counter).into(), Arc::clone(&comment).into()],
            gone: Vec::new(),
            events: vec![event],
            resource: comment.into(),
        })
    }
}

/// Says it otherwise.
#[derive(Clone, Debug)]
pub struct UpdateComment {
    /// Which.
    pub name: CommentName,
    /// Must be the current one, if it is there.
    pub etag: Option<String>,
    /// The new text, if it is to change.
    pub text: Option<String>,
}

impl Decide for UpdateComment {
    fn subject(&self) -> Subject<'_> {
        Subject::Issue(self.name.parent.issue())
    }

    fn footprint(&self) -> Footprint {
        let mut footprint = footprint(&self.name.parent);
        footprint.comments.insert(self.name.clone());
        footprint
    }

    fn decide(&self, at: &At<'_>) -> Result<Decision> {
        let known = there(at, &self.name, None)?;
        if known.creator != *at.caller {
            return Err(role_required(&self.name, "its author"));
        }
        let old = there(at, &self.name, self.etag.as_deref())?;
        let text = self.text.as_ref().unwrap_or(&old.text);
        if *text == old.text {
            return Ok(Decision::unchanged(Arc::clone(old)));
        }
        check("comment.text", text)?;
        let new = Arc::new(Comment {
            version: old.version + 1,
            updated_at: at.now,
            text: text.clone(),
            edited_at: Some(at.now),
            ..Comment::clone(old)
        });
        let mut event = new.event(at, EventType::CommentUpdated)?;
        event.before.insert("text".into(), json!(old.text));
        event.after.insert("text".into(), json!(new.text));
        event.data.insert("changed".into(), json!(["text"]));
        Ok(Decision {
            changes: vec![Arc::clone(&new).into()],
            gone: Vec::new(),
            events: vec![event],
            resource: new.into(),
        })
    }
}

/// Takes it back.
#[derive(Clone, Debug)]
pub struct DeleteComment {
    /// Which.
    pub name: CommentName,
    /// Must be the current one, if it is there.
    pub etag: Option<String>,
}

impl Decide for DeleteComment {
    fn subject(&self) -> Subject<'_> {
        Subject::Issue(self.name.parent.issue())
    }

    fn footprint(&self) -> Footprint {
        let mut footprint = footprint(&self.name.parent);
        footprint.comments.insert(self.name.clone());
        footprint.counters.insert(CounterKey::of(&self.name.parent, Counted::Comments));
        footprint
    }

    fn decide(&self, at: &At<'_>) -> Result<Decision> {
        let known = there(at, &self.name, None)?;
        let caller = at.definitions.standing(&Principal::from(at.caller.clone()));
        let role = caller.and_then(|caller| caller.role(&self.name.parent.issue().project));
        if known.creator != *at.caller && role < Some(Role::Manager) {
            return Err(role_required(&self.name, "its author or MANAGER"));
        }
        let old = there(at, &self.name, self.etag.as_deref())?;
        let key = CounterKey::of(&self.name.parent, Counted::Comments);
        let counter = at.rows.counters.get(&key).ok_or_else(|| not_found(&self.name))?;
        let mut event = old.event(at, EventType::CommentDeleted)?;
        event.before.insert("text".into(), json!(old.text));
        Ok(Decision {
            changes: vec![Arc::new(counter.without_one()).into()],
            gone: vec![Gone::Comment(self.name.clone())],
            events: vec![event],
            resource: Arc::clone(old).into(),
        })
    }
}

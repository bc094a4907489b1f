//! Credentials: what tokens are known by. A token never comes here, only its digest.

use std::sync::Arc;

use jiff::Timestamp;
use serde_json::json;

use super::change;
use crate::domain::access::Subject;
use crate::domain::command::{At, Decide, Decision};
use crate::domain::error::{Reason, Result, invalid, not_found, refused};
use crate::domain::event::{Event, EventType};
use crate::domain::name::{ActorName, CredentialName};
use crate::domain::value::check_line;
use crate::domain::working_set::{Footprint, Noun};

/// What SHA-256 comes to.
pub const TOKEN_HASH_BYTES: usize = 32;

/// By which a token is known.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Credential {
    /// Whose, and which.
    pub name: CredentialName,
    /// When it was created.
    pub created_at: Timestamp,
    /// Who created it.
    pub creator: ActorName,
    /// What people call it; may be empty.
    pub display_name: String,
    /// SHA-256 of the token.
    pub token_hash: [u8; TOKEN_HASH_BYTES],
    /// From when on it lets nobody in.
    pub expires_at: Option<Timestamp>,
    /// When it was revoked.
    pub revoked_at: Option<Timestamp>,
}

impl Noun for Credential {
    type Key = CredentialName;

    fn key(&self) -> CredentialName {
        self.name.clone()
    }
}

impl Credential {
    /// Created and revoked is all that ever happens to it.
    fn version(&self) -> i64 {
        1 + i64::from(self.revoked_at.is_some())
    }

    fn event(&self, kind: EventType) -> Event {
        change::event(kind, None, &self.name, self.version())
    }
}

/// Creates a credential.
#[derive(Clone, Debug)]
pub struct CreateCredential {
    /// Whose.
    pub actor: ActorName,
    /// What people call it.
    pub display_name: String,
    /// From when on it lets nobody in.
    pub expires_at: Option<Timestamp>,
    /// SHA-256 of the token, which was drawn where the call came in.
    pub token_hash: [u8; TOKEN_HASH_BYTES],
}

/// Checks what people call a credential.
pub fn check_credential_name(field: &str, name: &str) -> Result<()> {
    check_line(field, name, change::DISPLAY_NAME_BYTES_MAX)
}

impl Decide for CreateCredential {
    fn subject(&self) -> Subject<'_> {
        Subject::Installation
    }

    fn footprint(&self) -> Footprint {
        Footprint { actors: [self.actor.clone()].into(), ..change::footprint() }
    }

    fn changes_definition(&self) -> bool {
        true
    }

    fn decide(&self, at: &At<'_>) -> Result<Decision> {
        let CreateCredential { actor, display_name, expires_at, token_hash } = self;
        let owner = at.rows.actors.get(actor).filter(|actor| actor.deleted_at.is_none());
        if owner.is_none() {
            return Err(not_found(actor));
        }
        if *actor == ActorName::potts() {
            return Err(refused(Reason::BuiltIn, actor, "the service itself needs no token"));
        }
        if expires_at.is_some_and(|expires_at| expires_at <= at.now) {
            return Err(invalid("credential.expire_time", "must lie in the future"));
        }
        let credential = Arc::new(Credential {
            name: CredentialName { actor: actor.clone(), uid: at.uid(0) },
            created_at: at.now,
            creator: at.caller.clone(),
            display_name: display_name.clone(),
            token_hash: *token_hash,
            expires_at: *expires_at,
            revoked_at: None,
        });
        let mut event = credential.event(EventType::CredentialCreated);
        event.after.insert("display_name".into(), json!(display_name));
        if let Some(expires_at) = expires_at {
            event.after.insert("expire_time".into(), json!(expires_at.to_string()));
        }
        Ok(Decision {
            changes: vec![change::bumped(at), Arc::clone(&credential).into()],
            gone: Vec::new(),
            events: vec![event],
            resource: credential.into(),
        })
    }
}

/// Revokes a credential.
#[derive(Clone, Debug)]
pub struct RevokeCredential {
    /// Which.
    pub name: CredentialName,
}

impl Decide for RevokeCredential {
    fn subject(&self) -> Subject<'_> {
        Subject::Installation
    }

    fn footprint(&self) -> Footprint {
        Footprint { credentials: [self.name.clone()].into(), ..change::footprint() }
    }

    fn changes_definition(&self) -> bool {
        true
    }

    fn decide(&self, at: &At<'_>) -> Result<Decision> {
        let RevokeCredential { name } = self;
        let old = at.rows.credentials.get(name).ok_or_else(|| not_found(name))?;
        if old.revoked_at.is_some() {
            return Ok(Decision::unchanged(Arc::clone(old)));
        }
        let new = Arc::new(Credential { revoked_at: Some(at.now), ..Credential::clone(old) });
        let event = new.event(EventType::CredentialRevoked);
        Ok(Decision {
            changes: vec![change::bumped(at), Arc::clone(&new).into()],
            gone: Vec::new(),
            events: vec![event],
            resource: new.into(),
        })
    }
}

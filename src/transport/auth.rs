//! Who is calling, as what call, and until when: every call is admitted here, as a value.

use std::fmt;
use std::hint::black_box;
use std::mem;
use std::sync::Arc;

use prost::Message;
use sha2::{Digest as _, Sha256};
use tokio::time::Instant;
use tonic::Request;
use tonic::metadata::MetadataMap;
use uuid::Uuid;

use super::deadline::Deadline;
use super::directory::Directory;
use super::token::{self, Hash};
use crate::domain::command::Verb;
use crate::domain::error::{Error, Result, invalid, quoted};
use crate::domain::name::ActorName;
use crate::domain::people::Standing;
use crate::ledger::{Call, Class, Command};
use crate::proto;

/// Who is let in.
#[derive(Clone)]
pub struct Access {
    /// SHA-256 of the root token: digests are compared, so that the time a comparison takes tells
    /// nothing about the token. None: everybody is root.
    root: Option<Hash>,
    /// Who all the others are; none: there are no others.
    directory: Option<Directory>,
}

impl Access {
    /// Lets everybody in, as root. For a service that listens on the loopback interface alone.
    pub fn open() -> Access {
        Access { root: None, directory: None }
    }

    /// Lets in who sends `authorization: Bearer` and this token, as root.
    pub fn by_token(token: &str) -> Access {
        Access { root: Some(token::hash(token)), directory: None }
    }

    /// Lets in also who has a credential.
    pub(super) fn knowing(self, directory: Directory) -> Access {
        Access { directory: Some(directory), ..self }
    }

    async fn caller(
        &self,
        metadata: &MetadataMap,
        deadline: Deadline,
    ) -> Result<(ActorName, Arc<Standing>)> {
        let Some(root) = &self.root else { return Ok(as_root()) };
        let token = bearer(metadata)?;
        let hash = token::hash(token);
        if same(root, &hash) {
            return Ok(as_root());
        }
        let known = match &self.directory {
            // Found by its digest, so the time that it takes tells nothing about other tokens.
            Some(directory) if token::is_drawn(token) => directory.caller(hash, deadline).await?,
            Some(_) | None => None,
        };
        known.ok_or_else(|| unauthenticated("the token is not valid"))
    }
}

fn as_root() -> (ActorName, Arc<Standing>) {
    (ActorName::root(), Arc::new(Standing::root()))
}

fn unauthenticated(problem: &str) -> Error {
    Error::Unauthenticated { problem: problem.into() }
}

/// The token that was sent.
fn bearer(metadata: &MetadataMap) -> Result<&str> {
    let sent = metadata.get("authorization").ok_or_else(|| {
        unauthenticated("no token was sent; send `authorization: Bearer` and the token")
    })?;
    sent.to_str()
        .ok()
        .and_then(|sent| sent.split_once(' '))
        .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))
        .map(|(_, token)| token.trim())
        .ok_or_else(|| unauthenticated("`authorization` must be `Bearer` and the token"))
}

/// Never shows the digest.
impl fmt::Debug for Access {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.root.is_some() { "Access(by token)" } else { "Access(open)" })
    }
}

/// Compares in a time that does not depend on where two digests differ.
fn same(one: &Hash, other: &Hash) -> bool {
    let differing = one.iter().zip(other).fold(0, |differing, (a, b)| black_box(differing | a ^ b));
    differing == 0
}

/// A caller that was let in.
#[derive(Clone, Debug)]
pub(super) struct Caller {
    /// Who.
    pub name: ActorName,
    /// What they may do, as it was when the call came in.
    pub standing: Arc<Standing>,
    /// Until when the answer is of use.
    pub deadline: Deadline,
}

/// Lets a caller in, or does not.
pub(super) async fn admit<T>(access: &Access, request: &Request<T>) -> Result<Caller> {
    let deadline = request
        .extensions()
        .get()
        .copied()
        .unwrap_or_else(|| Deadline::of(request.metadata().as_ref(), Instant::now()));
    let (name, standing) = access.caller(request.metadata(), deadline).await?;
    Ok(Caller { name, standing, deadline })
}

/// The request of an RPC that changes something.
pub(super) trait Write: Message {
    /// The name of the RPC.
    const RPC: &str;

    /// Takes out `request_id` and `validate_only`: what remains is what is asked.
    fn take(&mut self) -> (String, bool);
}

macro_rules! writes {
    ($($request:ident for $rpc:literal),* $(,)?) => {$(
        impl Write for proto::$request {
            const RPC: &str = $rpc;

            fn take(&mut self) -> (String, bool) {
                (mem::take(&mut self.request_id), mem::take(&mut self.validate_only))
            }
        }
    )*};
}

writes! {
    CreateProjectRequest for "CreateProject",
    UpdateProjectRequest for "UpdateProject",
    DeleteProjectRequest for "DeleteProject",
    CreateIssueRequest for "CreateIssue",
    UpdateIssueRequest for "UpdateIssue",
    DeleteIssueRequest for "DeleteIssue",
    UndeleteIssueRequest for "UndeleteIssue",
    TransitionIssueRequest for "TransitionIssue",
    CloseIssueRequest for "CloseIssue",
    ReopenIssueRequest for "ReopenIssue",
    AssignIssueRequest for "AssignIssue",
    ActivateIssueRequest for "ActivateIssue",
    DeactivateIssueRequest for "DeactivateIssue",
    CreateIssueRelationRequest for "CreateIssueRelation",
    DeleteIssueRelationRequest for "DeleteIssueRelation",
    CreateCommentRequest for "CreateComment",
    UpdateCommentRequest for "UpdateComment",
    DeleteCommentRequest for "DeleteComment",
    CreateReferenceRequest for "CreateReference",
    UpdateReferenceRequest for "UpdateReference",
    DeleteReferenceRequest for "DeleteReference",
    CreateWorkflowRequest for "CreateWorkflow",
    UpdateWorkflowRequest for "UpdateWorkflow",
    DeleteWorkflowRequest for "DeleteWorkflow",
    CreateIssueTypeRequest for "CreateIssueType",
    UpdateIssueTypeRequest for "UpdateIssueType",
    DeleteIssueTypeRequest for "DeleteIssueType",
    CreateActionTypeRequest for "CreateActionType",
    UpdateActionTypeRequest for "UpdateActionType",
    DeleteActionTypeRequest for "DeleteActionType",
    AddActionRequest for "AddAction",
    UpdateActionRequest for "UpdateAction",
    AssignActionRequest for "AssignAction",
    ClaimActionRequest for "ClaimAction",
    ClaimNextActionsRequest for "ClaimNextActions",
    StartActionRequest for "StartAction",
    CompleteActionRequest for "CompleteAction",
    FailActionRequest for "FailAction",
    ReleaseActionRequest for "ReleaseAction",
    SkipActionRequest for "SkipAction",
    CancelActionRequest for "CancelAction",
    RepeatActionRequest for "RepeatAction",
    CreateActorRequest for "CreateActor",
    UpdateActorRequest for "UpdateActor",
    DeleteActorRequest for "DeleteActor",
    EnableActorRequest for "EnableActor",
    DisableActorRequest for "DisableActor",
    CreateGroupRequest for "CreateGroup",
    UpdateGroupRequest for "UpdateGroup",
    DeleteGroupRequest for "DeleteGroup",
    CreateCredentialRequest for "CreateCredential",
    RevokeCredentialRequest for "RevokeCredential",
    CreateMemberRequest for "CreateMember",
    UpdateMemberRequest for "UpdateMember",
    DeleteMemberRequest for "DeleteMember",
    CreateConsumerRequest for "CreateConsumer",
    UpdateConsumerRequest for "UpdateConsumer",
    DeleteConsumerRequest for "DeleteConsumer",
    ReplayParkedEventsRequest for "ReplayParkedEvents",
    ResetConsumerRequest for "ResetConsumer",
    PauseConsumerRequest for "PauseConsumer",
    ResumeConsumerRequest for "ResumeConsumer",
}

/// A write that was let in.
#[derive(Clone, Debug)]
pub(super) struct Admitted {
    /// Who asks, and until when.
    pub caller: Caller,
    /// Decide, but write nothing.
    pub validate_only: bool,
    request_id: String,
    fingerprint: [u8; 16],
    bytes: usize,
}

/// Lets a write in, and takes its message apart from how it is asked.
pub(super) async fn admit_write<T: Write>(
    access: &Access,
    request: Request<T>,
) -> Result<(Admitted, T)> {
    let caller = admit(access, &request).await?;
    let mut message = request.into_inner();
    let (request_id, validate_only) = message.take();
    let encoded = message.encode_to_vec();
    let fingerprint = fingerprint(T::RPC, &encoded);
    let admitted =
        Admitted { caller, validate_only, request_id, fingerprint, bytes: encoded.len() };
    Ok((admitted, message))
}

impl Admitted {
    /// The command: what was decoded, as this call.
    pub fn command(&self, verb: impl Into<Verb>) -> Result<Command> {
        self.command_of(Class::Client, verb)
    }

    /// The same, of another class.
    pub fn command_of(&self, class: Class, verb: impl Into<Verb>) -> Result<Command> {
        let request_id = match self.request_id.as_str() {
            "" => None,
            given => Some(parse_request_id(given)?),
        };
        let call = Call {
            caller: self.caller.name.clone(),
            request_id: request_id.unwrap_or_else(Uuid::now_v7),
            request_id_given: request_id.is_some(),
            fingerprint: self.fingerprint,
            deadline: self.caller.deadline.0,
            validate_only: self.validate_only,
        };
        Ok(Command { call, class, bytes: self.bytes, verb: verb.into() })
    }
}

impl Caller {
    /// A command under an id of the door's own, for a write that is the same however often it is
    /// sent.
    pub fn command(
        &self,
        rpc: &str,
        message: &impl Message,
        validate_only: bool,
        verb: impl Into<Verb>,
    ) -> Command {
        let encoded = message.encode_to_vec();
        let call = Call {
            caller: self.name.clone(),
            request_id: Uuid::now_v7(),
            request_id_given: false,
            fingerprint: fingerprint(rpc, &encoded),
            deadline: self.deadline.0,
            validate_only,
        };
        Command { call, class: Class::Client, bytes: encoded.len(), verb: verb.into() }
    }
}

fn parse_request_id(given: &str) -> Result<Uuid> {
    Uuid::try_parse(given).ok().filter(|id| !id.is_nil()).ok_or_else(|| {
        invalid("request_id", format!("{} is not a UUID other than zero", quoted(given)))
    })
}

/// Tells a request from another one. Maps are encoded in the order of their keys, so equal requests
/// have equal bytes.
fn fingerprint(rpc: &str, encoded: &[u8]) -> [u8; 16] {
    let mut hash = Sha256::new();
    hash.update(rpc);
    hash.update([0]);
    hash.update(encoded);
    let drawn: [u8; 32] = hash.finalize().into();
    let mut fingerprint = [0; 16];
    fingerprint.iter_mut().zip(drawn).for_each(|(to, from)| *to = from);
    fingerprint
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;
    use proptest::prelude::*;

    use super::*;
    use crate::domain::issue::CloseIssue;
    use crate::domain::name::IssueName;

    /// What comes of it at once: nobody has to be looked up.
    fn now<T>(admitting: impl Future<Output = T>) -> T {
        admitting.now_or_never().unwrap()
    }

    fn asked<T>(authorization: Option<&str>, message: T) -> Request<T> {
        let mut request = Request::new(message);
        if let Some(value) = authorization {
            request.metadata_mut().insert("authorization", value.parse().unwrap());
        }
        request
    }

    fn close(request_id: &str) -> proto::CloseIssueRequest {
        proto::CloseIssueRequest {
            name: "ABC-1".into(),
            request_id: request_id.into(),
            ..Default::default()
        }
    }

    fn verb() -> CloseIssue {
        CloseIssue {
            name: IssueName::parse("name", "ABC-1").unwrap(),
            resolution: String::new(),
            duplicate_of: None,
            message: String::new(),
            etag: None,
        }
    }

    #[test]
    fn the_token_and_nothing_else_lets_in() {
        let access = Access::by_token("s3cret");
        let enters = |sent| now(admit(&access, &asked(sent, ()))).is_ok();

        assert!(enters(Some("Bearer s3cret")));
        assert!(enters(Some("bearer  s3cret")));
        for wrong in
            ["", "s3cret", "Bearer", "Bearer ", "Bearer s3cre", "Bearer s3crets", "Basic s3cret"]
        {
            assert!(!enters(Some(wrong)), "{wrong:?}");
        }
        assert!(!enters(None));
        assert_eq!(format!("{access:?}"), "Access(by token)");
    }

    #[test]
    fn an_open_door_lets_everybody_in_as_root() {
        for sent in [None, Some("Bearer x")] {
            let caller = now(admit(&Access::open(), &asked(sent, ()))).unwrap();
            assert_eq!(caller.name, ActorName::root());
            assert!(caller.standing.admin && caller.standing.active);
        }
    }

    #[test]
    fn request_ids_are_uuids_or_made_by_the_door() {
        let call = |id: &str| {
            let (admitted, _) = now(admit_write(&Access::open(), asked(None, close(id)))).unwrap();
            admitted.command(verb()).map(|command| command.call)
        };
        let id = "0199a6a4-5c4d-7000-8000-000000000001";

        let given = call(id).unwrap();
        assert_eq!((given.request_id.to_string().as_str(), given.request_id_given), (id, true));

        let (one, other) = (call("").unwrap(), call("").unwrap());
        assert!(!one.request_id_given && one.request_id != other.request_id);

        for wrong in ["x", "00000000-0000-0000-0000-000000000000", " "] {
            let error = call(wrong).unwrap_err().to_string();
            assert!(error.starts_with("request_id: "), "{error}");
        }
    }

    #[test]
    fn a_fingerprint_knows_what_is_asked_and_not_how() {
        let print = |message| {
            now(admit_write(&Access::open(), asked(None, message))).unwrap().0.fingerprint
        };
        let mut validating = close("");
        validating.validate_only = true;
        let mut other = close("");
        other.message = "m".into();
        let reopen = proto::ReopenIssueRequest { name: "ABC-1".into(), ..Default::default() };
        let reopens = now(admit_write(&Access::open(), asked(None, reopen))).unwrap().0.fingerprint;

        assert_eq!(print(close("a")), print(close("b")));
        assert_eq!(print(close("")), print(validating));
        assert_ne!(print(close("")), print(other));
        assert_ne!(print(close("")), reopens, "the same bytes, another RPC");
    }

    proptest! {
        #[test]
        fn digests_are_the_same_only_if_they_are_equal(
            one: [u8; 32],
            at in 0..32_usize,
            bit in 0..8_u8,
        ) {
            let mut other = one;
            other[at] ^= 1 << bit;

            prop_assert!(same(&one, &one));
            prop_assert!(!same(&one, &other));
        }

        #[test]
        fn no_request_id_panics(text in ".{0,60}") {
            let _ = parse_request_id(&text);
        }
    }
}

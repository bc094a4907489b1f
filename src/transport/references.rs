//! References: the calls of `potts.v1.IssueService` that are about them.

use std::sync::Arc;

use prost_types::FieldMask;
use tonic::{Request, Response};

use super::auth::{Admitted, Caller, admit, admit_write};
use super::decode::etag;
use super::door::{Outcome, Written, answer, expected};
use super::issue_service::Issues;
use super::mask::paths;
use super::page_token::List;
use super::paging::{Filled, Page};
use crate::domain::command::Verb;
use crate::domain::error::{Error, Result, invalid, not_found, required};
use crate::domain::name::{IssueName, ProjectId, ReferenceName, ReferenceParent};
use crate::domain::reference::{
    CreateReference, DeleteReference, Place, Reference, ReferenceRole, Target, UpdateReference,
};
use crate::ledger::Answer;
use crate::proto::reference::Target as Sent;
use crate::proto::{self, well_known::to_timestamp};

fn encode(reference: &Reference) -> proto::Reference {
    let Reference { name, uid, version, created_at, updated_at, creator, label, role, target } =
        reference;
    proto::Reference {
        name: name.to_string(),
        uid: uid.to_string(),
        etag: crate::domain::etag::of(*version),
        create_time: Some(to_timestamp(*created_at)),
        update_time: Some(to_timestamp(*updated_at)),
        creator: creator.to_string(),
        label: label.clone(),
        role: to_proto(*role).into(),
        target: Some(match target.clone() {
            Target::Uri(uri) => Sent::Uri(uri),
            Target::Text(text) => Sent::Text(text),
            Target::Resource(name) => Sent::Resource(name),
        }),
    }
}

fn to_proto(role: ReferenceRole) -> proto::ReferenceRole {
    match role {
        ReferenceRole::Link => proto::ReferenceRole::Link,
        ReferenceRole::Evidence => proto::ReferenceRole::Evidence,
        ReferenceRole::Location => proto::ReferenceRole::Location,
        ReferenceRole::Commit => proto::ReferenceRole::Commit,
        ReferenceRole::Chain => proto::ReferenceRole::Chain,
    }
}

fn role(sent: i32) -> Result<ReferenceRole> {
    let role = proto::ReferenceRole::try_from(sent)
        .map_err(|_| invalid("reference.role", format!("{sent} is no role")))?;
    Ok(match role {
        proto::ReferenceRole::Unspecified | proto::ReferenceRole::Link => ReferenceRole::Link,
        proto::ReferenceRole::Evidence => ReferenceRole::Evidence,
        proto::ReferenceRole::Location => ReferenceRole::Location,
        proto::ReferenceRole::Commit => ReferenceRole::Commit,
        proto::ReferenceRole::Chain => ReferenceRole::Chain,
    })
}

fn target(sent: Option<Sent>) -> Result<Target> {
    Ok(match sent.ok_or_else(|| required("reference.target"))? {
        Sent::Uri(uri) => Target::Uri(uri),
        Sent::Text(text) => Target::Text(text),
        Sent::Resource(name) => Target::Resource(name),
    })
}

/// A reference that was decided and not written: without what the server would have given it.
fn encode_to_be(reference: &Reference) -> proto::Reference {
    proto::Reference {
        name: String::new(),
        uid: String::new(),
        etag: String::new(),
        create_time: None,
        update_time: None,
        ..encode(reference)
    }
}

/// What a request to make a reference says of it.
fn create(place: Place, sent: Option<proto::Reference>) -> Result<CreateReference> {
    let sent = sent.ok_or_else(|| required("reference"))?;
    let (role, target) = (role(sent.role)?, target(sent.target)?);
    Ok(CreateReference { place, label: sent.label, role, target })
}

/// What a request to change a reference means.
fn update(
    place: Place,
    name: ReferenceName,
    sent: proto::Reference,
    mask: Option<FieldMask>,
) -> Result<UpdateReference> {
    let set = ["name", "uid", "etag", "create_time", "update_time", "creator"];
    let fields = ["label", "role", "target", "uri", "text", "resource"];
    let present = |field: &str| match field {
        "label" => !sent.label.is_empty(),
        "role" => sent.role != 0,
        other => other == "target" && sent.target.is_some(),
    };
    let meant = paths(mask, &fields, &set, present)?;
    let retargets = fields.iter().skip(2).any(|field| meant.contains(field));
    Ok(UpdateReference {
        place,
        name,
        etag: etag(sent.etag),
        label: meant.contains("label").then_some(sent.label),
        role: meant.contains("role").then(|| role(sent.role)).transpose()?,
        target: retargets.then(|| target(sent.target)).transpose()?,
    })
}

impl Issues {
    /// Where a reference stands. An event is looked up: it never changes, so what it belongs to now
    /// is what it belongs to when the reference is written.
    async fn place(&self, caller: &Caller, parent: ReferenceParent) -> Result<Place> {
        let ReferenceParent::Event(seq) = parent else { return Ok(Place::of(parent)) };
        let event = self.events().known_event(caller, seq).await?;
        let project = ProjectId::parse_name("project", &event.project).ok();
        Ok(Place { parent, root: IssueName::parse("root", &event.root).ok(), project })
    }

    /// Checks that the caller may read what carries references.
    async fn readable(&self, caller: &Caller, parent: &ReferenceParent) -> Result<()> {
        match parent {
            ReferenceParent::Issue(issue) => self.live(caller, issue).await.map(drop),
            ReferenceParent::Action(action) => self.live(caller, &action.issue).await.map(drop),
            ReferenceParent::Actor(actor) => self.actor_exists(caller, actor).await,
            ReferenceParent::Event(seq) => self.events().known_event(caller, *seq).await.map(drop),
        }
    }

    async fn write_reference(
        &self,
        admitted: &Admitted,
        verb: impl Into<Verb>,
    ) -> Result<Outcome<proto::Reference>> {
        let verb = verb.into();
        let creates = matches!(verb, Verb::CreateReference(_));
        let deletes = matches!(verb, Verb::DeleteReference(_));
        let Written { answer, changed, cursor } = self.door.write(admitted, verb).await?;
        let (reference, replayed) = match answer {
            Answer::Resource(resource) => {
                let reference: Arc<Reference> = expected("a reference", resource)?;
                match creates && admitted.validate_only {
                    true => (encode_to_be(&reference), false),
                    false => (encode(&reference), false),
                }
            }
            Answer::Replayed(name) if deletes => {
                (proto::Reference { name, ..Default::default() }, true)
            }
            Answer::Replayed(name) => {
                let name = ReferenceName::parse("name", &name)
                    .map_err(|error| Error::Internal(error.into()))?;
                self.readable(&admitted.caller, &name.parent).await?;
                (encode(&self.stored_reference(&admitted.caller, &name).await?), true)
            }
        };
        Ok(Outcome { resource: Some(reference), changed, cursor, replayed })
    }

    async fn stored_reference(&self, caller: &Caller, name: &ReferenceName) -> Result<Reference> {
        let deadline = caller.deadline;
        let found = deadline.read(|| Box::pin(self.door.store.reference(name, deadline.0))).await?;
        found.ok_or_else(|| not_found(name))
    }

    pub(super) async fn reference_created(
        &self,
        request: Request<proto::CreateReferenceRequest>,
    ) -> Result<Response<proto::CreateReferenceResponse>> {
        let (admitted, message) = admit_write(&self.door.access, request).await?;
        let parent = ReferenceParent::parse("parent", &message.parent)?;
        let place = self.place(&admitted.caller, parent).await?;
        let verb = create(place, message.reference)?;
        let outcome = self.write_reference(&admitted, verb).await?;
        answer!(outcome -> CreateReferenceResponse { reference })
    }

    pub(super) async fn reference_got(
        &self,
        request: Request<proto::GetReferenceRequest>,
    ) -> Result<Response<proto::GetReferenceResponse>> {
        let caller = admit(&self.door.access, &request).await?;
        let name = ReferenceName::parse("name", &request.into_inner().name)?;
        self.readable(&caller, &name.parent).await?;
        let reference = Some(encode(&self.stored_reference(&caller, &name).await?));
        Ok(Response::new(proto::GetReferenceResponse { reference }))
    }

    pub(super) async fn references_listed(
        &self,
        request: Request<proto::ListReferencesRequest>,
    ) -> Result<Response<proto::ListReferencesResponse>> {
        let caller = admit(&self.door.access, &request).await?;
        let proto::ListReferencesRequest { parent, page_size, page_token } = request.into_inner();
        let parent = ReferenceParent::parse("parent", &parent)?;
        let list = List::of("ListReferences", caller.name.as_str()).with(parent.to_string());
        let page = Page::asked(&self.door, list, page_size, &page_token)?;
        self.readable(&caller, &parent).await?;
        let (deadline, after) = (caller.deadline, page.after.unwrap_or(0));
        let store = &self.door.store;
        let reading =
            || Box::pin(store.references(&parent, after, page.limit, page.known_head, deadline.0));
        let listed = deadline.read(reading).await?;
        let Filled { items: references, next_page_token, cursor } =
            page.filled(listed, |row| row.name.number, |row| encode(&row));
        Ok(Response::new(proto::ListReferencesResponse { references, next_page_token, cursor }))
    }

    pub(super) async fn reference_updated(
        &self,
        request: Request<proto::UpdateReferenceRequest>,
    ) -> Result<Response<proto::UpdateReferenceResponse>> {
        let (admitted, message) = admit_write(&self.door.access, request).await?;
        let sent = message.reference.ok_or_else(|| required("reference"))?;
        let name = ReferenceName::parse("reference.name", &sent.name)?;
        let place = self.place(&admitted.caller, name.parent.clone()).await?;
        let verb = update(place, name, sent, message.update_mask)?;
        let outcome = self.write_reference(&admitted, verb).await?;
        answer!(outcome -> UpdateReferenceResponse { reference })
    }

    pub(super) async fn reference_deleted(
        &self,
        request: Request<proto::DeleteReferenceRequest>,
    ) -> Result<Response<proto::DeleteReferenceResponse>> {
        let (admitted, message) = admit_write(&self.door.access, request).await?;
        let name = ReferenceName::parse("name", &message.name)?;
        let place = self.place(&admitted.caller, name.parent.clone()).await?;
        let verb = DeleteReference { place, name, etag: etag(message.etag) };
        let outcome = self.write_reference(&admitted, verb).await?;
        answer!(outcome -> DeleteReferenceResponse { reference })
    }
}

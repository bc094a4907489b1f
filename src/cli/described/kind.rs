//! The kinds of things that can be described in a file: one row each.

use std::collections::BTreeMap;

use prost::Message;
use prost_reflect::{DynamicMessage, ReflectMessage as _};
use prost_types::FieldMask;
use serde_json::{Map, Value};
use tonic::Code;

use crate::cli::client::Client;
use crate::cli::failure::Failure;
use crate::cli::json::{self, POOL};
use crate::proto;

/// A thing as JSON, its members named as the contract's JSON names them.
pub type Fields = Map<String, Value>;

/// What every write takes.
#[derive(Clone, Debug)]
pub struct Asked {
    /// Makes it happen once at most.
    pub request_id: String,
    /// Decide, and write nothing.
    pub validate_only: bool,
    /// Where open issues go whose status an updated workflow loses.
    pub status_mapping: BTreeMap<String, String>,
}

/// What a write came to.
#[derive(Debug)]
pub struct Written {
    /// The thing as it is now.
    pub fields: Fields,
    /// Whether it changed.
    pub changed: bool,
}

/// The name of a thing, taken apart: what holds it, and its id there.
fn parts(name: &str) -> (String, String) {
    let (rest, id) = name.rsplit_once('/').unwrap_or(("", name));
    let parent = rest.rsplit_once('/').map_or("", |(parent, _)| parent);
    (parent.to_owned(), id.to_owned())
}

/// A message of the contract, from JSON. Unknown members are refused.
fn message<T: Message + Default>(name: &str, fields: &Fields) -> Result<T, Failure> {
    let descriptor = POOL.get_message_by_name(name).expect("the contract has it");
    let dynamic = DynamicMessage::deserialize(descriptor, Value::Object(fields.clone()));
    let dynamic = dynamic.map_err(|error| Failure::Usage(error.to_string()))?;
    dynamic.transcode_to().map_err(|error| Failure::Usage(error.to_string()))
}

/// The members of a message, as the contract's JSON has them.
fn fields(name: &str, message: &impl Message) -> Result<Fields, Failure> {
    let mut line = Vec::new();
    json::write_line(&mut line, name, &message.encode_to_vec())?;
    serde_json::from_slice(&line).map_err(|error| Failure::Answer(error.to_string()))
}

/// A row for each kind, in the order in which they depend on each other. `parent` is there where
/// the request to create has one; `more` is what else the request to update takes of what was
/// asked.
macro_rules! kinds {
    ($($kind:ident in $service:ident as $field:ident / $id:ident:
       $create:ident $create_request:ident $(of $parent:ident)?,
       $get:ident $get_request:ident,
       $update:ident $update_request:ident $(with $more:ident)?;)*) => {
        /// A kind of things that files describe. Later ones refer to earlier ones.
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
        pub enum Kind { $(#[doc = concat!("`potts.v1.", stringify!($kind), "`.")] $kind,)* }

        impl Kind {
            /// All kinds.
            pub const ALL: &[Kind] = &[$(Kind::$kind,)*];

            /// The word in files.
            pub fn word(self) -> &'static str {
                match self { $(Kind::$kind => stringify!($kind),)* }
            }

            /// The full name of its message.
            fn message(self) -> &'static str {
                match self { $(Kind::$kind => concat!("potts.v1.", stringify!($kind)),)* }
            }

            /// The thing of that name.
            pub async fn must_get(self, client: &Client, name: &str) -> Result<Fields, Failure> {
                let name = name.to_owned();
                match self {$(
                    Kind::$kind => {
                        let request = proto::$get_request { name };
                        let send = async |request| client.$service().$get(request).await;
                        client.call(request, send).await.and_then(|answer| {
                            fields(self.message(), &answer.$field.unwrap_or_default())
                        })
                    }
                )*}
            }

            /// Creates a thing of that name.
            pub async fn create(
                self,
                client: &Client,
                name: &str,
                sent: &Fields,
                asked: &Asked,
            ) -> Result<Written, Failure> {
                let Asked { request_id, validate_only, status_mapping: _ } = asked.clone();
                let (_parent, id) = parts(name);
                match self {$(
                    Kind::$kind => {
                        let request = proto::$create_request {
                            $($parent: _parent,)?
                            $id: id,
                            $field: Some(message(self.message(), sent)?),
                            request_id,
                            validate_only,
                        };
                        let send = async |request| client.$service().$create(request).await;
                        let answer = client.write(&asked.request_id, request, send).await?;
                        let fields = fields(self.message(), &answer.$field.unwrap_or_default())?;
                        Ok(Written { fields, changed: answer.changed })
                    }
                )*}
            }

            /// Changes the fields of a thing that the mask names.
            pub async fn update(
                self,
                client: &Client,
                sent: &Fields,
                mask: Option<FieldMask>,
                asked: &Asked,
            ) -> Result<Written, Failure> {
                let Asked { request_id, validate_only, status_mapping: _ } = asked.clone();
                match self {$(
                    Kind::$kind => {
                        let mut request = proto::$update_request::default();
                        request.$field = Some(message(self.message(), sent)?);
                        request.update_mask = mask;
                        request.request_id = request_id;
                        request.validate_only = validate_only;
                        $(request.$more = asked.$more.clone();)?
                        let send = async |request| client.$service().$update(request).await;
                        let answer = client.write(&asked.request_id, request, send).await?;
                        let fields = fields(self.message(), &answer.$field.unwrap_or_default())?;
                        Ok(Written { fields, changed: answer.changed })
                    }
                )*}
            }
        }
    };
}

kinds! {
    Project in projects as project / project_id:
        create_project CreateProjectRequest,
        get_project GetProjectRequest, update_project UpdateProjectRequest;
    Actor in actors as actor / actor_id:
        create_actor CreateActorRequest,
        get_actor GetActorRequest, update_actor UpdateActorRequest;
    Group in actors as group / group_id:
        create_group CreateGroupRequest,
        get_group GetGroupRequest, update_group UpdateGroupRequest;
    Member in projects as member / member_id:
        create_member CreateMemberRequest of parent,
        get_member GetMemberRequest, update_member UpdateMemberRequest;
    Workflow in workflows as workflow / workflow_id:
        create_workflow CreateWorkflowRequest of parent,
        get_workflow GetWorkflowRequest,
        update_workflow UpdateWorkflowRequest with status_mapping;
    IssueType in workflows as issue_type / issue_type_id:
        create_issue_type CreateIssueTypeRequest of parent,
        get_issue_type GetIssueTypeRequest, update_issue_type UpdateIssueTypeRequest;
    ActionType in workflows as action_type / action_type_id:
        create_action_type CreateActionTypeRequest of parent,
        get_action_type GetActionTypeRequest, update_action_type UpdateActionTypeRequest;
}

/// A field that a file names, as the file and as the service have it. `Null` is its default.
#[derive(Clone, PartialEq, Debug)]
pub struct Difference {
    /// Its name in masks.
    pub field: String,
    /// As it is.
    pub old: Value,
    /// As it is to be.
    pub new: Value,
}

impl Kind {
    /// The thing of that name; none if there is none.
    pub async fn get(self, client: &Client, name: &str) -> Result<Option<Fields>, Failure> {
        match self.must_get(client, name).await {
            Ok(found) => Ok(Some(found)),
            Err(Failure::Status { status, .. }) if status.code() == Code::NotFound => Ok(None),
            Err(failure) => Err(failure),
        }
    }

    /// The mask of the fields that a file names, empty or not.
    pub fn mask(self, wanted: &Fields) -> FieldMask {
        let descriptor = POOL.get_message_by_name(self.message()).expect("the contract has it");
        let named = descriptor.fields().filter(|field| {
            wanted.contains_key(field.name()) || wanted.contains_key(field.json_name())
        });
        FieldMask { paths: named.map(|field| field.name().to_owned()).collect() }
    }

    /// The fields that a file names and that are not so. What it does not name is left alone.
    pub fn differences(self, wanted: &Fields, known: &Fields) -> Result<Vec<Difference>, Failure> {
        let descriptor = POOL.get_message_by_name(self.message()).expect("the contract has it");
        let dynamic =
            DynamicMessage::deserialize(descriptor.clone(), Value::Object(wanted.clone()));
        let dynamic = dynamic.map_err(|error| Failure::Usage(error.to_string()))?;
        let mut line = Vec::new();
        json::write_line(&mut line, self.message(), &dynamic.encode_to_vec())?;
        let canonical: Fields =
            serde_json::from_slice(&line).map_err(|error| Failure::Answer(error.to_string()))?;
        let mut differences = Vec::new();
        for field in dynamic.descriptor().fields() {
            let (name, json_name) = (field.name(), field.json_name());
            let named = wanted.contains_key(name) || wanted.contains_key(json_name);
            let of = |fields: &Fields| fields.get(json_name).cloned().unwrap_or_default();
            let (old, new) = (of(known), of(&canonical));
            if named && name != "name" && old != new {
                differences.push(Difference { field: name.to_owned(), old, new });
            }
        }
        Ok(differences)
    }
}

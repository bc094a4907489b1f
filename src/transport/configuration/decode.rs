//! Requests about configuration to commands.

use jiff::SignedDuration;
use prost_types::{FieldMask, Struct};

use crate::domain::configuration::{
    ActionType, Body, Create, Delete, IssueKind, IssueType, OnExhausted, TRIES_DEFAULT, Update,
};
use crate::domain::error::{Error, Reason, Result, invalid, quoted, required};
use crate::domain::name::{
    ConfigurationKind, ConfigurationName, GroupName, Id, Principal, ProjectId, RevisionName,
};
use crate::domain::schema::Schema;
use crate::domain::workflow::{Category, Condition, Status, Transition, Workflow};
use crate::proto::{self, well_known};

/// What the server sets, which callers may send back.
const OUTPUT: &[&str] =
    &["name", "uid", "etag", "create_time", "update_time", "creator", "revision", "built_in"];

/// A message that says what a piece of configuration is to be.
pub(super) trait Read: Sized {
    /// What it is.
    const KIND: ConfigurationKind;

    /// Its name and its etag.
    fn identity(&self) -> (&str, &str);

    /// The fields that are not empty.
    fn present(&self) -> Vec<&'static str>;

    /// What it says, as far as those fields go; `field` is where it lies in the call.
    fn body(self, field: &str, meant: &[&'static str]) -> Result<Body>;
}

/// A request to create.
pub(super) fn create<T: Read>(parent: &str, id: &str, sent: Option<T>) -> Result<Create> {
    let (kind, noun) = (T::KIND, T::KIND.noun());
    let project = ProjectId::parse_name("parent", parent)?;
    let id = Id::parse(&format!("{noun}_id"), id)?;
    let sent = sent.ok_or_else(|| required(noun))?;
    let body = sent.body(noun, Body::fields(kind))?;
    Ok(Create { name: ConfigurationName { project, kind, id }, body })
}

/// A request to update.
pub(super) fn update<T: Read>(sent: Option<T>, mask: Option<FieldMask>) -> Result<Update> {
    let noun = T::KIND.noun();
    let sent = sent.ok_or_else(|| required(noun))?;
    let (name, etag) = sent.identity();
    let name = self::name(&format!("{noun}.name"), T::KIND, name)?;
    let etag = (!etag.is_empty()).then(|| etag.to_owned());
    let fields = meant(&sent, &mask.unwrap_or_default())?;
    let from = sent.body(noun, &fields)?;
    Ok(Update { name, etag, fields, from, status_mapping: Default::default() })
}

/// A request to delete.
pub(super) fn delete(kind: ConfigurationKind, name: &str, etag: String) -> Result<Delete> {
    let name = self::name("name", kind, name)?;
    Ok(Delete { name, etag: (!etag.is_empty()).then_some(etag) })
}

/// A name that must be there.
pub(super) fn name(field: &str, kind: ConfigurationKind, name: &str) -> Result<ConfigurationName> {
    if name.is_empty() {
        return Err(required(field));
    }
    ConfigurationName::parse(field, kind, name)
}

/// The name of a piece of configuration, or of one of its revisions, that must be there.
pub(super) fn revision(kind: ConfigurationKind, name: &str) -> Result<RevisionName> {
    if name.is_empty() {
        return Err(required("name"));
    }
    RevisionName::parse("name", kind, name)
}

/// The fields that a mask means.
fn meant<T: Read>(sent: &T, mask: &FieldMask) -> Result<Vec<&'static str>> {
    let all = Body::fields(T::KIND);
    if mask.paths.is_empty() {
        return Ok(sent.present());
    }
    let known = |path: &str| path == "*" || all.contains(&path) || OUTPUT.contains(&path);
    if let Some(path) = mask.paths.iter().find(|path| !known(path)) {
        return Err(Error::Invalid {
            reason: Reason::FieldUnknown,
            field: "update_mask".into(),
            problem: format!("{} is no field", quoted(path)),
        });
    }
    let is_meant = |field: &&str| mask.paths.iter().any(|path| path == "*" || path == field);
    Ok(all.iter().copied().filter(is_meant).collect())
}

/// The names of the fields for which something is true.
fn names<const N: usize>(fields: [(&'static str, bool); N]) -> Vec<&'static str> {
    fields.into_iter().filter(|(_, is)| *is).map(|(name, _)| name).collect()
}

impl Read for proto::Workflow {
    const KIND: ConfigurationKind = ConfigurationKind::Workflow;

    fn identity(&self) -> (&str, &str) {
        (&self.name, &self.etag)
    }

    fn present(&self) -> Vec<&'static str> {
        names([
            ("display_name", !self.display_name.is_empty()),
            ("initial_status", !self.initial_status.is_empty()),
            ("statuses", !self.statuses.is_empty()),
            ("transitions", !self.transitions.is_empty()),
        ])
    }

    fn body(self, field: &str, _: &[&'static str]) -> Result<Body> {
        let proto::Workflow {
            name: _,
            uid: _,
            etag: _,
            create_time: _,
            update_time: _,
            creator: _,
            revision: _,
            built_in: _,
            display_name,
            initial_status,
            statuses,
            transitions,
        } = self;
        let statuses = each(&format!("{field}.statuses"), statuses, status)?;
        let transitions = each(&format!("{field}.transitions"), transitions, transition)?;
        Ok(Body::Workflow(Workflow { display_name, initial_status, statuses, transitions }))
    }
}

/// Reads each with its place.
fn each<T, U>(field: &str, sent: Vec<T>, read: impl Fn(&str, T) -> Result<U>) -> Result<Vec<U>> {
    let read = |(n, sent)| read(&format!("{field}[{n}]"), sent);
    sent.into_iter().enumerate().map(read).collect()
}

fn groups(field: &str, sent: Vec<String>) -> Result<Vec<GroupName>> {
    each(field, sent, |field, name| GroupName::parse(field, &name))
}

fn status(field: &str, sent: proto::Status) -> Result<Status> {
    let proto::Status { id, category, visible_to, predicate } = sent;
    let at = format!("{field}.category");
    let category = match proto::StatusCategory::try_from(category) {
        Ok(proto::StatusCategory::Unspecified) => return Err(required(at)),
        Ok(proto::StatusCategory::Triage) => Category::Triage,
        Ok(proto::StatusCategory::Todo) => Category::Todo,
        Ok(proto::StatusCategory::InProgress) => Category::InProgress,
        Ok(proto::StatusCategory::Review) => Category::Review,
        Ok(proto::StatusCategory::Approval) => Category::Approval,
        Ok(proto::StatusCategory::Testing) => Category::Testing,
        Ok(proto::StatusCategory::Done) => Category::Done,
        Ok(proto::StatusCategory::Cancelled) => Category::Cancelled,
        Err(_) => return Err(invalid(at, format!("{category} is no category"))),
    };
    let visible_to = groups(&format!("{field}.visible_to"), visible_to)?;
    Ok(Status { id, category, visible_to, predicate })
}

fn transition(field: &str, sent: proto::Transition) -> Result<Transition> {
    let proto::Transition {
        id,
        from,
        to,
        condition,
        required_parameters,
        allowed_groups,
        require_actions_done,
        require_unblocked,
    } = sent;
    Ok(Transition {
        id,
        from,
        to,
        condition: Condition::parse(&format!("{field}.condition"), &condition)?,
        required_parameters,
        allowed_groups: groups(&format!("{field}.allowed_groups"), allowed_groups)?,
        require_actions_done,
        require_unblocked,
    })
}

impl Read for proto::IssueType {
    const KIND: ConfigurationKind = ConfigurationKind::IssueType;

    fn identity(&self) -> (&str, &str) {
        (&self.name, &self.etag)
    }

    fn present(&self) -> Vec<&'static str> {
        names([
            ("display_name", !self.display_name.is_empty()),
            ("kind", self.kind != 0),
            ("workflow", !self.workflow.is_empty()),
            ("parameter_schema", self.parameter_schema.is_some()),
            ("visible_to", !self.visible_to.is_empty()),
        ])
    }

    fn body(self, field: &str, meant: &[&'static str]) -> Result<Body> {
        let proto::IssueType {
            name: _,
            uid: _,
            etag: _,
            create_time: _,
            update_time: _,
            creator: _,
            revision: _,
            built_in: _,
            display_name,
            kind,
            workflow,
            parameter_schema,
            visible_to,
        } = self;
        let at = format!("{field}.kind");
        let kind = match proto::IssueKind::try_from(kind) {
            Ok(proto::IssueKind::Unspecified) if meant.contains(&"kind") => {
                return Err(required(at));
            }
            Ok(proto::IssueKind::Unspecified | proto::IssueKind::Task) => IssueKind::Task,
            Ok(proto::IssueKind::Bug) => IssueKind::Bug,
            Ok(proto::IssueKind::Enhancement) => IssueKind::Enhancement,
            Ok(proto::IssueKind::Question) => IssueKind::Question,
            Ok(proto::IssueKind::Custom) => IssueKind::Custom,
            Err(_) => return Err(invalid(at, format!("{kind} is no kind"))),
        };
        let parameter_schema = schema(&format!("{field}.parameter_schema"), parameter_schema)?;
        let visible_to = groups(&format!("{field}.visible_to"), visible_to)?;
        let issue_type = IssueType { display_name, kind, workflow, parameter_schema, visible_to };
        Ok(Body::IssueType(issue_type))
    }
}

fn schema(field: &str, sent: Option<Struct>) -> Result<Schema> {
    Schema::parse(field, well_known::fields(field, sent.unwrap_or_default())?)
}

impl Read for proto::ActionType {
    const KIND: ConfigurationKind = ConfigurationKind::ActionType;

    fn identity(&self) -> (&str, &str) {
        (&self.name, &self.etag)
    }

    fn present(&self) -> Vec<&'static str> {
        names([
            ("display_name", !self.display_name.is_empty()),
            ("performers", !self.performers.is_empty()),
            ("parameter_schema", self.parameter_schema.is_some()),
            ("result_schema", self.result_schema.is_some()),
            ("steps", !self.steps.is_empty()),
            ("lease", self.lease.is_some()),
            ("attempts_max", self.attempts_max != 0),
            ("losses_max", self.losses_max != 0),
            ("on_exhausted", self.on_exhausted != 0),
            ("expire_after", self.expire_after.is_some()),
        ])
    }

    fn body(self, field: &str, _: &[&'static str]) -> Result<Body> {
        let proto::ActionType {
            name: _,
            uid: _,
            etag: _,
            create_time: _,
            update_time: _,
            creator: _,
            revision: _,
            built_in: _,
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
        } = self;
        let at = |name: &str| format!("{field}.{name}");
        let on_exhausted = match proto::OnExhausted::try_from(on_exhausted) {
            Ok(proto::OnExhausted::Unspecified | proto::OnExhausted::Panic) => OnExhausted::Panic,
            Ok(proto::OnExhausted::Fail) => OnExhausted::Fail,
            Err(_) => {
                return Err(invalid(at("on_exhausted"), format!("{on_exhausted} is unknown")));
            }
        };
        let performer = |field: &str, name: String| Principal::parse(field, &name);
        Ok(Body::ActionType(ActionType {
            display_name,
            performers: each(&at("performers"), performers, performer)?,
            parameter_schema: schema(&at("parameter_schema"), parameter_schema)?,
            result_schema: schema(&at("result_schema"), result_schema)?,
            steps,
            lease: span(&at("lease"), lease)?,
            attempts_max: tries(attempts_max),
            losses_max: tries(losses_max),
            on_exhausted,
            expire_after: span(&at("expire_after"), expire_after)?,
        }))
    }
}

fn tries(sent: i32) -> i32 {
    if sent == 0 { TRIES_DEFAULT } else { sent }
}

fn span(field: &str, sent: Option<prost_types::Duration>) -> Result<Option<SignedDuration>> {
    let span = sent.map(|sent| well_known::span(field, sent)).transpose()?;
    let span = span.map(SignedDuration::try_from).transpose();
    span.map_err(|_| invalid(field, "is longer than time itself"))
}

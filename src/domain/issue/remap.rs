//! Moving an issue because its workflow has lost the status that it is in.

use std::collections::BTreeSet;

use serde_json::json;

use super::{EventType, Issue};
use crate::domain::command::At;
use crate::domain::error::Result;
use crate::domain::event::Event;
use crate::domain::name::GroupName;
use crate::domain::workflow::Workflow;

impl Issue {
    /// This issue on another revision of its workflow, in a status of it that does not close, and
    /// the event that tells so.
    pub fn remapped(
        &self,
        at: &At<'_>,
        workflow: &Workflow,
        revision: i64,
        to: &str,
    ) -> Result<(Issue, Event)> {
        let project = &self.name.project;
        let issue_type =
            at.definitions.issue_type(project, &self.issue_type, self.issue_type_revision)?;
        let of_status = workflow.status(to).map(|status| &status.visible_to);
        let visible_to = of_status.filter(|groups| !groups.is_empty());
        let visible_to = visible_to.unwrap_or(&issue_type.visible_to);
        let visible_to: BTreeSet<GroupName> = visible_to.iter().cloned().collect();
        let new = Issue {
            status: to.into(),
            category: workflow.category(to),
            workflow_revision: revision,
            visible_to: (!visible_to.is_empty()).then_some(visible_to),
            version: self.version + 1,
            step: self.step + 1,
            updated_at: at.now,
            ..self.clone()
        };
        let mut event = new.event_of_change(EventType::IssueTransitioned, self, |_| true);
        for (name, said) in [
            ("from", self.status.as_str()),
            ("to", to),
            ("from_category", self.category.as_str()),
            ("to_category", new.category.as_str()),
        ] {
            event.data.insert(name.into(), json!(said));
        }
        Ok((new, event))
    }
}

//! Relations of issues, for `potts.v1.IssueService`.

use std::collections::BTreeSet;
use std::sync::Arc;

use uuid::Uuid;

use super::auth::{Admitted, Caller};
use super::door::{Outcome, Written, expected};
use super::encode;
use super::issue_service::Issues;
use super::page_token::List;
use super::paging::{Filled, Page};
use crate::domain::command::Verb;
use crate::domain::error::{Result, not_found};
use crate::domain::event::Seq;
use crate::domain::name::IssueName;
use crate::domain::relation::Relation;
use crate::ledger::Answer;
use crate::proto;
use crate::store::Listed;

impl Issues {
    /// Writes a relation, or takes one away.
    pub(super) async fn relate(
        &self,
        admitted: &Admitted,
        verb: impl Into<Verb>,
    ) -> Result<Outcome<proto::IssueRelation>> {
        let verb = verb.into();
        let creates = matches!(verb, Verb::CreateIssueRelation(_));
        let Written { answer, changed, cursor } = self.door.write(admitted, verb).await?;
        let (relation, replayed) = match answer {
            Answer::Resource(resource) => {
                let relation: Arc<Relation> = expected("a relation", resource)?;
                match creates && changed && admitted.validate_only {
                    true => (encode::relation_to_be(&relation), false),
                    false => (encode::relation(&relation), false),
                }
            }
            Answer::Replayed(name) => (self.relation(&admitted.caller, name).await?, true),
        };
        Ok(Outcome { resource: Some(relation), changed, cursor, replayed })
    }

    /// A relation as it is now; of one that is gone its name alone.
    async fn relation(&self, caller: &Caller, name: String) -> Result<proto::IssueRelation> {
        let (issue, _) = name.split_once("/relations/").unwrap_or((&name, ""));
        let issue = IssueName::parse("name", issue)?;
        self.door.visible_issue(caller, &issue).await?;
        let all = self.relations(caller, &issue, None).await?.rows;
        let found = all.iter().find(|relation| relation.name.to_string() == name);
        let gone = || proto::IssueRelation { name: name.clone(), ..Default::default() };
        Ok(found.map_or_else(gone, encode::relation))
    }

    async fn relations(
        &self,
        caller: &Caller,
        name: &IssueName,
        known_head: Option<Seq>,
    ) -> Result<Listed<Relation>> {
        let deadline = caller.deadline;
        let reading = || Box::pin(self.door.store.relations(name, known_head, deadline.0));
        deadline.read(reading).await
    }

    /// The relations of an issue that the caller sees from both ends.
    pub(super) async fn list_relations(
        &self,
        caller: &Caller,
        request: proto::ListIssueRelationsRequest,
    ) -> Result<proto::ListIssueRelationsResponse> {
        let proto::ListIssueRelationsRequest { parent, page_size, page_token } = request;
        let name = IssueName::parse("parent", &parent)?;
        let list = List::of("ListIssueRelations", caller.name.as_str()).with(name.to_string());
        let page: Page<Uuid> = Page::asked(&self.door, list, page_size, &page_token)?;

        // An issue has few enough that all are read; later ones have greater uids.
        let Listed { rows: mut relations, log } =
            self.relations(caller, &name, page.known_head).await?;
        relations.retain(|relation| page.after.is_none_or(|after| relation.uid > after));
        let ends = relations.iter().flat_map(|r| [r.name.issue.clone(), r.target.clone()]);
        let seen = self.door.seen(caller, ends.chain([name.clone()]).collect()).await?;
        let there = seen.into_iter().filter(|sight| sight.is_there).map(|sight| sight.name);
        let there: BTreeSet<IssueName> = there.collect();
        if !there.contains(&name) {
            return Err(not_found(&name));
        }
        relations.retain(|r| there.contains(&r.name.issue) && there.contains(&r.target));
        let Filled { items: relations, next_page_token, cursor } = page.filled(
            Listed { rows: relations, log },
            |row| row.uid,
            |row| encode::relation(&row),
        );
        Ok(proto::ListIssueRelationsResponse { relations, next_page_token, cursor })
    }
}

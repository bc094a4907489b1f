//! Relations of issues, for `potts.v1.IssueService`.

use std::collections::BTreeSet;
use std::sync::Arc;

use prost::Message as _;

use super::auth::{Admitted, Caller};
use super::decode::page_size;
use super::door::{Written, expected, fit};
use super::encode;
use super::issue_service::Issues;
use super::page_token::{List, wrong};
use crate::domain::command::Verb;
use crate::domain::error::{Result, not_found};
use crate::domain::name::IssueName;
use crate::domain::relation::Relation;
use crate::ledger::Answer;
use crate::proto;

/// What every write of a relation answers.
pub(super) struct Outcome {
    pub relation: Option<proto::IssueRelation>,
    pub changed: bool,
    pub cursor: String,
    pub replayed: bool,
}

impl Issues {
    /// Writes a relation, or takes one away.
    pub(super) async fn relate(
        &self,
        admitted: &Admitted,
        verb: impl Into<Verb>,
    ) -> Result<Outcome> {
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
        Ok(Outcome { relation: Some(relation), changed, cursor, replayed })
    }

    /// A relation as it is now; of one that is gone its name alone.
    async fn relation(&self, caller: &Caller, name: String) -> Result<proto::IssueRelation> {
        let (issue, _) = name.split_once("/relations/").unwrap_or((&name, ""));
        let issue = IssueName::parse("name", issue)?;
        self.door.visible_issue(caller, &issue).await?;
        let all = self.relations(caller, &issue).await?;
        let found = all.iter().find(|relation| relation.name.to_string() == name);
        let gone = || proto::IssueRelation { name: name.clone(), ..Default::default() };
        Ok(found.map_or_else(gone, encode::relation))
    }

    async fn relations(&self, caller: &Caller, name: &IssueName) -> Result<Vec<Relation>> {
        let deadline = caller.deadline;
        deadline.read(Box::pin(self.door.store.relations(name, deadline.0))).await
    }

    /// The relations of an issue that the caller sees from both ends.
    pub(super) async fn list_relations(
        &self,
        caller: &Caller,
        request: proto::ListIssueRelationsRequest,
    ) -> Result<proto::ListIssueRelationsResponse> {
        let proto::ListIssueRelationsRequest { parent, page_size: size, page_token } = request;
        let name = IssueName::parse("parent", &parent)?;
        let size = page_size(size)?;
        let list = List::of("ListIssueRelations", caller.name.as_str()).with(name.to_string());
        let after = list.key(&page_token)?;
        let after = after.map(|key| uuid::Uuid::from_slice(&key).map_err(|_| wrong()));
        let after = after.transpose()?;

        // An issue has few enough that all are read; later ones have greater uids.
        let mut relations = self.relations(caller, &name).await?;
        relations.retain(|relation| after.is_none_or(|after| relation.uid > after));
        let ends = relations.iter().flat_map(|r| [r.name.issue.clone(), r.target.clone()]);
        let seen = self.door.seen(caller, ends.chain([name.clone()]).collect()).await?;
        let there = seen.into_iter().filter(|sight| sight.is_there).map(|sight| sight.name);
        let there: BTreeSet<IssueName> = there.collect();
        if !there.contains(&name) {
            return Err(not_found(&name));
        }
        relations.retain(|r| there.contains(&r.name.issue) && there.contains(&r.target));
        let all = relations.iter().map(|relation| (relation.uid, encode::relation(relation)));
        let (page, more) = fit(all.collect(), size, |(_, relation)| relation.encoded_len());
        let last = page.last().map(|(uid, _)| *uid).filter(|_| more);
        let next_page_token = last.map(|uid| list.token(uid.as_bytes())).unwrap_or_default();
        let relations = page.into_iter().map(|(_, relation)| relation).collect();
        Ok(proto::ListIssueRelationsResponse { relations, next_page_token })
    }
}

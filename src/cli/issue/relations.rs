//! `potts issue relate`, `unrelate` and `relations`.

use clap::{Args, ValueEnum};

use crate::cli::client::Client;
use crate::cli::names::short;
use crate::cli::project::Write;
use crate::cli::render::time;
use crate::cli::verbs::{Listing, Shown};
use crate::cli::{Failure, Output};
use crate::proto;

pub const RELATE_EXAMPLES: &str = "\
Examples:
  potts issue relate ABC-12 blocks ABC-7
  potts issue relate ABC-12 duplicates XYZ-3";
pub const UNRELATE_EXAMPLES: &str = "\
Examples:
  potts issue unrelate ABC-12/relations/1";
pub const LIST_EXAMPLES: &str = "\
Examples:
  potts issue relations ABC-12
  potts issue relations ABC-12 --json";

/// How one issue stands to another.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Kind {
    /// The other cannot go on before this one is closed
    Blocks,
    /// It says the same
    Duplicates,
    /// They have to do with each other
    RelatesTo,
    /// The other is there because of this one
    Causes,
}

#[derive(Args, Debug)]
pub struct Relate {
    /// Which issue: its key or its name
    issue: String,
    /// How it stands to the other
    #[arg(value_enum)]
    kind: Kind,
    /// The other issue: its key or its name
    target: String,
    #[command(flatten)]
    write: Write,
}

#[derive(Args, Debug)]
pub struct Unrelate {
    /// Which relation, as ABC-12/relations/1
    relation: String,
    #[command(flatten)]
    write: Write,
}

#[derive(Args, Debug)]
pub struct Relations {
    /// Which issue: its key or its name
    issue: String,
    /// Print each as one line of ProtoJSON
    #[arg(long)]
    json: bool,
}

macro_rules! send_relation {
    ($client:ident, $output:ident, $write:ident, $send:ident, $answer:expr, $request:expr) => {
        $crate::cli::verbs::send_write!(
            $client.issues.$send, $output, $write, $answer,
            |request_id| $request(request_id, $write.validate_only), relation => row
        )
    };
}

impl Relate {
    /// Asks, and prints the answer.
    pub async fn run(self, client: &Client, output: &mut Output<'_>) -> Result<(), Failure> {
        let Relate { issue: parent, kind, target, write } = self;
        let kind = match kind {
            Kind::Blocks => proto::RelationKind::Blocks,
            Kind::Duplicates => proto::RelationKind::Duplicates,
            Kind::RelatesTo => proto::RelationKind::RelatesTo,
            Kind::Causes => proto::RelationKind::Causes,
        };
        let relation = proto::IssueRelation { target, kind: kind.into(), ..Default::default() };
        let request = |request_id, validate_only| proto::CreateIssueRelationRequest {
            parent,
            relation: Some(relation),
            request_id,
            validate_only,
        };
        let answer = "potts.v1.CreateIssueRelationResponse";
        send_relation!(client, output, write, create_issue_relation, answer, request)
    }
}

impl Unrelate {
    /// Asks, and prints the answer.
    pub async fn run(self, client: &Client, output: &mut Output<'_>) -> Result<(), Failure> {
        let Unrelate { relation: name, write } = self;
        let request = |request_id, validate_only| proto::DeleteIssueRelationRequest {
            name,
            request_id,
            validate_only,
        };
        let answer = "potts.v1.DeleteIssueRelationResponse";
        send_relation!(client, output, write, delete_issue_relation, answer, request)
    }
}

impl Relations {
    /// Asks, and prints the answer.
    pub async fn run(self, client: &Client, output: &mut Output<'_>) -> Result<(), Failure> {
        let Relations { issue, json } = self;
        let ask = async |page_size, page_token| {
            let parent = issue.clone();
            let request = proto::ListIssueRelationsRequest { parent, page_size, page_token };
            let send = async |request| client.issues().list_issue_relations(request).await;
            let page = client.call(request, send).await?;
            Ok((page.relations, page.next_page_token))
        };
        let (shown, message) = (Shown { limit: None, json }, "potts.v1.IssueRelation");
        let head = ["RELATION", "ISSUE", "KIND", "TARGET", "CREATED"];
        Listing { shown, message, head, row }.print(output, ask).await
    }
}

fn row(relation: &proto::IssueRelation) -> [String; 5] {
    let kind = relation.kind().as_str_name().trim_start_matches("RELATION_KIND_");
    [
        short(&relation.name),
        short(&relation.issue),
        kind.to_lowercase().replace('_', "-"),
        short(&relation.target),
        time(relation.create_time.as_ref()),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_relation_is_shown_as_it_is_said() {
        let relation = proto::IssueRelation {
            name: "projects/abc/issues/1/relations/2".into(),
            issue: "projects/abc/issues/1".into(),
            target: "projects/xyz/issues/3".into(),
            kind: proto::RelationKind::RelatesTo.into(),
            ..Default::default()
        };

        assert_eq!(row(&relation), ["ABC-1/relations/2", "ABC-1", "relates-to", "XYZ-3", "-"]);
    }
}

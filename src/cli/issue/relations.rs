//! `potts issue relate`, `unrelate` and `relations`.

use clap::{Args, ValueEnum};
use prost::Message as _;

use crate::cli::client::{Client, request_id};
use crate::cli::json::write_line;
use crate::cli::names::short;
use crate::cli::project::{Write, told};
use crate::cli::render::{table, time};
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

/// How many relations are asked for at once: all that an issue may have.
const PAGE_RELATIONS: i32 = 500;

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
    ($client:ident, $output:ident, $write:ident, $send:ident, $answer:expr, $request:expr) => {{
        let send = async |request| $client.issues().$send(request).await;
        let request_id = request_id(&$write.request_id);
        let request = $request(request_id.clone(), $write.validate_only);
        let answer = $client.write(&request_id, request, send).await?;
        if $write.json {
            return write_line($output.out, $answer, &answer.encode_to_vec());
        }
        let relation = answer.relation.unwrap_or_default();
        told($output, &row(&relation), answer.changed, $write.validate_only)
    }};
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
        let Relations { issue: parent, json } = self;
        let mut page_token = String::new();
        let mut head = Some(["RELATION", "ISSUE", "KIND", "TARGET", "CREATED"]);
        loop {
            let (parent, page_size) = (parent.clone(), PAGE_RELATIONS);
            let request = proto::ListIssueRelationsRequest { parent, page_size, page_token };
            let send = async |request| client.issues().list_issue_relations(request).await;
            let page = client.call(request, send).await?;
            if json {
                for relation in &page.relations {
                    let bytes = relation.encode_to_vec();
                    write_line(output.out, "potts.v1.IssueRelation", &bytes)?;
                }
            } else {
                let rows: Vec<_> = page.relations.iter().map(row).collect();
                table(output.out, head.take(), &rows)?;
            }
            page_token = page.next_page_token;
            if page_token.is_empty() {
                return Ok(());
            }
        }
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

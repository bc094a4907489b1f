//! `potts apply`: makes things as files describe them, and leaves alone what is so already.

use std::collections::BTreeMap;
use std::path::PathBuf;

use clap::Args;
use prost_types::FieldMask;
use serde_json::Value;

use super::document::{Document, documents};
use super::kind::{Asked, Difference, Fields};
use super::verbs::StatusMapping;
use crate::cli::client::{Client, Connection, request_id};
use crate::cli::render::{clipped, plain};
use crate::cli::{Failure, Output};

/// What `--help` shows.
pub const EXAMPLES: &str = "\
Examples:
  potts apply -f team.yaml --dry-run
  potts apply -f team.yaml workflows.yaml
  potts apply -f workflows.yaml --status-mapping waiting=doing";

/// Longer values are cut in differences.
const VALUE_CHARS_MAX: usize = 60;

/// Make projects, people and configuration as files describe them.
#[derive(Args, Debug)]
pub struct Apply {
    #[command(flatten)]
    connection: Connection,
    /// YAML or JSON, `-` for standard input; each document has kind, name and spec
    #[arg(short = 'f', long = "file", value_name = "FILE", required = true, num_args = 1..)]
    files: Vec<PathBuf>,
    /// Say what would change, and change nothing
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    moves: StatusMapping,
}

impl Apply {
    /// Applies the documents in the order in which they depend on each other. It ends with the
    /// first one that is refused; what came before it stays, and the same again goes on.
    pub async fn run(self, output: &mut Output<'_>) -> Result<(), Failure> {
        let documents = documents(&self.files)?;
        let client = Client::connect(&self.connection).await?;
        let mapping = self.moves.given();
        for document in &documents {
            let applied = apply(&client, document, &mapping, self.dry_run, output).await;
            applied.map_err(|failure| {
                failure.or_hint(|| format!("refused was {}, {}", document.name, document.origin))
            })?;
        }
        Ok(())
    }
}

async fn apply(
    client: &Client,
    document: &Document,
    mapping: &BTreeMap<String, String>,
    dry_run: bool,
    output: &mut Output<'_>,
) -> Result<(), Failure> {
    let Document { origin: _, kind, name, spec } = document;
    let known = kind.get(client, name).await?;
    let asked = Asked {
        request_id: request_id(&None),
        validate_only: false,
        status_mapping: lost(spec, known.as_ref(), mapping),
    };
    let differences = kind.differences(spec, known.as_ref().unwrap_or(&Default::default()))?;
    let what = match &known {
        None if dry_run => "would be created",
        None => {
            kind.create(client, name, spec, &asked).await?;
            "created"
        }
        Some(_) if differences.is_empty() => "unchanged",
        Some(_) if dry_run => "would be changed",
        Some(known) => {
            let mut sent = spec.clone();
            sent.insert("name".into(), Value::String(name.clone()));
            // Whoever changes it between the look and the write is not overwritten unseen.
            if let Some(etag) = known.get("etag") {
                sent.insert("etag".into(), etag.clone());
            }
            let paths = differences.iter().map(|difference| difference.field.clone()).collect();
            kind.update(client, &sent, Some(FieldMask { paths }), &asked).await?;
            "changed"
        }
    };
    writeln!(output.out, "{} {}: {what}", kind.word(), plain(name))?;
    for Difference { field, old, new } in &differences {
        let (old, new) = (shown(old), shown(new));
        writeln!(output.out, "  {field}: {old} -> {new}")?;
    }
    Ok(())
}

/// What of a mapping a workflow needs: a file may describe several, and each is asked about no
/// other statuses than those that it loses.
fn lost(
    spec: &Fields,
    known: Option<&Fields>,
    mapping: &BTreeMap<String, String>,
) -> BTreeMap<String, String> {
    let has = |of: Option<&Fields>, id: &str| {
        let statuses = of.and_then(|fields| fields.get("statuses")).and_then(Value::as_array);
        statuses.into_iter().flatten().any(|status| status.get("id").is_some_and(|is| is == id))
    };
    if !spec.contains_key("statuses") {
        return BTreeMap::new();
    }
    let is_lost = |old: &str| has(known, old) && !has(Some(spec), old);
    let needed = mapping.iter().filter(|(old, _)| is_lost(old));
    needed.map(|(old, new)| (old.clone(), new.clone())).collect()
}

fn shown(value: &Value) -> String {
    if value.is_null() {
        return "-".into();
    }
    clipped(&plain(&value.to_string()), VALUE_CHARS_MAX)
}

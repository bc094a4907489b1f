//! `potts agenda`: what is next.

use std::io::{self, Write};

use clap::Args;
use prost::Message as _;

use super::action::show::word;
use super::client::{Client, Connection};
use super::json::write_line;
use super::names::{principal, project, short};
use super::render::{clipped, table, time};
use super::{Failure, Output};
use crate::proto;
use crate::proto::agenda_item::Kind;

const EXAMPLES: &str = "\
Empty parts are left out.

Examples:
  potts agenda
  potts agenda --actor ann --project abc
  potts agenda --limit 5 --json";

/// Longer titles are cut.
const TITLE_CHARS_MAX: usize = 60;

/// Say what is next.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub struct Agenda {
    #[command(flatten)]
    connection: Connection,
    /// Whose; your own otherwise
    #[arg(long, value_parser = principal)]
    actor: Option<String>,
    /// Only what is of this project
    #[arg(long, value_parser = project)]
    project: Option<String>,
    /// At most so many of each part; 20 otherwise
    #[arg(long, value_name = "NUMBER", default_value_t = 0, hide_default_value = true)]
    limit: u8,
    /// Print it as one line of ProtoJSON
    #[arg(long)]
    json: bool,
}

impl Agenda {
    /// Asks, and prints the answer.
    pub async fn run(self, output: &mut Output<'_>) -> Result<(), Failure> {
        let Agenda { connection, actor, project, limit, json } = self;
        let client = Client::connect(&connection).await?;
        let request = proto::GetAgendaRequest {
            actor: actor.unwrap_or_default(),
            project: project.unwrap_or_default(),
            bucket_size: limit.into(),
        };
        let send = async |request| client.issues().get_agenda(request).await;
        let agenda = client.call(request, send).await?;
        if json {
            let name = "potts.v1.GetAgendaResponse";
            return write_line(output.out, name, &agenda.encode_to_vec());
        }
        Ok(parts(output.out, &agenda)?)
    }
}

/// Writes the parts that are not empty, each under its heading.
fn parts(out: &mut dyn Write, agenda: &proto::GetAgendaResponse) -> io::Result<()> {
    let parts = [
        ("Now", &agenda.now),
        ("Can be claimed", &agenda.parallel),
        ("Next", &agenda.next),
        ("To be planned", &agenda.review),
        ("Changed", &agenda.aware),
        ("Soon", &agenda.prepare),
    ];
    let full = || parts.iter().filter(|(_, items)| !items.is_empty());
    for (n, (heading, items)) in full().enumerate() {
        let gap = if n == 0 { "" } else { "\n" };
        writeln!(out, "{gap}{heading}")?;
        table(out, None, &items.iter().map(row).collect::<Vec<_>>())?;
    }
    if full().next().is_none() {
        writeln!(out, "nothing")?;
    }
    Ok(())
}

fn row(item: &proto::AgendaItem) -> [String; 5] {
    let priority = if item.priority == 0 { "-".into() } else { format!("P{}", item.priority) };
    let title = clipped(&item.title, TITLE_CHARS_MAX);
    let (state, title) = match &item.kind {
        Some(Kind::Action(action)) => (state(action), format!("{title} ({})", of(action))),
        Some(Kind::Issue(issue)) => (issue.status.clone(), title),
        None => (String::new(), title),
    };
    [format!("  {}", short(&item.name)), state, priority, time(item.due_time.as_ref()), title]
}

/// What an action is a part of.
fn of(action: &proto::AgendaAction) -> String {
    clipped(&action.issue_title, TITLE_CHARS_MAX)
}

/// The state, why it waits if it does, and how far it is.
fn state(action: &proto::AgendaAction) -> String {
    let state = word(action.state().as_str_name(), "ACTION_STATE_");
    let reason = word(action.blocked_reason().as_str_name(), "BLOCKED_REASON_");
    match (action.state(), action.progress) {
        (proto::ActionState::Pending, _) => format!("{state} ({reason})"),
        (_, 0) => state,
        (_, percent) => format!("{state}, {percent} %"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_that_are_empty_are_left_out() {
        let action = proto::AgendaAction {
            issue: "projects/abc/issues/12".into(),
            issue_title: "The door sticks".into(),
            state: proto::ActionState::Pending.into(),
            blocked_reason: proto::BlockedReason::Dependencies.into(),
            ..Default::default()
        };
        let issue = proto::AgendaIssue { status: "open".into(), ..Default::default() };
        let item = |name: &str, title: &str, kind| proto::AgendaItem {
            name: name.into(),
            title: title.into(),
            kind: Some(kind),
            ..Default::default()
        };
        let next = item("projects/abc/issues/12/actions/3", "Paint it", Kind::Action(action));
        let aware = item("projects/abc/issues/7", "The light\u{1b}", Kind::Issue(issue));
        let agenda = proto::GetAgendaResponse {
            next: vec![next],
            aware: vec![proto::AgendaItem { priority: 2, ..aware }],
            ..Default::default()
        };
        let written = |agenda: &proto::GetAgendaResponse| {
            let mut out = Vec::new();
            parts(&mut out, agenda).unwrap();
            String::from_utf8(out).unwrap()
        };

        assert_eq!(
            written(&agenda),
            "Next\n  ABC-12/actions/3  pending (dependencies)  -  -  Paint it (The door sticks)\n\
             \nChanged\n  ABC-7  open  P2  -  The light\\u{1b}\n"
        );
        assert_eq!(written(&proto::GetAgendaResponse::default()), "nothing\n");
    }
}

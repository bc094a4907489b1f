//! Reading actions and attempts.

use clap::Args;
use prost::Message as _;

use super::fields::state;
use super::show;
use crate::cli::client::Client;
use crate::cli::json::write_line;
use crate::cli::verbs::{Listing, Shown};
use crate::cli::{Failure, Output};
use crate::proto;

#[derive(Args, Debug)]
pub struct Get {
    /// Which action, such as ABC-12/actions/3
    action: String,
    /// Print it as one line of ProtoJSON
    #[arg(long)]
    json: bool,
}

impl Get {
    pub async fn run(self, client: &Client, output: &mut Output<'_>) -> Result<(), Failure> {
        let request = proto::GetActionRequest { name: self.action };
        let send = async |request| client.actions().get_action(request).await;
        let action = client.call(request, send).await?.action.unwrap_or_default();
        if self.json {
            return write_line(output.out, "potts.v1.Action", &action.encode_to_vec());
        }
        Ok(show::card(output.out, &action)?)
    }
}

#[derive(Args, Debug)]
pub struct List {
    /// An issue, by its key or name, or a project, such as projects/abc
    parent: String,
    /// Only these, such as: priority <= 2 AND (state = READY OR due_time:*)
    #[arg(long, default_value = "", hide_default_value = true)]
    filter: String,
    /// In this order, such as: priority, due_time. By issue and number otherwise
    #[arg(long, value_name = "FIELDS", default_value = "", hide_default_value = true)]
    order_by: String,
    /// And only actions in this state; may be given several times
    #[arg(long, value_name = "STATE", value_parser = state)]
    state: Vec<proto::ActionState>,
    /// And only actions that are assigned to this actor
    #[arg(long, value_name = "ACTOR", default_value = "", hide_default_value = true)]
    assignee: String,
    /// And only actions of this type
    #[arg(long = "type", value_name = "ID", default_value = "", hide_default_value = true)]
    action_type: String,
    #[command(flatten)]
    shown: Shown,
}

/// The filter that all options say together.
fn together(
    filter: &str,
    states: &[proto::ActionState],
    assignee: &str,
    action_type: &str,
) -> String {
    let given = |text: &str| !text.trim().is_empty();
    let prefix = "ACTION_STATE_";
    let state = |state: &proto::ActionState| {
        let name = state.as_str_name();
        format!("state = {}", name.strip_prefix(prefix).unwrap_or(name))
    };
    let states: Vec<String> = states.iter().map(state).collect();
    // Of `OR` and `AND`, `OR` binds tighter; only what the caller wrote needs parentheses.
    let parts = [
        given(filter).then(|| format!("({filter})")),
        (!states.is_empty()).then(|| states.join(" OR ")),
        given(assignee).then(|| format!("assignee = {}", quoted(assignee))),
        given(action_type).then(|| format!("action_type = {}", quoted(action_type))),
    ];
    match &parts {
        [_, None, None, None] => filter.to_owned(),
        parts => parts.iter().flatten().cloned().collect::<Vec<_>>().join(" AND "),
    }
}

/// A value of a filter that means itself.
fn quoted(text: &str) -> String {
    let mut quoted = String::from('"');
    for c in text.chars() {
        quoted.extend(matches!(c, '"' | '\\' | '*').then_some('\\'));
        quoted.push(c);
    }
    quoted + "\""
}

impl List {
    pub async fn run(self, client: &Client, output: &mut Output<'_>) -> Result<(), Failure> {
        let List { parent, filter, order_by, state, assignee, action_type, shown } = self;
        let filter = together(&filter, &state, &assignee, &action_type);
        let ask = async |page_size, page_token| {
            let request = proto::ListActionsRequest {
                parent: parent.clone(),
                page_size,
                page_token,
                filter: filter.clone(),
                order_by: order_by.clone(),
            };
            let send = async |request| client.actions().list_actions(request).await;
            let page = client.call(request, send).await?;
            Ok((page.actions, page.next_page_token))
        };
        let message = "potts.v1.Action";
        Listing { shown, message, head: show::HEAD, row: show::row }.print(output, ask).await
    }
}

#[derive(Args, Debug)]
pub struct Attempts {
    /// Which action, such as ABC-12/actions/3
    action: String,
    #[command(flatten)]
    shown: Shown,
}

impl Attempts {
    pub async fn run(self, client: &Client, output: &mut Output<'_>) -> Result<(), Failure> {
        let Attempts { action, shown } = self;
        let ask = async |page_size, page_token| {
            let parent = action.clone();
            let request = proto::ListAttemptsRequest { parent, page_size, page_token };
            let send = async |request| client.actions().list_attempts(request).await;
            let page = client.call(request, send).await?;
            Ok((page.attempts, page.next_page_token))
        };
        let (message, head) = ("potts.v1.Attempt", show::ATTEMPTS_HEAD);
        Listing { shown, message, head, row: show::attempt_row }.print(output, ask).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::action::FIELDS;
    use crate::domain::query::Filter;

    #[test]
    fn options_make_one_filter() {
        let two = [proto::ActionState::Ready, proto::ActionState::Running];

        assert_eq!(together("", &[], "", ""), "");
        assert_eq!(together("priority = 1", &[], "", ""), "priority = 1");
        let all = together("number = 1 OR number = 2", &two, "actors/ann", "de\"ploy*");
        assert_eq!(
            all,
            "(number = 1 OR number = 2) AND state = READY OR state = RUNNING \
             AND assignee = \"actors/ann\" AND action_type = \"de\\\"ploy\\*\""
        );
        let parsed = |text: &str| Filter::parse(text, &FIELDS).unwrap();
        assert!(matches!(parsed(&all), Filter::And(parts) if parts.len() == 4));
    }
}

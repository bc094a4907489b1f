//! What a replay of the log has made of each thing, field by field, against what the service
//! answers.

use serde_json::{Value, json};

use super::json::plain;
use super::replay::{Thing, World};

/// What no event tells of an issue. The uid and the key are given with the name. What it is about,
/// the revisions that it stays on and who may see it follow from its type, its workflow and its
/// status; until when it can be brought back follows from when it was deleted.
const UNTOLD_OF_ISSUES: [&str; 7] =
    ["uid", "key", "kind", "issue_type_revision", "workflow_revision", "visible_to", "expire_time"];

/// What no event tells of an action. The fence is the number of the attempt, for the holder alone.
/// The rest are signs of life, which would drown what happens.
const UNTOLD_OF_ACTIONS: [&str; 5] = ["uid", "fence", "lease_expire_time", "progress", "note"];

/// Compares an issue as it is answered with what the log tells of it.
pub fn compare_issue(world: &World, row: &Value) {
    let name = row["name"].as_str().unwrap();
    let thing = &world.things[name];
    let closes = |field: &Value| field == "DONE" || field == "CANCELLED";
    let closed = thing.fields.get("category").is_some_and(closes);
    compare(row, thing, &UNTOLD_OF_ISSUES, |field| match field {
        "state" => Some(json!(if closed { "CLOSED" } else { "OPEN" })),
        "close_time" => Some(thing.closed_at.clone().filter(|_| closed).unwrap_or_default()),
        "delete_time" => Some(thing.deleted_at.clone().unwrap_or_default()),
        "thread" => Some(json!(world.topmost(name))),
        _ => None,
    });
}

/// Compares an action as it is answered with what the log tells of it.
pub fn compare_action(world: &World, row: &Value) {
    let thing = &world.things[row["name"].as_str().unwrap()];
    let mut row = row.clone();
    let dependencies = row["dependencies"].as_array().cloned().unwrap_or_default();
    let state = plain("state", &row["state"]);
    let met = |dependency: &Value| dependency["state"] == "DEPENDENCY_STATE_MET";
    let begun = ["READY", "CLAIMED", "RUNNING", "SUCCEEDED"];
    if begun.iter().any(|begun| state == *begun) {
        assert!(dependencies.iter().all(met), "READY too early: {row}");
    }
    row["dependencies"] = dependencies.iter().map(without_state).collect();
    compare(&row, thing, &UNTOLD_OF_ACTIONS, |field| match field {
        "end_time" => Some(thing.ended_at.clone().unwrap_or_default()),
        _ => None,
    });
}

/// A dependency as it was asked for. Whether it is met follows from what it is on.
fn without_state(dependency: &Value) -> Value {
    let said = ["action", "issue", "not_before", "satisfy"].map(|name| {
        let value = plain(name, &dependency[name]);
        (name.to_owned(), value)
    });
    said.into_iter().filter(|(_, value)| !value.is_null()).collect()
}

fn compare(row: &Value, thing: &Thing, untold: &[&str], follows: impl Fn(&str) -> Option<Value>) {
    let name = &row["name"];
    for (field, is) in row.as_object().unwrap() {
        if untold.contains(&field.as_str()) {
            continue;
        }
        let told = match field.as_str() {
            "name" => name.clone(),
            "etag" => json!(format!("v{}", thing.version)),
            "create_time" => thing.created_at.clone(),
            "update_time" => thing.changed_at.clone(),
            "creator" => json!(thing.creator),
            "step" => json!(thing.step),
            field => follows(field)
                .unwrap_or_else(|| thing.fields.get(field).cloned().unwrap_or_default()),
        };
        let (is, told) = (plain(field, is), plain(field, &told));
        assert_eq!(is, told, "{name}: {field} is not what was told; told: {thing:#?}");
    }
}

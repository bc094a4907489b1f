//! The rules of the house that no compiler knows: who may name whom, how long a file is, what is
//! said twice and must agree.
//!
//! A check is a function of a path and a text that answers with complaints: file, line, what is
//! wrong and what to do. The tests below run them over the repository; those in [`examples`] show
//! that each can complain.

#![expect(
    clippy::indexing_slicing,
    clippy::string_slice,
    reason = "a check that panics is a test that fails"
)]

use std::collections::BTreeMap;

use checks::{
    embedded_clock, homes, impurity, layering, length, markers, one_way, reasons, refusals,
    settings, sleeping, sql, strange, stubs, twins, unknown_room, unsaid, width,
};
use reading::{files, room, rust};

#[path = "tidy/checks.rs"]
mod checks;
#[path = "tidy/examples.rs"]
mod examples;
#[path = "tidy/reading.rs"]
mod reading;

/// These files: their words for what is forbidden are not themselves forbidden.
const THESE: &str = "tests/tidy";

#[test]
fn rooms_name_only_the_rooms_that_they_may() {
    let files = files();
    none(rust(&files, &["src/"]).flat_map(|(path, text)| layering(path, text)));
    none(files.keys().flat_map(|path| unknown_room(path)));
}

#[test]
fn crates_are_named_in_their_homes_alone() {
    none(rust(&files(), &["src/", "tests/"]).flat_map(|(path, text)| homes(path, text)));
}

#[test]
fn files_hold_one_noun_and_fit_a_screen() {
    let files = files();
    none(rust(&files, &["src/", "tests/"]).flat_map(|(path, text)| length(path, text)));
    let drawn = |path: &str| [".rs", ".proto", ".sql"].iter().any(|end| path.ends_with(end));
    let drawn = files.iter().filter(|(path, _)| drawn(path) && !path.contains("/gen/"));
    none(drawn.flat_map(|(path, text)| width(path, text)));
}

#[test]
fn tests_wait_for_states_and_never_for_time() {
    none(rust(&files(), &["tests/"]).flat_map(|(path, text)| sleeping(path, text)));
}

#[test]
fn the_domain_depends_on_its_arguments_alone() {
    let rooms = ["src/domain/", "src/domain.rs"];
    none(rust(&files(), &rooms).flat_map(|(path, text)| impurity(path, text)));
}

#[test]
fn nothing_is_left_for_later_or_switched_off() {
    let files = files();
    let others = files.iter().filter(|(path, _)| !path.starts_with(THESE));
    none(others.flat_map(|(path, text)| markers(path, text)));
    none(rust(&files, &["src/", "tests/", "build.rs"]).flat_map(|(path, text)| stubs(path, text)));
}

#[test]
fn reasons_are_the_same_in_the_domain_and_in_the_contract() {
    let files = files();
    let reasons = reasons(&files["proto/potts/v1/error.proto"]);
    assert!(reasons.len() > 20, "only {} reasons read: has error.proto a new form?", reasons.len());
    let path = "src/domain/error.rs";
    match files.get(path) {
        Some(text) => none(twins(path, text, &reasons)),
        None => assert!(!has_room(&files, "domain"), "{path} is missing: `Reason` lives there"),
    }
}

#[test]
fn every_rpc_says_how_it_refuses_and_every_reason_is_said() {
    let files = files();
    let reasons = reasons(&files["proto/potts/v1/error.proto"]);
    let services = files.iter().filter(|(path, _)| path.ends_with("_service.proto"));
    let services: Vec<_> = services.collect();
    assert!(services.len() >= 3, "only {} *_service.proto found", services.len());
    none(services.iter().flat_map(|(path, text)| refusals(path, text, &reasons)));
    let said: String = services.iter().map(|(_, text)| text.as_str()).collect();
    none(unsaid("proto/potts/v1/error.proto", &said, &reasons));
}

#[test]
fn every_setting_is_read_in_one_place_and_explained_in_the_readme() {
    let files = files();
    let Some(config) = files.get("src/config.rs") else {
        return assert!(!files.contains_key("src/server.rs"), "src/config.rs is missing");
    };
    let cli = files.iter().filter(|(path, _)| room(path) == "cli").map(|(_, text)| text.as_str());
    let cli: String = cli.collect();
    let readme = files.get("README.md").map(String::as_str);
    assert!(readme.is_some() || !files.contains_key("src/server.rs"), "README.md is missing");
    let speaks = |path: &str| {
        path.starts_with("src/")
            || path.starts_with("tests/") && !path.starts_with(THESE)
            || ["README.md", "Dockerfile"].contains(&path)
    };
    let speaking = files.iter().filter(|(path, _)| speaks(path));
    none(speaking.flat_map(|(path, text)| settings(path, text, config, &cli, readme)));
}

#[test]
fn migrations_go_both_ways_in_lower_case() {
    let files = files();
    none(one_way(files.keys().map(String::as_str)));
    let scripts = files.iter().filter(|(path, _)| path.ends_with(".sql"));
    none(scripts.flat_map(|(path, text)| sql(path, text)));
    none(rust(&files, &["src/store"]).flat_map(|(path, text)| embedded_clock(path, text)));
}

#[test]
fn the_repository_speaks_of_the_project_alone() {
    let files = files();
    let others = files.iter().filter(|(path, _)| !path.starts_with(THESE));
    none(others.flat_map(|(path, text)| strange(path, text)));
}

fn has_room(files: &BTreeMap<String, String>, name: &str) -> bool {
    files.keys().any(|path| path.starts_with("src/") && room(path) == name)
}

#[track_caller]
fn none(complaints: impl IntoIterator<Item = String>) {
    let complaints: Vec<String> = complaints.into_iter().collect();
    assert!(complaints.is_empty(), "{} to mend:\n{}", complaints.len(), complaints.join("\n"));
}

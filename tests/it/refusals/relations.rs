//! Calls about trees, keys, people and relations that are refused, in a project of their own.

use ::potts::proto::*;

use super::cases::{Case, create, mask, text};
use crate::support::TestApp;

/// TREE-1 holds a key and has a child, TREE-2, and below it TREE-3, which 20 work on; TREE-4 is
/// closed and inactive, and TREE-5 deleted, with that key. TREE-6 has as many open children as
/// there may be, beside a closed one, TREE-7, and a deleted one, TREE-8.
pub async fn prepare(app: &TestApp) {
    app.project("tree").await;
    let issue = async |parent: &str, dedup_key: &str| {
        let request = grow(|i| {
            (i.parent, i.dedup_key) = (text(parent), text(dedup_key));
        });
        app.issues().create_issue(request).await.unwrap();
    };
    let close = async |name: &str| {
        let request = CloseIssueRequest { name: text(name), ..Default::default() };
        app.issues().close_issue(request).await.unwrap();
    };
    let delete = async |name: &str| {
        let request = DeleteIssueRequest { name: text(name), ..Default::default() };
        app.issues().delete_issue(request).await.unwrap();
    };
    issue("", "").await;
    issue("TREE-1", "").await;
    issue("TREE-2", "").await;
    issue("", "key").await;
    close("TREE-4").await;
    issue("", "key").await;
    delete("TREE-5").await;
    issue("", "").await;
    for _ in 0..2 {
        issue("TREE-6", "").await;
    }
    close("TREE-7").await;
    delete("TREE-8").await;
    let hold = Issue { name: text("TREE-1"), dedup_key: text("key"), ..Default::default() };
    let hold = UpdateIssueRequest { issue: Some(hold), ..Default::default() };
    app.issues().update_issue(hold).await.unwrap();
    let sql = app.database.sql().await;
    let rest = "update issues set open_children = 1000 where project = 'tree' and number = 6;
                update issues set active = false where project = 'tree' and number = 4;
                update issues set assignees = (select array_agg('groups/g' || n)
                    from generate_series(1, 20) as n) where project = 'tree' and number = 3";
    sql.batch_execute(rest).await.unwrap();
}

/// As `create`, in the other project.
fn grow(change: impl FnOnce(&mut Issue)) -> CreateIssueRequest {
    CreateIssueRequest { parent: text("projects/tree"), ..create(change) }
}

fn update(name: &str, path: &str, change: impl FnOnce(&mut Issue)) -> UpdateIssueRequest {
    let mut issue = Issue { name: text(name), ..Default::default() };
    change(&mut issue);
    let update_mask = mask(&[path]);
    UpdateIssueRequest { issue: Some(issue), update_mask, ..Default::default() }
}

fn assign(add: &[&str]) -> AssignIssueRequest {
    let add = add.iter().map(|who| text(who)).collect();
    AssignIssueRequest { name: text("ABC-1"), add, ..Default::default() }
}

fn relate(parent: &str, target: &str, kind: i32) -> CreateIssueRelationRequest {
    let relation = Some(IssueRelation { target: text(target), kind, ..Default::default() });
    CreateIssueRelationRequest { parent: text(parent), relation, ..Default::default() }
}

/// An issue that there is not, and one that is deleted.
const NOBODY: &str = "potts.v1.Issue projects/abc/issues/99";
const HIDDEN: &str = "potts.v1.Issue projects/abc/issues/3";

pub fn relation_cases() -> Vec<Case> {
    let mut cases = tree_cases();
    cases.extend(assign_cases());
    cases.extend(activity_cases());
    cases.extend(link_cases());
    cases
}

fn tree_cases() -> Vec<Case> {
    let tags = |tags: &[&str]| tags.iter().map(|tag| text(tag)).collect::<Vec<_>>();
    let many = || (0..51).map(|n| n.to_string()).collect::<Vec<_>>();
    cases! { issues;
        create_issue RESOURCE_NOT_FOUND, NOBODY, create(|i| i.parent = text("ABC-99"));
        create_issue RESOURCE_NOT_FOUND, "potts.v1.IssueType projects/abc/issueTypes/none",
            create(|i| i.issue_type = text("none"));
        create_issue FIELD_INVALID, "issue.issue_type", create(|i| i.issue_type = text("None"));
        create_issue FIELD_INVALID, "issue.parent", create(|i| i.parent = text("XYZ-1"));
        create_issue FIELD_INVALID, "issue.tags", create(|i| i.tags = tags(&["a", "B"]));
        create_issue FIELD_INVALID, "issue.owner", create(|i| i.owner = text("ann"));
        create_issue FIELD_INVALID, "issue.assignees[1]",
            create(|i| i.assignees = tags(&["actors/root", "x"]));
        create_issue FIELD_INVALID, "issue.assignees[0]",
            create(|i| i.assignees = tags(&["actors/nobody"]));
        create_issue FIELD_TOO_LARGE, "issue.dedup_key",
            create(|i| i.dedup_key = "k".repeat(257));
        create_issue DEDUP_KEY_TAKEN, "projects/tree", grow(|i| i.dedup_key = text("key"));
        create_issue ISSUE_CLOSED, "projects/abc/issues/2", create(|i| i.parent = text("ABC-2"));
        create_issue LIMIT_REACHED, "", create(|i| i.tags = many());
        create_issue LIMIT_REACHED, "", grow(|i| i.parent = text("TREE-6"));

        update_issue CYCLE, "issue.parent",
            update("TREE-1", "parent", |i| i.parent = text("TREE-3"));
        update_issue DEDUP_KEY_TAKEN, "projects/tree",
            update("TREE-2", "dedup_key", |i| i.dedup_key = text("key"));
        update_issue LIMIT_REACHED, "", update("TREE-2", "parent", |i| i.parent = text("TREE-6"));
        update_issue RESOURCE_NOT_FOUND, HIDDEN,
            update("ABC-1", "parent", |i| i.parent = text("ABC-3"));
        update_issue USE_VERB, "update_mask", update("ABC-1", "assignees", |_| ());
        update_issue FIELD_INVALID, "update_mask", update("ABC-1", "issue_type", |_| ());

        delete_issue IN_USE, "projects/tree/issues/1",
            ask!(DeleteIssueRequest { name: text("TREE-1") });
        undelete_issue DEDUP_KEY_TAKEN, "projects/tree",
            ask!(UndeleteIssueRequest { name: text("TREE-5") });
        undelete_issue LIMIT_REACHED, "", ask!(UndeleteIssueRequest { name: text("TREE-8") });
        reopen_issue DEDUP_KEY_TAKEN, "projects/tree",
            ask!(ReopenIssueRequest { name: text("TREE-4") });
        reopen_issue LIMIT_REACHED, "", ask!(ReopenIssueRequest { name: text("TREE-7") });
        close_issue FIELD_INVALID, "duplicate_of",
            ask!(CloseIssueRequest { name: text("ABC-1"), duplicate_of: text("ABC-1") });
        close_issue RESOURCE_NOT_FOUND, NOBODY,
            ask!(CloseIssueRequest { name: text("ABC-1"), duplicate_of: text("ABC-99") });
    }
}

fn assign_cases() -> Vec<Case> {
    const MANY: [&str; 65] = ["actors/root"; 65];
    cases! { issues;
        assign_issue FIELD_REQUIRED, "name", ask!(AssignIssueRequest {});
        assign_issue FIELD_INVALID, "name", ask!(AssignIssueRequest { name: text("x") });
        assign_issue FIELD_INVALID, "add[0]", assign(&["root"]);
        assign_issue FIELD_INVALID, "add[0]", assign(&["actors/nobody"]);
        assign_issue FIELD_INVALID, "remove",
            AssignIssueRequest { remove: vec![text("actors/root")], ..assign(&["actors/root"]) };
        assign_issue FIELD_INVALID, "owner",
            AssignIssueRequest { owner: text("groups/qa"), ..assign(&[]) };
        assign_issue FIELD_TOO_LARGE, "add", assign(&MANY);
        assign_issue LIMIT_REACHED, "",
            AssignIssueRequest { name: text("TREE-3"), ..assign(&["actors/root"]) };
        assign_issue RESOURCE_NOT_FOUND, HIDDEN,
            AssignIssueRequest { name: text("ABC-3"), ..assign(&["actors/root"]) };
        assign_issue ISSUE_CLOSED, "projects/abc/issues/2",
            AssignIssueRequest { name: text("ABC-2"), ..assign(&["actors/root"]) };
        assign_issue ETAG_MISMATCH, "projects/abc/issues/1",
            AssignIssueRequest { etag: text("old"), ..assign(&["actors/root"]) };
    }
}

fn activity_cases() -> Vec<Case> {
    cases! { issues;
        activate_issue FIELD_REQUIRED, "name", ask!(ActivateIssueRequest {});
        activate_issue FIELD_INVALID, "name", ask!(ActivateIssueRequest { name: text("x") });
        activate_issue RESOURCE_NOT_FOUND, HIDDEN,
            ask!(ActivateIssueRequest { name: text("ABC-3") });
        activate_issue ETAG_MISMATCH, "projects/abc/issues/1",
            ask!(ActivateIssueRequest { name: text("ABC-1"), etag: text("old") });
        activate_issue ISSUE_CLOSED, "projects/tree/issues/4",
            ask!(ActivateIssueRequest { name: text("TREE-4") });
        deactivate_issue FIELD_REQUIRED, "name", ask!(DeactivateIssueRequest {});
        deactivate_issue FIELD_INVALID, "name", ask!(DeactivateIssueRequest { name: text("x") });
        deactivate_issue RESOURCE_NOT_FOUND, HIDDEN,
            ask!(DeactivateIssueRequest { name: text("ABC-3") });
        deactivate_issue ISSUE_CLOSED, "projects/abc/issues/2",
            ask!(DeactivateIssueRequest { name: text("ABC-2") });
        deactivate_issue ETAG_MISMATCH, "projects/abc/issues/1",
            ask!(DeactivateIssueRequest { name: text("ABC-1"), etag: text("old") });
    }
}

fn link_cases() -> Vec<Case> {
    const BLOCKS: i32 = RelationKind::Blocks as i32;
    let list =
        |parent: &str| ListIssueRelationsRequest { parent: text(parent), ..Default::default() };
    cases! { issues;
        create_issue_relation FIELD_REQUIRED, "parent", relate("", "ABC-2", BLOCKS);
        create_issue_relation FIELD_REQUIRED, "relation",
            ask!(CreateIssueRelationRequest { parent: text("ABC-1") });
        create_issue_relation FIELD_REQUIRED, "relation.target", relate("ABC-1", "", BLOCKS);
        create_issue_relation FIELD_REQUIRED, "relation.kind", relate("ABC-1", "ABC-2", 0);
        create_issue_relation FIELD_INVALID, "relation.kind", relate("ABC-1", "ABC-2", 99);
        create_issue_relation FIELD_INVALID, "relation.target", relate("ABC-1", "x", BLOCKS);
        create_issue_relation FIELD_INVALID, "relation.target", relate("ABC-1", "ABC-1", BLOCKS);
        create_issue_relation RESOURCE_NOT_FOUND, HIDDEN, relate("ABC-3", "ABC-1", BLOCKS);
        create_issue_relation RESOURCE_NOT_FOUND, NOBODY, relate("ABC-1", "ABC-99", BLOCKS);

        delete_issue_relation FIELD_REQUIRED, "name", ask!(DeleteIssueRelationRequest {});
        delete_issue_relation FIELD_INVALID, "name",
            ask!(DeleteIssueRelationRequest { name: text("ABC-1") });
        delete_issue_relation RESOURCE_NOT_FOUND,
            "potts.v1.IssueRelation projects/abc/issues/1/relations/1",
            ask!(DeleteIssueRelationRequest { name: text("ABC-1/relations/1") });

        list_issue_relations FIELD_REQUIRED, "parent", list("");
        list_issue_relations FIELD_INVALID, "parent", list("x");
        list_issue_relations FIELD_INVALID, "page_size",
            ListIssueRelationsRequest { page_size: -1, ..list("ABC-1") };
        list_issue_relations PAGE_TOKEN_INVALID, "page_token",
            ListIssueRelationsRequest { page_token: text("x"), ..list("ABC-1") };
        list_issue_relations RESOURCE_NOT_FOUND, HIDDEN, list("ABC-3");
    }
}

//! Calls about comments and references that are refused.

use ::potts::proto::reference::Target;
use ::potts::proto::*;

use super::cases::{Case, text};

const NO_ISSUE: &str = "potts.v1.Issue projects/abc/issues/9";
const NO_ACTION: &str = "potts.v1.Action projects/abc/issues/1/actions/999";
const NO_REFERENCE: &str = "potts.v1.Reference projects/abc/issues/1/references/9";
const HIDDEN: &str = "potts.v1.Issue projects/abc/issues/3";

fn comment(name: &str, said: &str) -> Option<Comment> {
    Some(Comment { name: text(name), text: text(said), ..Default::default() })
}

fn reference(name: &str, target: Option<Target>) -> Option<Reference> {
    Some(Reference { name: text(name), target, ..Default::default() })
}

fn uri(uri: &str) -> Option<Target> {
    Some(Target::Uri(text(uri)))
}

/// Calls about comments and references.
pub fn remark_cases() -> Vec<Case> {
    let mut cases = comment_cases();
    cases.extend(reference_cases());
    cases.extend(kept_reference_cases());
    cases
}

fn comment_cases() -> Vec<Case> {
    cases! { issues;
        create_comment FIELD_REQUIRED, "parent", ask!(CreateCommentRequest {});
        create_comment FIELD_REQUIRED, "comment",
            ask!(CreateCommentRequest { parent: text("ABC-1") });
        create_comment FIELD_REQUIRED, "comment.text",
            ask!(CreateCommentRequest { parent: text("ABC-1"), comment: comment("", " ") });
        create_comment FIELD_INVALID, "parent",
            ask!(CreateCommentRequest { parent: text("projects/abc"), comment: comment("", "a") });
        create_comment FIELD_INVALID, "comment.text",
            ask!(CreateCommentRequest { parent: text("ABC-1"), comment: comment("", "a\0b") });
        create_comment FIELD_TOO_LARGE, "comment.text",
            ask!(CreateCommentRequest {
                parent: text("ABC-1"),
                comment: comment("", &"c".repeat((64 << 10) + 1)),
            });
        create_comment RESOURCE_NOT_FOUND, NO_ISSUE,
            ask!(CreateCommentRequest { parent: text("ABC-9"), comment: comment("", "a") });
        create_comment RESOURCE_NOT_FOUND, NO_ACTION,
            ask!(CreateCommentRequest {
                parent: text("ABC-1/actions/999"),
                comment: comment("", "a"),
            });
        create_comment RESOURCE_NOT_FOUND, HIDDEN,
            ask!(CreateCommentRequest { parent: text("ABC-3"), comment: comment("", "a") });

        get_comment FIELD_REQUIRED, "name", ask!(GetCommentRequest {});
        get_comment FIELD_INVALID, "name", GetCommentRequest { name: text("ABC-1") };
        get_comment RESOURCE_NOT_FOUND, "potts.v1.Comment projects/abc/issues/1/comments/9",
            GetCommentRequest { name: text("ABC-1/comments/9") };
        get_comment RESOURCE_NOT_FOUND, HIDDEN,
            GetCommentRequest { name: text("ABC-3/comments/1") };

        list_comments FIELD_REQUIRED, "parent", ask!(ListCommentsRequest {});
        list_comments FIELD_INVALID, "parent", ask!(ListCommentsRequest { parent: text("x") });
        list_comments FIELD_INVALID, "page_size",
            ask!(ListCommentsRequest { parent: text("ABC-1"), page_size: -1 });
        list_comments PAGE_TOKEN_INVALID, "page_token",
            ask!(ListCommentsRequest { parent: text("ABC-1"), page_token: text("x") });
        list_comments RESOURCE_NOT_FOUND, NO_ISSUE,
            ask!(ListCommentsRequest { parent: text("ABC-9") });

        update_comment FIELD_REQUIRED, "comment", ask!(UpdateCommentRequest {});
        update_comment FIELD_REQUIRED, "comment.name",
            ask!(UpdateCommentRequest { comment: comment("", "a") });
        update_comment FIELD_INVALID, "comment.name",
            ask!(UpdateCommentRequest { comment: comment("ABC-1", "a") });
        update_comment FIELD_TOO_LARGE, "comment.text",
            ask!(UpdateCommentRequest {
                comment: comment("ABC-1/comments/1", &"c".repeat((64 << 10) + 1)),
            });
        update_comment FIELD_UNKNOWN, "update_mask",
            ask!(UpdateCommentRequest {
                comment: comment("ABC-1/comments/1", "a"),
                update_mask: super::cases::mask(&["txt"]),
            });
        update_comment RESOURCE_NOT_FOUND, "potts.v1.Comment projects/abc/issues/1/comments/9",
            ask!(UpdateCommentRequest { comment: comment("ABC-1/comments/9", "a") });
        update_comment ETAG_MISMATCH, "projects/abc/issues/1/comments/1",
            ask!(UpdateCommentRequest {
                comment: comment("ABC-1/comments/1", "a")
                    .map(|comment| Comment { etag: text("old"), ..comment }),
            });

        delete_comment FIELD_REQUIRED, "name", ask!(DeleteCommentRequest {});
        delete_comment FIELD_INVALID, "name", ask!(DeleteCommentRequest { name: text("x") });
        delete_comment RESOURCE_NOT_FOUND, "potts.v1.Comment projects/abc/issues/1/comments/9",
            ask!(DeleteCommentRequest { name: text("ABC-1/comments/9") });
        delete_comment ETAG_MISMATCH, "projects/abc/issues/1/comments/1",
            ask!(DeleteCommentRequest { name: text("ABC-1/comments/1"), etag: text("old") });
    }
}

fn reference_cases() -> Vec<Case> {
    cases! { issues;
        create_reference FIELD_REQUIRED, "parent", ask!(CreateReferenceRequest {});
        create_reference FIELD_REQUIRED, "reference",
            ask!(CreateReferenceRequest { parent: text("ABC-1") });
        create_reference FIELD_REQUIRED, "reference.target",
            ask!(CreateReferenceRequest { parent: text("ABC-1"), reference: reference("", None) });
        create_reference FIELD_INVALID, "reference.uri",
            ask!(CreateReferenceRequest {
                parent: text("ABC-1"),
                reference: reference("", uri("example.com")),
            });
        create_reference FIELD_TOO_LARGE, "reference.uri",
            ask!(CreateReferenceRequest {
                parent: text("ABC-1"),
                reference: reference("", uri(&format!("https://{}", "x".repeat(2048)))),
            });
        create_reference RESOURCE_NOT_FOUND, NO_ISSUE,
            ask!(CreateReferenceRequest {
                parent: text("ABC-9"),
                reference: reference("", uri("https://example.com")),
            });
        create_reference RESOURCE_NOT_FOUND, NO_ACTION,
            ask!(CreateReferenceRequest {
                parent: text("ABC-1/actions/999"),
                reference: reference("", uri("https://example.com")),
            });
        create_reference RESOURCE_NOT_FOUND, "potts.v1.Event events/999999",
            ask!(CreateReferenceRequest {
                parent: text("events/999999"),
                reference: reference("", uri("https://example.com")),
            });
        create_reference RESOURCE_NOT_FOUND, "potts.v1.Actor actors/nobody",
            ask!(CreateReferenceRequest {
                parent: text("actors/nobody"),
                reference: reference("", uri("https://example.com")),
            });
        create_reference LIMIT_REACHED, "",
            ask!(CreateReferenceRequest {
                parent: text("ABC-2"),
                reference: reference("", uri("https://example.com")),
            });

        get_reference FIELD_REQUIRED, "name", ask!(GetReferenceRequest {});
        get_reference FIELD_INVALID, "name", GetReferenceRequest { name: text("ABC-1") };
        get_reference RESOURCE_NOT_FOUND, NO_REFERENCE,
            GetReferenceRequest { name: text("ABC-1/references/9") };

        list_references FIELD_REQUIRED, "parent", ask!(ListReferencesRequest {});
        list_references FIELD_INVALID, "parent", ask!(ListReferencesRequest { parent: text("x") });
        list_references FIELD_INVALID, "page_size",
            ask!(ListReferencesRequest { parent: text("ABC-1"), page_size: -1 });
        list_references PAGE_TOKEN_INVALID, "page_token",
            ask!(ListReferencesRequest { parent: text("ABC-1"), page_token: text("x") });
        list_references RESOURCE_NOT_FOUND, NO_ISSUE,
            ask!(ListReferencesRequest { parent: text("ABC-9") });
    }
}

fn kept_reference_cases() -> Vec<Case> {
    cases! { issues;
        update_reference FIELD_REQUIRED, "reference", ask!(UpdateReferenceRequest {});
        update_reference FIELD_INVALID, "reference.name",
            ask!(UpdateReferenceRequest { reference: reference("ABC-1", None) });
        update_reference FIELD_TOO_LARGE, "reference.label",
            ask!(UpdateReferenceRequest {
                reference: reference("ABC-1/references/1", None)
                    .map(|reference| Reference { label: "l".repeat(257), ..reference }),
            });
        update_reference FIELD_UNKNOWN, "update_mask",
            ask!(UpdateReferenceRequest {
                reference: reference("ABC-1/references/1", None),
                update_mask: super::cases::mask(&["url"]),
            });
        update_reference RESOURCE_NOT_FOUND, NO_REFERENCE,
            ask!(UpdateReferenceRequest { reference: reference("ABC-1/references/9", None) });
        update_reference ETAG_MISMATCH, "projects/abc/issues/1/references/1",
            ask!(UpdateReferenceRequest {
                reference: reference("ABC-1/references/1", None)
                    .map(|reference| Reference { etag: text("old"), ..reference }),
            });

        delete_reference FIELD_REQUIRED, "name", ask!(DeleteReferenceRequest {});
        delete_reference FIELD_INVALID, "name", ask!(DeleteReferenceRequest { name: text("x") });
        delete_reference RESOURCE_NOT_FOUND, NO_REFERENCE,
            ask!(DeleteReferenceRequest { name: text("ABC-1/references/9") });
        delete_reference ETAG_MISMATCH, "projects/abc/issues/1/references/1",
            ask!(DeleteReferenceRequest { name: text("ABC-1/references/1"), etag: text("old") });
    }
}

//! Commands on what stands beside issues and actions, and between issues.

use potts::proto::reference::Target;
use potts::proto::*;

use super::commands::Command;
use super::draw::{Draw, Maker};

/// What makes them, and how often.
pub const MAKERS: &[(usize, Maker)] = &[
    (5, create_relation),
    (3, delete_relation),
    (4, create_comment),
    (3, update_comment),
    (2, delete_comment),
    (4, create_reference),
    (3, update_reference),
    (2, delete_reference),
];

fn create_relation(draw: &mut Draw<'_>) -> Command {
    let kinds = [
        RelationKind::Blocks,
        RelationKind::RelatesTo,
        RelationKind::Causes,
        RelationKind::Unspecified,
    ];
    let kind = draw.rng.pick(&kinds).into();
    let relation = Some(IssueRelation { target: draw.issue(), kind, ..Default::default() });
    CreateIssueRelationRequest { parent: draw.issue(), relation, ..Default::default() }.into()
}

fn delete_relation(draw: &mut Draw<'_>) -> Command {
    let name = draw.of_kind("IssueRelation", "projects/abc/issues/1/relations/999");
    DeleteIssueRelationRequest { name, ..Default::default() }.into()
}

fn parent(draw: &mut Draw<'_>) -> String {
    if draw.rng.chance(60) { draw.issue() } else { draw.action() }
}

fn create_comment(draw: &mut Draw<'_>) -> Command {
    let comment = Some(Comment { text: draw.title(), ..Default::default() });
    CreateCommentRequest { parent: parent(draw), comment, ..Default::default() }.into()
}

fn update_comment(draw: &mut Draw<'_>) -> Command {
    let name = draw.of_kind("Comment", "projects/abc/issues/1/comments/999");
    let (text, etag) = (draw.title(), draw.etag(&name));
    let comment = Some(Comment { name, text, etag, ..Default::default() });
    let update_mask = draw.mask(&[(9, "text"), (1, "creator"), (1, "colour")]);
    UpdateCommentRequest { comment, update_mask, ..Default::default() }.into()
}

fn delete_comment(draw: &mut Draw<'_>) -> Command {
    let name = draw.of_kind("Comment", "projects/abc/issues/1/comments/999");
    let etag = draw.etag(&name);
    DeleteCommentRequest { name, etag, ..Default::default() }.into()
}

fn reference(draw: &mut Draw<'_>) -> Reference {
    let targets = [
        Some(Target::Uri("https://example.com/a".into())),
        Some(Target::Text("shelf 4".into())),
        Some(Target::Resource("projects/abc/issues/1".into())),
        Some(Target::Uri("no uri".into())),
        None,
    ];
    let role = draw.rng.pick(&[ReferenceRole::Link, ReferenceRole::Commit]).into();
    let label = draw.rng.pick(&["", "log", "photo"]).into();
    Reference { label, role, target: draw.rng.pick(&targets), ..Default::default() }
}

fn create_reference(draw: &mut Draw<'_>) -> Command {
    let parent = if draw.rng.chance(10) { "actors/ann".into() } else { parent(draw) };
    let reference = Some(reference(draw));
    CreateReferenceRequest { parent, reference, ..Default::default() }.into()
}

fn update_reference(draw: &mut Draw<'_>) -> Command {
    let name = draw.of_kind("Reference", "projects/abc/issues/1/references/999");
    let etag = draw.etag(&name);
    let reference = Some(Reference { name, etag, ..reference(draw) });
    let update_mask = draw.mask(&[(3, "label"), (3, "role"), (3, "uri"), (1, "text")]);
    UpdateReferenceRequest { reference, update_mask, ..Default::default() }.into()
}

fn delete_reference(draw: &mut Draw<'_>) -> Command {
    let name = draw.of_kind("Reference", "projects/abc/issues/1/references/999");
    let etag = draw.etag(&name);
    DeleteReferenceRequest { name, etag, ..Default::default() }.into()
}

//! Whose agenda it is, and what is on none.

use potts::proto::{
    CloseIssueRequest, DeactivateIssueRequest, DeleteIssueRequest, GetAgendaRequest, Issue,
};
use tonic::Code;

use super::{agenda, buckets, expected, names, own};
use crate::support::work::{Hand, named};
use crate::support::{TestApp, told};

fn of(actor: &str) -> GetAgendaRequest {
    GetAgendaRequest { actor: actor.into(), ..Default::default() }
}

async fn refused(hand: &Hand, request: GetAgendaRequest) -> (Code, String) {
    let told = told(hand.issues().get_agenda(request).await);
    (told.code, told.reason)
}

const NOTHING: [&[&str]; 6] = [&[], &[], &[], &[], &[], &[]];

#[tokio::test(flavor = "multi_thread")]
async fn what_does_not_go_on_is_on_no_agenda() {
    let app = TestApp::start().await;
    app.project("abc").await;
    let ann = app.hand("ann", "PERSON", "ADMIN").await;
    for issue in 1..=3 {
        own(&ann, Issue::default()).await;
        app.action(issue, "ready").await;
    }
    own(&ann, Issue { active: Some(false), ..Default::default() }).await;
    ann.claim(&named(1, 1)).await.unwrap();
    let before: [&[&str]; 6] = [&["1/1"], &["2/1", "3/1"], &[], &[], &["1", "2", "3"], &[]];
    assert_eq!(buckets(&agenda(&ann).await), expected(before));

    let deactivate = DeactivateIssueRequest { name: "ABC-1".into(), ..Default::default() };
    ann.issues().deactivate_issue(deactivate).await.unwrap();
    let close = CloseIssueRequest { name: "ABC-2".into(), ..Default::default() };
    ann.issues().close_issue(close).await.unwrap();
    let delete = DeleteIssueRequest { name: "ABC-3".into(), ..Default::default() };
    ann.issues().delete_issue(delete).await.unwrap();

    assert_eq!(buckets(&agenda(&ann).await), expected(NOTHING));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_hidden_is_on_the_agendas_of_who_sees_it() {
    let app = TestApp::with_issues(2).await;
    let ann = app.hand("ann", "PERSON", "WORKER").await;
    let ben = app.hand("ben", "PERSON", "WORKER").await;
    app.action(1, "held").await;
    app.action(1, "ready").await;
    ben.claim(&named(1, 1)).await.unwrap();
    let all: [&[&str]; 6] = [&[], &["1/2"], &[], &["2"], &[], &[]];
    assert_eq!(buckets(&agenda(&ann).await), expected(all));

    let hide = "update issues set visible_to = '{groups/qa}'";
    app.database.sql().await.batch_execute(hide).await.unwrap();

    assert_eq!(buckets(&agenda(&ann).await), expected(NOTHING));
    let holder: [&[&str]; 6] = [&["1/1"], &["1/2"], &[], &[], &[], &[]];
    assert_eq!(buckets(&agenda(&ben).await), expected(holder));
    let administrator = agenda(&app.root()).await;
    assert_eq!(names(&administrator.parallel), ["1/2"]);
    let give = "update issues set assignees = '{actors/ann}'";
    app.database.sql().await.batch_execute(give).await.unwrap();
    assert_eq!(buckets(&agenda(&ann).await), expected(all));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_agenda_of_another_is_for_managers() {
    let app = TestApp::with_issues(1).await;
    app.project("other").await;
    let ann = app.hand("ann", "PERSON", "WORKER").await;
    let mia = app.hand("mia", "PERSON", "MANAGER").await;
    app.action(1, "ready").await;
    app.issue("other", "The light is off").await;
    let member = "insert into members select 'other', id, gen_random_uuid(), version, created_at,
                      updated_at, creator, member, 'WORKER' from members where project = 'abc';
                  update definition_versions set version = version + 1 where kind = 'people'";
    app.database.sql().await.batch_execute(member).await.unwrap();

    let own = agenda(&ann).await;
    let seen = mia.issues().get_agenda(of("actors/ann")).await.unwrap().into_inner();
    let everything = app.root().issues().get_agenda(of("actors/ann")).await.unwrap().into_inner();
    let elsewhere = GetAgendaRequest { project: "projects/other".into(), ..of("actors/ann") };

    let all: [&[&str]; 6] = [&[], &["1/1"], &[], &["projects/other/issues/1"], &[], &[]];
    assert_eq!(buckets(&own), expected(all));
    assert_eq!(buckets(&everything), expected(all));
    assert_eq!(buckets(&seen), expected([&[], &["1/1"], &[], &[], &[], &[]]));
    assert_eq!(seen.actor, "actors/ann");
    let forbidden = (Code::PermissionDenied, "ROLE_REQUIRED".to_owned());
    assert_eq!(refused(&mia, elsewhere).await, forbidden);
    assert_eq!(refused(&ann, of("actors/mia")).await, forbidden);
    assert_eq!(refused(&ann, of("actors/nobody")).await, forbidden);
    let nobody = (Code::NotFound, "RESOURCE_NOT_FOUND".to_owned());
    assert_eq!(refused(&mia, of("actors/nobody")).await, nobody);

    // What the reader may not see is not there, whoever else may.
    let hide = "update issues set visible_to = '{groups/qa}', assignees = '{actors/ann}'";
    app.database.sql().await.batch_execute(hide).await.unwrap();
    assert_eq!(names(&agenda(&ann).await.parallel), ["1/1"]);
    let seen = mia.issues().get_agenda(of("actors/ann")).await.unwrap().into_inner();
    assert_eq!(buckets(&seen), expected(NOTHING));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agenda_can_be_of_one_project() {
    let app = TestApp::with_issues(1).await;
    app.project("other").await;
    app.issue("other", "The light is off").await;
    let one = GetAgendaRequest { project: "projects/abc".into(), ..Default::default() };

    let both = agenda(&app.root()).await;
    let one = app.root().issues().get_agenda(one).await.unwrap().into_inner();

    assert_eq!(names(&both.review), ["1", "projects/other/issues/1"]);
    assert_eq!(names(&one.review), ["1"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_only_reads_has_nothing_to_claim_or_to_plan() {
    let app = TestApp::with_issues(2).await;
    let ann = app.hand("ann", "PERSON", "REPORTER").await;
    own(&ann, Issue::default()).await;
    app.action(1, "ready").await;

    let hers: [&[&str]; 6] = [&[], &[], &[], &[], &["3"], &[]];
    assert_eq!(buckets(&agenda(&ann).await), expected(hers));
}

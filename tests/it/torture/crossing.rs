//! Calls that meet: on the same rows in any order, on the same etag, under the same id.

use std::collections::BTreeSet;
use std::time::Duration;

use futures_util::future::join_all;
use potts::proto::action_service_client::ActionServiceClient;
use potts::proto::issue_service_client::IssueServiceClient;
use potts::proto::{
    Action, AddActionRequest, ClaimNextActionsRequest, CloseIssueRequest, CompleteActionRequest,
    CreateIssueRelationRequest, GetIssueRequest, Issue, IssueRelation, RelationKind,
    ReopenIssueRequest, UpdateIssueRequest,
};
use tonic::{Code, Status};

use super::fleet::{Fleet, deadlocks};
use super::writer::{HOT, PROJECTS, hot};
use crate::fault_calls::{create, creating, issue, issues_titled, log, reason};
use crate::random::rng::{self, Rng};
use crate::replicas::project;
use crate::support::app::Door;

const WITHIN: Duration = Duration::from_secs(20);
const CALLERS: usize = 9;
/// Calls of each of them.
const CALLS: usize = 40;
/// Actions of each issue.
const ACTIONS: usize = 3;

async fn with_hot_issues(fleet: &Fleet, actions: usize) {
    for id in PROJECTS {
        project(&fleet.door(0), id).await;
        for n in 0..HOT {
            create(&fleet.door(1), &issue(id, &format!("hot {n}")), WITHIN).await.unwrap();
            for title in 0..actions {
                let action = Action { title: title.to_string(), ..Default::default() };
                let parent = format!("projects/{id}/issues/{}", n + 1);
                let add = AddActionRequest { parent, action: Some(action), ..Default::default() };
                ActionServiceClient::new(fleet.door(2)).add_action(add).await.unwrap();
            }
        }
    }
}

/// Relates two issues: the order of their rows is not that of the call.
async fn relate(door: Door, rng: &mut Rng) -> Result<(), Status> {
    let (parent, target) = (hot(rng), hot(rng));
    let kind = rng.pick(&[RelationKind::RelatesTo, RelationKind::Causes]).into();
    let relation = Some(IssueRelation { target, kind, ..Default::default() });
    let request = CreateIssueRelationRequest { parent, relation, ..Default::default() };
    IssueServiceClient::new(door).create_issue_relation(request).await.map(drop)
}

/// Closes one as saying the same as another, or opens it again.
async fn merge(door: Door, rng: &mut Rng) -> Result<(), Status> {
    let mut issues = IssueServiceClient::new(door);
    let name = hot(rng);
    if rng.chance(50) {
        let reopen = ReopenIssueRequest { name, ..Default::default() };
        return issues.reopen_issue(reopen).await.map(drop);
    }
    let close = CloseIssueRequest { name, duplicate_of: hot(rng), ..Default::default() };
    issues.close_issue(close).await.map(drop)
}

/// Claims what comes next, and completes it.
async fn work(door: Door, rng: &mut Rng, done: &mut Vec<String>) -> Result<(), Status> {
    let mut actions = ActionServiceClient::new(door);
    let parent = format!("projects/{}", rng.pick(&PROJECTS));
    let next = ClaimNextActionsRequest { parent, max: 2, ..Default::default() };
    for held in actions.claim_next_actions(next).await?.into_inner().actions {
        let (name, fence) = (held.name, held.fence);
        done.push(name.clone());
        let complete = CompleteActionRequest { name, fence, ..Default::default() };
        actions.complete_action(complete).await?;
    }
    Ok(())
}

/// Goal: batches of several servers lock the same rows in one order, whatever the calls say.
#[tokio::test(flavor = "multi_thread")]
async fn calls_that_cross_each_other_never_deadlock() {
    let seed = rng::seed();
    let fleet = Fleet::start(3, Rng::new(seed, 0)).await;
    with_hot_issues(&fleet, ACTIONS).await;
    let caller = async |n: usize| {
        let mut rng = Rng::new(seed, 1 + n);
        let mut done = Vec::new();
        for _ in 0..CALLS {
            let door = fleet.door(n % fleet.len());
            let answer = match rng.below(4) {
                0 => relate(door, &mut rng).await,
                1 => merge(door, &mut rng).await,
                _ => work(door, &mut rng, &mut done).await,
            };
            // The rules may refuse; nobody has to try again.
            let passing = [Code::Aborted, Code::Unavailable, Code::Internal, Code::Unknown];
            let code = answer.as_ref().map_or_else(Status::code, |()| Code::Ok);
            assert!(!passing.contains(&code), "{answer:?}");
        }
        done
    };

    let done: Vec<String> =
        join_all((0..CALLERS).map(caller)).await.into_iter().flatten().collect();

    assert!(!done.is_empty());
    assert_eq!(done.iter().collect::<BTreeSet<_>>().len(), done.len(), "one was claimed twice");
    let database = fleet.stop().await;
    let events = log(&database).await.len();
    assert_eq!(deadlocks(&database).await, 0);
    eprintln!("{} calls, {} actions done, {events} events", CALLERS * CALLS, done.len());
}

/// Goal: of 51 callers who saw the same issue, on three servers, one changes it.
#[tokio::test(flavor = "multi_thread")]
async fn of_51_callers_with_one_etag_one_wins() {
    let fleet = Fleet::start(3, Rng::new(1, 0)).await;
    project(&fleet.door(0), "abc").await;
    let created = create(&fleet.door(1), &issue("abc", "before"), WITHIN).await.unwrap();
    let seen = created.issue.unwrap();
    let update = async |n: usize| {
        let (name, etag) = (seen.name.clone(), seen.etag.clone());
        let issue = Some(Issue { name, etag, title: format!("by {n}"), ..Default::default() });
        let request = UpdateIssueRequest { issue, ..Default::default() };
        IssueServiceClient::new(fleet.door(n % 3)).update_issue(request).await
    };

    let answers = join_all((0..51).map(update)).await;

    let (won, lost): (Vec<_>, Vec<_>) = answers.into_iter().partition(Result::is_ok);
    assert_eq!(won.len(), 1);
    for answer in lost {
        let status = answer.unwrap_err();
        assert_eq!(
            (status.code(), reason(&status).as_str()),
            (Code::Aborted, "ETAG_MISMATCH"),
            "{status:?}"
        );
    }
    let title = won.into_iter().next().unwrap().unwrap().into_inner().issue.unwrap().title;
    let get = GetIssueRequest { name: seen.name };
    let now = IssueServiceClient::new(fleet.door(2)).get_issue(get).await.unwrap().into_inner();
    assert_eq!(now.issue.unwrap().title, title);
    assert_eq!(log(&fleet.stop().await).await.len(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_51_equal_calls_on_three_servers_one_happens() {
    let fleet = Fleet::start(3, Rng::new(1, 0)).await;
    project(&fleet.door(0), "abc").await;
    let request = issue("abc", "once");

    let calls: Vec<_> = (0..51).map(|n| creating(&fleet.door(n % 3), &request, WITHIN)).collect();
    let answers = join_all(calls).await.into_iter().map(|call| call.unwrap().unwrap());

    let told: BTreeSet<_> = answers.map(|a| (a.changed, a.cursor, a.issue.unwrap().name)).collect();
    assert_eq!(told.len(), 1, "{told:?}");
    let database = fleet.stop().await;
    assert_eq!(issues_titled(&database, "once").await, 1);
    assert_eq!(log(&database).await.len(), 2);
}

/// Goal: the order of the log rests on one isolation level, whatever the database prefers.
#[tokio::test(flavor = "multi_thread")]
async fn another_isolation_level_is_not_taken_over() {
    let fleet = Fleet::start(2, Rng::new(1, 0)).await;
    project(&fleet.door(0), "abc").await;
    let name = &fleet.database.name;
    let prefer = format!(
        "alter database {name} set default_transaction_isolation = serializable;
         create table levels (level text);
         create function level() returns trigger language plpgsql as $$
         begin
             insert into levels values (current_setting('transaction_isolation'));
             return null;
         end $$;
         create trigger level before insert on events
             for each statement execute function level()"
    );
    fleet.database.sql().await.batch_execute(&prefer).await.unwrap();
    for of in 0..2 {
        fleet.restart(of, true).await;
    }

    let calls: Vec<_> = (0..60)
        .map(|n| creating(&fleet.door(n % 2), &issue("abc", &n.to_string()), WITHIN))
        .collect();
    for call in join_all(calls).await {
        call.unwrap().unwrap();
    }

    let database = fleet.stop().await;
    let levels = database.sql().await.query("select distinct level from levels", &[]).await;
    let levels: Vec<String> = levels.unwrap().iter().map(|row| row.get(0)).collect();
    assert_eq!(levels, ["read committed"]);
    assert_eq!(log(&database).await.len(), 61);
}

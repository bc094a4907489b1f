//! Random work through the ledger on PostgreSQL: where the rows of actions lie afterwards.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use potts::domain::action::{
    ActionEdit, ActionError, AddAction, CancelAction, ClaimAction, ClaimNextActions,
    CompleteAction, Dependency, DependsOn, ExpireLeases, FailAction, HeartbeatAction,
    ReleaseAction, RepeatAction, Satisfy, SkipAction, StartAction, WakeDue,
};
use potts::domain::command::{Resource, Verb};
use potts::domain::error::{Error, Reason};
use potts::domain::event::Seq;
use potts::domain::issue::{ActivateIssue, CreateIssue, DeactivateIssue, IssueEdit};
use potts::domain::name::{ActionName, ActorName, IssueName, ProjectId};
use potts::domain::project::CreateProject;
use potts::ledger::{Answer, Call, Class, Command, Done, Ledger};
use potts::store::{Connections, Connector, Store};
use potts::stream::{self, Hub};
use potts::telemetry::Metrics;
use tokio::task::JoinSet;
use tokio::time::Instant;
use uuid::Uuid;

use crate::support::TestDatabase;

const CONNECTIONS: Connections = Connections { read: 2, stream: 2 };

/// A ledger of one lane, as a replica has it.
struct Replica {
    ledger: Ledger,
    store: Store,
    _tasks: JoinSet<()>,
}

impl Replica {
    async fn on(database: &TestDatabase) -> Replica {
        let store = Store::new(Connector::new(&database.url).unwrap(), CONNECTIONS);
        store.keep_partitions(Seq(0)).await.unwrap();
        let hub = Hub::open(Arc::new(store.clone()), stream::Options::default()).await.unwrap();
        let (ledger, lanes) = Ledger::new(1, &store, &hub, &Arc::new(Metrics::new()));
        let mut tasks = JoinSet::new();
        for lane in lanes {
            tasks.spawn(async move { lane.run().await });
        }
        Replica { ledger, store, _tasks: tasks }
    }

    async fn ask(&self, caller: ActorName, verb: impl Into<Verb>) -> Result<Done, Error> {
        let request_id = Uuid::new_v4();
        let call = Call {
            caller,
            request_id,
            request_id_given: false,
            fingerprint: request_id.into_bytes(),
            deadline: Instant::now() + Duration::from_secs(30),
            validate_only: false,
        };
        let verb = verb.into();
        self.ledger.submit(Command { call, class: Class::Client, bytes: 256, verb }).await
    }

    async fn root(&self, verb: impl Into<Verb>) -> Result<Done, Error> {
        self.ask(ActorName::root(), verb).await
    }
}

fn project() -> ProjectId {
    ProjectId::parse("", "abc").unwrap()
}

fn issue() -> IssueName {
    IssueName { project: project(), number: 1 }
}

fn name(number: i64) -> ActionName {
    ActionName { issue: issue(), number }
}

fn add(on: &[i64], unique_key: &str) -> AddAction {
    let on: BTreeSet<i64> = on.iter().copied().collect();
    let dependency =
        |on: i64| Dependency { on: DependsOn::Action(name(on)), satisfy: Satisfy::default() };
    AddAction {
        issue: issue(),
        action_type: String::new(),
        dependencies: on.into_iter().map(dependency).collect(),
        assignee: None,
        unique_key: unique_key.into(),
        edits: vec![ActionEdit::Title("t".into())],
    }
}

fn next(max: usize) -> ClaimNextActions {
    let (actor, action_types) = (ActorName::root(), BTreeSet::new());
    ClaimNextActions { project: project(), actor, action_types, max }
}

/// A database with a project and an issue, and a replica on it.
async fn started() -> (TestDatabase, Replica) {
    let database = TestDatabase::new().await;
    let replica = Replica::on(&database).await;
    let create = CreateProject { id: project(), display_name: "abc".into() };
    replica.root(create).await.unwrap();
    let edits = vec![IssueEdit::Title("work".into())];
    let create = CreateIssue { project: project(), start: Default::default(), edits };
    replica.root(create).await.unwrap();
    (database, replica)
}

/// Numbers that look random and are the same each time.
struct Drawn(u64);

impl Drawn {
    fn below(&mut self, bound: u64) -> i64 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        i64::try_from((self.0 >> 33) % bound).unwrap()
    }

    fn verb(&mut self) -> Verb {
        let (action, fence) = (name(1 + self.below(12)), 1 + self.below(3));
        let (reason, etag) = (String::new(), None);
        match self.below(18) {
            0..4 => {
                let on = [1 + self.below(12), 1 + self.below(12)];
                let key = if self.below(3) == 0 { "k" } else { "" };
                let count = usize::try_from(self.below(3)).unwrap();
                add(&on[..count], key).into()
            }
            4 | 5 => ClaimAction { name: action }.into(),
            6 | 7 => next(2).into(),
            8 => StartAction { name: action, fence }.into(),
            9 => HeartbeatAction { name: action, fence, progress: Some(7), note: None }.into(),
            10 | 11 => CompleteAction { name: action, fence, result: None }.into(),
            12 => {
                let error = ActionError { name: "broken".into(), ..ActionError::default() };
                FailAction { name: action, fence, error, fatal: self.below(2) == 0 }.into()
            }
            13 => ReleaseAction { name: action, fence, reason }.into(),
            14 => SkipAction { name: action, reason, etag }.into(),
            15 => CancelAction { name: action, reason, etag }.into(),
            16 => RepeatAction { name: action, cascade: self.below(2) == 0, reason, etag }.into(),
            _ if self.below(2) == 0 => DeactivateIssue { name: issue(), etag }.into(),
            _ => ActivateIssue { name: issue(), etag }.into(),
        }
    }
}

/// How many actions do not lie where they should, by what is wrong with them.
async fn misplaced(database: &TestDatabase) -> Vec<i64> {
    let count = "
        select count(*) from actions a where (a.ended_state is null)::int <>
               (select count(*) from action_waits where action_id = a.uid)
             + (select count(*) from ready_actions where action_id = a.uid)
             + (select count(*) from action_leases where action_id = a.uid)
        union all select count(*) from actions a where (a.ended_state is null and unique_key <> '')
               <> exists (select from action_keys k where k.project = a.project
               and k.issue = a.issue and k.unique_key = a.unique_key and k.number = a.number)
        union all select count(*) from actions a where a.attempt <>
               (select count(*) from attempts where action_id = a.uid)
             + (select count(*) from action_leases where action_id = a.uid)
        union all select count(*) from dependencies d join ready_actions r using (action_id)
               where not d.met";
    let rows = database.sql().await.query(count, &[]).await.unwrap();
    rows.iter().map(|row| row.get(0)).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn after_random_work_a_live_action_lies_in_one_table() {
    let (database, replica) = started().await;
    let mut drawn = Drawn(20_261_121);
    let mut changes = 0;

    for round in 0..40 {
        // Sent together, so that they share batches.
        let asked: Vec<Verb> = (0..10).map(|_| drawn.verb()).collect();
        let asked = asked.into_iter().map(|verb| replica.root(verb));
        for answer in futures_util::future::join_all(asked).await {
            match answer {
                Ok(done) => changes += usize::from(done.changed),
                Err(error) => {
                    assert_ne!(error.reason(), Reason::Internal, "round {round}: {error:?}");
                }
            }
        }
        assert_eq!(misplaced(&database).await, [0, 0, 0, 0], "round {round}");
    }

    assert!(changes > 50, "{changes}");
    let names: BTreeSet<ActionName> = (1..=12).map(name).collect();
    let deadline = Instant::now() + Duration::from_secs(10);
    let found = replica.store.actions_named(&names, deadline).await.unwrap();
    assert!(found.iter().map(|action| &action.name).is_sorted());
    assert!(!found.is_empty());
}

fn claimed(done: &Done) -> Vec<ActionName> {
    let Answer::Resource(Resource::Actions(actions)) = &done.answer else {
        panic!("{:?}", done.answer)
    };
    actions.iter().map(|action| action.name.clone()).collect()
}

/// Goal: of two replicas that claim at once none waits for the other and none gets what the other
/// has.
#[tokio::test(flavor = "multi_thread")]
async fn replicas_that_claim_together_get_different_actions() {
    let (database, one) = started().await;
    let two = Replica::on(&database).await;
    for _ in 0..40 {
        one.root(add(&[], "")).await.unwrap();
    }

    let mut all = Vec::new();
    while all.len() < 40 {
        let (a, b) = tokio::join!(one.root(next(3)), two.root(next(3)));
        for done in [a, b] {
            match done {
                Ok(done) => all.extend(claimed(&done)),
                Err(error) => assert_eq!(error.reason(), Reason::QueueEmpty, "{error:?}"),
            }
        }
    }

    let different: BTreeSet<_> = all.iter().collect();
    assert_eq!((all.len(), different.len()), (40, 40));
    let none = one.root(next(1)).await.unwrap_err();
    assert_eq!(none.reason(), Reason::QueueEmpty);
}

/// Somebody whose claims end by time.
async fn machine(database: &TestDatabase) -> ActorName {
    let made = "insert into actors values ('actors/press', gen_random_uuid(), 1, potts_now(),
            potts_now(), 'actors/root', 'MACHINE', 'press', '', '', '{}', '', 'ACTIVE', false,
            null);
        insert into members values ('abc', 'press', gen_random_uuid(), 1, potts_now(),
            potts_now(), 'actors/root', 'actors/press', 'WORKER');
        update definition_versions set version = version + 1 where kind = 'people'";
    database.sql().await.batch_execute(made).await.unwrap();
    ActorName::stored("actors/press")
}

/// Goal: what time does is done by the service, and by nobody else.
#[tokio::test(flavor = "multi_thread")]
async fn a_lost_lease_and_a_pause_end_by_the_clock() {
    let (database, replica) = started().await;
    replica.root(add(&[], "")).await.unwrap();
    replica.root(add(&[1], "")).await.unwrap();
    let press = machine(&database).await;
    replica.ask(press, ClaimAction { name: name(1) }).await.unwrap();
    let expire = || ExpireLeases { actions: vec![name(1)] };
    let state = async || {
        let deadline = Instant::now() + Duration::from_secs(10);
        replica.store.action(&name(1), deadline).await.unwrap().unwrap().state().as_str()
    };

    let refused = replica.root(expire()).await.unwrap_err();
    let early = replica.ask(ActorName::potts(), expire()).await.unwrap();
    database.advance_clock(31).await;
    let late = replica.ask(ActorName::potts(), expire()).await.unwrap();
    let released = state().await;
    replica.root(ClaimAction { name: name(1) }).await.unwrap();
    let error = ActionError { name: "broken".into(), ..ActionError::default() };
    let fail = FailAction { name: name(1), fence: 2, error, fatal: false };
    replica.root(fail).await.unwrap();
    let paused = state().await;
    database.advance_clock(62).await;
    let wake = WakeDue { actions: vec![name(1)] };
    replica.ask(ActorName::potts(), wake).await.unwrap();
    let woken = state().await;

    assert_eq!(refused.reason(), Reason::RoleRequired);
    assert_eq!((early.changed, late.changed), (false, true));
    assert_eq!((released, paused, woken), ("READY", "PENDING", "READY"));
    assert_eq!(misplaced(&database).await, [0, 0, 0, 0]);
}

//! Who is let in, in which order, and how a batch is cut.

use std::sync::Arc;

use super::*;
use crate::domain::action::ClaimNextActions;
use crate::domain::command::Verb;
use crate::domain::issue::{DeleteIssue, IssueEdit};
use crate::domain::name::{ActorName, IssueName};
use crate::domain::project::CreateProject;
use crate::ledger::command::Call;

fn project(id: &str) -> ProjectId {
    ProjectId::parse("", id).unwrap()
}

fn command(class: Class, id: &str, number: i64, bytes: usize) -> Pending {
    let name = IssueName { project: project(id), number };
    pending(class, bytes, DeleteIssue { name, etag: None })
}

fn pending(class: Class, bytes: usize, verb: impl Into<Verb>) -> Pending {
    let call = Call {
        caller: ActorName::root(),
        request_id: Uuid::nil(),
        request_id_given: false,
        fingerprint: [0; 16],
        deadline: Instant::now() + Duration::from_secs(60),
        validate_only: false,
    };
    let command = Command { call, class, bytes, verb: verb.into() };
    Pending { command, progress: Arc::new(Progress::default()), answer: oneshot::channel().0 }
}

/// Fills a queue by a class and a project, until it is refused.
fn fill(queue: &Queue, class: Class, id: &str) -> usize {
    (0..).take_while(|n| queue.push(command(class, id, *n, 1)).is_ok()).count()
}

fn numbers(batch: &[Pending]) -> Vec<i64> {
    let number = |pending: &Pending| {
        let Verb::DeleteIssue(delete) = &pending.command.verb else { return -1 };
        delete.name.number
    };
    batch.iter().map(number).collect()
}

#[tokio::test]
async fn claims_are_refused_first_then_calls_then_what_ends_work() {
    let queue = Queue::new();

    assert_eq!(fill(&queue, Class::Claim, "abc"), COMMANDS_MAX / 2);
    assert_eq!(fill(&queue, Class::Client, "abc"), COMMANDS_MAX / 4);
    assert_eq!(fill(&queue, Class::Finish, "abc"), COMMANDS_MAX / 4);
    assert_eq!(queue.len(), COMMANDS_MAX);
}

#[tokio::test]
async fn claims_that_want_more_than_a_batch_draws_begin_the_next() {
    let queue = Queue::new();
    for _ in 0..12 {
        let claim = ClaimNextActions {
            project: project("abc"),
            actor: ActorName::root(),
            action_types: [].into(),
            max: 100,
        };
        queue.push(pending(Class::Claim, 1, claim)).unwrap();
    }

    assert_eq!([queue.take(), queue.take(), queue.take()].map(|batch| batch.len()), [5, 5, 2]);
}

#[tokio::test]
async fn while_others_wait_a_project_gets_half_of_what_calls_may_fill() {
    let queue = Queue::new();
    queue.push(command(Class::Client, "other", 1, 1)).unwrap();

    assert_eq!(fill(&queue, Class::Client, "abc"), COMMANDS_MAX * 3 / 8);
    assert!(queue.push(command(Class::Client, "other", 2, 1)).is_ok());
}

#[tokio::test]
async fn bytes_fill_a_queue_as_well() {
    let queue = Queue::new();
    let large = || command(Class::Client, "abc", 1, 4 * 1024 * 1024);

    let admitted = (0..).take_while(|_| queue.push(large()).is_ok()).count();

    assert_eq!(admitted, 3, "three quarters of 16 MiB");
}

#[tokio::test]
async fn a_refusal_says_when_to_come_again() {
    let queue = Queue::new();
    fill(&queue, Class::Client, "abc");

    let error = queue.push(command(Class::Client, "abc", 1, 1)).unwrap_err();

    let Error::Exhausted { reason, retry_after: Some(after), .. } = error else {
        panic!("{error:?}")
    };
    assert_eq!(reason, Reason::QueueFull);
    assert!((RETRY_AFTER.0..=RETRY_AFTER.1).contains(&after), "{after:?}");
}

#[tokio::test]
async fn batches_keep_the_order_and_what_is_put_back_comes_first() {
    let queue = Queue::new();
    for n in 0..BATCH_COMMANDS_MAX + 2 {
        queue.push(command(Class::Client, "abc", i64::try_from(n).unwrap(), 1)).unwrap();
    }

    let mut batch = queue.take();
    let rest = batch.split_off(2);
    queue.put_back(rest);

    assert_eq!(numbers(&batch), [0, 1]);
    let next = numbers(&queue.take());
    assert_eq!((next.len(), next[0]), (BATCH_COMMANDS_MAX, 2));
    assert_eq!(queue.len(), 0);
}

#[tokio::test]
async fn a_batch_ends_at_a_mebibyte_and_after_a_changed_definition() {
    let queue = Queue::new();
    for n in 0..3 {
        queue.push(command(Class::Client, "abc", n, BATCH_BYTES_MAX / 2)).unwrap();
    }
    let create = CreateProject { id: project("xyz"), display_name: String::new() };
    queue.push(pending(Class::Client, 1, create)).unwrap();
    let issue = crate::domain::issue::CreateIssue {
        project: project("xyz"),
        start: Default::default(),
        edits: vec![IssueEdit::Title("t".into())],
    };
    queue.push(pending(Class::Client, 1, issue)).unwrap();

    assert_eq!(queue.take().len(), 2);
    assert_eq!(queue.take().len(), 2, "one issue, then the project");
    assert_eq!(queue.take().len(), 1);
    assert!(queue.take().is_empty());
}

#[tokio::test]
async fn a_closed_queue_lets_nothing_in_and_gives_out_the_rest() {
    let queue = Queue::new();
    queue.push(command(Class::Client, "abc", 1, 1)).unwrap();

    queue.close();

    let error = queue.push(command(Class::Finish, "abc", 2, 1)).unwrap_err();
    assert_eq!(error.reason(), Reason::ShuttingDown);
    assert_eq!(queue.take().len(), 1);
}

#[test]
fn a_command_is_withdrawn_or_started_never_both() {
    let (one, two) = (Progress::default(), Progress::default());

    assert!(one.start() && !one.withdraw() && one.start());
    assert!(two.withdraw() && !two.start());
}

#[test]
fn between_attempts_a_command_can_be_withdrawn() {
    let one = Progress::default();

    assert!(one.start() && !one.withdraw());
    one.rest();
    assert!(one.withdraw() && !one.start());
}

#[test]
fn what_may_have_happened_is_never_told_a_refusal() {
    let (answer, mut told) = oneshot::channel();
    let pending = Pending { answer, ..command(Class::Client, "abc", 1, 1) };
    let progress = Arc::clone(&pending.progress);

    assert!(progress.start());
    progress.doubt();
    progress.rest();
    assert!(!progress.withdraw() && progress.start());
    pending.end(Err(shutting_down()));

    let error = told.try_recv().unwrap().unwrap_err();
    assert_eq!(error.reason(), Reason::OutcomeUnknown);
    // Until it is known not to have happened.
    progress.clear();
    progress.rest();
    assert!(progress.withdraw());
}

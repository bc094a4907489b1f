//! Calls about consumers that are refused.

use ::potts::proto::consumer_start::Start;
use ::potts::proto::*;
use prost_types::{Duration, Timestamp};

use super::cases::{Case, mask, text};
use crate::support::TestApp;

/// Is there.
const THERE: &str = "projects/abc/consumers/there";
/// Was too far behind.
const BEHIND: &str = "projects/abc/consumers/behind";
const NONE: &str = "projects/abc/consumers/none";
const NOBODY: &str = "potts.v1.Consumer projects/abc/consumers/none";
/// Well formed, and of no delivery.
const TOKEN: &str = "AAAAAAAAAAAAAAAAAAAAAAEABwAAAAAAAAABAAAAAAAAAAEAAAAAAAAAAQAAAAFr";

/// Two consumers, and a project with as many as there may be.
pub async fn prepare(app: &TestApp) {
    app.project("consumers").await;
    for id in ["there", "behind"] {
        let create = create(|request| request.consumer_id = text(id));
        app.events().create_consumer(create).await.unwrap();
    }
    let sql = "update consumers set state = 'EXPIRED' where id = 'behind';
         insert into counters (parent, last, noun, live)
         values ('projects/consumers', 100, 'consumers', 100)";
    app.database.sql().await.batch_execute(sql).await.unwrap();
}

fn create(change: impl FnOnce(&mut CreateConsumerRequest)) -> CreateConsumerRequest {
    let mut request = ask!(CreateConsumerRequest {
        parent: text("projects/abc"),
        consumer_id: text("new"),
        consumer: Some(Consumer::default()),
    });
    change(&mut request);
    request
}

fn creating(change: impl FnOnce(&mut Consumer)) -> CreateConsumerRequest {
    let mut consumer = Consumer::default();
    change(&mut consumer);
    create(|request| request.consumer = Some(consumer))
}

fn update(change: impl FnOnce(&mut Consumer)) -> UpdateConsumerRequest {
    let mut consumer = Consumer { name: text(THERE), ..Default::default() };
    change(&mut consumer);
    ask!(UpdateConsumerRequest { consumer: Some(consumer) })
}

fn reset(start: Start) -> ResetConsumerRequest {
    ask!(ResetConsumerRequest {
        name: text(THERE),
        start: Some(ConsumerStart { start: Some(start) }),
    })
}

fn seconds(seconds: i64) -> Option<Duration> {
    Some(Duration { seconds, nanos: 0 })
}

fn no_such_type() -> Option<EventFilter> {
    Some(EventFilter { types: vec![text("issue.flew")], ..Default::default() })
}

fn tokens(token: &str) -> Vec<String> {
    vec![text(token)]
}

/// Calls about consumers.
pub fn consumer_cases() -> Vec<Case> {
    let mut cases = create_cases();
    cases.extend(kept_cases());
    cases.extend(settle_cases());
    cases.extend(fail_cases());
    cases.extend(steer_cases());
    cases
}

fn create_cases() -> Vec<Case> {
    let future = || Start::AfterTime(Timestamp { seconds: 9_999_999_999, nanos: 0 });
    let start = |start: Start| Some(ConsumerStart { start: Some(start) });
    cases! { events;
        create_consumer FIELD_REQUIRED, "parent", create(|r| r.parent = text(""));
        create_consumer FIELD_REQUIRED, "consumer_id", create(|r| r.consumer_id = text(""));
        create_consumer FIELD_REQUIRED, "consumer", create(|r| r.consumer = None);
        create_consumer FIELD_INVALID, "consumer_id", create(|r| r.consumer_id = text("X"));
        create_consumer FIELD_INVALID, "consumer.buckets", creating(|c| c.buckets = 65);
        create_consumer FIELD_INVALID, "consumer.buckets", creating(|c| c.buckets = -1);
        create_consumer FIELD_INVALID, "consumer.keyed_by", creating(|c| c.keyed_by = 9);
        create_consumer FIELD_INVALID, "consumer.attempts_max",
            creating(|c| c.attempts_max = 101);
        create_consumer FIELD_INVALID, "consumer.ack_deadline",
            creating(|c| c.ack_deadline = seconds(0));
        create_consumer FIELD_INVALID, "consumer.filter.projects[0]",
            creating(|c| c.filter = Some(EventFilter {
                projects: vec![text("abc")],
                ..Default::default()
            }));
        create_consumer FIELD_INVALID, "start.from_now",
            create(|r| r.start = start(Start::FromNow(false)));
        create_consumer FIELD_INVALID, "start.after_time",
            create(|r| r.start = start(future()));
        create_consumer EVENT_TYPE_UNKNOWN, "consumer.filter.types[0]",
            creating(|c| c.filter = no_such_type());
        create_consumer CURSOR_MALFORMED, "start.after",
            create(|r| r.start = start(Start::After(text("x"))));
        create_consumer RESOURCE_NOT_FOUND, "potts.v1.Project projects/gone",
            create(|r| r.parent = text("projects/gone"));
        create_consumer RESOURCE_EXISTS, "potts.v1.Consumer projects/abc/consumers/there",
            create(|r| r.consumer_id = text("there"));
        create_consumer LIMIT_REACHED, "", create(|r| r.parent = text("projects/consumers"));
    }
}

fn kept_cases() -> Vec<Case> {
    let delete =
        |name: &str, etag: &str| ask!(DeleteConsumerRequest { name: text(name), etag: text(etag) });
    let list = |parent: &str| ask!(ListConsumersRequest { parent: text(parent) });
    cases! { events;
        get_consumer FIELD_REQUIRED, "name", GetConsumerRequest { name: text("") };
        get_consumer FIELD_INVALID, "name", GetConsumerRequest { name: text("projects/abc") };
        get_consumer RESOURCE_NOT_FOUND, NOBODY, GetConsumerRequest { name: text(NONE) };

        list_consumers FIELD_REQUIRED, "parent", list("");
        list_consumers FIELD_INVALID, "parent", list("abc");
        list_consumers FIELD_INVALID, "page_size",
            ask!(ListConsumersRequest { parent: text("projects/abc"), page_size: -1 });
        list_consumers PAGE_TOKEN_INVALID, "page_token",
            ask!(ListConsumersRequest { parent: text("projects/abc"), page_token: text("x") });
        list_consumers RESOURCE_NOT_FOUND, "potts.v1.Project projects/gone", list("projects/gone");

        update_consumer FIELD_REQUIRED, "consumer", ask!(UpdateConsumerRequest {});
        update_consumer FIELD_REQUIRED, "consumer.name", update(|c| c.name = text(""));
        update_consumer FIELD_INVALID, "consumer.attempts_max", update(|c| c.attempts_max = -1);
        update_consumer FIELD_UNKNOWN, "update_mask",
            UpdateConsumerRequest { update_mask: mask(&["colour"]), ..update(|_| ()) };
        update_consumer USE_VERB, "update_mask",
            UpdateConsumerRequest { update_mask: mask(&["state"]), ..update(|_| ()) };
        update_consumer EVENT_TYPE_UNKNOWN, "consumer.filter.types[0]",
            update(|c| c.filter = no_such_type());
        update_consumer RESOURCE_NOT_FOUND, NOBODY, update(|c| c.name = text(NONE));
        update_consumer ETAG_MISMATCH, THERE,
            update(|c| (c.etag, c.attempts_max) = (text("v9"), 3));

        delete_consumer FIELD_REQUIRED, "name", delete("", "");
        delete_consumer FIELD_INVALID, "name", delete("x", "");
        delete_consumer RESOURCE_NOT_FOUND, NOBODY, delete(NONE, "");
        delete_consumer ETAG_MISMATCH, THERE, delete(THERE, "v9");
    }
}

fn ack(name: &str, ack_tokens: Vec<String>) -> AckEventsRequest {
    AckEventsRequest { name: text(name), ack_tokens }
}

fn fail(name: &str, token: &str, reason: usize) -> FailEventsRequest {
    let (name, ack_tokens, reason) = (text(name), tokens(token), "x".repeat(reason));
    FailEventsRequest { name, ack_tokens, reason, delay: None }
}

fn extend(name: &str, token: &str) -> ExtendEventsRequest {
    ask!(ExtendEventsRequest { name: text(name), ack_tokens: tokens(token) })
}

fn park(name: &str, token: &str, reason: usize) -> ParkEventsRequest {
    let (name, ack_tokens, reason) = (text(name), tokens(token), "x".repeat(reason));
    ParkEventsRequest { name, ack_tokens, reason }
}

fn many() -> Vec<String> {
    vec![text(TOKEN); 1_001]
}

fn settle_cases() -> Vec<Case> {
    let consume = |name: &str, in_flight_max| ConsumeRequest { name: text(name), in_flight_max };
    cases! { events;
        consume FIELD_REQUIRED, "name", consume("", 0);
        consume FIELD_INVALID, "name", consume("x", 0);
        consume FIELD_INVALID, "in_flight_max", consume(THERE, 1_001);
        consume RESOURCE_NOT_FOUND, NOBODY, consume(NONE, 0);
        consume CONSUMER_EXPIRED, BEHIND, consume(BEHIND, 0);

        ack_events FIELD_REQUIRED, "name", ack("", tokens(TOKEN));
        ack_events FIELD_REQUIRED, "ack_tokens", ack(THERE, Vec::new());
        ack_events FIELD_INVALID, "ack_tokens[1]", ack(THERE, vec![text(TOKEN), text("x")]);
        ack_events FIELD_TOO_LARGE, "ack_tokens", ack(THERE, many());
        ack_events RESOURCE_NOT_FOUND, NOBODY, ack(NONE, tokens(TOKEN));
        ack_events NOT_DELIVERED, THERE, ack(THERE, tokens(TOKEN));
        ack_events CONSUMER_EXPIRED, BEHIND, ack(BEHIND, tokens(TOKEN));

        extend_events FIELD_REQUIRED, "ack_tokens",
            ask!(ExtendEventsRequest { name: text(THERE) });
        extend_events FIELD_INVALID, "ack_tokens[0]", extend(THERE, "x");
        extend_events FIELD_INVALID, "extension",
            ExtendEventsRequest { extension: seconds(0), ..extend(THERE, TOKEN) };
        extend_events FIELD_TOO_LARGE, "ack_tokens",
            ExtendEventsRequest { ack_tokens: many(), ..extend(THERE, TOKEN) };
        extend_events RESOURCE_NOT_FOUND, NOBODY, extend(NONE, TOKEN);
        extend_events NOT_DELIVERED, THERE, extend(THERE, TOKEN);
        extend_events CONSUMER_EXPIRED, BEHIND, extend(BEHIND, TOKEN);
    }
}

fn fail_cases() -> Vec<Case> {
    cases! { events;
        fail_events FIELD_REQUIRED, "ack_tokens", ask!(FailEventsRequest { name: text(THERE) });
        fail_events FIELD_INVALID, "ack_tokens[0]", fail(THERE, "x", 0);
        fail_events FIELD_TOO_LARGE, "ack_tokens",
            FailEventsRequest { ack_tokens: many(), ..fail(THERE, TOKEN, 0) };
        fail_events RESOURCE_NOT_FOUND, NOBODY, fail(NONE, TOKEN, 0);
        fail_events NOT_DELIVERED, THERE, fail(THERE, TOKEN, 0);
        fail_events CONSUMER_EXPIRED, BEHIND, fail(BEHIND, TOKEN, 0);
        fail_events FIELD_TOO_LARGE, "reason", fail(THERE, TOKEN, 1_025);
        fail_events FIELD_INVALID, "delay",
            FailEventsRequest { delay: seconds(3_601), ..fail(THERE, TOKEN, 0) };

        park_events FIELD_REQUIRED, "ack_tokens", ask!(ParkEventsRequest { name: text(THERE) });
        park_events FIELD_INVALID, "name", park("x", TOKEN, 0);
        park_events FIELD_TOO_LARGE, "reason", park(THERE, TOKEN, 1_025);
        park_events RESOURCE_NOT_FOUND, NOBODY, park(NONE, TOKEN, 0);
        park_events NOT_DELIVERED, THERE, park(THERE, TOKEN, 0);
        park_events CONSUMER_EXPIRED, BEHIND, park(BEHIND, TOKEN, 0);
    }
}

fn steer_cases() -> Vec<Case> {
    let list = |parent: &str| ask!(ListParkedEventsRequest { parent: text(parent) });
    let replay = |name: &str| ask!(ReplayParkedEventsRequest { name: text(name) });
    let pause =
        |name: &str, etag: &str| ask!(PauseConsumerRequest { name: text(name), etag: text(etag) });
    let resume =
        |name: &str, etag: &str| ask!(ResumeConsumerRequest { name: text(name), etag: text(etag) });
    let now = || Start::FromNow(true);
    cases! { events;
        list_parked_events FIELD_REQUIRED, "parent", list("");
        list_parked_events FIELD_INVALID, "parent", list("x");
        list_parked_events FIELD_INVALID, "page_size",
            ask!(ListParkedEventsRequest { parent: text(THERE), page_size: -1 });
        list_parked_events PAGE_TOKEN_INVALID, "page_token",
            ask!(ListParkedEventsRequest { parent: text(THERE), page_token: text("x") });
        list_parked_events RESOURCE_NOT_FOUND, NOBODY, list(NONE);

        replay_parked_events FIELD_REQUIRED, "name", replay("");
        replay_parked_events FIELD_INVALID, "through_seq",
            ReplayParkedEventsRequest { through_seq: -1, ..replay(THERE) };
        replay_parked_events EVENT_TYPE_UNKNOWN, "filter.types[0]",
            ReplayParkedEventsRequest { filter: no_such_type(), ..replay(THERE) };
        replay_parked_events RESOURCE_NOT_FOUND, NOBODY, replay(NONE);
        replay_parked_events CONSUMER_EXPIRED, BEHIND, replay(BEHIND);

        reset_consumer FIELD_REQUIRED, "start", ask!(ResetConsumerRequest { name: text(THERE) });
        reset_consumer FIELD_INVALID, "start.from_beginning", reset(Start::FromBeginning(false));
        reset_consumer CURSOR_MALFORMED, "start.after", reset(Start::After(text("x")));
        reset_consumer RESOURCE_NOT_FOUND, NOBODY,
            ResetConsumerRequest { name: text(NONE), ..reset(now()) };
        reset_consumer ETAG_MISMATCH, THERE,
            ResetConsumerRequest { etag: text("v9"), ..reset(now()) };

        pause_consumer FIELD_REQUIRED, "name", pause("", "");
        pause_consumer FIELD_INVALID, "name", pause("x", "");
        pause_consumer RESOURCE_NOT_FOUND, NOBODY, pause(NONE, "");
        pause_consumer ETAG_MISMATCH, THERE, pause(THERE, "v9");
        pause_consumer CONSUMER_EXPIRED, BEHIND, pause(BEHIND, "");

        resume_consumer FIELD_REQUIRED, "name", resume("", "");
        resume_consumer FIELD_INVALID, "name", resume("x", "");
        resume_consumer RESOURCE_NOT_FOUND, NOBODY, resume(NONE, "");
        resume_consumer ETAG_MISMATCH, THERE, resume(THERE, "v9");
        resume_consumer CONSUMER_EXPIRED, BEHIND, resume(BEHIND, "");
    }
}

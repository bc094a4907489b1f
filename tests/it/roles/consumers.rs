//! Calls about consumers.

use potts::proto::*;

use super::{Call, text};

/// A consumer, with whose members is nothing: whoever may settle events is told so.
pub fn consumer_calls() -> Vec<Call> {
    let name = || text("projects/abc/consumers/x");
    let consumer = move || Some(Consumer { name: name(), ..Default::default() });
    let start = || Some(ConsumerStart { start: Some(consumer_start::Start::FromNow(true)) });
    // Of a bucket that no consumer here has.
    let tokens = || vec![text("AAAAAAAAAAAAAAAAAAAAAAEABwAAAAAAAAABAAAAAAAAAAEAAAAAAAAAAQAAAAFr")];
    calls! { events;
        CreateConsumer create_consumer,
            would!(CreateConsumerRequest {
                parent: text("projects/abc"),
                consumer_id: text("new"),
                consumer: consumer(),
            });
        GetConsumer get_consumer, GetConsumerRequest { name: name() };
        ListConsumers list_consumers,
            ListConsumersRequest { parent: text("projects/abc"), ..Default::default() };
        UpdateConsumer update_consumer, would!(UpdateConsumerRequest { consumer: consumer() });
        DeleteConsumer delete_consumer, would!(DeleteConsumerRequest { name: name() });
        Consume consume, ConsumeRequest { name: name(), in_flight_max: 0 };
        AckEvents ack_events, AckEventsRequest { name: name(), ack_tokens: tokens() };
        FailEvents fail_events,
            FailEventsRequest { name: name(), ack_tokens: tokens(), ..Default::default() };
        ExtendEvents extend_events,
            ExtendEventsRequest { name: name(), ack_tokens: tokens(), ..Default::default() };
        ParkEvents park_events,
            ParkEventsRequest { name: name(), ack_tokens: tokens(), ..Default::default() };
        ListParkedEvents list_parked_events,
            ListParkedEventsRequest { parent: name(), ..Default::default() };
        ReplayParkedEvents replay_parked_events,
            would!(ReplayParkedEventsRequest { name: name() });
        ResetConsumer reset_consumer,
            would!(ResetConsumerRequest { name: name(), start: start() });
        PauseConsumer pause_consumer, would!(PauseConsumerRequest { name: name() });
        ResumeConsumer resume_consumer, would!(ResumeConsumerRequest { name: name() });
    }
}

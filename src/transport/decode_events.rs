//! Requests to read the log: which events, from where on, how they come.

use std::time::Duration;

use crate::domain::error::{Error, Result, invalid, too_large};
use crate::domain::event::{EventClass, EventPattern};
use crate::domain::filter::{self, EventFilter, VALUES_MAX};
use crate::domain::name::IssueName;
use crate::domain::value::check_text;
use crate::proto::{self, well_known};
use crate::stream::{Position, Start, Subscribe};

/// No name of anything is longer.
const NAME_BYTES_MAX: usize = 256;

/// Reads a filter; an absent one takes all.
pub(super) fn event_filter(sent: Option<proto::EventFilter>) -> Result<EventFilter> {
    event_filter_at("filter", sent)
}

/// Reads a filter that is at another place of a request.
pub(super) fn event_filter_at(at: &str, sent: Option<proto::EventFilter>) -> Result<EventFilter> {
    let proto::EventFilter { projects, roots, subjects, types, classes } = sent.unwrap_or_default();
    let field = |name: &str| format!("{at}.{name}");
    Ok(EventFilter {
        projects: filter::values(&field("projects"), &projects, filter::project_value)?,
        roots: filter::values(&field("roots"), &roots, name_value)?,
        subjects: filter::values(&field("subjects"), &subjects, name_value)?,
        types: filter::values(&field("types"), &types, EventPattern::parse)?,
        classes: self::classes(&field("classes"), &classes)?,
    })
}

/// Reads the name of anything; the key of an issue says the same as its name.
fn name_value(field: &str, value: &str) -> Result<String> {
    if value.is_empty() {
        return Err(invalid(field, "must not be empty"));
    }
    check_text(field, value, NAME_BYTES_MAX)?;
    let issue = IssueName::parse(field, value);
    Ok(issue.map_or_else(|_| value.to_owned(), |name| name.to_string()))
}

fn classes<C: FromIterator<EventClass>>(field: &str, sent: &[i32]) -> Result<Option<C>> {
    if sent.len() > VALUES_MAX {
        return Err(too_large(field, format_args!("{VALUES_MAX} values")));
    }
    if sent.is_empty() {
        return Ok(None);
    }
    let one = |(n, &number): (usize, &i32)| {
        let unknown = || invalid(format!("{field}[{n}]"), format!("{number} is no class"));
        EventClass::of_number(number).ok_or_else(unknown)
    };
    sent.iter().enumerate().map(one).collect::<Result<C>>().map(Some)
}

impl TryFrom<proto::SubscribeRequest> for Subscribe {
    type Error = Error;

    fn try_from(request: proto::SubscribeRequest) -> Result<Subscribe> {
        let proto::SubscribeRequest {
            start,
            filter,
            batch_events_max,
            batch_bytes_max,
            checkpoint_interval,
            stop_when_caught_up,
        } = request;
        let (events, bytes) = (batch_events_max, batch_bytes_max);
        Ok(Subscribe {
            start: self::start(start)?,
            filter: event_filter(filter)?,
            batch_events_max: bounded("batch_events_max", events, 64, 1, 1000)?,
            batch_bytes_max: bounded("batch_bytes_max", bytes, 256 << 10, 4 << 10, 1 << 20)?,
            checkpoint_interval: self::checkpoint_interval(checkpoint_interval)?,
            stop_when_caught_up,
        })
    }
}

fn start(sent: Option<proto::subscribe_request::Start>) -> Result<Start> {
    use proto::subscribe_request::Start as Sent;
    let meaningless = |field| Err(invalid(field, "must be true where it is set"));
    match sent {
        None | Some(Sent::FromNow(true)) => Ok(Start::Now),
        Some(Sent::FromBeginning(true)) => Ok(Start::Beginning),
        Some(Sent::FromNow(false)) => meaningless("from_now"),
        Some(Sent::FromBeginning(false)) => meaningless("from_beginning"),
        Some(Sent::AfterTime(at)) => well_known::timestamp("after_time", at).map(Start::Time),
        Some(Sent::After(cursor)) => {
            let (epoch, position) = Position::of_cursor("after", &cursor)?;
            Ok(Start::After(epoch, position))
        }
    }
}

fn bounded(field: &str, sent: i32, default: usize, min: usize, max: usize) -> Result<usize> {
    match usize::try_from(sent) {
        Ok(0) => Ok(default),
        Ok(value) if (min..=max).contains(&value) => Ok(value),
        Ok(_) | Err(_) => Err(invalid(field, format!("must be {min} to {max}, or 0"))),
    }
}

fn checkpoint_interval(sent: Option<prost_types::Duration>) -> Result<Duration> {
    const FIELD: &str = "checkpoint_interval";
    let Some(sent) = sent else { return Ok(Duration::from_secs(10)) };
    let interval = well_known::span(FIELD, sent)?;
    if !(Duration::from_secs(1)..=Duration::from_secs(60)).contains(&interval) {
        return Err(invalid(FIELD, "must be 1 s to 60 s"));
    }
    Ok(interval)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use prost::Message as _;

    use super::*;
    use crate::domain::error::Reason;
    use crate::stream::Epoch;
    use crate::transport::decode::tests::refused;

    fn subscribe(change: impl FnOnce(&mut proto::SubscribeRequest)) -> Result<Subscribe> {
        let mut request = proto::SubscribeRequest::default();
        change(&mut request);
        request.try_into()
    }

    #[test]
    fn an_empty_subscription_has_the_defaults() {
        let Subscribe {
            start,
            filter,
            batch_events_max,
            batch_bytes_max,
            checkpoint_interval,
            stop_when_caught_up,
        } = subscribe(|_| ()).unwrap();

        assert_eq!(start, Start::Now);
        assert!(filter.takes_all());
        assert_eq!((batch_events_max, batch_bytes_max), (64, 256 * 1024));
        assert_eq!(checkpoint_interval, Duration::from_secs(10));
        assert!(!stop_when_caught_up);
    }

    #[test]
    fn subscriptions_are_bounded_at_the_edges() {
        let invalid = |change: fn(&mut proto::SubscribeRequest), field| {
            refused(subscribe(change), Reason::FieldInvalid, field);
        };
        for max in [1, 1000] {
            assert!(subscribe(|r| r.batch_events_max = max).is_ok());
        }
        invalid(|r| r.batch_events_max = -1, "batch_events_max");
        invalid(|r| r.batch_events_max = 1001, "batch_events_max");
        for max in [4096, 1 << 20] {
            assert!(subscribe(|r| r.batch_bytes_max = max).is_ok());
        }
        invalid(|r| r.batch_bytes_max = 4095, "batch_bytes_max");
        invalid(|r| r.batch_bytes_max = (1 << 20) + 1, "batch_bytes_max");
        let span = |seconds, nanos| Some(prost_types::Duration { seconds, nanos });
        for seconds in [1, 60] {
            assert!(subscribe(|r| r.checkpoint_interval = span(seconds, 0)).is_ok());
        }
        for (seconds, nanos) in [(0, 999_999_999), (60, 1), (-1, 0), (0, 0)] {
            let read = subscribe(|r| r.checkpoint_interval = span(seconds, nanos));
            refused(read, Reason::FieldInvalid, "checkpoint_interval");
        }
    }

    #[test]
    fn a_start_is_meant_by_setting_it() {
        use proto::subscribe_request::Start as Sent;
        let start = |sent| subscribe(|r| r.start = Some(sent)).map(|read| read.start);
        let epoch = Epoch::of(uuid::Uuid::max());
        let cursor = Position::default().cursor(epoch);
        let at = prost_types::Timestamp { seconds: 1, nanos: 0 };

        assert_eq!(start(Sent::FromNow(true)).unwrap(), Start::Now);
        assert_eq!(start(Sent::FromBeginning(true)).unwrap(), Start::Beginning);
        assert_eq!(start(Sent::After(cursor)).unwrap(), Start::After(epoch, Position::default()));
        assert!(matches!(start(Sent::AfterTime(at)).unwrap(), Start::Time(_)));
        refused(start(Sent::FromNow(false)), Reason::FieldInvalid, "from_now");
        refused(start(Sent::FromBeginning(false)), Reason::FieldInvalid, "from_beginning");
        refused(start(Sent::After("x".into())), Reason::CursorMalformed, "after");
        let nanos = prost_types::Timestamp { seconds: 1, nanos: -1 };
        refused(start(Sent::AfterTime(nanos)), Reason::FieldInvalid, "after_time");
    }

    fn filter(change: impl FnOnce(&mut proto::EventFilter)) -> Result<EventFilter> {
        let mut sent = proto::EventFilter::default();
        change(&mut sent);
        event_filter(Some(sent))
    }

    #[test]
    fn keys_of_issues_are_their_names_in_filters() {
        let read = filter(|f| f.subjects = vec!["abc-12".into(), "projects/x".into()]).unwrap();

        let names: Vec<_> = read.subjects.unwrap().into_iter().collect();
        assert_eq!(names, ["projects/abc/issues/12", "projects/x"]);
        let read = filter(|f| f.roots = vec!["ABC-1".into()]).unwrap();
        assert!(read.roots.unwrap().contains("projects/abc/issues/1"));
        let read = filter(|f| f.projects = vec!["projects/-".into()]).unwrap();
        assert!(read.projects.unwrap().contains(""));
    }

    #[test]
    fn filters_are_refused_with_the_value_that_is_wrong() {
        let many = || vec!["projects/a".to_owned(); 65];
        refused(filter(|f| f.roots = many()), Reason::FieldTooLarge, "filter.roots");
        refused(filter(|f| f.classes = vec![1; 65]), Reason::FieldTooLarge, "filter.classes");
        let long = || vec!["x".to_owned(), "x".repeat(257)];
        refused(filter(|f| f.subjects = long()), Reason::FieldTooLarge, "filter.subjects[1]");
        assert!(filter(|f| f.subjects = vec!["x".repeat(256)]).is_ok());
        let types = |kind: &str| vec![kind.to_owned()];
        let unknown = Reason::EventTypeUnknown;
        refused(filter(|f| f.types = types("a.b")), unknown, "filter.types[0]");
        for class in [0, 6, -1] {
            let read = filter(|f| f.classes = vec![1, class]);
            refused(read, Reason::FieldInvalid, "filter.classes[1]");
        }
        refused(filter(|f| f.projects = types("x")), Reason::FieldInvalid, "filter.projects[0]");
        refused(filter(|f| f.roots = types("")), Reason::FieldInvalid, "filter.roots[0]");
    }

    proptest! {
        #[test]
        fn no_bytes_panic(bytes: Vec<u8>) {
            if let Ok(sent) = proto::SubscribeRequest::decode(&*bytes) {
                let _ = Subscribe::try_from(sent);
            }
        }
    }
}

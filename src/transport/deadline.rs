//! Until when an answer is of use: the caller's own deadline, a default, and a bound.
//!
//! tonic drops a handler whose `grpc-timeout` has passed and answers CANCELLED without details, so
//! an answer of ours must come first. It must also reach a caller that stops to listen at its
//! deadline. Hence work ends a little earlier than the caller asks.

use std::future::Future;
use std::hash::{BuildHasher as _, RandomState};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Frame, SizeHint};
use tokio::time::{Instant, Sleep, sleep, sleep_until, timeout_at};
use tonic::Status;
use tonic::body::Body;
use tonic::codegen::http::HeaderMap;

use super::status::of_read;
use crate::domain::error::{Error, Result};
use crate::store::{self, Fault};

/// For a caller that names none.
const DEFAULT: Duration = Duration::from_secs(30);
/// A longer wait holds resources for a caller who has long gone.
const MAX: Duration = Duration::from_secs(60);
/// The share of the time that is kept for the way back of the answer.
const MARGIN_SHARE: u32 = 10;
/// Less is lost to the grain of timers.
const MARGIN_MIN: Duration = Duration::from_millis(3);
/// More is not needed on any network.
const MARGIN_MAX: Duration = Duration::from_millis(50);

/// A read whose connection is lost is tried again for so long, on another one: a shorter absence of
/// the database is a restart that callers need not know of, as it is for the ledger.
const LOST_MAX: Duration = Duration::from_secs(2);
/// Waits before a read is tried again: each is twice the one before, up to the longest.
const AGAIN_AFTER: (Duration, Duration) = (Duration::from_millis(10), Duration::from_millis(160));

/// Until when an answer is of use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Deadline(pub Instant);

impl Deadline {
    /// The deadline of a call that has begun at `now`. One that passes at once is in the past.
    pub fn of(headers: &HeaderMap, now: Instant) -> Deadline {
        let given = headers.get("grpc-timeout").and_then(|value| value.to_str().ok());
        let given = given.and_then(timeout).unwrap_or(DEFAULT).min(MAX);
        let margin = (given / MARGIN_SHARE).clamp(MARGIN_MIN, MARGIN_MAX);
        Deadline(now + given.saturating_sub(margin))
    }

    /// Reads from the store until then. A read changes nothing, so one whose connection is lost is
    /// begun anew: the pool has given up all its connections by then. What reads is boxed, as it
    /// holds some 30 KiB.
    pub async fn read<T, R>(self, reading: impl Fn() -> Pin<Box<R>>) -> Result<T>
    where
        R: Future<Output = store::Result<T>>,
    {
        let until = self.0.min(Instant::now() + LOST_MAX);
        let (mut wait, wait_max) = AGAIN_AFTER;
        let mut lost = None;
        loop {
            let fault = match timeout_at(self.0, reading()).await {
                Ok(Ok(read)) => return Ok(read),
                Ok(Err(fault @ Fault::Lost(_))) => fault,
                Ok(Err(fault)) => return Err(of_read(fault)),
                Err(_) => return Err(lost.map_or(Error::DeadlinePassed, of_read)),
            };
            let pause = jittered(wait);
            if Instant::now() + pause >= until {
                return Err(of_read(fault));
            }
            tracing::debug!(%fault, "a read has lost its connection, trying again");
            lost = Some(fault);
            sleep(pause).await;
            wait = (wait * 2).min(wait_max);
        }
    }

    /// Waits for something else until then.
    pub async fn wait<T>(self, waiting: impl Future<Output = Result<T>>) -> Result<T> {
        timeout_at(self.0, waiting).await.unwrap_or(Err(Error::DeadlinePassed))
    }
}

/// Half to one and a half times a wait: what was lost together is not tried again together.
fn jittered(wait: Duration) -> Duration {
    let drawn = u32::try_from(RandomState::new().hash_one(()) % 1_001).unwrap_or(500);
    wait / 2 + wait * drawn / 1_000
}

/// Reads `grpc-timeout`: at most eight digits and a unit (gRPC over HTTP/2, "Timeout").
fn timeout(text: &str) -> Option<Duration> {
    let (digits, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    if !(1..=8).contains(&digits.len()) || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let number: u64 = digits.parse().ok()?;
    match unit {
        "H" => Some(Duration::from_secs(number * 3600)),
        "M" => Some(Duration::from_secs(number * 60)),
        "S" => Some(Duration::from_secs(number)),
        "m" => Some(Duration::from_millis(number)),
        "u" => Some(Duration::from_micros(number)),
        "n" => Some(Duration::from_nanos(number)),
        _ => None,
    }
}

/// A request whose rest must come before the deadline: a caller that begins a message and never
/// ends it holds nothing for longer.
pub(super) struct TimedBody {
    body: Body,
    until: Pin<Box<Sleep>>,
}

impl TimedBody {
    /// Bounds the time that a body may take.
    pub fn bound(body: Body, Deadline(until): Deadline) -> Body {
        Body::new(TimedBody { body, until: Box::pin(sleep_until(until)) })
    }
}

impl http_body::Body for TimedBody {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<std::result::Result<Frame<Bytes>, Status>>> {
        if let Poll::Ready(frame) = Pin::new(&mut self.body).poll_frame(cx) {
            return Poll::Ready(frame);
        }
        self.until.as_mut().poll(cx).map(|()| Some(Err(Error::DeadlinePassed.into())))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use proptest::prelude::*;
    use tonic::codegen::http::HeaderValue;

    use super::*;
    use crate::domain::error::Reason;

    fn given(text: &str) -> Duration {
        let now = Instant::now();
        let mut headers = HeaderMap::new();
        headers.insert("grpc-timeout", HeaderValue::from_str(text).unwrap());
        Deadline::of(&headers, now).0 - now
    }

    #[test]
    fn timeouts_have_a_number_and_a_unit() {
        assert_eq!(timeout("1H"), Some(Duration::from_secs(3600)));
        assert_eq!(timeout("2M"), Some(Duration::from_secs(120)));
        assert_eq!(timeout("3S"), Some(Duration::from_secs(3)));
        assert_eq!(timeout("4m"), Some(Duration::from_millis(4)));
        assert_eq!(timeout("5u"), Some(Duration::from_micros(5)));
        assert_eq!(timeout("6n"), Some(Duration::from_nanos(6)));
        assert_eq!(timeout("99999999H"), Some(Duration::from_secs(99_999_999 * 3600)));
        for wrong in ["", "S", "1", "1s", "-1S", "+1S", "1.5S", "100000000S", "1 S", "1ä"] {
            assert_eq!(timeout(wrong), None, "{wrong:?}");
        }
    }

    #[test]
    fn no_timeout_is_the_default_and_none_is_over_the_bound() {
        let now = Instant::now();

        assert_eq!(Deadline::of(&HeaderMap::new(), now).0 - now, DEFAULT - MARGIN_MAX);
        assert_eq!(given("nonsense"), DEFAULT - MARGIN_MAX);
        assert_eq!(given("5H"), MAX - MARGIN_MAX);
    }

    #[test]
    fn an_answer_has_time_to_travel() {
        assert_eq!(given("100m"), Duration::from_millis(90));
        assert_eq!(given("10m"), Duration::from_millis(7));
        assert_eq!(given("1m"), Duration::ZERO);
    }

    /// Reads until so long from now: `lost` attempts lose their connection, the next one answers.
    /// Answers what is told, after how many attempts, and how long it took.
    async fn read_when_lost(within: Duration, lost: usize) -> (Result<u8>, usize, Duration) {
        let (attempts, began) = (Cell::new(0), Instant::now());
        let reading = || {
            attempts.set(attempts.get() + 1);
            let answer = match attempts.get() > lost {
                true => Ok(7),
                false => Err(Fault::Lost(anyhow::anyhow!("cut"))),
            };
            Box::pin(async { answer })
        };
        let read = Deadline(began + within).read(reading).await;
        (read, attempts.get(), began.elapsed())
    }

    fn is_away(error: &Error) -> bool {
        error.reason() == Reason::DatabaseUnavailable
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_not_read_in_time_is_told_so() {
        let deadline = Deadline(Instant::now() + Duration::from_secs(1));

        let never = || Box::pin(std::future::pending::<store::Result<()>>());
        let never = deadline.read(never).await;
        let read = deadline.read(|| Box::pin(async { Ok(7) })).await;

        assert!(matches!(never, Err(Error::DeadlinePassed)));
        assert_eq!(read.unwrap(), 7);
    }

    #[tokio::test(start_paused = true)]
    async fn a_read_that_loses_its_connection_is_tried_again() {
        let (read, attempts, took) = read_when_lost(DEFAULT, 6).await;

        assert_eq!((read.unwrap(), attempts), (7, 7));
        assert!(took < Duration::from_secs(1), "{took:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_database_that_stays_away_is_told_after_a_while() {
        let (read, attempts, took) = read_when_lost(DEFAULT, usize::MAX).await;

        assert!(is_away(&read.unwrap_err()));
        assert!((10..40).contains(&attempts), "{attempts}");
        assert!(took <= LOST_MAX, "{took:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn no_read_is_tried_again_past_its_deadline() {
        let within = Duration::from_millis(100);

        let (read, attempts, took) = read_when_lost(within, usize::MAX).await;

        assert!(is_away(&read.unwrap_err()), "that it was lost says more than that it is late");
        assert!(attempts > 1 && took <= within, "{attempts} attempts, {took:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_read_that_hangs_after_it_was_lost_is_told_as_lost() {
        let attempts = Cell::new(0);
        let reading = || {
            attempts.set(attempts.get() + 1);
            let hangs = attempts.get() > 1;
            Box::pin(async move {
                match hangs {
                    true => std::future::pending::<store::Result<()>>().await,
                    false => Err(Fault::Lost(anyhow::anyhow!("cut"))),
                }
            })
        };

        let read = Deadline(Instant::now() + Duration::from_secs(1)).read(reading).await;

        assert!(is_away(&read.unwrap_err()));
    }

    #[tokio::test(start_paused = true)]
    async fn what_the_database_refuses_is_not_tried_again() {
        let attempts = Cell::new(0);
        let reading = || {
            attempts.set(attempts.get() + 1);
            Box::pin(async { Err::<(), _>(Fault::Bug(store::SqlError::NotFound)) })
        };

        let read = Deadline(Instant::now() + DEFAULT).read(reading).await;

        assert_eq!((read.unwrap_err().reason(), attempts.get()), (Reason::Internal, 1));
    }

    #[tokio::test(start_paused = true)]
    async fn a_request_that_does_not_end_is_told_so() {
        let (sender, never) = tokio::sync::oneshot::channel::<Bytes>();
        let body = Body::new(Waiting(never));
        let bounded = TimedBody::bound(body, Deadline(Instant::now() + Duration::from_secs(1)));
        let mut bounded = Box::pin(bounded);

        let frame = std::future::poll_fn(|cx| http_body::Body::poll_frame(bounded.as_mut(), cx));

        let status = frame.await.unwrap().unwrap_err();
        assert_eq!(status.code(), tonic::Code::DeadlineExceeded);
        drop(sender);
    }

    /// A body whose bytes do not come.
    struct Waiting(tokio::sync::oneshot::Receiver<Bytes>);

    impl http_body::Body for Waiting {
        type Data = Bytes;
        type Error = Status;

        fn poll_frame(
            mut self: Pin<&mut Self>,
            cx: &mut Context<'_>,
        ) -> Poll<Option<std::result::Result<Frame<Bytes>, Status>>> {
            Pin::new(&mut self.0)
                .poll(cx)
                .map(|bytes| bytes.ok().map(|bytes| Ok(Frame::data(bytes))))
        }
    }

    proptest! {
        #[test]
        fn no_text_panics(text in ".{0,12}") {
            let _ = timeout(&text);
        }
    }
}

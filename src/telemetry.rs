//! Logs and metrics: what someone who runs the service sees.

use std::fmt::Write as _;
use std::io::IsTerminal as _;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use prometheus_client::encoding::text::encode;
use prometheus_client::encoding::{EncodeLabelSet, EncodeLabelValue};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::Registry;
use tracing_subscriber::EnvFilter;

/// Starts the log: text on a terminal, JSON otherwise. `filter` is as `tracing` has it, such as
/// `info` or `potts::ledger=debug,info`.
pub fn start_log(filter: &str) -> anyhow::Result<()> {
    let filter = EnvFilter::try_new(filter)?;
    let terminal = std::io::stderr().is_terminal();
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    let started = if terminal {
        log.with_target(false).compact().try_init()
    } else {
        log.json().flatten_event(true).try_init()
    };
    started.map_err(|error| anyhow::anyhow!(error))
}

/// What became of a command.
#[derive(Clone, Copy, Debug, Hash, PartialEq, Eq, EncodeLabelValue)]
enum CommandOutcome {
    Done,
    Refused,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct CommandLabels {
    outcome: CommandOutcome,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct CallLabels {
    rpc: String,
    code: String,
}

/// The one label that is no closed set: of which consumer somebody must look is all that matters.
/// What is bounded is their number.
#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct ConsumerLabels {
    consumer: String,
}

/// Of so many consumers it is told how far they are behind.
const CONSUMERS_TOLD: usize = 10;

/// Everything that is counted.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    batches: Counter,
    batches_failed: Counter,
    batch_commands: Histogram,
    batch_seconds: Histogram,
    commands: Family<CommandLabels, Counter>,
    calls: Family<CallLabels, Counter>,
    call_seconds: Histogram,
    queued: Gauge,
    log_head: Gauge,
    partitions_ahead: Gauge,
    consumers: Gauge,
    consumer_lag: Family<ConsumerLabels, Gauge>,
    consumers_told: Mutex<Vec<ConsumerLabels>>,
    subscriptions: Gauge,
    ring_events: Gauge,
    ring_bytes: Gauge,
    falls: Gauge,
    density_violations: Gauge,
    tail_reads: Gauge,
    page_cache_bytes: Gauge,
    page_hits: Gauge,
    page_misses: Gauge,
}

/// What the rooms say of themselves when somebody looks.
#[derive(Clone, Copy, Debug, Default)]
pub struct Snapshot {
    /// Commands that wait for a lane.
    pub queued: i64,
    /// The `seq` of the newest event.
    pub log_head: i64,
    /// Open subscriptions.
    pub subscriptions: i64,
    /// Events in the ring.
    pub ring_events: i64,
    /// Bytes in the ring.
    pub ring_bytes: i64,
    /// How often a subscriber fell behind.
    pub falls: i64,
    /// How often the log was found with a hole: one is a reason to wake somebody.
    pub density_violations: i64,
    /// How often the tail was read.
    pub tail_reads: i64,
    /// Bytes of pages of the log that are kept for readers that come later.
    pub page_cache_bytes: i64,
    /// How often a page of the log was kept, or being read for another reader.
    pub page_hits: i64,
    /// How often a page of the log had to be read for readers that share it.
    pub page_misses: i64,
}

impl Default for Metrics {
    fn default() -> Metrics {
        Metrics::new()
    }
}

impl Metrics {
    /// Nothing counted yet.
    pub fn new() -> Metrics {
        let mut registry = Registry::with_prefix("potts");
        let seconds = || Histogram::new(exponential_buckets(0.000_25, 2.0, 16));
        macro_rules! register {
            ($name:literal, $help:literal, $metric:expr) => {{
                let metric = $metric;
                registry.register($name, $help, metric.clone());
                metric
            }};
        }
        Metrics {
            batches: register!("ledger_batches", "Batches committed", Counter::default()),
            batches_failed: register!(
                "ledger_batches_failed",
                "Attempts at a batch that the database failed",
                Counter::default()
            ),
            batch_commands: register!(
                "ledger_batch_commands",
                "Commands of a batch",
                Histogram::new(exponential_buckets(1.0, 2.0, 9))
            ),
            batch_seconds: register!("ledger_batch_seconds", "From load to commit", seconds()),
            commands: register!("ledger_commands", "Commands carried out", Family::default()),
            calls: register!("transport_calls", "Calls answered", Family::default()),
            call_seconds: register!("transport_call_seconds", "From call to answer", seconds()),
            queued: register!("ledger_queued_commands", "Commands that wait", Gauge::default()),
            log_head: register!("log_head_seq", "The newest event", Gauge::default()),
            partitions_ahead: register!(
                "log_partitions_ahead",
                "Partitions ready behind the one in use; below 2 somebody must look",
                Gauge::default()
            ),
            consumers: register!(
                "consumers",
                "Consumers that have not expired, for which the log is kept",
                Gauge::default()
            ),
            consumer_lag: register!(
                "consumer_lag_events",
                "Events that the log keeps for a consumer, of the ten farthest behind",
                Family::default()
            ),
            consumers_told: Mutex::default(),
            subscriptions: register!("stream_subscriptions", "Open ones", Gauge::default()),
            ring_events: register!("stream_ring_events", "Events in memory", Gauge::default()),
            ring_bytes: register!("stream_ring_bytes", "Bytes in memory", Gauge::default()),
            falls: register!("stream_falls", "Readers that fell behind", Gauge::default()),
            density_violations: register!(
                "log_density_violations",
                "Holes found in the log: any is a reason to wake somebody",
                Gauge::default()
            ),
            tail_reads: register!("stream_tail_reads", "Reads of the tail", Gauge::default()),
            page_cache_bytes: register!(
                "stream_page_cache_bytes",
                "Bytes of old events that are kept for readers that come later",
                Gauge::default()
            ),
            page_hits: register!(
                "stream_page_hits",
                "Pages of old events that were there, or being read for another reader",
                Gauge::default()
            ),
            page_misses: register!(
                "stream_page_misses",
                "Pages of old events that had to be read",
                Gauge::default()
            ),
            registry,
        }
    }

    /// A batch was committed.
    pub fn batch(&self, commands: usize, took: Duration) {
        self.batches.inc();
        self.batch_commands.observe(f64::from(u32::try_from(commands).unwrap_or(u32::MAX)));
        self.batch_seconds.observe(took.as_secs_f64());
    }

    /// The database failed a batch.
    pub fn batch_failed(&self) {
        self.batches_failed.inc();
    }

    /// Commands were carried out.
    pub fn commands(&self, done: usize, refused: usize) {
        for (outcome, count) in [(CommandOutcome::Done, done), (CommandOutcome::Refused, refused)] {
            let count = u64::try_from(count).unwrap_or(u64::MAX);
            self.commands.get_or_create(&CommandLabels { outcome }).inc_by(count);
        }
    }

    /// A call was answered. `rpc` is of the contract, `code` the name of its status.
    pub fn call(&self, rpc: &str, code: &str, took: Duration) {
        let labels = CallLabels { rpc: rpc.to_owned(), code: code.to_owned() };
        self.calls.get_or_create(&labels).inc();
        self.call_seconds.observe(took.as_secs_f64());
    }

    /// So many partitions are ready.
    pub fn partitions_ahead(&self, ahead: i64) {
        self.partitions_ahead.set(ahead);
    }

    /// So many consumers hold the log, and so many events it keeps for each, most for the first.
    pub fn consumers(&self, count: i64, lags: impl IntoIterator<Item = (String, i64)>) {
        self.consumers.set(count);
        let labels = |(consumer, lag)| (ConsumerLabels { consumer }, lag);
        let lags = lags.into_iter().take(CONSUMERS_TOLD).map(labels);
        let (new, lags): (Vec<_>, Vec<i64>) = lags.unzip();
        let mut told = self.consumers_told.lock().unwrap_or_else(PoisonError::into_inner);
        for gone in told.iter().filter(|labels| !new.contains(labels)) {
            self.consumer_lag.remove(gone);
        }
        for (labels, lag) in new.iter().zip(lags) {
            self.consumer_lag.get_or_create(labels).set(lag);
        }
        *told = new;
    }

    /// Everything, as text for Prometheus (OpenMetrics 1.0).
    pub fn text(&self, snapshot: Snapshot) -> String {
        let Snapshot { queued, log_head, subscriptions, ring_events, ring_bytes, .. } = snapshot;
        let Snapshot { falls, density_violations, tail_reads, .. } = snapshot;
        let Snapshot { page_cache_bytes, page_hits, page_misses, .. } = snapshot;
        self.queued.set(queued);
        self.log_head.set(log_head);
        self.subscriptions.set(subscriptions);
        self.ring_events.set(ring_events);
        self.ring_bytes.set(ring_bytes);
        self.falls.set(falls);
        self.density_violations.set(density_violations);
        self.tail_reads.set(tail_reads);
        self.page_cache_bytes.set(page_cache_bytes);
        self.page_hits.set(page_hits);
        self.page_misses.set(page_misses);
        let mut text = String::new();
        if let Err(error) = encode(&mut text, &self.registry) {
            // Writing to a string does not fail; if it ever does, the reader is told.
            let _ = write!(text, "# {error}");
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The series of how far consumers are behind.
    fn lags(metrics: &Metrics) -> Vec<String> {
        let text = metrics.text(Snapshot::default());
        let lags = text.lines().filter(|line| line.starts_with("potts_consumer_lag_events{"));
        lags.map(str::to_owned).collect()
    }

    #[test]
    fn only_the_consumers_that_are_farthest_behind_are_told() {
        let metrics = Metrics::new();
        let lag = |n: i64| (format!("projects/abc/consumers/c{n}"), 100 - n);

        assert_eq!(lags(&metrics), [""; 0]);
        metrics.consumers(12, (0..12).map(lag));
        assert_eq!(lags(&metrics).len(), CONSUMERS_TOLD);
        metrics.consumers(1, [lag(11)]);

        assert_eq!(
            lags(&metrics),
            ["potts_consumer_lag_events{consumer=\"projects/abc/consumers/c11\"} 89"]
        );
        assert!(metrics.text(Snapshot::default()).contains("\npotts_consumers 1\n"));
    }
}

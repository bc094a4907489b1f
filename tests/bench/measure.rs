//! Callers that wait for each answer, and what they saw.

use std::time::Duration;

use anyhow::Result;
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout};

/// How long to measure.
#[derive(Clone, Copy, Debug)]
pub struct Span {
    /// What ends before this does not count.
    pub warm_up: Duration,
    /// All of it.
    pub whole: Duration,
}

impl Span {
    /// All of it counts.
    pub fn of(whole: Duration) -> Span {
        Span { warm_up: Duration::ZERO, whole }
    }

    /// What counts.
    pub fn counted(self) -> Duration {
        self.whole - self.warm_up
    }
}

/// What callers saw.
#[derive(Clone, Copy, Debug)]
pub struct Figures {
    /// Calls a second.
    pub rate: f64,
    /// Half of the calls took at most so many milliseconds.
    pub p50_ms: f64,
    /// Of a hundred calls, 99 took at most so many milliseconds.
    pub p99_ms: f64,
}

impl Figures {
    /// No figure is known.
    pub fn of_nothing() -> Figures {
        Figures { rate: f64::NAN, p50_ms: f64::NAN, p99_ms: f64::NAN }
    }

    /// Of each of so many things that a round does.
    pub fn each_of(self, things: usize) -> Figures {
        Figures { rate: self.rate * things as f64, ..self }
    }

    /// From how long each call took, in milliseconds.
    pub fn of(mut took_ms: Vec<f64>, within: Duration) -> Figures {
        took_ms.sort_by(f64::total_cmp);
        Figures {
            rate: took_ms.len() as f64 / within.as_secs_f64(),
            p50_ms: quantile(&took_ms, 500),
            p99_ms: quantile(&took_ms, 990),
        }
    }
}

/// Of sorted values, the one that so many of a thousand do not exceed.
fn quantile(sorted: &[f64], of_thousand: usize) -> f64 {
    let index = sorted.len().saturating_sub(1) * of_thousand / 1_000;
    sorted.get(index).copied().unwrap_or(f64::NAN)
}

/// The middle one.
pub fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    quantile(&values, 500)
}

/// The medians of each figure.
pub fn medians(rounds: &[Figures]) -> Figures {
    Figures {
        rate: median(rounds.iter().map(|round| round.rate)),
        p50_ms: median(rounds.iter().map(|round| round.p50_ms)),
        p99_ms: median(rounds.iter().map(|round| round.p99_ms)),
    }
}

/// Milliseconds, with their fractions.
pub fn millis(span: Duration) -> f64 {
    span.as_secs_f64() * 1e3
}

/// Lets some time pass.
pub async fn pass(span: Duration) {
    // What never happens is waited for that long.
    let _ = timeout(span, std::future::pending::<()>()).await;
}

/// Lets so many callers call, each one call after the other.
pub async fn closed_loop<C, F>(
    callers: usize,
    span: Span,
    mut caller: impl FnMut(usize) -> C,
) -> Result<Figures>
where
    C: FnMut() -> F + Send + 'static,
    F: Future<Output = Result<()>> + Send,
{
    let began = Instant::now();
    let (from, until) = (began + span.warm_up, began + span.whole);
    let mut tasks = JoinSet::new();
    for number in 0..callers {
        let mut call = caller(number);
        tasks.spawn(async move {
            let mut took_ms = Vec::new();
            loop {
                let called = Instant::now();
                call().await?;
                let answered = Instant::now();
                if answered >= until {
                    return anyhow::Ok(took_ms);
                }
                if answered >= from {
                    took_ms.push(millis(answered - called));
                }
            }
        });
    }
    let mut took_ms = Vec::new();
    while let Some(caller) = tasks.join_next().await {
        took_ms.extend(caller??);
    }
    Ok(Figures::of(took_ms, span.counted()))
}

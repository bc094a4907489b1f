//! Tasks that are kept running: one that panics is started again, one that keeps panicking ends the
//! server.

use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::{Instant, sleep};
use tokio_util::task::TaskTracker;

/// A task that breaks this often in [`BREAKS_WITHIN`] is not worth another start.
const BREAKS_MAX: usize = 5;
/// See [`BREAKS_MAX`].
const BREAKS_WITHIN: Duration = Duration::from_secs(60);
/// What broke may need a moment to come to rest.
const RESTART_AFTER: Duration = Duration::from_millis(100);

/// The tasks of a server.
#[derive(Clone, Debug)]
pub struct Tasks {
    tracker: TaskTracker,
    faults: mpsc::Sender<anyhow::Error>,
}

impl Tasks {
    /// No tasks yet, and where it is told that one could not be kept running.
    pub fn new() -> (Tasks, mpsc::Receiver<anyhow::Error>) {
        let (faults, told) = mpsc::channel(1);
        (Tasks { tracker: TaskTracker::new(), faults }, told)
    }

    /// Runs a task until it returns; starts it again when it panics.
    pub fn keep<F>(&self, name: &'static str, start: impl Fn() -> F + Send + 'static)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let Tasks { tracker, faults } = self.clone();
        self.tracker.spawn(async move {
            let mut breaks: Vec<Instant> = Vec::new();
            while let Err(error) = tracker.spawn(start()).await {
                tracing::error!(task = name, %error, "a task broke, starting it again");
                breaks.retain(|at| at.elapsed() < BREAKS_WITHIN);
                breaks.push(Instant::now());
                if breaks.len() > BREAKS_MAX {
                    let fault = anyhow::anyhow!("the task {name} keeps breaking: {error}");
                    // One fault is enough to end the server.
                    let _ = faults.try_send(fault);
                    return;
                }
                sleep(RESTART_AFTER).await;
            }
        });
    }

    /// Runs a task whose failure ends the server.
    pub fn run(
        &self,
        name: &'static str,
        task: impl Future<Output = anyhow::Result<()>> + Send + 'static,
    ) {
        let faults = self.faults.clone();
        self.tracker.spawn(async move {
            if let Err(error) = task.await {
                let _ = faults.try_send(error.context(format!("the task {name} failed")));
            }
        });
    }

    /// Waits until all have returned.
    pub async fn ended(&self) {
        self.tracker.close();
        self.tracker.wait().await;
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_task_that_panics_is_started_again() {
        let (tasks, _faults) = Tasks::new();
        let starts = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&starts);

        tasks.keep("twice", move || {
            let starts = Arc::clone(&counted);
            async move { assert!(starts.fetch_add(1, Ordering::SeqCst) > 0, "the first breaks") }
        });
        tasks.ended().await;

        assert_eq!(starts.load(Ordering::SeqCst), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn a_task_that_keeps_panicking_ends_the_server() {
        let (tasks, mut faults) = Tasks::new();

        tasks.keep("never", || async { panic!("always") });

        assert!(faults.recv().await.unwrap().to_string().contains("never"));
    }
}

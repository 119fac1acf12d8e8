//! The worker process: one loop reconciles pairs, one advances inspector runs, one polls.

use std::sync::Arc;
use std::time::Duration;

use halogard_app::ports::{Clock as _, Lane, PortError};
use halogard_app::{Env, Reconciler};
use halogard_domain::{Policy, Timestamp};
use tokio::sync::{Notify, watch};
use tokio::task::JoinSet;
use tracing::warn;

use crate::clock::SleepClock;
use crate::metrics::ProcessMetrics;

/// How long a worker with nothing to do waits before it reads the queue again. New work of this
/// process wakes it earlier; this bounds how late it sees delayed messages and those that another
/// process, such as an operator command, has sent.
const IDLE: Duration = Duration::from_millis(500);

/// Pause after the store itself failed.
const STORE_PAUSE: Duration = Duration::from_secs(5);

/// A failed sync cycle is repeated after this time, or after the interval if that is shorter.
const BROKEN_OFF_PAUSE: Duration = Duration::from_secs(15);

/// Where a changed policy comes from.
pub trait PolicySource: Send + Sync + 'static {
    /// The policy, if it changed since the last call.
    fn changed(&self) -> Option<Policy>;
}

/// A policy that never changes.
pub struct FixedPolicy;

impl PolicySource for FixedPolicy {
    fn changed(&self) -> Option<Policy> {
        None
    }
}

/// Wakes the loops of the engine. Each loop has a notification of its own: a shared one would wake only
/// one of them, perhaps the one with nothing to do.
#[derive(Clone, Default)]
pub struct WorkSignal {
    tickets: Arc<Notify>,
    runs: Arc<Notify>,
}

impl WorkSignal {
    /// There is new work in the queue.
    pub fn notify(&self) {
        self.tickets.notify_one();
        self.runs.notify_one();
    }
}

/// The running loops. Dropping it stops them at once, as a crash would; nothing is lost.
pub struct Engine<E: Env> {
    /// The use cases and their parts.
    pub reconciler: Arc<Reconciler<E>>,
    /// Metrics of the process.
    pub metrics: Arc<ProcessMetrics>,
    /// Wakes the loops.
    pub work_signal: WorkSignal,
    stop: watch::Sender<bool>,
    tasks: JoinSet<()>,
}

impl<E: Env<Clock: SleepClock>> Engine<E> {
    /// Starts the loops, which count in `metrics`.
    pub fn start(
        reconciler: Reconciler<E>,
        poll_interval: Duration,
        policies: impl PolicySource,
        metrics: Arc<ProcessMetrics>,
    ) -> Self {
        let (stop, stopped) = watch::channel(false);
        let mut engine = Self {
            reconciler: Arc::new(reconciler),
            metrics,
            work_signal: WorkSignal::default(),
            stop,
            tasks: JoinSet::new(),
        };
        let worker = |lanes: &'static [Lane], work: &Arc<Notify>| Worker {
            reconciler: Arc::clone(&engine.reconciler),
            metrics: Arc::clone(&engine.metrics),
            work_signal: engine.work_signal.clone(),
            work: Arc::clone(work),
            stopped: stopped.clone(),
            lanes,
        };
        let tickets = worker(&[Lane::Urgent, Lane::Bulk], &engine.work_signal.tickets);
        let runs = worker(&[Lane::Runs], &engine.work_signal.runs);
        let poller = worker(&[], &Arc::new(Notify::new()));
        engine.tasks.spawn(tickets.work());
        engine.tasks.spawn(runs.work());
        engine.tasks.spawn(poller.poll(poll_interval, policies));
        engine
    }

    /// Stops every loop in the middle of its work, as a killed process would.
    pub async fn crash(mut self) {
        self.tasks.shutdown().await;
    }

    /// Lets every loop finish its current work, then stops.
    pub async fn stop(mut self) {
        self.stop.send_replace(true);
        while let Some(ended) = self.tasks.join_next().await {
            if let Err(error) = ended {
                warn!(%error, "a loop of the engine panicked");
            }
        }
    }
}

/// One loop of the engine.
struct Worker<E: Env> {
    reconciler: Arc<Reconciler<E>>,
    metrics: Arc<ProcessMetrics>,
    work_signal: WorkSignal,
    /// What wakes this loop.
    work: Arc<Notify>,
    stopped: watch::Receiver<bool>,
    lanes: &'static [Lane],
}

impl<E: Env<Clock: SleepClock>> Worker<E> {
    /// Processes messages of the lanes, the first lane first, until the engine stops.
    async fn work(mut self) {
        while !*self.stopped.borrow() {
            match self.work_one().await {
                Ok(Next::AtOnce) => tokio::task::yield_now().await,
                Ok(Next::Rest(until)) => {
                    let pause = until.since(self.reconciler.clock.now());
                    self.pause(pause, false).await;
                }
                Ok(Next::Idle) => self.pause(IDLE, true).await,
                Err(error) => {
                    warn!(
                        error_type = error.code.as_str(),
                        reason = error.chain(),
                        "the queue failed"
                    );
                    self.pause(STORE_PAUSE, false).await;
                }
            }
        }
    }

    /// Processes messages of the first lane that has one.
    async fn work_one(&self) -> Result<Next, PortError> {
        for lane in self.lanes {
            let began = self.reconciler.clock.now();
            let worked = self.reconciler.process_next(*lane).await?;
            if worked.is_empty() {
                continue;
            }
            self.metrics
                .batch_processed(*lane, self.reconciler.clock.now().since(began));
            for worked in &worked {
                self.metrics.message_processed(*lane, worked.words());
                if let Some(lag) = worked.lag {
                    self.metrics.lag_ended(lag);
                }
            }
            if *lane != Lane::Runs {
                // The reconciliation may have requested an inspector run.
                self.work_signal.notify();
            }
            let pause_until = worked.iter().filter_map(|worked| worked.pause_until).max();
            return Ok(pause_until.map_or(Next::AtOnce, Next::Rest));
        }
        Ok(Next::Idle)
    }

    /// Runs a sync cycle each interval.
    async fn poll(mut self, interval: Duration, policies: impl PolicySource) {
        while !*self.stopped.borrow() {
            let began = self.reconciler.clock.now();
            if let Some(policy) = policies.changed() {
                self.reconciler.set_policy(policy);
            }
            let round = self.reconciler.sync_cycle().await;
            for (task, end) in round.parts() {
                self.metrics
                    .sync_task_ended(task, end, self.reconciler.clock.now());
            }
            self.metrics
                .sync_cycle_ended(self.reconciler.clock.now().since(began));
            self.work_signal.notify();
            let wanted = if round.is_complete() {
                interval
            } else {
                interval.min(BROKEN_OFF_PAUSE)
            };
            let rest = wanted.saturating_sub(self.reconciler.clock.now().since(began));
            self.pause(rest, false).await;
        }
    }

    /// Waits, unless it is time to stop or, where `for_work`, this loop is notified of work.
    async fn pause(&mut self, pause: Duration, for_work: bool) {
        let clock = self.reconciler.clock.clone();
        tokio::select! {
            () = clock.sleep(pause) => {}
            () = self.work.notified(), if for_work => {}
            // Not `changed`: an earlier pause may have seen the change, and this one must end too.
            _ = self.stopped.wait_for(|stop| *stop) => {}
        }
    }
}

/// What a worker does next.
enum Next {
    /// There may be more.
    AtOnce,
    /// Nothing can be done before this time.
    Rest(Timestamp),
    /// There is nothing to do.
    Idle,
}

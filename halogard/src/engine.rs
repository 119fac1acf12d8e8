//! The worker process: one loop reconciles pairs, one advances inspector runs, one polls.

use std::collections::BTreeMap;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use halogard_app::outcome::TaskEnd;
use halogard_app::ports::{Clock as _, Lane, PortError, ServiceDesk as _};
use halogard_app::{Env, Reconciler};
use halogard_domain::{Policy, Timestamp};
use tokio::sync::Notify;
use tokio::task::{self, AbortHandle, JoinError, JoinSet};
use tracing::warn;

use crate::clock::SleepClock;
use crate::health::Health;
use crate::lane_budget::in_lane;
use crate::metrics::ProcessMetrics;
use crate::stopping::StopSwitch;

/// How long a worker with nothing to do waits before it reads the queue again. New work of this
/// process wakes it earlier; this bounds how late it sees delayed messages and those that another
/// process, such as an operator command, has sent.
const IDLE: Duration = Duration::from_millis(500);

/// Pause after the store itself failed.
const STORE_PAUSE: Duration = Duration::from_secs(5);

/// A sync cycle whose sweep failed is repeated after this time, or after the interval if that is shorter.
const BROKEN_OFF_PAUSE: Duration = Duration::from_secs(15);

/// How long a loop may take for one turn: a batch of messages that HaloPSA answers slowly.
const TURN_MAX: Duration = Duration::from_secs(600);

/// When the process is to end, a loop that changes no ticket is ended after this time: Liongard may answer slowly, and
/// a read that is cut off loses nothing.
const READERS_END_WITHIN: Duration = Duration::from_secs(5);

/// When the process is to end, everything has ended after this time: the longest call to HaloPSA, and ten seconds to
/// save what it led to.
const ALL_END_WITHIN: Duration = Duration::from_secs(75);

/// Where a changed policy comes from.
pub trait PolicySource<E: Env>: Send + Sync + 'static {
    /// The policy that takes effect now, if it is another one than before. It was checked against both
    /// vendors, which `reconciler` reaches.
    fn changed(&self, reconciler: &Reconciler<E>) -> impl Future<Output = Option<Policy>> + Send;
}

/// A policy that never changes.
pub struct FixedPolicy;

impl<E: Env> PolicySource<E> for FixedPolicy {
    async fn changed(&self, _reconciler: &Reconciler<E>) -> Option<Policy> {
        None
    }
}

/// A loop of the engine has ended, which none does by itself.
#[derive(Debug, thiserror::Error)]
#[error("{what} of the worker ended unexpectedly; restart the process: nothing is lost")]
pub struct LoopEnded {
    what: &'static str,
    /// The panic, if it was one.
    #[source]
    source: Option<JoinError>,
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

/// What the loops share with the listeners, which may begin before them.
#[derive(Clone, Default)]
pub struct EngineShared {
    /// Metrics of the process.
    pub metrics: Arc<ProcessMetrics>,
    /// Whether the process does its work.
    pub health: Arc<Health>,
    /// Wakes the loops.
    pub work_signal: WorkSignal,
    /// Ends them.
    pub stop: StopSwitch,
}

/// The running loops. Dropping it stops them at once, as a crash would; nothing is lost.
pub struct Engine<E: Env> {
    reconciler: Arc<Reconciler<E>>,
    shared: EngineShared,
    tasks: JoinSet<()>,
    /// The loops that change no ticket.
    readers: Vec<AbortHandle>,
    names: BTreeMap<task::Id, &'static str>,
}

impl<E: Env<Clock: SleepClock>> Engine<E> {
    /// Starts the loops, which count in `metrics`.
    pub fn start(
        reconciler: Reconciler<E>,
        poll_interval: Duration,
        policies: impl PolicySource<E>,
        shared: EngineShared,
    ) -> Self {
        let mut engine = Self {
            reconciler: Arc::new(reconciler),
            shared,
            tasks: JoinSet::new(),
            readers: Vec::new(),
            names: BTreeMap::new(),
        };
        let worker = |name, lanes: &'static [Lane], work: &Arc<Notify>| Worker {
            name,
            reconciler: Arc::clone(&engine.reconciler),
            shared: engine.shared.clone(),
            work: Arc::clone(work),
            lanes,
            rests: BTreeMap::new(),
        };
        let signal = engine.shared.work_signal.clone();
        let tickets = [Lane::Urgent, Lane::Bulk].as_slice();
        let tickets = worker("the tickets loop", tickets, &signal.tickets);
        let runs = worker("the runs loop", [Lane::Runs].as_slice(), &signal.runs);
        let poller = worker("the sync loop", &[], &Arc::new(Notify::new()));
        let health = &engine.shared.health;
        for worker in [&tickets, &runs] {
            health.expect(worker.name, TURN_MAX);
        }
        health.expect("poll", poll_interval);
        health.expect("sweep", engine.reconciler.sweep_interval.max(poll_interval));
        health.started();
        let names = [tickets.name, runs.name, poller.name];
        let handles = [
            engine.tasks.spawn(tickets.work()),
            engine.tasks.spawn(runs.work()),
            engine.tasks.spawn(poller.poll(poll_interval, policies)),
        ];
        let [_, readers @ ..] = &handles;
        engine.readers = readers.to_vec();
        engine.names = handles.iter().map(AbortHandle::id).zip(names).collect();
        engine
    }

    /// What the loops work with.
    pub fn reconciler(&self) -> Arc<Reconciler<E>> {
        Arc::clone(&self.reconciler)
    }

    /// Waits until a loop has ended. None does before the engine is stopped, unless it panics.
    pub async fn loop_ended(&mut self) -> LoopEnded {
        let (id, source) = match self.tasks.join_next_with_id().await {
            Some(Ok((id, ()))) => (Some(id), None),
            Some(Err(error)) => (Some(error.id()), Some(error)),
            None => (None, None),
        };
        let name = id.and_then(|id| self.names.get(&id).copied());
        let what = name.unwrap_or("every loop");
        LoopEnded { what, source }
    }

    /// Stops every loop in the middle of its work, as a killed process would.
    pub async fn crash(mut self) {
        self.tasks.shutdown().await;
    }

    /// Ends every loop. The requests to HaloPSA that are under way are finished, and what they led to is saved; no
    /// further one begins. What a loop that is ended had in hand is in the store, as after a crash.
    pub async fn stop(mut self) {
        self.shared.stop.stop();
        let mut readers_end = pin!(tokio::time::sleep(READERS_END_WITHIN));
        let mut all_end = pin!(tokio::time::sleep(ALL_END_WITHIN));
        loop {
            tokio::select! {
                ended = self.tasks.join_next() => match ended {
                    None => return,
                    Some(Err(error)) if !error.is_cancelled() => {
                        warn!(%error, "a loop of the engine panicked");
                    }
                    Some(_) => {}
                },
                () = &mut readers_end, if !self.readers.is_empty() => {
                    self.readers.drain(..).for_each(|reader| reader.abort());
                }
                () = &mut all_end => {
                    warn!("a request did not end in time; the next start finds out what it led to");
                    return self.tasks.shutdown().await;
                }
            }
        }
    }
}

/// One loop of the engine.
struct Worker<E: Env> {
    name: &'static str,
    reconciler: Arc<Reconciler<E>>,
    shared: EngineShared,
    /// What wakes this loop.
    work: Arc<Notify>,
    lanes: &'static [Lane],
    /// Until when nothing can be done in a lane: its requests get no permit, or are refused.
    rests: BTreeMap<Lane, Timestamp>,
}

impl<E: Env<Clock: SleepClock>> Worker<E> {
    /// Processes messages of the lanes, the first lane first, until the engine stops.
    async fn work(mut self) {
        while !self.shared.stop.is_stopped() {
            let turn = self.work_one().await;
            self.shared.health.succeeded(self.name);
            match turn {
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

    /// Processes messages of the first lane that has one. A lane that rests keeps those after it from the permits that
    /// it waits for, and none before it: what a person waits for does not wait for bulk work.
    async fn work_one(&mut self) -> Result<Next, PortError> {
        for (place, lane) in self.lanes.iter().enumerate() {
            let began = self.reconciler.clock.now();
            match self.rests.get(lane) {
                Some(until) if *until > began && place == 0 => return Ok(Next::Rest(*until)),
                Some(until) if *until > began => return Ok(Next::Idle),
                _ => self.rests.remove(lane),
            };
            let worked = in_lane(*lane, self.reconciler.process_next(*lane)).await?;
            if worked.is_empty() {
                continue;
            }
            self.shared
                .metrics
                .batch_processed(*lane, self.reconciler.clock.now().since(began));
            for worked in &worked {
                self.shared.metrics.message_processed(*lane, worked.words());
                if let Some(lag) = worked.lag {
                    self.shared.metrics.lag_ended(lag);
                }
            }
            if *lane != Lane::Runs {
                // The reconciliation may have requested an inspector run.
                self.shared.work_signal.notify();
            }
            let pause_until = worked.iter().filter_map(|worked| worked.pause_until).max();
            self.rests.extend(pause_until.map(|until| (*lane, until)));
            return Ok(Next::AtOnce);
        }
        Ok(Next::Idle)
    }

    /// Runs sync cycles, none sooner than `least` after the last one began, unless that failed.
    async fn poll(self, least: Duration, policies: impl PolicySource<E>) {
        while !self.shared.stop.is_stopped() {
            let began = self.reconciler.clock.now();
            if let Some(policy) = policies.changed(&self.reconciler).await {
                self.reconciler.set_policy(policy);
            }
            let round = self.reconciler.sync_cycle().await;
            for (task, end) in round.parts() {
                let now = self.reconciler.clock.now();
                self.shared.metrics.sync_task_ended(task, end, now);
                match end {
                    // What an operator has paused is as it should be.
                    TaskEnd::Complete(_) | TaskEnd::Partial(_) | TaskEnd::Paused => {
                        self.shared.health.succeeded(task.as_str());
                    }
                    TaskEnd::Failed(code) => self.shared.health.failed(task.as_str(), code),
                    TaskEnd::Skipped => {}
                }
            }
            self.shared.metrics.records_set_aside(
                self.reconciler.alerts_set_aside(),
                self.reconciler.desk.rows_set_aside(),
            );
            self.shared
                .metrics
                .sync_cycle_ended(self.reconciler.clock.now().since(began));
            self.shared.work_signal.notify();
            let pace = &self.reconciler.poll_pace;
            let wanted = match round.swept {
                TaskEnd::Failed(_) => pace.after(round.polled, least).min(BROKEN_OFF_PAUSE),
                _ => pace.after(round.polled, least),
            };
            self.shared.health.allow("poll", pace.interval(least));
            let rest = wanted.saturating_sub(self.reconciler.clock.now().since(began));
            self.pause(rest, false).await;
        }
    }

    /// Waits, unless it is time to stop or, where `for_work`, this loop is notified of work.
    async fn pause(&self, pause: Duration, for_work: bool) {
        let clock = self.reconciler.clock.clone();
        tokio::select! {
            () = clock.sleep(pause) => {}
            () = self.work.notified(), if for_work => {}
            () = self.shared.stop.stopped() => {}
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

#[cfg(test)]
mod tests {
    use std::error::Error as _;

    use halogard_app::ports::{WorkQueue as _, WorkSink as _};
    use halogard_domain::message::Message;
    use halogard_domain::policy::Mode;
    use halogard_runtime::SystemClock;
    use halogard_runtime::settings::{self, SettingValues, Settings};

    use super::*;
    use crate::connect::{self, NetworkReconciler, PermitWait};
    use crate::data_folder;

    /// A policy that cannot be read without a panic.
    struct PanickingPolicy;

    impl<E: Env> PolicySource<E> for PanickingPolicy {
        async fn changed(&self, _reconciler: &Reconciler<E>) -> Option<Policy> {
            panic!("planted")
        }
    }

    /// A reconciler whose vendors cannot be reached, over a store in `folder`.
    fn reconciler(folder: &std::path::Path) -> NetworkReconciler<SystemClock> {
        let environment = SettingValues::of([
            ("HALOPSA_RESOURCE_URL", "http://127.0.0.1:9"),
            ("HALOPSA_CLIENT_ID", "an-id"),
            ("HALOPSA_CLIENT_SECRET", "a-secret"),
            ("LIONGARD_URL", "http://127.0.0.1:9"),
            ("LIONGARD_ACCESS_KEY_ID", "an-id"),
            ("LIONGARD_ACCESS_KEY_SECRET", "a-secret"),
        ]);
        let (settings, _) = settings::read::<Settings>(&environment).unwrap();
        let store = data_folder::open_store(folder, SystemClock).unwrap();
        let policy = Policy::empty(Mode::Managed);
        let calls = Arc::new(ProcessMetrics::default());
        connect::build_reconciler(
            &settings,
            None,
            &store,
            SystemClock,
            policy,
            calls,
            PermitWait {
                finish_wait: Duration::ZERO,
                switch: &StopSwitch::default(),
            },
        )
        .unwrap()
        .reconciler
    }

    #[tokio::test]
    async fn a_lane_that_rests_keeps_no_more_urgent_lane_from_its_work() {
        let folder = tempfile::tempdir().unwrap();
        let reconciler = reconciler(folder.path());
        let (store, clock) = (reconciler.store.clone(), reconciler.clock);
        let until = clock.now().plus(Duration::from_secs(3600));
        let mut worker = Worker {
            name: "the tickets loop",
            reconciler: Arc::new(reconciler),
            shared: EngineShared::default(),
            work: Arc::default(),
            lanes: &[Lane::Urgent, Lane::Bulk],
            rests: BTreeMap::new(),
        };
        let note = |kind: &str| Message::keep_webhook_sample(kind.to_owned(), String::new());
        for (resting, urgent_left, bulk_left) in [
            (Some(Lane::Bulk), 0, 1),
            (Some(Lane::Urgent), 1, 1),
            (None, 0, 0),
        ] {
            worker.rests = resting.map(|lane| (lane, until)).into_iter().collect();
            for lane in [Lane::Urgent, Lane::Bulk] {
                store.send(lane, &[note("a").into()]).await.unwrap();
            }
            for _ in 0..3 {
                worker.work_one().await.unwrap();
            }
            let left = |lane| store.depth(lane);
            let depths = (
                left(Lane::Urgent).await.unwrap(),
                left(Lane::Bulk).await.unwrap(),
            );
            assert_eq!(depths, (urgent_left, bulk_left), "{resting:?}");
            worker.rests.clear();
            for _ in 0..4 {
                worker.work_one().await.unwrap();
            }
        }
    }

    #[tokio::test]
    async fn a_loop_that_panics_is_noticed_at_once_and_named() {
        let folder = tempfile::tempdir().unwrap();
        let reconciler = reconciler(folder.path());
        let interval = Duration::from_secs(60);
        let shared = EngineShared::default();
        let mut engine = Engine::start(reconciler, interval, PanickingPolicy, shared);
        let ended = engine.loop_ended().await;
        let said = ended.to_string();
        assert!(
            said.starts_with("the sync loop of the worker ended"),
            "{said}"
        );
        assert!(ended.source().unwrap().to_string().contains("planted"));
        engine.crash().await;
    }
}

//! The store under a run: the real SQLite store, shared by all processes, where each access lets others go
//! on first and may fail as a hosted store fails.

use std::collections::{BTreeMap, BTreeSet};
use std::str::FromStr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Poll, Waker};
use std::time::Duration;

use futures_util::future::{self, Either};
use halogard_app::ports::{
    AlertIndex, Clock as _, DeadLetter, Delivery, Journal, JournalEntry, Lane, LeaseOutcome,
    Leases, LinkFilter, Links, NamedValues, NotificationCount, Notifications, Outgoing, PortError,
    Pruning, QueuedState, Records, Revision, SaveError, Stored, Swap, WorkQueue, WorkSink,
};
use halogard_domain::ids::{AlertId, TicketId};
use halogard_domain::message::Notification;
use halogard_domain::{Link, Record, Retention, Timestamp};
use halogard_sqlite::Store;
use halogard_tests::{Component, CrashTiming};

use crate::clock::MachineClock;
use crate::sim::Site;

/// The longest a message is late.
const LATE: Duration = Duration::from_secs(90);

/// A store that refuses, or whose answer is lost.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct InjectedStoreFault(&'static str);

/// When messages are due, and who waits for them. Clones share it.
#[derive(Clone, Default)]
pub struct WorkSignal(Arc<Mutex<Signals>>);

#[derive(Default)]
struct Signals {
    due: BTreeMap<Lane, BTreeSet<Timestamp>>,
    /// Grows with every change.
    generation: u64,
    waiting: Vec<Waker>,
}

impl WorkSignal {
    /// A message of `lane` is due at `at`.
    fn due(&self, lane: Lane, at: Timestamp) {
        let mut signals = self.signals();
        signals.due.entry(lane).or_default().insert(at);
        signals.generation += 1;
        let waiting = std::mem::take(&mut signals.waiting);
        drop(signals);
        for waker in waiting {
            waker.wake();
        }
    }

    /// What has changed so far.
    #[must_use]
    pub fn generation(&self) -> u64 {
        self.signals().generation
    }

    /// When a message of `lanes` is due after `now`.
    fn next_due(&self, lanes: &[Lane], now: Timestamp) -> Option<Timestamp> {
        let mut signals = self.signals();
        let mut next = None;
        for lane in lanes {
            let due = signals.due.entry(*lane).or_default();
            *due = due.split_off(&now.plus(Duration::from_millis(1)));
            next = next.into_iter().chain(due.first().copied()).min();
        }
        next
    }

    /// Waits until a message of `lanes` may be due, if nothing has changed since `generation`.
    pub async fn wait(&self, clock: &MachineClock, lanes: &[Lane], generation: u64) {
        let now = clock.now();
        let longest = now.plus(Duration::from_secs(60));
        let until = self.next_due(lanes, now).unwrap_or(longest).min(longest);
        let changed = future::poll_fn(|context| {
            let mut signals = self.signals();
            if signals.generation != generation {
                return Poll::Ready(());
            }
            signals.waiting.push(context.waker().clone());
            Poll::Pending
        });
        let pause = clock.scheduler().pause(until.since(now));
        match future::select(Box::pin(changed), pause).await {
            Either::Left(_) | Either::Right(_) => {}
        }
    }

    fn signals(&self) -> MutexGuard<'_, Signals> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The store as one process has it. `ONE_MACHINE` says whether all processes share a machine, as those of
/// the program do, or not, as functions.
#[derive(Clone)]
pub struct SimStore<const ONE_MACHINE: bool> {
    pub(crate) site: Site,
    pub(crate) inner: Store<MachineClock>,
    pub(crate) signal: WorkSignal,
    pub(crate) clock: MachineClock,
}

impl<const ONE_MACHINE: bool> SimStore<ONE_MACHINE> {
    /// Reads.
    async fn read<T>(
        &self,
        work: impl Future<Output = Result<T, PortError>>,
    ) -> Result<T, PortError> {
        self.throttle()?;
        let pause = {
            let mut core = self.site.sim.core();
            core.below(Duration::from_millis(2))
        };
        self.site.sim.scheduler.pause(pause).await;
        work.await
    }

    /// Writes `what`.
    async fn write<T, E: From<PortError>>(
        &self,
        what: &'static str,
        work: impl Future<Output = Result<T, E>>,
    ) -> Result<T, E> {
        self.throttle()?;
        self.site.visit(Component::Store, CrashTiming::Before).await;
        let written = work.await;
        {
            let mut core = self.site.sim.core();
            let now = self.site.sim.scheduler.now();
            let outcome = if written.is_ok() { "ok" } else { "not" };
            core.note(now, self.site.name, "store", &format!("{what} {outcome}"));
        }
        self.site.visit(Component::Store, CrashTiming::After).await;
        if written.is_ok() {
            self.lose_answer()?;
        }
        written
    }

    /// Fails as a store with too many calls does, before anything was done.
    fn throttle(&self) -> Result<(), PortError> {
        let mut core = self.site.sim.core();
        let rate = core.rates.store_throttled;
        if core.chance(rate) {
            core.coverage.reached("store: throttled");
            return Err(PortError::store(InjectedStoreFault("too many calls")));
        }
        Ok(())
    }

    /// Fails after the work was done.
    fn lose_answer(&self) -> Result<(), PortError> {
        let mut core = self.site.sim.core();
        let rate = core.rates.store_answer_lost;
        if core.chance(rate) {
            core.coverage.reached("store: answer lost");
            return Err(PortError::store(InjectedStoreFault("the answer was lost")));
        }
        Ok(())
    }
}

impl<const ONE_MACHINE: bool> Links for SimStore<ONE_MACHINE> {
    async fn load(&self, alert: AlertId) -> Result<Option<Stored<Link>>, PortError> {
        self.read(self.inner.load(alert)).await
    }

    async fn load_many(&self, alerts: &BTreeSet<AlertId>) -> Result<Vec<Link>, PortError> {
        self.read(self.inner.load_many(alerts)).await
    }

    async fn owners(&self, ticket: TicketId) -> Result<BTreeSet<AlertId>, PortError> {
        self.read(self.inner.owners(ticket)).await
    }

    async fn save(
        &self,
        link: &Link,
        entries: &[JournalEntry],
        revision: Revision,
    ) -> Result<Revision, SaveError> {
        let saved = self
            .write("link", self.inner.save(link, entries, revision))
            .await?;
        self.trace_journal(entries);
        Ok(saved)
    }

    async fn list(
        &self,
        filter: LinkFilter,
        after: Option<AlertId>,
        limit: usize,
    ) -> Result<Vec<Link>, PortError> {
        self.read(self.inner.list(filter, after, limit)).await
    }
}

impl<const ONE_MACHINE: bool> SimStore<ONE_MACHINE> {
    /// Takes note of what the bundle says it did.
    fn trace_journal(&self, entries: &[JournalEntry]) {
        for entry in entries {
            let detail = format!(
                "{} alert {:?} ticket {:?} by {}",
                entry.event,
                entry.alert.map(AlertId::get),
                entry.ticket.map(TicketId::get),
                entry.cause,
            );
            let sim = &self.site.sim;
            sim.note(self.site.name, "journal", &detail);
            let mut core = sim.core();
            core.coverage.reached(&format!("journal: {}", entry.event));
            if let (true, Some(ticket)) = (entry.event == "opened", entry.ticket) {
                let ticket = i64::try_from(ticket.get()).unwrap_or_default();
                core.oracle.recorded(ticket, sim.scheduler.now());
            }
        }
    }
}

impl<const ONE_MACHINE: bool> AlertIndex for SimStore<ONE_MACHINE> {
    async fn load_index(&self) -> Result<BTreeMap<AlertId, QueuedState>, PortError> {
        self.read(self.inner.load_index()).await
    }

    async fn save_index(&self, entries: &BTreeMap<AlertId, QueuedState>) -> Result<(), PortError> {
        if entries.is_empty() {
            return Ok(());
        }
        self.write("index", self.inner.save_index(entries)).await
    }

    async fn remove_from_index(&self, alerts: &BTreeSet<AlertId>) -> Result<(), PortError> {
        if alerts.is_empty() {
            return Ok(());
        }
        self.write("index", self.inner.remove_from_index(alerts))
            .await
    }
}

impl<const ONE_MACHINE: bool> Pruning for SimStore<ONE_MACHINE> {
    fn set_retention(&self, retention: Retention) {
        self.inner.set_retention(retention);
    }

    async fn prune(&self, now: Timestamp, limit: usize) -> Result<usize, PortError> {
        self.write("pruning", self.inner.prune(now, limit)).await
    }
}

impl<const ONE_MACHINE: bool> NamedValues for SimStore<ONE_MACHINE> {
    async fn values(&self) -> Result<BTreeMap<String, i64>, PortError> {
        self.read(self.inner.values()).await
    }

    async fn set_values(&self, values: &[(&str, i64)]) -> Result<(), PortError> {
        self.write("value", self.inner.set_values(values)).await
    }
}

impl<const ONE_MACHINE: bool> Leases for SimStore<ONE_MACHINE> {
    async fn acquire_lease(
        &self,
        name: &str,
        holder: &str,
        until: Timestamp,
    ) -> Result<LeaseOutcome, PortError> {
        self.write("lease", self.inner.acquire_lease(name, holder, until))
            .await
    }

    async fn release_lease(&self, name: &str, holder: &str) -> Result<(), PortError> {
        self.write("lease", self.inner.release_lease(name, holder))
            .await
    }
}

impl<const ONE_MACHINE: bool> Records for SimStore<ONE_MACHINE> {
    const ONE_MACHINE: bool = ONE_MACHINE;

    async fn load_record<T: Record>(&self, key: &T::Key) -> Result<Stored<T>, PortError> {
        self.read(self.inner.load_record(key)).await
    }

    async fn swap_record<T: Record>(
        &self,
        key: &T::Key,
        record: &T,
        revision: Revision,
    ) -> Result<Swap<T>, PortError> {
        let swap = self.inner.swap_record(key, record, revision);
        self.write(T::PARTITION, swap).await
    }

    async fn active_records<T>(&self) -> Result<Vec<T::Key>, PortError>
    where
        T: Record<Key: FromStr + Sized>,
    {
        self.read(self.inner.active_records::<T>()).await
    }
}

impl<const ONE_MACHINE: bool> WorkSink for SimStore<ONE_MACHINE> {
    async fn send(&self, lane: Lane, messages: &[Outgoing]) -> Result<(), PortError> {
        let now = self.clock.now();
        let mut sent = Vec::with_capacity(messages.len());
        {
            let mut core = self.site.sim.core();
            let rates = core.rates;
            for message in messages {
                let mut message = message.clone();
                if core.chance(rates.queue_delayed) {
                    core.coverage.reached("queue: delayed");
                    let late = core.below(LATE);
                    message.not_before = Some(message.not_before.unwrap_or(now).plus(late));
                }
                if core.chance(rates.queue_doubled) {
                    core.coverage.reached("queue: doubled");
                    sent.push(message.clone());
                }
                sent.push(message);
            }
        }
        let result = self.write("send", self.inner.send(lane, &sent)).await;
        for message in &sent {
            self.signal.due(lane, message.not_before.unwrap_or(now));
        }
        result
    }
}

impl<const ONE_MACHINE: bool> WorkQueue for SimStore<ONE_MACHINE> {
    async fn receive(
        &self,
        lane: Lane,
        max: usize,
        visibility: Duration,
    ) -> Result<Vec<Delivery>, PortError> {
        let visibility = {
            let mut core = self.site.sim.core();
            let rate = core.rates.queue_redelivered;
            if core.chance(rate) {
                core.coverage
                    .reached("queue: delivered again while processed");
                Duration::from_millis(200)
            } else {
                visibility
            }
        };
        let received = self.read(self.inner.receive(lane, max, visibility)).await?;
        if !received.is_empty() {
            self.signal.due(lane, self.clock.now().plus(visibility));
        }
        Ok(received)
    }

    async fn ack(&self, lane: Lane, receipt: &str) -> Result<(), PortError> {
        self.write("ack", self.inner.ack(lane, receipt)).await
    }

    async fn defer(
        &self,
        lane: Lane,
        receipts: &[&str],
        not_before: Timestamp,
    ) -> Result<(), PortError> {
        self.signal.due(lane, not_before);
        self.write("defer", self.inner.defer(lane, receipts, not_before))
            .await
    }

    async fn retry(
        &self,
        lane: Lane,
        receipt: &str,
        not_before: Timestamp,
    ) -> Result<(), PortError> {
        self.signal.due(lane, not_before);
        self.write("retry", self.inner.retry(lane, receipt, not_before))
            .await
    }

    async fn dead_letter(&self, lane: Lane, receipt: &str, reason: &str) -> Result<(), PortError> {
        self.site.sim.note(self.site.name, "dead letter", reason);
        self.write("dead letter", self.inner.dead_letter(lane, receipt, reason))
            .await
    }

    async fn dead_letters(&self, limit: usize) -> Result<Vec<DeadLetter>, PortError> {
        self.read(self.inner.dead_letters(limit)).await
    }

    async fn dead_letter_count(&self) -> Result<u64, PortError> {
        self.read(self.inner.dead_letter_count()).await
    }

    async fn redrive(&self, id: &str) -> Result<bool, PortError> {
        self.write("redrive", self.inner.redrive(id)).await
    }

    async fn discard_dead_letters(&self, ids: &[String]) -> Result<usize, PortError> {
        self.write("discard", self.inner.discard_dead_letters(ids))
            .await
    }

    async fn depth(&self, lane: Lane) -> Result<u64, PortError> {
        self.read(self.inner.depth(lane)).await
    }

    async fn oldest(&self, lane: Lane) -> Result<Option<Timestamp>, PortError> {
        self.read(self.inner.oldest(lane)).await
    }
}

impl<const ONE_MACHINE: bool> Journal for SimStore<ONE_MACHINE> {
    async fn append(&self, entries: &[JournalEntry]) -> Result<(), PortError> {
        self.write("journal", self.inner.append(entries)).await?;
        self.trace_journal(entries);
        Ok(())
    }

    async fn journal(&self, alert: AlertId, limit: usize) -> Result<Vec<JournalEntry>, PortError> {
        self.read(self.inner.journal(alert, limit)).await
    }
}

impl<const ONE_MACHINE: bool> Notifications for SimStore<ONE_MACHINE> {
    async fn is_known(
        &self,
        notification: &Notification,
        now: Timestamp,
    ) -> Result<bool, PortError> {
        self.read(self.inner.is_known(notification, now)).await
    }

    async fn record(&self, notification: &Notification, now: Timestamp) -> Result<(), PortError> {
        self.write("notification", self.inner.record(notification, now))
            .await
    }

    async fn counts(&self) -> Result<Vec<NotificationCount>, PortError> {
        self.read(self.inner.counts()).await
    }
}

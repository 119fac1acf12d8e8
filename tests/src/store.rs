//! The embedded store, observed: what the bundle saves, when a message is due again, and where the
//! process may stop.

use std::collections::{BTreeMap, BTreeSet};
use std::str::FromStr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use halogard_app::ports::{
    AlertIndex, Clock as _, DeadLetter, Delivery, Journal, JournalEntry, Lane, LeaseOutcome,
    Leases, LinkFilter, Links, NamedValues, NotificationCount, Notifications, Outgoing, PortError,
    Pruning, QueuedState, Records, Revision, SaveError, Stored, Swap, WorkQueue, WorkSink,
};
use halogard_domain::ids::{AlertId, TicketId};
use halogard_domain::message::Notification;
use halogard_domain::{Link, Record, Retention, Timestamp};
use halogard_sqlite::Store;

use crate::clock::ScenarioClock;
use crate::crash_point::{Component, CrashPoints};

/// What was seen at the store. Clones share; it outlives the process.
#[derive(Clone, Debug, Default)]
pub struct StoreActivity(Arc<Mutex<Activity>>);

#[derive(Debug, Default)]
struct Activity {
    /// Times at which a message may be delivered again.
    due: BTreeSet<Timestamp>,
    journal: Vec<JournalEntry>,
    /// Calls that write, by what they write.
    writes: BTreeMap<&'static str, u64>,
}

impl StoreActivity {
    /// When a message may next be delivered, after `now`.
    #[must_use]
    pub fn next_due(&self, now: Timestamp) -> Option<Timestamp> {
        let mut activity = self.activity();
        activity.due = activity.due.split_off(&now.plus(Duration::from_millis(1)));
        activity.due.first().copied()
    }

    /// Everything that was written to the journal.
    #[must_use]
    pub fn journal(&self) -> Vec<JournalEntry> {
        self.activity().journal.clone()
    }

    /// Calls that wrote something, by what it was.
    #[must_use]
    pub fn writes(&self) -> BTreeMap<&'static str, u64> {
        self.activity().writes.clone()
    }

    fn due(&self, at: Timestamp) {
        self.activity().due.insert(at);
    }

    fn activity(&self) -> MutexGuard<'_, Activity> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The store as the use cases of a scenario have it.
#[derive(Clone)]
pub struct ObservedStore {
    pub(crate) inner: Store<ScenarioClock>,
    pub(crate) activity: StoreActivity,
    pub(crate) crash_points: CrashPoints,
    pub(crate) time: ScenarioClock,
}

impl ObservedStore {
    /// Does a write, unless the process stops there.
    async fn write<T>(&self, what: &'static str, work: impl Future<Output = T>) -> T {
        *self.activity.activity().writes.entry(what).or_default() += 1;
        self.crash_points.guard(Component::Store, work).await
    }
}

impl Links for ObservedStore {
    async fn load(&self, alert: AlertId) -> Result<Option<Stored<Link>>, PortError> {
        self.inner.load(alert).await
    }

    async fn load_many(&self, alerts: &BTreeSet<AlertId>) -> Result<Vec<Link>, PortError> {
        self.inner.load_many(alerts).await
    }

    async fn owners(&self, ticket: TicketId) -> Result<BTreeSet<AlertId>, PortError> {
        self.inner.owners(ticket).await
    }

    async fn save(
        &self,
        link: &Link,
        entries: &[JournalEntry],
        revision: Revision,
    ) -> Result<Revision, SaveError> {
        let written = self.write("links", self.inner.save(link, entries, revision));
        let saved = written.await;
        if saved.is_ok() {
            self.activity.activity().journal.extend_from_slice(entries);
        }
        saved
    }

    async fn list(
        &self,
        filter: LinkFilter,
        after: Option<AlertId>,
        limit: usize,
    ) -> Result<Vec<Link>, PortError> {
        self.inner.list(filter, after, limit).await
    }
}

impl AlertIndex for ObservedStore {
    async fn load_index(&self) -> Result<BTreeMap<AlertId, QueuedState>, PortError> {
        self.inner.load_index().await
    }

    async fn save_index(&self, entries: &BTreeMap<AlertId, QueuedState>) -> Result<(), PortError> {
        if entries.is_empty() {
            return Ok(());
        }
        self.write("alert_index", self.inner.save_index(entries))
            .await
    }

    async fn remove_from_index(&self, alerts: &BTreeSet<AlertId>) -> Result<(), PortError> {
        if alerts.is_empty() {
            return Ok(());
        }
        self.write("alert_index", self.inner.remove_from_index(alerts))
            .await
    }
}

impl Pruning for ObservedStore {
    fn set_retention(&self, retention: Retention) {
        self.inner.set_retention(retention);
    }

    async fn prune(&self, now: Timestamp, limit: usize) -> Result<usize, PortError> {
        self.write("pruning", self.inner.prune(now, limit)).await
    }
}

impl NamedValues for ObservedStore {
    async fn values(&self) -> Result<BTreeMap<String, i64>, PortError> {
        self.inner.values().await
    }

    async fn set_values(&self, values: &[(&str, i64)]) -> Result<(), PortError> {
        self.write("values", self.inner.set_values(values)).await
    }
}

impl Leases for ObservedStore {
    async fn acquire_lease(
        &self,
        name: &str,
        holder: &str,
        until: Timestamp,
    ) -> Result<LeaseOutcome, PortError> {
        self.write("leases", self.inner.acquire_lease(name, holder, until))
            .await
    }

    async fn release_lease(&self, name: &str, holder: &str) -> Result<(), PortError> {
        self.write("leases", self.inner.release_lease(name, holder))
            .await
    }
}

impl Records for ObservedStore {
    const ONE_MACHINE: bool = true;

    async fn load_record<T: Record>(&self, key: &T::Key) -> Result<Stored<T>, PortError> {
        self.inner.load_record(key).await
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
        self.inner.active_records::<T>().await
    }
}

impl WorkSink for ObservedStore {
    async fn send(&self, lane: Lane, messages: &[Outgoing]) -> Result<(), PortError> {
        for at in messages.iter().filter_map(|message| message.not_before) {
            self.activity.due(at);
        }
        self.write("queue", self.inner.send(lane, messages)).await
    }
}

impl WorkQueue for ObservedStore {
    async fn receive(
        &self,
        lane: Lane,
        max: usize,
        visibility: Duration,
    ) -> Result<Vec<Delivery>, PortError> {
        let received = self.inner.receive(lane, max, visibility).await?;
        if !received.is_empty() {
            self.activity.due(self.time.now().plus(visibility));
        }
        Ok(received)
    }

    async fn ack(&self, lane: Lane, receipt: &str) -> Result<(), PortError> {
        self.write("queue", self.inner.ack(lane, receipt)).await
    }

    async fn defer(
        &self,
        lane: Lane,
        receipts: &[&str],
        not_before: Timestamp,
    ) -> Result<(), PortError> {
        self.activity.due(not_before);
        self.write("queue", self.inner.defer(lane, receipts, not_before))
            .await
    }

    async fn retry(
        &self,
        lane: Lane,
        receipt: &str,
        not_before: Timestamp,
    ) -> Result<(), PortError> {
        self.activity.due(not_before);
        self.write("queue", self.inner.retry(lane, receipt, not_before))
            .await
    }

    async fn dead_letter(&self, lane: Lane, receipt: &str, reason: &str) -> Result<(), PortError> {
        self.write("queue", self.inner.dead_letter(lane, receipt, reason))
            .await
    }

    async fn dead_letters(&self, limit: usize) -> Result<Vec<DeadLetter>, PortError> {
        self.inner.dead_letters(limit).await
    }

    async fn dead_letter_count(&self) -> Result<u64, PortError> {
        self.inner.dead_letter_count().await
    }

    async fn redrive(&self, id: &str) -> Result<bool, PortError> {
        self.write("queue", self.inner.redrive(id)).await
    }

    async fn discard_dead_letters(&self, ids: &[String]) -> Result<usize, PortError> {
        self.write("queue", self.inner.discard_dead_letters(ids))
            .await
    }

    async fn depth(&self, lane: Lane) -> Result<u64, PortError> {
        self.inner.depth(lane).await
    }

    async fn oldest(&self, lane: Lane) -> Result<Option<Timestamp>, PortError> {
        self.inner.oldest(lane).await
    }
}

impl Journal for ObservedStore {
    async fn append(&self, entries: &[JournalEntry]) -> Result<(), PortError> {
        let written = self.write("journal", self.inner.append(entries)).await;
        if written.is_ok() {
            self.activity.activity().journal.extend_from_slice(entries);
        }
        written
    }

    async fn journal(&self, alert: AlertId, limit: usize) -> Result<Vec<JournalEntry>, PortError> {
        self.inner.journal(alert, limit).await
    }
}

impl Notifications for ObservedStore {
    async fn is_known(
        &self,
        notification: &Notification,
        now: Timestamp,
    ) -> Result<bool, PortError> {
        self.inner.is_known(notification, now).await
    }

    async fn record(&self, notification: &Notification, now: Timestamp) -> Result<(), PortError> {
        self.write("notifications", self.inner.record(notification, now))
            .await
    }

    async fn counts(&self) -> Result<Vec<NotificationCount>, PortError> {
        self.inner.counts().await
    }
}

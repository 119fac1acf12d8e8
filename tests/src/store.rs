//! The embedded store, watched: what it is told to keep, when a message is due again, and where the
//! process may stop.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use halogard_app::ports::{
    AlertIndex, Clock as _, DeadLetter, Delivery, Entry, Indexed, Journal, Lane, Leased, Leases,
    LinkFilter, Links, Marks, Notifications, Outgoing, PortError, Revision, RunStates, SaveError,
    Stored, StormStates, SweepStates, WorkQueue, WorkSink,
};
use halogard_domain::ids::{AlertId, TicketId};
use halogard_domain::message::Notification;
use halogard_domain::runs::{RunTarget, Runs};
use halogard_domain::storm::{StormKey, Storms};
use halogard_domain::sweep::Swept;
use halogard_domain::{Link, Timestamp};
use halogard_embedded::Store;

use crate::clock::Time;
use crate::fuse::{Fuse, Place};

/// What was seen at the store. Clones share; it outlives the process.
#[derive(Clone, Debug, Default)]
pub struct Seen(Arc<Mutex<Sights>>);

#[derive(Debug, Default)]
struct Sights {
    /// Times at which a message may be handed out again.
    due: BTreeSet<Timestamp>,
    journal: Vec<Entry>,
    /// Calls that write, by what they write.
    writes: BTreeMap<&'static str, u64>,
}

impl Seen {
    /// When a message may next be handed out, after `now`.
    #[must_use]
    pub fn next_due(&self, now: Timestamp) -> Option<Timestamp> {
        let mut sights = self.sights();
        sights.due = sights.due.split_off(&now.plus(Duration::from_millis(1)));
        sights.due.first().copied()
    }

    /// Everything that was written to the journal.
    #[must_use]
    pub fn journal(&self) -> Vec<Entry> {
        self.sights().journal.clone()
    }

    /// Calls that wrote something, by what it was.
    #[must_use]
    pub fn writes(&self) -> BTreeMap<&'static str, u64> {
        self.sights().writes.clone()
    }

    fn due(&self, at: Timestamp) {
        self.sights().due.insert(at);
    }

    fn sights(&self) -> MutexGuard<'_, Sights> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The store as the use cases of a scenario have it.
#[derive(Clone)]
pub struct WatchedStore {
    pub(crate) inner: Store<Time>,
    pub(crate) seen: Seen,
    pub(crate) fuse: Fuse,
    pub(crate) time: Time,
}

impl WatchedStore {
    /// Does a write, unless the process stops there.
    async fn write<T>(&self, what: &'static str, work: impl Future<Output = T>) -> T {
        *self.seen.sights().writes.entry(what).or_default() += 1;
        self.fuse.guard(Place::Store, work).await
    }
}

impl Links for WatchedStore {
    async fn load(&self, alert: AlertId) -> Result<Option<Stored<Link>>, PortError> {
        self.inner.load(alert).await
    }

    async fn owner(&self, ticket: TicketId) -> Result<Option<AlertId>, PortError> {
        self.inner.owner(ticket).await
    }

    async fn save(
        &self,
        link: &Link,
        told: &[Entry],
        revision: Revision,
    ) -> Result<Revision, SaveError> {
        let written = self.write("links", self.inner.save(link, told, revision));
        let saved = written.await;
        if saved.is_ok() {
            self.seen.sights().journal.extend_from_slice(told);
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

impl AlertIndex for WatchedStore {
    async fn load_index(&self) -> Result<BTreeMap<AlertId, Indexed>, PortError> {
        self.inner.load_index().await
    }

    async fn save_index(&self, entries: &BTreeMap<AlertId, Indexed>) -> Result<(), PortError> {
        self.write("index", self.inner.save_index(entries)).await
    }
}

impl Marks for WatchedStore {
    async fn mark(&self, name: &str) -> Result<Option<i64>, PortError> {
        self.inner.mark(name).await
    }

    async fn set_mark(&self, name: &str, value: i64) -> Result<(), PortError> {
        self.write("marks", self.inner.set_mark(name, value)).await
    }
}

impl Leases for WatchedStore {
    async fn take_lease(
        &self,
        name: &str,
        holder: &str,
        until: Timestamp,
    ) -> Result<Leased, PortError> {
        self.write("rights", self.inner.take_lease(name, holder, until))
            .await
    }

    async fn release_lease(&self, name: &str, holder: &str) -> Result<(), PortError> {
        self.write("rights", self.inner.release_lease(name, holder))
            .await
    }
}

impl RunStates for WatchedStore {
    async fn load_runs(&self, target: RunTarget) -> Result<Stored<Runs>, PortError> {
        self.inner.load_runs(target).await
    }

    async fn save_runs(
        &self,
        target: RunTarget,
        runs: &Runs,
        revision: Revision,
    ) -> Result<Revision, SaveError> {
        self.write("runs", self.inner.save_runs(target, runs, revision))
            .await
    }

    async fn busy_targets(&self) -> Result<Vec<RunTarget>, PortError> {
        self.inner.busy_targets().await
    }
}

impl SweepStates for WatchedStore {
    async fn load_swept(&self) -> Result<Stored<Swept>, PortError> {
        self.inner.load_swept().await
    }

    async fn save_swept(&self, swept: &Swept, revision: Revision) -> Result<Revision, SaveError> {
        self.write("marks", self.inner.save_swept(swept, revision))
            .await
    }
}

impl StormStates for WatchedStore {
    async fn load_storms(&self, key: StormKey) -> Result<Stored<Storms>, PortError> {
        self.inner.load_storms(key).await
    }

    async fn save_storms(
        &self,
        key: StormKey,
        storms: &Storms,
        revision: Revision,
    ) -> Result<Revision, SaveError> {
        self.write("storms", self.inner.save_storms(key, storms, revision))
            .await
    }
}

impl WorkSink for WatchedStore {
    async fn send(&self, lane: Lane, messages: &[Outgoing]) -> Result<(), PortError> {
        for at in messages.iter().filter_map(|message| message.not_before) {
            self.seen.due(at);
        }
        self.write("queue", self.inner.send(lane, messages)).await
    }
}

impl WorkQueue for WatchedStore {
    async fn receive(
        &self,
        lane: Lane,
        max: usize,
        visibility: Duration,
    ) -> Result<Vec<Delivery>, PortError> {
        let received = self.inner.receive(lane, max, visibility).await?;
        if !received.is_empty() {
            self.seen.due(self.time.now().plus(visibility));
        }
        Ok(received)
    }

    async fn done(&self, lane: Lane, receipt: &str) -> Result<(), PortError> {
        self.write("queue", self.inner.done(lane, receipt)).await
    }

    async fn give_back(
        &self,
        lane: Lane,
        receipt: &str,
        not_before: Timestamp,
    ) -> Result<(), PortError> {
        self.seen.due(not_before);
        self.write("queue", self.inner.give_back(lane, receipt, not_before))
            .await
    }

    async fn retry(
        &self,
        lane: Lane,
        receipt: &str,
        not_before: Timestamp,
    ) -> Result<(), PortError> {
        self.seen.due(not_before);
        self.write("queue", self.inner.retry(lane, receipt, not_before))
            .await
    }

    async fn bury(&self, lane: Lane, receipt: &str, reason: &str) -> Result<(), PortError> {
        self.write("queue", self.inner.bury(lane, receipt, reason))
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

    async fn depth(&self, lane: Lane) -> Result<u64, PortError> {
        self.inner.depth(lane).await
    }
}

impl Journal for WatchedStore {
    async fn append(&self, entries: &[Entry]) -> Result<(), PortError> {
        let written = self.write("story", self.inner.append(entries)).await;
        if written.is_ok() {
            self.seen.sights().journal.extend_from_slice(entries);
        }
        written
    }

    async fn story(&self, alert: AlertId, limit: usize) -> Result<Vec<Entry>, PortError> {
        self.inner.story(alert, limit).await
    }
}

impl Notifications for WatchedStore {
    async fn is_known(
        &self,
        notification: &Notification,
        now: Timestamp,
    ) -> Result<bool, PortError> {
        self.inner.is_known(notification, now).await
    }

    async fn record(&self, notification: &Notification, now: Timestamp) -> Result<(), PortError> {
        self.write("webhooks", self.inner.record(notification, now))
            .await
    }

    async fn counts(&self) -> Result<Vec<(String, u64)>, PortError> {
        self.inner.counts().await
    }
}

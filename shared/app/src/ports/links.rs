//! The store of pairs, and the index of what polls have queued.

use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;

use halogard_domain::ids::{AlertId, TicketId};
use halogard_domain::{Link, Timestamp};

use super::{JournalEntry, PortError};

/// The version of a record. A save names the revision it read, so that no concurrent change is lost
/// (optimistic concurrency).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Revision(pub u64);

/// A record with the revision it was read at; revision 0 was never written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stored<T> {
    /// The record.
    pub value: T,
    /// Its revision.
    pub revision: Revision,
}

/// Why a conditional write failed.
#[derive(Debug, thiserror::Error)]
pub enum SaveError {
    /// Another worker wrote the record since it was read; read it again.
    #[error("another worker wrote this record first")]
    Conflict,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] PortError),
}

/// The store of pairs. A link that [is over](Link::is_over) expires when it is old enough
/// ([`Retention`](halogard_domain::Retention)): from then on it is absent, and its next save begins anew at
/// revision 0.
pub trait Links: Send + Sync {
    /// The link of `alert`; `None` when there is none.
    fn load(
        &self,
        alert: AlertId,
    ) -> impl Future<Output = Result<Option<Stored<Link>>, PortError>> + Send;

    /// The links of `alerts`, as far as there are any, in no order.
    fn load_many(
        &self,
        alerts: &BTreeSet<AlertId>,
    ) -> impl Future<Output = Result<Vec<Link>, PortError>> + Send;

    /// Every alert whose current or earlier ticket this is, as its link names it now. A ticket has
    /// several where people merged tickets.
    fn owners(
        &self,
        ticket: TicketId,
    ) -> impl Future<Output = Result<BTreeSet<AlertId>, PortError>> + Send;

    /// Saves `link` if its stored revision is still `revision` (0: if there is none yet), and appends
    /// `entries` to its journal: both, or neither.
    fn save(
        &self,
        link: &Link,
        entries: &[JournalEntry],
        revision: Revision,
    ) -> impl Future<Output = Result<Revision, SaveError>> + Send;

    /// Links that match `filter`, ordered by alert, starting after `after`, at most `limit`.
    fn list(
        &self,
        filter: LinkFilter,
        after: Option<AlertId>,
        limit: usize,
    ) -> impl Future<Output = Result<Vec<Link>, PortError>> + Send;
}

/// Which links to list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LinkFilter {
    /// Every link.
    All,
    /// Those that wait for a mapping or a template.
    Parked,
    /// Those whose write was refused for good.
    Refused,
    /// Those that [may wait](Link::may_wait).
    Waiting,
    /// Those whose ticket or note is claimed, by a worker or by an attempt in doubt.
    Claimed,
}

/// The state of each alert that was last queued, so that a poll queues only changes.
pub trait AlertIndex: Send + Sync {
    /// All entries.
    fn load_index(
        &self,
    ) -> impl Future<Output = Result<BTreeMap<AlertId, QueuedState>, PortError>> + Send;

    /// Adds or replaces entries.
    fn save_index(
        &self,
        entries: &BTreeMap<AlertId, QueuedState>,
    ) -> impl Future<Output = Result<(), PortError>> + Send;

    /// Removes the entries of `alerts`.
    fn remove_from_index(
        &self,
        alerts: &BTreeSet<AlertId>,
    ) -> impl Future<Output = Result<(), PortError>> + Send;
}

/// An alert's state when it was last queued.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QueuedState {
    /// [`halogard_domain::Alert::fingerprint`] of the state that was queued.
    pub fingerprint: u64,
    /// When it was queued.
    pub queued_at: Timestamp,
    /// What polls found out since.
    pub since_then: SinceQueued,
}

impl QueuedState {
    /// The state with this fingerprint, queued at `queued_at`.
    #[must_use]
    pub const fn new(fingerprint: u64, queued_at: Timestamp) -> Self {
        Self {
            fingerprint,
            queued_at,
            since_then: SinceQueued::Nothing,
        }
    }
}

/// What polls found out about an alert since it was queued.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SinceQueued {
    /// Nothing: the next full poll compares it with its pair.
    #[default]
    Nothing,
    /// The alert is closed and its pair is in sync: it is not compared again.
    InSync,
    /// No list names it. It was last read by its id at this time.
    Unlisted(Timestamp),
}

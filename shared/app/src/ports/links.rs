//! The durable memory of pairs, and how far the polls have read.

use std::collections::BTreeMap;
use std::future::Future;

use halogard_domain::ids::{AlertId, TicketId};
use halogard_domain::{Link, Timestamp};

use super::{JournalEntry, PortError};

/// Which write of a record was read. A save names it, so that no change of somebody else is lost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Revision(pub u64);

/// A record with the revision it was read at; revision 0 has never been written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stored<T> {
    /// The record.
    pub value: T,
    /// The write it comes from.
    pub revision: Revision,
}

/// Why a conditional write failed.
#[derive(Debug, thiserror::Error)]
pub enum SaveError {
    /// Somebody else wrote first; read again.
    #[error("somebody else wrote this record first")]
    Conflict,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] PortError),
}

/// The pairs.
pub trait Links: Send + Sync {
    /// The link of `alert`; `None` when there is none.
    fn load(
        &self,
        alert: AlertId,
    ) -> impl Future<Output = Result<Option<Stored<Link>>, PortError>> + Send;

    /// The alert whose current or earlier ticket this is.
    fn owner(
        &self,
        ticket: TicketId,
    ) -> impl Future<Output = Result<Option<AlertId>, PortError>> + Send;

    /// Stores `link`, if nobody else has since `revision` was read (0: if there is none yet), and
    /// with it what is `told` of its alert: both, or neither.
    fn save(
        &self,
        link: &Link,
        told: &[JournalEntry],
        revision: Revision,
    ) -> impl Future<Output = Result<Revision, SaveError>> + Send;

    /// Links that `filter` asks for, by alert, `after` excluded, at most `limit`.
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
    /// Every one.
    All,
    /// Those that wait for a mapping or a template.
    Parked,
    /// Those whose write was refused for good.
    Refused,
    /// Those whose ticket or note is claimed, by somebody at work or by an attempt in doubt.
    Claimed,
}

/// Which state of each alert was last put on the queue, so that a poll queues changes only.
pub trait AlertIndex: Send + Sync {
    /// Everything known.
    fn load_index(
        &self,
    ) -> impl Future<Output = Result<BTreeMap<AlertId, QueuedState>, PortError>> + Send;

    /// Adds or replaces entries.
    fn save_index(
        &self,
        entries: &BTreeMap<AlertId, QueuedState>,
    ) -> impl Future<Output = Result<(), PortError>> + Send;
}

/// One entry of the index.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QueuedState {
    /// [`halogard_domain::Alert::fingerprint`] of the state that was queued.
    pub fingerprint: u64,
    /// When it was queued.
    pub queued_at: Timestamp,
}

//! The journal: what happened, for people; and which webhooks were processed already.

use std::future::Future;
use std::time::Duration;

use halogard_domain::Timestamp;
use halogard_domain::ids::{AlertId, TicketId};
use halogard_domain::message::Notification;
use serde::{Deserialize, Serialize};

use super::PortError;

/// The journal: append-only. Entries about a pair are saved together with the pair
/// ([`Links::save`](super::Links::save)), so that neither exists without the other.
pub trait Journal: Send + Sync {
    /// Appends entries that come with no change of a pair, in order.
    fn append(
        &self,
        entries: &[JournalEntry],
    ) -> impl Future<Output = Result<(), PortError>> + Send;

    /// Everything about an alert, oldest first, at most `limit`.
    fn journal(
        &self,
        alert: AlertId,
        limit: usize,
    ) -> impl Future<Output = Result<Vec<JournalEntry>, PortError>> + Send;
}

/// One thing that happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct JournalEntry {
    /// When.
    pub at: Timestamp,
    /// The alert it concerns, if one.
    pub alert: Option<AlertId>,
    /// The ticket it concerns, if one.
    pub ticket: Option<TicketId>,
    /// What happened, as a stable word such as `opened` or `write_refused`.
    pub event: String,
    /// What caused it, as a stable word such as `poll` or `webhook`.
    pub cause: String,
    /// More for a person; never a secret, a body or a personal name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
}

/// How often notifications of one kind were recorded.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct NotificationCount {
    /// The kind.
    pub kind: String,
    /// How often.
    pub count: u64,
    /// When the last of them was recorded.
    pub last_at: Timestamp,
}

/// The webhooks that were processed, by delivery id and by content.
pub trait Notifications: Send + Sync {
    /// Whether a notification of the same delivery id, or with the same content, was recorded
    /// within [`MEMORY`](Notifications::MEMORY).
    fn is_known(
        &self,
        notification: &Notification,
        now: Timestamp,
    ) -> impl Future<Output = Result<bool, PortError>> + Send;

    /// Records it as processed.
    fn record(
        &self,
        notification: &Notification,
        now: Timestamp,
    ) -> impl Future<Output = Result<(), PortError>> + Send;

    /// How often each kind was recorded, and when last.
    fn counts(&self) -> impl Future<Output = Result<Vec<NotificationCount>, PortError>> + Send;

    /// How long a notification is remembered at least.
    const MEMORY: Duration = Duration::from_secs(31 * 24 * 60 * 60);
}

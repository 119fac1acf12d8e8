//! When a ticket may be closed for its alert, and when it may be opened again.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::ids::StatusId;
use crate::time::Timestamp;

/// When a ticket is closed because its alert is over.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ClosePolicy {
    /// Only while no person has worked on it; a note otherwise.
    #[default]
    Untouched,
    /// Always.
    Always,
    /// Never; a note instead.
    Never,
}

/// Who closed a ticket.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ClosedBy {
    /// We did, because the alert was over.
    Halogard,
    /// A technician, the customer, or a rule of the desk.
    HaloPsa,
}

/// When a closed ticket is opened again because its alert is back: the first row that fits decides.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReopenTable {
    /// The rows, first match first.
    pub rules: Vec<ReopenRule>,
    /// What happens when no row fits or the row's time is over.
    pub fallback: Fallback,
}

/// One row of the table. Absent conditions always fit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReopenRule {
    /// The status the ticket was closed with.
    pub closing_status: Option<StatusId>,
    /// Who closed it.
    pub closed_by: Option<ClosedBy>,
    /// Whether it is opened again.
    pub reopen: ReopenWhen,
}

/// Whether a closed ticket is opened again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReopenWhen {
    /// Not this ticket.
    Never,
    /// If it was closed at most this long ago.
    Within(Duration),
    /// However long ago.
    Always,
}

/// What happens to an alert that is back when its ticket stays closed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fallback {
    /// A new ticket is opened for it.
    #[default]
    NewTicket,
    /// Nothing; the difference is shown.
    Leave,
}

/// What is to be done about an alert that is back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReopenDecision {
    /// Open the same ticket again.
    Reopen,
    /// Open a new ticket.
    NewTicket,
    /// Leave it closed.
    Leave,
}

impl ReopenTable {
    /// How long a ticket closed by a person is opened again rather than followed by a new one,
    /// when the config names no table. A week: the same technician still remembers it.
    pub const WITHIN: Duration = Duration::from_secs(7 * 24 * 60 * 60);

    /// Decides for a ticket closed with `status` by `closer` at `closed_at`.
    #[must_use]
    pub fn decide(
        &self,
        status: StatusId,
        closer: ClosedBy,
        closed_at: Timestamp,
        now: Timestamp,
    ) -> ReopenDecision {
        let row = self.rules.iter().find(|row| {
            row.closing_status.is_none_or(|wanted| wanted == status)
                && row.closed_by.is_none_or(|wanted| wanted == closer)
        });
        let reopen = match row.map(|row| row.reopen) {
            Some(ReopenWhen::Always) => true,
            Some(ReopenWhen::Within(limit)) => now.since(closed_at) <= limit,
            Some(ReopenWhen::Never) | None => false,
        };
        match (reopen, self.fallback) {
            (true, _) => ReopenDecision::Reopen,
            (false, Fallback::NewTicket) => ReopenDecision::NewTicket,
            (false, Fallback::Leave) => ReopenDecision::Leave,
        }
    }
}

impl Default for ReopenTable {
    /// What we closed is opened again; what a person closed, for a week; then a new ticket.
    fn default() -> Self {
        Self {
            rules: vec![
                ReopenRule {
                    closing_status: None,
                    closed_by: Some(ClosedBy::Halogard),
                    reopen: ReopenWhen::Always,
                },
                ReopenRule {
                    closing_status: None,
                    closed_by: None,
                    reopen: ReopenWhen::Within(Self::WITHIN),
                },
            ],
            fallback: Fallback::NewTicket,
        }
    }
}

//! When a ticket is closed because its alert was closed, and when it is reopened.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::ids::StatusId;
use crate::time::Timestamp;

/// When Halogard closes a ticket whose alert was closed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ClosePolicy {
    /// Only if no person has worked on it; otherwise a note is added.
    #[default]
    Untouched,
    /// Always.
    Always,
    /// Never; a note is added instead.
    Never,
}

/// Who closed a ticket.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ClosedBy {
    /// Halogard, because the alert was closed.
    Halogard,
    /// Not Halogard. HaloPSA was not asked who: a technician, for all that is known.
    HaloPsa,
    /// A technician or the customer.
    Technician,
    /// A rule of HaloPSA, or another integration.
    Automation,
}

impl ClosedBy {
    /// The closer as the table knows it: who was not asked for counts as a person.
    const fn known(self) -> Self {
        match self {
            Self::HaloPsa => Self::Technician,
            other => other,
        }
    }
}

/// When a closed ticket is reopened because its alert is open again. The first matching row
/// decides.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReopenTable {
    /// The rows. The first match decides.
    pub rules: Vec<ReopenRule>,
    /// What happens when no row matches, or the row's time limit has passed.
    pub fallback: Fallback,
}

/// One row of the table. An absent condition matches everything.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReopenRule {
    /// The status with which the ticket was closed.
    pub closing_status: Option<StatusId>,
    /// Who closed it.
    pub closed_by: Option<ClosedBy>,
    /// Whether it is reopened.
    pub reopen: ReopenWhen,
}

/// Whether a closed ticket is reopened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReopenWhen {
    /// Never.
    Never,
    /// If it was closed at most this long ago.
    Within(Duration),
    /// Always, however long ago it was closed.
    Always,
}

/// What happens to a reopened alert whose ticket is not reopened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fallback {
    /// A new ticket is opened for it.
    #[default]
    NewTicket,
    /// Nothing. The difference is reported.
    Leave,
}

/// What to do about a reopened alert.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReopenDecision {
    /// Reopen the same ticket.
    Reopen,
    /// Open a new ticket.
    NewTicket,
    /// Leave it closed.
    Leave,
}

impl ReopenTable {
    /// How long a ticket that a person closed is reopened instead of followed by a new one, when
    /// the config has no table. A week, because the technician who closed it still remembers it
    /// then.
    pub const WITHIN: Duration = Duration::from_secs(7 * 24 * 60 * 60);

    /// Decides for a ticket that was closed with `status` by `closer` at `closed_at`.
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
                && row.closed_by.is_none_or(|wanted| wanted == closer.known())
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
    /// A ticket that Halogard or a rule of HaloPSA closed is always reopened, one that a person closed for
    /// a week. After that a new ticket is opened.
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
                    closed_by: Some(ClosedBy::Automation),
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

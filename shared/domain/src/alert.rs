//! An alert, as Liongard last reported it.

use serde::{Deserialize, Serialize};

use crate::Slug;
use crate::hash::hash64;
use crate::ids::{AlertId, EnvironmentId, LaunchpointId, TicketId};
use crate::time::Timestamp;

/// A condition that Liongard reports.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Alert {
    /// Stable identity. The number that people see is not one.
    pub id: AlertId,
    /// The number that people see, such as `T20260105.00001`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub number: Option<String>,
    /// The customer.
    pub environment: EnvironmentId,
    /// The customer's name, for text only.
    pub environment_name: String,
    /// Usually "inspector | rule".
    pub name: String,
    /// Rendered text. It may contain HTML, so it is escaped before use.
    pub description: String,
    /// Slug of the priority, such as `critical`.
    pub priority: Slug,
    /// Slug of the status, such as `new`.
    pub status: Slug,
    /// Technical name of the inspector, such as `active-directory-inspector`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub inspector: Option<String>,
    /// Display name of the inspector.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub inspector_alias: Option<String>,
    /// Name of the rule that fired.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rule: Option<String>,
    /// The configured inspector that raised it. Running it makes Liongard check the condition
    /// again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub launchpoint: Option<LaunchpointId>,
    /// What was inspected, for text only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub system: Option<String>,
    /// The ticket that Liongard's own ticketing opened, if any.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub native_ticket: Option<TicketId>,
    /// A hidden alert opens no ticket and closes none.
    pub visible: bool,
    /// When it was raised.
    pub raised_at: Timestamp,
    /// When it last changed; when it was raised, if it never changed.
    pub changed_at: Timestamp,
    /// When we read this report (our clock). Distinguishes reports with the same change time.
    pub observed_at: Timestamp,
    /// A page about it, for the ticket's text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub page: Option<String>,
}

/// What a status says about the condition.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AlertState {
    /// The condition holds.
    Open,
    /// Liongard says that the condition no longer holds.
    Closed,
    /// An unknown status. It counts as open, and never closes anything.
    Unknown,
}

/// Statuses that mean "closed". Source: alerts of production tenants show `Closed - Complete`;
/// Liongard's tools name the other forms. Compared as a whole: `Closed, awaiting review` is another
/// status, and an unknown one never closes a ticket.
const CLOSED: [&str; 9] = [
    "closed",
    "closed_complete",
    "closed_incomplete",
    "complete",
    "completed",
    "resolved",
    "cancelled",
    "canceled",
    "dismissed",
];

/// Statuses that mean "open".
const OPEN: [&str; 6] = [
    "new",
    "open",
    "in_progress",
    "reopened",
    "escalated",
    "waiting",
];

impl AlertState {
    /// Classifies a status.
    #[must_use]
    pub fn of(status: &Slug) -> Self {
        if CLOSED.contains(&status.as_str()) {
            Self::Closed
        } else if OPEN.contains(&status.as_str()) {
            Self::Open
        } else {
            Self::Unknown
        }
    }
}

impl Alert {
    /// What the status says.
    #[must_use]
    pub fn state(&self) -> AlertState {
        AlertState::of(&self.status)
    }

    /// Whether Liongard says that the condition no longer holds.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.state() == AlertState::Closed
    }

    /// A hash of the text that the alert shows to people.
    #[must_use]
    pub fn text_hash(&self) -> u64 {
        hash64(&[&self.name, &self.description])
    }

    /// A hash of everything that Halogard acts on.
    ///
    /// It is compared instead of times, because Liongard leaves the change time empty at first and
    /// two changes may have the same time.
    #[must_use]
    pub fn fingerprint(&self) -> u64 {
        let native = self
            .native_ticket
            .map_or(String::new(), |id| id.to_string());
        let environment = self.environment.to_string();
        let visible = if self.visible { "visible" } else { "hidden" };
        hash64(&[
            &self.name,
            &self.description,
            self.priority.as_str(),
            self.status.as_str(),
            &native,
            &environment,
            visible,
        ])
    }

    /// When it last changed, as far as that can be believed.
    fn changed(&self) -> Timestamp {
        self.changed_at.believed_at(self.observed_at)
    }

    /// Whether `report`, which was read later, shows another state with an earlier time of change. Liongard's clock may
    /// have been set back, or its list lag; only a read of the alert decides.
    #[must_use]
    pub fn is_contradicted_by(&self, report: &Self) -> bool {
        self.fingerprint() != report.fingerprint()
            && report.changed() < self.changed()
            && report.observed_at > self.observed_at
    }

    /// The newer of two reports about the same alert. Commutative, associative and idempotent: the
    /// order in which reports arrive does not matter. A time of change in the future counts as the time of
    /// the report: it must not make every later report look old.
    #[must_use]
    pub fn newer(self, other: Self) -> Self {
        let rank = |alert: &Self| {
            (
                alert.changed(),
                alert.observed_at,
                alert.is_closed(),
                alert.fingerprint(),
            )
        };
        if rank(&other) > rank(&self) {
            other
        } else {
            self
        }
    }
}

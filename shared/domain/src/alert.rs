//! An alert, as Liongard last reported it.

use serde::{Deserialize, Serialize};

use crate::Slug;
use crate::hash::hash64;
use crate::ids::{AlertId, EnvironmentId, LaunchpointId, TicketId};
use crate::time::Timestamp;

/// A condition Liongard reports.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Alert {
    /// Stable identity; the human number is not one.
    pub id: AlertId,
    /// The number people see, such as `T20260105.00001`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub number: Option<String>,
    /// The customer.
    pub environment: EnvironmentId,
    /// The customer's name, for text only.
    #[serde(default)]
    pub environment_name: String,
    /// Usually "inspector | rule".
    pub name: String,
    /// Rendered text; may hold HTML, so it is escaped before it goes anywhere.
    #[serde(default)]
    pub description: String,
    /// Machine word of the priority, such as `critical`.
    #[serde(default)]
    pub priority: Slug,
    /// Machine word of the status, such as `new`.
    #[serde(default)]
    pub status: Slug,
    /// Machine name of the inspector, such as `active-directory-inspector`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub inspector: Option<String>,
    /// The inspector's name as people know it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub inspector_alias: Option<String>,
    /// Name of the rule that fired.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rule: Option<String>,
    /// The configured inspector that found it; running it again makes Liongard look again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub launchpoint: Option<LaunchpointId>,
    /// What was inspected, for text only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub system: Option<String>,
    /// The ticket Liongard's own ticketing made, if any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub native_ticket: Option<TicketId>,
    /// A hidden alert opens no ticket, and closes none either.
    #[serde(default = "visible")]
    pub visible: bool,
    /// When it was raised.
    pub raised_at: Timestamp,
    /// When it last changed; when it was raised, if never.
    pub changed_at: Timestamp,
    /// When we read this report, by our clock: tells reports of one change time apart.
    #[serde(default)]
    pub observed_at: Timestamp,
    /// A page about it, for the ticket's text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub page: Option<String>,
}

/// The default of [`Alert::visible`].
const fn visible() -> bool {
    true
}

/// What a status word says about the condition.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AlertState {
    /// The condition holds.
    Open,
    /// Liongard says it is over.
    Closed,
    /// A word we do not know. Counts as open, and never closes anything.
    Unknown,
}

/// Beginnings of words that say "over". Source: Liongard alerts in production show
/// `Closed - Complete`; the other forms are stated by its tools.
const CLOSED: [&str; 5] = ["closed", "complete", "resolved", "cancel", "dismissed"];

/// Beginnings of words that say "not over".
const OPEN: [&str; 6] = [
    "new",
    "open",
    "in_progress",
    "reopened",
    "escalated",
    "waiting",
];

impl AlertState {
    /// Reads a status word.
    #[must_use]
    pub fn of(word: &Slug) -> Self {
        let begins = |list: &[&str]| list.iter().any(|start| word.as_str().starts_with(start));
        if begins(&CLOSED) {
            Self::Closed
        } else if begins(&OPEN) {
            Self::Open
        } else {
            Self::Unknown
        }
    }
}

impl Alert {
    /// What the status word says.
    #[must_use]
    pub fn state(&self) -> AlertState {
        AlertState::of(&self.status)
    }

    /// Whether Liongard says the condition is over.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.state() == AlertState::Closed
    }

    /// A number that changes when what the alert tells people changes.
    #[must_use]
    pub fn text_hash(&self) -> u64 {
        hash64(&[&self.name, &self.description])
    }

    /// A number that changes when anything the bundle acts on changes.
    ///
    /// Compared instead of times, because Liongard leaves the change time empty at first and two
    /// changes may share one.
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

    /// The newer of two reports about the same alert. Commutative, associative, idempotent: the
    /// order in which news arrives does not matter.
    #[must_use]
    pub fn newer(self, other: Self) -> Self {
        let rank = |alert: &Self| {
            (
                alert.changed_at,
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

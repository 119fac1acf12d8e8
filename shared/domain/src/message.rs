//! What travels through the queue: where to look, never what to do.

use serde::{Deserialize, Serialize};

use crate::alert::Alert;
use crate::ids::{AlertId, TicketId};
use crate::runs::RunTarget;
use crate::ticket::Ticket;

/// "Look at this pair." The same message twice, late or out of order does no harm.
///
/// `news` is the newest state the sender saw; it saves a look-up and is merged by its own time.
/// Fields are added as optional and never given another meaning.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Message {
    /// Look at this alert.
    ReconcileAlert {
        /// Form of this message.
        version: u8,
        /// The alert.
        alert: AlertId,
        /// Why.
        cause: Cause,
        /// Its newest state, if the sender saw it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        snapshot: Option<Box<Alert>>,
    },
    /// Look at this ticket.
    ReconcileTicket {
        /// Form of this message.
        version: u8,
        /// The ticket.
        ticket: TicketId,
        /// Why.
        cause: Cause,
        /// Its newest state, if the sender saw it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        snapshot: Option<Box<Ticket>>,
    },
    /// See whether this inspector is to be started, and how its run does.
    AdvanceRun {
        /// Form of this message.
        version: u8,
        /// The inspector.
        target: RunTarget,
    },
    /// Poll Liongard's alerts now rather than at the next turn.
    Poll {
        /// Form of this message.
        version: u8,
    },
    /// Keep and count a webhook that concerns no ticket, or that nobody knows.
    RecordNotification {
        /// Form of this message.
        version: u8,
        /// What it said.
        notification: Notification,
    },
}

/// What is kept of a webhook.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notification {
    /// The sender's id of the delivery.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delivery: Option<String>,
    /// Digest of what it says, the delivery id left out.
    pub content: String,
    /// The event, as the sender words it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event: Option<String>,
    /// The record it concerns.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub object: Option<u64>,
    /// What we take it for: one of the known kinds, or `unknown`.
    pub kind: String,
}

/// Why somebody is to look.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "by", rename_all = "snake_case")]
pub enum Cause {
    /// A poll of Liongard's alerts saw a change.
    Poll,
    /// A sweep of HaloPSA's tickets saw a change.
    Sweep,
    /// HaloPSA sent a webhook.
    Webhook {
        /// Which one.
        notification: Notification,
    },
    /// An inspector's run came to its end.
    RunEnded {
        /// Whether it did its work.
        succeeded: bool,
    },
    /// The config changed.
    ConfigChanged,
    /// Work was cut off earlier.
    Recovery,
    /// Alerts that share its ticket joined, or are over.
    Storm,
    /// A person asked.
    Operator,
}

impl Cause {
    /// The cause as one word, for logs and stories.
    #[must_use]
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Poll => "poll",
            Self::Sweep => "sweep",
            Self::Webhook { .. } => "webhook",
            Self::RunEnded { .. } => "run_ended",
            Self::ConfigChanged => "config_changed",
            Self::Recovery => "recovery",
            Self::Storm => "storm",
            Self::Operator => "operator",
        }
    }
}

/// The form written today.
pub const VERSION: u8 = 1;

impl Message {
    /// Look at `alert`, of which nothing new is known.
    #[must_use]
    pub const fn reconcile_alert(alert: AlertId, cause: Cause) -> Self {
        Self::ReconcileAlert {
            version: VERSION,
            alert,
            cause,
            snapshot: None,
        }
    }

    /// Look at the alert of which `news` was seen.
    #[must_use]
    pub fn alert_snapshot(snapshot: Alert, cause: Cause) -> Self {
        Self::ReconcileAlert {
            version: VERSION,
            alert: snapshot.id,
            cause,
            snapshot: Some(Box::new(snapshot)),
        }
    }

    /// Look at `ticket`, of which nothing new is known.
    #[must_use]
    pub const fn reconcile_ticket(ticket: TicketId, cause: Cause) -> Self {
        Self::ReconcileTicket {
            version: VERSION,
            ticket,
            cause,
            snapshot: None,
        }
    }

    /// Look at the ticket of which `news` was seen.
    #[must_use]
    pub fn ticket_snapshot(snapshot: Ticket, cause: Cause) -> Self {
        Self::ReconcileTicket {
            version: VERSION,
            ticket: snapshot.id,
            cause,
            snapshot: Some(Box::new(snapshot)),
        }
    }

    /// The same question without the news, for a queue that cannot hold them: whoever looks, then
    /// looks for itself.
    #[must_use]
    pub fn without_snapshot(&self) -> Self {
        let mut bare = self.clone();
        match &mut bare {
            Self::ReconcileAlert { snapshot, .. } => *snapshot = None,
            Self::ReconcileTicket { snapshot, .. } => *snapshot = None,
            Self::AdvanceRun { .. } | Self::Poll { .. } | Self::RecordNotification { .. } => {}
        }
        bare
    }

    /// Poll now.
    #[must_use]
    pub const fn poll() -> Self {
        Self::Poll { version: VERSION }
    }

    /// See to the runs of `target`.
    #[must_use]
    pub const fn advance_run(target: RunTarget) -> Self {
        Self::AdvanceRun {
            version: VERSION,
            target,
        }
    }
}

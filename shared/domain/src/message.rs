//! Queue messages. A message names what to reconcile, never what to do about it.

use serde::{Deserialize, Serialize};

use crate::alert::Alert;
use crate::ids::{AlertId, TicketId};
use crate::runs::RunTarget;
use crate::ticket::Ticket;
use crate::time::Timestamp;

/// A job in the queue. Processing the same message twice, late or out of order does no harm.
///
/// `snapshot` is the newest state that the sender saw. It saves a request and is merged by its own
/// change time. New fields are optional, and no field ever changes its meaning.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Message {
    /// Reconcile this alert with its ticket.
    ReconcileAlert {
        /// Version of this message form.
        version: u8,
        /// The alert.
        alert: AlertId,
        /// Why it was queued.
        cause: Cause,
        /// The alert's newest state, if the sender saw it.
        #[serde(skip_serializing_if = "Option::is_none")]
        snapshot: Option<Box<Alert>>,
    },
    /// Reconcile this ticket with its alert.
    ReconcileTicket {
        /// Version of this message form.
        version: u8,
        /// The ticket.
        ticket: TicketId,
        /// Why it was queued.
        cause: Cause,
        /// The ticket's newest state, if the sender saw it.
        #[serde(skip_serializing_if = "Option::is_none")]
        snapshot: Option<Box<Ticket>>,
    },
    /// Start this inspector if its interval has passed, or check the progress of its run.
    AdvanceRun {
        /// Version of this message form.
        version: u8,
        /// The inspector.
        target: RunTarget,
    },
    /// Poll Liongard's alerts now instead of at the next scheduled time.
    Poll {
        /// Version of this message form.
        version: u8,
        /// The time that the poll is for, if it is planned; otherwise that of the message.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        due: Option<Timestamp>,
    },
    /// Record and count a webhook that concerns no ticket, or whose event is not known.
    RecordNotification {
        /// Version of this message form.
        version: u8,
        /// The webhook's content.
        notification: Notification,
    },
    /// Keep the form of a webhook if it is the first of its kind.
    KeepWebhookSample {
        /// Version of this message form.
        version: u8,
        /// The kind of event.
        kind: String,
        /// Its members and what kind of value each has.
        members: String,
    },
}

/// The recorded part of a webhook.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notification {
    /// The sender's delivery id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub delivery: Option<String>,
    /// Hash of the content without the delivery id.
    pub content: String,
    /// The event, as the sender names it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub event: Option<String>,
    /// The record it concerns.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub object: Option<u64>,
    /// Our name of the event: one of the known kinds, or `unknown`.
    pub kind: String,
}

impl Notification {
    /// The kind of an event whose name is not known.
    pub const UNKNOWN: &'static str = "unknown";

    /// The ticket that it may be about although its event is not known: names of events are texts that a build
    /// may change or translate.
    #[must_use]
    pub fn possible_ticket(&self) -> Option<TicketId> {
        let is_unknown = self.kind == Self::UNKNOWN;
        self.object.filter(|_| is_unknown).map(TicketId::new)
    }
}

/// Why a message was queued.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "by", rename_all = "snake_case")]
pub enum Cause {
    /// A poll of Liongard's alerts saw a change.
    Poll,
    /// A sweep of HaloPSA's tickets saw a change.
    Sweep,
    /// HaloPSA sent a webhook.
    Webhook {
        /// The webhook.
        notification: Notification,
    },
    /// A run of an inspector ended.
    RunEnded {
        /// Whether the run succeeded.
        succeeded: bool,
    },
    /// The config changed.
    ConfigChanged,
    /// Earlier work was interrupted.
    Recovery,
    /// The alert's storm group changed: alerts joined it, or were closed.
    Storm,
    /// Another alert that shares the ticket was closed or opened, or left it.
    SharedTicket,
    /// A person asked for it.
    Operator,
    /// A person asked for a ticket: the alert was open before its customer's alerts got tickets.
    TicketRequested,
}

impl Cause {
    /// The word of a [`Webhook`](Self::Webhook).
    pub const WEBHOOK: &'static str = "webhook";

    /// The cause as one word, for logs and the journal.
    #[must_use]
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Poll => "poll",
            Self::Sweep => "sweep",
            Self::Webhook { .. } => Self::WEBHOOK,
            Self::RunEnded { .. } => "run_ended",
            Self::ConfigChanged => "config_changed",
            Self::Recovery => "recovery",
            Self::Storm => "storm",
            Self::SharedTicket => "shared_ticket",
            Self::Operator => "operator",
            Self::TicketRequested => "ticket_requested",
        }
    }
}

/// The message form that is written today.
pub const VERSION: u8 = 1;

impl Message {
    /// Reconcile `alert`, without a snapshot.
    #[must_use]
    pub const fn reconcile_alert(alert: AlertId, cause: Cause) -> Self {
        Self::ReconcileAlert {
            version: VERSION,
            alert,
            cause,
            snapshot: None,
        }
    }

    /// Reconcile the alert whose state `snapshot` is.
    #[must_use]
    pub fn alert_snapshot(snapshot: Alert, cause: Cause) -> Self {
        Self::ReconcileAlert {
            version: VERSION,
            alert: snapshot.id,
            cause,
            snapshot: Some(Box::new(snapshot)),
        }
    }

    /// Reconcile `ticket`, without a snapshot.
    #[must_use]
    pub const fn reconcile_ticket(ticket: TicketId, cause: Cause) -> Self {
        Self::ReconcileTicket {
            version: VERSION,
            ticket,
            cause,
            snapshot: None,
        }
    }

    /// Reconcile the ticket whose state `snapshot` is.
    #[must_use]
    pub fn ticket_snapshot(snapshot: Ticket, cause: Cause) -> Self {
        Self::ReconcileTicket {
            version: VERSION,
            ticket: snapshot.id,
            cause,
            snapshot: Some(Box::new(snapshot)),
        }
    }

    /// The same message without its snapshot, for a queue whose size limit it exceeds. The worker
    /// then reads the current state itself.
    #[must_use]
    pub fn without_snapshot(&self) -> Self {
        let mut bare = self.clone();
        match &mut bare {
            Self::ReconcileAlert { snapshot, .. } => *snapshot = None,
            Self::ReconcileTicket { snapshot, .. } => *snapshot = None,
            Self::AdvanceRun { .. }
            | Self::Poll { .. }
            | Self::RecordNotification { .. }
            | Self::KeepWebhookSample { .. } => {}
        }
        bare
    }

    /// Poll now.
    #[must_use]
    pub const fn poll() -> Self {
        Self::Poll {
            version: VERSION,
            due: None,
        }
    }

    /// Poll at `due`, unless a poll that begins later does so by then.
    #[must_use]
    pub const fn poll_at(due: Timestamp) -> Self {
        Self::Poll {
            version: VERSION,
            due: Some(due),
        }
    }

    /// Keep `members`, the form of a webhook, if it is the first of `kind`.
    #[must_use]
    pub const fn keep_webhook_sample(kind: String, members: String) -> Self {
        Self::KeepWebhookSample {
            version: VERSION,
            kind,
            members,
        }
    }

    /// Advance the runs of `target`.
    #[must_use]
    pub const fn advance_run(target: RunTarget) -> Self {
        Self::AdvanceRun {
            version: VERSION,
            target,
        }
    }
}

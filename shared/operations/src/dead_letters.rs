//! `dlq`: messages that no worker could process.

use halogard_app::Store;
use halogard_app::ports::{DeadLetter, Lane, PortError, WorkQueue};
use halogard_domain::ids::{AlertId, TicketId};
use halogard_domain::{Message, Timestamp};
use serde::Serialize;

use crate::moment::Moment;

/// Dead letters that are read at once.
const LETTERS_MAX: usize = 10_000;

/// Which dead letters are meant; an empty filter means all of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DeadLetterFilter {
    /// Those of these ids.
    pub ids: Vec<String>,
    /// Those that ended here at this time or later.
    pub since: Option<Timestamp>,
    /// Those of this lane.
    pub lane: Option<Lane>,
    /// Those whose reason holds this text, in any case.
    pub reason: Option<String>,
    /// Maximum number, the oldest first.
    pub limit: Option<usize>,
}

/// The answer of `dlq list`, and the plan of `dlq redrive` and `dlq drop`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct DeadLetterList {
    /// When it was asked.
    pub at: Moment,
    /// How many there are, as far as they were read.
    pub total: usize,
    /// Those that are meant, oldest first.
    pub letters: Vec<DeadLetterSummary>,
    /// The ids that were named and belong to none.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub unknown: Vec<String>,
}

/// A dead letter without its body.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct DeadLetterSummary {
    /// Names it.
    pub id: String,
    /// Its lane.
    pub lane: &'static str,
    /// What it is about.
    pub about: String,
    /// The alert, if it is about one.
    pub alert: Option<AlertId>,
    /// The ticket, if it is about one.
    pub ticket: Option<TicketId>,
    /// Why it was queued, as a stable word.
    pub cause: Option<String>,
    /// Why it could not be processed.
    pub reason: String,
    /// When it ended here.
    pub at: Moment,
    /// How often it was tried.
    pub tried: u32,
}

/// The answer of `dlq show`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct DeadLetterDetail {
    /// The dead letter.
    #[serde(flatten)]
    pub summary: DeadLetterSummary,
    /// The message, or its text where it cannot be decoded.
    pub message: serde_json::Value,
}

/// What is done with dead letters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum DeadLetterAction {
    /// They are processed again.
    Redrive,
    /// They are deleted.
    Drop,
}

/// What `dlq redrive` and `dlq drop` did.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct DeadLettersDone {
    /// What was done.
    pub action: DeadLetterAction,
    /// With how many.
    pub done: usize,
    /// How many were gone already.
    pub gone: usize,
    /// The ids that were named and belong to none.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub unknown: Vec<String>,
}

impl DeadLetterFilter {
    fn matches(&self, letter: &DeadLetter) -> bool {
        let reason = self.reason.as_ref().map(|reason| reason.to_lowercase());
        (self.ids.is_empty() || self.ids.contains(&letter.id))
            && self.since.is_none_or(|since| letter.at >= since)
            && self.lane.is_none_or(|lane| letter.lane == lane)
            && reason.is_none_or(|reason| letter.reason.to_lowercase().contains(&reason))
    }
}

/// Answers `dlq list` at `now`: the dead letters that `filter` means.
///
/// # Errors
///
/// The queue cannot be read.
pub async fn list(
    store: &impl WorkQueue,
    filter: &DeadLetterFilter,
    now: Timestamp,
) -> Result<DeadLetterList, PortError> {
    let letters = store.dead_letters(LETTERS_MAX).await?;
    let meant = letters.iter().filter(|letter| filter.matches(letter));
    let is_there = |id: &String| letters.iter().any(|letter| letter.id == *id);
    let unknown = filter.ids.iter().filter(|id| !is_there(id)).cloned();
    Ok(DeadLetterList {
        at: now.into(),
        total: letters.len(),
        letters: meant
            .take(filter.limit.unwrap_or(usize::MAX))
            .map(summary)
            .collect(),
        unknown: unknown.collect(),
    })
}

/// Answers `dlq show`: one dead letter with its message; `None` when there is none of that id.
///
/// # Errors
///
/// The queue cannot be read.
pub async fn show(store: &impl WorkQueue, id: &str) -> Result<Option<DeadLetterDetail>, PortError> {
    let letters = store.dead_letters(LETTERS_MAX).await?;
    let letter = letters.into_iter().find(|letter| letter.id == id);
    Ok(letter.map(|letter| DeadLetterDetail {
        summary: summary(&letter),
        message: serde_json::from_str(&letter.body)
            .unwrap_or_else(|_| serde_json::Value::String(letter.body.clone())),
    }))
}

/// Does `action` with the dead letters of `plan`. Safe to repeat: one that is gone is left.
///
/// # Errors
///
/// The queue failed; those before are done.
pub async fn apply(
    store: &impl WorkQueue,
    plan: &DeadLetterList,
    action: DeadLetterAction,
) -> Result<DeadLettersDone, PortError> {
    let ids: Vec<String> = plan.letters.iter().map(|it| it.id.clone()).collect();
    let done = match action {
        DeadLetterAction::Redrive => {
            let mut done = 0;
            for id in &ids {
                done += usize::from(store.redrive(id).await?);
            }
            done
        }
        DeadLetterAction::Drop => store.discard_dead_letters(&ids).await?,
    };
    Ok(DeadLettersDone {
        action,
        done,
        gone: ids.len() - done.min(ids.len()),
        unknown: plan.unknown.clone(),
    })
}

/// The dead letters about `alert` or its ticket.
pub(crate) async fn letters_about(
    store: &impl Store,
    alert: AlertId,
    ticket: Option<TicketId>,
) -> Result<Vec<DeadLetterSummary>, PortError> {
    if store.dead_letter_count().await? == 0 {
        return Ok(Vec::new());
    }
    let letters = store.dead_letters(LETTERS_MAX).await?;
    let mut letters: Vec<_> = letters.iter().map(summary).collect();
    letters.retain(|it| it.alert == Some(alert) || (ticket.is_some() && it.ticket == ticket));
    Ok(letters)
}

/// A dead letter without its body.
fn summary(letter: &DeadLetter) -> DeadLetterSummary {
    let message = serde_json::from_str::<Message>(&letter.body).ok();
    let (about, alert, ticket, cause) = match &message {
        Some(Message::ReconcileAlert { alert, cause, .. }) => {
            (format!("alert {alert}"), Some(*alert), None, Some(cause))
        }
        Some(Message::ReconcileTicket { ticket, cause, .. }) => (
            format!("ticket #{ticket}"),
            None,
            Some(*ticket),
            Some(cause),
        ),
        Some(Message::AdvanceRun { target, .. }) => {
            (format!("inspector {target}"), None, None, None)
        }
        Some(Message::Poll { .. }) => ("a poll".to_owned(), None, None, None),
        Some(Message::RecordNotification { notification, .. }) => {
            (format!("webhook {}", notification.kind), None, None, None)
        }
        Some(Message::KeepWebhookSample { kind, .. }) => {
            (format!("form of webhooks {kind}"), None, None, None)
        }
        None => ("unreadable".to_owned(), None, None, None),
    };
    DeadLetterSummary {
        id: letter.id.clone(),
        lane: letter.lane.name(),
        about,
        alert,
        ticket,
        cause: cause.map(|cause| cause.as_str().to_owned()),
        reason: letter.reason.clone(),
        at: letter.at.into(),
        tried: letter.receive_count,
    }
}

//! Discarding dead letters that need no operator any more, because their pair is in sync.

use std::time::Duration;

use halogard_domain::link::Claim;
use halogard_domain::message::Message;
use halogard_domain::runs::Runs;
use halogard_domain::{Link, Policy, Timestamp, plan};
use tracing::info;

use crate::env::Env;
use crate::outcome::TaskEnd;
use crate::ports::prelude::*;
use crate::ports::{DeadLetter, PortError, keys};
use crate::reconciler::Reconciler;
use crate::value_set::ValueSet;

/// Time between two checks of the dead letters. On AWS a check receives each of them.
const CHECK_INTERVAL: Duration = Duration::from_secs(900);

/// Dead letters examined in one check, the oldest first.
const LETTERS_MAX: usize = 1_000;

impl<E: Env> Reconciler<E> {
    /// Discards the dead letters that are of no use any more: their pair was reconciled since and is in
    /// sync, their inspector run is over, or a later poll has read the alerts. Everything else waits for an
    /// operator.
    ///
    /// # Errors
    ///
    /// A store failed; safe to repeat.
    pub(crate) async fn discard_mended_dead_letters(
        &self,
        values: &mut ValueSet,
    ) -> Result<TaskEnd, PortError> {
        let now = self.clock.now();
        if values.get(keys::DEAD_LETTERS_CHECKED_AT).is_none() {
            values.set(keys::DEAD_LETTERS_CHECKED_AT, now.as_millis());
        }
        let checked_at = values.past_time(keys::DEAD_LETTERS_CHECKED_AT, now);
        if now.since(checked_at.unwrap_or_default()) < CHECK_INTERVAL {
            return Ok(TaskEnd::Skipped);
        }
        // This may take long.
        values.save(&self.store).await?;
        if self.store.dead_letter_count().await? > 0 {
            let policy = self.policy();
            let mut fixed = Vec::new();
            for letter in self.store.dead_letters(LETTERS_MAX).await? {
                if self.is_mended(&letter, &policy, now, values).await? {
                    fixed.push(letter.id);
                }
            }
            if !fixed.is_empty() {
                let discarded = self.store.discard_dead_letters(&fixed).await?;
                info!(discarded, "dead letters of pairs in sync discarded");
            }
        }
        values.set(keys::DEAD_LETTERS_CHECKED_AT, now.as_millis());
        Ok(TaskEnd::Complete(0))
    }

    /// Whether what `letter` asked for has been done since.
    async fn is_mended(
        &self,
        letter: &DeadLetter,
        policy: &Policy,
        now: Timestamp,
        values: &ValueSet,
    ) -> Result<bool, PortError> {
        let Ok(message) = serde_json::from_str::<Message>(&letter.body) else {
            return Ok(false);
        };
        let alerts = match &message {
            Message::ReconcileAlert { alert, .. } => vec![*alert],
            Message::ReconcileTicket { ticket, .. } => {
                self.store.owners(*ticket).await?.into_iter().collect()
            }
            Message::AdvanceRun { target, .. } => {
                let runs = self.store.load_record::<Runs>(target).await?;
                return Ok(!runs.value.is_busy());
            }
            Message::Poll { .. } => {
                let polled_at = values.past_time(keys::LAST_COMPLETE_POLL_AT, now);
                return Ok(polled_at.is_some_and(|at| at > letter.at));
            }
            Message::RecordNotification { .. } | Message::KeepWebhookSample { .. } => {
                return Ok(false);
            }
        };
        for alert in &alerts {
            let stored = self.store.load(*alert).await?;
            let is_mended = stored.is_some_and(|stored| {
                let link = &stored.value;
                has_seen(link, &message, letter.at) && is_settled(link, policy, now)
            });
            if !is_mended {
                return Ok(false);
            }
        }
        Ok(!alerts.is_empty())
    }
}

/// Whether the pair knows what `message` reported, or was read after the message was dead-lettered.
fn has_seen(link: &Link, message: &Message, dead_since: Timestamp) -> bool {
    match message {
        Message::ReconcileAlert { snapshot, .. } => {
            link.observed_alert
                .as_ref()
                .is_some_and(|seen| match snapshot {
                    Some(reported) => seen.changed_at >= reported.changed_at,
                    None => seen.observed_at > dead_since,
                })
        }
        Message::ReconcileTicket { snapshot, .. } => {
            link.observed_ticket
                .as_ref()
                .is_some_and(|seen| match snapshot {
                    Some(reported) => seen.changed_at >= reported.changed_at,
                    None => seen.observed_at > dead_since,
                })
        }
        Message::AdvanceRun { .. }
        | Message::Poll { .. }
        | Message::RecordNotification { .. }
        | Message::KeepWebhookSample { .. } => false,
    }
}

/// Whether nothing is missing, waits or was refused.
fn is_settled(link: &Link, policy: &Policy, now: Timestamp) -> bool {
    let (alert, ticket) = (link.observed_alert.as_ref(), link.observed_ticket.as_ref());
    link.refused.is_empty()
        && link.parked.is_none()
        && link.claim == Claim::Free
        && link.note_claim.is_none()
        && plan(link, alert, ticket, policy, now).is_empty()
}

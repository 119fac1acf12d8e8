//! Recovery after a start: claims of a process that died, and pairs that a changed policy releases.

use halogard_domain::link::Claim;
use halogard_domain::message::{Cause, Message};

use crate::env::Env;
use crate::ports::prelude::*;
use crate::ports::{Lane, LinkFilter, Outgoing, PortError, SaveError, keys};
use crate::reconciler::Reconciler;

/// Links read in one call.
const PAGE: usize = 200;

impl<E: Env> Reconciler<E> {
    /// Marks the claims of a process that died as in doubt, and queues their pairs.
    ///
    /// Only for a store that no other process uses: elsewhere claims expire by themselves.
    ///
    /// # Errors
    ///
    /// A store failed; safe to repeat.
    pub async fn recover_claims(&self) -> Result<usize, PortError> {
        let mut recovered = 0;
        let mut after = None;
        loop {
            let links = self.store.list(LinkFilter::Claimed, after, PAGE).await?;
            let Some(last) = links.last() else {
                return Ok(recovered);
            };
            after = Some(last.alert);
            let mut messages = Vec::new();
            for link in links {
                self.mark_in_doubt(link.alert).await?;
                messages.push(Outgoing::from(Message::reconcile_alert(
                    link.alert,
                    Cause::Recovery,
                )));
            }
            recovered += messages.len();
            self.store.send(Lane::Urgent, &messages).await?;
        }
    }

    /// Marks a held claim on a ticket, or else on a note, as in doubt.
    async fn mark_in_doubt(&self, alert: halogard_domain::ids::AlertId) -> Result<(), PortError> {
        let Some(mut stored) = self.store.load(alert).await? else {
            return Ok(());
        };
        let link = &mut stored.value;
        let now = self.clock.now();
        match (&mut link.claim, &mut link.note_claim) {
            (Claim::Held { since, .. }, _) => link.claim = Claim::InDoubt { since: *since },
            (_, Some(note)) if note.until > now => note.until = now,
            _ => return Ok(()),
        }
        match self.store.save(&stored.value, &[], stored.revision).await {
            // Another worker has changed the link; its claim is valid.
            Ok(_) | Err(SaveError::Conflict) => Ok(()),
            Err(SaveError::Store(error)) => Err(error),
        }
    }

    /// Queues parked and refused pairs if the policy has changed since the last call.
    ///
    /// # Errors
    ///
    /// A store failed; safe to repeat.
    pub async fn requeue_after_policy_change(&self) -> Result<usize, PortError> {
        let digest = i64::from_ne_bytes(self.policy().fingerprint().to_ne_bytes());
        if self.store.value(keys::APPLIED_POLICY).await? == Some(digest) {
            return Ok(0);
        }
        let mut released = 0;
        for filter in [LinkFilter::Parked, LinkFilter::Refused] {
            let mut after = None;
            loop {
                let links = self.store.list(filter, after, PAGE).await?;
                let Some(last) = links.last() else { break };
                after = Some(last.alert);
                let messages: Vec<Outgoing> = links
                    .iter()
                    .map(|link| Message::reconcile_alert(link.alert, Cause::ConfigChanged).into())
                    .collect();
                released += messages.len();
                self.store.send(Lane::Bulk, &messages).await?;
            }
        }
        self.store.set_value(keys::APPLIED_POLICY, digest).await?;
        Ok(released)
    }
}

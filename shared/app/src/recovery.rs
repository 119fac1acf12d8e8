//! Recovery: claims of a process that died, and a store that is older than HaloPSA's tickets.

use halogard_domain::continuity::StoreContinuity;
use halogard_domain::ids::TicketId;
use halogard_domain::key::{Reference, UnverifiedKey};
use halogard_domain::link::Claim;
use halogard_domain::message::{Cause, Message};
use halogard_domain::record::Singleton;
use halogard_domain::ticket::NoteAuthor;
use halogard_domain::{Policy, Timestamp};
use tracing::warn;

use crate::env::Env;
use crate::ports::prelude::*;
use crate::ports::{
    KeyedTicket, Lane, LinkFilter, Outgoing, PortError, SaveError, Stored, TicketListing,
    TicketTexts,
};
use crate::reconcile::{Adoption, ReconcileError, Reporting};
use crate::reconciler::Reconciler;

/// Links read in one call.
pub(crate) const PAGE: usize = 200;

impl<E: Env> Reconciler<E> {
    /// Marks the claims of a process that died as in doubt, and queues their pairs. The store may be a
    /// backup that was put back while no process ran, so the next sweep finds out whether it is.
    ///
    /// Only for a store that no other process uses: elsewhere claims expire by themselves, and a store that
    /// was replaced shows by the time since the last sync cycle.
    ///
    /// # Errors
    ///
    /// A store failed; safe to repeat.
    pub async fn recover_claims(&self) -> Result<usize, PortError> {
        let now = self.clock.now();
        self.update_continuity(|continuity| continuity.begin(now))
            .await?;
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
            (Claim::Held { until, .. }, _) => link.claim = Claim::in_doubt(now.min(*until)),
            (_, Some(note)) if note.until > now => note.until = now,
            _ => return Ok(()),
        }
        match self.store.save(&stored.value, &[], stored.revision).await {
            // Another worker has changed the link; its claim is valid.
            Ok(_) | Err(SaveError::Conflict) => Ok(()),
            Err(SaveError::Store(error)) => Err(error),
        }
    }

    /// Records that a sync cycle runs, so that a store that was away is noticed.
    pub(crate) async fn observe_cycle(&self) -> Result<Stored<StoreContinuity>, PortError> {
        let now = self.clock.now();
        self.update_continuity(|continuity| continuity.observe_cycle(now))
            .await
    }

    /// Records that everything that changed before `listed_at` has been listed; `newest` is the highest
    /// number in the list. `known` is what was stored when the sweep began.
    pub(crate) async fn observe_sweep(
        &self,
        known: Stored<StoreContinuity>,
        listed_at: Timestamp,
        newest: Option<TicketId>,
    ) -> Result<(), PortError> {
        let observe =
            |continuity: &mut StoreContinuity| continuity.observe_sweep(listed_at, newest);
        self.update_known_continuity(known, observe).await.map(drop)
    }

    /// Adopts a ticket that no link names, if the store may be older than HaloPSA's tickets: at once, because
    /// its alert may be about to get another one. Where its title shows no key, its text and its fields may:
    /// people rewrite titles.
    pub(crate) async fn adopt_if_behind(
        &self,
        listing: &TicketListing,
        titled: Option<KeyedTicket>,
    ) -> Result<Option<KeyedTicket>, ReconcileError> {
        let continuity = self
            .store
            .load_record::<StoreContinuity>(&Singleton)
            .await?;
        let continuity = continuity.value;
        if continuity.sweep_needed_from().is_none() {
            return Ok(titled);
        }
        // The message that is queued for it finds a key in its title only.
        let reporting = if titled.is_some() {
            Reporting::Later
        } else {
            Reporting::Now
        };
        let found = match titled {
            None if continuity.may_be_missing(listing.id) => self.find_by_text(listing).await?,
            titled => titled,
        };
        let Some(found) = found else {
            return Ok(None);
        };
        let policy = self.policy();
        let alert = found.key.key.alert;
        let link = self.store.load(alert).await?;
        let is_expected = link.is_some_and(|stored| stored.value.claim != Claim::Free);
        let history = continuity.history();
        let adoption = self
            .adopt(&found, reporting, history, &policy, &Cause::Sweep)
            .await?;
        if matches!(adoption, Adoption::Adopted(_)) && !is_expected {
            warn!(
                alert_id = alert.get(),
                ticket_id = found.ticket.id.get(),
                "HaloPSA holds a ticket of ours that the store did not know; other alerts wait until all \
                 such tickets are listed"
            );
            self.update_continuity(StoreContinuity::observe_unknown_ticket)
                .await?;
        }
        Ok(Some(found))
    }

    /// The key of a ticket that our application opened and whose title does not show it: in the entry that
    /// opened it, in its description or in a custom field. Asks once for each state of a ticket; usually one
    /// request, since other people opened most tickets.
    pub(crate) async fn find_by_text(
        &self,
        listing: &TicketListing,
    ) -> Result<Option<KeyedTicket>, ReconcileError> {
        let state = listing.changed_at.unwrap_or_default();
        if self.examined.knows(listing.id, state) {
            return Ok(None);
        }
        let opening = self.opening_note(listing.id).await?;
        let by_others = opening
            .as_ref()
            .is_some_and(|note| note.author != NoteAuthor::Halogard);
        let found = if by_others {
            None
        } else {
            let entry = opening.map(|note| note.text).unwrap_or_default();
            self.keyed_by_texts(listing.id, &entry).await?
        };
        if found.is_none() {
            self.examined.is_new(listing.id, state);
        }
        Ok(found)
    }

    /// The ticket `id` with the key that its texts show, or else its title; `entry` is the one that opened it.
    async fn keyed_by_texts(
        &self,
        id: TicketId,
        entry: &str,
    ) -> Result<Option<KeyedTicket>, ReconcileError> {
        let Some(texts) = self.desk.read_texts(id).await? else {
            return Ok(None);
        };
        let secret = self.key_secret().await?;
        let policy = self.policy();
        let written = secret.choose(keys_in_texts(&texts, entry, &policy));
        let title = &texts.ticket.summary;
        let key = written.or_else(|| secret.choose_in(title, policy.prefixes()));
        let ticket = texts.ticket;
        Ok(key.map(|key| KeyedTicket { ticket, key }))
    }

    /// The key in the texts of the ticket `id`, one of which is `entry`; whatever its title shows.
    pub(crate) async fn key_in_texts(
        &self,
        id: TicketId,
        entry: &str,
    ) -> Result<Option<UnverifiedKey>, ReconcileError> {
        let Some(texts) = self.desk.read_texts(id).await? else {
            return Ok(None);
        };
        let keys = keys_in_texts(&texts, entry, &self.policy());
        Ok(self.key_secret().await?.choose(keys))
    }

    /// Applies `change` to what is known about the store's age; returns the result. Saves only a difference.
    pub(crate) async fn update_continuity(
        &self,
        change: impl Fn(&mut StoreContinuity) + Send,
    ) -> Result<Stored<StoreContinuity>, PortError> {
        let stored = self.store.load_record(&Singleton).await?;
        self.update_known_continuity(stored, change).await
    }

    /// The same, with what was `stored` when this process last read it.
    async fn update_known_continuity(
        &self,
        stored: Stored<StoreContinuity>,
        change: impl Fn(&mut StoreContinuity) + Send,
    ) -> Result<Stored<StoreContinuity>, PortError> {
        match self
            .store
            .update_known_record(&Singleton, stored, change)
            .await
        {
            Ok((stored, ())) => Ok(stored),
            // Other workers run sync cycles and sweeps as well; the next one records the rest.
            Err(SaveError::Conflict) => self.store.load_record(&Singleton).await,
            Err(SaveError::Store(error)) => Err(error),
        }
    }
}

/// The keys in `entry`, which opened a ticket, and then those in the texts of the ticket, which people edit.
fn keys_in_texts(texts: &TicketTexts, entry: &str, policy: &Policy) -> Vec<UnverifiedKey> {
    let mut keys = keys_in(entry, policy);
    keys.extend(texts.details.iter().flat_map(|text| keys_in(text, policy)));
    for prefix in policy.prefixes() {
        let fields = texts.fields.iter();
        keys.extend(fields.filter_map(|it| UnverifiedKey::parse(it, prefix)));
    }
    keys
}

/// The keys of the references in a text, the last one first: ours stands at the end, after what the alert says.
pub(crate) fn keys_in(text: &str, policy: &Policy) -> Vec<UnverifiedKey> {
    let prefixes = policy.prefixes();
    let references = prefixes.flat_map(|prefix| Reference::all_in(text, prefix).into_iter().rev());
    references.map(|reference| reference.key).collect()
}

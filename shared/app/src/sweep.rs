//! Sweeping HaloPSA's tickets by their last update: what a webhook should have said and did not.

use std::time::Duration;

use halogard_domain::message::{Cause, Message};
use halogard_domain::policy::Mode;
use halogard_domain::{LinkKey, Ticket, Timestamp};
use tracing::info;

use crate::bundle::{Bundle, Liongard, Store};
use crate::ports::{Clock, Lane, Outgoing, PortError, Sighting, TicketDesk};
use crate::reconcile::LookError;

/// How far a sweep reads back behind the last change it saw: the desk's clock and its index may lag.
const OVERLAP: Duration = Duration::from_secs(300);

/// Before the first sweep nothing was ours; changes older than this concern nobody.
const FIRST_REACH: Duration = Duration::from_secs(3600);

/// The mark that holds the newest change seen, by the desk's clock.
const MARK_SWEPT: &str = "tickets_swept_to";

/// What a sweep saw.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SweepReport {
    /// Tickets listed.
    pub listed: usize,
    /// Tickets put on the queue.
    pub queued: usize,
    /// Tickets that carry our key and were not remembered.
    pub adopted: usize,
}

impl<D: TicketDesk, L: Liongard, S: Store, C: Clock> Bundle<D, L, S, C> {
    /// Sweeps once. Safe to repeat.
    ///
    /// The very first sweep of a store looks for tickets that carry our key: a store that was lost
    /// is filled again before any alert is taken for new.
    ///
    /// # Errors
    ///
    /// HaloPSA or a store failed; the mark stays, so the next sweep reads the same again.
    pub async fn sweep_tickets(&self) -> Result<SweepReport, LookError> {
        let Some(mark) = self.store.mark(MARK_SWEPT).await? else {
            return self.first_sweep().await;
        };
        let swept_to = Timestamp::from_millis(mark);
        let sightings = self.desk.changed_since(swept_to.minus(OVERLAP)).await?;
        let mut news = Vec::new();
        for sighting in &sightings {
            news.extend(self.news_in(sighting).await?.map(Outgoing::from));
        }
        if !news.is_empty() {
            self.store.send(Lane::Urgent, &news).await?;
        }
        let newest = sightings
            .iter()
            .filter_map(|sighting| sighting.changed_at)
            .max();
        if let Some(newest) = newest.filter(|newest| *newest > swept_to) {
            self.store.set_mark(MARK_SWEPT, newest.as_millis()).await?;
        }
        let report = SweepReport {
            listed: sightings.len(),
            queued: news.len(),
            adopted: 0,
        };
        info!(
            listed = report.listed,
            queued = report.queued,
            outcome = "swept",
            "swept HaloPSA's tickets"
        );
        Ok(report)
    }

    /// Whether HaloPSA was ever swept for this store.
    ///
    /// # Errors
    ///
    /// A store failed.
    pub async fn has_swept(&self) -> Result<bool, PortError> {
        Ok(self.store.mark(MARK_SWEPT).await?.is_some())
    }

    /// What `sighting` says beyond what its pair has heard; or that it may belong to a pair that
    /// forgot it.
    async fn news_in(&self, sighting: &Sighting) -> Result<Option<Message>, PortError> {
        let owner = self.store.owner(sighting.id).await?;
        let Some(alert) = owner else {
            let prefix = &self.policy().key_prefix;
            let marked = |ticket: &&Ticket| LinkKey::find_in(&ticket.summary, prefix).is_some();
            let marked = sighting.ticket.as_ref().filter(marked).cloned();
            return Ok(marked.map(|ticket| Message::ticket_news(ticket, Cause::Sweep)));
        };
        let link = self.store.load(alert).await?.map(|stored| stored.value);
        if link
            .as_ref()
            .is_some_and(|link| link.ticket != Some(sighting.id))
        {
            return Ok(None);
        }
        let seen = link.and_then(|link| link.ticket_seen);
        let Some(ticket) = &sighting.ticket else {
            let known = seen.map(|seen| seen.changed_at);
            let look = Message::look_at_ticket(sighting.id, Cause::Sweep);
            return Ok(
                (sighting.changed_at.is_none() || sighting.changed_at > known).then_some(look),
            );
        };
        let says_more = seen.is_none_or(|seen| {
            ticket.changed_at > seen.changed_at
                || (ticket.changed_at == seen.changed_at
                    && (ticket.status, ticket.fate) != (seen.status, seen.fate))
        });
        Ok(says_more.then(|| Message::ticket_news(ticket.clone(), Cause::Sweep)))
    }

    /// Takes in every ticket that carries our key.
    async fn first_sweep(&self) -> Result<SweepReport, LookError> {
        let began = self.clock.now();
        let policy = self.policy();
        let mut report = SweepReport::default();
        if policy.mode == Mode::Managed {
            let marked = self.desk.marked(&policy.key_prefix).await?;
            report.listed = marked.len();
            for ticket in &marked {
                if let Some(key) = LinkKey::find_in(&ticket.summary, &policy.key_prefix)
                    && self.adopt(&key, ticket, &policy).await?
                {
                    report.adopted += 1;
                }
            }
        }
        let mark = began.minus(FIRST_REACH).as_millis();
        self.store.set_mark(MARK_SWEPT, mark).await?;
        info!(
            adopted = report.adopted,
            outcome = "first_sweep",
            "looked for tickets that carry our key"
        );
        Ok(report)
    }
}

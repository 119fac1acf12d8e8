//! Sweeping HaloPSA's tickets by their last update: what a webhook should have said and did not.
//!
//! A list that one request does not show is read page by page, from its end, and what a page says is
//! queued before the next is asked for. How far that has come is kept: a sweep that breaks off is gone
//! on with by the next one.

use std::time::Duration;

use halogard_domain::ids::{AlertId, TicketId};
use halogard_domain::message::{Cause, Message};
use halogard_domain::policy::Mode;
use halogard_domain::sweep_cursor::{ChangeRange, PendingRange, ReadPhase, SweepCursor};
use halogard_domain::ticket::HumanActivity;
use halogard_domain::{LinkKey, Ticket, Timestamp};
use tracing::info;

use crate::env::Env;
use crate::ports::prelude::*;
use crate::ports::{Lane, Outgoing, PortError, SaveError, Stored, TicketListing};
use crate::reconcile::{CONFLICTS_MAX, ReconcileError};
use crate::reconciler::Reconciler;

/// Longer lists are read only once they have settled, unless it is worth more to somebody:
/// after a storm every page would be read again a sweep later, nearly all of it our own writes. Three
/// hundred changes between two sweeps are more than people make.
const UNSETTLED_PAGES_MAX: usize = 3;

/// Before the first sweep nothing was ours; changes older than this concern nobody.
const INITIAL_LOOKBACK: Duration = Duration::from_secs(3600);

/// What a sweep saw.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SweepReport {
    /// Tickets listed.
    pub listed: usize,
    /// Tickets put on the queue.
    pub queued: usize,
    /// Tickets that carry our key and were not remembered.
    pub adopted: usize,
    /// Pages left for later, because what they hold is too new to be read only once.
    pub pages_deferred: u32,
}

/// What a row of the sweep leads to.
struct SweepMessage {
    message: Message,
    /// The alert whose ticket was taken for untouched until now.
    invalidates: Option<AlertId>,
}

impl<E: Env> Reconciler<E> {
    /// Sweeps, unless the last whole sweep began less than `interval` ago; says how much it led to. What
    /// is known of tickets at the end of a sweep is worth `worth` requests to the caller: a longer list
    /// is left until it has settled.
    ///
    /// # Errors
    ///
    /// See [`sweep_tickets`](Self::sweep_tickets).
    pub(crate) async fn sweep_if_older_than(
        &self,
        interval: Duration,
        worth: usize,
    ) -> Result<usize, ReconcileError> {
        let now = self.clock.now();
        let swept_at = self.last_full_sweep().await?;
        if swept_at.is_some_and(|at| now.since(at) < interval) {
            return Ok(0);
        }
        let swept = self.sweep(worth.max(UNSETTLED_PAGES_MAX)).await?;
        Ok(swept.queued + swept.adopted)
    }

    /// Sweeps once, to the end. Safe to repeat.
    ///
    /// The very first sweep of a store looks for tickets that carry our key: a store that was lost
    /// is filled again before any alert is taken for new.
    ///
    /// # Errors
    ///
    /// HaloPSA or a store failed; the next sweep goes on with the page that was not read.
    pub async fn sweep_tickets(&self) -> Result<SweepReport, ReconcileError> {
        self.sweep(usize::MAX).await
    }

    /// Sweeps; stops before a list of more than `pages_max` pages that has not settled.
    async fn sweep(&self, pages_max: usize) -> Result<SweepReport, ReconcileError> {
        let mut stored = self.store.load_swept().await?;
        if stored.value.watermark.is_none() {
            return self.initial_sweep(stored).await;
        }
        let mut report = SweepReport::default();
        loop {
            let asked_at = self.clock.now();
            if let Some(rest) = &mut stored.value.pending
                && rest.phase == ReadPhase::Queued
            {
                if rest.is_settled(asked_at) {
                    rest.begin(ReadPhase::Settled, asked_at);
                } else if rest.exceeds(pages_max) {
                    report.pages_deferred = rest.range.pages;
                    return Ok(log_sweep(report, "deferred"));
                } else {
                    rest.begin(ReadPhase::Fresh, asked_at);
                }
                // Whoever goes on with it must know when it was begun.
                if !self.save_cursor(&mut stored).await? {
                    return Ok(log_sweep(report, "superseded"));
                }
            }
            let is_whole = self
                .read_next_page(&mut stored.value, asked_at, &mut report)
                .await?;
            if !self.save_cursor(&mut stored).await? {
                return Ok(log_sweep(report, "superseded"));
            }
            if is_whole {
                return Ok(log_sweep(report, "swept"));
            }
        }
    }

    /// Reads what is next, queues what it says, and takes it into `swept`; says whether nothing is left.
    async fn read_next_page(
        &self,
        swept: &mut SweepCursor,
        asked_at: Timestamp,
        report: &mut SweepReport,
    ) -> Result<bool, ReconcileError> {
        let since = match &swept.pending {
            Some(rest) => rest.covered_until(),
            None => swept.watermark(),
        };
        let changes = match &swept.pending {
            Some(rest) if rest.range.pages > 0 => self.desk.next_page(&rest.range).await?,
            _ => self.desk.changed_since(since).await?,
        };
        self.enqueue_changes(&changes.listings, report).await?;
        match (swept.pending.take(), changes.rest) {
            (Some(reading), left) if reading.range.pages > 0 => {
                let read = ChangeRange {
                    pages: 0,
                    ..reading.range.clone()
                };
                let rest = PendingRange {
                    range: left.unwrap_or(read),
                    ..reading
                };
                if rest.range.pages == 0 {
                    swept.complete_range(&rest);
                }
                swept.pending = Some(rest);
                Ok(false)
            }
            (_, Some(stretch)) => {
                swept.pending = Some(PendingRange::discovered(stretch, self.clock.now()));
                Ok(false)
            }
            (read, None) => {
                if read.is_none() {
                    swept.settle(since, None, asked_at);
                }
                let times = changes.listings.iter().filter_map(|seen| seen.changed_at);
                if let Some(newest) = times.max() {
                    swept.observe(newest, asked_at);
                }
                swept.last_full_sweep = Some(asked_at);
                Ok(true)
            }
        }
    }

    /// Keeps how far this sweep has come, unless another one was faster: then that one goes on.
    async fn save_cursor(&self, stored: &mut Stored<SweepCursor>) -> Result<bool, PortError> {
        match self.store.save_swept(&stored.value, stored.revision).await {
            Ok(revision) => {
                stored.revision = revision;
                Ok(true)
            }
            Err(SaveError::Conflict) => Ok(false),
            Err(SaveError::Store(error)) => Err(error),
        }
    }

    /// Queues what `listings` say beyond what their pairs have heard.
    async fn enqueue_changes(
        &self,
        listings: &[TicketListing],
        report: &mut SweepReport,
    ) -> Result<(), ReconcileError> {
        let mut news = Vec::new();
        let mut invalidated = Vec::new();
        for listing in listings {
            let Some(found) = self.message_for(listing).await? else {
                continue;
            };
            invalidated.extend(found.invalidates.map(|alert| (alert, listing.id)));
            news.push(Outgoing::from(found.message));
        }
        if !news.is_empty() {
            self.store.send(Lane::Urgent, &news).await?;
        }
        for (alert, ticket) in invalidated {
            self.invalidate_activity(alert, ticket).await?;
        }
        report.listed += listings.len();
        report.queued += news.len();
        Ok(())
    }

    /// When the last whole sweep began: what it found changed is no longer taken for untouched.
    pub(crate) async fn last_full_sweep(&self) -> Result<Option<Timestamp>, PortError> {
        Ok(self.store.load_swept().await?.value.last_full_sweep)
    }

    /// Whoever looks at `alert` before the news reaches it must not take its ticket for untouched.
    async fn invalidate_activity(
        &self,
        alert: AlertId,
        ticket: TicketId,
    ) -> Result<(), ReconcileError> {
        for _ in 0..CONFLICTS_MAX {
            let Some(mut stored) = self.store.load(alert).await? else {
                return Ok(());
            };
            let seen = stored.value.observed_ticket.as_mut();
            match seen.filter(|seen| seen.id == ticket) {
                Some(seen) if matches!(seen.activity, HumanActivity::None { .. }) => {
                    seen.activity = HumanActivity::Unknown;
                }
                _ => return Ok(()),
            }
            match self.store.save(&stored.value, &[], stored.revision).await {
                Err(SaveError::Conflict) => {}
                saved => return saved.map(drop).map_err(ReconcileError::from),
            }
        }
        Err(ReconcileError::Conflict)
    }

    /// Whether HaloPSA was ever swept for this store.
    ///
    /// # Errors
    ///
    /// A store failed.
    pub async fn has_swept(&self) -> Result<bool, PortError> {
        Ok(self.store.load_swept().await?.value.watermark.is_some())
    }

    /// What `listing` says beyond what its pair has heard; or that it may belong to a pair that
    /// forgot it.
    async fn message_for(
        &self,
        listing: &TicketListing,
    ) -> Result<Option<SweepMessage>, PortError> {
        let owner = self.store.owner(listing.id).await?;
        let Some(alert) = owner else {
            let prefix = &self.policy().key_prefix;
            let marked = |ticket: &&Ticket| LinkKey::find_in(&ticket.summary, prefix).is_some();
            let marked = listing.ticket.as_ref().filter(marked).cloned();
            return Ok(marked.map(|ticket| SweepMessage {
                message: Message::ticket_snapshot(ticket, Cause::Sweep),
                invalidates: None,
            }));
        };
        let link = self.store.load(alert).await?.map(|stored| stored.value);
        if link
            .as_ref()
            .is_some_and(|link| link.ticket != Some(listing.id))
        {
            return Ok(None);
        }
        let seen = link.and_then(|link| link.observed_ticket);
        let invalidates = seen
            .as_ref()
            .filter(|seen| matches!(seen.activity, HumanActivity::None { .. }))
            .map(|_| alert);
        let (says_more, message) = match &listing.ticket {
            None => {
                let known = seen.map(|seen| seen.changed_at);
                let says_more = listing.changed_at.is_none() || listing.changed_at > known;
                let look = Message::reconcile_ticket(listing.id, Cause::Sweep);
                (says_more, look)
            }
            Some(ticket) => {
                let says_more = seen.is_none_or(|seen| {
                    ticket.changed_at > seen.changed_at
                        || (ticket.changed_at == seen.changed_at
                            && (ticket.status, ticket.existence) != (seen.status, seen.existence))
                });
                let news = Message::ticket_snapshot(ticket.clone(), Cause::Sweep);
                (says_more, news)
            }
        };
        Ok(says_more.then_some(SweepMessage {
            message,
            invalidates,
        }))
    }

    /// Takes in every ticket that carries our key.
    async fn initial_sweep(
        &self,
        mut stored: Stored<SweepCursor>,
    ) -> Result<SweepReport, ReconcileError> {
        let began = self.clock.now();
        let policy = self.policy();
        let mut report = SweepReport::default();
        if policy.mode == Mode::Managed {
            let marked = self.desk.find_all_with_key(&policy.key_prefix).await?;
            report.listed = marked.len();
            for ticket in &marked {
                if let Some(key) = LinkKey::find_in(&ticket.summary, &policy.key_prefix)
                    && self.adopt(&key, ticket, &policy).await?
                {
                    report.adopted += 1;
                }
            }
        }
        stored.value.watermark = Some(began.minus(INITIAL_LOOKBACK));
        // Whoever was faster has taken in the same tickets.
        self.save_cursor(&mut stored).await?;
        info!(
            adopted = report.adopted,
            outcome = "initial_sweep",
            "searched for tickets that carry our key"
        );
        Ok(report)
    }
}

/// Writes the one line a sweep ends with.
fn log_sweep(report: SweepReport, outcome: &'static str) -> SweepReport {
    let SweepReport {
        listed,
        queued,
        pages_deferred,
        ..
    } = report;
    info!(
        listed,
        queued, pages_deferred, outcome, "swept HaloPSA's tickets"
    );
    report
}

//! Sweeping HaloPSA's tickets by their last update: finds the changes that no webhook reported.
//!
//! A range of changes that does not fit into one answer is read page by page, from its last page to its
//! first, and each page is queued before the next is requested. A ticket that changes again drops out of
//! the range, which shifts later rows to earlier pages; reading backwards therefore never skips a row. The
//! [`SweepCursor`] is saved after each page: the next sweep resumes one that was aborted.

mod first_sweep;

use std::collections::BTreeSet;
use std::time::Duration;

use halogard_domain::continuity::StoreContinuity;
use halogard_domain::ids::{AlertId, TicketId};
use halogard_domain::message::{Cause, Message};
use halogard_domain::record::Singleton;
use halogard_domain::sweep_cursor::{ChangeRange, PendingRange, ReadPhase, SweepCursor};
use halogard_domain::time::BothClocks;
use halogard_domain::{Link, Ticket, Timestamp};
use tracing::{info, warn};

use crate::env::Env;
use crate::outcome::{SweepOutcome, TaskEnd};
use crate::ports::prelude::*;
use crate::ports::{KeyedTicket, Lane, Outgoing, PortError, SaveError, Stored, TicketListing};
use crate::reconcile::{CONFLICTS_MAX, ReconcileError};
use crate::reconciler::Reconciler;

/// A longer range is read only when it has settled, unless the caller values it more. After a storm the
/// next sweep would read every page again, nearly all of it our own writes. People do not make three
/// hundred changes between two sweeps.
const UNSETTLED_PAGES_MAX: usize = 3;

/// What a sweep found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SweepReport {
    /// Tickets listed.
    pub listed: usize,
    /// Tickets queued.
    pub queued: usize,
    /// Tickets adopted by their key.
    pub adopted: usize,
    /// Tickets that carry a key of ours and were not adopted.
    pub not_adopted: usize,
    /// Rows that were used in part or not at all: odd values, and times in the future.
    pub set_aside: usize,
    /// The highest number of a listed ticket.
    pub newest: Option<TicketId>,
    /// Pages deferred until they have settled: rows this new would have to be read twice.
    pub pages_deferred: u32,
}

/// What a sweep found, and how it ended.
type Swept = (SweepReport, SweepOutcome);

/// What to queue for a row of the list.
struct SweepMessage {
    message: Message,
    /// The alerts whose ticket has changed, so that what their links know is out of date.
    outdates: Vec<AlertId>,
}

impl<E: Env> Reconciler<E> {
    /// Sweeps, unless the last complete sweep began less than `interval` ago; says how it ended
    /// and how many tickets were queued or adopted. The result is worth `worth` requests to the caller: a
    /// longer range is deferred until it has settled.
    ///
    /// # Errors
    ///
    /// See [`sweep_tickets`](Self::sweep_tickets).
    pub(crate) async fn sweep_if_older_than(
        &self,
        interval: Duration,
        worth: usize,
    ) -> Result<TaskEnd, ReconcileError> {
        match self.cursor_if_older_than(interval).await? {
            Some(cursor) => {
                let continuity = self.observe_cycle().await?;
                self.sweep_from(cursor, continuity, worth).await
            }
            None => Ok(TaskEnd::Skipped),
        }
    }

    /// The cursor of the sweeps; `None` if the last complete sweep began less than `interval` ago.
    pub(crate) async fn cursor_if_older_than(
        &self,
        interval: Duration,
    ) -> Result<Option<Stored<SweepCursor>>, PortError> {
        let stored = self.load_cursor().await?;
        let now = self.clock.now();
        let swept_at = self.last_full_sweep_of(&stored.value);
        let is_recent = swept_at.is_some_and(|at| now.is_within(interval, at));
        Ok((!is_recent).then_some(stored))
    }

    /// Sweeps from `cursor`; says how it ended and how many tickets were queued or adopted.
    pub(crate) async fn sweep_from(
        &self,
        cursor: Stored<SweepCursor>,
        continuity: Stored<StoreContinuity>,
        worth: usize,
    ) -> Result<TaskEnd, ReconcileError> {
        let pages_max = worth.max(UNSETTLED_PAGES_MAX);
        let (report, outcome) = self.sweep(cursor, continuity, pages_max).await?;
        Ok(outcome.ended(report.queued + report.adopted))
    }

    /// Sweeps once, to the end. Safe to repeat.
    ///
    /// The first sweep of a store searches for tickets that carry our key: a lost store is refilled before
    /// any alert counts as new.
    ///
    /// # Errors
    ///
    /// HaloPSA or a store failed; the next sweep resumes with the page that was not read.
    pub async fn sweep_tickets(&self) -> Result<SweepReport, ReconcileError> {
        let continuity = self.observe_cycle().await?;
        let cursor = self.load_cursor().await?;
        let (report, _) = self.sweep(cursor, continuity, usize::MAX).await?;
        Ok(report)
    }

    /// Sweeps from the cursor that is `stored`; stops before a range of more than `pages_max` pages that has
    /// not settled.
    async fn sweep(
        &self,
        mut stored: Stored<SweepCursor>,
        continuity: Stored<StoreContinuity>,
        pages_max: usize,
    ) -> Result<Swept, ReconcileError> {
        if stored
            .value
            .correct_times(self.both_clocks(self.clock.now()))
        {
            log_watermark_replaced();
        }
        if stored.value.watermark.is_none() {
            // Large, and made once.
            return Box::pin(self.first_sweep(stored, continuity)).await;
        }
        let mut report = SweepReport::default();
        loop {
            let requested_at = self.clock.now();
            if let Some(pending) = &mut stored.value.pending
                && pending.phase == ReadPhase::Queued
            {
                if pending.is_settled(requested_at) {
                    pending.begin(ReadPhase::Settled, requested_at);
                } else if pending.exceeds(pages_max) {
                    report.pages_deferred = pending.range.pages;
                    return Ok(log_sweep(report, SweepOutcome::Deferred));
                } else {
                    pending.begin(ReadPhase::Fresh, requested_at);
                }
                // A sweep that resumes this range has to know when its reading began.
                if !self.save_cursor(&mut stored).await? {
                    return Ok(log_sweep(report, SweepOutcome::Superseded));
                }
            }
            let is_complete = self
                .read_next_page(&mut stored.value, requested_at, &mut report)
                .await?;
            if !self.save_cursor(&mut stored).await? {
                return Ok(log_sweep(report, SweepOutcome::Superseded));
            }
            if is_complete {
                self.observe_sweep(continuity, requested_at, report.newest)
                    .await?;
                return Ok(log_sweep(report, SweepOutcome::Swept));
            }
        }
    }

    /// Both clocks when ours showed `ours`: HaloPSA's as its last answer showed it, less the time that has
    /// passed since. Taken at two moments they would differ by the time between them, like a clock that was
    /// set.
    fn both_clocks(&self, ours: Timestamp) -> BothClocks {
        let passed = self.clock.now().since(ours);
        BothClocks {
            ours,
            theirs: self.desk.desk_time().map(|theirs| theirs.minus(passed)),
        }
    }

    /// Reads the next page, queues its changes and advances `cursor`; says whether the sweep is complete.
    async fn read_next_page(
        &self,
        cursor: &mut SweepCursor,
        requested_at: Timestamp,
        report: &mut SweepReport,
    ) -> Result<bool, ReconcileError> {
        let since = match &cursor.pending {
            Some(pending) => pending.covered_until(),
            None => cursor.watermark(),
        };
        let changes = match &cursor.pending {
            Some(pending) if pending.range.pages > 0 => self.desk.next_page(&pending.range).await?,
            _ => self.desk.changed_since(since).await?,
        };
        self.enqueue_changes(&changes.listings, report).await?;
        report.set_aside += changes.set_aside;
        let clocks = self.both_clocks(requested_at);
        if cursor.correct_times(clocks) {
            log_watermark_replaced();
            return Ok(false);
        }
        match (cursor.pending.take(), changes.rest) {
            (Some(reading), left) if reading.range.pages > 0 => {
                let read = ChangeRange {
                    pages: 0,
                    ..reading.range.clone()
                };
                let pending = PendingRange {
                    range: left.unwrap_or(read),
                    ..reading
                };
                if pending.range.pages == 0 {
                    cursor.complete_range(&pending);
                }
                cursor.pending = Some(pending);
                Ok(false)
            }
            (_, Some(range)) => {
                cursor.pending = Some(PendingRange::discovered(range, clocks));
                Ok(false)
            }
            (read, None) => {
                if read.is_none() {
                    cursor.settle(since, None, requested_at);
                }
                // A row without a time changed before it was listed. Otherwise a desk whose rows have no times
                // would list and read every change since the watermark again and again.
                let times = changes.listings.iter();
                let times = times.map(|seen| seen.changed_at.unwrap_or(clocks.earlier()));
                cursor.observe(times, clocks);
                cursor.last_full_sweep = Some(requested_at);
                Ok(true)
            }
        }
    }

    /// Saves the cursor; `false` when another sweep saved first, which then continues instead.
    async fn save_cursor(&self, stored: &mut Stored<SweepCursor>) -> Result<bool, PortError> {
        match self
            .store
            .save_record(&Singleton, &stored.value, stored.revision)
            .await
        {
            Ok(revision) => {
                stored.revision = revision;
                Ok(true)
            }
            Err(SaveError::Conflict) => Ok(false),
            Err(SaveError::Store(error)) => Err(error),
        }
    }

    /// Queues the tickets of `listings` that their pairs have not observed in this state.
    async fn enqueue_changes(
        &self,
        listings: &[TicketListing],
        report: &mut SweepReport,
    ) -> Result<(), ReconcileError> {
        let mut messages = Vec::new();
        let mut outdated = Vec::new();
        for listing in listings {
            // Large: it holds pairs.
            let Some(row) = Box::pin(self.message_for(listing)).await? else {
                continue;
            };
            outdated.extend(row.outdates.into_iter().map(|it| (it, listing.id)));
            messages.push(Outgoing::from(row.message));
        }
        if !messages.is_empty() {
            self.store.send(Lane::Urgent, &messages).await?;
        }
        for (alert, ticket) in outdated {
            self.mark_outdated(alert, ticket).await?;
        }
        report.listed += listings.len();
        report.queued += messages.len();
        report.newest = report.newest.max(listings.iter().map(|it| it.id).max());
        Ok(())
    }

    /// When the last complete sweep began. A ticket it found unchanged was untouched until then.
    pub(crate) async fn last_full_sweep(&self) -> Result<Option<Timestamp>, PortError> {
        let stored = self.load_cursor().await?;
        Ok(self.last_full_sweep_of(&stored.value))
    }

    /// The same, as `cursor` has it.
    fn last_full_sweep_of(&self, cursor: &SweepCursor) -> Option<Timestamp> {
        let mut cursor = cursor.clone();
        cursor.correct_times(self.both_clocks(self.clock.now()));
        cursor.last_full_sweep
    }

    /// The cursor of the sweeps.
    async fn load_cursor(&self) -> Result<Stored<SweepCursor>, PortError> {
        let stored = self.store.load_record::<SweepCursor>(&Singleton).await?;
        if stored.value.watermark.is_some() {
            self.first_sweep_done.get_or_init(|| ());
        }
        Ok(stored)
    }

    /// Marks what is known of the ticket of `alert` as out of date: a reconciliation that runs before the
    /// queued change must neither write the ticket nor treat it as untouched.
    async fn mark_outdated(&self, alert: AlertId, ticket: TicketId) -> Result<(), ReconcileError> {
        for _ in 0..CONFLICTS_MAX {
            let Some(mut stored) = self.store.load(alert).await? else {
                return Ok(());
            };
            if !stored.value.mark_ticket_outdated(ticket) {
                return Ok(());
            }
            match self.store.save(&stored.value, &[], stored.revision).await {
                Err(SaveError::Conflict) => {}
                saved => return saved.map(drop).map_err(ReconcileError::from),
            }
        }
        Err(ReconcileError::Conflict)
    }

    /// Whether HaloPSA was swept at least once for this store.
    ///
    /// # Errors
    ///
    /// A store failed.
    pub async fn has_swept(&self) -> Result<bool, PortError> {
        if self.first_sweep_done.get().is_none() {
            self.load_cursor().await?;
        }
        Ok(self.first_sweep_done.get().is_some())
    }

    /// The message for a listed ticket that its pair has not observed in this state, or that carries our key
    /// and belongs to no pair.
    async fn message_for(
        &self,
        listing: &TicketListing,
    ) -> Result<Option<SweepMessage>, ReconcileError> {
        let owners = self.store.owners(listing.id).await?;
        if owners.is_empty() {
            return self.message_for_unowned(listing).await;
        }
        let policy = self.policy();
        let (mut differs, mut in_doubt) = (false, false);
        let mut outdates = Vec::new();
        differs |= self.adopt_for_its_own_alert(listing, &owners).await?;
        for alert in owners {
            let Some(stored) = self.store.load(alert).await? else {
                continue;
            };
            let mut link = stored.value;
            link.correct_times(self.clock.now());
            if link.ticket != Some(listing.id) {
                let beside = listing.ticket.as_ref().is_some_and(|ticket| {
                    link.is_open_beside(ticket, &policy)
                        && !link.reported_tickets.contains(&ticket.id)
                });
                differs |= beside || may_be_merged_no_longer(&link, listing);
                continue;
            }
            // The list shows the present: what differs in it is read, however old it claims to be.
            let contradicts = listing
                .state()
                .is_some_and(|it| link.is_in_doubt(it) || link.is_contradicted_by(it));
            // A sweep that adopted it may have ended before it queued it.
            let is_new = link.base.is_none() && !link.is_claimed();
            differs |= contradicts || is_new || is_news(&link, listing);
            in_doubt |= contradicts;
            outdates.push(alert);
        }
        let message = match listing.state() {
            Some(ticket) if !in_doubt => Message::ticket_snapshot(ticket.clone(), Cause::Sweep),
            _ => Message::reconcile_ticket(listing.id, Cause::Sweep),
        };
        Ok(differs.then_some(SweepMessage { message, outdates }))
    }

    /// Links a listed ticket of other alerts to the alert whose key its title carries, while the store may be
    /// incomplete; says whether it did. A store that was put back may know a ticket only as the one into which
    /// another one was merged.
    async fn adopt_for_its_own_alert(
        &self,
        listing: &TicketListing,
        owners: &BTreeSet<AlertId>,
    ) -> Result<bool, ReconcileError> {
        let titled = self.with_titled_key(listing).await?;
        let Some(titled) = titled.filter(|it| !owners.contains(&it.key.key.alert)) else {
            return Ok(false);
        };
        let alert = titled.key.key.alert;
        self.adopt_if_behind(listing, Some(titled)).await?;
        Ok(self.store.owners(listing.id).await?.contains(&alert))
    }

    /// A listed ticket with the key in its title.
    async fn with_titled_key(
        &self,
        listing: &TicketListing,
    ) -> Result<Option<KeyedTicket>, PortError> {
        let policy = self.policy();
        let secret = self.key_secret().await?;
        Ok(listing.ticket.as_ref().and_then(|ticket| {
            let key = secret.choose_in(&ticket.summary, policy.prefixes())?;
            let ticket = ticket.clone();
            Some(KeyedTicket { ticket, key })
        }))
    }

    /// The message for a listed ticket that belongs to no pair, if it carries our key.
    async fn message_for_unowned(
        &self,
        listing: &TicketListing,
    ) -> Result<Option<SweepMessage>, ReconcileError> {
        let secret = self.key_secret().await?;
        let titled = self.with_titled_key(listing).await?;
        // The newest change is listed by every sweep.
        if let Some(KeyedTicket { ticket, key }) = &titled
            && !secret.verifies(key)
            && !self
                .unproven
                .is_new(ticket.id, listing.changed_at.unwrap_or_default())
        {
            return Ok(None);
        }
        let found = self.adopt_if_behind(listing, titled).await?;
        Ok(found.map(|found| SweepMessage {
            message: Message::ticket_snapshot(found.ticket, Cause::Sweep),
            outdates: Vec::new(),
        }))
    }
}

/// Whether a row shows another state of the ticket than `link` knows.
fn is_news(link: &Link, listing: &TicketListing) -> bool {
    if let Some(ticket) = listing.state() {
        return link.is_news(ticket);
    }
    let known = link.observed_ticket.as_ref();
    listing.changed_at.is_none_or(|changed_at| {
        known.is_none_or(|known| changed_at > known.changed() && changed_at != known.changed_at)
    })
}

/// Whether a row may show that people undid the merge of the ticket into the one that `link` has. A
/// merge changes the ticket too, so a row of it costs a read when it was seen before the merge was.
fn may_be_merged_no_longer(link: &Link, listing: &TicketListing) -> bool {
    let is_present = listing.ticket.as_ref().is_none_or(Ticket::is_present);
    is_present && link.merged_tickets.contains(&listing.id)
}

/// Says that the watermark was replaced.
fn log_watermark_replaced() {
    warn!("a clock was set: changes since before the watermark of the sweeps are listed again");
}

/// Writes the outcome line of a sweep.
fn log_sweep(report: SweepReport, outcome: SweepOutcome) -> Swept {
    let SweepReport {
        listed,
        queued,
        set_aside,
        pages_deferred,
        ..
    } = report;
    info!(
        listed,
        queued,
        set_aside,
        pages_deferred,
        outcome = outcome.as_str(),
        "swept HaloPSA's tickets"
    );
    (report, outcome)
}

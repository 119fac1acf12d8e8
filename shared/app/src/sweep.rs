//! Sweeping HaloPSA's tickets by their last update: what a webhook should have said and did not.
//!
//! A list that one request does not show is read page by page, from its end, and what a page says is
//! queued before the next is asked for. How far that has come is kept: a sweep that breaks off is gone
//! on with by the next one.

mod rest;

use std::time::Duration;

use halogard_domain::ids::{AlertId, TicketId};
use halogard_domain::message::{Cause, Message};
use halogard_domain::policy::Mode;
use halogard_domain::ticket::Hands;
use halogard_domain::{LinkKey, Ticket, Timestamp};
use tracing::info;

use crate::bundle::{Bundle, Liongard, Store};
use crate::ports::{Clock, Lane, Outgoing, PortError, SaveError, Sighting, Stretch, TicketDesk};
use crate::reconcile::{CONTENTIONS_MAX, LookError};
use rest::{Rest, State};

/// For so long a change may be missing from the desk's lists: an index may lag. What was listed earlier
/// than this after it changed is listed once more. Less than the time between two sweeps, so that the
/// next one is late enough.
const OVERLAP: Duration = Duration::from_secs(240);

/// Longer lists are read only when they are older than [`OVERLAP`], unless it is worth more to somebody:
/// after a storm every page would be read again a sweep later, nearly all of it our own writes. Three
/// hundred changes between two sweeps are more than people make.
const PAGES_AT_ONCE: usize = 3;

/// Before the first sweep nothing was ours; changes older than this concern nobody.
const FIRST_REACH: Duration = Duration::from_secs(3600);

/// The mark that holds until when, by the desk's clock, every change was listed that can ever be.
const MARK_SWEPT: &str = "tickets_swept_to";

/// The mark that holds a later change that was listed, by the desk's clock.
const MARK_NEWEST: &str = "tickets_newest";

/// The mark that holds when that was, by our clock: [`OVERLAP`] later nothing before it is hidden.
const MARK_NEWEST_AT: &str = "tickets_newest_at";

/// The mark that holds when the last whole sweep began, by our clock.
const MARK_SWEPT_AT: &str = "tickets_swept_at";

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
    pub pages_left: u32,
}

/// What a row of the sweep leads to.
struct Told {
    message: Message,
    /// The alert whose ticket was taken for untouched until now.
    doubts: Option<AlertId>,
}

impl<D: TicketDesk, L: Liongard, S: Store, C: Clock> Bundle<D, L, S, C> {
    /// Sweeps, unless the last whole sweep began less than `interval` ago; says how much it led to. What
    /// is known of tickets at the end of a sweep is worth `worth` requests to the caller: a longer list
    /// is left until it has settled.
    ///
    /// # Errors
    ///
    /// See [`sweep_tickets`](Self::sweep_tickets).
    pub(crate) async fn sweep_if(
        &self,
        interval: Duration,
        worth: usize,
    ) -> Result<usize, LookError> {
        let now = self.clock.now();
        let swept_at = self.swept_at().await?;
        if swept_at.is_some_and(|at| now.since(at) < interval) {
            return Ok(0);
        }
        let swept = self.sweep(worth.max(PAGES_AT_ONCE)).await?;
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
    pub async fn sweep_tickets(&self) -> Result<SweepReport, LookError> {
        self.sweep(usize::MAX).await
    }

    /// Sweeps; stops before a list of more than `pages_max` pages that has not settled.
    async fn sweep(&self, pages_max: usize) -> Result<SweepReport, LookError> {
        if !self.has_swept().await? {
            return self.first_sweep().await;
        }
        let mut report = SweepReport::default();
        let mut rest = self.rest().await?;
        loop {
            let asked_at = self.clock.now();
            if let Some(waits) = rest.as_mut().filter(|rest| rest.state == State::Waits) {
                if waits.is_settled(asked_at) {
                    waits.begin(State::Settled, asked_at);
                } else if waits.is_longer_than(pages_max) {
                    report.pages_left = waits.stretch.pages;
                    return Ok(told(report, "put_off"));
                } else {
                    waits.begin(State::Fresh, asked_at);
                }
                self.begin_rest(waits).await?;
            }
            let since = match &rest {
                Some(rest) => rest.newest(),
                None => self.swept_to().await?,
            };
            let changes = match &rest {
                Some(rest) if rest.stretch.pages > 0 => self.desk.read_on(&rest.stretch).await?,
                _ => self.desk.changed_since(since).await?,
            };
            self.take_news(&changes.sightings, &mut report).await?;
            rest = match (rest, changes.rest) {
                (Some(reading), left) if reading.stretch.pages > 0 => {
                    let read = Stretch {
                        pages: 0,
                        ..reading.stretch.clone()
                    };
                    let stretch = left.unwrap_or(read);
                    let rest = Rest { stretch, ..reading };
                    if rest.stretch.pages == 0 {
                        self.stretch_read(&rest).await?;
                    }
                    self.keep_rest(Some(&rest)).await?;
                    Some(rest)
                }
                (_, Some(stretch)) => {
                    let rest = Rest::met(stretch, self.clock.now());
                    self.begin_rest(&rest).await?;
                    Some(rest)
                }
                (read, None) => {
                    if read.is_none() {
                        self.settle(since, None, asked_at).await?;
                    }
                    let times = changes.sightings.iter().filter_map(|seen| seen.changed_at);
                    if let Some(newest) = times.max() {
                        self.note_newest(newest, asked_at).await?;
                    }
                    if read.is_some() {
                        self.keep_rest(None).await?;
                    }
                    let swept_at = asked_at.as_millis();
                    self.store.set_mark(MARK_SWEPT_AT, swept_at).await?;
                    return Ok(told(report, "swept"));
                }
            };
        }
    }

    /// Until when every change was listed that can ever be.
    async fn swept_to(&self) -> Result<Timestamp, PortError> {
        let mark = self.store.mark(MARK_SWEPT).await?.unwrap_or(0);
        Ok(Timestamp::from_millis(mark))
    }

    /// `rest` was read to its end.
    async fn stretch_read(&self, rest: &Rest) -> Result<(), PortError> {
        let since = rest.stretch.since;
        if rest.state != State::Settled {
            self.settle(since, Some(rest.newest()), rest.at).await?;
            return self.note_newest(rest.newest(), rest.at).await;
        }
        // One that begins behind the mark leaves out what may have been hidden before it.
        if since <= self.swept_to().await? {
            self.move_mark(rest.newest()).await?;
        }
        Ok(())
    }

    /// Everything that changed since `since`, until `to` if that is given, was listed, none of it before
    /// `listed_at`: the mark moves to what was newest a while before that, which can no longer have
    /// anything hidden before it.
    async fn settle(
        &self,
        since: Timestamp,
        to: Option<Timestamp>,
        listed_at: Timestamp,
    ) -> Result<(), PortError> {
        let newest = self.store.mark(MARK_NEWEST).await?;
        let newest_at = self.store.mark(MARK_NEWEST_AT).await?;
        let (Some(newest), Some(newest_at)) = (newest, newest_at) else {
            return Ok(());
        };
        let newest = Timestamp::from_millis(newest);
        let waited = listed_at.since(Timestamp::from_millis(newest_at));
        if waited >= OVERLAP && since <= self.swept_to().await? {
            let listed = to.map_or(newest, |to| to.min(newest));
            self.move_mark(listed).await?;
        }
        Ok(())
    }

    /// Moves the mark forward to `at`.
    async fn move_mark(&self, at: Timestamp) -> Result<(), PortError> {
        if self.swept_to().await? < at {
            self.store.set_mark(MARK_SWEPT, at.as_millis()).await?;
        }
        Ok(())
    }

    /// Notes the newest change listed, unless one that was noted before has not settled yet: it would
    /// never, if each sweep put another in its place.
    async fn note_newest(&self, newest: Timestamp, seen_at: Timestamp) -> Result<(), PortError> {
        let swept_to = self.swept_to().await?.as_millis();
        let noted = self.store.mark(MARK_NEWEST).await?.unwrap_or(0);
        if noted <= swept_to && newest.as_millis() > swept_to {
            // In this order: a time that is too late does no harm.
            let seen_at = seen_at.as_millis();
            self.store.set_mark(MARK_NEWEST_AT, seen_at).await?;
            self.store.set_mark(MARK_NEWEST, newest.as_millis()).await?;
        }
        Ok(())
    }

    /// Queues what `sightings` say beyond what their pairs have heard.
    async fn take_news(
        &self,
        sightings: &[Sighting],
        report: &mut SweepReport,
    ) -> Result<(), LookError> {
        let mut news = Vec::new();
        let mut doubted = Vec::new();
        for sighting in sightings {
            let Some(told) = self.news_in(sighting).await? else {
                continue;
            };
            doubted.extend(told.doubts.map(|alert| (alert, sighting.id)));
            news.push(Outgoing::from(told.message));
        }
        if !news.is_empty() {
            self.store.send(Lane::Urgent, &news).await?;
        }
        for (alert, ticket) in doubted {
            self.doubt_hands(alert, ticket).await?;
        }
        report.listed += sightings.len();
        report.queued += news.len();
        Ok(())
    }

    /// When the last whole sweep began: what it found changed is no longer taken for untouched.
    pub(crate) async fn swept_at(&self) -> Result<Option<Timestamp>, PortError> {
        let mark = self.store.mark(MARK_SWEPT_AT).await?;
        Ok(mark.map(Timestamp::from_millis))
    }

    /// Whoever looks at `alert` before the news reaches it must not take its ticket for untouched.
    async fn doubt_hands(&self, alert: AlertId, ticket: TicketId) -> Result<(), LookError> {
        for _ in 0..CONTENTIONS_MAX {
            let Some(mut stored) = self.store.load(alert).await? else {
                return Ok(());
            };
            let seen = stored.value.ticket_seen.as_mut();
            match seen.filter(|seen| seen.id == ticket) {
                Some(seen) if matches!(seen.hands, Hands::Untouched { .. }) => {
                    seen.hands = Hands::Unknown;
                }
                _ => return Ok(()),
            }
            match self.store.save(&stored.value, &[], stored.revision).await {
                Err(SaveError::Conflict) => {}
                saved => return saved.map(drop).map_err(LookError::from),
            }
        }
        Err(LookError::Contended)
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
    async fn news_in(&self, sighting: &Sighting) -> Result<Option<Told>, PortError> {
        let owner = self.store.owner(sighting.id).await?;
        let Some(alert) = owner else {
            let prefix = &self.policy().key_prefix;
            let marked = |ticket: &&Ticket| LinkKey::find_in(&ticket.summary, prefix).is_some();
            let marked = sighting.ticket.as_ref().filter(marked).cloned();
            return Ok(marked.map(|ticket| Told {
                message: Message::ticket_news(ticket, Cause::Sweep),
                doubts: None,
            }));
        };
        let link = self.store.load(alert).await?.map(|stored| stored.value);
        if link
            .as_ref()
            .is_some_and(|link| link.ticket != Some(sighting.id))
        {
            return Ok(None);
        }
        let seen = link.and_then(|link| link.ticket_seen);
        let doubts = seen
            .as_ref()
            .filter(|seen| matches!(seen.hands, Hands::Untouched { .. }))
            .map(|_| alert);
        let (says_more, message) = match &sighting.ticket {
            None => {
                let known = seen.map(|seen| seen.changed_at);
                let says_more = sighting.changed_at.is_none() || sighting.changed_at > known;
                let look = Message::look_at_ticket(sighting.id, Cause::Sweep);
                (says_more, look)
            }
            Some(ticket) => {
                let says_more = seen.is_none_or(|seen| {
                    ticket.changed_at > seen.changed_at
                        || (ticket.changed_at == seen.changed_at
                            && (ticket.status, ticket.fate) != (seen.status, seen.fate))
                });
                let news = Message::ticket_news(ticket.clone(), Cause::Sweep);
                (says_more, news)
            }
        };
        Ok(says_more.then_some(Told { message, doubts }))
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

/// Writes the one line a sweep ends with.
fn told(report: SweepReport, outcome: &'static str) -> SweepReport {
    let SweepReport {
        listed,
        queued,
        pages_left,
        ..
    } = report;
    info!(
        listed,
        queued, pages_left, outcome, "swept HaloPSA's tickets"
    );
    report
}

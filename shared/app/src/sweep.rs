//! Sweeping HaloPSA's tickets by their last update: what a webhook should have said and did not.
//!
//! A list that one request does not show is read page by page, from its end, and what a page says is
//! queued before the next is asked for. How far that has come is kept: a sweep that breaks off is gone
//! on with by the next one.

use std::time::Duration;

use halogard_domain::ids::{AlertId, TicketId};
use halogard_domain::message::{Cause, Message};
use halogard_domain::policy::Mode;
use halogard_domain::sweep::{Reading, Rest, Stretch, Swept};
use halogard_domain::ticket::Hands;
use halogard_domain::{LinkKey, Ticket, Timestamp};
use tracing::info;

use crate::bundle::{Bundle, Liongard, Store};
use crate::ports::{Clock, Lane, Outgoing, PortError, SaveError, Sighting, Stored, TicketDesk};
use crate::reconcile::{CONTENTIONS_MAX, LookError};

/// Longer lists are read only once they have settled, unless it is worth more to somebody:
/// after a storm every page would be read again a sweep later, nearly all of it our own writes. Three
/// hundred changes between two sweeps are more than people make.
const PAGES_AT_ONCE: usize = 3;

/// Before the first sweep nothing was ours; changes older than this concern nobody.
const FIRST_REACH: Duration = Duration::from_secs(3600);

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
        let mut stored = self.store.load_swept().await?;
        if stored.value.to.is_none() {
            return self.first_sweep(stored).await;
        }
        let mut report = SweepReport::default();
        loop {
            let asked_at = self.clock.now();
            if let Some(rest) = &mut stored.value.rest
                && rest.reading == Reading::Waits
            {
                if rest.is_settled(asked_at) {
                    rest.begin(Reading::Settled, asked_at);
                } else if rest.is_longer_than(pages_max) {
                    report.pages_left = rest.stretch.pages;
                    return Ok(told(report, "put_off"));
                } else {
                    rest.begin(Reading::Fresh, asked_at);
                }
                // Whoever goes on with it must know when it was begun.
                if !self.keep_swept(&mut stored).await? {
                    return Ok(told(report, "overtaken"));
                }
            }
            let is_whole = self
                .read_next(&mut stored.value, asked_at, &mut report)
                .await?;
            if !self.keep_swept(&mut stored).await? {
                return Ok(told(report, "overtaken"));
            }
            if is_whole {
                return Ok(told(report, "swept"));
            }
        }
    }

    /// Reads what is next, queues what it says, and takes it into `swept`; says whether nothing is left.
    async fn read_next(
        &self,
        swept: &mut Swept,
        asked_at: Timestamp,
        report: &mut SweepReport,
    ) -> Result<bool, LookError> {
        let since = match &swept.rest {
            Some(rest) => rest.newest(),
            None => swept.listed_to(),
        };
        let changes = match &swept.rest {
            Some(rest) if rest.stretch.pages > 0 => self.desk.read_on(&rest.stretch).await?,
            _ => self.desk.changed_since(since).await?,
        };
        self.take_news(&changes.sightings, report).await?;
        match (swept.rest.take(), changes.rest) {
            (Some(reading), left) if reading.stretch.pages > 0 => {
                let read = Stretch {
                    pages: 0,
                    ..reading.stretch.clone()
                };
                let rest = Rest {
                    stretch: left.unwrap_or(read),
                    ..reading
                };
                if rest.stretch.pages == 0 {
                    swept.has_read(&rest);
                }
                swept.rest = Some(rest);
                Ok(false)
            }
            (_, Some(stretch)) => {
                swept.rest = Some(Rest::met(stretch, self.clock.now()));
                Ok(false)
            }
            (read, None) => {
                if read.is_none() {
                    swept.settle(since, None, asked_at);
                }
                let times = changes.sightings.iter().filter_map(|seen| seen.changed_at);
                if let Some(newest) = times.max() {
                    swept.note(newest, asked_at);
                }
                swept.whole_at = Some(asked_at);
                Ok(true)
            }
        }
    }

    /// Keeps how far this sweep has come, unless another one was faster: then that one goes on.
    async fn keep_swept(&self, stored: &mut Stored<Swept>) -> Result<bool, PortError> {
        match self.store.save_swept(&stored.value, stored.revision).await {
            Ok(revision) => {
                stored.revision = revision;
                Ok(true)
            }
            Err(SaveError::Conflict) => Ok(false),
            Err(SaveError::Store(error)) => Err(error),
        }
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
        Ok(self.store.load_swept().await?.value.whole_at)
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
        Ok(self.store.load_swept().await?.value.to.is_some())
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
    async fn first_sweep(&self, mut stored: Stored<Swept>) -> Result<SweepReport, LookError> {
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
        stored.value.to = Some(began.minus(FIRST_REACH));
        // Whoever was faster has taken in the same tickets.
        self.keep_swept(&mut stored).await?;
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

//! How far sweeps of HaloPSA's tickets have read: a watermark, and the range that is still to be
//! read.
//!
//! A sweep lists tickets by the time of their last change. Three facts make that harder than a
//! single watermark:
//!
//! - An index may lag: a change can be missing from the list for a while after it was made. So a
//!   listed change is *unsettled* until [`INDEX_LAG_MAX`] has passed; only then does the watermark
//!   move up to it, and everything before it is listed once more in between.
//! - A backlog may take more requests than one sweep should spend. The rest becomes a
//!   [`PendingRange`], which later sweeps continue.
//! - A ticket that changes again drops out of the range, which shifts the rows behind it to earlier
//!   pages. Reading from the last page to the first therefore never skips a row.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::ids::TicketId;
use crate::record::{Record, Singleton};
use crate::time::{BothClocks, CLOCK_AHEAD_MAX, Timestamp};

/// How long a change may be missing from HaloPSA's lists, because an index may lag. A change that
/// was listed sooner than this after it was made is listed once more. Shorter than the interval
/// between two sweeps, so that the next sweep is late enough.
pub const INDEX_LAG_MAX: Duration = Duration::from_secs(240);

/// How far a sweep goes back when the watermark turns out to be in the future.
const RESET_REACH: Duration = Duration::from_secs(3600);

/// How far sweeps have read.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SweepCursor {
    /// Every change up to this time (HaloPSA's clock) has been listed. `None` before the first
    /// sweep.
    pub watermark: Option<Timestamp>,
    /// A later change that has been listed. The watermark moves up to it once [`INDEX_LAG_MAX`] has
    /// passed.
    pub unsettled: Option<Unsettled>,
    /// When the last sweep that read everything began (our clock). A ticket that it did not list
    /// has not changed since.
    pub last_full_sweep: Option<Timestamp>,
    /// The range that is still to be read.
    pub pending: Option<PendingRange>,
    /// How far the first sweep has come, until it is complete.
    pub first: Option<FirstSweep>,
    /// How far HaloPSA's clock was ahead of ours when it was last seen, in milliseconds.
    pub desk_ahead_ms: Option<i64>,
}

impl Record for SweepCursor {
    const PARTITION: &'static str = "sweep_cursor";
    type Key = Singleton;
}

/// A listed change that the watermark has not reached yet. [`INDEX_LAG_MAX`] after `listed_at`, no
/// earlier change can be missing from the list any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unsettled {
    /// When the ticket changed (HaloPSA's clock).
    pub changed_at: Timestamp,
    /// When the change was listed (our clock).
    pub listed_at: Timestamp,
}

/// The part of a time range that is still to be read: tickets whose last change lies between two
/// past times (HaloPSA's clock).
///
/// No ticket joins the range, because a ticket that changes now gets a later time. A ticket that
/// changes again drops out, which shifts later rows to earlier pages. Reading from the last page to
/// the first therefore never skips a row, however long it takes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChangeRange {
    /// Start of the range.
    pub since: Timestamp,
    /// End of the range. Whether HaloPSA includes a change at exactly this time is not documented.
    pub until: Timestamp,
    /// Pages that are still to be read. The last of them is read next.
    pub pages: u32,
    /// Tickets in the whole range when HaloPSA was last asked.
    pub count: u32,
}

/// How a pending range is being read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReadPhase {
    /// Reading has not begun.
    Queued,
    /// Reading began while changes could still be missing from the list.
    Fresh,
    /// Reading began when no change could be missing any more.
    Settled,
}

/// A range that is still to be read, and how far reading has come.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PendingRange {
    /// What is left of the range.
    pub range: ChangeRange,
    /// How it is being read.
    pub phase: ReadPhase,
    /// When the phase began (our clock). While the range is queued, this is when its latest change
    /// was seen.
    pub phase_since: Timestamp,
}

/// The sweep of a new store: it reads every ticket that carries our key, however many requests that takes. It
/// is saved after each page.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FirstSweep {
    /// When it began (our clock). The sweep after it lists what has changed since.
    pub began_at: Timestamp,
    /// The prefix of the keys that it searches for.
    pub prefix: String,
    /// The page that is read next; `None` before the first one.
    pub place: Option<KeyedListPlace>,
    /// Tickets of that page that were set aside, so that they are not asked about again.
    pub set_aside: Vec<TicketId>,
    /// Tickets listed so far.
    pub listed: u64,
    /// Tickets adopted so far.
    pub adopted: u64,
    /// Tickets that carry a key and were not adopted so far.
    pub not_adopted: u64,
}

impl FirstSweep {
    /// One that begins at `now` and searches for keys with `prefix`.
    #[must_use]
    pub const fn begin(prefix: String, now: Timestamp) -> Self {
        Self {
            began_at: now,
            prefix,
            place: None,
            set_aside: Vec::new(),
            listed: 0,
            adopted: 0,
            not_adopted: 0,
        }
    }
}

/// Where reading the list of all tickets that carry our key continues.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "direction", rename_all = "snake_case")]
pub enum KeyedListPlace {
    /// From the last page to the first, the newest tickets first. A ticket that drops out shifts later ones
    /// to earlier pages, which are read last, so none is skipped, however long reading takes.
    Backwards {
        /// The page that is read next; the first is 1.
        page: u32,
        /// Rows of a full page.
        page_rows: u32,
        /// Tickets in the list when HaloPSA was last asked.
        count: u64,
        /// The first row of the page that was read last.
        first_row: Option<TicketId>,
    },
    /// From the first page to an empty one, because HaloPSA does not count the list.
    Forwards {
        /// The page that is read next.
        page: u32,
        /// The first row of the page that was read last.
        first_row: Option<TicketId>,
    },
}

/// What a page of that list showed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyedPageShape {
    /// Rows that came.
    pub received: u64,
    /// Tickets in the whole list, by HaloPSA's count.
    pub count: Option<u64>,
    /// The first row that can be read.
    pub first_row: Option<TicketId>,
}

/// Why a list cannot be read to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EndlessList {
    /// Another page shows the same rows.
    PageRepeated,
    /// It is longer than any list of tickets is.
    TooManyPages,
}

/// The most pages of a list: ten million tickets. More is an odd count.
pub const LIST_PAGES_MAX: u32 = 100_000;

impl KeyedListPlace {
    /// The page that is read next.
    #[must_use]
    pub const fn page(&self) -> u32 {
        match self {
            Self::Backwards { page, .. } | Self::Forwards { page, .. } => *page,
        }
    }

    /// Where reading continues after the first page, which is read to learn how long the list is; `None` when
    /// it was the whole list. Otherwise the first page is read again, as the last one, if the list is read
    /// backwards.
    ///
    /// # Errors
    ///
    /// The list does not end.
    pub fn after_first_page(shape: KeyedPageShape) -> Result<Option<Self>, EndlessList> {
        let first_row = shape.first_row;
        match shape.count {
            _ if shape.received == 0 => Ok(None),
            Some(count) if count <= shape.received => Ok(None),
            Some(count) => {
                let page_rows = u32::try_from(shape.received).unwrap_or(u32::MAX);
                let page = pages_of(count, page_rows)?;
                Ok(Some(Self::Backwards {
                    page,
                    page_rows,
                    count,
                    first_row,
                }))
            }
            None => Ok(Some(Self::Forwards { page: 2, first_row })),
        }
    }

    /// Where reading continues after the page at this place; `None` at the end.
    ///
    /// # Errors
    ///
    /// The list does not end.
    pub fn after(&self, shape: KeyedPageShape) -> Result<Option<Self>, EndlessList> {
        let same_row = |before: &Option<TicketId>| before.is_some() && *before == shape.first_row;
        match self {
            Self::Backwards {
                page,
                page_rows,
                count,
                first_row,
            } => {
                let counted = shape.count.unwrap_or(*count);
                let joined = counted.saturating_sub(*count);
                if counted == *count && same_row(first_row) {
                    return Err(EndlessList::PageRepeated);
                }
                let next = if joined == 0 {
                    page.saturating_sub(1)
                } else {
                    // Where the newest tickets are listed first, those that joined have shifted rows that were
                    // not read to pages that were.
                    let shifted = page.saturating_add(pages_of(joined, *page_rows)?);
                    shifted.min(pages_of(counted, *page_rows)?)
                };
                Ok((next > 0).then_some(Self::Backwards {
                    page: next,
                    page_rows: *page_rows,
                    count: counted,
                    first_row: shape.first_row.filter(|_| next != *page),
                }))
            }
            Self::Forwards { .. } if shape.received == 0 => Ok(None),
            Self::Forwards { first_row, .. } if same_row(first_row) => {
                Err(EndlessList::PageRepeated)
            }
            Self::Forwards { page, .. } if *page >= LIST_PAGES_MAX => {
                Err(EndlessList::TooManyPages)
            }
            Self::Forwards { page, .. } => Ok(Some(Self::Forwards {
                page: page.saturating_add(1),
                first_row: shape.first_row,
            })),
        }
    }
}

/// Pages of `page_rows` that hold `count` rows.
fn pages_of(count: u64, page_rows: u32) -> Result<u32, EndlessList> {
    u32::try_from(count.div_ceil(u64::from(page_rows.max(1))))
        .ok()
        .filter(|pages| *pages <= LIST_PAGES_MAX)
        .ok_or(EndlessList::TooManyPages)
}

impl SweepCursor {
    /// Replaces times that were written under a wrong clock. A watermark in the future, by our clock or by
    /// HaloPSA's, would hide every change until then, so sweeps begin again an hour before the last one that
    /// read everything. If HaloPSA's clock was set back, changes get times that sweeps have passed already, so
    /// the watermark goes back by as much. Says whether the watermark was replaced.
    pub fn correct_times(&mut self, now: BothClocks) -> bool {
        let is_ahead = self.correct_future_times(now);
        let was_set_back = self.follow_desk_clock(now);
        is_ahead || was_set_back
    }

    /// Notes HaloPSA's clock. A step back of less than [`CLOCK_AHEAD_MAX`] hides nothing: the watermark is
    /// older than that, and clocks of HaloPSA's servers differ by as much.
    fn follow_desk_clock(&mut self, now: BothClocks) -> bool {
        let Some(ahead) = now.desk_ahead_ms() else {
            return false;
        };
        let before = self.desk_ahead_ms.replace(ahead);
        let step = before.map_or(0, |before| before.saturating_sub(ahead));
        let step = Duration::from_millis(u64::try_from(step).unwrap_or(0));
        if step <= CLOCK_AHEAD_MAX {
            return false;
        }
        self.watermark = self
            .watermark
            .map(|watermark| watermark.minus(step).minus(CLOCK_AHEAD_MAX));
        self.unsettled = None;
        self.pending = None;
        self.watermark.is_some()
    }

    fn correct_future_times(&mut self, now: BothClocks) -> bool {
        let ours = now.ours.plus(CLOCK_AHEAD_MAX);
        self.last_full_sweep = self.last_full_sweep.filter(|at| *at <= ours);
        let latest = now.latest_for_both();
        let is_ahead = self.watermark.is_some_and(|watermark| watermark > latest);
        if is_ahead {
            let unread = self
                .last_full_sweep
                .map_or(Duration::ZERO, |at| now.ours.since(at));
            self.watermark = Some(now.earlier().minus(RESET_REACH).minus(unread));
            self.pending = None;
        }
        self.unsettled = self
            .unsettled
            .filter(|unsettled| unsettled.changed_at <= latest && unsettled.listed_at <= ours);
        if let Some(pending) = &mut self.pending
            && pending.phase_since > ours
        {
            pending.phase_since = now.ours;
        }
        is_ahead
    }

    /// The watermark, or the epoch before the first sweep.
    #[must_use]
    pub fn watermark(&self) -> Timestamp {
        self.watermark.unwrap_or_default()
    }

    /// Records that every change since `since` (and, if given, until `to`) has been listed, and
    /// that the first request was sent at `listed_at`. The watermark moves up to the unsettled
    /// change if that has been settled for [`INDEX_LAG_MAX`].
    pub fn settle(&mut self, since: Timestamp, to: Option<Timestamp>, listed_at: Timestamp) {
        let Some(newest) = self.unsettled else {
            return;
        };
        let waited = listed_at.since(newest.listed_at);
        if waited >= INDEX_LAG_MAX && since <= self.watermark() {
            let listed = newest.changed_at;
            self.move_to(to.map_or(listed, |to| to.min(listed)));
        }
    }

    /// Records that a range has been read completely.
    pub fn complete_range(&mut self, rest: &PendingRange) {
        let since = rest.range.since;
        if rest.phase != ReadPhase::Settled {
            self.settle(since, Some(rest.covered_until()), rest.phase_since);
            let began = BothClocks::ours_alone(rest.phase_since);
            self.observe([rest.covered_until()], began);
        } else if since <= self.watermark() {
            // A range that begins after the watermark leaves out changes that may have been missing
            // before it.
            self.move_to(rest.covered_until().min(rest.phase_since));
        }
    }

    /// Records the newest of the listed changes as unsettled, unless an earlier one is still waiting:
    /// if every sweep replaced it, none would ever settle. A change in the future, by our clock or by
    /// HaloPSA's, is ignored: the watermark would hide every change until then.
    pub fn observe(&mut self, changes: impl IntoIterator<Item = Timestamp>, listed_at: BothClocks) {
        let latest = listed_at.latest_for_both();
        let plausible = changes
            .into_iter()
            .filter(|changed_at| *changed_at <= latest);
        let Some(changed_at) = plausible.max() else {
            return;
        };
        let to = self.watermark();
        let settling = self.unsettled.is_some_and(|noted| noted.changed_at > to);
        if !settling && changed_at > to {
            self.unsettled = Some(Unsettled {
                changed_at,
                listed_at: listed_at.ours,
            });
        }
    }

    /// Moves the watermark up to `at`, never back.
    fn move_to(&mut self, at: Timestamp) {
        self.watermark = self.watermark.max(Some(at));
    }
}

impl PendingRange {
    /// A range that was discovered at `now`. It ends in the past by HaloPSA's clock: changes that are made
    /// while it is read must not join it.
    #[must_use]
    pub fn discovered(mut range: ChangeRange, now: BothClocks) -> Self {
        let end = now.of_the_desk();
        let is_future = range.until > end.plus(CLOCK_AHEAD_MAX);
        // A range without a length would never advance.
        if is_future && end > range.since.plus(CLOCK_AHEAD_MAX) {
            range.until = end;
        }
        Self {
            range,
            phase: ReadPhase::Queued,
            phase_since: now.ours,
        }
    }

    /// Starts reading.
    pub const fn begin(&mut self, phase: ReadPhase, now: Timestamp) {
        self.phase = phase;
        self.phase_since = now;
    }

    /// Whether no change of this range can be missing from the list any more.
    #[must_use]
    pub fn is_settled(&self, now: Timestamp) -> bool {
        now.since(self.phase_since) >= INDEX_LAG_MAX
    }

    /// Whether reading the range takes more than `pages_max` requests.
    #[must_use]
    pub fn exceeds(&self, pages_max: usize) -> bool {
        usize::try_from(self.range.pages).is_ok_and(|pages| pages > pages_max)
    }

    /// The time up to which the range is known to be complete: one millisecond before its end,
    /// because it is not documented whether HaloPSA includes the end.
    #[must_use]
    pub fn covered_until(&self) -> Timestamp {
        self.range.until.minus(Duration::from_millis(1))
    }
}

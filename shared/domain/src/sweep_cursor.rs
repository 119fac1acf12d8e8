//! How far the desk's tickets were swept: what was listed for good, and what is still to be read.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::Timestamp;

/// For so long a change may be missing from the desk's lists: an index may lag. What was listed earlier
/// than this after it changed is listed once more. Less than the time between two sweeps, so that the
/// next one is late enough.
pub const INDEX_LAG_MAX: Duration = Duration::from_secs(240);

/// How far sweeps have come.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SweepCursor {
    /// Until when, by the desk's clock, every change was listed that can ever be; `None` before the first
    /// sweep.
    pub watermark: Option<Timestamp>,
    /// A later change that was listed.
    pub unsettled: Option<Unsettled>,
    /// When the last whole sweep began, by our clock: what it found changed is no longer taken for
    /// untouched.
    pub last_full_sweep: Option<Timestamp>,
    /// What is still to be read.
    pub pending: Option<PendingRange>,
}

/// A change that was listed. [`INDEX_LAG_MAX`] after it was, nothing before it is hidden.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unsettled {
    /// When it changed, by the desk's clock.
    pub changed_at: Timestamp,
    /// When it was listed, by ours.
    pub listed_at: Timestamp,
}

/// Every ticket whose last change lies between two times that are past, by the desk's clock; as far as
/// it is still to be read.
///
/// Nobody joins it: what changes now, changes later than `until`. Who changes again leaves it, and the
/// tickets behind move up. So it is read from its last page to its first: what moves up is met again,
/// and none is passed over, however long the reading takes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChangeRange {
    /// The earliest change.
    pub since: Timestamp,
    /// The latest change; whether that moment itself counts is not promised.
    pub until: Timestamp,
    /// Pages still to be read, the last of them next.
    pub pages: u32,
    /// Tickets in the whole stretch, when that was last asked.
    pub count: u32,
}

/// What is done about a stretch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReadPhase {
    /// Nothing yet.
    Queued,
    /// It began when changes could still be hidden.
    Fresh,
    /// It began when none could be.
    Settled,
}

/// A stretch, until it and what changed after it are read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PendingRange {
    /// What is left of it.
    pub range: ChangeRange,
    /// How it is read.
    pub phase: ReadPhase,
    /// Since when, by our clock; when it waits, that is when its latest change was seen.
    pub phase_since: Timestamp,
}

impl SweepCursor {
    /// The time up to which everything was listed; the beginning of time before the first sweep.
    #[must_use]
    pub fn watermark(&self) -> Timestamp {
        self.watermark.unwrap_or_default()
    }

    /// Everything that changed since `since`, until `to` if that is given, was listed, none of it before
    /// `listed_at`: the mark moves to what was newest a while before that, which can no longer have
    /// anything hidden before it.
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

    /// `rest`, a stretch, was read to its end.
    pub fn complete_range(&mut self, rest: &PendingRange) {
        let since = rest.range.since;
        if rest.phase != ReadPhase::Settled {
            self.settle(since, Some(rest.covered_until()), rest.phase_since);
            self.observe(rest.covered_until(), rest.phase_since);
        } else if since <= self.watermark() {
            // One that begins behind the mark leaves out what may have been hidden before it.
            self.move_to(rest.covered_until());
        }
    }

    /// Notes a change that was listed, unless one that was noted before has not settled yet: it would
    /// never, if each sweep put another in its place.
    pub fn observe(&mut self, changed_at: Timestamp, listed_at: Timestamp) {
        let to = self.watermark();
        let settling = self.unsettled.is_some_and(|noted| noted.changed_at > to);
        if !settling && changed_at > to {
            self.unsettled = Some(Unsettled {
                changed_at,
                listed_at,
            });
        }
    }

    /// Moves the mark forward to `at`.
    fn move_to(&mut self, at: Timestamp) {
        self.watermark = self.watermark.max(Some(at));
    }
}

impl PendingRange {
    /// A stretch met with `at` this time.
    #[must_use]
    pub const fn discovered(range: ChangeRange, now: Timestamp) -> Self {
        Self {
            range,
            phase: ReadPhase::Queued,
            phase_since: now,
        }
    }

    /// Its reading begins.
    pub const fn begin(&mut self, phase: ReadPhase, now: Timestamp) {
        self.phase = phase;
        self.phase_since = now;
    }

    /// Whether no change of it can be hidden any more by an index that lags.
    #[must_use]
    pub fn is_settled(&self, now: Timestamp) -> bool {
        now.since(self.phase_since) >= INDEX_LAG_MAX
    }

    /// Whether reading it takes more than `pages_max` requests.
    #[must_use]
    pub fn exceeds(&self, pages_max: usize) -> bool {
        usize::try_from(self.range.pages).is_ok_and(|pages| pages > pages_max)
    }

    /// Until when it is sure to hold every change: one millisecond short of its end, since it is not
    /// known whether the desk counts that.
    #[must_use]
    pub fn covered_until(&self) -> Timestamp {
        self.range.until.minus(Duration::from_millis(1))
    }
}

//! Whether the store knows everything that Halogard did: a store may be older than the world.
//!
//! A backup that is put back, a table that is recovered to an earlier time and an empty store have one
//! thing in common: HaloPSA holds tickets of ours that no link names. Whether an alert without a link
//! has such a ticket is found out by a sweep, one request for all of them. Until then no ticket is
//! opened for an alert that was raised before the sweep was known to be needed.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::adoption::StoreHistory;
use crate::alert::Alert;
use crate::link::IN_DOUBT_MAX;
use crate::record::{Record, Singleton};
use crate::time::{CLOCK_AHEAD_MAX, Timestamp};

/// A store that no sync cycle has touched for so long was away, and may come from a backup. Sync cycles
/// run every minute.
pub const AWAY_AFTER: Duration = Duration::from_secs(600);

/// How often it is recorded that the store is in use.
const RECORD_EVERY: Duration = Duration::from_secs(120);

/// How long an alert waits at first before it is checked again whether its ticket may be opened. Then it
/// waits as long as it has waited already.
const HOLD_MIN: Duration = Duration::from_secs(15);

/// The longest such pause.
const HOLD_MAX: Duration = Duration::from_secs(300);

/// Whether the store knows everything that Halogard did.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Continuity {
    /// When the store began to be used without interruption. What was done with it earlier may be
    /// missing from it.
    pub began_at: Timestamp,
    /// When a sync cycle last recorded that the store is in use.
    pub seen_at: Timestamp,
    /// What is known about the time before [`began_at`](Self::began_at).
    pub knowledge: Knowledge,
    /// Whether the store was empty when it began to be used and no sweep has checked it since. Its
    /// predecessor, if there was one, proved its keys with another secret.
    pub is_new: bool,
}

/// What a store is known to contain of the time before it began to be used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Knowledge {
    /// Nothing is known yet: the next sweep shows.
    #[default]
    Unchecked,
    /// HaloPSA holds tickets of ours that the store did not know, or the store was away for long. A
    /// sweep may still miss the newest of them.
    Behind,
    /// Every ticket of ours has been listed.
    Current,
}

impl Record for Continuity {
    const PARTITION: &'static str = "continuity";
    type Key = Singleton;
}

impl Continuity {
    /// Begins anew at `now`: a process starts with this store, and whether the store was replaced in the
    /// meantime is unknown.
    pub fn begin(&mut self, now: Timestamp) {
        let known = self.seen_at > Timestamp::EPOCH;
        let was_away = known && (now.since(self.seen_at) > AWAY_AFTER || self.is_ahead(now));
        *self = Self {
            is_new: !known || self.is_new,
            began_at: now,
            seen_at: now,
            knowledge: if was_away || (known && self.knowledge == Knowledge::Behind) {
                Knowledge::Behind
            } else {
                Knowledge::Unchecked
            },
        };
    }

    /// Records that a sync cycle runs at `now`. Begins anew if none has for long.
    pub fn observe_cycle(&mut self, now: Timestamp) {
        if self.was_away(now) {
            self.begin(now);
        } else if now.since(self.seen_at) >= RECORD_EVERY {
            self.seen_at = now;
        }
    }

    /// Records that a sweep listed a ticket of ours that no link explains.
    pub fn observe_unknown_ticket(&mut self) {
        if self.knowledge == Knowledge::Unchecked {
            self.knowledge = Knowledge::Behind;
        }
    }

    /// Records that everything that changed before `listed_at` has been listed, and every unknown
    /// ticket of ours in it adopted.
    pub fn observe_sweep(&mut self, listed_at: Timestamp) {
        if self
            .sweep_needed_from()
            .is_some_and(|from| listed_at >= from)
        {
            self.knowledge = Knowledge::Current;
            self.is_new = false;
        }
    }

    /// What the store proves about a ticket that no link names.
    #[must_use]
    pub const fn history(&self) -> StoreHistory {
        if self.is_new {
            StoreHistory::New
        } else {
            StoreHistory::Known
        }
    }

    /// A sweep that begins at this time or later is what is still needed; `None` when none is. HaloPSA's
    /// lists may lag, so once a ticket was unknown only a later sweep shows that no other one is.
    #[must_use]
    pub fn sweep_needed_from(&self) -> Option<Timestamp> {
        match self.knowledge {
            Knowledge::Unchecked => Some(self.began_at),
            Knowledge::Behind => Some(self.began_at.plus(IN_DOUBT_MAX)),
            Knowledge::Current => None,
        }
    }

    /// Until when no ticket may be opened for `alert`, because an earlier one may exist that the store
    /// does not know; `None` when it may be opened. The alert's first ticket (`recurrence` 1) cannot be
    /// older than the alert.
    #[must_use]
    pub fn hold_until(&self, alert: &Alert, recurrence: u32, now: Timestamp) -> Option<Timestamp> {
        if self.was_away(now) {
            return Some(now.plus(HOLD_MIN));
        }
        let waited = now.since(self.began_at);
        let retry_at = now.plus(waited.clamp(HOLD_MIN, HOLD_MAX));
        let needed = self.sweep_needed_from()?;
        let is_new = recurrence == 1 && alert.raised_at > self.began_at.plus(CLOCK_AHEAD_MAX);
        (!is_new).then(|| needed.max(retry_at))
    }

    /// Whether no sync cycle has run for long, or the recorded times cannot be.
    fn was_away(&self, now: Timestamp) -> bool {
        now.since(self.seen_at) > AWAY_AFTER || self.is_ahead(now)
    }

    /// Whether the recorded times were written under a clock that was ahead.
    fn is_ahead(&self, now: Timestamp) -> bool {
        self.began_at.max(self.seen_at) > now.plus(CLOCK_AHEAD_MAX)
    }
}

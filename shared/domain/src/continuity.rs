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
use crate::ids::TicketId;
use crate::key::InstallationId;
use crate::link::IN_DOUBT_MAX;
use crate::record::{Record, Singleton};
use crate::time::{CLOCK_AHEAD_MAX, Timestamp};

/// A store that no sync cycle has touched for so long was away, and may come from a backup: this long, and
/// twice as long as cycles are apart.
pub const AWAY_AFTER: Duration = Duration::from_secs(600);

/// The longest time between two sync cycles that counts as usual.
const CYCLE_GAP_MAX: Duration = Duration::from_secs(24 * 60 * 60);

/// How often it is recorded that the store is in use.
const RECORD_EVERY: Duration = Duration::from_secs(120);

/// How long an alert waits at first before it is checked again whether its ticket may be opened, once a sweep can
/// show that. Then it waits as long as it has waited since.
const HOLD_MIN: Duration = Duration::from_secs(15);

/// The longest such pause.
const HOLD_MAX: Duration = Duration::from_secs(300);

/// How long a new store that found tickets of ours watches a new alert before it opens a first ticket: a
/// poll, the lag of HaloPSA's lists and a sweep of each installation, twice over. If the installation that
/// opened those tickets still runs, it opens one for the alert meanwhile.
pub const PROBATION: Duration = Duration::from_secs(1200);

/// Another installation that opens tickets in the same HaloPSA, with our application.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rival {
    /// Its id; `None` where its ticket does not show it.
    pub installation: Option<InstallationId>,
    /// The ticket by which it was recognised.
    pub ticket: TicketId,
    /// When that was.
    pub seen_at: Timestamp,
}

/// Whether the store knows everything that Halogard did.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoreContinuity {
    /// When the store began to be used without interruption. What was done with it earlier may be
    /// missing from it.
    pub began_at: Timestamp,
    /// When a sync cycle last recorded that the store is in use.
    pub seen_at: Timestamp,
    /// How far sync cycles were last apart; shorter pauses lower it only slowly, because sweeps between two
    /// cycles count as well.
    pub cycle_gap: Duration,
    /// What is known about the time before [`began_at`](Self::began_at).
    pub completeness: Completeness,
    /// Whether the store was empty when it began to be used and no sweep has checked it since. Its
    /// predecessor, if there was one, proved its keys with another secret.
    pub is_new: bool,
    /// The highest number of a ticket that a sweep had listed when the store last knew every ticket of
    /// ours. HaloPSA's numbers grow: what the store may be missing was opened later and has a higher one.
    pub newest_ticket: Option<TicketId>,
    /// The same when a store that was new first knew every ticket of ours. What our application opened up
    /// to there without this store's proof is its predecessor's; what it opened later, another
    /// installation's.
    pub newest_at_birth: Option<TicketId>,
    /// Whether a new store found tickets of ours and has opened none yet: the installation that opened them
    /// may still run.
    pub on_probation: bool,
    /// The other installation, once one was recognised; of several the oldest.
    pub rival: Option<Rival>,
}

/// What a store is known to contain of the time before it began to be used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Completeness {
    /// Nothing is known yet: the next sweep shows.
    #[default]
    Unchecked,
    /// HaloPSA holds tickets of ours that the store did not know, or the store was away for long. A
    /// sweep may still miss the newest of them.
    Behind,
    /// Every ticket of ours has been listed.
    Current,
}

impl Rival {
    /// Whether it is one of `former`: installations that no longer run.
    fn is_in(&self, former: &[String]) -> bool {
        let id = self.installation.as_ref();
        id.is_some_and(|id| former.iter().any(|former| former == id.as_str()))
    }
}

impl Record for StoreContinuity {
    const PARTITION: &'static str = "continuity";
    type Key = Singleton;
}

impl StoreContinuity {
    /// Begins anew at `now`: a process starts with this store, and whether the store was replaced in the
    /// meantime is unknown.
    pub fn begin(&mut self, now: Timestamp) {
        let known = self.seen_at > Timestamp::EPOCH;
        let was_away = known && (now.since(self.seen_at) > AWAY_AFTER || self.is_ahead(now));
        *self = Self {
            is_new: !known || self.is_new,
            newest_ticket: self.newest_ticket,
            newest_at_birth: self.newest_at_birth,
            on_probation: self.on_probation,
            rival: self.rival.take(),
            began_at: now,
            seen_at: now,
            cycle_gap: self.cycle_gap,
            completeness: if was_away || (known && self.completeness == Completeness::Behind) {
                Completeness::Behind
            } else {
                Completeness::Unchecked
            },
        };
    }

    /// Begins anew at `now` with a copy that was put back: what was done since it was made is missing from it,
    /// however young it is.
    pub fn begin_restored(&mut self, now: Timestamp) {
        self.begin(now);
        self.completeness = Completeness::Behind;
    }

    /// Records that a sync cycle runs at `now`. Begins anew if none has for longer than usual.
    pub fn observe_cycle(&mut self, now: Timestamp) {
        let gap = now.since(self.seen_at);
        let is_measured = self.seen_at > Timestamp::EPOCH && gap >= RECORD_EVERY;
        if self.was_away(now) {
            self.begin(now);
        } else if is_measured {
            self.seen_at = now;
        }
        if is_measured {
            let slowly = self.cycle_gap.saturating_mul(7) / 8;
            self.cycle_gap = gap.max(slowly).min(CYCLE_GAP_MAX);
        }
    }

    /// Records that a sweep listed a ticket of ours that no link explains.
    pub fn observe_unknown_ticket(&mut self) {
        if self.completeness == Completeness::Unchecked {
            self.completeness = Completeness::Behind;
        }
    }

    /// Records the highest number among the tickets that the first sweep of a store found by a key.
    pub fn observe_found_ticket(&mut self, newest: TicketId) {
        self.newest_ticket = self.newest_ticket.max(Some(newest));
    }

    /// Records that the first sweep of a store adopted tickets of ours.
    pub fn observe_predecessor(&mut self) {
        self.observe_unknown_ticket();
        self.on_probation = true;
    }

    /// Records that this store has opened a ticket.
    pub fn observe_opening(&mut self) {
        self.on_probation = false;
    }

    /// Whether a ticket that our application opened without this store's proof shows that another
    /// installation runs.
    #[must_use]
    pub fn may_show_a_rival(&self, ticket: TicketId) -> bool {
        !self.is_new && Some(ticket) > self.newest_at_birth
    }

    /// Records another installation. One that is named in `former` gives way to any other.
    pub fn observe_rival(&mut self, rival: Rival, former: &[String]) {
        let known = self.rival.take().filter(|known| !known.is_in(former));
        let is_older = |known: &Rival| known.installation <= rival.installation;
        self.rival = Some(known.filter(is_older).unwrap_or(rival));
    }

    /// The installation to which this one, `own`, leaves the opening of tickets: an older one, or one of
    /// unknown age, that is not named in `former`.
    #[must_use]
    pub fn yields_to(&self, own: &InstallationId, former: &[String]) -> Option<&Rival> {
        let rival = self.rival.as_ref().filter(|rival| !rival.is_in(former))?;
        let is_older = rival.installation.as_ref().is_none_or(|id| id < own);
        is_older.then_some(rival)
    }

    /// Records that everything that changed before `listed_at` has been listed, and every unknown
    /// ticket of ours in it adopted. `newest` is the highest number in the list.
    pub fn observe_sweep(&mut self, listed_at: Timestamp, newest: Option<TicketId>) {
        if self
            .sweep_needed_from()
            .is_some_and(|from| listed_at >= from)
        {
            self.completeness = Completeness::Current;
        }
        // A list that lags may show a lower number later.
        if self.completeness == Completeness::Current {
            self.newest_ticket = self.newest_ticket.max(newest);
            if self.is_new {
                self.newest_at_birth = self.newest_ticket;
                self.is_new = false;
            }
        }
    }

    /// Whether a ticket without an owner, and without a key in a title that was listed, may be ours all the
    /// same: people rewrite titles, and what a row lacks or shows oddly is not used. True of one that was opened
    /// after the store last knew every ticket of ours; of any where no ticket had been listed by then. The first
    /// sweep of a new store searches for keys.
    #[must_use]
    pub fn may_be_missing(&self, ticket: TicketId) -> bool {
        let newest = self.newest_ticket;
        let is_later = newest.map_or(!self.is_new, |newest| ticket > newest);
        is_later && self.sweep_needed_from().is_some()
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
        match self.completeness {
            Completeness::Unchecked => Some(self.began_at),
            Completeness::Behind => Some(self.began_at.plus(IN_DOUBT_MAX)),
            Completeness::Current => None,
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
        if self.on_probation {
            let raised_at = Some(alert.raised_at).filter(|at| *at <= now.plus(CLOCK_AHEAD_MAX));
            let shown = raised_at
                .max(Some(self.began_at))
                .unwrap_or(now)
                .plus(PROBATION);
            if shown > now {
                return Some(shown);
            }
        }
        let needed = self.sweep_needed_from()?;
        let is_new = recurrence == 1 && alert.raised_at > self.began_at.plus(CLOCK_AHEAD_MAX);
        let overdue = now.since(needed).clamp(HOLD_MIN, HOLD_MAX);
        let retry_at = if needed > now {
            needed
        } else {
            now.plus(overdue)
        };
        (!is_new).then_some(retry_at)
    }

    /// Whether no sync cycle has run for longer than usual, or the recorded times cannot be.
    fn was_away(&self, now: Timestamp) -> bool {
        let away_after = AWAY_AFTER.max(self.cycle_gap.saturating_mul(2));
        now.since(self.seen_at) > away_after || self.is_ahead(now)
    }

    /// Whether the recorded times were written under a clock that was ahead.
    fn is_ahead(&self, now: Timestamp) -> bool {
        self.began_at.max(self.seen_at) > now.plus(CLOCK_AHEAD_MAX)
    }
}

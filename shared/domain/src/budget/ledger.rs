//! The ledger: the shared value from which every instance leases its permits.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::adaptive_limit::AdaptiveLimit;
use super::grant_rules::{GrantRules, LEASE_SPAN, micros_in};
use super::slots::{SlotState, Slots, Tick, tick_at, time_of};
use super::stored_ledger::StoredLedger;
use super::window_estimate::WindowEstimate;
use super::{Limit, Pace, Priority, RateRefusal, WorkStage};
use crate::record::{Record, Singleton};
use crate::time::{CLOCK_AHEAD_MAX, SteadyTime, Timestamp};

/// Number of pace intervals that are tried for an urgent request.
const URGENT_STEPS_MAX: u32 = 60;

/// A request for permits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PermitRequest {
    /// The most permits to grant.
    pub permits_max: u32,
    /// How urgent the work is.
    pub priority: Priority,
    /// Whether the requests begin work or finish it.
    pub stage: WorkStage,
    /// How the server is assumed to count.
    pub pace: Pace,
}

/// A permit, and when it may be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GrantedPermit {
    /// Identifies the permit when it is reported or released. Unique within the ledger's life.
    pub slot: u64,
    /// It may be used from this time until [`Limit::GRACE`] later.
    pub from: Timestamp,
}

/// No permit is available yet. The ledger is unchanged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Denied {
    /// When a permit may be used, unless another instance takes it first.
    pub usable_at: Timestamp,
    /// When it can be leased: ahead of its time, where that does no harm.
    pub leasable_at: Timestamp,
}

/// The permits in use, the requests of the last two windows, and what was learned about the limit.
///
/// A pure value: a store persists it, this module computes with it. As JSON it takes about one byte
/// per request of a window, and 300 bytes for the rest.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "StoredLedger", into = "StoredLedger")]
pub struct Ledger {
    pub(super) slots: Slots,
    pub(super) estimate: WindowEstimate,
    pub(super) adaptive: AdaptiveLimit,
    /// When the next paced request is due, in microseconds since 1970.
    pub(super) pace_at: i64,
    /// When the next urgent request may exceed the number of requests ever accepted, in
    /// microseconds since 1970.
    pub(super) urgent_at: i64,
    /// The clock by which all times of the ledger are given, as it was when last used.
    pub(super) clock: Option<SteadyTime>,
}

impl Record for Ledger {
    const PARTITION: &'static str = "request_budget";
    type Key = Singleton;
}

impl Ledger {
    /// Goes by the clock of `now` from here on. Every time that is passed to the ledger is one of this
    /// clock.
    ///
    /// The clock of another source says nothing about how long ago the requests in the ledger were sent,
    /// and after a restart of the machine the newest of them may not even be in it: the window then counts
    /// as full.
    pub fn follow(&mut self, now: SteadyTime, limit: &Limit) {
        let limit = &self.limit_in_force(limit);
        if self.clock.is_some_and(|clock| clock.source != now.source) {
            self.fill_window(now.at, limit);
        }
        self.clock = Some(now);
    }

    /// Whether all times of the ledger are given by the clock of `now`.
    #[must_use]
    pub fn follows(&self, now: SteadyTime) -> bool {
        self.clock.is_some_and(|clock| clock.source == now.source)
    }

    /// Takes the window for full: as many requests as are allowed may have been sent a moment ago.
    fn fill_window(&mut self, now: Timestamp, limit: &Limit) {
        self.slots.fill(limit.requests_max, freed_at(now, limit));
        self.estimate = WindowEstimate::default();
        self.pace_at = micros(now);
        self.urgent_at = micros(now);
        self.adaptive.restart_times(now);
    }

    /// Grants permits at `now`: at least one and at most as many as requested.
    ///
    /// Each permit says when it may be used; the first is due within five seconds.
    ///
    /// # Errors
    ///
    /// [`Denied`], with the time when a permit can be used, if that is later.
    pub fn grant(
        &mut self,
        now: Timestamp,
        limit: &Limit,
        request: &PermitRequest,
    ) -> Result<Vec<GrantedPermit>, Denied> {
        let limit = &self.limit_in_force(limit);
        self.advance_to(now, limit);
        let used = self.slots.in_use(tick_now(now));
        let rules = GrantRules::of(&self.adaptive, limit, request, used);
        if let Some(urgent) = self.grant_urgent(now, limit, &rules) {
            return urgent.map(|granted| vec![granted]);
        }
        let mut frees: Vec<Tick> = self
            .slots
            .used(tick_now(now))
            .map(|slot| slot.free_at)
            .collect();
        frees.sort_unstable();
        let in_use = frees.len();
        let want = request.permits_max.min(self.adaptive.lease_max());
        let want = want.min(rules.lease_max(in_use)).max(1);
        let mut granted = Vec::new();
        for index in 0..usize::try_from(want).unwrap_or(1) {
            let over = (in_use + index + 1).saturating_sub(rules.level);
            let free_at = match over.checked_sub(1).map(|at| frees.get(at)) {
                None => now,
                Some(Some(tick)) => time_of(*tick),
                // More slots are leased than the level has: the level is smaller than one lease.
                Some(None) => break,
            };
            let earliest = free_at
                .max(now)
                .max(self.adaptive.wait_until.unwrap_or(now));
            let (from, pace_at) = self.due(earliest, limit, &rules);
            if granted.is_empty() && from > now.plus(rules.ahead) {
                return Err(Denied {
                    usable_at: from,
                    leasable_at: from.minus(rules.ahead),
                });
            }
            if from > now.plus(rules.ahead).plus(rules.span) {
                break;
            }
            self.pace_at = pace_at;
            granted.push(self.lease(from, limit));
        }
        if granted.is_empty() {
            let until = now.plus(limit.window);
            return Err(Denied {
                usable_at: until,
                leasable_at: until,
            });
        }
        Ok(granted)
    }

    fn lease(&mut self, from: Timestamp, limit: &Limit) -> GrantedPermit {
        self.estimate.add(from);
        let slot = self
            .slots
            .lease(tick_at(from.plus(unreported_lifetime(limit))));
        GrantedPermit { slot, from }
    }

    /// Grants one permit for urgent work ahead of those already leased, as soon as neither the
    /// slots nor any way of counting forbids it. `None` if that is not soon, or for other work.
    fn grant_urgent(
        &mut self,
        now: Timestamp,
        limit: &Limit,
        rules: &GrantRules,
    ) -> Option<Result<GrantedPermit, Denied>> {
        let pacing = rules.pacing.as_ref()?;
        let cap = pacing.urgent_milli?;
        let begin = now.max(self.adaptive.wait_until.unwrap_or(now));
        let gap = Duration::from_micros(pacing.gap.unsigned_abs());
        // Permits leased ahead count at the time when they are sent.
        let leased = from_micros(self.pace_at - pacing.gap);
        let at = (0..URGENT_STEPS_MAX)
            .map(|step| begin.plus(gap * step))
            .find(|at| {
                // Above the number ever accepted, one urgent request per pace interval.
                let calm = micros(*at) >= self.urgent_at;
                let cap = if calm {
                    cap
                } else {
                    pacing.proven_milli.min(cap)
                };
                self.estimate.fits_one_more(leased.max(*at), cap)
                    && self.has_room(*at, limit, rules.level)
            })?;
        if at > now.plus(Limit::LEASE_AHEAD) {
            return Some(Err(Denied {
                usable_at: at,
                leasable_at: at,
            }));
        }
        self.pace_at = self.pace_at.max(micros(at)) + pacing.gap;
        self.urgent_at = micros(at) + pacing.gap;
        Some(Ok(self.lease(at, limit)))
    }

    /// Whether one more request at `at` leaves every window within `level`: now, and whenever a
    /// permit that was leased ahead falls due.
    fn has_room(&self, at: Timestamp, limit: &Limit, level: usize) -> bool {
        let tick = tick_now(at);
        let due = tick_at(at.plus(unreported_lifetime(limit)));
        let mut later: Vec<Tick> = Vec::new();
        let mut frees: Vec<Tick> = Vec::new();
        for slot in self.slots.used(tick) {
            if slot.state == SlotState::Leased && slot.free_at > due {
                later.push(slot.free_at - due + tick);
            } else {
                frees.push(slot.free_at);
            }
        }
        if frees.len() >= level {
            return false;
        }
        later.sort_unstable();
        (1..).zip(&later).all(|(more, from)| {
            let free = frees.iter().filter(|free| **free <= *from).count();
            frees.len() - free + more < level
        })
    }

    /// Records that the request of `slot` got its response, or was given up, at `seen`.
    ///
    /// Repeatable. A slot that had already expired is added again, because its request still counts
    /// at the server.
    pub fn complete(&mut self, slot: u64, seen: Timestamp, limit: &Limit) {
        let limit = &self.limit_in_force(limit);
        self.slots
            .report(slot, freed_at(seen, limit), SlotState::Completed);
    }

    /// Records that the server refused the request of `slot` at `seen` because of its limit, and what the
    /// refusal said.
    pub fn rate_limited(
        &mut self,
        slot: u64,
        seen: Timestamp,
        refusal: RateRefusal,
        limit: &Limit,
    ) {
        let before = self.limit_in_force(limit);
        if self.adaptive.observe_stated(seen, refusal.stated, limit) {
            self.adaptive.forget_counts();
        }
        let limit = &self.limit_in_force(limit);
        self.fit_to_window(before.window, limit.window);
        self.slots
            .report(slot, freed_at(seen, limit), SlotState::RateLimited);
        // Leased and due: sent by now, and more likely accepted than not.
        let sent = tick_at(seen.plus(unreported_lifetime(limit)));
        let ours = self
            .slots
            .used(tick_now(seen))
            .filter(|slot| match slot.state {
                SlotState::Leased => slot.free_at <= sent,
                SlotState::Completed => true,
                SlotState::RateLimited | SlotState::Released => false,
            })
            .count();
        let ours = u32::try_from(ours).unwrap_or(u32::MAX);
        self.adaptive.rate_limited(seen, ours, refusal, limit);
    }

    /// The requests of `before`, the former window, are free again one window of the length `now` after their responses.
    fn fit_to_window(&mut self, before: Duration, now: Duration) {
        self.slots.shift(ticks(now) - ticks(before));
    }

    /// Releases a permit that was never used. Repeatable.
    pub fn release(&mut self, granted: GrantedPermit) {
        if self.slots.release(granted.slot) {
            self.estimate.remove(granted.from);
        }
    }

    /// Slots in use at `now`.
    #[must_use]
    pub fn in_use(&self, now: Timestamp) -> usize {
        self.slots.in_use(tick_now(now))
    }

    /// The limit to keep to: `limit`, or the lower one that HaloPSA's refusals name.
    #[must_use]
    pub fn limit_in_force(&self, limit: &Limit) -> Limit {
        self.adaptive.in_force(limit)
    }

    /// The effective limit: requests that are believed to be allowed in a window of the limit in force. As many
    /// as it names, or less after refusals.
    #[must_use]
    pub fn effective_limit(&self, limit: &Limit) -> u32 {
        self.adaptive.level(&self.limit_in_force(limit))
    }

    /// Replaces times that were written under a clock that was ahead: a slot is freed when a request
    /// sent now would be, everything else is forgotten.
    fn correct_future_times(&mut self, now: Timestamp, limit: &Limit) {
        let ahead = Limit::LEASE_AHEAD + LEASE_SPAN;
        let latest = tick_at(now.plus(ahead).plus(unreported_lifetime(limit)));
        self.slots
            .correct_future_times(latest + ticks(CLOCK_AHEAD_MAX), freed_at(now, limit));
        let corrected = micros(now);
        let pace_max = micros(now.plus(ahead + limit.window + CLOCK_AHEAD_MAX));
        for due in [&mut self.pace_at, &mut self.urgent_at] {
            if *due > pace_max {
                *due = corrected;
            }
        }
        let last_sent = now.plus(ahead + CLOCK_AHEAD_MAX);
        if self.estimate.is_after(last_sent) {
            self.estimate = WindowEstimate::default();
        }
        self.adaptive.correct_future_times(now, limit);
    }

    /// Advances the whole ledger to `now`.
    fn advance_to(&mut self, now: Timestamp, limit: &Limit) {
        self.correct_future_times(now, limit);
        let tick = tick_now(now);
        let expired = self.slots.expire(tick);
        self.adaptive.record_expired(expired.lost, expired.reported);
        let mut in_use = 0;
        let mut completed = 0;
        for slot in self.slots.used(tick) {
            in_use += 1;
            completed += u32::from(slot.state == SlotState::Completed);
        }
        self.estimate.advance_to(now, limit.window, in_use);
        self.adaptive.record_accepted(completed);
        self.adaptive.advance_to(now, limit);
    }

    /// When a request that may be sent from `earliest` on is due, and when the one after it.
    fn due(&self, earliest: Timestamp, limit: &Limit, rules: &GrantRules) -> (Timestamp, i64) {
        let Some(pacing) = &rules.pacing else {
            return (earliest, self.pace_at);
        };
        let begin = micros(earliest);
        if self.estimate.fits_one_more(earliest, pacing.burst_milli) {
            return (earliest, self.pace_at.max(begin + pacing.gap));
        }
        // At most one missed interval is made up for; more would be a burst.
        let mut due = self.pace_at.max(begin - pacing.gap);
        let mut from = from_micros(due.max(begin));
        // Every request leaves the estimate within two windows.
        let steps_max = 2 * micros_in(limit.window) / pacing.gap;
        for _ in 0..steps_max {
            if self.estimate.fits_one_more(from, pacing.level_milli) {
                break;
            }
            due = micros(from) + pacing.gap;
            from = from_micros(due);
        }
        (from, due + pacing.gap)
    }
}

/// Time from a permit's time until its slot is freed, if it is never reported.
fn unreported_lifetime(limit: &Limit) -> Duration {
    Limit::PERMIT_TTL + limit.window + Limit::MARGIN
}

/// When a slot is freed whose response was seen at `seen`.
fn freed_at(seen: Timestamp, limit: &Limit) -> Tick {
    tick_at(seen.plus(limit.window).plus(Limit::MARGIN))
}

/// A duration in ticks.
fn ticks(span: Duration) -> Tick {
    tick_at(Timestamp::EPOCH.plus(span))
}

/// The last tick that is not after `now`, so that no slot is freed early.
fn tick_now(now: Timestamp) -> Tick {
    let tick = tick_at(now);
    if time_of(tick) > now { tick - 1 } else { tick }
}

/// A time in microseconds.
fn micros(time: Timestamp) -> i64 {
    time.as_millis().saturating_mul(1000)
}

/// The first millisecond that is not before.
fn from_micros(micros: i64) -> Timestamp {
    Timestamp::from_millis(micros.div_euclid(1000) + i64::from(micros.rem_euclid(1000) > 0))
}

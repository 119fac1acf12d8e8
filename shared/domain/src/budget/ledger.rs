//! The ledger: the shared value that every instance takes its permits from.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::adaptive_limit::AdaptiveLimit;
use super::slots::{Slots, State, Tick, tick_at, time_of};
use super::window_estimate::WindowEstimate;
use super::{Limit, Pace, Priority};
use crate::time::Timestamp;

/// How long a lease may span beyond that.
const SPAN: Duration = Duration::from_secs(20);

/// What the pace stays under the level, in thousandths of a request: one for the place of our
/// requests within the server's windows, the rest for answers that took long.
const PACE_BELOW_MILLI: i64 = 1_400;

/// Paces ahead that are looked at for an urgent request.
const URGENT_STEPS_MAX: u32 = 60;

/// How full bursts may make the window, in thousandths: see [`flow`](super::window_estimate) for the rest.
const BURST_PER_MILLE: i64 = 960;

/// A request for permits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PermitRequest {
    /// How many, at most.
    pub permits_max: u32,
    /// Whose work it is for.
    pub priority: Priority,
    /// What the server is taken for.
    pub pace: Pace,
}

/// A permit, and when it may be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GrantedPermit {
    /// Names it when it is reported or given back; no other permit of this ledger has this number.
    pub slot: u64,
    /// From when on it may be used, until [`Limit::GRACE`] later.
    pub from: Timestamp,
}

/// No permit is there yet. Nothing was taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Denied {
    /// When a permit may be used, if nobody else is faster.
    pub usable_at: Timestamp,
    /// From when on it can be leased: ahead of its time, where that does no harm.
    pub leasable_at: Timestamp,
}

/// The permits that are out or in use, what was sent lately, and what was learned of the limit.
///
/// A value: a store keeps it, this arithmetic changes it. StoredLedger as JSON it has about one byte for
/// each request of a window, and 300 for the rest.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "StoredLedger", into = "StoredLedger")]
pub struct Ledger {
    slots: Slots,
    estimate: WindowEstimate,
    adaptive: AdaptiveLimit,
    /// When the next paced request is due, in microseconds since 1970.
    pace_at: i64,
    /// When the next urgent request may go before its turn above what was ever accepted, likewise.
    urgent_at: i64,
}

impl Ledger {
    /// Takes permits at `now`: at least one and at most as many as asked for.
    ///
    /// Each says when it may be used; the first is due within five seconds.
    ///
    /// # Errors
    ///
    /// [`Denied`] says when a permit can be used, when that is later.
    pub fn grant(
        &mut self,
        now: Timestamp,
        limit: &Limit,
        request: &PermitRequest,
    ) -> Result<Vec<GrantedPermit>, Denied> {
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
                // More are out than ever free: the level is smaller than one lease.
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
            granted.push(self.give_out(from, limit));
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

    fn give_out(&mut self, from: Timestamp, limit: &Limit) -> GrantedPermit {
        self.estimate.add(from);
        let slot = self.slots.give_out(tick_at(from.plus(unreported(limit))));
        GrantedPermit { slot, from }
    }

    /// One permit for urgent work before those that are leased ahead, as soon as neither the slots nor
    /// any server's way of counting forbids it; `None` when that is not soon, or it is other work.
    fn grant_urgent(
        &mut self,
        now: Timestamp,
        limit: &Limit,
        rules: &GrantRules,
    ) -> Option<Result<GrantedPermit, Denied>> {
        let paced = rules.paced.as_ref()?;
        let cap = paced.urgent_milli?;
        let begin = now.max(self.adaptive.wait_until.unwrap_or(now));
        let gap = Duration::from_micros(paced.gap.unsigned_abs());
        // What is leased ahead counts, and counts when it is sent.
        let leased = from_micros(self.pace_at - paced.gap);
        let at = (0..URGENT_STEPS_MAX)
            .map(|step| begin.plus(gap * step))
            .find(|at| {
                // Above what was ever accepted not at once, but one by one.
                let calm = micros(*at) >= self.urgent_at;
                let cap = if calm {
                    cap
                } else {
                    paced.proven_milli.min(cap)
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
        self.pace_at = self.pace_at.max(micros(at)) + paced.gap;
        self.urgent_at = micros(at) + paced.gap;
        Some(Ok(self.give_out(at, limit)))
    }

    /// Whether one more request at `at` leaves every window under `level`: now, and whenever a permit
    /// falls due that was leased ahead.
    fn has_room(&self, at: Timestamp, limit: &Limit, level: usize) -> bool {
        let tick = tick_now(at);
        let due = tick_at(at.plus(unreported(limit)));
        let mut later: Vec<Tick> = Vec::new();
        let mut frees: Vec<Tick> = Vec::new();
        for slot in self.slots.used(tick) {
            if slot.state == State::Out && slot.free_at > due {
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

    /// Notes that the request of `slot` was answered, or given up on, at `seen`.
    ///
    /// Safe to repeat. A slot that had already been given up is entered again: its request still
    /// counts at the server.
    pub fn complete(&mut self, slot: u64, seen: Timestamp, limit: &Limit) {
        self.slots
            .report(slot, settled(seen, limit), State::Answered);
    }

    /// Notes that the request of `slot` was refused at `seen`, because the server counts more than
    /// it allows; it may have asked for a pause.
    pub fn rate_limited(
        &mut self,
        slot: u64,
        seen: Timestamp,
        retry_after: Option<Duration>,
        limit: &Limit,
    ) {
        self.slots
            .report(slot, settled(seen, limit), State::Refused);
        // Out and due: sent by now, and more likely accepted than not.
        let sent = tick_at(seen.plus(unreported(limit)));
        let ours = self
            .slots
            .used(tick_now(seen))
            .filter(|slot| match slot.state {
                State::Out => slot.free_at <= sent,
                State::Answered => true,
                State::Refused | State::Unused => false,
            })
            .count();
        let ours = u32::try_from(ours).unwrap_or(u32::MAX);
        self.adaptive.refuse(seen, ours, retry_after, limit);
    }

    /// Gives a permit back that was never used. Safe to repeat.
    pub fn release(&mut self, granted: GrantedPermit) {
        if self.slots.give_back(granted.slot) {
            self.estimate.take_back(granted.from);
        }
    }

    /// Slots in use at `now`.
    #[must_use]
    pub fn in_use(&self, now: Timestamp) -> usize {
        self.slots.in_use(tick_now(now))
    }

    /// Requests that are believed to be allowed in a window: `limit`, or less when the server
    /// refused some.
    #[must_use]
    pub fn effective_limit(&self, limit: &Limit) -> u32 {
        self.adaptive.level(limit)
    }

    /// Brings everything to `now`.
    fn advance_to(&mut self, now: Timestamp, limit: &Limit) {
        let tick = tick_now(now);
        let ended = self.slots.forget(tick);
        self.adaptive.ended(ended.lost, ended.reported);
        let mut in_use = 0;
        let mut answered = 0;
        for slot in self.slots.used(tick) {
            in_use += 1;
            answered += u32::from(slot.state == State::Answered);
        }
        self.estimate.advance_to(now, limit.window, in_use);
        self.adaptive.record_accepted(answered);
        self.adaptive.advance_to(now, limit);
    }

    /// When a request that may be sent from `earliest` on is due, and when the one after it.
    fn due(&self, earliest: Timestamp, limit: &Limit, rules: &GrantRules) -> (Timestamp, i64) {
        let Some(paced) = &rules.paced else {
            return (earliest, self.pace_at);
        };
        let begin = micros(earliest);
        if self.estimate.fits_one_more(earliest, paced.burst_milli) {
            return (earliest, self.pace_at.max(begin + paced.gap));
        }
        // One request late is made up for; more would be a burst.
        let mut due = self.pace_at.max(begin - paced.gap);
        let mut from = from_micros(due.max(begin));
        // Every request leaves the estimate within two windows.
        let steps_max = 2 * micros_in(limit.window) / paced.gap;
        for _ in 0..steps_max {
            if self.estimate.fits_one_more(from, paced.level_milli) {
                break;
            }
            due = micros(from) + paced.gap;
            from = from_micros(due);
        }
        (from, due + paced.gap)
    }
}

/// What holds for one grant.
struct GrantRules {
    /// Slots that may be in use.
    level: usize,
    /// How far ahead of its time the first permit may be leased.
    ahead: Duration,
    /// How far beyond that the others may.
    span: Duration,
    /// Whether the limit is large enough for leases ahead.
    large: bool,
    /// The pace; `None` where every free slot may be used at once.
    paced: Option<Paced>,
}

/// What holds for a paced grant.
struct Paced {
    /// Microseconds between two requests.
    gap: i64,
    /// How full a burst may make any server's window.
    burst_milli: i64,
    /// How full one urgent request may, before its turn; `None` for other work.
    urgent_milli: Option<i64>,
    /// How full a window was before without a refusal.
    proven_milli: i64,
    /// How full anything may.
    level_milli: i64,
}

impl GrantRules {
    fn of(adaptive: &AdaptiveLimit, limit: &Limit, request: &PermitRequest, in_use: usize) -> Self {
        let effective = adaptive.level(limit);
        let level = (effective - request.priority.leaves(effective)).max(1);
        let large = effective >= Limit::PACED_LIMIT_MIN;
        let paced = (large && request.pace == Pace::Even).then(|| {
            let level_milli = i64::from(level) * 1000;
            let pace_milli = level_milli - PACE_BELOW_MILLI;
            let burst_milli = match request.priority {
                // Slots that bulk work takes at once are all taken for the whole of a window.
                Priority::Bulk => level_milli / 10,
                Priority::Urgent | Priority::Normal => level_milli * BURST_PER_MILLE / 1000,
            };
            let proven_milli = i64::from(adaptive.burst_max(limit)) * 1000;
            Paced {
                gap: micros_in(limit.window) * 1000 / pace_milli,
                burst_milli: burst_milli.min(proven_milli),
                urgent_milli: (request.priority == Priority::Urgent).then_some(pace_milli),
                proven_milli,
                level_milli,
            }
        });
        // Where holders die, what they have leased ahead is lost. Where so many were never accepted
        // in one window, whoever has leased ahead would be refused.
        let proven = adaptive.burst_max(limit);
        let unproven =
            proven < effective / 20 * 17 && in_use >= usize::try_from(proven).unwrap_or(usize::MAX);
        let fragile = adaptive.lease_max() == 1 || unproven;
        // Of a small limit only what is free: what one holder has leased ahead, another lacks.
        let ahead = |span| if large { span } else { Duration::ZERO };
        let first = if fragile {
            Duration::ZERO
        } else {
            Limit::LEASE_AHEAD
        };
        Self {
            level: usize::try_from(level).unwrap_or(usize::MAX),
            ahead: ahead(first),
            span: ahead(SPAN),
            paced,
            large,
        }
    }

    /// The most permits in one lease when `in_use` slots are in use. Of a small limit a sixteenth
    /// of what is free: what one holder has and does not use, another lacks.
    fn lease_max(&self, in_use: usize) -> u32 {
        if self.large {
            return u32::MAX;
        }
        u32::try_from(self.level.saturating_sub(in_use) / 16).unwrap_or(u32::MAX)
    }
}

/// From a permit's time until its slot is free, when nobody reports.
fn unreported(limit: &Limit) -> Duration {
    Limit::PERMIT_TTL + limit.window + Limit::MARGIN
}

/// When a slot is free whose answer was seen at `seen`.
fn settled(seen: Timestamp, limit: &Limit) -> Tick {
    tick_at(seen.plus(limit.window).plus(Limit::MARGIN))
}

/// The last tick that is not after `now`: a slot is not free a moment early.
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

/// A span in microseconds.
fn micros_in(span: Duration) -> i64 {
    i64::try_from(span.as_micros()).unwrap_or(i64::MAX / 2000)
}

/// The ledger as JSON.
#[derive(Clone, Serialize, Deserialize)]
struct StoredLedger {
    /// The number of the first slot.
    first: u64,
    /// The slots.
    slots: String,
    /// Milliseconds in a cell of the flow.
    cell: i64,
    /// The first cell.
    from: i64,
    /// The cells.
    estimate: String,
    /// When the next paced request is due.
    pace: i64,
    /// When the next urgent request may jump.
    urgent: i64,
    /// What was learned.
    adaptive: AdaptiveLimit,
}

impl From<Ledger> for StoredLedger {
    fn from(ledger: Ledger) -> Self {
        let (first, slots) = ledger.slots.to_text();
        let mut flow = String::with_capacity(ledger.estimate.counts.len());
        for count in &ledger.estimate.counts {
            super::compact::write(&mut flow, i64::from(*count));
        }
        Self {
            first,
            slots,
            cell: ledger.estimate.cell_ms,
            from: ledger.estimate.first,
            estimate: flow,
            pace: ledger.pace_at,
            urgent: ledger.urgent_at,
            adaptive: ledger.adaptive,
        }
    }
}

impl TryFrom<StoredLedger> for Ledger {
    type Error = &'static str;

    fn try_from(written: StoredLedger) -> Result<Self, &'static str> {
        let slots = Slots::from_text(written.first, &written.slots)
            .ok_or("the slots of the request budget cannot be read")?;
        let mut reader = super::compact::Reader::new(&written.estimate);
        let mut flow = WindowEstimate {
            cell_ms: written.cell,
            first: written.from,
            ..WindowEstimate::default()
        };
        while !reader.is_done() {
            let count = reader.number().and_then(|count| u32::try_from(count).ok());
            flow.counts
                .push_back(count.ok_or("the flow of the request budget cannot be read")?);
        }
        Ok(Self {
            slots,
            estimate: flow,
            adaptive: written.adaptive,
            pace_at: written.pace,
            urgent_at: written.urgent,
        })
    }
}

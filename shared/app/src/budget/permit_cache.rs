//! The permits one process has leased, and the outcomes it has not reported yet.

use std::collections::VecDeque;
use std::time::Duration;

use halogard_domain::Timestamp;
use halogard_domain::budget::{Denied, GrantedPermit, Ledger, Limit, Priority, WorkStage};

use super::backoff::ContentionBackoff;
use super::spent;
use crate::ports::{BudgetError, Permit, PermitOutcome, Stored};

/// The most permits of one lease.
const WANT_MAX: u32 = 16;

/// The permits of a process's first lease where no other process sends requests: a sync cycle signs in and
/// lists, and each further lease is a write.
const WANT_FIRST: u32 = 4;

/// A lease that is followed by another within this time was too small.
const LEASE_TOO_SMALL_WITHIN: Duration = Duration::from_secs(10);

/// A process that has found its own write so often in a row stops reading the ledger before it writes. So does
/// one that finds a ledger without a permit in use: no other process has sent a request for a whole window.
const SOLE_WRITER_AFTER: u32 = 4;

/// How many callers that were to begin work come back together: their writes then fit into one array.
const BEGINNING_TOGETHER: u32 = 8;

/// How long a denial is repeated without a call to the store.
const DENIAL_CACHED_FOR: Duration = Duration::from_secs(1);

/// What a permit is used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Use {
    /// How urgent the work is.
    pub(super) priority: Priority,
    /// Whether the request begins the work or finishes it.
    pub(super) stage: WorkStage,
}

impl Use {
    /// Every use.
    const ALL: [Self; 6] = {
        use Priority::{Bulk, Normal, Urgent};
        use WorkStage::{Beginning, Finishing};
        let [a, b, c, d, e, f] = [
            (Urgent, Beginning),
            (Urgent, Finishing),
            (Normal, Beginning),
            (Normal, Finishing),
            (Bulk, Beginning),
            (Bulk, Finishing),
        ];
        [
            Self::new(a),
            Self::new(b),
            Self::new(c),
            Self::new(d),
            Self::new(e),
            Self::new(f),
        ]
    };

    const fn new((priority, stage): (Priority, WorkStage)) -> Self {
        Self { priority, stage }
    }

    /// The index of its permits.
    fn place(self) -> usize {
        Self::ALL
            .iter()
            .position(|known| *known == self)
            .unwrap_or_default()
    }

    /// Whether it may use permits that were leased for `other`: urgent work those of every priority, work
    /// that finishes those that would begin more.
    fn may_take(self, other: Self) -> bool {
        let priority = self.priority == other.priority || self.priority == Priority::Urgent;
        let stage = self.stage == other.stage || self.stage == WorkStage::Finishing;
        priority && stage
    }
}

/// The permits and unreported outcomes of one process.
pub(super) struct PermitCache {
    /// Permits that may be used, by what they were leased for.
    permits: [VecDeque<GrantedPermit>; Use::ALL.len()],
    /// Outcomes of permits that are not in the ledger yet.
    reports: Vec<PermitReport>,
    /// Permits that were not used, which the ledger does not show yet.
    unused: Vec<GrantedPermit>,
    /// The newest ledger seen.
    pub(super) known: Option<Stored<Ledger>>,
    /// How often in a row the ledger was as this process had written it.
    unchanged: u32,
    /// Whether this process wrote the newest ledger seen.
    is_writer: bool,
    /// How many permits the last lease requested.
    want: u32,
    /// Permits of the last leases that were not used.
    wasted: u32,
    /// When a permit was last used.
    used_at: Option<Timestamp>,
    /// Whether a lease was denied since the last one that succeeded.
    was_denied: bool,
    /// The last denial: of what, when, and until when.
    denial: Option<(Use, Timestamp, Timestamp)>,
    /// When the next callers that were to begin work should retry.
    next_beginning: Timestamp,
    /// How many were given that time.
    beginning_then: u32,
    /// The time between two permits of a full window.
    permit_interval: Duration,
    backoff: ContentionBackoff,
}

/// The outcome of one permit.
#[derive(Clone, Copy, Debug)]
struct PermitReport {
    slot: u64,
    at: Timestamp,
    outcome: PermitOutcome,
}

/// What the next write reports.
#[derive(Debug)]
pub(super) struct Reports {
    reports: Vec<PermitReport>,
    unused: Vec<GrantedPermit>,
}

impl Reports {
    /// Whether there is nothing to report.
    pub(super) fn is_empty(&self) -> bool {
        self.reports.is_empty() && self.unused.is_empty()
    }

    /// Whether it must not wait for the next lease: a slot is reused after a window only if
    /// its answer was reported by then.
    pub(super) fn is_due(&self, now: Timestamp, limit: &Limit) -> bool {
        let oldest = self.reports.iter().map(|report| report.at).min();
        !self.unused.is_empty()
            || oldest.is_some_and(|oldest| now.since(oldest) >= limit.window / 3)
    }

    /// Enters the reports in a ledger.
    pub(super) fn enter(&self, ledger: &mut Ledger, limit: &Limit) {
        for granted in &self.unused {
            ledger.release(*granted);
        }
        for report in &self.reports {
            match report.outcome {
                PermitOutcome::Completed => ledger.complete(report.slot, report.at, limit),
                PermitOutcome::RateLimited(refusal) => {
                    ledger.rate_limited(report.slot, report.at, refusal, limit);
                }
            }
        }
    }
}

impl PermitCache {
    pub(super) fn new(seed: u64, limit: &Limit) -> Self {
        Self {
            permits: Default::default(),
            reports: Vec::new(),
            unused: Vec::new(),
            known: None,
            unchanged: 0,
            is_writer: false,
            want: 0,
            wasted: 0,
            used_at: None,
            was_denied: false,
            denial: None,
            next_beginning: Timestamp::EPOCH,
            beginning_then: 0,
            permit_interval: limit.window / limit.requests_max.max(1),
            backoff: ContentionBackoff::new(seed),
        }
    }

    /// A permit from the cache, or until when there is none; `None` when a lease must be requested.
    ///
    /// Checks the time of each permit just before it is used: the process may have slept.
    pub(super) fn take(
        &mut self,
        now: Timestamp,
        purpose: Use,
    ) -> Option<Result<Permit, BudgetError>> {
        let mut next = None;
        for of in Use::ALL.into_iter().filter(|of| purpose.may_take(*of)) {
            match self.take_of(now, of) {
                Some(Ok(permit)) => return Some(Ok(permit)),
                // It does not wait for a permit that was leased for less: a lease may be faster.
                Some(Err(from)) if of == purpose => next = Some(from),
                Some(Err(_)) | None => {}
            }
        }
        if let Some(from) = next {
            return Some(Err(self.refused(from, purpose)));
        }
        match self.denial {
            Some((of, at, until))
                if of == purpose && now < until && now.since(at) < DENIAL_CACHED_FOR =>
            {
                Some(Err(self.refused(until, purpose)))
            }
            _ => None,
        }
    }

    /// The denial of `purpose`, which may be granted from `until` on. Callers that were to begin work come
    /// back in groups, as permits become free: all at once they would be denied again, all but a few.
    fn refused(&mut self, until: Timestamp, purpose: Use) -> BudgetError {
        match purpose.stage {
            WorkStage::Finishing => spent(until),
            WorkStage::Beginning => {
                let until = until.max(self.next_beginning);
                if until > self.next_beginning {
                    self.next_beginning = until;
                    self.beginning_then = 0;
                }
                self.beginning_then += 1;
                if self.beginning_then >= BEGINNING_TOGETHER {
                    self.next_beginning = until.plus(self.permit_interval * BEGINNING_TOGETHER);
                    self.beginning_then = 0;
                }
                BudgetError::Reserved { until }
            }
        }
    }

    fn take_of(&mut self, now: Timestamp, purpose: Use) -> Option<Result<Permit, Timestamp>> {
        let permits = &mut self.permits[purpose.place()];
        while let Some(granted) = permits.pop_front() {
            if granted.from > now {
                let from = granted.from;
                permits.push_front(granted);
                return Some(Err(from));
            }
            if now.since(granted.from) <= Limit::GRACE {
                self.used_at = Some(now);
                return Some(Ok(Permit { slot: granted.slot }));
            }
            self.unused.push(granted);
            self.wasted += 1;
        }
        None
    }

    /// Drops every permit that is not used yet.
    pub(super) fn drop_permits(&mut self) {
        for permits in &mut self.permits {
            self.wasted += u32::try_from(permits.len()).unwrap_or(u32::MAX);
            self.unused.extend(permits.drain(..));
        }
    }

    /// Records the outcome of a permit.
    pub(super) fn note(&mut self, slot: u64, at: Timestamp, outcome: PermitOutcome) {
        self.denial = None;
        self.reports.push(PermitReport { slot, at, outcome });
    }

    /// How many permits to request: twice as many as last time while that was too few, one after a quiet
    /// time, fewer when some were not used, a few at first where no other process sends requests.
    pub(super) fn want(&mut self, now: Timestamp) -> u32 {
        let busy = self
            .used_at
            .is_some_and(|at| now.since(at) <= LEASE_TOO_SMALL_WITHIN)
            || self.was_denied;
        let want = if self.wasted > 0 {
            self.want.saturating_sub(self.wasted)
        } else if busy {
            self.want.saturating_mul(2)
        } else if self.used_at.is_none() && self.is_sole_writer() {
            WANT_FIRST
        } else {
            1
        };
        self.want = want.clamp(1, WANT_MAX);
        self.want
    }

    /// Takes in a lease.
    pub(super) fn leased(&mut self, now: Timestamp, granted: Vec<GrantedPermit>, purpose: Use) {
        self.permits[purpose.place()].extend(granted);
        self.used_at = Some(now);
        self.wasted = 0;
        self.was_denied = false;
        self.denial = None;
        self.backoff.leased();
    }

    /// The ledger has no permit: when this process retries.
    pub(super) fn denied(&mut self, now: Timestamp, denied: Denied, purpose: Use) -> BudgetError {
        self.was_denied = true;
        let until = match purpose.priority {
            // Urgent work retries at the first possible moment, without jitter.
            Priority::Urgent => denied.usable_at,
            Priority::Normal | Priority::Bulk => self.backoff.denied(now, denied),
        };
        self.denial = Some((purpose, now, until));
        self.refused(until, purpose)
    }

    /// Every write conflicted: when this process retries.
    pub(super) fn contended(&mut self, now: Timestamp) -> BudgetError {
        self.was_denied = true;
        spent(self.backoff.contended(now))
    }

    /// One write conflicted; returns how many permits of `want` to request now. A first lease that others
    /// contend for is of one permit.
    pub(super) fn conflicted(&mut self, want: u32) -> u32 {
        self.unchanged = 0;
        self.backoff.conflicted();
        if self.used_at.is_none() {
            self.want = 1;
            return 1;
        }
        want
    }

    /// What is not in the ledger yet.
    pub(super) fn reports(&self) -> Reports {
        Reports {
            reports: self.reports.clone(),
            unused: self.unused.clone(),
        }
    }

    /// `reports` are in the ledger now; outcomes recorded meanwhile are not.
    pub(super) fn reported(&mut self, reports: &Reports) {
        self.reports.drain(..reports.reports.len());
        self.unused.drain(..reports.unused.len());
    }

    /// This process wrote this ledger.
    pub(super) fn wrote(&mut self, stored: Stored<Ledger>) {
        self.known = Some(stored);
        self.is_writer = true;
    }

    /// This process read this ledger at `now`.
    pub(super) fn read(&mut self, stored: &Stored<Ledger>, now: Timestamp) {
        let known = self.known.as_ref().map(|known| known.revision);
        let unchanged = self.is_writer && known == Some(stored.revision);
        self.unchanged = if unchanged {
            self.unchanged + 1
        } else if stored.value.in_use(now) == 0 {
            SOLE_WRITER_AFTER
        } else {
            0
        };
        if self.is_sole_writer() {
            self.backoff.sole_writer();
        }
        self.known = Some(stored.clone());
        self.is_writer &= unchanged;
    }

    /// The newest ledger, if no other process writes.
    pub(super) fn known_if_sole_writer(&self) -> Option<Stored<Ledger>> {
        self.known.clone().filter(|_| self.is_sole_writer())
    }

    fn is_sole_writer(&self) -> bool {
        self.unchanged >= SOLE_WRITER_AFTER
    }
}

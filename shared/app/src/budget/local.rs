//! What one process holds: permits it may use, and what became of those it has used.

use std::collections::VecDeque;
use std::time::Duration;

use halogard_domain::Timestamp;
use halogard_domain::budget::{Denied, Granted, Ledger, Limit, Share};

use super::spent;
use super::spread::Spread;
use crate::ports::{BudgetError, Permit, Seen, Stored};

/// The most permits asked for at once.
const WANT_MAX: u32 = 16;

/// A lease that is used up and followed by another within this time was too small.
const SOON: Duration = Duration::from_secs(10);

/// Who has found its own writing so often in a row takes it for the newest without reading it.
const ALONE: u32 = 4;

/// For so long a denial is repeated without asking the store again.
const DENIAL_LASTS: Duration = Duration::from_secs(1);

/// What one process holds.
pub(super) struct Local {
    /// Permits that may be used, for each share.
    stash: [VecDeque<Granted>; 3],
    /// What became of permits, and nobody else knows.
    reports: Vec<Report>,
    /// Permits that were not used, and nobody else knows.
    unused: Vec<Granted>,
    /// The newest ledger seen.
    pub(super) known: Option<Stored<Ledger>>,
    /// How often in a row nobody else had written since we did.
    unchanged: u32,
    /// The newest ledger seen is ours.
    wrote: bool,
    /// How many permits were asked for last.
    want: u32,
    /// Permits of the last leases that were not used.
    wasted: u32,
    /// When a permit was last used.
    used_at: Option<Timestamp>,
    /// Denied since the last lease.
    was_denied: bool,
    /// The last denial: of whom, when, and until when.
    denial: Option<(Share, Timestamp, Timestamp)>,
    spread: Spread,
}

/// What became of one permit.
#[derive(Clone, Copy, Debug)]
struct Report {
    slot: u64,
    at: Timestamp,
    seen: Seen,
}

/// What is told with the next write.
#[derive(Debug)]
pub(super) struct News {
    reports: Vec<Report>,
    unused: Vec<Granted>,
}

impl News {
    /// Whether there is none.
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

    /// Enters it in a ledger.
    pub(super) fn enter(&self, ledger: &mut Ledger, limit: &Limit) {
        for granted in &self.unused {
            ledger.give_back(*granted);
        }
        for report in &self.reports {
            match report.seen {
                Seen::Answered => ledger.settle(report.slot, report.at, limit),
                Seen::Refused { retry_after } => {
                    ledger.refuse(report.slot, report.at, retry_after, limit);
                }
            }
        }
    }
}

impl Local {
    pub(super) fn new(seed: u64) -> Self {
        Self {
            stash: Default::default(),
            reports: Vec::new(),
            unused: Vec::new(),
            known: None,
            unchanged: 0,
            wrote: false,
            want: 0,
            wasted: 0,
            used_at: None,
            was_denied: false,
            denial: None,
            spread: Spread::new(seed),
        }
    }

    /// A permit from the stash, or until when there is none; `None` when the store must be asked.
    ///
    /// Looks at the time of each permit just before it is used: the process may have slept.
    pub(super) fn take(
        &mut self,
        now: Timestamp,
        share: Share,
    ) -> Option<Result<Permit, BudgetError>> {
        let mut next = None;
        for of in Share::ALL {
            if of != share && share != Share::Urgent {
                continue;
            }
            match self.take_of(now, of) {
                Some(Ok(permit)) => return Some(Ok(permit)),
                // Urgent work waits for no permit but its own: it may get one before.
                Some(Err(from)) if of == share => next = Some(from),
                Some(Err(_)) | None => {}
            }
        }
        if let Some(from) = next {
            return Some(Err(spent(from)));
        }
        match self.denial {
            Some((of, at, until)) if of == share && now < until && now.since(at) < DENIAL_LASTS => {
                Some(Err(spent(until)))
            }
            _ => None,
        }
    }

    fn take_of(&mut self, now: Timestamp, share: Share) -> Option<Result<Permit, Timestamp>> {
        let stash = &mut self.stash[place(share)];
        while let Some(granted) = stash.pop_front() {
            if granted.from > now {
                let from = granted.from;
                stash.push_front(granted);
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

    /// Gives up every permit that is not used yet.
    pub(super) fn empty_stash(&mut self) {
        for stash in &mut self.stash {
            self.wasted += u32::try_from(stash.len()).unwrap_or(u32::MAX);
            self.unused.extend(stash.drain(..));
        }
    }

    /// Notes what became of a permit.
    pub(super) fn note(&mut self, slot: u64, at: Timestamp, seen: Seen) {
        self.denial = None;
        self.reports.push(Report { slot, at, seen });
    }

    /// How many permits to ask for: twice as many as last time while that was too few, one after a
    /// quiet time, fewer when some were not used.
    pub(super) fn want(&mut self, now: Timestamp) -> u32 {
        let busy = self.used_at.is_some_and(|at| now.since(at) <= SOON) || self.was_denied;
        let want = if self.wasted > 0 {
            self.want.saturating_sub(self.wasted)
        } else if busy {
            self.want.saturating_mul(2)
        } else {
            1
        };
        self.want = want.clamp(1, WANT_MAX);
        self.want
    }

    /// Puts a lease in the stash.
    pub(super) fn leased(&mut self, now: Timestamp, granted: Vec<Granted>, share: Share) {
        self.stash[place(share)].extend(granted);
        self.used_at = Some(now);
        self.wasted = 0;
        self.was_denied = false;
        self.denial = None;
        self.spread.won();
    }

    /// The store had no permit: when this process comes back.
    pub(super) fn denied(&mut self, now: Timestamp, denied: Denied, share: Share) -> BudgetError {
        self.was_denied = true;
        let until = match share {
            // Work that cannot wait comes back at the first moment, whoever else does.
            Share::Urgent => denied.until,
            Share::Whole | Share::Bulk => self.spread.denied(now, denied),
        };
        self.denial = Some((share, now, until));
        spent(until)
    }

    /// Others were faster each time: when this process comes back.
    pub(super) fn outrun(&mut self, now: Timestamp) -> BudgetError {
        self.was_denied = true;
        spent(self.spread.outrun(now))
    }

    /// Others were faster once.
    pub(super) fn lost(&mut self) {
        self.unchanged = 0;
        self.spread.lost();
    }

    /// What nobody else knows yet.
    pub(super) fn news(&self) -> News {
        News {
            reports: self.reports.clone(),
            unused: self.unused.clone(),
        }
    }

    /// `news` are known to the others; what came meanwhile is not.
    pub(super) fn told(&mut self, news: &News) {
        self.reports.drain(..news.reports.len());
        self.unused.drain(..news.unused.len());
    }

    /// We wrote this ledger.
    pub(super) fn know(&mut self, stored: Stored<Ledger>) {
        self.known = Some(stored);
        self.wrote = true;
    }

    /// We read this ledger.
    pub(super) fn read(&mut self, stored: &Stored<Ledger>) {
        let known = self.known.as_ref().map(|known| known.revision);
        let unchanged = self.wrote && known == Some(stored.revision);
        self.unchanged = if unchanged { self.unchanged + 1 } else { 0 };
        if self.is_alone() {
            self.spread.alone();
        }
        self.known = Some(stored.clone());
        self.wrote &= unchanged;
    }

    /// The newest ledger, if nobody else writes.
    pub(super) fn known_if_alone(&self) -> Option<Stored<Ledger>> {
        self.known.clone().filter(|_| self.is_alone())
    }

    fn is_alone(&self) -> bool {
        self.unchanged >= ALONE
    }
}

/// Where a share's stash is.
fn place(share: Share) -> usize {
    match share {
        Share::Urgent => 0,
        Share::Whole => 1,
        Share::Bulk => 2,
    }
}

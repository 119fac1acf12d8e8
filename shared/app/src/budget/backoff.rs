//! Backoff with jitter for processes that wait for the same permits.
//!
//! A denial names the time at which the next permit is free. For one waiting process that is exact. If a
//! thousand wait, all but one retry in vain and cost a write each. So if a process retries at the promised
//! time and is denied again, others are contending: from then on it retries at a random time after the
//! first moment at which a permit can be leased, and the range of that time grows with each denial. A lease
//! shrinks it again. About fourteen processes then retry for each lease, however many wait.

use std::time::Duration;

use halogard_domain::Timestamp;
use halogard_domain::budget::Denied;

/// The least jitter under contention when nothing is leased ahead. Otherwise it is four fifths of the time
/// leased ahead.
const JITTER_FLOOR_MS: u64 = 1_000;

/// The most jitter: every process retries within one window.
const JITTER_MAX_MS: u64 = 300_000;

/// The pause after several conflicting writes in a row.
const CONTENDED_PAUSE: Duration = Duration::from_millis(50);

/// The backoff of one process.
#[derive(Debug)]
pub(super) struct ContentionBackoff {
    /// The largest random delay, in milliseconds.
    jitter_max_ms: u64,
    /// The least that it is while other processes lease too.
    jitter_floor_ms: u64,
    /// When the next permit was promised.
    promised: Option<Timestamp>,
    /// Whether a write conflicted since the last denial or lease.
    conflicted: bool,
    /// The state of the random number generator.
    rng: u64,
}

impl ContentionBackoff {
    pub(super) fn new(seed: u64) -> Self {
        Self {
            jitter_max_ms: 0,
            jitter_floor_ms: JITTER_FLOOR_MS,
            promised: None,
            conflicted: false,
            rng: seed,
        }
    }

    /// A lease succeeded.
    pub(super) fn leased(&mut self) {
        self.promised = None;
        self.conflicted = false;
        if self.jitter_max_ms > 0 {
            self.jitter_max_ms = (self.jitter_max_ms * 3 / 10).max(self.jitter_floor_ms);
        }
    }

    /// No other process leases any more.
    pub(super) fn sole_writer(&mut self) {
        self.jitter_max_ms = 0;
    }

    /// A write conflicted with one of another process.
    pub(super) fn conflicted(&mut self) {
        self.conflicted = true;
    }

    /// There was no permit; returns when to retry.
    pub(super) fn denied(&mut self, now: Timestamp, denied: Denied) -> Timestamp {
        let Denied {
            usable_at: until,
            leasable_at,
        } = denied;
        let ahead = u64::try_from(until.since(leasable_at).as_millis()).unwrap_or(JITTER_MAX_MS);
        self.jitter_floor_ms = (ahead * 4 / 5).clamp(JITTER_FLOOR_MS, JITTER_MAX_MS);
        if self.promised.is_some_and(|promised| promised <= now) {
            self.widen_jitter();
        }
        let back = if self.jitter_max_ms == 0 {
            until
        } else {
            let pause = Duration::from_millis(1 + self.random_up_to(self.jitter_max_ms));
            leasable_at.max(now).plus(pause)
        };
        self.promised = Some(back);
        self.conflicted = false;
        back
    }

    /// Too many writes conflicted; returns when to retry.
    pub(super) fn contended(&mut self, now: Timestamp) -> Timestamp {
        self.widen_jitter();
        let back = now
            .plus(CONTENDED_PAUSE)
            .plus(Duration::from_millis(self.random_up_to(self.jitter_max_ms)));
        self.promised = Some(back);
        back
    }

    fn widen_jitter(&mut self) {
        let wider = if self.conflicted {
            self.jitter_max_ms * 2
        } else {
            self.jitter_max_ms * 11 / 10
        };
        self.jitter_max_ms = wider.clamp(self.jitter_floor_ms, JITTER_MAX_MS);
    }

    /// A random number from 0 to `max`, by SplitMix64: jitter needs no better generator, and a seed makes
    /// tests repeatable.
    fn random_up_to(&mut self, max: u64) -> u64 {
        if max == 0 {
            return 0;
        }
        self.rng = self.rng.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.rng;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % (max + 1)
    }
}

//! When to come back where many wait: not all at once.
//!
//! A denial names the moment at which a permit is there. Where one instance waits, that is exact. Where
//! a thousand do, all but one come in vain and cost a write each. Who came when it was told to and found
//! nothing was not alone: it comes back at a time of its own, from the first moment on at which a permit
//! can be leased, and within a longer time with each denial. Who gets a lease comes earlier again. Some
//! fourteen come for each lease then, whatever their number.

use std::time::Duration;

use halogard_domain::Timestamp;
use halogard_domain::budget::Denied;

/// Within what time one comes back that came in vain, where nothing is leased ahead. Otherwise within
/// four fifths of the time that is leased ahead.
const JITTER_FLOOR_MS: u64 = 1_000;

/// The longest: within a window, everybody asks again.
const JITTER_MAX_MS: u64 = 300_000;

/// The pause after others were faster again and again.
const CONTENDED_PAUSE: Duration = Duration::from_millis(50);

/// How far one process's denials are spread.
#[derive(Debug)]
pub(super) struct ContentionBackoff {
    /// Milliseconds that are added by chance, at most.
    jitter_max_ms: u64,
    /// The least that it is while others lease too.
    jitter_floor_ms: u64,
    /// When a permit was promised.
    promised: Option<Timestamp>,
    /// Whether a write was lost since the last denial or lease.
    conflicted: bool,
    /// Where chance is.
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

    /// A lease was got.
    pub(super) fn leased(&mut self) {
        self.promised = None;
        self.conflicted = false;
        if self.jitter_max_ms > 0 {
            self.jitter_max_ms = (self.jitter_max_ms * 3 / 10).max(self.jitter_floor_ms);
        }
    }

    /// Nobody else leases any more.
    pub(super) fn sole_writer(&mut self) {
        self.jitter_max_ms = 0;
    }

    /// A write was lost to another holder.
    pub(super) fn conflicted(&mut self) {
        self.conflicted = true;
    }

    /// No permit was there: when to come back.
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

    /// Others were faster too often: when to come back.
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

    /// A number from 0 to `max`, by SplitMix64.
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

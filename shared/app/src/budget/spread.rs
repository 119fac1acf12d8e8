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
const FIRST_MS: u64 = 1_000;

/// The longest: within a window, everybody asks again.
const MAX_MS: u64 = 300_000;

/// The pause after others were faster again and again.
const OUTRUN: Duration = Duration::from_millis(50);

/// How far one process's denials are spread.
#[derive(Debug)]
pub(super) struct Spread {
    /// Milliseconds that are added by chance, at most.
    width_ms: u64,
    /// The least that it is while others lease too.
    least_ms: u64,
    /// When a permit was promised.
    promised: Option<Timestamp>,
    /// Whether a write was lost since the last denial or lease.
    crowded: bool,
    /// Where chance is.
    dice: u64,
}

impl Spread {
    pub(super) fn new(seed: u64) -> Self {
        Self {
            width_ms: 0,
            least_ms: FIRST_MS,
            promised: None,
            crowded: false,
            dice: seed,
        }
    }

    /// A lease was got.
    pub(super) fn won(&mut self) {
        self.promised = None;
        self.crowded = false;
        if self.width_ms > 0 {
            self.width_ms = (self.width_ms * 3 / 10).max(self.least_ms);
        }
    }

    /// Nobody else leases any more.
    pub(super) fn alone(&mut self) {
        self.width_ms = 0;
    }

    /// A write was lost to another holder.
    pub(super) fn lost(&mut self) {
        self.crowded = true;
    }

    /// No permit was there: when to come back.
    pub(super) fn denied(&mut self, now: Timestamp, denied: Denied) -> Timestamp {
        let Denied { until, leasable } = denied;
        let ahead = u64::try_from(until.since(leasable).as_millis()).unwrap_or(MAX_MS);
        self.least_ms = (ahead * 4 / 5).clamp(FIRST_MS, MAX_MS);
        if self.promised.is_some_and(|promised| promised <= now) {
            self.widen();
        }
        let back = if self.width_ms == 0 {
            until
        } else {
            let pause = Duration::from_millis(1 + self.chance(self.width_ms));
            leasable.max(now).plus(pause)
        };
        self.promised = Some(back);
        self.crowded = false;
        back
    }

    /// Others were faster too often: when to come back.
    pub(super) fn outrun(&mut self, now: Timestamp) -> Timestamp {
        self.widen();
        let back = now
            .plus(OUTRUN)
            .plus(Duration::from_millis(self.chance(self.width_ms)));
        self.promised = Some(back);
        back
    }

    fn widen(&mut self) {
        let wider = if self.crowded {
            self.width_ms * 2
        } else {
            self.width_ms * 11 / 10
        };
        self.width_ms = wider.clamp(self.least_ms, MAX_MS);
    }

    /// A number from 0 to `max`, by SplitMix64.
    fn chance(&mut self, max: u64) -> u64 {
        if max == 0 {
            return 0;
        }
        self.dice = self.dice.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.dice;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % (max + 1)
    }
}

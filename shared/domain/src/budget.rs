//! The request budget: who may send now, and when the next one may.
//!
//! HaloPSA counts requests in a rolling window. We know of a request only that it arrived between
//! sending it and seeing its answer, so a slot is certainly free again one window **after its
//! answer was seen**. A bucket of tokens has no such certainty: one that holds the whole quota lets
//! almost twice the limit through in some window, one that is safe wastes up to a third.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::time::Timestamp;

/// How many requests a rolling window allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limit {
    /// Requests in any window.
    pub requests_max: u32,
    /// Length of the window.
    pub window: Duration,
}

impl Limit {
    /// Requests HaloPSA allows when the operator says nothing: 450 in five minutes, for the whole
    /// account. Source: product brief; 300 was seen on older tenants, so it is a setting.
    pub const DEFAULT: Self = Self {
        requests_max: 450,
        window: Duration::from_secs(300),
    };

    /// Added to the window before a slot is used again: our clock and the desk's tick apart.
    pub const MARGIN: Duration = Duration::from_millis(50);

    /// A permit whose answer nobody saw is given up after this time, then waits its window.
    /// Longer than any call may take.
    pub const PERMIT_LIFE: Duration = Duration::from_secs(120);
}

impl Default for Limit {
    fn default() -> Self {
        Self::DEFAULT
    }
}

/// The slots in use. A value: the store keeps it, this arithmetic changes it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ledger {
    /// Slots that are not free, with the time at which each frees.
    slots: Vec<Slot>,
    /// The number of the next slot handed out.
    next: u64,
}

/// One slot in use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Slot {
    /// Its number; unique within the ledger's life.
    number: u64,
    /// When it may be used again.
    free_at: Timestamp,
}

impl Ledger {
    /// Takes a slot at `now`.
    ///
    /// # Errors
    ///
    /// The time at which a slot frees, when all are in use.
    pub fn take(&mut self, now: Timestamp, limit: &Limit) -> Result<u64, Timestamp> {
        self.slots.retain(|slot| slot.free_at > now);
        let max = usize::try_from(limit.requests_max).unwrap_or(usize::MAX);
        if self.slots.len() >= max {
            return Err(self
                .free_again_at(max)
                .unwrap_or_else(|| now.plus(limit.window)));
        }
        let number = self.next;
        self.next += 1;
        let free_at = now
            .plus(Limit::PERMIT_LIFE)
            .plus(limit.window)
            .plus(Limit::MARGIN);
        self.slots.push(Slot { number, free_at });
        Ok(number)
    }

    /// Notes that the answer to the request of slot `number` was seen at `seen`.
    ///
    /// Safe to repeat. A slot that had already been given up is entered again: its request still
    /// counts at the server.
    pub fn settle(&mut self, number: u64, seen: Timestamp, limit: &Limit) {
        let free_at = seen.plus(limit.window).plus(Limit::MARGIN);
        match self.slots.iter_mut().find(|slot| slot.number == number) {
            Some(slot) => slot.free_at = free_at,
            None => self.slots.push(Slot { number, free_at }),
        }
    }

    /// Slots in use at `now`.
    #[must_use]
    pub fn in_use(&self, now: Timestamp) -> usize {
        self.slots.iter().filter(|slot| slot.free_at > now).count()
    }

    /// When fewer than `max` slots will be in use.
    fn free_again_at(&self, max: usize) -> Option<Timestamp> {
        let mut times: Vec<_> = self.slots.iter().map(|slot| slot.free_at).collect();
        times.sort_unstable();
        times.get(times.len().saturating_sub(max)).copied()
    }
}

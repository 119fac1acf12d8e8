//! The request budget: which instance may send a request to HaloPSA now, and when the next one may.
//!
//! HaloPSA counts requests in a rolling window. We know of a request only that it arrived between
//! its sending and its response. Its slot is therefore certainly free again one window **after the
//! response was seen**. A token bucket gives no such certainty: one that holds the whole quota lets
//! almost twice the limit through in some window, and one that is safe wastes up to a third.
//!
//! ```text
//!  permit's time       sent   response seen                     slot freed
//!       |---- GRACE ----|          |-------- window + MARGIN --------|
//!       |------------ PERMIT_TTL -------------|---- window + MARGIN ----|  never reported
//! ```
//!
//! Three rules decide when a permit may be used. Each has its own file:
//!
//! - `slots`: no window ever holds more than the limit.
//! - `window_estimate`: no server that counts in another way (fixed windows, interpolation) would
//!   count more than the limit.
//! - `adaptive_limit`: the effective limit, as learned from refusals, and as a refusal states it.
//!
//! [`Ledger::grant`] combines them: it takes the latest of the times that the three rules allow. How many
//! permits it then gives, how far ahead and how evenly spaced, is in `grant_rules`.
//!
//! # A worked example
//!
//! A limit of 3 requests in 60 s, which is too small to be paced. Times are in seconds; `MARGIN` is
//! 0.15 s and `PERMIT_TTL` is 70 s. A test checks every row.
//!
//! | time | call | result | slots in use, and when each is freed |
//! | ---: | --- | --- | --- |
//! | 0.00 | `grant` | permit 0, usable from 0.00 | 0 → 130.15 (0 + 70 + 60 + 0.15: not reported yet) |
//! | 0.00 | `grant` | permit 1, usable from 0.00 | 0 → 130.15, 1 → 130.15 |
//! | 0.00 | `grant` | permit 2, usable from 0.00 | 0, 1, 2 → 130.15 |
//! | 1.00 | `complete(0)` | | 0 → 61.15 (1 + 60 + 0.15: the response was seen at 1.00), 1, 2 → 130.15 |
//! | 1.20 | `release(1)` | | 0 → 61.15, 2 → 130.15 (permit 1 was never used) |
//! | 1.20 | `grant` | permit 3, usable from 1.20 | 0 → 61.15, 2 → 130.15, 3 → 131.35 |
//! | 2.00 | `grant` | denied, usable at 61.15 | unchanged: three of three are in use |
//! | 61.15 | `grant` | permit 4, usable from 61.15 | 2 → 130.15, 3 → 131.35, 4 → 191.30 |
//! | 61.15 | `grant` | denied, usable at 130.15 | permit 2 was never reported, because its holder crashed |
//!
//! With the default limit of 450 requests in 300 s, a backlog is paced as well. As long as the
//! window is nearly empty, requests go at once (`burst_milli`). After that, one is due every 300 s
//! ÷ (450 − 1.4) = 0.669 s (`Pacing::gap`), and an instance may lease up to 16 permits whose times
//! lie ahead. An urgent request takes the first time at which the slots and the estimate have room
//! for one more, before permits that were leased ahead.

mod adaptive_limit;
mod compact;
mod grant_rules;
mod ledger;
mod slots;
mod stored_ledger;
mod window_estimate;

use std::time::Duration;

pub use ledger::{Denied, GrantedPermit, Ledger, PermitRequest};

/// How many requests a rolling window allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limit {
    /// Requests in any window.
    pub requests_max: u32,
    /// Length of the window.
    pub window: Duration,
}

impl Limit {
    /// The limit of the whole HaloPSA account when the operator sets none: 450 requests in five minutes, the
    /// safest of those published. HaloPSA's fair use policy says 500 in three minutes (guide 1748); 700 in five
    /// minutes is quoted from a tenant of 2026, and 450 in five from integrators. 300 was seen on older
    /// tenants, so it is a setting, and less is learned from refusals.
    pub const DEFAULT: Self = Self {
        requests_max: 450,
        window: Duration::from_secs(300),
    };

    /// The smallest unit of time in the ledger. Times are rounded up to it, so a slot is freed at
    /// most this much late and never early.
    pub const TICK: Duration = Duration::from_millis(50);

    /// Added to the window before a slot is used again: one tick for HaloPSA's own clock, and two
    /// for two of our instances whose clocks are 50 ms off in opposite directions.
    pub const MARGIN: Duration = Duration::from_millis(150);

    /// How far ahead of its time a permit may be leased. Waiting instances come back at different
    /// times; permits leased ahead leave no gap until the next instance comes. A holder waits until
    /// its permit is due.
    pub const LEASE_AHEAD: Duration = Duration::from_secs(5);

    /// How long after its time a permit may still be used. After that the holder releases it.
    pub const GRACE: Duration = Duration::from_secs(3);

    /// A permit that is never reported is given up this long after its time, and its slot is freed
    /// one window later: the [`GRACE`](Self::GRACE) plus more than any call may take (65 seconds).
    pub const PERMIT_TTL: Duration = Duration::from_secs(70);

    /// Smallest limit for which a backlog is paced. Pacing costs a permit or two per window, which
    /// is too much of a small limit.
    pub const PACED_LIMIT_MIN: u32 = 100;
}

/// What a refusal for too many requests said.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RateRefusal {
    /// The pause it asked for.
    pub retry_after: Option<Duration>,
    /// The limit it named.
    pub stated: Option<Limit>,
}

impl Default for Limit {
    fn default() -> Self {
        Self::DEFAULT
    }
}

/// How the server is assumed to count.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Pace {
    /// Unknown. Bursts only where every known way of counting allows them, otherwise evenly spaced
    /// requests. A backlog of N requests takes N ÷ 1.495 seconds (450 in 300 s); the first 441 of
    /// them may be sent at once.
    #[default]
    Even,
    /// In a rolling window. Every free slot is used at once. A backlog of N requests takes 300 ·
    /// (⌈N ÷ 450⌉ − 1) seconds.
    Burst,
}

/// Of so many slots bulk work leaves one to urgent work.
const BULK_LEAVES: u32 = 50;

/// Of so many slots work that begins leaves one to work that finishes.
const BEGINNING_LEAVES: u32 = 5;

/// How urgent the work is for which a permit is requested.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Priority {
    /// A person waits. Granted before the paced requests, from slots reserved for it.
    Urgent,
    /// It is not known whether a person waits. May use every slot.
    #[default]
    Normal,
    /// No one waits. Leaves the reserved slots to urgent work.
    Bulk,
}

impl Priority {
    /// Every priority, the most urgent first.
    pub const ALL: [Self; 3] = [Self::Urgent, Self::Normal, Self::Bulk];

    /// Slots of `level` that this priority leaves to others.
    pub(crate) const fn reserved(self, level: u32) -> u32 {
        match self {
            Self::Urgent | Self::Normal => 0,
            Self::Bulk => level / BULK_LEAVES,
        }
    }
}

/// Where in a piece of work a request stands. Work that has begun must be able to finish: reads that only
/// begin work would otherwise take every permit, and what they found would be out of date before anything
/// is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum WorkStage {
    /// Other requests must follow, or it was of no use. Leaves a fifth of the slots to them.
    Beginning,
    /// It finishes work, or saves many requests, as a list of changes does. May use every slot.
    #[default]
    Finishing,
}

impl WorkStage {
    /// Slots of `level` that this stage leaves to the other one.
    pub(crate) const fn reserved(self, level: u32) -> u32 {
        match self {
            Self::Beginning => level.div_ceil(BEGINNING_LEAVES),
            Self::Finishing => 0,
        }
    }
}

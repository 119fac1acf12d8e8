//! The request budget: who may send now, and when the next one may.
//!
//! HaloPSA counts requests in a rolling window. We know of a request only that it arrived between
//! sending it and seeing its answer, so its slot is certainly free again one window **after its
//! answer was seen**. A bucket of tokens has no such certainty: one that holds the whole quota lets
//! almost twice the limit through in some window, one that is safe wastes up to a third.
//!
//! ```text
//!  permit given        sent   answer seen                       slot free again
//!       |---- GRACE ----|          |-------- window + MARGIN --------|
//!       |------------ PERMIT_TTL -------------|---- window + MARGIN ----|  nobody reported
//! ```
//!
//! Three rules decide when a permit may be used, each in a file of its own: `slots` (never more
//! than the limit in any window), `window_estimate` (never more than a server allows that counts otherwise)
//! and `adaptive_limit` (what refusals taught about the true limit).

mod adaptive_limit;
mod compact;
mod ledger;
mod slots;
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
    /// Requests HaloPSA allows when the operator says nothing: 450 in five minutes, for the whole
    /// account. Source: product brief; 300 was seen on older tenants, so it is a setting.
    pub const DEFAULT: Self = Self {
        requests_max: 450,
        window: Duration::from_secs(300),
    };

    /// The smallest step of time that the ledger knows. Times are rounded up to it: a slot frees
    /// at most this much late, never early.
    pub const TICK: Duration = Duration::from_millis(50);

    /// Added to the window before a slot is used again. One tick for the desk's own clock, and two
    /// for two of our instances whose clocks are 50 ms off in opposite directions.
    pub const MARGIN: Duration = Duration::from_millis(150);

    /// How far ahead of its time a permit may be leased. Instances that wait come back at times of
    /// their own; what is leased ahead leaves no gap until the next one comes. Who holds a permit
    /// that is not due waits for it.
    pub const LEASE_AHEAD: Duration = Duration::from_secs(5);

    /// How long after its time a permit may still be used; then it is given back.
    pub const GRACE: Duration = Duration::from_secs(3);

    /// A permit whose answer nobody saw is given up this long after its time, then waits its
    /// window: its [`GRACE`](Self::GRACE), and longer than any call may take (30 seconds).
    pub const PERMIT_TTL: Duration = Duration::from_secs(35);

    /// Requests from which on a backlog is paced. Pacing costs a permit or two of each window: too
    /// much of a small limit.
    pub const PACED_LIMIT_MIN: u32 = 100;
}

impl Default for Limit {
    fn default() -> Self {
        Self::DEFAULT
    }
}

/// What a server is taken for while nothing is known of how it counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Pace {
    /// It may count in any of the known ways: bursts only where each of them allows it, otherwise
    /// evenly. A backlog of N requests takes N ÷ 1.495 seconds (450 in 300 s), and the first 441
    /// of them go at once.
    #[default]
    Even,
    /// It counts in a rolling window for sure: every free slot is used at once. A backlog of N
    /// takes 300 · (⌈N ÷ 450⌉ − 1) seconds.
    Burst,
}

/// Whose work a request is for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Priority {
    /// A person waits: goes before the pace of the others, from slots that are kept for it.
    Urgent,
    /// Nothing is known about who waits. May use every slot.
    #[default]
    Normal,
    /// Nobody waits: leaves the slots that are kept for urgent work.
    Bulk,
}

impl Priority {
    /// Every share, the most urgent first.
    pub const ALL: [Self; 3] = [Self::Urgent, Self::Normal, Self::Bulk];

    /// Slots of `level` that this share leaves to others: one in fifty for bulk work.
    pub(crate) const fn leaves(self, level: u32) -> u32 {
        match self {
            Self::Urgent | Self::Normal => 0,
            Self::Bulk => level / 50,
        }
    }
}

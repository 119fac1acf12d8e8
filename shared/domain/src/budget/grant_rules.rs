//! How many permits one request is granted, how far ahead, and how evenly spaced.

use std::time::Duration;

use super::adaptive_limit::AdaptiveLimit;
use super::ledger::PermitRequest;
use super::{Limit, Pace, Priority};

/// Time span of one lease beyond its first permit.
pub(super) const LEASE_SPAN: Duration = Duration::from_secs(20);

/// Distance of the pace from the level, in thousandths of a request: one request because the
/// position of ours in the server's windows is unknown, the rest for slow responses.
const PACE_BELOW_MILLI: i64 = 1_400;

/// How full bursts may make the window, in thousandths. See
/// [`window_estimate`](super::window_estimate) for the remainder.
const BURST_PER_MILLE: i64 = 960;

/// The rules for one grant.
pub(super) struct GrantRules {
    /// Slots that may be in use.
    pub(super) level: usize,
    /// How far ahead of its time the first permit may be leased.
    pub(super) ahead: Duration,
    /// How far beyond that the others may.
    pub(super) span: Duration,
    /// Whether the limit is large enough for leases ahead.
    pub(super) large: bool,
    /// The pacing; `None` if every free slot may be used at once.
    pub(super) pacing: Option<Pacing>,
}

/// The rules for a paced grant. Fill levels are in thousandths of a request.
pub(super) struct Pacing {
    /// Microseconds between two requests.
    pub(super) gap: i64,
    /// How full a burst may make the window, whichever way the server counts.
    pub(super) burst_milli: i64,
    /// How full one urgent request may make it ahead of its turn; `None` for other work.
    pub(super) urgent_milli: Option<i64>,
    /// How full a window has been without a refusal.
    pub(super) proven_milli: i64,
    /// How full any request may make it.
    pub(super) level_milli: i64,
}

impl GrantRules {
    pub(super) fn of(
        adaptive: &AdaptiveLimit,
        limit: &Limit,
        request: &PermitRequest,
        in_use: usize,
    ) -> Self {
        let effective = adaptive.level(limit);
        let reserved = request.priority.reserved(effective) + request.stage.reserved(effective);
        let level = effective.saturating_sub(reserved).max(1);
        let large = effective >= Limit::PACED_LIMIT_MIN;
        let pacing = (large && request.pace == Pace::Even).then(|| {
            let level_milli = i64::from(level) * 1000;
            let pace_milli = level_milli - PACE_BELOW_MILLI;
            let burst_milli = match request.priority {
                // A burst of bulk work occupies its slots for a whole window.
                Priority::Bulk => level_milli / 10,
                Priority::Urgent | Priority::Normal => level_milli * BURST_PER_MILLE / 1000,
            };
            let proven = adaptive.burst_max(limit);
            let proven_milli = i64::from(proven) * 1000;
            // A burst of requests that begin work leaves a burst to those that finish it.
            let burst_max_milli = i64::from(proven - request.stage.reserved(proven)) * 1000;
            Pacing {
                gap: micros_in(limit.window) * 1000 / pace_milli,
                burst_milli: burst_milli.min(burst_max_milli),
                urgent_milli: (request.priority == Priority::Urgent).then_some(pace_milli),
                proven_milli,
                level_milli,
            }
        });
        // Where holders crash, permits leased ahead are lost. Above the number of requests ever
        // accepted in one window, permits leased ahead would be refused together.
        let proven = adaptive.burst_max(limit);
        let unproven =
            proven < effective / 20 * 17 && in_use >= usize::try_from(proven).unwrap_or(usize::MAX);
        let fragile = adaptive.lease_max() == 1 || unproven;
        // Of a small limit only free slots are leased: permits leased ahead by one holder are
        // missing for another.
        let ahead = |span| if large { span } else { Duration::ZERO };
        let first = if fragile {
            Duration::ZERO
        } else {
            Limit::LEASE_AHEAD
        };
        Self {
            level: usize::try_from(level).unwrap_or(usize::MAX),
            ahead: ahead(first),
            span: ahead(LEASE_SPAN),
            pacing,
            large,
        }
    }

    /// The most permits in one lease when `in_use` slots are in use: of a small limit a sixteenth
    /// of what is free, because what one holder does not use is missing for another.
    pub(super) fn lease_max(&self, in_use: usize) -> u32 {
        if self.large {
            return u32::MAX;
        }
        u32::try_from(self.level.saturating_sub(in_use) / 16).unwrap_or(u32::MAX)
    }
}

/// A duration in microseconds.
pub(super) fn micros_in(span: Duration) -> i64 {
    i64::try_from(span.as_micros()).unwrap_or(i64::MAX / 2000)
}

//! Request counters of a simulated vendor, for assertions about the caller.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Serialize;

use crate::rate_limit::SlidingWindow;

/// The window of the products' own limits: five minutes.
const WINDOW: Duration = Duration::from_secs(300);

/// Requests as counted at the vendor, by its own clock.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct TrafficStats {
    /// Requests that arrived, refused ones included.
    pub requests: u64,
    /// The same by "METHOD /Route" template.
    pub by_route: BTreeMap<String, u64>,
    /// Requests answered 429.
    pub rejected_429: u64,
    /// Most requests, refused ones included, in any rolling window of 300 seconds.
    pub window_max: usize,
    /// Most requests not answered 429 in any rolling window of 300 seconds.
    pub accepted_window_max: usize,
}

/// The running count behind [`TrafficStats`].
#[derive(Debug, Default)]
pub(crate) struct Traffic {
    /// The counts.
    stats: TrafficStats,
    /// All requests of the last window.
    arrived: SlidingWindow,
    /// Those of them that were not refused.
    accepted: SlidingWindow,
}

impl Traffic {
    /// Counts a request that reached the vendor.
    pub(crate) fn arrived(&mut self, route: &str, now: i64) {
        self.stats.requests += 1;
        *self.stats.by_route.entry(route.to_owned()).or_default() += 1;
        self.arrived.add(now);
        self.stats.window_max = self.stats.window_max.max(self.arrived.prune(now, WINDOW));
    }

    /// Counts a request that passed the rate limit.
    pub(crate) fn accepted(&mut self, now: i64) {
        self.accepted.add(now);
        let within = self.accepted.prune(now, WINDOW);
        self.stats.accepted_window_max = self.stats.accepted_window_max.max(within);
    }

    /// Counts a request answered 429.
    pub(crate) fn rejected(&mut self) {
        self.stats.rejected_429 += 1;
    }

    /// The counts so far.
    pub(crate) fn stats(&self) -> TrafficStats {
        self.stats.clone()
    }
}

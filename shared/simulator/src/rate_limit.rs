//! Rate limits over a sliding window.

use std::collections::VecDeque;
use std::time::Duration;

use crate::clock::whole_millis;

/// How many requests a vendor takes in any window.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RateLimit {
    /// Requests accepted within any window.
    pub requests_max: usize,
    /// Length of the window.
    pub window: Duration,
    /// Whether refused requests count.
    pub refused: RefusedRequests,
    /// How the refusal states when to retry.
    pub retry_after: RetryAfter,
    /// Whether every answer says in `X-RateLimit-Remaining` how many requests are left.
    pub shows_remaining: bool,
}

/// Whether refused requests fill the window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RefusedRequests {
    /// Only accepted requests fill the window.
    NotCounted,
    /// Refused requests fill the window too.
    Counted,
}

/// The form of `Retry-After` in a refusal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RetryAfter {
    /// No header.
    Absent,
    /// Seconds until a slot is free, rounded up.
    WholeSeconds,
    /// The same with a fraction, as Liongard writes it.
    FractionalSeconds,
}

impl RateLimit {
    /// The header's text for a pause.
    pub(crate) fn header_for(&self, pause: Duration) -> Option<String> {
        match self.retry_after {
            RetryAfter::Absent => None,
            RetryAfter::WholeSeconds => Some(pause.as_millis().div_ceil(1000).to_string()),
            RetryAfter::FractionalSeconds => Some(format!("{:.3}", pause.as_secs_f64())),
        }
    }
}

/// The times of the requests within a window that ends now.
#[derive(Debug, Default)]
pub(crate) struct SlidingWindow(VecDeque<i64>);

impl SlidingWindow {
    /// Removes requests that are a window or more before `now` and returns how many remain.
    pub(crate) fn prune(&mut self, now: i64, window: Duration) -> usize {
        let oldest = now.saturating_sub(whole_millis(window));
        while self.0.front().is_some_and(|&moment| moment <= oldest) {
            self.0.pop_front();
        }
        self.0.len()
    }

    /// Adds a request; a clock that was set back counts as stopped.
    pub(crate) fn add(&mut self, now: i64) {
        let newest = self.0.back().copied().unwrap_or(now);
        self.0.push_back(now.max(newest));
    }

    /// How long until one more fits under `requests_max`.
    pub(crate) fn pause(&self, now: i64, limit: &RateLimit) -> Duration {
        let Some(leaving) = self.0.len().checked_sub(limit.requests_max.max(1)) else {
            return Duration::ZERO;
        };
        let free_at = self
            .0
            .get(leaving)
            .map_or(now, |&moment| moment + whole_millis(limit.window));
        Duration::from_millis(u64::try_from(free_at - now).unwrap_or(0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_free_again_exactly_one_window_later() {
        let window = Duration::from_secs(300);
        let mut log = SlidingWindow::default();
        log.add(1_000);
        assert_eq!(log.prune(300_999, window), 1);
        assert_eq!(log.prune(301_000, window), 0);
    }
}

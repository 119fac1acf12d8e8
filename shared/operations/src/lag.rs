//! How long changes took to reach the other side, by the pairs that are under way.

use std::time::Duration;

use halogard_domain::{Link, Timestamp};
use serde::Serialize;

/// Only changes that are younger count.
const AGE_MAX: Duration = Duration::from_secs(7 * 24 * 3600);

/// How long changes of one side took to reach the other.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LagStatus {
    /// From where to where.
    pub way: &'static str,
    /// Changes of the last seven days that it was computed from.
    pub samples: usize,
    /// Half of them took no longer, in seconds.
    pub p50_seconds: u64,
    /// Nineteen of twenty took no longer.
    pub p95_seconds: u64,
    /// The longest.
    pub max_seconds: u64,
}

/// The lags of the pairs that were read.
#[derive(Default)]
pub(super) struct LagSamples {
    alert_to_ticket: Vec<Duration>,
    ticket_to_inspection: Vec<Duration>,
}

impl LagSamples {
    /// Takes in what `link` shows.
    pub(super) fn add(&mut self, link: &Link, now: Timestamp) {
        let is_recent = |at: Timestamp| now.is_within(AGE_MAX, at);
        if let (Some(alert), Some(initial)) = (&link.observed_alert, &link.initial)
            && link.recurrence == 1
            && is_recent(alert.raised_at)
        {
            self.alert_to_ticket.push(initial.at.since(alert.raised_at));
        }
        let closure = link.base.as_ref().and_then(|base| base.ticket_closed);
        if let (Some(closure), Some(pending)) = (closure, link.pending_inspection)
            && is_recent(closure.at)
        {
            self.ticket_to_inspection
                .push(pending.requested_at.since(closure.at));
        }
    }

    /// Each way of which there are samples.
    pub(super) fn summary(&self) -> Vec<LagStatus> {
        let ways = [
            ("alert to ticket", &self.alert_to_ticket),
            ("ticket to inspection", &self.ticket_to_inspection),
        ];
        ways.into_iter()
            .filter_map(|(way, samples)| summary(way, samples))
            .collect()
    }
}

/// The summary of `samples`; `None` when there are none.
fn summary(way: &'static str, samples: &[Duration]) -> Option<LagStatus> {
    let mut seconds: Vec<u64> = samples.iter().map(Duration::as_secs).collect();
    seconds.sort_unstable();
    let last = seconds.len().checked_sub(1)?;
    let at = |percent: usize| {
        let place = (seconds.len() * percent).div_ceil(100).saturating_sub(1);
        seconds.get(place.min(last)).copied().unwrap_or_default()
    };
    Some(LagStatus {
        way,
        samples: seconds.len(),
        p50_seconds: at(50),
        p95_seconds: at(95),
        max_seconds: at(100),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_those_of_the_samples() {
        assert_eq!(summary("way", &[]), None);
        let seconds = |range: std::ops::RangeInclusive<u64>| {
            range.map(Duration::from_secs).collect::<Vec<_>>()
        };
        let of = |samples: &[Duration]| {
            summary("way", samples).map(|it| (it.p50_seconds, it.p95_seconds, it.max_seconds))
        };
        assert_eq!(of(&seconds(7..=7)), Some((7, 7, 7)));
        assert_eq!(of(&seconds(1..=100)), Some((50, 95, 100)));
        assert_eq!(of(&seconds(1..=3)), Some((2, 3, 3)));
    }
}

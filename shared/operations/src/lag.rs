//! How long changes took to reach the other side, by what the pairs show.

use std::collections::BTreeMap;
use std::time::Duration;

use halogard_domain::time::CLOCK_AHEAD_MAX;
use halogard_domain::{Link, Timestamp};
use serde::Serialize;

/// Only changes that are younger count.
pub(crate) const AGE_MAX: Duration = Duration::from_secs(7 * 24 * 3600);

/// How long changes of one side took to reach the other.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
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

/// A way that changes take.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum ChangeWay {
    /// From the time at which Liongard raised the alert until its ticket was opened.
    AlertToTicket,
    /// From the time at which the ticket was closed until an inspection was requested.
    TicketToInspection,
}

impl ChangeWay {
    /// Both ways.
    pub const ALL: [Self; 2] = [Self::AlertToTicket, Self::TicketToInspection];

    /// The way in words.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::AlertToTicket => "alert to ticket",
            Self::TicketToInspection => "ticket to inspection",
        }
    }
}

/// A change that reached the other side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ReachedChange {
    /// Which way it took.
    pub(crate) way: ChangeWay,
    /// When it was made.
    pub(crate) made_at: Timestamp,
    /// When it reached the other side.
    pub(crate) reached_at: Timestamp,
}

/// The changes that `link` shows to have reached the other side.
pub(crate) fn reached_changes(link: &Link) -> impl Iterator<Item = ReachedChange> {
    let opened = link.observed_alert.as_ref().zip(link.initial.as_ref());
    // A later ticket was not opened because the alert was raised.
    let opened = opened.filter(|_| link.recurrence == 1);
    let opened = opened.map(|(alert, initial)| ReachedChange {
        way: ChangeWay::AlertToTicket,
        made_at: alert.raised_at,
        reached_at: initial.at,
    });
    let closure = link.base.as_ref().and_then(|base| base.ticket_closed);
    let pending = link.pending_inspection.map(|it| it.requested_at);
    let requested_at = pending.or(link.inspection_requested_at);
    let inspected = closure.zip(requested_at);
    // An earlier closure may have led to it. Both vendors' clocks differ by seconds.
    let inspected = inspected.filter(|(closure, at)| at.plus(CLOCK_AHEAD_MAX) >= closure.at);
    let inspected = inspected.map(|(closure, requested_at)| ReachedChange {
        way: ChangeWay::TicketToInspection,
        made_at: closure.at,
        reached_at: requested_at,
    });
    opened.into_iter().chain(inspected)
}

/// The lags of the pairs that were read.
#[derive(Default)]
pub(crate) struct LagSamples(BTreeMap<ChangeWay, Vec<Duration>>);

impl LagSamples {
    /// Takes in what `link` shows of the last days.
    pub(crate) fn add(&mut self, link: &Link, now: Timestamp) {
        let recent = reached_changes(link).filter(|it| now.is_within(AGE_MAX, it.made_at));
        for change in recent {
            self.add_change(&change);
        }
    }

    /// Takes in one change.
    pub(crate) fn add_change(&mut self, change: &ReachedChange) {
        let samples = self.0.entry(change.way).or_default();
        samples.push(change.reached_at.since(change.made_at));
    }

    /// Each way of which there are samples.
    pub(crate) fn summary(&self) -> Vec<LagStatus> {
        let ways = self.0.iter();
        ways.filter_map(|(way, samples)| summary(way.words(), samples))
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

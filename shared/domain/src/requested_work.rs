//! What operators asked to be reconciled and is still queued, so that the same command given twice queues its work
//! once. A hosted queue cannot be searched for a message.

use std::collections::BTreeSet;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::ids::AlertId;
use crate::record::{Record, Singleton};
use crate::time::Timestamp;

/// How long a request counts as queued at most. Work that takes longer may be queued once more.
pub const REQUESTED_MAX: Duration = Duration::from_secs(6 * 3600);

/// How many alerts are kept, of the newest requests: more would not fit into one item of a hosted table.
pub const REQUESTED_ALERTS_MAX: usize = 20_000;

/// What operators asked for, the oldest request first.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RequestedWork {
    /// The requests.
    pub requests: Vec<WorkRequest>,
}

/// One request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WorkRequest {
    /// When the first of its messages was sent, or earlier.
    pub at: Timestamp,
    /// What is done with the pairs, as a word: requests of different kinds are different work.
    pub kind: String,
    /// The lane that its messages are in.
    pub lane: String,
    /// The alerts of the pairs.
    pub alerts: BTreeSet<AlertId>,
}

impl Record for RequestedWork {
    const PARTITION: &'static str = "requested_work";
    type Key = Singleton;
}

impl RequestedWork {
    /// When work of `kind` was last requested for `alert`; `None` where it was not, or too long ago.
    #[must_use]
    pub fn requested_at(&self, alert: AlertId, kind: &str, now: Timestamp) -> Option<Timestamp> {
        let requests = self.requests.iter().rev();
        let mut meant = requests.filter(|it| it.kind == kind && it.is_recent(now));
        meant.find(|it| it.alerts.contains(&alert)).map(|it| it.at)
    }

    /// Adds `request`, and drops what is too old or too much.
    pub fn add(&mut self, request: WorkRequest, now: Timestamp) {
        self.requests.retain(|it| it.is_recent(now));
        self.requests.push(request);
        let mut alerts = 0;
        let kept = self.requests.iter().rev().take_while(|it| {
            alerts += it.alerts.len();
            alerts <= REQUESTED_ALERTS_MAX
        });
        let too_many = self.requests.len() - kept.count();
        self.requests.drain(..too_many);
    }

    /// Drops the requests in `lane`, which is empty.
    pub fn forget_lane(&mut self, lane: &str) {
        self.requests.retain(|it| it.lane != lane);
    }
}

impl WorkRequest {
    fn is_recent(&self, now: Timestamp) -> bool {
        // A time in the future is of a clock that was ahead.
        self.at <= now && now.since(self.at) <= REQUESTED_MAX
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(at: i64, kind: &str, alerts: impl IntoIterator<Item = u64>) -> WorkRequest {
        WorkRequest {
            at: Timestamp::from_millis(at),
            kind: kind.to_owned(),
            lane: "bulk".to_owned(),
            alerts: alerts.into_iter().map(AlertId::new).collect(),
        }
    }

    #[test]
    fn work_is_known_by_alert_and_kind_until_it_is_old_or_its_lane_is_empty() {
        let (start, limit) = (1_000, i64::try_from(REQUESTED_MAX.as_millis()).unwrap());
        let mut work = RequestedWork::default();
        let now = Timestamp::from_millis(start);
        work.add(request(start, "resync", 1..=3), now);
        let asked = |work: &RequestedWork, alert, kind, at| {
            let at = Timestamp::from_millis(at);
            work.requested_at(AlertId::new(alert), kind, at).is_some()
        };
        for (alert, kind, at, expected) in [
            (1, "resync", start, true),
            (3, "resync", start + limit, true),
            (3, "resync", start + limit + 1, false),
            (4, "resync", start, false),
            (1, "replay", start, false),
            (1, "resync", start - 1, false),
        ] {
            assert_eq!(
                asked(&work, alert, kind, at),
                expected,
                "{alert} {kind} {at}"
            );
        }
        work.forget_lane("urgent");
        assert!(asked(&work, 1, "resync", start));
        work.forget_lane("bulk");
        assert!(!asked(&work, 1, "resync", start));
    }

    #[test]
    fn the_newest_requests_are_kept_within_the_limit() {
        let mut work = RequestedWork::default();
        let most = u64::try_from(REQUESTED_ALERTS_MAX).unwrap();
        for (at, alerts) in [(1, 1..=10), (2, 11..=most), (3, 1..=20)] {
            work.add(request(at, "resync", alerts), Timestamp::from_millis(at));
        }
        let times: Vec<i64> = work.requests.iter().map(|it| it.at.as_millis()).collect();
        assert_eq!(times, [3]);
    }
}

//! Runs of Liongard's inspectors, asked for by many and started once.

use std::collections::BTreeSet;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::ids::{AlertId, LaunchpointId, RunId};
use crate::time::Timestamp;

/// Least time between two starts of the same inspector, when the operator names none.
pub const MIN_INTERVAL: Duration = Duration::from_secs(60);

/// How often a run under way is looked at.
pub const RUN_POLL_INTERVAL: Duration = Duration::from_secs(5);

/// A run that has not ended after this time is given up. Liongard publishes no bound; inspections
/// of large tenants take minutes.
pub const RUN_TIMEOUT: Duration = Duration::from_secs(900);

/// Failed runs in a row after which those waiting are told that Liongard did not follow.
pub const FAILURES_MAX: u32 = 3;

/// A run that Liongard does not let us watch is taken to have ended after this time; the alert is
/// read again then, and says for itself whether it followed.
pub const UNOBSERVABLE_RUN_TIME: Duration = Duration::from_secs(60);

/// A run that was started and is not listed after this time did not start.
pub const START_TIMEOUT: Duration = Duration::from_secs(120);

/// A watcher this late is replaced.
pub const WATCHER_GRACE: Duration = Duration::from_secs(60);

/// What is to be run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RunTarget {
    /// Liongard's inspector of HaloPSA: it reads the tickets' states and writes them to alerts.
    HaloPsa,
    /// The inspector that found an alert: running it makes Liongard look again.
    Launchpoint(LaunchpointId),
}

/// The runs of one target: who waits, and what is under way.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Runs {
    /// Alerts whose ticket changed since the last start.
    pub waiting: BTreeSet<AlertId>,
    /// A run was asked for since the last start, by an alert or not.
    #[serde(default)]
    pub requested: bool,
    /// The run under way.
    pub in_flight: Option<RunInFlight>,
    /// When a run was last started.
    pub last_started_at: Option<Timestamp>,
    /// Runs that failed in a row.
    #[serde(default)]
    pub failures: u32,
    /// When whoever sees to these runs means to look again.
    #[serde(default)]
    pub watched_until: Option<Timestamp>,
}

/// A run under way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunInFlight {
    /// The launchpoint that was started.
    pub launchpoint: LaunchpointId,
    /// The newest run known before the start; ours is newer.
    pub newest_before: Option<RunId>,
    /// When it was started.
    pub started_at: Timestamp,
    /// Alerts whose ticket changed before the start: this run ought to bring them along.
    pub alerts: BTreeSet<AlertId>,
}

/// What is to be done about a target now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NextRun {
    /// Nobody waits.
    Idle,
    /// Start it now.
    Start,
    /// Start it then: the least interval has not passed.
    StartAt(Timestamp),
    /// One is under way: look how it does.
    CheckProgress,
}

impl Runs {
    /// Asks for a run; `alert` is told when it has ended.
    pub fn request(&mut self, alert: AlertId) {
        self.waiting.insert(alert);
        self.requested = true;
    }

    /// Whether somebody sees to these runs. One watcher is enough; one that is long overdue died.
    #[must_use]
    pub fn is_watched(&self, now: Timestamp) -> bool {
        self.watched_until
            .is_some_and(|until| until.plus(WATCHER_GRACE) > now)
    }

    /// Whether a run is wanted or under way.
    #[must_use]
    pub const fn is_busy(&self) -> bool {
        self.requested || self.in_flight.is_some()
    }

    /// What is to be done at `now`, at most one run in `min_interval`.
    #[must_use]
    pub fn next(&self, now: Timestamp, min_interval: Duration) -> NextRun {
        if self.in_flight.is_some() {
            return NextRun::CheckProgress;
        }
        if !self.requested {
            return NextRun::Idle;
        }
        match self
            .last_started_at
            .map(|started| started.plus(min_interval))
        {
            Some(earliest) if earliest > now => NextRun::StartAt(earliest),
            _ => NextRun::Start,
        }
    }

    /// Notes that a run was started at `now`.
    pub fn start(
        &mut self,
        launchpoint: LaunchpointId,
        newest_before: Option<RunId>,
        now: Timestamp,
    ) {
        let alerts = std::mem::take(&mut self.waiting);
        self.requested = false;
        self.last_started_at = Some(now);
        self.in_flight = Some(RunInFlight {
            launchpoint,
            newest_before,
            started_at: now,
            alerts,
        });
    }

    /// Notes that the run under way came to a good end; returns whom it carried.
    pub fn succeed(&mut self) -> BTreeSet<AlertId> {
        self.failures = 0;
        self.in_flight
            .take()
            .map(|run| run.alerts)
            .unwrap_or_default()
    }

    /// Notes that the run under way failed or never ended. Those it carried wait for the next one,
    /// unless too many failed in a row: then they are returned, to be told.
    pub fn fail(&mut self) -> BTreeSet<AlertId> {
        let carried = self
            .in_flight
            .take()
            .map(|run| run.alerts)
            .unwrap_or_default();
        self.failures += 1;
        if self.failures < FAILURES_MAX {
            self.requested = true;
            self.waiting.extend(carried);
            return BTreeSet::new();
        }
        self.failures = 0;
        carried
    }
}

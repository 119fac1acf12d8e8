//! Runs of Liongard's inspectors: many pairs may request one, and it is started once.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::ids::{AlertId, LaunchpointId, RunId};
use crate::record::Record;
use crate::time::{CLOCK_AHEAD_MAX, Timestamp};

/// Least time between two starts of the same inspector when the operator sets none.
pub const MIN_INTERVAL: Duration = Duration::from_secs(60);

/// How often the progress of a run is checked that was started `age` ago: a person waits for a short run, and a long
/// one is not made shorter by asking.
#[must_use]
pub const fn progress_interval(age: Duration) -> Duration {
    Duration::from_secs(match age.as_secs() {
        0..20 => 5,
        20..60 => 10,
        60..180 => 20,
        _ => 30,
    })
}

/// A run that has not ended after this time is given up. Liongard publishes no limit; inspections
/// of large tenants take minutes.
pub const RUN_TIMEOUT: Duration = Duration::from_secs(900);

/// Consecutive failed runs after which the waiting pairs stop waiting: Liongard did not pick up the
/// change.
pub const FAILURES_MAX: u32 = 3;

/// A run whose progress Liongard does not let us read is assumed to have ended after this time. The
/// alert is read again then, and shows whether it changed.
pub const UNOBSERVABLE_RUN_TIME: Duration = Duration::from_secs(60);

/// A run that was started but is not listed after this time did not start.
pub const START_TIMEOUT: Duration = Duration::from_secs(120);

/// How long after Liongard refused a run, because one is under way, it is asked for again.
pub const BLOCKED_RETRY_INTERVAL: Duration = Duration::from_secs(20);

/// A run that Halogard did not start and that has not ended after this time is no longer waited for.
pub const BLOCKED_MAX: Duration = Duration::from_secs(60 * 60);

/// A watcher that is this late is replaced.
pub const WATCHER_GRACE: Duration = Duration::from_secs(60);

/// No watcher is due later than this. One that would be was written under a clock that was ahead.
const WATCH_MAX: Duration = Duration::from_secs(86_400);

/// What is to be run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RunTarget {
    /// Liongard's inspector of HaloPSA. It reads the tickets' states and writes them to alerts.
    HaloPsa,
    /// The inspector that raised an alert. Running it makes Liongard check the condition again.
    Launchpoint(LaunchpointId),
}

/// How [`RunTarget::HaloPsa`] is written.
const HALOPSA: &str = "halopsa";

/// What precedes the id of a launchpoint.
const LAUNCHPOINT: &str = "launchpoint-";

impl fmt::Display for RunTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::HaloPsa => f.write_str(HALOPSA),
            Self::Launchpoint(id) => write!(f, "{LAUNCHPOINT}{}", id.get()),
        }
    }
}

/// The text is not a [`RunTarget`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnknownRunTarget;

impl FromStr for RunTarget {
    type Err = UnknownRunTarget;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text == HALOPSA {
            return Ok(Self::HaloPsa);
        }
        let id = text
            .strip_prefix(LAUNCHPOINT)
            .and_then(|id| id.parse().ok());
        let id = id.ok_or(UnknownRunTarget)?;
        Ok(Self::Launchpoint(LaunchpointId::new(id)))
    }
}

/// The runs of one target: which alerts wait, and what is under way.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Runs {
    /// Alerts whose ticket changed since the last start.
    pub waiting: BTreeSet<AlertId>,
    /// Whether a run was requested since the last start.
    pub requested: bool,
    /// The run under way.
    pub in_flight: Option<RunInFlight>,
    /// Liongard refused the run, because one that we did not start is under way.
    pub blocked: Option<BlockedStart>,
    /// When a run was last started.
    pub last_started_at: Option<Timestamp>,
    /// Consecutive failed runs since the waiting pairs last stopped waiting.
    pub failures: u32,
    /// How the last run that ended did; `None` before the first. Boxed: runs are held in large futures.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_end: Option<Box<RunEnd>>,
    /// When the watcher of these runs is due to check again.
    pub watched_until: Option<Timestamp>,
}

impl Record for Runs {
    const PARTITION: &'static str = "inspector_run";
    type Key = RunTarget;

    fn is_active(&self) -> bool {
        self.is_busy()
    }
}

/// A run under way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunInFlight {
    /// The launchpoint that was started.
    pub launchpoint: LaunchpointId,
    /// The newest run before the start. Ours is newer.
    pub newest_before: Option<RunMark>,
    /// When it was started.
    pub started_at: Timestamp,
    /// Alerts whose ticket changed before the start. This run should update them.
    pub alerts: BTreeSet<AlertId>,
}

/// The end of a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunEnd {
    /// When it was seen.
    pub at: Timestamp,
    /// How many runs have failed in a row, this one included; 0 when it succeeded.
    pub failed_in_a_row: u32,
    /// What it said, if it failed.
    pub said: Option<String>,
    /// Whether it never began: `said` is why.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub not_started: bool,
}

/// The newest run of a launchpoint at some moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RunMark {
    /// By its number.
    Run(RunId),
    /// By how many had been asked for, where Liongard does not list the runs of one launchpoint.
    AskedFor(u64),
}

/// A run that could not be started, because another one is under way. That one began before what is
/// to be seen and says nothing about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BlockedStart {
    /// The first refusal.
    pub since: Timestamp,
    /// When it is asked for again.
    pub retry_at: Timestamp,
}

/// What to do about a target now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NextRun {
    /// No run is requested.
    Idle,
    /// Start a run now.
    Start,
    /// Start a run at this time, when the least interval has passed.
    StartAt(Timestamp),
    /// A run is under way: check its progress.
    CheckProgress,
}

impl Runs {
    /// Requests a run. `alert` is reconciled again when the run has ended.
    pub fn request(&mut self, alert: AlertId) {
        self.waiting.insert(alert);
        self.requested = true;
    }

    /// Requests a run that no pair waits for.
    pub fn request_alone(&mut self) {
        self.requested = true;
    }

    /// Records how the run under way was seen to end at `now`; `said` is what it said, if it failed.
    pub fn note_end(&mut self, said: Option<String>, now: Timestamp) {
        let before = self.last_end.as_ref().map_or(0, |end| end.failed_in_a_row);
        self.last_end = Some(Box::new(RunEnd {
            at: now,
            failed_in_a_row: if said.is_some() { before + 1 } else { 0 },
            said,
            not_started: false,
        }));
    }

    /// Records at `now` that the run that was requested is not started, and `why`. It counts as a failed run.
    pub fn note_not_started(&mut self, why: String, now: Timestamp) {
        self.note_end(Some(why), now);
        if let Some(end) = &mut self.last_end {
            end.not_started = true;
        }
    }

    /// Whether a watcher advances these runs. One is enough; one that is long overdue has crashed.
    #[must_use]
    pub fn is_watched(&self, now: Timestamp) -> bool {
        self.watched_until
            .is_some_and(|until| until.plus(WATCHER_GRACE) > now && until <= now.plus(WATCH_MAX))
    }

    /// Whether a run is requested or under way.
    #[must_use]
    pub const fn is_busy(&self) -> bool {
        self.requested || self.in_flight.is_some()
    }

    /// What to do at `now`, with at most one start per `min_interval`.
    #[must_use]
    pub fn next(&self, now: Timestamp, min_interval: Duration) -> NextRun {
        if self.in_flight.is_some() {
            return NextRun::CheckProgress;
        }
        if !self.requested {
            return NextRun::Idle;
        }
        let latest = now.plus(CLOCK_AHEAD_MAX);
        let started = self.last_started_at.filter(|started| *started <= latest);
        let due = started.map(|started| started.plus(min_interval));
        match due.max(self.blocked.map(|blocked| blocked.retry_at)) {
            Some(earliest) if earliest > now => NextRun::StartAt(earliest),
            _ => NextRun::Start,
        }
    }

    /// Records that a run was started at `now`.
    pub fn start(
        &mut self,
        launchpoint: LaunchpointId,
        newest_before: Option<RunMark>,
        now: Timestamp,
    ) {
        let alerts = std::mem::take(&mut self.waiting);
        self.requested = false;
        self.blocked = None;
        self.last_started_at = Some(now);
        self.in_flight = Some(RunInFlight {
            launchpoint,
            newest_before,
            started_at: now,
            alerts,
        });
    }

    /// Records that Liongard refused the run at `now`, because another one is under way. It is asked
    /// for again when that one has ended, unless it never does: then its alerts are returned.
    pub fn block(&mut self, now: Timestamp) -> BTreeSet<AlertId> {
        let since = self.blocked.map_or(now, |blocked| blocked.since);
        if now.since(since) >= BLOCKED_MAX {
            self.blocked = None;
            self.requested = false;
            return std::mem::take(&mut self.waiting);
        }
        self.blocked = Some(BlockedStart {
            since,
            retry_at: now.plus(BLOCKED_RETRY_INTERVAL),
        });
        BTreeSet::new()
    }

    /// Records that the run under way succeeded. Returns its alerts.
    pub fn succeed(&mut self) -> BTreeSet<AlertId> {
        self.failures = 0;
        self.in_flight
            .take()
            .map(|run| run.alerts)
            .unwrap_or_default()
    }

    /// Records that the run under way failed or never ended. Its alerts wait for the next run,
    /// unless too many failed in a row: then they are returned.
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

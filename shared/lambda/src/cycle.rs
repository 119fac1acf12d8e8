//! One sync cycle within one invocation.

use std::time::Duration;

use halogard_app::cycle::CycleReport;
use halogard_app::ports::{
    Clock as _, Lane, LeaseOutcome, Leases as _, NamedValues as _, Outgoing, PortError,
    WorkSink as _, keys,
};
use halogard_domain::{Message, Timestamp};
use halogard_runtime::metrics::Metrics;
use tracing::{info, warn};

use crate::error::FunctionError;
use crate::instance::{FunctionReconciler, Instance, NotReady};
use crate::metrics::InvocationMetrics;
use crate::platform::Platform;

/// The key of the time when the first cycle began that was not complete, while none was complete.
const FIRST_CYCLE_AT: &str = "first_cycle_at";

/// The lease of the invocation that runs a sync cycle: the schedule starts one a minute, and a slow Liongard
/// makes one last for several.
const LEASE: &str = "sync_cycle";

/// What an invocation's sync cycle did.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CycleRun {
    /// Its report; `None` when it timed out.
    pub report: Option<CycleReport>,
    /// The poll lag: the age of the last complete cycle, or of the first one while none was complete. `None`
    /// when the store does not answer.
    pub lag: Option<Duration>,
}

/// Runs one sync cycle, in an invocation that ends at `deadline`. A part that fails or times out keeps its
/// watermark, so the next cycle reads the same range again. `None` when no config was applied yet, or another
/// invocation runs a cycle.
///
/// # Errors
///
/// A setting, a secret or the config is missing or wrong.
pub async fn run<P: Platform>(
    instance: &Instance<P>,
    function: &'static str,
    deadline: Timestamp,
) -> Result<Option<CycleRun>, FunctionError> {
    let invocation = instance.begin(deadline).await?;
    let resources = &invocation.resources;
    let now = resources.clock.now();
    let reconciler = match &invocation.reconciler {
        Ok(reconciler) => reconciler,
        Err(why) => {
            let mut metrics = InvocationMetrics::default();
            metrics.count_not_ready(why);
            crate::telemetry::print(&metrics.metrics(function), now);
            return match invocation.reconciler {
                Err(NotReady::NotConfigured) | Ok(_) => {
                    NotReady::NotConfigured.log();
                    Ok(None)
                }
                Err(why) => Err(why.into()),
            };
        }
    };
    if !acquire_lease::<P>(reconciler, deadline).await {
        return Ok(None);
    }
    invocation.deadline.set_lane(None);
    let left = invocation.deadline.left(now);
    let report = tokio::time::timeout(left, Box::pin(reconciler.sync_cycle()))
        .await
        .ok();
    let lag = lag::<P>(reconciler, now, report).await;
    if report.is_some_and(CycleReport::is_complete) {
        let further = further_polls(now, resources.polls_per_minute);
        known(reconciler.store.send(Lane::Runs, &further).await);
    }
    resources.release_permits().await;
    known(
        reconciler
            .store
            .release_lease(LEASE, &reconciler.worker)
            .await,
    );
    let cycle = CycleRun { report, lag };
    let mut calls = InvocationMetrics::default();
    calls.take_calls(&invocation.calls);
    let metrics = resources.with_budget(cycle.log(calls.metrics(function)));
    let set_aside = u64::try_from(reconciler.alerts_set_aside()).unwrap_or(u64::MAX);
    let metrics = match set_aside {
        0 => metrics,
        count => metrics.count("AlertsSetAside", count),
    };
    crate::telemetry::print(&metrics, resources.clock.now());
    Ok(Some(cycle))
}

/// The polls of the minute that began with a cycle at `began`, but for the first: the schedule knows no shorter
/// interval.
fn further_polls(began: Timestamp, per_minute: u32) -> Vec<Outgoing> {
    let interval = Duration::from_secs(60) / per_minute.max(1);
    let due = (1..per_minute).map(|number| began.plus(interval * number));
    due.map(|due| Outgoing {
        message: Message::poll_at(due),
        not_before: Some(due),
    })
    .collect()
}

/// Whether this invocation, which ends at `deadline`, may run a cycle: no other one does. A store that does not
/// answer fails the cycle itself, which says so.
async fn acquire_lease<P: Platform>(
    reconciler: &FunctionReconciler<P>,
    deadline: Timestamp,
) -> bool {
    let acquired = reconciler
        .store
        .acquire_lease(LEASE, &reconciler.worker, deadline)
        .await;
    match known(acquired) {
        Some(LeaseOutcome::HeldByOther { .. }) => {
            info!(
                outcome = CycleOutcome::Skipped.as_str(),
                "another invocation runs a sync cycle"
            );
            false
        }
        Some(LeaseOutcome::Acquired) | None => true,
    }
}

/// The poll lag after a cycle that began at `began`: the time since the last complete cycle, or since the first
/// one while none was complete. Without that an installation whose cycles never complete would have no lag, and
/// the alarm on the lag no data.
async fn lag<P: Platform>(
    reconciler: &FunctionReconciler<P>,
    began: Timestamp,
    report: Option<CycleReport>,
) -> Option<Duration> {
    let behind = |since: Timestamp| reconciler.clock.now().since(since);
    if report.is_some_and(CycleReport::is_complete) {
        return Some(behind(began));
    }
    let values = known(reconciler.store.values().await)?;
    let marks = [keys::LAST_COMPLETE_CYCLE_AT, FIRST_CYCLE_AT];
    if let Some(mark) = marks.iter().find_map(|key| values.get(*key)) {
        return Some(behind(Timestamp::from_millis(*mark)));
    }
    let first = reconciler
        .store
        .set_value(FIRST_CYCLE_AT, began.as_millis());
    known(first.await).map(|()| behind(began))
}

/// The value, if the store answers. Without it no lag is written, which raises the same alarm as a large
/// lag; nothing else is lost.
fn known<T>(answer: Result<T, PortError>) -> Option<T> {
    if let Err(error) = &answer {
        warn!(
            error_type = error.code.as_str(),
            reason = error.chain(),
            "the lease, a further poll or the time of a sync cycle could not be stored or read"
        );
    }
    answer.ok()
}

/// How a sync cycle ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum CycleOutcome {
    /// Both sides were read as far as was due.
    Complete,
    /// A part failed or was left to the next cycle.
    Partial,
    /// It took longer than the invocation.
    TimedOut,
    /// Another invocation runs one.
    Skipped,
}

impl CycleOutcome {
    /// The word in logs.
    const fn as_str(self) -> &'static str {
        match self {
            Self::Complete => "complete",
            Self::Partial => "partial",
            Self::TimedOut => "timed_out",
            Self::Skipped => "skipped",
        }
    }
}

impl CycleRun {
    const fn outcome(self) -> CycleOutcome {
        match self.report {
            Some(report) if report.is_complete() => CycleOutcome::Complete,
            Some(_) => CycleOutcome::Partial,
            None => CycleOutcome::TimedOut,
        }
    }

    /// Writes the outcome line; adds the lag to `metrics`.
    fn log(self, metrics: Metrics) -> Metrics {
        let outcome = self.outcome();
        match self.report {
            Some(report) => info!(
                swept = report.swept.as_str(),
                polled = report.polled.as_str(),
                queued = report.queued(),
                lag_seconds = self.lag.map(|lag| lag.as_secs()),
                outcome = outcome.as_str(),
                "sync cycle finished"
            ),
            None => warn!(
                lag_seconds = self.lag.map(|lag| lag.as_secs()),
                outcome = outcome.as_str(),
                "sync cycle timed out; the next one reads the same range again"
            ),
        }
        match self.lag {
            Some(lag) => metrics.seconds("PollLagSeconds", lag.as_secs_f64()),
            None => metrics,
        }
    }
}

//! One round over both sides, within one invocation.

use std::time::Duration;

use halogard_app::cycle::CycleReport;
use halogard_app::ports::{Clock as _, PortError, Values as _};
use halogard_domain::Timestamp;
use halogard_runtime::metrics::Metrics;
use tracing::{info, warn};

use crate::error::FunctionError;
use crate::instance::{FunctionReconciler, Instance, NotReady};
use crate::metrics::InvocationMetrics;
use crate::platform::Platform;

/// The mark that holds when the last whole round began: whatever happened on either side before it
/// has been seen.
pub const LAST_COMPLETE_CYCLE_AT: &str = "last_complete_cycle_at";

/// How a round went.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CycleRun {
    /// What it came to; `None` when it was cut off.
    pub report: Option<CycleReport>,
    /// How far behind we are: the age of the last whole round; `None` before the first.
    pub lag: Option<Duration>,
}

/// Makes one round, in an invocation that ends at `deadline`. A part that fails or is cut off keeps
/// its watermark, so the next round reads the same again. `None` when no config was applied yet.
///
/// # Errors
///
/// Nothing can be done at all.
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
    invocation.deadline.set_lane(None);
    let left = invocation.deadline.left(now);
    let report = tokio::time::timeout(left, Box::pin(reconciler.sync_cycle()))
        .await
        .ok();
    let lag = lag::<P>(reconciler, now, report).await;
    resources.release_permits().await;
    let cycle = CycleRun { report, lag };
    let metrics = resources.with_budget(cycle.log(function));
    crate::telemetry::print(&metrics, resources.clock.now());
    Ok(Some(cycle))
}

/// How far behind we are after a round that began at `began`.
async fn lag<P: Platform>(
    reconciler: &FunctionReconciler<P>,
    began: Timestamp,
    report: Option<CycleReport>,
) -> Option<Duration> {
    let behind = |since: Timestamp| reconciler.clock.now().since(since);
    if !report.is_some_and(CycleReport::is_complete) {
        let mark = reconciler.store.value(LAST_COMPLETE_CYCLE_AT).await;
        return known(mark)
            .flatten()
            .map(Timestamp::from_millis)
            .map(behind);
    }
    let set = reconciler
        .store
        .set_value(LAST_COMPLETE_CYCLE_AT, began.as_millis())
        .await;
    known(set).map(|()| behind(began))
}

/// The answer of the marks, if there is one. Without it nobody is told how far behind we are, which
/// rings the alarm as well, and nothing else is lost.
fn known<T>(answer: Result<T, PortError>) -> Option<T> {
    if let Err(error) = &answer {
        warn!(
            error_type = error.error_type,
            reason = error.chain(),
            "time of the last complete sync cycle could not be stored or read"
        );
    }
    answer.ok()
}

impl CycleRun {
    /// Writes the line of a round; says its metrics.
    fn log(self, function: &'static str) -> Metrics {
        match self.report {
            Some(report) => info!(
                swept = report.swept,
                polled = report.polled,
                orphaned_runs = report.orphaned_runs,
                released = report.released,
                lag_seconds = self.lag.map(|lag| lag.as_secs()),
                outcome = if report.is_complete() {
                    "complete"
                } else {
                    "partial"
                },
                "sync cycle finished"
            ),
            None => warn!(
                lag_seconds = self.lag.map(|lag| lag.as_secs()),
                outcome = "timed_out",
                "sync cycle timed out; the next one reads the same range again"
            ),
        }
        let metrics = Metrics::new(function);
        match self.lag {
            Some(lag) => metrics.seconds("PollLagSeconds", lag.as_secs_f64()),
            None => metrics,
        }
    }
}

//! What a function tells while it runs: log lines and metric lines.

use halogard_domain::Timestamp;
use halogard_runtime::lines;
use halogard_runtime::metrics::Metrics;
use tracing::subscriber::SetGlobalDefaultError;

/// The variable in which Lambda says how much is to be logged.
const LOG_LEVEL: &str = "AWS_LAMBDA_LOG_LEVEL";

/// Starts logging for the whole process. Called once, first thing in `main`.
///
/// # Errors
///
/// Logging was started twice.
pub fn start(function: &'static str) -> Result<(), SetGlobalDefaultError> {
    let level = crate::process::variable(LOG_LEVEL);
    lines::init(function, lines::level(level.as_deref()))
}

/// Writes a metric line. What is lost when that fails: the numbers of one invocation.
pub(crate) fn print(metrics: &Metrics, now: Timestamp) {
    if let Err(error) = metrics.print(now.as_millis()) {
        tracing::warn!(%error, "metrics could not be written");
    }
}

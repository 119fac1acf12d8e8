//! Log lines and metric lines of a function.

use std::error::Error;

use halogard_domain::Timestamp;
use halogard_runtime::metrics::Metrics;
use halogard_runtime::telemetry::{function_level, init_function};

/// The variable in which Lambda gives the log level.
const LOG_LEVEL: &str = "AWS_LAMBDA_LOG_LEVEL";

/// Starts logging for the whole process. Called once, first thing in `main`.
///
/// # Errors
///
/// Logging was started twice.
pub fn start(function: &'static str) -> Result<(), Box<dyn Error + Send + Sync>> {
    let level = halogard_runtime::settings::variable(LOG_LEVEL);
    init_function(function, function_level(level.as_deref()))?;
    Ok(())
}

/// Writes a metric line. When that fails, the numbers of this invocation are lost.
pub fn print(metrics: &Metrics, now: Timestamp) {
    if let Err(error) = metrics.print(now.as_millis()) {
        tracing::warn!(%error, "metrics could not be written");
    }
}

//! Logs of a function: JSON lines and nothing else, for a process that must be small.
//!
//! [`crate::telemetry`] can do more (filters by module, colours) and brings a regular-expression
//! engine and a registry along. A function that is billed for its start needs one level and one form.
//! What it writes is what CloudWatch reads: one object per line with `timestamp` and `level`, the
//! fields of the event beside the message, and those of the spans around it (the runtime's span gives
//! `requestId`).

mod fields;
mod subscriber;

use std::io;

use tracing::Level;
use tracing::subscriber::{SetGlobalDefaultError, set_global_default};

use subscriber::Lines;

/// Starts logging for the whole process, to standard error: events of `level` and graver.
/// Called once, first thing in `main`.
///
/// # Errors
///
/// When something else in this process logs already.
pub fn init(function: &'static str, level: Level) -> Result<(), SetGlobalDefaultError> {
    set_global_default(Lines::new(function, level, io::stderr))
}

/// The level of this name in any case, as `AWS_LAMBDA_LOG_LEVEL` has it; `INFO` for any other.
///
/// `TRACE` is taken for `DEBUG`: at that level the runtime prints whole events.
#[must_use]
pub fn level(name: Option<&str>) -> Level {
    match name.unwrap_or_default().to_ascii_uppercase().as_str() {
        "TRACE" | "DEBUG" => Level::DEBUG,
        "WARN" => Level::WARN,
        "ERROR" | "FATAL" => Level::ERROR,
        _ => Level::INFO,
    }
}

//! The one place where the benchmark reads a clock.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Now, for measuring.
#[expect(
    clippy::disallowed_methods,
    reason = "a benchmark measures the machine's time; there is nothing to move by hand"
)]
pub fn now() -> Instant {
    Instant::now()
}

/// Milliseconds since 1970, for the deadline of an invocation.
#[expect(
    clippy::disallowed_methods,
    reason = "the Runtime API states deadlines in the machine's time"
)]
pub fn unix_millis() -> u128 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or(Duration::ZERO)
        .as_millis()
}

/// A duration in milliseconds with a fraction.
pub fn millis(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1000.0
}

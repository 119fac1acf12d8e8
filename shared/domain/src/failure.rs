//! What is known about a call that failed, and so what may follow.

use std::time::Duration;

/// What is known about a call that failed, and so what may follow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FailureClass {
    /// Repeating it as it stands cannot succeed: bad input, refused, not found.
    Permanent,
    /// It had no effect; it may be repeated after a pause.
    Transient,
    /// The service asked for fewer requests; `None` when it named no pause.
    Throttled {
        /// How long the service asked us to stay away.
        retry_after: Option<Duration>,
    },
    /// It may have taken effect. Look before repeating.
    InDoubt,
}

//! What is known about a failed call, and so what may be done next.

use std::time::Duration;

/// What is known about a failed call, and so what may be done next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FailureClass {
    /// Repeating the call unchanged cannot succeed: invalid input, refused, not found.
    Permanent,
    /// The call had no effect and may be repeated after a pause.
    Transient,
    /// The service asked for fewer requests. `None` when it named no pause.
    Throttled {
        /// The pause that the service asked for.
        retry_after: Option<Duration>,
    },
    /// The call may have taken effect. Check before repeating it.
    InDoubt,
}

//! Why an invocation failed.

use lambda_runtime::Diagnostic;

use crate::instance::NotReady;
use crate::setup::SetUpError;

/// An invocation that failed as a whole. Lambda counts it, an alarm rings, and the next invocation
/// tries again.
#[derive(Debug, thiserror::Error)]
pub enum FunctionError {
    /// Settings or secrets are missing or wrong.
    #[error("{0}")]
    SetUp(#[from] SetUpError),
    /// Nothing can be done now.
    #[error(transparent)]
    NotReady(NotReady),
    /// A record that stays in the queue has no id by which the answer could say so.
    #[error("a record without messageId could not be settled; the whole batch stays in the queue")]
    MissingMessageId,
    /// The event is none this function is for.
    #[error("this event is none of ours; expected {expected}")]
    Event {
        /// What it should have been.
        expected: &'static str,
    },
}

impl FunctionError {
    /// Short and stable, for metrics and alarms.
    #[must_use]
    pub const fn error_type(&self) -> &'static str {
        match self {
            Self::SetUp(_) => "function.set_up",
            Self::NotReady(_) => "function.not_ready",
            Self::MissingMessageId => "function.missing_message_id",
            Self::Event { .. } => "function.event",
        }
    }
}

impl FunctionError {
    /// Writes why an invocation failed: the runtime reports it to Lambda and logs nothing.
    pub fn log(&self) {
        tracing::error!(
            error_type = self.error_type(),
            outcome = "failed",
            reason = %self,
            "invocation failed"
        );
    }
}

impl From<NotReady> for FunctionError {
    fn from(why: NotReady) -> Self {
        match why {
            NotReady::SetUp(error) => Self::SetUp(error),
            other => Self::NotReady(other),
        }
    }
}

impl From<FunctionError> for Diagnostic {
    fn from(error: FunctionError) -> Self {
        Self {
            error_type: error.error_type().to_owned(),
            error_message: error.to_string(),
        }
    }
}

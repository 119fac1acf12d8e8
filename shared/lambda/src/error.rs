//! Why an invocation failed.

use lambda_runtime::Diagnostic;

use crate::instance::NotReady;
use crate::setup::SetUpError;

/// An invocation that failed as a whole. Lambda counts it, an alarm is raised, and the next invocation
/// tries again.
#[derive(Debug, thiserror::Error)]
pub enum FunctionError {
    /// Settings or secrets are missing or wrong.
    #[error("{0}")]
    SetUp(#[from] SetUpError),
    /// The function is not ready.
    #[error(transparent)]
    NotReady(NotReady),
    /// A record that has to stay in the queue has no id that the answer could list.
    #[error("a record without messageId could not be settled; the whole batch stays in the queue")]
    MissingMessageId,
    /// The event is not one this function handles.
    #[error("unknown event; expected {expected}")]
    Event {
        /// The events it handles.
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
    /// Logs why an invocation failed: the runtime reports it to Lambda without logging it.
    pub fn log(&self) {
        tracing::error!(
            error_type = self.error_type(),
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

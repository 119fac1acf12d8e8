//! One error for every port: what may follow, and what a person must see.

use std::error::Error;
use std::sync::Arc;

use halogard_domain::{FailureClass, Timestamp};

/// A call through a port that failed.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{error_type}{}", self.message.as_ref().map(|message| format!(": {message}")).unwrap_or_default())]
pub struct PortError {
    /// What may follow.
    pub class: FailureClass,
    /// Short and stable, for metrics and alarms: `halopsa.refused`, `budget.exhausted`.
    pub error_type: &'static str,
    /// What the other side said, redacted and cut, where it said something.
    pub message: Option<String>,
    /// When to come back, where that is known. Waiting until then is no failure.
    pub retry_at: Option<Timestamp>,
    /// What kind of refusal it was, where we can do something about it.
    pub refusal: Option<Refusal>,
    /// The adapter's own error.
    #[source]
    pub source: Option<Arc<dyn Error + Send + Sync>>,
}

/// Refusals that policy has an answer to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The ticket cannot be closed while nobody is assigned.
    MustBeAssigned,
    /// Mandatory fields are missing; the names, where the desk said them.
    MissingFields(Vec<String>),
    /// The record is not there, or may not be seen.
    NotFound,
    /// The credential may not do this.
    Forbidden,
    /// The credential is not accepted.
    Unauthorised,
}

impl PortError {
    /// The [`error_type`](Self::error_type) of a request for which there was no permit.
    pub const BUDGET_EXHAUSTED: &'static str = "budget.exhausted";

    /// An error of `class` without details.
    #[must_use]
    pub fn new(class: FailureClass, error_type: &'static str) -> Self {
        Self {
            class,
            error_type,
            message: None,
            retry_at: None,
            refusal: None,
            source: None,
        }
    }

    /// The adapter's own error behind this one.
    #[must_use]
    pub fn with_source(mut self, source: impl Error + Send + Sync + 'static) -> Self {
        self.source = Some(Arc::new(source));
        self
    }

    /// What the other side said.
    #[must_use]
    pub fn with_message(mut self, message: impl Into<String>) -> Self {
        self.message = Some(message.into());
        self
    }

    /// A store of ours that failed: nothing was written, or the same write may be repeated.
    #[must_use]
    pub fn store(source: impl Error + Send + Sync + 'static) -> Self {
        Self::new(FailureClass::Transient, "store.failed").with_source(source)
    }

    /// What happened with its causes, one line, for logs and dead letters.
    #[must_use]
    pub fn chain(&self) -> String {
        let Some(source) = &self.source else {
            return self.to_string();
        };
        let mut text = source.to_string();
        let mut cause = source.source();
        while let Some(inner) = cause {
            text.push_str(": ");
            text.push_str(&inner.to_string());
            cause = inner.source();
        }
        text
    }
}

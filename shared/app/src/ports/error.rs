//! The error of every port: what may follow, and what a person must see.

use std::error::Error;
use std::sync::Arc;

use halogard_domain::{FailureClass, Ticket, Timestamp};

use super::ErrorCode;

/// A failed call through a port.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{code}{}", self.message.as_ref().map(|message| format!(": {message}")).unwrap_or_default())]
pub struct PortError {
    /// What may follow.
    pub class: FailureClass,
    /// What went wrong, for metrics and alarms.
    pub code: ErrorCode,
    /// The other side's message, redacted and cut, if it sent one.
    pub message: Option<Box<str>>,
    /// When to retry, if known. Waiting until then does not count as a failure.
    pub retry_at: Option<Timestamp>,
    /// The kind of refusal, if the reconciler can act on it.
    pub refusal: Option<Refusal>,
    /// What an operator can do about it, in the vendor's own words, where the adapter knows.
    pub remedy: Option<&'static str>,
    /// The adapter's own error.
    #[source]
    pub source: Option<Arc<dyn Error + Send + Sync>>,
}

/// Refusals the reconciler can act on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The ticket cannot be closed while it has no assignee.
    MustBeAssigned,
    /// HaloPSA's database ended a create, and a read by number did not show the ticket.
    RolledBack,
    /// Mandatory fields are missing; their names, if HaloPSA named them.
    MissingFields(Box<[String]>),
    /// The record does not exist, or the credential may not see it.
    NotFound,
    /// The inspector is running already; this run was not started.
    RunUnderWay,
    /// The ticket is no longer in the state for which the change was planned; here it is as it was read.
    /// Nothing was written.
    Outdated(Box<Ticket>),
    /// The credential may not do this.
    Forbidden,
    /// The credential is not accepted.
    Unauthorised,
}

impl PortError {
    /// An error of `class` without details.
    #[must_use]
    pub fn new(class: FailureClass, code: ErrorCode) -> Self {
        Self {
            class,
            code,
            message: None,
            retry_at: None,
            refusal: None,
            remedy: None,
            source: None,
        }
    }

    /// A list that came with fewer rows than there are: what is looked for may be among the others.
    #[must_use]
    pub fn short_list() -> Self {
        Self::new(FailureClass::Transient, ErrorCode::HalopsaShortList)
    }

    /// Sets the adapter's own error as the source.
    #[must_use]
    pub fn with_source(mut self, source: impl Error + Send + Sync + 'static) -> Self {
        self.source = Some(Arc::new(source));
        self
    }

    /// Sets the other side's message.
    #[must_use]
    pub fn with_message(mut self, message: impl Into<Box<str>>) -> Self {
        self.message = Some(message.into());
        self
    }

    /// The guard did not admit the ticket, or not in time. Nothing was sent.
    #[must_use]
    pub fn not_admitted() -> Self {
        Self::new(FailureClass::Transient, ErrorCode::ClaimExpired)
    }

    /// A failed store: nothing was written, or the same write may be repeated.
    #[must_use]
    pub fn store(source: impl Error + Send + Sync + 'static) -> Self {
        Self::new(FailureClass::Transient, ErrorCode::StoreFailed).with_source(source)
    }

    /// The error with its causes, on one line, for logs and dead letters.
    #[must_use]
    pub fn chain(&self) -> String {
        match &self.source {
            Some(source) => error_chain(source.as_ref()),
            None => self.to_string(),
        }
    }
}

/// An error with its causes, one line.
#[must_use]
pub fn error_chain(error: &(dyn Error + 'static)) -> String {
    let causes = std::iter::successors(Some(error), |&error| error.source());
    let texts: Vec<String> = causes.map(ToString::to_string).collect();
    texts.join(": ")
}

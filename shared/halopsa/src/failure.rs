//! From this client's errors to what the use cases understand.

use halogard_app::keyring::KeyringError;
use halogard_app::ports::{PortError, Refusal};
use halogard_domain::FailureClass;
use halogard_http::TransportError;
use http::StatusCode;

use crate::error::{Error, TokenFailure};

impl From<Error> for PortError {
    fn from(error: Error) -> Self {
        Self {
            class: error.class(),
            error_type: error_type(&error),
            said: error.said().map(|said| said.as_str().to_owned()),
            retry_at: error.retry_at(),
            refusal: refusal(&error),
            source: Some(std::sync::Arc::new(error)),
        }
    }
}

/// The same error for a write that may be repeated: doubt about it is no reason not to.
pub(crate) fn repeatable(error: Error) -> PortError {
    let mut error = PortError::from(error);
    if error.class == FailureClass::InDoubt {
        error.class = FailureClass::Transient;
    }
    error
}

/// The short word that metrics and remedies go by.
fn error_type(error: &Error) -> &'static str {
    match error {
        Error::OutOfBudget { .. } => PortError::BUDGET_SPENT,
        Error::BudgetStore { .. } => "budget.store",
        Error::TokenUnderway { .. } => "desk.token_underway",
        Error::Token {
            said: Some(said), ..
        } if said.as_str().to_lowercase().contains("tenant") => "desk.tenant",
        Error::Token {
            kind: TokenFailure::InvalidScope,
            ..
        } => "desk.scope",
        Error::Token { .. }
        | Error::Credential(KeyringError::Refused { .. } | KeyringError::Unusable { .. }) => {
            "desk.credential"
        }
        Error::Credential(KeyringError::Vault { .. }) => "vault.failed",
        Error::Transport {
            source: TransportError::NotSent { .. },
            ..
        } => "desk.unreachable",
        Error::Transport { .. } => "desk.no_answer",
        Error::Status { status, .. } if *status == StatusCode::TOO_MANY_REQUESTS => {
            "desk.throttled"
        }
        Error::Status { status, .. } if status.is_server_error() => "desk.failed",
        Error::Status { .. } => "desk.refused",
        Error::Redirected { .. } => "desk.redirected",
        Error::Request { .. }
        | Error::Body { .. }
        | Error::TooManyPages { .. }
        | Error::PageRepeated { .. } => "desk.unexpected",
    }
}

/// The kinds of refusal that policy has an answer to.
fn refusal(error: &Error) -> Option<Refusal> {
    if let Error::Credential(source) = error {
        return source.refusal();
    }
    if matches!(error, Error::Token { .. }) {
        return Some(Refusal::Unauthorised);
    }
    let status = error.status()?;
    if status == StatusCode::UNAUTHORIZED {
        return Some(Refusal::Unauthorised);
    }
    if status == StatusCode::FORBIDDEN {
        return Some(Refusal::Forbidden);
    }
    if error.is_not_found() {
        return Some(Refusal::NotFound);
    }
    let said = error.said()?;
    if said.mentions_assign_before_closing() {
        return Some(Refusal::MustBeAssigned);
    }
    let missing = said.names_missing_fields();
    (!missing.is_empty()).then_some(Refusal::MissingFields(missing))
}

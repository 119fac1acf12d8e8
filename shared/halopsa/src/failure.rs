//! From this client's errors to what the use cases understand.

use halogard_app::ports::{PortError, Refusal};
use halogard_credentials::CredentialError;
use halogard_domain::FailureClass;
use halogard_http::TransportError;
use http::StatusCode;

use crate::error::{Error, TokenFailure};

impl From<Error> for PortError {
    fn from(error: Error) -> Self {
        let error_type = error_type(&error);
        Self {
            class: error.class(),
            error_type,
            remedy: Some(remedy(error_type)),
            message: error.message().map(|message| message.as_str().into()),
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
        Error::OutOfBudget { .. } => PortError::BUDGET_EXHAUSTED,
        Error::BudgetStore { .. } => "budget.store",
        Error::TokenPending { .. } => "halopsa.token_pending",
        Error::Token {
            message: Some(message),
            ..
        } if message.as_str().to_lowercase().contains("tenant") => "halopsa.tenant",
        Error::Token {
            kind: TokenFailure::InvalidScope,
            ..
        } => "halopsa.scope",
        Error::Token { .. }
        | Error::Credential(CredentialError::Refused { .. } | CredentialError::Unusable { .. }) => {
            "halopsa.credential"
        }
        Error::Credential(CredentialError::Vault { .. }) => "vault.failed",
        Error::Transport {
            source: TransportError::NotSent { .. },
            ..
        } => "halopsa.unreachable",
        Error::Transport { .. } => "halopsa.no_answer",
        Error::Status { status, .. } if *status == StatusCode::TOO_MANY_REQUESTS => {
            "halopsa.throttled"
        }
        Error::Status { status, .. } if status.is_server_error() => "halopsa.failed",
        Error::Status { .. } => "halopsa.refused",
        Error::Redirected { .. } => "halopsa.redirected",
        Error::Request { .. }
        | Error::Body { .. }
        | Error::TooManyPages { .. }
        | Error::PageRepeated { .. } => "halopsa.unexpected",
    }
}

/// What an operator changes when HaloPSA refuses or does not answer.
fn remedy(error_type: &str) -> &'static str {
    match error_type {
        "halopsa.scope" => {
            "take the scope out of HALOPSA_SCOPES, or grant it to the application under \
             Configuration → Integrations → HaloPSA API → Permissions; one unknown scope refuses all"
        }
        "halopsa.tenant" => {
            "compare HALOPSA_TENANT with Configuration → Integrations → HaloPSA API → Tenant"
        }
        "halopsa.credential" => {
            "compare HALOPSA_CLIENT_ID and HALOPSA_CLIENT_SECRET with the application under \
             Configuration → Integrations → HaloPSA API (the client id may change at the first \
             save), HALOPSA_TENANT with the tenant shown there, and HALOPSA_RESOURCE_URL with the \
             address you sign in at"
        }
        "halopsa.unreachable" => {
            "check HALOPSA_RESOURCE_URL and HALOPSA_AUTH_URL and that this machine can reach them"
        }
        _ => "check HALOPSA_RESOURCE_URL, HALOPSA_AUTH_URL and HALOPSA_TENANT",
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
    let message = error.message()?;
    if message.mentions_assign_before_closing() {
        return Some(Refusal::MustBeAssigned);
    }
    let missing = message.names_missing_fields();
    (!missing.is_empty()).then_some(Refusal::MissingFields(missing.into()))
}

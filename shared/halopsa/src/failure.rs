//! From this client's errors to what the use cases understand.

use halogard_app::ports::{ErrorCode, PortError, Refusal};
use halogard_credentials::CredentialError;
use halogard_domain::FailureClass;
use halogard_http::TransportError;
use http::StatusCode;

use crate::error::{Error, TokenFailure};

impl From<Error> for PortError {
    fn from(error: Error) -> Self {
        let code = code(&error);
        Self {
            class: error.class(),
            code,
            remedy: Some(remedy(code)),
            message: error.message().map(|message| message.as_str().into()),
            retry_at: error.retry_at(),
            refusal: refusal(&error),
            source: Some(std::sync::Arc::new(error)),
        }
    }
}

/// The same error for a write that may be repeated: doubt about it is not a reason not to.
pub(crate) fn repeatable(error: Error) -> PortError {
    let mut error = PortError::from(error);
    if error.class == FailureClass::InDoubt {
        error.class = FailureClass::Transient;
    }
    error
}

/// The code by which metrics and remedies are chosen.
fn code(error: &Error) -> ErrorCode {
    match error {
        Error::OutOfBudget { .. } => ErrorCode::BudgetExhausted,
        Error::BudgetReserved { .. } => ErrorCode::BudgetReserved,
        Error::BudgetStore { .. } => ErrorCode::BudgetStore,
        Error::TokenPending { .. } => ErrorCode::HalopsaTokenPending,
        Error::TooLate { .. } => ErrorCode::ClaimExpired,
        Error::Token { .. } if error.is_about_tenant() => ErrorCode::HalopsaTenant,
        Error::Token {
            kind: TokenFailure::InvalidScope,
            ..
        } => ErrorCode::HalopsaScope,
        Error::Token { .. }
        | Error::Credential(CredentialError::Refused { .. } | CredentialError::Unusable { .. }) => {
            ErrorCode::HalopsaCredential
        }
        Error::Credential(CredentialError::Vault { .. }) => ErrorCode::VaultFailed,
        Error::Transport {
            source: TransportError::NotSent { .. },
            ..
        } => ErrorCode::HalopsaUnreachable,
        Error::Transport { .. } => ErrorCode::HalopsaNoAnswer,
        Error::Status { status, .. } if *status == StatusCode::TOO_MANY_REQUESTS => {
            ErrorCode::HalopsaThrottled
        }
        Error::Status { status, .. } if status.is_server_error() => ErrorCode::HalopsaFailed,
        Error::Status {
            status,
            own_form: false,
            ..
        } if *status == StatusCode::NOT_FOUND => ErrorCode::HalopsaFailed,
        Error::Status { .. } if error.is_passing() => ErrorCode::HalopsaFailed,
        Error::Status { .. } => ErrorCode::HalopsaRefused,
        Error::Redirected { .. } => ErrorCode::HalopsaRedirected,
        Error::Request { .. }
        | Error::Body { .. }
        | Error::TooManyPages { .. }
        | Error::PageRepeated { .. } => ErrorCode::HalopsaUnexpected,
    }
}

/// What an operator changes when HaloPSA refuses or does not answer.
fn remedy(code: ErrorCode) -> &'static str {
    match code {
        ErrorCode::HalopsaScope => {
            "take the scope out of HALOPSA_SCOPES, or grant it to the application under \
             Configuration → Integrations → HaloPSA API → Permissions; one unknown scope refuses all"
        }
        ErrorCode::HalopsaTenant => {
            "compare HALOPSA_TENANT with Configuration → Integrations → HaloPSA API → Tenant"
        }
        ErrorCode::HalopsaCredential => {
            "compare HALOPSA_CLIENT_ID and HALOPSA_CLIENT_SECRET with the application under \
             Configuration → Integrations → HaloPSA API (the client id may change at the first \
             save), HALOPSA_TENANT with the tenant shown there, and HALOPSA_RESOURCE_URL with the \
             address you sign in at"
        }
        ErrorCode::HalopsaUnreachable => {
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

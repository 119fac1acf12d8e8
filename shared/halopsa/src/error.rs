//! What can go wrong, and what may follow.

use std::fmt;
use std::time::Duration;

use halogard_app::ports::BudgetError;
use halogard_credentials::CredentialError;
use halogard_domain::{FailureClass, Timestamp};
use halogard_http::TransportError;
pub use halogard_wire::BodyProblem;
use halogard_wire::Suffix;
use http::{Method, StatusCode};

use crate::VendorMessage;
use crate::route::TOKEN_TEMPLATE;

/// Why a call brought nothing.
///
/// Names endpoints by their template (`/Tickets/{id}`), never filled in, and holds nothing of a
/// body but what the vendor [`VendorMessage`], redacted.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No request may be sent yet; nothing was.
    #[error("the request budget of HaloPSA is spent until {until}")]
    OutOfBudget {
        /// When to come back.
        until: Timestamp,
    },
    /// The request budget has permits only for work that has begun.
    #[error("the rest of the request budget is reserved for work in progress until {until}")]
    BudgetReserved {
        /// When to try again.
        until: Timestamp,
    },
    /// The budget could not be asked; nothing was sent.
    #[error("the request budget of HaloPSA could not be asked")]
    BudgetStore {
        /// What its store reported.
        #[source]
        source: BudgetError,
    },
    /// There are no credentials to ask with, or all of them were refused a moment ago; nothing was
    /// sent.
    #[error("there are no credentials of HaloPSA to use")]
    Credential(#[from] CredentialError),
    /// Another client is requesting the shared token. Nothing was sent, or HaloPSA refused it
    /// unprocessed.
    #[error("another instance is requesting the HaloPSA token; retry at {until}")]
    TokenPending {
        /// When to come back.
        until: Timestamp,
    },
    /// The request could not be sent in time; nothing was sent.
    #[error("{method} {route} could not be sent before the right to open the tickets ends")]
    TooLate {
        /// The method.
        method: Method,
        /// The endpoint's template.
        route: &'static str,
    },
    /// The request could not be put together; nothing was sent.
    #[error("{method} {route} could not be put together")]
    Request {
        /// The method.
        method: Method,
        /// The endpoint's template.
        route: &'static str,
        /// The cause of the failure.
        #[source]
        source: HaloRequestError,
    },
    /// HaloPSA issued no token.
    #[error("HaloPSA issued no token: {kind}{}", Suffix(.message.as_ref()))]
    Token {
        /// What was wrong with the request.
        kind: TokenFailure,
        /// HaloPSA's error message.
        message: Option<VendorMessage>,
    },
    /// HaloPSA answered with a status that is not a success.
    #[error("HaloPSA answered {method} {route} with {status}{}", Suffix(.message.as_ref()))]
    Status {
        /// The method.
        method: Method,
        /// The endpoint's template.
        route: &'static str,
        /// The status.
        status: StatusCode,
        /// HaloPSA's error message.
        message: Option<VendorMessage>,
        /// Whether the body has a form in which HaloPSA itself refuses. A proxy in front of it has
        /// others.
        own_form: bool,
        /// How long it asked us to stay away, between 1 and 300 seconds.
        retry_after: Option<Duration>,
    },
    /// HaloPSA answered with a redirect, which is never followed: it would carry the token to an
    /// address that no operator chose.
    #[error("HaloPSA redirects {method} {route}: the configured address is not its final one")]
    Redirected {
        /// The method.
        method: Method,
        /// The endpoint's template.
        route: &'static str,
    },
    /// There is no answer.
    #[error("no answer to {method} {route} from HaloPSA")]
    Transport {
        /// The method.
        method: Method,
        /// The endpoint's template.
        route: &'static str,
        /// Whether the request may have arrived.
        #[source]
        source: TransportError,
    },
    /// The answer is a success, and not what the endpoint promises.
    #[error("the answer to {method} {route} from HaloPSA is not usable at {path}: {problem}")]
    Body {
        /// The method.
        method: Method,
        /// The endpoint's template.
        route: &'static str,
        /// The place, as `tickets[3].id`; `.` is the whole body.
        path: String,
        /// What was wrong there.
        problem: BodyProblem,
    },
    /// A list is longer than we are willing to read.
    #[error("the list {route} of HaloPSA has more than {cap} pages")]
    TooManyPages {
        /// The endpoint's template.
        route: &'static str,
        /// The most pages read.
        cap: u32,
    },
    /// A page of a list held nothing but rows of earlier pages: the list does not move on.
    #[error("page {page} of the list {route} of HaloPSA repeats earlier pages")]
    PageRepeated {
        /// The endpoint's template.
        route: &'static str,
        /// The page.
        page: u32,
    },
}

/// Why a token was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenFailure {
    /// At least one scope is unknown or not granted; one suffices to refuse the whole request.
    InvalidScope,
    /// The client id or the client secret is wrong.
    InvalidClient,
    /// The application is not of the kind "Client ID and Secret (Services)".
    WrongGrant,
    /// Another reason.
    Other,
}

impl fmt::Display for TokenFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::InvalidScope => "a scope is unknown or not granted to the application",
            Self::InvalidClient => "the client id or the client secret is wrong",
            Self::WrongGrant => "the application does not allow client credentials",
            Self::Other => "the request was refused",
        })
    }
}

/// What made a request impossible to put together.
#[derive(Debug, thiserror::Error)]
pub enum HaloRequestError {
    /// The body could not be written as JSON.
    #[error("the body could not be written as JSON")]
    Json(#[from] serde_json::Error),
    /// The address or a header is not allowed in HTTP.
    #[error("the address or a header is not allowed in HTTP")]
    Http(#[from] http::Error),
}

impl Error {
    /// Says what may follow this failure.
    ///
    /// [`Error::OutOfBudget`] is `Transient` here; [`Error::retry_at`] says until when.
    #[must_use]
    pub fn class(&self) -> FailureClass {
        match self {
            Self::OutOfBudget { .. }
            | Self::BudgetReserved { .. }
            | Self::BudgetStore { .. }
            | Self::TokenPending { .. }
            | Self::TooLate { .. } => FailureClass::Transient,
            Self::Credential(source) => source.class(),
            Self::Status {
                status,
                retry_after,
                ..
            } if *status == StatusCode::TOO_MANY_REQUESTS => FailureClass::Throttled {
                retry_after: *retry_after,
            },
            Self::Status {
                method,
                route,
                status,
                message,
                ..
            } if may_have_taken_effect(*status) || is_passing(*status, message.as_ref()) => {
                class_if_sent(method, route)
            }
            // Not HaloPSA's answer: something between us and HaloPSA does not find it.
            Self::Status {
                method,
                route,
                status,
                own_form: false,
                ..
            } if *status == StatusCode::NOT_FOUND => class_if_sent(method, route),
            Self::Transport {
                source: TransportError::NotSent { .. },
                ..
            } => FailureClass::Transient,
            Self::Transport {
                method,
                route,
                source: TransportError::NoAnswer { .. },
            } => class_if_sent(method, route),
            // Repeated, the answer is as large as before; a write did its work all the same.
            Self::Transport {
                method,
                route,
                source: TransportError::TooLarge { .. },
            }
            | Self::Body { method, route, .. } => class_if_answered(method, route),
            Self::Request { .. }
            | Self::Token { .. }
            | Self::Status { .. }
            | Self::Redirected { .. }
            | Self::TooManyPages { .. }
            | Self::PageRepeated { .. } => FailureClass::Permanent,
        }
    }

    /// Whether the client id or the secret was refused: another version of them may be accepted.
    #[must_use]
    pub fn is_wrong_credential(&self) -> bool {
        matches!(
            self,
            Self::Token {
                kind: TokenFailure::InvalidClient,
                ..
            }
        )
    }

    /// Whether a token was refused with words about the tenant.
    #[must_use]
    pub fn is_about_tenant(&self) -> bool {
        let is_token = matches!(self, Self::Token { .. });
        is_token
            && self
                .message()
                .is_some_and(|said| said.as_str().to_lowercase().contains("tenant"))
    }

    /// When to come back, where that is known: there will be a permit, or a token.
    #[must_use]
    pub fn retry_at(&self) -> Option<Timestamp> {
        match self {
            Self::OutOfBudget { until }
            | Self::BudgetReserved { until }
            | Self::TokenPending { until } => Some(*until),
            _ => None,
        }
    }

    /// Whether HaloPSA refused for a reason that it says will pass.
    #[must_use]
    pub fn is_passing(&self) -> bool {
        self.status()
            .is_some_and(|status| is_passing(status, self.message()))
    }

    /// Whether HaloPSA says, in a form of its own, that its database ended the request. A gateway that gave up
    /// waiting knows nothing of the kind.
    #[must_use]
    pub fn is_rolled_back(&self) -> bool {
        let Self::Status {
            status,
            message: Some(message),
            own_form: true,
            ..
        } = self
        else {
            return false;
        };
        let is_halopsas = matches!(
            *status,
            StatusCode::BAD_REQUEST | StatusCode::CONFLICT | StatusCode::INTERNAL_SERVER_ERROR
        );
        is_halopsas && message.is_rolled_back()
    }

    /// The status HaloPSA answered with, if it was not a success.
    #[must_use]
    pub fn status(&self) -> Option<StatusCode> {
        match self {
            Self::Status { status, .. } => Some(*status),
            _ => None,
        }
    }

    /// HaloPSA's message when it refused.
    #[must_use]
    pub fn message(&self) -> Option<&VendorMessage> {
        match self {
            Self::Status { message, .. } | Self::Token { message, .. } => message.as_ref(),
            _ => None,
        }
    }

    /// Whether HaloPSA says, in a form of its own, that what was named does not exist, or did not get
    /// every member an update needs: it says the same in both cases.
    #[must_use]
    pub fn is_not_found(&self) -> bool {
        let own_form = matches!(self, Self::Status { own_form: true, .. });
        (own_form && self.status() == Some(StatusCode::NOT_FOUND))
            || (self.status() == Some(StatusCode::BAD_REQUEST)
                && self.message().is_some_and(VendorMessage::record_not_found))
    }
}

impl From<BudgetError> for Error {
    fn from(error: BudgetError) -> Self {
        match error {
            BudgetError::Exhausted { until } => Self::OutOfBudget { until },
            BudgetError::Reserved { until } => Self::BudgetReserved { until },
            BudgetError::Store { .. } => Self::BudgetStore { source: error },
        }
    }
}

/// Whether a request that got `status` may have done its work: a gateway that gave up waiting, or
/// a server that failed somewhere on the way. Everything else is a refusal.
fn may_have_taken_effect(status: StatusCode) -> bool {
    status.is_server_error() || status == StatusCode::REQUEST_TIMEOUT
}

/// Whether a refusal says itself that it will pass. What was done before the failure is not known, so a
/// create is looked for before it is repeated. Statuses about the caller or the record are believed.
fn is_passing(status: StatusCode, message: Option<&VendorMessage>) -> bool {
    let about_the_request = !matches!(
        status,
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN | StatusCode::NOT_FOUND
    );
    about_the_request && message.is_some_and(VendorMessage::is_passing)
}

/// Whether repeating the request adds nothing. A token request may be repeated although it is a
/// POST: a second token does no harm, and no ticket depends on it.
fn repeatable(method: &Method, route: &str) -> bool {
    method.is_safe() || route == TOKEN_TEMPLATE
}

/// The class of a request that may have reached HaloPSA.
fn class_if_sent(method: &Method, route: &str) -> FailureClass {
    if repeatable(method, route) {
        FailureClass::Transient
    } else {
        FailureClass::InDoubt
    }
}

/// The class of a request that HaloPSA accepted, with an answer we cannot use.
fn class_if_answered(method: &Method, route: &str) -> FailureClass {
    if repeatable(method, route) {
        FailureClass::Permanent
    } else {
        FailureClass::InDoubt
    }
}

//! What can go wrong, and what may follow.

use std::fmt;
use std::time::Duration;

use halogard_credentials::CredentialError;
use halogard_domain::FailureClass;
use halogard_http::TransportError;
pub use halogard_wire::BodyProblem;
use halogard_wire::Suffix;
use http::{Method, StatusCode};

use crate::VendorMessage;

/// Why a call brought nothing.
///
/// Names endpoints by their template (`/api/v1/tasks/{TaskID}`), never filled in, and holds
/// nothing of a body but what the vendor [`VendorMessage`], redacted.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is no key to ask with, or all of them were refused a moment ago; nothing was sent.
    #[error("there is no access key of Liongard to use")]
    Credential(#[from] CredentialError),
    /// The request could not be put together; nothing was sent.
    #[error("{method} {route} could not be put together")]
    Request {
        /// The method.
        method: Method,
        /// The endpoint's template.
        route: &'static str,
        /// The cause of the failure.
        #[source]
        source: LiongardRequestError,
    },
    /// There is no answer.
    #[error("no answer to {method} {route} from Liongard")]
    Transport {
        /// The method.
        method: Method,
        /// The endpoint's template.
        route: &'static str,
        /// Whether the request may have arrived.
        #[source]
        source: TransportError,
    },
    /// Liongard sends us elsewhere, and we do not go: the key would go along. The configured
    /// address needs a look.
    #[error("Liongard redirects {method} {route}{}: {why}", ToHost(.to_host.as_deref()))]
    Redirected {
        /// The method.
        method: Method,
        /// The endpoint's template.
        route: &'static str,
        /// Where to, without path and query; none when it did not say.
        to_host: Option<String>,
        /// Why we do not go.
        why: RedirectRefusal,
    },
    /// The key is wrong, expired, revoked, or was not seen.
    #[error("Liongard does not accept the access key for {method} {route}{}", Suffix(.message.as_ref()))]
    Unauthorised {
        /// The method.
        method: Method,
        /// The endpoint's template.
        route: &'static str,
        /// Liongard's error message.
        message: Option<VendorMessage>,
    },
    /// Liongard answered with another status that is not a success.
    #[error("Liongard answered {method} {route} with {status}{}", Suffix(.message.as_ref()))]
    Status {
        /// The method.
        method: Method,
        /// The endpoint's template.
        route: &'static str,
        /// The status.
        status: StatusCode,
        /// Liongard's error message.
        message: Option<VendorMessage>,
        /// How long it asked us to stay away, between 1 and 300 seconds.
        retry_after: Option<Duration>,
    },
    /// The answer is a success, and not what the endpoint promises.
    #[error("the answer to {method} {route} from Liongard is not usable at {path}: {problem}")]
    Body {
        /// The method.
        method: Method,
        /// The endpoint's template.
        route: &'static str,
        /// The place, as `[3].Launchpoint.ID`; `.` is the whole body.
        path: String,
        /// What was wrong there.
        problem: BodyProblem,
    },
}

/// What made a request impossible to put together.
#[derive(Debug, thiserror::Error)]
pub enum LiongardRequestError {
    /// The body could not be written as JSON.
    #[error("the body could not be written as JSON")]
    Json(#[from] serde_json::Error),
    /// The address or a header is not allowed in HTTP.
    #[error("the address or a header is not allowed in HTTP")]
    Http(#[from] http::Error),
    /// The key has characters that are not allowed in a header.
    #[error("the access key has characters that are not allowed in a header")]
    Key(#[from] http::header::InvalidHeaderValue),
    /// The address would carry the key in the open.
    #[error("the address is neither https nor on this machine")]
    NotEncrypted,
    /// The id of an access key has characters that no such id has.
    #[error("the id of the access key has other characters than letters and digits")]
    NotAnAccessKeyId,
}

/// Why a redirect is not followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RedirectRefusal {
    /// It leads to another host or port; the key stays here.
    OtherHost,
    /// It leads to plain `http`.
    NotEncrypted,
    /// It names no target that can be read.
    NoTarget,
    /// It was the second in a row.
    SecondHop,
}

impl fmt::Display for RedirectRefusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::OtherHost => "that is not the configured host; check LIONGARD_URL",
            Self::NotEncrypted => "that is not https; check LIONGARD_URL",
            Self::NoTarget => "it does not say where to",
            Self::SecondHop => "that is the second redirect in a row; check LIONGARD_URL",
        })
    }
}

impl Error {
    /// Says what may follow this failure.
    #[must_use]
    pub fn class(&self) -> FailureClass {
        match self {
            Self::Status {
                status,
                retry_after,
                ..
            } if *status == StatusCode::TOO_MANY_REQUESTS => FailureClass::Throttled {
                retry_after: *retry_after,
            },
            Self::Status { method, status, .. } if may_have_taken_effect(*status) => {
                class_if_sent(method)
            }
            // The result is shown elsewhere, so there is one.
            Self::Status { method, status, .. } if *status == StatusCode::SEE_OTHER => {
                class_if_answered(method)
            }
            Self::Credential(source) => source.class(),
            Self::Transport {
                source: TransportError::NotSent { .. },
                ..
            } => FailureClass::Transient,
            Self::Transport {
                method,
                source: TransportError::NoAnswer { .. },
                ..
            } => class_if_sent(method),
            // Repeated, the answer is as large as before; a write did its work all the same.
            Self::Transport {
                method,
                source: TransportError::TooLarge { .. },
                ..
            }
            | Self::Body { method, .. } => class_if_answered(method),
            Self::Request { .. }
            | Self::Redirected { .. }
            | Self::Unauthorised { .. }
            | Self::Status { .. } => FailureClass::Permanent,
        }
    }

    /// The status Liongard answered with, if it was not a success.
    #[must_use]
    pub fn status(&self) -> Option<StatusCode> {
        match self {
            Self::Status { status, .. } => Some(*status),
            Self::Unauthorised { .. } => Some(StatusCode::UNAUTHORIZED),
            Self::Credential(_)
            | Self::Request { .. }
            | Self::Transport { .. }
            | Self::Redirected { .. }
            | Self::Body { .. } => None,
        }
    }

    /// Liongard's message when it refused.
    #[must_use]
    pub fn message(&self) -> Option<&VendorMessage> {
        match self {
            Self::Status { message, .. } | Self::Unauthorised { message, .. } => message.as_ref(),
            Self::Credential(_)
            | Self::Request { .. }
            | Self::Transport { .. }
            | Self::Redirected { .. }
            | Self::Body { .. } => None,
        }
    }

    /// Whether the key's role is too low for the call, or does not reach the customer.
    #[must_use]
    pub fn is_forbidden(&self) -> bool {
        self.status() == Some(StatusCode::FORBIDDEN)
    }
}

/// Whether a request that got `status` may have done its work: a gateway that gave up waiting, or
/// a server that failed somewhere on the way.
fn may_have_taken_effect(status: StatusCode) -> bool {
    status.is_server_error() || status == StatusCode::REQUEST_TIMEOUT
}

/// The class of a request that may have reached Liongard. To delete twice is to delete.
fn class_if_sent(method: &Method) -> FailureClass {
    if method.is_idempotent() {
        FailureClass::Transient
    } else {
        FailureClass::InDoubt
    }
}

/// The class of a request that Liongard accepted, with an answer we cannot use.
fn class_if_answered(method: &Method) -> FailureClass {
    if method.is_idempotent() {
        FailureClass::Permanent
    } else {
        FailureClass::InDoubt
    }
}

/// Where a redirect leads to, within a sentence of ours.
struct ToHost<'a>(Option<&'a str>);

impl fmt::Display for ToHost<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(host) => write!(f, " to {host}"),
            None => Ok(()),
        }
    }
}

//! Why a call brought no answer.

use halogard_domain::FailureClass;

/// Why there is no answer. Holds no body, no credential, and of the other side's words only its
/// sentence.
#[derive(Debug, thiserror::Error)]
pub enum CallError {
    /// Nothing was sent: no connection could be had.
    #[error("{service} cannot be reached: {reason}")]
    NotSent {
        /// The service.
        service: &'static str,
        /// The cause, as a sentence.
        reason: String,
    },
    /// The request may have arrived; no whole answer came back.
    #[error("no whole answer from {service}: {lost}")]
    NoAnswer {
        /// The service.
        service: &'static str,
        /// How the answer was lost.
        lost: Lost,
    },
    /// The service said no.
    #[error("{service} refused with status {status} ({code}){}", after_colon(said.as_deref()))]
    Refused {
        /// The service.
        service: &'static str,
        /// The HTTP status.
        status: u16,
        /// AWS's name of the error, `AccessDeniedException`; empty when it gave none.
        code: String,
        /// AWS's own sentence, cut.
        said: Option<String>,
    },
}

/// How an answer was lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Lost {
    /// It did not come in time.
    #[error("timed out")]
    TimedOut,
    /// The connection broke.
    #[error("the connection broke")]
    Broken,
    /// It is larger than any answer we ask for.
    #[error("it is too large")]
    TooLarge,
    /// It is a success of another form than the service promises.
    #[error("it is of an unknown form")]
    Unreadable,
}

/// Names under which AWS asks for fewer requests. Source: the SDKs' list of throttling errors.
const THROTTLES: [&str; 8] = [
    "Throttling",
    "ThrottlingException",
    "ThrottledException",
    "RequestThrottled",
    "RequestThrottledException",
    "TooManyRequestsException",
    "RequestLimitExceeded",
    "SlowDown",
];

impl CallError {
    /// An answer of `service` that its caller cannot read.
    #[must_use]
    pub const fn unreadable(service: &'static str) -> Self {
        Self::NoAnswer {
            service,
            lost: Lost::Unreadable,
        }
    }

    /// What may follow, for a call that may be repeated.
    #[must_use]
    pub fn class(&self) -> FailureClass {
        match self {
            Self::NotSent { .. } | Self::NoAnswer { .. } => FailureClass::Transient,
            Self::Refused { status, code, .. } => {
                if *status == 429 || THROTTLES.contains(&code.as_str()) {
                    FailureClass::Throttled { retry_after: None }
                } else if *status >= 500 {
                    FailureClass::Transient
                } else {
                    FailureClass::Permanent
                }
            }
        }
    }

    /// AWS's name of the error, where AWS answered.
    #[must_use]
    pub fn code(&self) -> Option<&str> {
        match self {
            Self::Refused { code, .. } => Some(code),
            Self::NotSent { .. } | Self::NoAnswer { .. } => None,
        }
    }

    /// Whether another attempt may bring what this one did not.
    pub(crate) fn may_pass(&self) -> bool {
        match self {
            // It would be as large the next time.
            Self::NoAnswer {
                lost: Lost::TooLarge,
                ..
            } => false,
            other => !matches!(other.class(), FailureClass::Permanent),
        }
    }
}

/// `said` after a colon, or nothing.
fn after_colon(said: Option<&str>) -> String {
    said.map(|said| format!(": {said}")).unwrap_or_default()
}

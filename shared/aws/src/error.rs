//! What can go wrong on the way to AWS and there.

use std::error::Error;

use aws_sdk_dynamodb::config::http::HttpResponse;
use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use halogard_app::ports::{ErrorCode, PortError, SaveError};
use halogard_domain::FailureClass;
use halogard_domain::ids::AlertId;
use halogard_domain::render::truncate;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::error::Category;

/// Characters kept of what a service said.
const MESSAGE_CHARS_MAX: usize = 300;

/// Codes that ask for fewer requests, of all three services.
const THROTTLES: [&str; 12] = [
    "BandwidthLimitExceeded",
    "OverLimit",
    "PriorRequestNotComplete",
    "ProvisionedThroughputExceededException",
    "RequestLimitExceeded",
    "RequestThrottled",
    "RequestThrottledException",
    "SlowDown",
    "Throttling",
    "ThrottlingException",
    "TooManyRequestsException",
    "TransactionInProgressException",
];

/// Codes for a request that is invalid, independent of sender and time.
const MALFORMED: [&str; 7] = [
    "BatchRequestTooLong",
    "ItemCollectionSizeLimitExceededException",
    "InvalidMessageContents",
    "InvalidParameterException",
    "InvalidRequestException",
    "SerializationException",
    "ValidationException",
];

/// Codes whose sentence quotes the signed request, and with it the session's token.
const QUOTES_THE_REQUEST: [&str; 3] = [
    "IncompleteSignature",
    "InvalidSignatureException",
    "SignatureDoesNotMatch",
];

/// A call to AWS that failed, or a record that does not fit.
#[derive(Debug, thiserror::Error)]
pub enum AwsError {
    /// The service answered that it will not.
    #[error("{call} was refused: {service_code}{}", service_message.as_ref().map(|service_message| format!(": {service_message}")).unwrap_or_default())]
    Refused {
        /// Service and operation.
        call: &'static str,
        /// The service's own code, or the HTTP status.
        service_code: String,
        /// The service's own sentence, cut.
        service_message: Option<String>,
        /// What may follow.
        class: FailureClass,
        /// For metrics.
        code: ErrorCode,
    },
    /// There was no answer, or none that could be read, after every attempt.
    #[error("{call} got no answer")]
    Unreachable {
        /// Service and operation.
        call: &'static str,
        /// The cause of the failure.
        source: Box<dyn Error + Send + Sync>,
    },
    /// The request could not be built.
    #[error("{call} could not be asked")]
    InvalidRequest {
        /// Service and operation.
        call: &'static str,
        /// Why.
        source: Box<dyn Error + Send + Sync>,
    },
    /// A service kept putting off part of what it was given.
    #[error("{call} left {left} items undone after {rounds} rounds")]
    Unfinished {
        /// Service and operation.
        call: &'static str,
        /// Items still to be done.
        left: usize,
        /// How often it was asked.
        rounds: usize,
    },
    /// A record is not what this version writes.
    #[error("a record of {place} cannot be read or written as JSON")]
    Record {
        /// The kind of record.
        place: &'static str,
        /// What is wrong with it.
        source: DecodeError,
    },
    /// A record lacks an attribute, or it is of another type.
    #[error("a record of {place} has no usable attribute {attribute}")]
    Attribute {
        /// The kind of record.
        place: &'static str,
        /// The attribute.
        attribute: &'static str,
    },
    /// A record is larger than the table takes.
    #[error(
        "the {place} record {name} takes {bytes} bytes and the table holds {most} in one; shorten {remedy}"
    )]
    TooLarge {
        /// The kind of record.
        place: &'static str,
        /// Which one.
        name: String,
        /// Its size.
        bytes: usize,
        /// The most that fits.
        most: usize,
        /// What to make shorter.
        remedy: &'static str,
    },
    /// A list exceeds every bound.
    #[error("the list of {place} did not end after {pages} pages")]
    TooManyPages {
        /// The kind of record.
        place: &'static str,
        /// Pages that were read.
        pages: usize,
    },
}

/// Where a text stops being what it should be. Says nothing of the text itself, which may hold what
/// belongs in no log; the parser's own words would quote it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what} at line {line}, column {column}")]
pub struct DecodeError {
    what: &'static str,
    line: usize,
    column: usize,
}

impl From<serde_json::Error> for DecodeError {
    fn from(error: serde_json::Error) -> Self {
        Self {
            what: match error.classify() {
                Category::Io | Category::Syntax => "no JSON",
                Category::Eof => "cut off",
                Category::Data => "JSON of another form",
            },
            line: error.line(),
            column: error.column(),
        }
    }
}

impl AwsError {
    /// The error of `call`, where it failed.
    pub(crate) fn of<E>(call: &'static str, error: SdkError<E, HttpResponse>) -> Self
    where
        E: ProvideErrorMetadata + Error + Send + Sync + 'static,
    {
        let SdkError::ServiceError(answer) = &error else {
            let invalid_request = matches!(error, SdkError::ConstructionFailure(_));
            let source = error
                .into_source()
                .unwrap_or_else(|error| Box::new(error) as Box<dyn Error + Send + Sync>);
            return if invalid_request {
                Self::InvalidRequest { call, source }
            } else {
                Self::Unreachable { call, source }
            };
        };
        let status = answer.raw().status().as_u16();
        let service_code = answer.err().code().unwrap_or_default();
        let (class, code) = classify(service_code, status);
        Self::Refused {
            call,
            service_message: shown_message(service_code, answer.err().message()),
            service_code: if service_code.is_empty() {
                format!("HTTP {status}")
            } else {
                service_code.to_owned()
            },
            class,
            code,
        }
    }

    /// The error of `call` for one of the messages that it was to send. `sender` says whose fault it is.
    pub(crate) fn refused(
        call: &'static str,
        service_code: &str,
        message: Option<&str>,
        sender: bool,
    ) -> Self {
        let (class, code) = classify(service_code, if sender { 400 } else { 500 });
        Self::Refused {
            call,
            service_code: service_code.to_owned(),
            service_message: shown_message(service_code, message),
            class,
            code,
        }
    }

    /// `call` could not be built.
    pub(crate) fn invalid_request(
        call: &'static str,
        source: impl Error + Send + Sync + 'static,
    ) -> Self {
        let source = Box::new(source);
        Self::InvalidRequest { call, source }
    }

    /// The link of `alert` does not fit.
    pub(crate) fn link_too_large(alert: AlertId, bytes: usize, most: usize) -> Self {
        Self::TooLarge {
            place: "link",
            name: format!("of alert {alert}"),
            bytes,
            most,
            remedy: "the alert's text in Liongard",
        }
    }

    /// What may follow, and the code for metrics.
    pub(crate) fn class(&self) -> (FailureClass, ErrorCode) {
        match self {
            Self::Refused { class, code, .. } => (*class, *code),
            Self::Unreachable { .. } => (FailureClass::Transient, ErrorCode::StoreUnreachable),
            Self::InvalidRequest { .. } => {
                (FailureClass::Permanent, ErrorCode::StoreInvalidRequest)
            }
            Self::Unfinished { .. } => (
                FailureClass::Throttled { retry_after: None },
                ErrorCode::StoreThrottled,
            ),
            // Another version may read it after an update or a rollback.
            Self::Record { .. } | Self::Attribute { .. } => {
                (FailureClass::Transient, ErrorCode::StoreRecord)
            }
            Self::TooLarge { .. } => (FailureClass::Permanent, ErrorCode::StoreTooLarge),
            Self::TooManyPages { .. } => (FailureClass::Transient, ErrorCode::StoreTooManyPages),
        }
    }
}

/// The class of a refusal.
///
/// A missing permission, table or key is a fault of the deployment: no message is to blame for it,
/// so it counts as passing and messages wait until it is fixed.
fn classify(service_code: &str, status: u16) -> (FailureClass, ErrorCode) {
    let service_code = short(service_code);
    if THROTTLES.contains(&service_code) || status == 429 {
        (
            FailureClass::Throttled { retry_after: None },
            ErrorCode::StoreThrottled,
        )
    } else if status >= 500 {
        (FailureClass::Transient, ErrorCode::StoreFailed)
    } else if MALFORMED.contains(&service_code) || status == 413 {
        (FailureClass::Permanent, ErrorCode::StoreRefused)
    } else {
        (FailureClass::Transient, ErrorCode::StoreDenied)
    }
}

/// A code of SQS without the name of the service, which it puts before it or not, by the protocol that the SDK
/// speaks.
pub(crate) fn short(service_code: &str) -> &str {
    let prefix = "AWS.SimpleQueueService.";
    service_code.strip_prefix(prefix).unwrap_or(service_code)
}

/// The service's message, as far as it may be shown.
fn shown_message(service_code: &str, message: Option<&str>) -> Option<String> {
    let message = message.filter(|_| !QUOTES_THE_REQUEST.contains(&service_code))?;
    let line: Vec<&str> = message.split_whitespace().collect();
    Some(truncate(&line.join(" "), MESSAGE_CHARS_MAX))
        .filter(|service_message| !service_message.is_empty())
}

impl From<AwsError> for PortError {
    fn from(error: AwsError) -> Self {
        let (class, code) = error.class();
        let port = Self::new(class, code);
        let port = match &error {
            AwsError::Refused {
                service_message: Some(service_message),
                ..
            } => port.with_message(service_message.as_str()),
            _ => port,
        };
        port.with_source(error)
    }
}

impl From<AwsError> for SaveError {
    fn from(error: AwsError) -> Self {
        Self::Store(error.into())
    }
}

/// `record` as it is kept among `place`.
pub(crate) fn to_json<T: Serialize>(place: &'static str, record: &T) -> Result<String, AwsError> {
    serde_json::to_string(record).map_err(|error| AwsError::Record {
        place,
        source: error.into(),
    })
}

/// The record that is kept among `place` as `text`.
pub(crate) fn from_json<T: DeserializeOwned>(
    place: &'static str,
    text: &str,
) -> Result<T, AwsError> {
    serde_json::from_str(text).map_err(|error| AwsError::Record {
        place,
        source: error.into(),
    })
}

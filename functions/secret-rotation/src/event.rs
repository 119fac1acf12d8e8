//! The events of the function.

use halogard_credentials::rotation::{RotationStep, UnknownStep};
use serde::Deserialize;

/// A step of our own: the daily cleanup after earlier rotations.
const DELETE_EXPIRED: &str = "deleteExpired";

/// A call, as Secrets Manager sends it. Unknown members are ignored.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct RotationEvent {
    /// The step.
    #[serde(default)]
    step: Option<String>,
    /// The secret's ARN.
    #[serde(default)]
    secret_id: Option<String>,
    /// The version that is rotated to.
    #[serde(default)]
    client_request_token: Option<String>,
}

/// A valid call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Call {
    /// One step of a rotation.
    RotationStep {
        /// The step.
        step: RotationStep,
        /// The secret.
        secret: String,
        /// The version that is rotated to.
        version: String,
    },
    /// The daily cleanup.
    DeleteExpired {
        /// The secret.
        secret: String,
    },
}

/// Why an event is not a valid call.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EventError {
    /// A member is missing or empty.
    #[error(
        "the event has no {0}; Secrets Manager sends Step, SecretId and ClientRequestToken, and a \
         schedule sends the step deleteExpired with SecretId"
    )]
    Missing(&'static str),
    /// The step is unknown.
    #[error(transparent)]
    RotationStep(#[from] UnknownStep),
}

impl TryFrom<RotationEvent> for Call {
    type Error = EventError;

    fn try_from(event: RotationEvent) -> Result<Self, EventError> {
        let step = required(event.step, "Step")?;
        let secret = required(event.secret_id, "SecretId")?;
        if step == DELETE_EXPIRED {
            return Ok(Self::DeleteExpired { secret });
        }
        let step = step.parse()?;
        let version = required(event.client_request_token, "ClientRequestToken")?;
        Ok(Self::RotationStep {
            step,
            secret,
            version,
        })
    }
}

/// A required member.
fn required(value: Option<String>, name: &'static str) -> Result<String, EventError> {
    let value = value.filter(|value| !value.trim().is_empty());
    value.ok_or(EventError::Missing(name))
}

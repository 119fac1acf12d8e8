//! What the function is called with.

use halogard_app::rotation::{Step, UnknownStep};
use serde::Deserialize;

/// The step of ours that no rotation has: the daily look at what earlier rotations left.
const DELETE_EXPIRED: &str = "deleteExpired";

/// A call, as Secrets Manager sends it. Members it adds are passed over.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Event {
    /// Which step.
    #[serde(default)]
    step: Option<String>,
    /// The secret's ARN.
    #[serde(default)]
    secret_id: Option<String>,
    /// The version that is rotated to.
    #[serde(default)]
    client_request_token: Option<String>,
}

/// What is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Call {
    /// One step of a rotation.
    Step {
        /// Which.
        step: Step,
        /// The secret.
        secret: String,
        /// The version that is rotated to.
        version: String,
    },
    /// The daily look.
    DeleteExpired {
        /// The secret.
        secret: String,
    },
}

/// Why an event is no call.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EventError {
    /// A member is missing or empty.
    #[error(
        "the event has no {0}; Secrets Manager sends Step, SecretId and ClientRequestToken, and a \
         schedule sends the step deleteExpired with SecretId"
    )]
    Missing(&'static str),
    /// The step is none.
    #[error(transparent)]
    Step(#[from] UnknownStep),
}

impl TryFrom<Event> for Call {
    type Error = EventError;

    fn try_from(event: Event) -> Result<Self, EventError> {
        let step = given(event.step, "Step")?;
        let secret = given(event.secret_id, "SecretId")?;
        if step == DELETE_EXPIRED {
            return Ok(Self::DeleteExpired { secret });
        }
        let step = step.parse()?;
        let version = given(event.client_request_token, "ClientRequestToken")?;
        Ok(Self::Step {
            step,
            secret,
            version,
        })
    }
}

/// A member that must be there.
fn given(value: Option<String>, name: &'static str) -> Result<String, EventError> {
    let value = value.filter(|value| !value.trim().is_empty());
    value.ok_or(EventError::Missing(name))
}

//! Runs the step that an event asks for.

use halogard_app::ports::Clock as _;
use halogard_credentials::rotation::{CleanupReport, RotateError};
use halogard_runtime::SystemClock;
use halogard_runtime::metrics::Metrics;
use lambda_runtime::Diagnostic;
use serde::Serialize;

use crate::FUNCTION;
use crate::event::{Call, EventError, RotationEvent};
use crate::function::{AwsRotation, Function};
use crate::setup::RotationSetUpError;

/// The response. Secrets Manager ignores it; a person who invokes the function reads it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RotationResponse {
    /// What was done, one word.
    pub outcome: &'static str,
    /// Replaced keys that were deleted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deleted: Option<usize>,
    /// Replaced keys that are not deleted yet.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub remaining: Option<usize>,
    /// Days until the current key expires.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires_in_days: Option<i64>,
}

/// Why a call failed. Secrets Manager only sees that it failed, and calls again.
#[derive(Debug, thiserror::Error)]
pub enum CallError {
    /// The event is not valid.
    #[error(transparent)]
    RotationEvent(#[from] EventError),
    /// The function is not set up.
    #[error("{}", .0.chain())]
    SetUp(#[from] RotationSetUpError),
    /// The step failed.
    #[error("{}", .0.chain())]
    Rotation(RotateError),
}

impl From<CallError> for Diagnostic {
    fn from(error: CallError) -> Self {
        let error_type = match &error {
            CallError::RotationEvent(_) => "rotation.event",
            CallError::SetUp(_) => "rotation.set_up",
            CallError::Rotation(error) => error.error_type(),
        };
        Self {
            error_type: error_type.to_owned(),
            error_message: error.to_string(),
        }
    }
}

/// Handles `event`.
///
/// # Errors
///
/// `CallError` says what is wrong and what to do.
pub async fn handle(
    function: &Function,
    event: RotationEvent,
) -> Result<RotationResponse, CallError> {
    let call = Call::try_from(event)?;
    let (rotation, budget) = function.rotation().await?;
    let answer = Box::pin(take(&rotation, &call)).await;
    // The permits of a frozen process cannot be used by others.
    if let Err(error) = budget.release_unused().await {
        tracing::debug!(%error, "unused permits could not be returned; they expire");
    }
    if let (Call::DeleteExpired { .. }, Ok(cleaned)) = (&call, &answer)
        && let Err(error) = function.record_plans(cleaned.expires_in_days).await
    {
        tracing::warn!(
            reason = error.chain(),
            "the next rotations could not be recorded"
        );
    }
    let failed = u64::from(answer.is_err());
    let mut metrics = Metrics::new(FUNCTION).count("RotationFailed", failed);
    if let Some(days) = answer
        .as_ref()
        .ok()
        .and_then(|answer| answer.expires_in_days)
    {
        let days = u64::try_from(days).unwrap_or(0);
        metrics = metrics.count("AccessKeyExpiresInDays", days);
    }
    if let Err(error) = metrics.print(SystemClock.now().as_millis()) {
        tracing::warn!(%error, "metrics could not be written");
    }
    answer.map_err(CallError::Rotation)
}

/// Runs the step, or the cleanup.
async fn take(rotation: &AwsRotation, call: &Call) -> Result<RotationResponse, RotateError> {
    match call {
        Call::RotationStep {
            step,
            secret,
            version,
        } => {
            let turned = Box::pin(rotation.step(*step, secret, version)).await?;
            Ok(RotationResponse {
                outcome: turned.as_str(),
                deleted: None,
                remaining: None,
                expires_in_days: None,
            })
        }
        Call::DeleteExpired { secret } => {
            let CleanupReport {
                deleted,
                remaining,
                expires_in_days,
            } = rotation.delete_expired(secret).await?;
            Ok(RotationResponse {
                outcome: "cleaned_up",
                deleted: Some(deleted),
                remaining: Some(remaining),
                expires_in_days,
            })
        }
    }
}

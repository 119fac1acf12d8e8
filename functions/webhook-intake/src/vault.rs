//! AWS Secrets Manager, as far as one secret is read.

use std::sync::Arc;

use halogard_app::keyring::SecretReader;
use halogard_app::ports::{Clock, PortError, Stage};
use halogard_signed::{Access, CallError, Protocol, Service};
use secrecy::SecretString;
use serde::Deserialize;
use serde_json::json;

/// One secret in Secrets Manager.
pub struct SecretsManager<C> {
    service: Service<C>,
    secret: String,
}

/// What is used of the answer. A binary secret has no text.
#[derive(Deserialize)]
struct SecretValue {
    #[serde(rename = "SecretString")]
    text: Option<String>,
}

impl<C: Clock> SecretsManager<C> {
    /// The secret of this ARN or name. Opens nothing yet.
    pub fn new(access: &Arc<Access>, secret: String, clock: C) -> Self {
        Self {
            service: Service::new(access, "secretsmanager", Protocol::Json11, clock),
            secret,
        }
    }
}

impl<C: Clock> SecretReader for SecretsManager<C> {
    async fn read(&self, stage: Stage) -> Result<Option<SecretString>, PortError> {
        let stage = match stage {
            Stage::Current => "AWSCURRENT",
            Stage::Pending => "AWSPENDING",
            Stage::Previous => "AWSPREVIOUS",
        };
        let body = json!({"SecretId": self.secret, "VersionStage": stage}).to_string();
        let called = self
            .service
            .call("secretsmanager.GetSecretValue", body.into_bytes());
        match called.await {
            Ok(answer) => serde_json::from_slice::<SecretValue>(&answer)
                .map(|value| value.text.map(SecretString::from))
                .map_err(|_| failed("secret.unreadable", CallError::unreadable("secretsmanager"))),
            Err(error) if error.code() == Some("ResourceNotFoundException") => Ok(None),
            Err(error) => Err(failed("secret.unavailable", error)),
        }
    }
}

/// A failed call as the port has it.
fn failed(error_type: &'static str, error: CallError) -> PortError {
    PortError::new(error.class(), error_type).caused_by(error)
}

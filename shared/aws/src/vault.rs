//! Secrets in AWS Secrets Manager. Nothing is kept here: who reads often, caches.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_secretsmanager::Client;
use aws_sdk_secretsmanager::error::ProvideErrorMetadata as _;
use aws_types::SdkConfig;
use halogard_app::ports::{PortError, SecretInfo, SecretVersion, Stage, Vault, VaultError};
use halogard_domain::{FailureClass, Timestamp};
use secrecy::{ExposeSecret as _, SecretString};

use crate::error::AwsError;

/// The code for a secret, a version or a label that does not exist.
const NOT_FOUND: &str = "ResourceNotFoundException";

/// The code for a version that was made with another value.
const TAKEN: &str = "ResourceExistsException";

/// Reads a secret's labels until a promotion has taken effect. Each round does what is still missing; a
/// second is needed when another process moved a label meanwhile, or an answer was lost.
const ROUNDS_MAX: u32 = 3;

/// The secrets of this account. Secrets are named by name or ARN, and must exist: the template makes
/// them, this only gives them versions.
///
/// A version's name is the token the version is made with, for which Secrets Manager wants 32 to 64
/// characters, such as a UUID; it refuses any other length.
#[derive(Clone, Debug)]
pub struct SecretsManager {
    client: Client,
}

impl SecretsManager {
    /// The secrets that `config` gives access to. Nothing is sent yet.
    #[must_use]
    pub fn new(config: &SdkConfig) -> Self {
        Self {
            client: Client::new(config),
        }
    }

    /// Moves the label of `stage` from version `from`, where it is, to version `to`, or off.
    async fn move_label(
        &self,
        name: &str,
        stage: Stage,
        from: Option<&str>,
        to: Option<&str>,
    ) -> Result<(), VaultError> {
        self.client
            .update_secret_version_stage()
            .secret_id(name)
            .version_stage(stage_label(stage))
            .set_remove_from_version_id(from.map(str::to_owned))
            .set_move_to_version_id(to.map(str::to_owned))
            .send()
            .await
            .map_err(|error| AwsError::of("SecretsManager UpdateSecretVersionStage", error))?;
        Ok(())
    }
}

impl Vault for SecretsManager {
    async fn describe(&self, name: &str) -> Result<Option<SecretInfo>, VaultError> {
        let described = match self.client.describe_secret().secret_id(name).send().await {
            Err(error) if error.code() == Some(NOT_FOUND) => return Ok(None),
            described => {
                described.map_err(|error| AwsError::of("SecretsManager DescribeSecret", error))?
            }
        };
        let mut versions = BTreeMap::new();
        for (version, labels) in described.version_ids_to_stages.unwrap_or_default() {
            versions.insert(version, stages(&labels));
        }
        Ok(Some(SecretInfo {
            rotates: described.rotation_enabled.unwrap_or(false),
            versions,
            changed_at: described
                .last_changed_date
                .and_then(|at| at.to_millis().ok())
                .map(Timestamp::from_millis),
            rotates_at: described
                .next_rotation_date
                .and_then(|at| at.to_millis().ok())
                .map(Timestamp::from_millis),
        }))
    }

    async fn read(&self, name: &str, stage: Stage) -> Result<Option<SecretVersion>, VaultError> {
        let call = self.client.get_secret_value().secret_id(name);
        let found = match call.version_stage(stage_label(stage)).send().await {
            Err(error) if error.code() == Some(NOT_FOUND) => return Ok(None),
            found => found.map_err(|error| AwsError::of("SecretsManager GetSecretValue", error))?,
        };
        // A binary value was put there by hand: ours are text.
        let (Some(version), Some(value)) = (found.version_id, found.secret_string) else {
            return Err(VaultError::Unreadable {
                name: name.to_owned(),
            });
        };
        Ok(Some(SecretVersion {
            version,
            value: SecretString::from(value),
        }))
    }

    async fn put(
        &self,
        name: &str,
        version: &str,
        value: &SecretString,
        stage: Stage,
    ) -> Result<(), VaultError> {
        let put = self
            .client
            .put_secret_value()
            .secret_id(name)
            .client_request_token(version)
            .secret_string(value.expose_secret())
            .version_stages(stage_label(stage))
            .send()
            .await;
        match put {
            Err(error) if error.code() == Some(TAKEN) => Err(VaultError::VersionTaken {
                name: name.to_owned(),
                version: version.to_owned(),
            }),
            Err(error) => {
                Err(without_words(AwsError::of("SecretsManager PutSecretValue", error)).into())
            }
            Ok(_) => Ok(()),
        }
    }

    /// Two labels move, one call each, so a crash between the two leaves the version current *and*
    /// pending; promoting again then takes the second step.
    async fn promote(&self, name: &str, version: &str) -> Result<(), VaultError> {
        let no_such = || VaultError::NoSuchVersion {
            name: name.to_owned(),
            version: version.to_owned(),
        };
        for _ in 1..ROUNDS_MAX {
            match self.promote_once(name, version).await {
                Ok(true) => return Ok(()),
                Ok(false) => return Err(no_such()),
                // Another process moved a label after it was read: read again.
                Err(VaultError::Store(error)) if error.class == FailureClass::Permanent => {}
                Err(error) => return Err(error),
            }
        }
        if self.promote_once(name, version).await? {
            Ok(())
        } else {
            Err(no_such())
        }
    }
}

impl SecretsManager {
    /// Takes the steps of a promotion that are missing. `false` when there is no such version.
    async fn promote_once(&self, name: &str, version: &str) -> Result<bool, VaultError> {
        let Some(info) = self.describe(name).await? else {
            return Ok(false);
        };
        let is = |stage| {
            let stages = info.versions.get(version);
            stages.is_some_and(|stages| stages.contains(&stage))
        };
        if !is(Stage::Current) {
            if !is(Stage::Pending) {
                return Ok(false);
            }
            let mut versions = info.versions.iter();
            let current = versions.find(|(_, stages)| stages.contains(&Stage::Current));
            let current = current.map(|(version, _)| version.as_str());
            self.move_label(name, Stage::Current, current, Some(version))
                .await?;
        }
        if is(Stage::Pending) {
            self.move_label(name, Stage::Pending, Some(version), None)
                .await?;
        }
        Ok(true)
    }
}

/// `error` without the service's sentence, which may quote what it was given: a value.
fn without_words(mut error: AwsError) -> AwsError {
    if let AwsError::Refused {
        service_message, ..
    } = &mut error
    {
        *service_message = None;
    }
    error
}

impl From<AwsError> for VaultError {
    fn from(error: AwsError) -> Self {
        Self::Store(PortError::from(error))
    }
}

/// The label of `stage`.
const fn stage_label(stage: Stage) -> &'static str {
    match stage {
        Stage::Current => "AWSCURRENT",
        Stage::Pending => "AWSPENDING",
        Stage::Previous => "AWSPREVIOUS",
    }
}

/// The stages among `labels`; others mean nothing to us.
fn stages(labels: &[String]) -> BTreeSet<Stage> {
    Stage::ALL
        .into_iter()
        .filter(|stage| labels.iter().any(|label| label == stage_label(*stage)))
        .collect()
}

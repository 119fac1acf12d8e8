//! The function's own variables.

use halogard_app::ports::{SaveError, VaultError, error_chain};
use halogard_aws::AwsSettingsError;
use halogard_credentials::NotJsonObject;
use halogard_runtime::settings::SettingsError;
use halogard_vendors::VendorsError;

/// What the variables of the function name.
#[derive(Clone, Debug)]
pub struct Names {
    /// The table, for the request budget and for the record of a key's creation.
    pub table: String,
    /// The secret with the credentials for HaloPSA.
    pub halopsa_secret: String,
    /// The secret with the key for Liongard.
    pub liongard_secret: String,
    /// The topic for notices; `None` when there is none.
    pub topic: Option<String>,
}

/// Why the function cannot run.
#[derive(Debug, thiserror::Error)]
pub enum RotationSetUpError {
    /// A variable is missing.
    #[error("the variable {0} is missing; deploy the stack's template, which sets it")]
    Missing(&'static str),
    /// AWS cannot be reached with what the variables say.
    #[error(transparent)]
    AwsSettings(#[from] AwsSettingsError),
    /// A setting is missing or wrong.
    #[error("{0}")]
    Settings(#[from] SettingsError),
    /// A secret could not be read.
    #[error("the secret named by {variable} could not be read")]
    Vault {
        /// The variable.
        variable: &'static str,
        /// Why.
        #[source]
        source: Box<VaultError>,
    },
    /// A secret has no value.
    #[error("the secret named by {0} has no current value; store one with put-secret-value")]
    NoValue(&'static str),
    /// A secret cannot be used.
    #[error("the secret named by {variable} cannot be used")]
    NotJsonObject {
        /// The variable.
        variable: &'static str,
        /// Why.
        source: NotJsonObject,
    },
    /// When the credentials are rotated next could not be recorded.
    #[error("when the credentials are rotated next could not be recorded")]
    NotRecorded(#[source] SaveError),
    /// A vendor's address or key is not valid.
    #[error(transparent)]
    Connect(#[from] VendorsError),
}

impl RotationSetUpError {
    /// What is wrong with its causes, one line.
    #[must_use]
    pub fn chain(&self) -> String {
        error_chain(self)
    }
}

impl Names {
    /// Reads the variables through `get`.
    ///
    /// # Errors
    ///
    /// [`RotationSetUpError::Missing`] names the first one that is missing.
    pub fn read(get: impl Fn(&str) -> Option<String>) -> Result<Self, RotationSetUpError> {
        let given = |name| get(name).filter(|value| !value.trim().is_empty());
        let required = |name: &'static str| given(name).ok_or(RotationSetUpError::Missing(name));
        Ok(Self {
            table: required("HALOGARD_TABLE")?,
            halopsa_secret: required("HALOPSA_SECRET")?,
            liongard_secret: required("LIONGARD_SECRET")?,
            topic: given("NOTIFICATION_TOPIC"),
        })
    }
}

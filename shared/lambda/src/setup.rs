//! Why a function cannot be set up.

use std::fmt;

use halogard_app::ports::{VaultError, error_chain};
use halogard_aws::AwsSettingsError;
use halogard_credentials::NotJsonObject;
use halogard_runtime::NoRandomness;
use halogard_runtime::settings::SettingFault;
use halogard_vendors::VendorsError;

/// Everything that is missing or wrong, one line each. Tried again at the next invocation.
#[derive(Debug)]
pub struct SetUpError {
    faults: Vec<SetUpFault>,
}

/// One thing that is missing or wrong. Never holds a secret's value.
#[derive(Debug, thiserror::Error)]
pub enum SetUpFault {
    /// A variable of the function is not set.
    #[error("{variable} is missing; {remedy}")]
    Variable {
        /// The variable.
        variable: &'static str,
        /// What to do.
        remedy: &'static str,
    },
    /// A setting of AWS is wrong.
    #[error(transparent)]
    AwsSettings(#[from] AwsSettingsError),
    /// The system has no random numbers.
    #[error("the system has no random numbers, so this instance cannot choose a name")]
    Random(#[source] getrandom::Error),
    /// The same, for the secret of a new installation.
    #[error(transparent)]
    NoRandomness(#[from] NoRandomness),
    /// A secret cannot be read.
    #[error("the secret that {variable} names cannot be read")]
    Vault {
        /// The variable.
        variable: &'static str,
        /// Why.
        source: VaultError,
    },
    /// There is no such secret, or it has no value.
    #[error(
        "the secret that {variable} names has no current value; store one, such as \
         {{\"halopsa_client_id\": \"…\", \"halopsa_client_secret\": \"…\"}}"
    )]
    NoSecret {
        /// The variable.
        variable: &'static str,
    },
    /// A secret is not a JSON object.
    #[error("the secret that {variable} names cannot be used")]
    NotJsonObject {
        /// The variable.
        variable: &'static str,
        /// Why.
        source: NotJsonObject,
    },
    /// A member of a secret is not a string.
    #[error("{member} of the secret that {variable} names is not a string; put it in quotes")]
    NoText {
        /// The variable.
        variable: &'static str,
        /// The member, which is the name of a setting in lower case.
        member: String,
    },
    /// A setting is missing or wrong.
    #[error("{0}")]
    Setting(SettingFault),
    /// A vendor's client cannot be built.
    #[error(transparent)]
    Connect(#[from] VendorsError),
}

impl SetUpError {
    /// What was found, in the order of reading.
    #[must_use]
    pub fn faults(&self) -> &[SetUpFault] {
        &self.faults
    }

    /// These faults.
    pub(crate) const fn of(faults: Vec<SetUpFault>) -> Self {
        Self { faults }
    }
}

impl<F: Into<SetUpFault>> From<F> for SetUpError {
    fn from(fault: F) -> Self {
        Self::of(vec![fault.into()])
    }
}

impl std::error::Error for SetUpError {}

impl fmt::Display for SetUpError {
    /// One line for each fault, with its causes.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, fault) in self.faults.iter().enumerate() {
            if index > 0 {
                f.write_str("\n")?;
            }
            f.write_str(&error_chain(fault))?;
        }
        Ok(())
    }
}

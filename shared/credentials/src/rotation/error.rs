//! Why a rotation step failed.

use halogard_app::ports::{PortError, Stage, VaultError, error_chain};

/// Why a rotation step failed. Names the secret and what to do; never contains a value.
#[derive(Debug, thiserror::Error)]
pub enum RotateError {
    /// There is no such secret.
    #[error("there is no secret {0}")]
    NoSuchSecret(String),
    /// Rotation is off.
    #[error("secret {0} is not enabled for rotation")]
    NotRotating(String),
    /// This version was not staged.
    #[error("secret {name} has no version {version} to rotate to")]
    UnknownVersion {
        /// The secret.
        name: String,
        /// The version.
        version: String,
    },
    /// The version is neither current nor pending.
    #[error("version {version} of secret {name} is not pending")]
    NotPending {
        /// The secret.
        name: String,
        /// The version.
        version: String,
    },
    /// The pending version is empty.
    #[error(
        "the pending version {version} of secret {name} has no value yet; createSecret makes it"
    )]
    NoValue {
        /// The secret.
        name: String,
        /// The version.
        version: String,
    },
    /// The secret has never had a value.
    #[error("secret {0} has no current value; store the first one by hand")]
    NoCurrent(String),
    /// A value cannot be used.
    #[error("the {} value of secret {name} cannot be used: {why}", stage.as_str())]
    BadValue {
        /// The secret.
        name: String,
        /// Which one.
        stage: Stage,
        /// What is wrong, without the value.
        why: String,
    },
    /// A person must act first.
    #[error("{todo}")]
    ActionRequired {
        /// The secret.
        name: String,
        /// What to do, menu by menu.
        todo: String,
        /// What was refused before that, if anything.
        #[source]
        source: Option<Box<PortError>>,
    },
    /// The vendor does not accept the pending value.
    #[error("the pending value of secret {name} is not accepted: {todo}")]
    NotAccepted {
        /// The secret.
        name: String,
        /// What to do.
        todo: String,
        /// The vendor's answer.
        #[source]
        source: Box<PortError>,
    },
    /// A call to a vendor failed.
    #[error("secret {name}: a call to a vendor failed; the step may be repeated")]
    Vendor {
        /// The secret.
        name: String,
        /// Why.
        #[source]
        source: Box<PortError>,
    },
    /// The vault failed or refused.
    #[error(transparent)]
    Vault(#[from] VaultError),
    /// The record of a key's creation could not be read or written.
    #[error("the record of a key's creation could not be read or written")]
    NamedValues(#[source] Box<PortError>),
    /// The system has no random numbers.
    #[error("the system has no random numbers")]
    NoRandomness(#[source] getrandom::Error),
}

impl RotateError {
    /// Short and stable, for metrics and alarms.
    #[must_use]
    pub const fn error_type(&self) -> &'static str {
        match self {
            Self::NoSuchSecret(_) => "rotation.no_secret",
            Self::NotRotating(_) => "rotation.off",
            Self::UnknownVersion { .. } | Self::NotPending { .. } => "rotation.unknown_version",
            Self::NoValue { .. } => "rotation.no_value",
            Self::NoCurrent(_) => "rotation.no_current",
            Self::BadValue { .. } => "rotation.bad_value",
            Self::ActionRequired { .. } => "rotation.action_required",
            Self::NotAccepted { .. } => "rotation.not_accepted",
            Self::Vendor { .. } => "rotation.vendor",
            Self::Vault(_) | Self::NamedValues(_) => "rotation.store",
            Self::NoRandomness(_) => "rotation.randomness",
        }
    }

    /// Whether a person must act before the rotation can continue.
    #[must_use]
    pub const fn requires_action(&self) -> bool {
        !matches!(
            self,
            Self::Vendor { .. } | Self::Vault(_) | Self::NamedValues(_) | Self::NoRandomness(_)
        )
    }

    /// What happened with its causes, one line.
    #[must_use]
    pub fn chain(&self) -> String {
        error_chain(self)
    }
}

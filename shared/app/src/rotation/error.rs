//! Why a step was not taken.

use std::error::Error;

use crate::ports::{PortError, Stage, VaultError};

/// Why a step was not taken. Names the secret and what to do; never holds a value.
#[derive(Debug, thiserror::Error)]
pub enum RotateError {
    /// There is no such secret.
    #[error("there is no secret {0}")]
    NoSuchSecret(String),
    /// Rotation is off.
    #[error("secret {0} is not enabled for rotation")]
    NotRotating(String),
    /// Nobody announced this version.
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
    /// The secret was never set up.
    #[error("secret {0} has no current value; store the first one by hand")]
    NoCurrent(String),
    /// A value cannot be used.
    #[error("the {} value of secret {name} cannot be used: {why}", stage_word(*stage))]
    BadValue {
        /// The secret.
        name: String,
        /// Which one.
        stage: Stage,
        /// What is wrong, without the value.
        why: String,
    },
    /// Only a person can go on.
    #[error("{todo}")]
    ActionRequired {
        /// The secret.
        name: String,
        /// What to do, menu by menu.
        todo: String,
        /// What was refused before that, if anything was.
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
        /// What the vendor said.
        #[source]
        source: Box<PortError>,
    },
    /// A vendor could not be asked.
    #[error("secret {name}: a vendor could not be asked; the step may be taken again")]
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
    /// What a rotation remembers could not be read or written.
    #[error("what a rotation remembers could not be read or written")]
    Memory(#[source] Box<PortError>),
    /// There are no random numbers.
    #[error("the system gives no random numbers")]
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
            Self::Vault(_) | Self::Memory(_) => "rotation.store",
            Self::NoRandomness(_) => "rotation.randomness",
        }
    }

    /// Whether only a person can help.
    #[must_use]
    pub const fn requires_action(&self) -> bool {
        !matches!(
            self,
            Self::Vendor { .. } | Self::Vault(_) | Self::Memory(_) | Self::NoRandomness(_)
        )
    }

    /// What happened with its causes, one line.
    #[must_use]
    pub fn chain(&self) -> String {
        let mut text = self.to_string();
        let mut cause = self.source();
        while let Some(inner) = cause {
            text.push_str(": ");
            text.push_str(&inner.to_string());
            cause = inner.source();
        }
        text
    }
}

/// The stage in a sentence.
const fn stage_word(stage: Stage) -> &'static str {
    match stage {
        Stage::Current => "current",
        Stage::Pending => "pending",
        Stage::Previous => "previous",
    }
}

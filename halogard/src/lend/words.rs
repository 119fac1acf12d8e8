//! What is asked for and answered.

use std::collections::{BTreeMap, BTreeSet};

use halogard_app::ports::{
    PortError, Revision, SecretInfo, SecretVersion, Stage, Stored, Swap, VaultError,
};
use halogard_domain::FailureClass;
use halogard_domain::budget::Ledger;
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize};

/// A version's stage, as a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StageWord {
    /// The one in use.
    Current,
    /// The next one.
    Pending,
    /// The one before.
    Previous,
}

/// What a command asks for. No `Debug`: it may hold a secret's value.
#[derive(Serialize, Deserialize)]
#[serde(tag = "ask", rename_all = "snake_case")]
pub enum Ask {
    /// Which versions a secret has.
    Describe {
        /// The secret.
        name: String,
    },
    /// One version.
    Read {
        /// The secret.
        name: String,
        /// Which one.
        stage: StageWord,
    },
    /// Keep a version.
    Put {
        /// The secret.
        name: String,
        /// The version.
        version: String,
        /// Its value.
        value: String,
        /// In which stage.
        stage: StageWord,
    },
    /// Make a pending version the current one.
    Promote {
        /// The secret.
        name: String,
        /// The version.
        version: String,
    },
    /// A mark.
    Mark {
        /// Its name.
        name: String,
    },
    /// Set a mark.
    SetMark {
        /// Its name.
        name: String,
        /// Its value.
        value: i64,
    },
    /// The request budget.
    Ledger,
    /// Put a ledger in the place of the one read.
    SwapLedger {
        /// The new one.
        ledger: Ledger,
        /// Which one was read.
        revision: u64,
    },
}

/// What is answered. No `Debug`: it may hold a secret's value.
#[derive(Serialize, Deserialize)]
#[serde(tag = "answer", rename_all = "snake_case")]
pub enum Answer {
    /// It is done.
    Done,
    /// The versions of a secret; none when there is no such secret.
    Described {
        /// Each with its stages.
        versions: Option<BTreeMap<String, BTreeSet<StageWord>>>,
        /// Whether it is rotated on a schedule.
        rotates: bool,
    },
    /// A version; none when there is none.
    Version {
        /// Its name and its value.
        found: Option<(String, String)>,
    },
    /// A mark; none when it was never set.
    Marked {
        /// Its value.
        value: Option<i64>,
    },
    /// The request budget.
    Ledger {
        /// The ledger.
        ledger: Ledger,
        /// Its revision.
        revision: u64,
        /// Whether it stands in the way of the one offered.
        lost: bool,
    },
    /// It was not done.
    Failed(Failure),
}

/// Why something was not done.
#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "failure", rename_all = "snake_case")]
pub enum Failure {
    /// There is no such version, or it is not pending.
    NoSuchVersion,
    /// Another value is already stored under this version.
    VersionTaken,
    /// What is stored cannot be decrypted.
    Unreadable,
    /// The store failed.
    Store {
        /// The reason, in words.
        reason: String,
    },
}

impl From<Stage> for StageWord {
    fn from(stage: Stage) -> Self {
        match stage {
            Stage::Current => Self::Current,
            Stage::Pending => Self::Pending,
            Stage::Previous => Self::Previous,
        }
    }
}

impl From<StageWord> for Stage {
    fn from(word: StageWord) -> Self {
        match word {
            StageWord::Current => Self::Current,
            StageWord::Pending => Self::Pending,
            StageWord::Previous => Self::Previous,
        }
    }
}

impl From<VaultError> for Failure {
    fn from(error: VaultError) -> Self {
        match error {
            VaultError::NoSuchVersion { .. } => Self::NoSuchVersion,
            VaultError::VersionTaken { .. } => Self::VersionTaken,
            VaultError::Unreadable { .. } => Self::Unreadable,
            VaultError::Store(error) => error.into(),
        }
    }
}

impl From<PortError> for Failure {
    fn from(error: PortError) -> Self {
        Self::Store {
            reason: error.chain(),
        }
    }
}

impl Failure {
    /// The failure of a port. Nothing was done, so it may be tried again.
    pub fn of_port(self) -> PortError {
        let error = PortError::new(FailureClass::Transient, "store.lent");
        match self {
            Self::Store { reason } => error.saying(reason),
            other => error.saying(format!("serve answered {other:?}")),
        }
    }

    /// The failure of the vault, about `version` of the secret `name`.
    pub fn of_vault(self, name: &str, version: &str) -> VaultError {
        let (name, version) = (name.to_owned(), version.to_owned());
        match self {
            Self::NoSuchVersion => VaultError::NoSuchVersion { name, version },
            Self::VersionTaken => VaultError::VersionTaken { name, version },
            Self::Unreadable => VaultError::Unreadable { name },
            Self::Store { .. } => VaultError::Store(self.of_port()),
        }
    }
}

impl From<Option<SecretInfo>> for Answer {
    fn from(info: Option<SecretInfo>) -> Self {
        let rotates = info.as_ref().is_some_and(|info| info.rotates);
        let versions = info.map(|info| {
            let versions = info.versions.into_iter();
            let words = |stages: BTreeSet<Stage>| stages.into_iter().map(Into::into).collect();
            versions
                .map(|(version, stages)| (version, words(stages)))
                .collect()
        });
        Self::Described { versions, rotates }
    }
}

impl From<Option<SecretVersion>> for Answer {
    fn from(found: Option<SecretVersion>) -> Self {
        let found = found.map(|found| (found.version, found.value.expose_secret().to_owned()));
        Self::Version { found }
    }
}

impl From<Stored<Ledger>> for Answer {
    fn from(stored: Stored<Ledger>) -> Self {
        Self::Ledger {
            ledger: stored.value,
            revision: stored.revision.0,
            lost: false,
        }
    }
}

/// The answer to a swap of `offered`.
pub fn swapped(swap: Swap, offered: Ledger) -> Answer {
    match swap {
        Swap::Done(revision) => Answer::Ledger {
            ledger: offered,
            revision: revision.0,
            lost: false,
        },
        Swap::Lost(stored) => Answer::Ledger {
            ledger: stored.value,
            revision: stored.revision.0,
            lost: true,
        },
    }
}

/// The versions of a secret, as the port has them.
pub fn described(
    versions: Option<BTreeMap<String, BTreeSet<StageWord>>>,
    rotates: bool,
) -> Option<SecretInfo> {
    let versions = versions?.into_iter();
    let stages = |words: BTreeSet<StageWord>| words.into_iter().map(Into::into).collect();
    Some(SecretInfo {
        rotates,
        versions: versions
            .map(|(version, words)| (version, stages(words)))
            .collect(),
    })
}

/// A version, as the port has it.
pub fn version((version, value): (String, String)) -> SecretVersion {
    SecretVersion {
        version,
        value: SecretString::from(value),
    }
}

/// The ledger, as the port has it.
pub const fn stored(ledger: Ledger, revision: u64) -> Stored<Ledger> {
    Stored {
        value: ledger,
        revision: Revision(revision),
    }
}

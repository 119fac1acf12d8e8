//! The four steps, by the names Secrets Manager gives them.

use std::str::FromStr;

/// One step of a rotation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RotationStep {
    /// Create the new value and store it as pending.
    Create,
    /// Send it to the vendor.
    Set,
    /// Verify it.
    Test,
    /// Make it the current one.
    Finish,
}

/// A word that is not the name of a step.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is not a rotation step; Secrets Manager sends createSecret, setSecret, testSecret or \
     finishSecret"
)]
pub struct UnknownStep(pub String);

/// Characters of a wrong name that are shown.
const SHOWN_CHARS_MAX: usize = 40;

impl RotationStep {
    /// All of them, in order.
    pub const ALL: [Self; 4] = [Self::Create, Self::Set, Self::Test, Self::Finish];

    /// Its name in the event.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Create => "createSecret",
            Self::Set => "setSecret",
            Self::Test => "testSecret",
            Self::Finish => "finishSecret",
        }
    }
}

impl FromStr for RotationStep {
    type Err = UnknownStep;

    fn from_str(word: &str) -> Result<Self, UnknownStep> {
        let found = Self::ALL.into_iter().find(|step| step.as_str() == word);
        found.ok_or_else(|| UnknownStep(word.chars().take(SHOWN_CHARS_MAX).collect()))
    }
}

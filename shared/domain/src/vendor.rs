//! The two systems that Halogard keeps in sync.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A vendor that Halogard asks.
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Vendor {
    /// HaloPSA.
    HaloPsa,
    /// Liongard.
    Liongard,
}

impl Vendor {
    /// Both vendors.
    pub const ALL: [Self; 2] = [Self::HaloPsa, Self::Liongard];

    /// The vendor as one word, in stores and on the command line.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::HaloPsa => "halopsa",
            Self::Liongard => "liongard",
        }
    }

    /// The vendor that `word` names, as [`as_str`](Self::as_str) writes it.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|vendor| vendor.as_str() == word)
    }

    /// The vendor as people write it.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::HaloPsa => "HaloPSA",
            Self::Liongard => "Liongard",
        }
    }
}

impl fmt::Display for Vendor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

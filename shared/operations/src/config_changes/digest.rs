//! The digest of a plan.

use std::fmt;
use std::str::FromStr;

use halogard_domain::config_history::{ConfigInForce, ConfigText};
use serde::{Serialize, Serializer};

use super::ConfigCandidate;

/// Names the config in force and the candidate of a plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PlanDigest {
    pub(super) in_force: u32,
    pub(super) candidate: u32,
}

/// The text is not a digest of a plan.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is not the digest of a plan; `halogard config plan` prints one, of sixteen characters"
)]
pub struct NoDigest(String);

impl FromStr for PlanDigest {
    type Err = NoDigest;

    fn from_str(text: &str) -> Result<Self, NoDigest> {
        let half = |range| {
            let digits: &str = text.get(range)?;
            u32::from_str_radix(digits, 16).ok()
        };
        match (text.len(), half(0..8), half(8..16)) {
            (16, Some(in_force), Some(candidate)) => Ok(Self {
                in_force,
                candidate,
            }),
            _ => Err(NoDigest(text.to_owned())),
        }
    }
}

impl fmt::Display for PlanDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:08x}{:08x}", self.in_force, self.candidate)
    }
}

/// The schema of its text.
#[cfg(feature = "schema")]
impl schemars::JsonSchema for PlanDigest {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "PlanDigest".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": "string" })
    }
}

impl Serialize for PlanDigest {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl PlanDigest {
    pub(super) fn of(in_force: &ConfigInForce, candidate: &ConfigCandidate) -> Self {
        let current = in_force.current().map_or("", |it| it.text.as_str());
        Self {
            in_force: half(current),
            candidate: half(&ConfigText::key(&candidate.text)),
        }
    }
}

/// Half of the key of a text.
fn half(key: &str) -> u32 {
    let whole = u64::from_str_radix(key, 16).unwrap_or_default();
    u32::try_from(whole >> 32 ^ whole & u64::from(u32::MAX)).unwrap_or_default()
}

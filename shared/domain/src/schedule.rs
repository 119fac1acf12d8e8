//! What is done by itself from time to time.

use serde::{Deserialize, Serialize};

/// How often something is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cadence {
    /// Once a day.
    Daily,
    /// Once a week.
    Weekly,
    /// Once a month.
    Monthly,
}

impl Cadence {
    /// Every cadence.
    pub const ALL: [Self; 3] = [Self::Daily, Self::Weekly, Self::Monthly];

    /// The cadence as a stable word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Daily => "daily",
            Self::Weekly => "weekly",
            Self::Monthly => "monthly",
        }
    }
}

/// What is done by itself, and how often.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Schedule {
    /// How often both sides are compared; never when absent.
    pub verify: Option<Cadence>,
    /// How often the report of the installation's health is sent by the channels of notices; never when absent.
    pub health_report: Option<Cadence>,
}

impl Default for Schedule {
    /// Both sides are compared once a day; reports are sent where the operator wants them.
    fn default() -> Self {
        Self {
            verify: Some(Cadence::Daily),
            health_report: None,
        }
    }
}

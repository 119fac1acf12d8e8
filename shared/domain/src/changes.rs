//! What has changed lately in an installation and around it, as workers notice it.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::record::{Record, Singleton};
use crate::time::Timestamp;

/// Changes that are remembered.
pub const CHANGES_MAX: usize = 50;

/// What workers noticed, oldest first.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecentChanges {
    /// The version that was run last; none before the first.
    pub version: Option<String>,
    /// The newest [`CHANGES_MAX`] changes, oldest first.
    pub changes: Vec<RecentChange>,
}

/// A change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecentChange {
    /// When it was noticed.
    pub at: Timestamp,
    /// What has changed.
    pub what: ChangedThing,
}

/// What has changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ChangedThing {
    /// Another config is in force.
    Config {
        /// The fingerprint of its policy.
        fingerprint: String,
    },
    /// Another version of Halogard runs.
    Version {
        /// The one before.
        from: String,
        /// The one that runs.
        to: String,
    },
}

impl fmt::Display for ChangedThing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Config { fingerprint } => write!(f, "another config is in force ({fingerprint})"),
            Self::Version { from, to } => write!(f, "Halogard {to} runs, after {from}"),
        }
    }
}

impl Record for RecentChanges {
    const PARTITION: &'static str = "recent_changes";
    const REPLACE_UNREADABLE: bool = true;
    type Key = Singleton;
}

impl RecentChanges {
    /// Takes note of `what`, noticed at `now`.
    pub fn note(&mut self, now: Timestamp, what: ChangedThing) {
        self.changes.push(RecentChange { at: now, what });
        let excess = self.changes.len().saturating_sub(CHANGES_MAX);
        self.changes.drain(..excess);
    }

    /// Takes note of the `version` that runs; says whether it is another one than before. The first one is
    /// no change.
    pub fn observe_version(&mut self, now: Timestamp, version: &str) -> bool {
        let former = self.version.replace(version.to_owned());
        match former {
            Some(former) if former == version => false,
            Some(former) => {
                let what = ChangedThing::Version {
                    from: former,
                    to: version.to_owned(),
                };
                self.note(now, what);
                true
            }
            None => true,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_changes_are_remembered_and_a_version_is_noted_once() {
        let mut changes = RecentChanges::default();
        let at = Timestamp::from_millis;
        assert!(changes.observe_version(at(1), "0.1.0"));
        assert!(!changes.observe_version(at(2), "0.1.0"));
        assert_eq!(changes.changes, []);
        assert!(changes.observe_version(at(3), "0.2.0"));
        let said: Vec<String> = changes
            .changes
            .iter()
            .map(|it| it.what.to_string())
            .collect();
        assert_eq!(said, ["Halogard 0.2.0 runs, after 0.1.0"]);
        for number in 0..100 {
            let fingerprint = number.to_string();
            changes.note(at(number), ChangedThing::Config { fingerprint });
        }
        assert_eq!(changes.changes.len(), CHANGES_MAX);
        assert_eq!(changes.changes.last().map(|it| it.at), Some(at(99)));
    }
}

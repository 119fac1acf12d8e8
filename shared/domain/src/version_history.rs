//! Which versions of Halogard ran on a store.

use serde::{Deserialize, Serialize};

use crate::record::{Record, Singleton};
use crate::time::Timestamp;

/// Versions that are remembered.
pub const VERSIONS_KEPT: usize = 50;

/// The newest [`VERSIONS_KEPT`] versions that ran, oldest first. A version that ran again after another one is
/// listed again.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct VersionHistory {
    /// The versions; the last one runs.
    pub versions: Vec<VersionRun>,
}

/// A version that ran.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct VersionRun {
    /// When it was first seen to run.
    pub since: Timestamp,
    /// The version.
    pub version: String,
}

impl Record for VersionHistory {
    const PARTITION: &'static str = "version_history";
    const REPLACE_UNREADABLE: bool = true;
    type Key = Singleton;
}

impl VersionHistory {
    /// Records that `version` runs at `now`. Changes nothing where it ran last.
    pub fn record(&mut self, now: Timestamp, version: &str) {
        if self.versions.last().is_some_and(|it| it.version == version) {
            return;
        }
        self.versions.push(VersionRun {
            since: now,
            version: version.to_owned(),
        });
        let excess = self.versions.len().saturating_sub(VERSIONS_KEPT);
        self.versions.drain(..excess);
    }

    /// Each change of the version: the former one, and the one that runs since.
    pub fn changes(&self) -> impl Iterator<Item = (&VersionRun, &VersionRun)> {
        self.versions.iter().zip(self.versions.iter().skip(1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_is_recorded_once_and_the_newest_are_remembered() {
        let mut history = VersionHistory::default();
        let at = Timestamp::from_millis;
        history.record(at(1), "0.1.0");
        history.record(at(2), "0.1.0");
        assert_eq!(history.changes().count(), 0);
        history.record(at(3), "0.2.0");
        let changes: Vec<_> = history
            .changes()
            .map(|(from, to)| (from.version.as_str(), to.version.as_str(), to.since))
            .collect();
        assert_eq!(changes, [("0.1.0", "0.2.0", at(3))]);
        for number in 0..100 {
            history.record(at(number), &number.to_string());
        }
        assert_eq!(history.versions.len(), VERSIONS_KEPT);
        assert_eq!(history.versions.last().map(|it| it.since), Some(at(99)));
    }
}

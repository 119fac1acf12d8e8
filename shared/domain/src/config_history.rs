//! The configs that were applied: which one is in force, and which came before it.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::hash::hash64;
use crate::policy::Policy;
use crate::record::Record;
use crate::time::Timestamp;

/// Versions that the history names. The oldest goes when there are more.
pub const VERSIONS_KEPT: usize = 50;

/// The config in force, and the history that led to it. One record: a version is in force and in the history, or
/// neither.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ConfigInForce {
    /// The policy; `None` before the first config was applied.
    pub policy: Option<Policy>,
    /// The versions, oldest first; the last one is in force.
    pub versions: Vec<ConfigVersion>,
}

/// A config that was applied.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConfigVersion {
    /// Its number, from 1 on.
    pub number: u64,
    /// The key of its text; see [`ConfigText`].
    pub text: String,
    /// When it was applied.
    pub applied_at: Timestamp,
    /// How it came into force.
    pub origin: VersionOrigin,
    /// Who applied it, as far as that is known.
    pub actor: Option<String>,
    /// Why, in that person's words.
    pub reason: Option<String>,
}

/// How a version came into force.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum VersionOrigin {
    /// By `config apply`.
    Applied,
    /// By an edit of the file under a running `serve`.
    Edited,
    /// By a start of `serve` with this file.
    Started,
    /// By `config undo`, which brought this version back.
    Restored(u64),
}

impl ConfigInForce {
    /// The version in force; `None` before the first config was applied.
    #[must_use]
    pub fn current(&self) -> Option<&ConfigVersion> {
        self.versions.last()
    }

    /// The version with this number, if the history still names it.
    #[must_use]
    pub fn version(&self, number: u64) -> Option<&ConfigVersion> {
        self.versions.iter().find(|it| it.number == number)
    }

    /// The version that `undo` brings back: the one before the version in force.
    #[must_use]
    pub fn former(&self) -> Option<&ConfigVersion> {
        self.versions.iter().rev().nth(1)
    }

    /// Whether `policy`, read from the text under `text`, is in force unchanged.
    #[must_use]
    pub fn is(&self, policy: &Policy, text: &str) -> bool {
        self.policy.as_ref() == Some(policy) && self.current().is_some_and(|it| it.text == text)
    }

    /// Puts `policy` in force as `version`, which gets the next number.
    pub fn put(&mut self, policy: Policy, version: ConfigVersion) -> u64 {
        let number = self.current().map_or(0, |it| it.number) + 1;
        self.policy = Some(policy);
        self.versions.push(ConfigVersion { number, ..version });
        let surplus = self.versions.len().saturating_sub(VERSIONS_KEPT);
        self.versions.drain(..surplus);
        number
    }
}

impl Record for ConfigInForce {
    const PARTITION: &'static str = "config";
    /// Another version of the program wrote it: a config has to be applied with this one.
    const REPLACE_UNREADABLE: bool = true;
    type Key = crate::record::Singleton;
}

/// The text of a config, under a key that follows from it: writing it twice changes nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConfigText {
    /// The text; `None` where none is stored.
    pub text: Option<String>,
    /// When it may be deleted; `None` while its version is in force.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Timestamp>,
}

/// How long a text is kept once another version is in force: who asks what was in force asks within a year.
pub const TEXTS_KEPT: Duration = Duration::from_secs(365 * 24 * 60 * 60);

impl ConfigText {
    /// The key of `text`.
    #[must_use]
    pub fn key(text: &str) -> String {
        format!("{:016x}", hash64(&[text]))
    }
}

impl Record for ConfigText {
    const PARTITION: &'static str = "config_text";
    type Key = str;

    fn expires_at(&self) -> Option<Timestamp> {
        self.expires_at
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::Mode;

    fn version(text: &str, origin: VersionOrigin) -> ConfigVersion {
        ConfigVersion {
            number: 0,
            text: ConfigText::key(text),
            applied_at: Timestamp::from_millis(7),
            origin,
            actor: None,
            reason: None,
        }
    }

    #[test]
    fn versions_are_numbered_and_the_oldest_goes() {
        let mut config = ConfigInForce::default();
        assert_eq!((config.current(), config.former()), (None, None));
        for round in 1..=VERSIONS_KEPT as u64 + 2 {
            let policy = Policy::empty(Mode::Managed);
            let number = config.put(policy, version("a", VersionOrigin::Applied));
            assert_eq!(number, round);
        }
        assert_eq!(config.versions.len(), VERSIONS_KEPT);
        assert_eq!(config.versions[0].number, 3);
        assert_eq!(config.former().unwrap().number, VERSIONS_KEPT as u64 + 1);
        assert_eq!(config.version(2), None);
    }

    #[test]
    fn a_config_is_in_force_with_its_policy_and_its_text() {
        let mut config = ConfigInForce::default();
        let policy = Policy::empty(Mode::Managed);
        config.put(policy.clone(), version("a", VersionOrigin::Started));
        assert!(config.is(&policy, &ConfigText::key("a")));
        assert!(!config.is(&policy, &ConfigText::key("a # a comment")));
        assert!(!config.is(&Policy::empty(Mode::Native), &ConfigText::key("a")));
    }
}

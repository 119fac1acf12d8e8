//! What operators commanded: one record for each day, each entry chained to the one before by a SHA-256 digest,
//! across days.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::hash::hex;
use crate::record::Record;
use crate::time::Timestamp;

/// How long the audit is kept.
pub const AUDIT_AGE: Duration = Duration::from_secs(400 * 24 * 3600);

/// Entries of one day. Further ones are refused, and with them the commands: a script runs wild.
pub const AUDIT_DAY_MAX: usize = 1_000;

/// Milliseconds of a day.
const DAY_MS: i64 = 24 * 3600 * 1000;

/// A day, by its number since 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AuditDate(i64);

impl AuditDate {
    /// The day of `at`, in UTC.
    #[must_use]
    pub const fn of(at: Timestamp) -> Self {
        Self(at.as_millis().div_euclid(DAY_MS))
    }
}

impl fmt::Display for AuditDate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:06}", self.0)
    }
}

impl FromStr for AuditDate {
    type Err = std::num::ParseIntError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse().map(Self)
    }
}

/// What operators commanded on one day.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditDay {
    /// The digest of the last command of an earlier day; empty on the first day.
    pub before: String,
    /// The commands, oldest first.
    pub entries: Vec<AuditEntry>,
}

/// A command that changed something.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditEntry {
    /// When it was given.
    pub at: Timestamp,
    /// The account on the operator's machine that gave it.
    pub actor: String,
    /// The command.
    pub command: String,
    /// What it was about.
    pub subject: String,
    /// Why, in the operator's words.
    pub reason: Option<String>,
    /// What it did.
    pub done: String,
    /// Digest of the request: the command line as it was given.
    pub request_digest: String,
    /// Digest of the answer: what the command printed as its result.
    pub answer_digest: String,
    /// Digest of the entry and of the one before, so that a changed or missing entry is noticed.
    pub digest: String,
}

impl Record for AuditDay {
    const PARTITION: &'static str = "audit";
    type Key = AuditDate;

    fn is_active(&self) -> bool {
        !self.entries.is_empty()
    }

    fn expires_at(&self) -> Option<Timestamp> {
        self.entries.last().map(|entry| entry.at.plus(AUDIT_AGE))
    }
}

impl AuditEntry {
    /// The digest of this entry after one with the digest `before`, in hexadecimal digits.
    #[must_use]
    pub fn digest_after(&self, before: &str) -> String {
        digest_of([
            before,
            &self.at.as_millis().to_string(),
            &self.actor,
            &self.command,
            &self.subject,
            self.reason.as_deref().unwrap_or_default(),
            &self.done,
            &self.request_digest,
            &self.answer_digest,
        ])
    }
}

/// The digest of `parts`, in hexadecimal digits.
pub fn digest_of<T: AsRef<str>>(parts: impl IntoIterator<Item = T>) -> String {
    let mut digest = Sha256::new();
    for part in parts {
        let part = part.as_ref();
        // The length keeps what ends one part from beginning the next.
        digest.update(part.len().to_be_bytes());
        digest.update(part);
    }
    hex(&digest.finalize())
}

impl AuditDay {
    /// The first record of a day after one whose last digest is `before`.
    #[must_use]
    pub const fn after(before: String) -> Self {
        Self {
            before,
            entries: Vec::new(),
        }
    }

    /// Appends `entry`; `false` when the day is full.
    pub fn append(&mut self, mut entry: AuditEntry) -> bool {
        let has_room = self.entries.len() < AUDIT_DAY_MAX;
        if has_room {
            entry.digest = entry.digest_after(self.last_digest());
            self.entries.push(entry);
        }
        has_room
    }

    /// The digest to which the next entry is chained.
    #[must_use]
    pub fn last_digest(&self) -> &str {
        self.entries
            .last()
            .map_or(self.before.as_str(), |last| last.digest.as_str())
    }

    /// Whether every entry is as it was appended, and none is missing between two others.
    #[must_use]
    pub fn is_intact(&self) -> bool {
        let mut before = self.before.as_str();
        self.entries.iter().all(|entry| {
            let is_chained = entry.digest == entry.digest_after(before);
            before = &entry.digest;
            is_chained
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(number: i64) -> AuditEntry {
        AuditEntry {
            at: Timestamp::from_millis(number),
            actor: "operator".to_owned(),
            command: "resync".to_owned(),
            subject: format!("alert {number}"),
            reason: None,
            done: "1 queued".to_owned(),
            request_digest: "1f".to_owned(),
            answer_digest: "2f".to_owned(),
            digest: String::new(),
        }
    }

    /// A way to change an entry.
    type Forgery = fn(&mut AuditEntry);

    #[test]
    fn a_change_of_any_member_breaks_the_chain() {
        let forgeries: [Forgery; 9] = [
            |entry| entry.at = Timestamp::from_millis(9),
            |entry| entry.actor.push('x'),
            |entry| entry.command.push('x'),
            |entry| entry.subject.push('x'),
            |entry| entry.reason = Some("x".to_owned()),
            |entry| entry.done.push('x'),
            |entry| entry.request_digest.push('x'),
            |entry| entry.answer_digest.push('x'),
            // What is moved from one member to the next is a change too.
            |entry| {
                let end = entry.command.pop();
                entry.subject.insert(0, end.unwrap_or_default());
            },
        ];
        for forge in forgeries {
            let mut day = AuditDay::after("0a".to_owned());
            assert!((1..=2).all(|number| day.append(entry(number))));
            assert!(day.is_intact());
            forge(&mut day.entries[0]);
            assert!(!day.is_intact());
        }
        let mut day = AuditDay::after("0a".to_owned());
        assert!(day.append(entry(1)));
        day.before.clear();
        assert!(!day.is_intact(), "an earlier day was removed");
    }

    #[test]
    fn a_changed_or_missing_entry_breaks_the_chain() {
        let mut day = AuditDay::default();
        assert!((1..=3).all(|number| day.append(entry(number))));
        assert!(day.is_intact());
        let mut changed = day.clone();
        if let Some(second) = changed.entries.get_mut(1) {
            "alert 9".clone_into(&mut second.subject);
        }
        assert!(!changed.is_intact());
        day.entries.remove(1);
        assert!(!day.is_intact());
    }

    #[test]
    fn a_day_is_found_again_by_its_text() {
        let date = AuditDate::of(Timestamp::from_millis(1_764_345_552_250));
        assert_eq!(date.to_string().parse(), Ok(date));
        assert_eq!(date.to_string(), "020420");
    }
}

//! The comparison of both sides that is made on a schedule: how far it is, and what the last one found.
//!
//! It reads every pair that polls know, some at a time, within the part of the request budget that nothing else needs.
//! So it may take minutes or hours, in several processes one after the other.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::ids::{AlertId, TicketId};
use crate::record::{Record, Singleton};
use crate::schedule::Cadence;
use crate::time::Timestamp;

/// What changed more recently is still being synchronised, and no difference yet.
pub const SETTLED_AFTER: Duration = Duration::from_secs(15 * 60);

/// A comparison that takes longer begins anew: what it has found is too old to be added up.
const PASS_MAX: Duration = Duration::from_secs(24 * 3600);

/// Differences that are kept as examples.
pub const EXAMPLES_MAX: usize = 10;

/// How the two sides of a pair differ.
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DifferenceKind {
    /// Alert and ticket differ.
    Differs,
    /// An open alert has no ticket.
    OnlyLiongard,
    /// A ticket of ours belongs to no alert.
    OnlyHaloPsa,
    /// One of them could not be read.
    Unreadable,
}

impl DifferenceKind {
    /// Every kind.
    pub const ALL: [Self; 4] = [
        Self::Differs,
        Self::OnlyLiongard,
        Self::OnlyHaloPsa,
        Self::Unreadable,
    ];

    /// The kind as a stable word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Differs => "differs",
            Self::OnlyLiongard => "only_liongard",
            Self::OnlyHaloPsa => "only_halo_psa",
            Self::Unreadable => "unreadable",
        }
    }
}

/// A pair that differs.
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DifferenceExample {
    /// The alert.
    pub alert: AlertId,
    /// The ticket, if there is one.
    pub ticket: Option<TicketId>,
    /// What differs; no names.
    pub what: String,
}

/// What a comparison has found so far.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct VerificationTally {
    /// Pairs that were compared.
    pub pairs: u64,
    /// Requests for tickets that HaloPSA has answered.
    pub requests: u64,
    /// Differences without a known cause, by kind.
    pub differences: BTreeMap<DifferenceKind, u64>,
    /// The first of them.
    pub examples: Vec<DifferenceExample>,
}

impl VerificationTally {
    /// Adds a difference.
    pub fn add(&mut self, kind: DifferenceKind, example: DifferenceExample) {
        *self.differences.entry(kind).or_default() += 1;
        if self.examples.len() < EXAMPLES_MAX {
            self.examples.push(example);
        }
    }

    /// How many differences there are.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.differences.values().sum()
    }
}

/// A comparison under way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct VerificationPass {
    /// When it began.
    pub began_at: Timestamp,
    /// The last alert that was compared; alerts are compared by number.
    pub after: Option<AlertId>,
    /// What it has found so far.
    pub tally: VerificationTally,
}

/// A comparison that has ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct VerificationResult {
    /// When it began.
    pub began_at: Timestamp,
    /// When it ended.
    pub ended_at: Timestamp,
    /// What it found.
    pub tally: VerificationTally,
}

/// The comparison under way, and the last one that ended.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verification {
    /// The one under way.
    pub pass: Option<VerificationPass>,
    /// The last one.
    pub last: Option<VerificationResult>,
}

impl Record for Verification {
    const PARTITION: &'static str = "verification";
    // What is lost is found anew.
    const REPLACE_UNREADABLE: bool = true;
    type Key = Singleton;
}

impl Verification {
    /// The comparison that goes on at `now`, or begins then because it is due: `cadence` after the last one began, the
    /// first one at `first_at`. `None` when none is due.
    #[must_use]
    pub fn pass_at(
        &self,
        cadence: Cadence,
        first_at: Timestamp,
        now: Timestamp,
    ) -> Option<VerificationPass> {
        let in_time = |pass: &&VerificationPass| now.is_within(PASS_MAX, pass.began_at);
        if let Some(pass) = self.pass.as_ref().filter(in_time) {
            return Some(pass.clone());
        }
        let last = self.last.as_ref().map(|last| last.began_at);
        // A time in the future was written under a clock that was ahead.
        let last = last.filter(|last| *last <= now);
        let due_at = last.map_or(first_at, |last| last.plus(interval(cadence)));
        (due_at <= now).then(|| VerificationPass {
            began_at: now,
            after: None,
            tally: VerificationTally::default(),
        })
    }

    /// Takes in how far `pass` is.
    pub fn go_on(&mut self, pass: VerificationPass) {
        self.pass = Some(pass);
    }

    /// Takes in that `pass` has compared everything at `now`.
    pub fn end(&mut self, pass: VerificationPass, now: Timestamp) {
        self.pass = None;
        self.last = Some(VerificationResult {
            began_at: pass.began_at,
            ended_at: now,
            tally: pass.tally,
        });
    }
}

/// The time between two comparisons.
const fn interval(cadence: Cadence) -> Duration {
    let days = match cadence {
        Cadence::Daily => 1,
        Cadence::Weekly => 7,
        Cadence::Monthly => 30,
    };
    Duration::from_secs(days * 24 * 3600)
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: i64 = 24 * 3600;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_millis(1_777_881_600_000 + seconds * 1000)
    }

    fn ended(began: i64) -> Verification {
        let mut verification = Verification::default();
        let pass = verification.pass_at(Cadence::Daily, at(began), at(began));
        if let Some(pass) = pass {
            verification.end(pass, at(began + 60));
        }
        verification
    }

    #[test]
    fn a_comparison_begins_when_it_is_due() {
        let fresh = Verification::default();
        for (verification, cadence, now, expected) in [
            (&fresh, Cadence::Daily, -1, false),
            (&fresh, Cadence::Daily, 0, true),
            (&ended(0), Cadence::Daily, DAY - 1, false),
            (&ended(0), Cadence::Daily, DAY, true),
            (&ended(0), Cadence::Weekly, DAY, false),
            (&ended(0), Cadence::Weekly, 7 * DAY, true),
            (&ended(0), Cadence::Monthly, 29 * DAY, false),
            (&ended(0), Cadence::Monthly, 30 * DAY, true),
            // Our clock was ahead by a year when the last one began.
            (&ended(365 * DAY), Cadence::Daily, 0, true),
        ] {
            let pass = verification.pass_at(cadence, at(0), at(now));
            assert_eq!(pass.is_some(), expected, "{cadence:?} {now}");
        }
    }

    #[test]
    fn a_comparison_under_way_goes_on_unless_it_is_too_old() {
        let mut verification = ended(0);
        let mut pass = verification
            .pass_at(Cadence::Daily, at(0), at(DAY))
            .unwrap();
        pass.after = Some(AlertId::new(7));
        verification.go_on(pass.clone());
        let later = verification.pass_at(Cadence::Weekly, at(0), at(DAY + 3600));
        assert_eq!(later, Some(pass));
        let later = verification.pass_at(Cadence::Daily, at(0), at(2 * DAY + 1));
        assert_eq!(later.and_then(|pass| pass.after), None);
    }

    #[test]
    fn only_the_first_differences_are_kept_as_examples() {
        let mut tally = VerificationTally::default();
        for number in 0..25 {
            let example = DifferenceExample {
                alert: AlertId::new(number),
                ticket: None,
                what: "the alert is open, and it has no ticket".to_owned(),
            };
            tally.add(DifferenceKind::OnlyLiongard, example);
        }
        assert_eq!((tally.count(), tally.examples.len()), (25, EXAMPLES_MAX));
    }
}

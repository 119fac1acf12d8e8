//! What a tenant shows of the facts that the vendors' documents leave open.
//!
//! A report is for people, and chooses between equivalent ways of asking. Nothing that is written depends on it.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::ids::TeamId;
use crate::record::{Record, Singleton};
use crate::time::Timestamp;

/// The reading of a fact that the documents and most reports have.
pub const REFERENCE: &str = "reference";

/// The reading that times without a zone are not UTC. A tenant that follows it is refused until it is set right.
pub const LOCAL_TIMES: &str = "local-times";

/// The reading that lists do not show when a ticket changed.
pub const ROWS_WITHOUT_LAST_UPDATE: &str = "rows-without-last-update";

/// What a probe found out about both vendors, the last time that it ran.
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DialectReport {
    /// The build of HaloPSA that was probed, if it says.
    pub build: Option<String>,
    /// When it was probed; the beginning of time before the first probe.
    pub probed_at: Timestamp,
    /// Each uncertain fact, those of HaloPSA first.
    pub facts: Vec<FactReading>,
    /// The numbers of HaloPSA's teams: some tenants pass over their names.
    pub teams: BTreeMap<String, TeamId>,
}

/// What the probe of one vendor found out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ProbeFindings {
    /// Each uncertain fact about this vendor.
    pub facts: Vec<FactReading>,
    /// The numbers of its teams, if it has some and shows them.
    pub teams: BTreeMap<String, TeamId>,
}

/// An uncertain fact, and what the tenant showed of it.
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FactReading {
    /// The fact.
    pub fact: Cow<'static, str>,
    /// Where the readings of it come from.
    pub source: Cow<'static, str>,
    /// What was seen.
    pub seen: Seen,
}

/// The name of a reading, and the same in words.
pub type NamedReading = (&'static str, &'static str);

/// A fact that a vendor's documents leave open, and how the answers to the reads of a probe, `O`, are judged.
pub struct UncertainFact<O> {
    /// The fact, as `docs/dialects.md` names it.
    pub fact: &'static str,
    /// Where its readings come from.
    pub source: &'static str,
    /// The name of the reading that the answers show, and the same in words; `None` where harmless reads do not
    /// show it.
    pub judge: Option<fn(&O) -> Option<NamedReading>>,
    /// When no read shows it, or what else would.
    pub otherwise: &'static str,
}

/// What a probe can show of a fact.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FactOutline {
    /// The fact.
    pub fact: &'static str,
    /// Whether harmless reads show it.
    pub is_read: bool,
    /// When they cannot, or what else would show it.
    pub otherwise: &'static str,
}

impl<O> UncertainFact<O> {
    /// What `answers` say of it.
    pub fn reading_in(&self, answers: &O) -> FactReading {
        FactReading {
            fact: self.fact.into(),
            source: self.source.into(),
            seen: match self.judge.and_then(|judge| judge(answers)) {
                Some((reading, meaning)) => Seen::As {
                    reading: reading.into(),
                    meaning: meaning.into(),
                },
                None => Seen::CannotTell {
                    why: self.otherwise.into(),
                },
            },
        }
    }

    /// What a probe can show of it.
    pub const fn outline(&self) -> FactOutline {
        FactOutline {
            fact: self.fact,
            is_read: self.judge.is_some(),
            otherwise: self.otherwise,
        }
    }
}

/// What was seen of a fact.
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Seen {
    /// The tenant follows one reading.
    As {
        /// Its name: [`REFERENCE`], or that of the switch which makes the simulators follow it.
        reading: Cow<'static, str>,
        /// The same in words.
        meaning: Cow<'static, str>,
    },
    /// Nothing was seen that decides it.
    CannotTell {
        /// Why, or what would show it.
        why: Cow<'static, str>,
    },
}

impl DialectReport {
    /// The name of the reading that was seen of `fact`.
    #[must_use]
    pub fn reading_of(&self, fact: &str) -> Option<&str> {
        let known = self.facts.iter().find(|known| known.fact == fact)?;
        match &known.seen {
            Seen::As { reading, .. } => Some(reading),
            Seen::CannotTell { .. } => None,
        }
    }

    /// Whether the tenant was seen to follow the reading with this name.
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        let mut all = self.facts.iter();
        all.any(|known| matches!(&known.seen, Seen::As { reading, .. } if reading == name))
    }

    /// This report, completed by what `former`, one of the same build, saw and this one did not: no answer
    /// may have come, or what showed it is gone.
    #[must_use]
    pub fn completed_by(mut self, former: &Self) -> Self {
        if self.build != former.build {
            return self;
        }
        for known in &mut self.facts {
            let mut seen_before = former.facts.iter().filter(|it| it.fact == known.fact);
            if matches!(known.seen, Seen::CannotTell { .. })
                && let Some(before) = seen_before.next()
            {
                known.seen = before.seen.clone();
            }
        }
        if self.teams.is_empty() {
            self.teams.clone_from(&former.teams);
        }
        self
    }

    /// Whether a tenant of this `build` has to be probed anew. An unknown build is not compared; a
    /// tenant that was refused may have been set right.
    #[must_use]
    pub fn is_outdated(&self, build: Option<&str>) -> bool {
        let is_other = build.is_some() && self.build.as_deref() != build;
        self.facts.is_empty() || is_other || self.has(LOCAL_TIMES)
    }
}

impl Record for DialectReport {
    const PARTITION: &'static str = "dialect";
    /// A probe brings it again.
    const REPLACE_UNREADABLE: bool = true;
    type Key = Singleton;
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(build: Option<&str>) -> DialectReport {
        report_of(REFERENCE, build)
    }

    fn report_of(reading: &'static str, build: Option<&str>) -> DialectReport {
        DialectReport {
            build: build.map(str::to_owned),
            probed_at: Timestamp::from_millis(1),
            facts: vec![FactReading {
                fact: "the order".into(),
                source: "a guess".into(),
                seen: Seen::As {
                    reading: reading.into(),
                    meaning: "the newest first".into(),
                },
            }],
            teams: BTreeMap::from([("Service Desk".to_owned(), TeamId::new(1))]),
        }
    }

    #[test]
    fn what_could_not_be_told_this_time_stays_as_it_was_seen_in_the_same_build() {
        let untold = |build: &str| DialectReport {
            build: Some(build.to_owned()),
            facts: vec![FactReading {
                seen: Seen::CannotTell {
                    why: "no answer came".into(),
                },
                ..report(None).facts.swap_remove(0)
            }],
            ..DialectReport::default()
        };
        let former = report_of("oldest-first", Some("2.1"));
        let same = untold("2.1").completed_by(&former);
        assert_eq!((&same.facts, &same.teams), (&former.facts, &former.teams));
        let other = untold("2.2").completed_by(&former);
        assert_eq!(other, untold("2.2"));
        // What is seen now counts.
        let seen = report(Some("2.1"));
        assert_eq!(seen.clone().completed_by(&former), seen);
    }

    #[test]
    fn a_tenant_is_probed_once_and_again_when_its_build_changes() {
        let rows = [
            (DialectReport::default(), None, true),
            (DialectReport::default(), Some("2.1"), true),
            (report(None), None, false),
            (report(None), Some("2.1"), true),
            (report(Some("2.1")), Some("2.1"), false),
            (report(Some("2.1")), Some("2.2"), true),
            (report(Some("2.1")), None, false),
            (report_of(LOCAL_TIMES, Some("2.1")), Some("2.1"), true),
        ];
        for (report, build, expected) in rows {
            assert_eq!(report.is_outdated(build), expected, "{report:?} {build:?}");
        }
    }

    #[test]
    fn a_report_is_read_as_it_was_written() {
        let mut written = report(Some("2.1"));
        written.facts.push(FactReading {
            fact: "the limit".into(),
            source: "a guess".into(),
            seen: Seen::CannotTell {
                why: "only a refusal shows it".into(),
            },
        });
        let text = serde_json::to_string(&written).unwrap();
        assert_eq!(
            serde_json::from_str::<DialectReport>(&text).unwrap(),
            written
        );
        assert_eq!(written.reading_of("the order"), Some(REFERENCE));
        assert_eq!(written.reading_of("the limit"), None);
    }
}

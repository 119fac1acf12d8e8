//! What an operator has paused, until when and why.

use serde::{Deserialize, Serialize};

use crate::ids::{AlertId, EnvironmentId};
use crate::record::{Record, Singleton};
use crate::time::Timestamp;
use crate::vendor::Vendor;

/// Pauses that are kept at once. More are a mistake: hundreds of paused alerts are a paused customer.
pub const PAUSES_MAX: usize = 500;

/// What is paused.
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PauseScope {
    /// Everything: neither vendor is asked.
    All,
    /// Everything that asks this vendor.
    Vendor(Vendor),
    /// The pairs of one customer: what is reported is kept, nothing is written.
    Customer(EnvironmentId),
    /// One pair, likewise.
    Alert(AlertId),
}

/// A pause.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pause {
    /// What is paused.
    pub scope: PauseScope,
    /// When it was commanded.
    pub since: Timestamp,
    /// When it begins; at once when `None`. A maintenance window begins later. What begins at once asks no
    /// clock: an operator's may be ahead of a worker's.
    pub from: Option<Timestamp>,
    /// Until when; until an operator ends it when `None`.
    pub until: Option<Timestamp>,
    /// Why, in the operator's words.
    pub reason: Option<String>,
}

impl Pause {
    /// Whether it holds at `now`.
    #[must_use]
    pub fn holds(&self, now: Timestamp) -> bool {
        self.from.is_none_or(|from| from <= now) && !self.is_over(now)
    }

    /// Whether it has ended at `now`.
    #[must_use]
    pub fn is_over(&self, now: Timestamp) -> bool {
        self.until.is_some_and(|until| until <= now)
    }
}

/// Every pause, of all workers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pauses {
    /// The pauses, at most one for each scope and beginning.
    pub pauses: Vec<Pause>,
}

impl Record for Pauses {
    const PARTITION: &'static str = "pause";
    type Key = Singleton;
}

impl Pauses {
    /// Those that hold at `now`.
    pub fn in_force(&self, now: Timestamp) -> impl Iterator<Item = &Pause> {
        self.pauses.iter().filter(move |pause| pause.holds(now))
    }

    /// Those that are not over at `now`, maintenance windows to come included.
    pub fn not_over(&self, now: Timestamp) -> impl Iterator<Item = &Pause> {
        self.pauses.iter().filter(move |pause| !pause.is_over(now))
    }

    /// The pause that keeps `vendor` from being asked at `now`.
    #[must_use]
    pub fn of_vendor(&self, vendor: Vendor, now: Timestamp) -> Option<&Pause> {
        self.in_force(now)
            .find(|pause| [PauseScope::All, PauseScope::Vendor(vendor)].contains(&pause.scope))
    }

    /// The pause that keeps the pair of `alert`, of this customer, from being changed at `now`.
    #[must_use]
    pub fn of_pair(
        &self,
        alert: AlertId,
        environment: Option<EnvironmentId>,
        now: Timestamp,
    ) -> Option<&Pause> {
        self.in_force(now).find(|pause| match pause.scope {
            PauseScope::All | PauseScope::Vendor(Vendor::HaloPsa) => true,
            PauseScope::Vendor(Vendor::Liongard) => false,
            PauseScope::Customer(paused) => environment == Some(paused),
            PauseScope::Alert(paused) => alert == paused,
        })
    }

    /// Adds `pause`, which replaces an earlier one of the same scope and beginning, and drops those that are over at
    /// `now`; `false` when there are too many. A window to come ends no pause that holds already.
    pub fn add(&mut self, pause: Pause, now: Timestamp) -> bool {
        self.pauses.retain(|known| {
            (known.scope, known.from) != (pause.scope, pause.from) && !known.is_over(now)
        });
        let has_room = self.pauses.len() < PAUSES_MAX;
        if has_room {
            self.pauses.push(pause);
        }
        has_room
    }

    /// Ends the pause of `scope` that holds at `now`, and leaves the windows to come; where none holds, ends these.
    /// Whether there was one.
    pub fn end(&mut self, scope: PauseScope, now: Timestamp) -> bool {
        let of_scope = |pause: &Pause| pause.scope == scope && !pause.is_over(now);
        let had = self.pauses.iter().any(of_scope);
        let any_holds = self.in_force(now).any(|pause| pause.scope == scope);
        self.pauses.retain(|pause| {
            let ends = of_scope(pause) && (!any_holds || pause.holds(now));
            !ends && !pause.is_over(now)
        });
        had
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_millis(seconds * 1000)
    }

    fn pause(scope: PauseScope, until: Option<i64>) -> Pause {
        Pause {
            scope,
            since: at(0),
            from: None,
            until: until.map(at),
            reason: None,
        }
    }

    #[test]
    fn each_scope_holds_what_it_names_until_its_end() {
        let (alert, other) = (AlertId::new(1), AlertId::new(2));
        let (customer, stranger) = (EnvironmentId::new(8801), EnvironmentId::new(8802));
        let holds = |scope, alert, environment, seconds| {
            let pauses = Pauses {
                pauses: vec![pause(scope, Some(10))],
            };
            pauses
                .of_pair(alert, Some(environment), at(seconds))
                .is_some()
        };
        for (scope, expected) in [
            (PauseScope::All, [true, true, true]),
            (PauseScope::Vendor(Vendor::HaloPsa), [true, true, true]),
            (PauseScope::Vendor(Vendor::Liongard), [false, false, false]),
            (PauseScope::Customer(customer), [true, true, false]),
            (PauseScope::Alert(alert), [true, false, false]),
        ] {
            let found = [
                holds(scope, alert, customer, 9),
                holds(scope, other, customer, 9),
                holds(scope, other, stranger, 9),
            ];
            assert_eq!(found, expected, "{scope:?}");
            assert!(!holds(scope, alert, customer, 10), "{scope:?} is over");
        }
    }

    #[test]
    fn a_later_pause_replaces_that_of_the_same_scope_and_one_that_is_ended_is_gone() {
        let mut pauses = Pauses::default();
        assert!(pauses.add(pause(PauseScope::All, Some(10)), at(0)));
        assert!(pauses.add(pause(PauseScope::All, None), at(1)));
        assert_eq!(pauses.pauses.len(), 1);
        assert!(pauses.of_vendor(Vendor::Liongard, at(1000)).is_some());
        assert!(pauses.end(PauseScope::All, at(1000)));
        assert!(!pauses.end(PauseScope::All, at(1000)));
        assert_eq!(pauses, Pauses::default());
    }

    #[test]
    fn a_window_holds_from_its_beginning_to_its_end_and_ends_no_pause_that_holds() {
        let mut pauses = Pauses::default();
        let window = Pause {
            from: Some(at(10)),
            ..pause(PauseScope::All, Some(20))
        };
        assert!(pauses.add(pause(PauseScope::All, Some(5)), at(0)));
        assert!(pauses.add(window, at(0)));
        let holds = |seconds| {
            let pause = pauses.of_vendor(Vendor::HaloPsa, at(seconds));
            pause.is_some()
        };
        let held: Vec<i64> = (0..25).filter(|seconds| holds(*seconds)).collect();
        let expected: Vec<i64> = (0..5).chain(10..20).collect();
        assert_eq!(held, expected);
        assert_eq!(pauses.not_over(at(7)).count(), 1);
        assert_eq!(pauses.in_force(at(7)).count(), 0);
        // An end before it has begun cancels it.
        assert!(pauses.end(PauseScope::All, at(7)));
        assert_eq!(pauses, Pauses::default());
    }

    #[test]
    fn the_end_of_a_pause_that_holds_leaves_the_windows_to_come() {
        let window = |from, until| Pause {
            from: Some(at(from)),
            ..pause(PauseScope::All, Some(until))
        };
        for (holding, other_holds) in [
            (pause(PauseScope::All, None), false),
            (window(2, 8), false),
            (pause(PauseScope::Vendor(Vendor::HaloPsa), None), true),
        ] {
            let mut pauses = Pauses::default();
            assert!(pauses.add(holding, at(0)));
            assert!(pauses.add(window(10, 20), at(0)));
            assert!(pauses.end(PauseScope::All, at(5)));
            assert_eq!(pauses.in_force(at(5)).count(), usize::from(other_holds));
            let window_is_left = !other_holds;
            let is_paused_later = pauses.of_vendor(Vendor::Liongard, at(15)).is_some();
            assert_eq!(is_paused_later, window_is_left);
        }
    }
}

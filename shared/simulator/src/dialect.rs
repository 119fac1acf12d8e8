//! Dialects: how a tenant behaves where the vendors' documents and the reports of other clients leave
//! more than one reading open.
//!
//! Each uncertain fact has a reading that the simulators follow by default, the reference, and at least one
//! [`Switch`] to another reading. A [`DialectSet`] names the switches of one plausible tenant. A [`Dialect`]
//! is any choice of both, and changes the settings of the simulated vendors before they start.

mod halopsa;
mod liongard;
mod sets;
mod webhooks;

use std::fmt;
use std::str::FromStr;

use crate::halopsa::SimHaloSettings;
use crate::liongard::SimLiongardSettings;

pub use sets::{DialectSet, sets};

/// What a switch changes.
#[derive(Clone, Copy, Debug)]
pub enum Change {
    /// The simulated HaloPSA.
    Halo(fn(&mut SimHaloSettings)),
    /// The simulated Liongard.
    Liongard(fn(&mut SimLiongardSettings)),
}

/// Another reading of one uncertain fact.
#[derive(Clone, Copy, Debug)]
pub struct Switch {
    /// Its name on the command line.
    pub name: &'static str,
    /// The uncertain fact. Of two switches for the same fact, the last one counts.
    pub fact: &'static str,
    /// What the simulators do with the switch.
    pub description: &'static str,
    /// Where this reading is found, or why it is possible.
    pub source: &'static str,
    /// What it changes.
    pub change: Change,
}

/// Every switch, in the order of the facts.
#[must_use]
pub fn switches() -> Vec<&'static Switch> {
    let tables = [halopsa::SWITCHES, webhooks::SWITCHES, liongard::SWITCHES];
    tables.into_iter().flatten().collect()
}

/// Switches that count together.
#[derive(Clone, Debug)]
pub struct Dialect {
    name: String,
    switches: Vec<&'static Switch>,
}

impl Dialect {
    /// The dialect without a switch.
    #[must_use]
    pub fn reference() -> Self {
        Self {
            name: "reference".to_owned(),
            switches: Vec::new(),
        }
    }

    /// The names it was chosen by.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its switches, in the order in which they apply.
    #[must_use]
    pub fn switches(&self) -> &[&'static Switch] {
        &self.switches
    }

    /// Whether the switch with this name counts.
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        self.switches.iter().any(|switch| switch.name == name)
    }

    /// The dialect with the reference's reading of these facts, each named by any of its switches.
    #[must_use]
    pub fn without(&self, names: &[&str]) -> Self {
        let all = switches();
        let fixed = |fact: &str| {
            let named = |switch: &&&Switch| names.contains(&switch.name);
            all.iter().filter(named).any(|switch| switch.fact == fact)
        };
        let kept = self.switches.iter().filter(|switch| !fixed(switch.fact));
        Self {
            name: self.name.clone(),
            switches: kept.copied().collect(),
        }
    }

    /// Changes what a simulated HaloPSA starts with.
    pub fn apply_to_halo(&self, settings: &mut SimHaloSettings) {
        for switch in &self.switches {
            if let Change::Halo(change) = switch.change {
                change(settings);
            }
        }
    }

    /// Changes what a simulated Liongard starts with.
    pub fn apply_to_liongard(&self, settings: &mut SimLiongardSettings) {
        for switch in &self.switches {
            if let Change::Liongard(change) = switch.change {
                change(settings);
            }
        }
    }

    /// Adds a switch, which replaces an earlier one for the same fact.
    fn add(&mut self, switch: &'static Switch) {
        self.switches.retain(|earlier| earlier.fact != switch.fact);
        self.switches.push(switch);
    }
}

impl Default for Dialect {
    fn default() -> Self {
        Self::reference()
    }
}

impl fmt::Display for Dialect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

/// No set and no switch has this name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there is no dialect {name:?}; near it: {}", near.join(", "))]
pub struct UnknownDialect {
    /// The name.
    pub name: String,
    /// The names most like it.
    pub near: Vec<&'static str>,
}

impl FromStr for Dialect {
    type Err = UnknownDialect;

    /// Reads names of sets and switches, separated by commas; `-name` leaves the fact of a switch at the
    /// reference again.
    fn from_str(text: &str) -> Result<Self, UnknownDialect> {
        let mut dialect = Self::reference();
        let names: Vec<&str> = text.split(',').map(str::trim).collect();
        for name in &names {
            let (name, is_left_out) = match name.strip_prefix('-') {
                Some(rest) => (rest, true),
                None => (*name, false),
            };
            let set = sets().iter().find(|set| set.name == name && !is_left_out);
            let switch = switches().into_iter().find(|switch| switch.name == name);
            match (set, switch) {
                (Some(set), _) => set.switches().for_each(|switch| dialect.add(switch)),
                (None, Some(switch)) if is_left_out => dialect = dialect.without(&[switch.name]),
                (None, Some(switch)) => dialect.add(switch),
                (None, None) => {
                    return Err(UnknownDialect {
                        name: name.to_owned(),
                        near: near(name),
                    });
                }
            }
        }
        dialect.name = names.join(",");
        Ok(dialect)
    }
}

/// The five names most like `name`.
fn near(name: &str) -> Vec<&'static str> {
    let sets = sets().iter().map(|set| set.name);
    let mut names: Vec<&str> = sets
        .chain(switches().iter().map(|switch| switch.name))
        .collect();
    names.sort_by_key(|known| {
        let part = !name.is_empty() && (known.contains(name) || name.contains(*known));
        (!part, distance(name, known))
    });
    names.truncate(5);
    names
}

/// How many letters must be added, removed or replaced to get from one text to the other.
fn distance(from: &str, to: &str) -> usize {
    let mut row: Vec<usize> = (0..=to.chars().count()).collect();
    for (i, a) in from.chars().enumerate() {
        let mut diagonal = i;
        let mut left = i + 1;
        if let Some(first) = row.first_mut() {
            *first = left;
        }
        for (cell, b) in row.iter_mut().skip(1).zip(to.chars()) {
            let replaced = diagonal + usize::from(a != b);
            diagonal = *cell;
            *cell = replaced.min(*cell + 1).min(left + 1);
            left = *cell;
        }
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_switch_for_a_fact_counts() {
        let dialect: Dialect = "strict, limit-700-in-5-min".parse().unwrap();
        assert!(dialect.has("limit-700-in-5-min"));
        assert!(!dialect.has("limit-60-in-1-min"));
        assert!(dialect.has("strict-update"));
    }

    #[test]
    fn a_minus_leaves_a_fact_at_the_reference() {
        let dialect: Dialect = "strict,-limit-60-in-1-min".parse().unwrap();
        assert!(!dialect.has("limit-60-in-1-min"));
        assert!(dialect.has("strict-update"));
    }

    #[test]
    fn a_fact_is_left_at_the_reference_by_any_of_its_switches() {
        let dialect: Dialect = "limit-60-in-1-min,like-search".parse().unwrap();
        let dialect = dialect.without(&["limit-700-in-5-min"]);
        assert!(!dialect.has("limit-60-in-1-min"));
        assert!(dialect.has("like-search"));
    }

    #[test]
    fn an_unknown_name_is_answered_with_those_near_it() {
        let near_names = |name: &str| name.parse::<Dialect>().unwrap_err().near;
        assert_eq!(near_names("wurst")[0], "worst");
        assert_eq!(near_names("strict,likesearch")[0], "like-search");
        let limits = near_names("limit");
        assert!(limits.iter().take(4).all(|name| name.contains("limit")));
        assert_eq!(distance("kitten", "sitting"), 3);
    }

    #[test]
    fn every_switch_changes_something() {
        for switch in switches() {
            let dialect: Dialect = switch.name.parse().unwrap();
            let (mut halo, mut liongard) = Default::default();
            dialect.apply_to_halo(&mut halo);
            dialect.apply_to_liongard(&mut liongard);
            let halo_changed = halo != SimHaloSettings::default();
            let liongard_changed = liongard != SimLiongardSettings::default();
            let changes = match switch.change {
                Change::Halo(_) => halo_changed && !liongard_changed,
                Change::Liongard(_) => liongard_changed && !halo_changed,
            };
            assert!(changes, "{}", switch.name);
        }
    }

    #[test]
    fn no_name_is_given_twice() {
        let mut names: Vec<&str> = switches().iter().map(|switch| switch.name).collect();
        names.extend(sets().iter().map(|set| set.name));
        let count = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), count);
    }
}

//! Whether the process does its work, known without asking the store.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// Added to the time that a part may take: a slow vendor, a busy machine.
const SLACK: Duration = Duration::from_secs(120);

/// How many intervals a part may be without success.
const INTERVALS_MAX: u32 = 3;

/// What is known about the parts of the process.
#[derive(Default)]
pub struct Health {
    state: Mutex<HealthState>,
}

#[derive(Default)]
struct HealthState {
    /// What the start waits for.
    waits_for: Option<String>,
    /// Whether the loops run.
    is_started: bool,
    parts: BTreeMap<&'static str, Part>,
}

/// A part that has to succeed again and again.
struct Part {
    last: Instant,
    age_max: Duration,
}

impl Health {
    /// `part` is to succeed about every `interval` from now on.
    pub fn expect(&self, part: &'static str, interval: Duration) {
        let part_state = Part {
            last: Instant::now(),
            age_max: interval * INTERVALS_MAX + SLACK,
        };
        self.state().parts.insert(part, part_state);
    }

    /// `part` has succeeded.
    pub fn succeeded(&self, part: &'static str) {
        if let Some(part) = self.state().parts.get_mut(part) {
            part.last = Instant::now();
        }
    }

    /// The start cannot go on until `reason` is over.
    pub fn starting(&self, reason: &str) {
        self.state().waits_for = Some(reason.to_owned());
    }

    /// The loops run.
    pub fn started(&self) {
        let mut state = self.state();
        state.waits_for = None;
        state.is_started = true;
    }

    /// Whether the loops run.
    pub fn is_started(&self) -> bool {
        self.state().is_started
    }

    /// What is wrong, one line each; empty if nothing is.
    pub fn problems(&self) -> String {
        self.problems_at(Instant::now())
    }

    fn problems_at(&self, now: Instant) -> String {
        let state = self.state();
        let mut problems = String::new();
        if let Some(reason) = &state.waits_for {
            // Writing to a String cannot fail.
            writeln!(problems, "starting: {reason}").unwrap_or_default();
        }
        for (name, part) in &state.parts {
            let age = now.saturating_duration_since(part.last);
            if age > part.age_max {
                let (age, age_max) = (age.as_secs(), part.age_max.as_secs());
                writeln!(
                    problems,
                    "{name}: no success for {age} s, more than {age_max} s"
                )
                .unwrap_or_default();
            }
        }
        problems
    }

    /// Locks the state; a panic elsewhere leaves it usable.
    fn state(&self) -> MutexGuard<'_, HealthState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_without_success_is_named_with_its_age_until_it_succeeds() {
        let health = Health::default();
        health.expect("poll", Duration::from_secs(60));
        health.expect("sweep", Duration::from_secs(300));
        health.started();
        // A second more than the parts have waited by then.
        let after = |seconds| health.problems_at(Instant::now() + Duration::from_secs(seconds));
        assert_eq!(after(299), "");
        assert_eq!(after(301), "poll: no success for 301 s, more than 300 s\n");
        health.succeeded("poll");
        assert_eq!(after(299), "");
        let both = after(1100);
        assert_eq!(both.lines().count(), 2, "{both}");
        assert!(both.contains("sweep: no success for"), "{both}");
    }

    #[test]
    fn a_start_that_waits_says_for_what() {
        let health = Health::default();
        health.starting("Liongard cannot be reached");
        assert_eq!(health.problems(), "starting: Liongard cannot be reached\n");
        assert!(!health.is_started());
        health.started();
        assert_eq!(health.problems(), "");
        assert!(health.is_started());
    }
}

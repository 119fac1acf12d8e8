//! Whether the process does its work, known without asking the store.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use halogard_app::ports::ErrorCode;
use tokio::time::Instant;

/// Added to the time that a part may take: a slow vendor, a busy machine.
const SLACK: Duration = Duration::from_secs(120);

/// How long a vendor may refuse a credential: longer than a rotation takes.
const CREDENTIAL_REFUSED_MAX: Duration = Duration::from_secs(120);

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
    failure: Option<Failure>,
}

/// The failures of a part since its last success.
struct Failure {
    /// When the first of them was seen.
    since: Instant,
    /// The newest one.
    code: ErrorCode,
}

impl Health {
    /// `part` is to succeed about every `interval` from now on.
    pub fn expect(&self, part: &'static str, interval: Duration) {
        self.expect_within(part, interval * INTERVALS_MAX + SLACK);
    }

    /// `part` is to succeed from now on, never more than `age_max` after the last time.
    pub fn expect_within(&self, part: &'static str, age_max: Duration) {
        let part_state = Part {
            last: Instant::now(),
            age_max,
            failure: None,
        };
        self.state().parts.insert(part, part_state);
    }

    /// `part` is to succeed about every `interval` from its last success on.
    pub fn allow(&self, part: &'static str, interval: Duration) {
        if let Some(part) = self.state().parts.get_mut(part) {
            part.age_max = interval * INTERVALS_MAX + SLACK;
        }
    }

    /// `part` has succeeded.
    pub fn succeeded(&self, part: &'static str) {
        if let Some(part) = self.state().parts.get_mut(part) {
            part.last = Instant::now();
            part.failure = None;
        }
    }

    /// `part` has failed with `code`.
    pub fn failed(&self, part: &'static str, code: ErrorCode) {
        if let Some(part) = self.state().parts.get_mut(part) {
            let before = part.failure.take();
            let since = before.map_or_else(Instant::now, |failure| failure.since);
            part.failure = Some(Failure { since, code });
        }
    }

    /// The start cannot continue until `reason` is over.
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
            if let Some(problem) = part.problem_at(now) {
                writeln!(problems, "{name}: {problem}").unwrap_or_default();
            }
        }
        problems
    }

    /// Locks the state; a panic elsewhere leaves it usable.
    fn state(&self) -> MutexGuard<'_, HealthState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Part {
    /// What is wrong with the part; `None` if nothing is.
    fn problem_at(&self, now: Instant) -> Option<String> {
        if let Some(Failure { since, code }) = &self.failure
            && code.is_credential_refused()
        {
            let refused = now.saturating_duration_since(*since);
            if refused > CREDENTIAL_REFUSED_MAX {
                return Some(format!(
                    "the credential has been refused for {} s ({code})",
                    refused.as_secs()
                ));
            }
        }
        let age = now.saturating_duration_since(self.last);
        if age <= self.age_max {
            return None;
        }
        let code = self.failure.as_ref().map(|failure| failure.code);
        let code = code.map(|code| format!("; the last failure was {code}"));
        Some(format!(
            "no success for {} s, more than {} s{}",
            age.as_secs(),
            self.age_max.as_secs(),
            code.unwrap_or_default()
        ))
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
    fn a_failure_is_named_and_a_refused_credential_does_not_wait_for_the_interval() {
        let health = Health::default();
        health.expect("poll", Duration::from_secs(3600));
        health.expect_within("store", Duration::from_secs(15));
        let after = |seconds| health.problems_at(Instant::now() + Duration::from_secs(seconds));
        health.failed("store", ErrorCode::StoreFailed);
        assert_eq!(after(14), "");
        assert_eq!(
            after(16),
            "store: no success for 16 s, more than 15 s; the last failure was store.failed\n"
        );
        health.succeeded("store");
        assert_eq!(after(14), "");
        for code in [
            ErrorCode::HalopsaCredential,
            ErrorCode::HalopsaTenant,
            ErrorCode::HalopsaScope,
            ErrorCode::LiongardCredential,
        ] {
            health.succeeded("poll");
            health.failed("poll", code);
            let wrong = |seconds| after(seconds).contains("poll: the credential has been refused");
            assert!(!wrong(119), "{code}");
            assert!(wrong(122), "{code}");
            // Another failure in between says nothing about the credential.
            health.failed("poll", ErrorCode::LiongardFailed);
            assert!(!wrong(122), "{code}");
        }
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

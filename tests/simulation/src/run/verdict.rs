//! How a run ends: waiting until both sides agree, and judging.

use std::time::Duration;

use futures_util::FutureExt as _;
use halogard_app::ports::{Clock as _, Lane, Links as _, WorkQueue as _};
use halogard_domain::Link;
use halogard_domain::ids::AlertId;
use halogard_domain::policy::Mode;
use halogard_tests::ScenarioClock;

use super::{Run, millis};
use crate::coverage::Coverage;
use crate::faults;
use crate::oracle::{EndState, Violation};
use crate::story::Shape;

/// How often both sides are compared after the story's end.
const COMPARED_EVERY_MS: i64 = 120_000;

/// Two sweeps, the longest pause after failures in a row, and an inspector's run.
const CONVERGES_WITHIN_MS: i64 = (2 * 300 + 900 + 300) * 1_000;

/// After this time a difference counts as lasting.
const GIVE_UP_MS: i64 = 30 * 3_600_000;

/// For so long nothing may be written once both sides agree: a poll of everything comes in between.
const QUIET_MS: i64 = 3_900_000;

/// Once both sides agree, what is under way ends within this time: a note comes after the pause that follows
/// failures, as a change of a status does.
const SETTLES_WITHIN: Duration = Duration::from_millis(CONVERGES_WITHIN_MS.unsigned_abs());

/// How a run ended.
#[derive(Debug)]
pub struct Outcome {
    /// The seed.
    pub seed: u64,
    /// What must never happen, and did.
    pub violations: Vec<Violation>,
    /// How long both sides took to agree after everything was over.
    pub converged_after: Option<Duration>,
    /// What happened.
    pub coverage: Coverage,
    /// The hash of everything that happened.
    pub hash: u64,
    /// Alerts raised.
    pub alerts: usize,
    /// Tickets that the bundle or Liongard's ticketing opened.
    pub tickets: usize,
    /// Requests to HaloPSA.
    pub requests: u64,
    /// Most requests in a window.
    pub window_max: usize,
    /// Visits to places where a process may stop.
    pub visits: u64,
    /// Those of them before everything was over.
    pub story_visits: u64,
    /// Virtual time.
    pub simulated: Duration,
    /// The tenant and the bundle, in a few words.
    pub shape: String,
}

impl Run {
    /// What the bundle knows of an alert.
    fn link(&self, alert: i64) -> Option<Link> {
        let id = AlertId::new(alert.unsigned_abs());
        let loaded = self.store().load(id).now_or_never();
        let loaded = loaded.expect("the embedded store answers at once");
        loaded.expect("the store is in order").map(|it| it.value)
    }

    /// Both sides as they stand.
    fn end_state(&self) -> EndState {
        let policy = self.story.setup.policy();
        let core = self.sim.core();
        core.oracle.end_state(
            &self.sim.halo,
            &self.sim.liongard,
            |alert| self.link(alert),
            &policy,
            self.machine.now(),
        )
    }

    /// Runs the story to its end, waits until both sides agree, and judges.
    #[must_use]
    pub fn finish(mut self) -> Outcome {
        let begin = ScenarioClock::BEGIN.as_millis();
        self.run_until(begin + millis(self.story.span));
        self.troubles.clear();
        self.enter_secret();
        faults::apply(&self.sim, &[]);
        self.machine.set_ahead(0);
        let over = self.now();
        self.story_visits = self.sim.core().visits;
        let converged_at = self.wait_for_agreement(over);
        let end = self.end_state();
        if converged_at.is_some() {
            self.expect_quiet();
        } else if self.sim.core().oracle.violations.is_empty() {
            for (kind, text) in &end.problems {
                self.sim.core().oracle.violate(over, kind, text.clone());
            }
        }
        for (reason, times) in &end.reasons {
            self.sim.core().coverage.add(reason, *times);
        }
        let after = converged_at.map(|at| Duration::from_millis((at - over).unsigned_abs()));
        self.judge_the_whole();
        self.outcome(after)
    }

    /// When both sides agreed.
    fn wait_for_agreement(&mut self, over: i64) -> Option<i64> {
        let mut pause = COMPARED_EVERY_MS;
        let mut late = false;
        loop {
            let end = self.end_state();
            if end.problems.is_empty() {
                return Some(self.now());
            }
            let waited = self.now() - over;
            if waited >= GIVE_UP_MS || !self.sim.core().oracle.violations.is_empty() {
                return None;
            }
            if waited >= self.allowed_ms() && !late {
                late = true;
                let (kind, text) = &end.problems[0];
                let text = format!(
                    "{} pairs after {} s, the first: {kind}: {text}",
                    end.problems.len(),
                    waited / 1000
                );
                self.sim.note("judge", "late", &text);
                self.sim.core().coverage.reached("end: agreed late");
            }
            if waited >= CONVERGES_WITHIN_MS {
                pause = 600_000;
            }
            self.run_until(self.now() + pause);
        }
    }

    /// How long both sides may take to agree: longer, where there are more alerts than requests.
    fn allowed_ms(&self) -> i64 {
        let limit = i64::from(self.story.setup.limit.requests_max).max(1);
        let window = millis(self.story.setup.limit.window);
        let requests = i64::try_from(self.raised.len()).unwrap_or(i64::MAX) * 6;
        CONVERGES_WITHIN_MS + requests.saturating_mul(window) / limit
    }

    /// Our own writes are not news: once both sides agree, nothing more is written.
    fn expect_quiet(&mut self) {
        // Groups of alerts report their numbers at intervals.
        if !self.story.is_followed_by_silence {
            return;
        }
        self.run_until(self.now() + millis(SETTLES_WITHIN));
        let before = self.writes();
        self.run_until(self.now() + QUIET_MS);
        let after = self.writes();
        if after != before {
            let text = format!("{} writes in an hour of silence", after - before);
            let now = self.now();
            self.sim.core().oracle.violate(now, "an echo", text);
        }
    }

    /// What the bundle wrote at HaloPSA.
    fn writes(&self) -> u64 {
        let writes = self.sim.halo.stats().writes;
        writes
            .get(halogard_tests::setup::APPLICATION)
            .map_or(0, |kinds| kinds.values().sum())
    }

    /// What is judged once, at the end.
    fn judge_the_whole(&self) {
        let now = self.now();
        let stats = self.sim.halo.stats();
        let limit = usize::try_from(self.story.setup.limit.requests_max).unwrap_or(usize::MAX);
        if stats.traffic.window_max > limit {
            let text = format!(
                "{} requests in a window, {limit} allowed",
                stats.traffic.window_max
            );
            self.sim
                .core()
                .oracle
                .violate(now, "a window over the limit", text);
        }
        let letters = self.store().dead_letters(10_000).now_or_never();
        let letters = letters.expect("the embedded store answers at once");
        let letters = letters.expect("the store is in order");
        let mut core = self.sim.core();
        core.coverage.add(
            "end: dead letters",
            u64::try_from(letters.len()).unwrap_or(0),
        );
        for letter in letters.iter().filter(|letter| letter.reason.is_empty()) {
            let text = letter.body.clone();
            core.oracle
                .violate(now, "a dead letter without a reason", text);
        }
        for lane in Lane::ALL {
            let depth = self.store().depth(lane).now_or_never();
            let depth = depth.expect("the embedded store answers at once");
            let depth = depth.expect("the store is in order");
            core.coverage.add(
                match lane {
                    Lane::Urgent => "end: urgent messages waiting",
                    Lane::Bulk => "end: bulk messages waiting",
                    Lane::Runs => "end: run messages waiting",
                },
                depth,
            );
        }
    }

    fn outcome(self, converged_after: Option<Duration>) -> Outcome {
        let stats = self.sim.halo.stats();
        let begin = ScenarioClock::BEGIN.as_millis();
        let simulated = Duration::from_millis((self.now() - begin).unsigned_abs());
        let mut core = self.sim.core();
        let faults = [self.sim.halo.faults(), self.sim.liongard.faults()];
        for (kind, times) in faults.into_iter().flat_map(|it| it.injected_by_kind()) {
            core.coverage.add(&format!("answer: {kind}"), times);
        }
        let shape = match self.story.shape {
            Shape::Program => "program".to_owned(),
            Shape::Functions(count) => format!("functions×{count}"),
        };
        let mode = match self.story.setup.mode {
            Mode::Managed => "managed",
            Mode::Native => "native",
            Mode::Observe => "observe",
        };
        Outcome {
            seed: self.story.seed,
            violations: core.oracle.violations.clone(),
            converged_after,
            coverage: core.coverage.clone(),
            hash: core.hash(),
            alerts: self.raised.len(),
            tickets: stats.tickets,
            requests: stats.traffic.requests,
            window_max: stats.traffic.window_max,
            visits: core.visits,
            story_visits: self.story_visits,
            simulated,
            shape: format!("{shape} {mode} {}", self.story.setup.dialect),
        }
    }
}

//! What all processes of a run share: time, chance, faults, the vendors, the judge and the hash of
//! everything that happens.

use std::future::pending;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use halogard_simulator::{HaloPsa, Liongard};
use halogard_tests::{Component, CrashTiming};
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};

use crate::coverage::Coverage;
use crate::faults::Rates;
use crate::oracle::Oracle;
use crate::scheduler::Scheduler;

/// A run's shared state. Clones share it.
#[derive(Clone)]
pub struct Sim {
    /// Time and tasks.
    pub scheduler: Scheduler,
    /// The simulated HaloPSA.
    pub halo: HaloPsa,
    /// The simulated Liongard.
    pub liongard: Liongard,
    core: Arc<Mutex<Core>>,
}

/// What changes in a run.
pub struct Core {
    /// All chance but the scheduler's and the vendors'.
    pub rng: StdRng,
    /// What may go wrong now.
    pub rates: Rates,
    /// What happened.
    pub coverage: Coverage,
    /// Who judges.
    pub oracle: Oracle,
    /// Where the process is to stop: the number of a visit, counted from the beginning.
    pub armed: Vec<u64>,
    /// Visits so far: each side of each request and of each write to the store.
    pub visits: u64,
    /// Processes that have stopped and are not yet started again.
    pub crashed: Vec<usize>,
    hash: DefaultHasher,
    /// Whether each thing that happens is printed.
    trace: bool,
}

impl Sim {
    /// The state of a run that follows from `seed`.
    #[must_use]
    pub fn new(
        scheduler: Scheduler,
        halo: HaloPsa,
        liongard: Liongard,
        oracle: Oracle,
        seed: u64,
        trace: bool,
    ) -> Self {
        let core = Core {
            rng: StdRng::seed_from_u64(seed ^ 0xc0de),
            rates: Rates::default(),
            coverage: Coverage::default(),
            oracle,
            armed: Vec::new(),
            visits: 0,
            crashed: Vec::new(),
            hash: DefaultHasher::new(),
            trace,
        };
        Self {
            scheduler,
            halo,
            liongard,
            core: Arc::new(Mutex::new(core)),
        }
    }

    /// The state, for a moment.
    pub fn core(&self) -> MutexGuard<'_, Core> {
        self.core.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes note of something that happens: it enters the hash and, where asked for, is printed.
    pub fn note(&self, who: &str, what: &str, detail: &str) {
        let now = self.scheduler.now();
        self.core().note(now, who, what, detail);
    }
}

impl Core {
    /// Takes note of something that happens at `now`.
    pub fn note(&mut self, now: i64, who: &str, what: &str, detail: &str) {
        (now, who, what, detail).hash(&mut self.hash);
        if self.trace {
            print_line(&format!("{} {who:<8} {what} {detail}", clock_text(now)));
        }
    }

    /// The hash of everything that happened so far.
    #[must_use]
    pub fn hash(&self) -> u64 {
        self.hash.clone().finish()
    }

    /// True with the given probability.
    pub fn chance(&mut self, probability: f64) -> bool {
        probability > 0.0 && self.rng.random_bool(probability.min(1.0))
    }

    /// A duration below `span`.
    pub fn below(&mut self, span: Duration) -> Duration {
        let most = u64::try_from(span.as_millis()).unwrap_or(u64::MAX);
        Duration::from_millis(self.rng.random_range(0..=most))
    }
}

/// A point in time as a trace shows it: days, hours, minutes, seconds since the beginning.
#[must_use]
pub fn clock_text(now: i64) -> String {
    let since = now - halogard_tests::ScenarioClock::BEGIN.as_millis();
    let (seconds, millis) = (since.div_euclid(1000), since.rem_euclid(1000));
    let (minutes, seconds) = (seconds.div_euclid(60), seconds.rem_euclid(60));
    let (hours, minutes) = (minutes.div_euclid(60), minutes.rem_euclid(60));
    let (days, hours) = (hours.div_euclid(24), hours.rem_euclid(24));
    format!("{days}d {hours:02}:{minutes:02}:{seconds:02}.{millis:03}")
}

/// Prints a line of the program's output.
#[expect(clippy::print_stdout, reason = "it is what the program is for")]
pub fn print_line(line: &str) {
    println!("{line}");
}

/// A process of the bundle, as the parts under it see it.
#[derive(Clone)]
pub struct Site {
    /// The run.
    pub sim: Sim,
    /// The process.
    pub group: usize,
    /// Its name in traces.
    pub name: &'static str,
    /// What a crash of it counts as.
    pub crash_name: &'static str,
}

impl Site {
    /// One side of a call: others may go on first, and the process may stop here for good.
    pub async fn visit(&self, place: Component, timing: CrashTiming) {
        let (pause, stops) = {
            let mut core = self.sim.core();
            core.visits += 1;
            let number = core.visits;
            let armed = core.armed.iter().position(|at| *at == number);
            let rate = core.rates.crash;
            let stops = armed.is_some() || core.chance(rate);
            if let Some(index) = armed {
                core.armed.swap_remove(index);
            }
            if stops {
                core.coverage.reached(self.crash_name);
                core.coverage.reached(match (place, timing) {
                    (Component::Store, _) => "crash: around a store access",
                    (_, CrashTiming::Before) => "crash: before a request",
                    (_, CrashTiming::After) => "crash: after a request",
                });
                core.crashed.push(self.group);
                let now = self.sim.scheduler.now();
                core.note(
                    now,
                    self.name,
                    "stops",
                    &format!("{place:?} {timing:?} visit {number}"),
                );
            }
            // A store answers within milliseconds.
            let pause = core.rng.random_range(0..3);
            (Duration::from_millis(pause), stops)
        };
        if stops {
            pending::<()>().await;
        }
        if place == Component::Store {
            self.sim.scheduler.pause(pause).await;
        }
    }
}

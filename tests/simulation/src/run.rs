//! One run of a story: the processes and what happens when. What the events do is in [`events`], the store in
//! [`storage`], the end in [`verdict`].

mod events;
mod storage;
mod verdict;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use halogard_simulator::halopsa::DeliveryResult;
use halogard_simulator::{HaloPsa, Liongard, ManualClock, SimClock};
use halogard_sqlite::Store;
use halogard_tests::ScenarioClock;
use halogard_tests::clock::OffsetClock;
use halogard_tests::scenario::register_webhook;
use halogard_tests::setup::HALOPSA_SECRET;
use halogard_tests::vault::InMemoryVault;
use tempfile::TempDir;

use crate::clock::MachineClock;
use crate::faults::Trouble;
use crate::oracle::Oracle;
use crate::process::{self, Configurable, Intake, Parts, Role};
use crate::scheduler::{Executor, Progress, Scheduler};
use crate::sim::{Sim, Site};
use crate::store::WorkSignal;
use crate::story::{Event, Shape, Story};

pub use verdict::Outcome;

/// How long a process takes to start again.
const RESTART_MS: i64 = 3_000;

/// Steps without any time passing that count as going round in circles.
const STEPS_AT_ONCE_MAX: u32 = 2_000_000;

/// A process and how it stands.
struct Member {
    role: Role,
    clock: MachineClock,
    process: Option<Arc<dyn Configurable>>,
    intake: Option<Arc<dyn Intake>>,
    is_up: bool,
}

/// A run under way.
pub struct Run {
    story: Story,
    sim: Sim,
    executor: Executor,
    halo_clock: OffsetClock,
    clock: ManualClock,
    folder: TempDir,
    backup: Option<(TempDir, i64)>,
    store: Option<Store<MachineClock>>,
    signal: WorkSignal,
    machine: MachineClock,
    members: Vec<Member>,
    /// What is to come, beside the tasks.
    agenda: BTreeMap<(i64, u64), Next>,
    next_entry: u64,
    /// Liongard's ids of the story's alerts.
    raised: BTreeMap<usize, i64>,
    troubles: Vec<Trouble>,
    changes: u32,
    /// Where the bundle reads its client secret.
    vault: InMemoryVault,
    /// Client secrets that followed the first one.
    secrets: u32,
    /// A new store gets another secret for its keys.
    stores_lost: u8,
    story_visits: u64,
}

/// Something on the agenda.
#[derive(Clone, Copy, Debug)]
enum Next {
    Event(Event),
    Restart(usize),
}

impl Run {
    /// A run of `story` at its beginning. The process stops at the visits in `armed`.
    #[must_use]
    pub fn new(story: Story, armed: Vec<u64>, trace: bool) -> Self {
        let clock = ManualClock::at_millis(ScenarioClock::BEGIN.as_millis());
        let scheduler = Scheduler::new(clock.clone(), story.seed);
        let setup = &story.setup;
        let halo_clock = OffsetClock::new(clock.clone(), setup.halo_ahead_ms);
        let halo_time: Arc<dyn SimClock> = Arc::new(halo_clock.clone());
        let halo = HaloPsa::new(setup.halo.clone(), halo_time, story.seed);
        let liongard_time: Arc<dyn SimClock> = Arc::new(clock.clone());
        let liongard = Liongard::new(setup.liongard.clone(), liongard_time, story.seed);
        liongard.connect(halo.clone());
        register_webhook(&halo, setup);
        let oracle = Oracle::new(setup, story.intervenes);
        let sim = Sim::new(scheduler.clone(), halo, liongard, oracle, story.seed, trace);
        sim.core().armed = armed;
        let vault = InMemoryVault::default();
        vault.hold(HALOPSA_SECRET, "v0", &events::client_fields(0), true);
        let mut run = Self {
            executor: Executor::new(scheduler.clone()),
            machine: MachineClock::new(scheduler, 0),
            sim,
            halo_clock,
            clock,
            folder: storage::folder(),
            backup: None,
            store: None,
            signal: WorkSignal::default(),
            members: Vec::new(),
            agenda: BTreeMap::new(),
            next_entry: 0,
            raised: BTreeMap::new(),
            troubles: Vec::new(),
            changes: 0,
            vault,
            secrets: 0,
            stores_lost: 0,
            story_visits: 0,
            story,
        };
        run.plan_events();
        run.found_processes();
        run.open_store();
        run.start_all();
        run
    }

    fn plan_events(&mut self) {
        let begin = ScenarioClock::BEGIN.as_millis();
        for (at, event) in self.story.events.clone() {
            self.schedule(begin + millis(at), Next::Event(event));
        }
    }

    fn schedule(&mut self, at: i64, next: Next) {
        self.agenda.insert((at, self.next_entry), next);
        self.next_entry += 1;
    }

    /// Which processes there are.
    fn found_processes(&mut self) {
        let roles = match self.story.shape {
            Shape::Program => vec![Role::Program],
            Shape::Functions(count) => {
                let each = |role| std::iter::repeat_n(role, count as usize);
                [Role::Intake, Role::Runs]
                    .into_iter()
                    .chain(each(Role::Poller))
                    .chain(each(Role::Urgent))
                    .chain(each(Role::Bulk))
                    .collect()
            }
        };
        for role in roles {
            let clock = match role {
                Role::Program => self.machine.clone(),
                _ => {
                    let ahead = self.sim.core().below(Duration::from_millis(100));
                    MachineClock::new(self.sim.scheduler.clone(), millis(ahead) - 50)
                }
            };
            self.members.push(Member {
                role,
                clock,
                process: None,
                intake: None,
                is_up: false,
            });
        }
    }

    fn store(&self) -> &Store<MachineClock> {
        self.store.as_ref().expect("the store is open")
    }

    fn start_all(&mut self) {
        for group in 0..self.members.len() {
            self.start(group);
        }
    }

    /// Starts the process `group`.
    fn start(&mut self, group: usize) {
        let Some(member) = self.members.get(group) else {
            return;
        };
        let (name, crash_name) = member.role.names();
        if member.role == Role::Program {
            // What it was processing when it stopped is processed again.
            let requeued = self.store().requeue_in_flight();
            requeued.expect("the store is in order");
            self.signal = WorkSignal::default();
        }
        let parts = Parts {
            site: Site {
                sim: self.sim.clone(),
                group,
                name,
                crash_name,
            },
            role: member.role,
            store: self.store().clone(),
            signal: self.signal.clone(),
            clock: member.clock.clone(),
            policy: self.story.setup.policy(),
            secret: 7_u8.wrapping_add(self.stores_lost),
            vault: self.vault.clone(),
            polls_per_minute: self.story.polls_per_minute,
        };
        let started = process::start(&self.story.setup, parts);
        for task in started.tasks {
            self.executor.spawn(group, task);
        }
        if let Some(member) = self.members.get_mut(group) {
            member.process = started.process;
            member.intake = started.intake;
            member.is_up = true;
        }
        self.sim.note(name, "starts", "");
    }

    /// Ends the process `group` where it is.
    fn stop(&mut self, group: usize) {
        self.executor.kill(group);
        if let Some(member) = self.members.get_mut(group) {
            member.is_up = false;
            member.process = None;
            member.intake = None;
        }
    }

    /// Lets everything happen up to `end`.
    fn run_until(&mut self, end: i64) {
        let mut steps = 0;
        let mut last = self.now();
        loop {
            self.restart_crashed();
            let now = self.now();
            if now > last {
                (steps, last) = (0, now);
            }
            steps += 1;
            if steps > STEPS_AT_ONCE_MAX {
                let text = "no time passes".to_owned();
                self.sim
                    .core()
                    .oracle
                    .violate(now, "it goes round in circles", text);
                return;
            }
            if self.do_what_is_due(now) {
                continue;
            }
            if now >= end {
                return;
            }
            let agenda = self.agenda.keys().next().map(|(at, _)| *at);
            let limit = agenda.into_iter().chain(self.webhook_due()).min();
            let limit = limit.unwrap_or(end).clamp(now + 1, end.max(now + 1));
            if self.executor.step(limit) == Progress::Idle {
                self.clock.set_millis(limit);
            }
        }
    }

    /// When the next webhook leaves HaloPSA, by the true clock.
    fn webhook_due(&self) -> Option<i64> {
        let ahead = SimClock::now_millis(&self.halo_clock) - self.now();
        Some(self.sim.halo.next_delivery_due()? - ahead)
    }

    /// Does one thing on the agenda, or delivers webhooks; whether there was something.
    fn do_what_is_due(&mut self, now: i64) -> bool {
        if self.webhook_due().is_some_and(|at| at <= now) {
            self.deliver_webhooks();
            return true;
        }
        let Some((&(at, entry), &next)) = self.agenda.iter().next() else {
            return false;
        };
        if at > now {
            return false;
        }
        self.agenda.remove(&(at, entry));
        match next {
            Next::Restart(group) => self.start(group),
            Next::Event(event) => {
                self.apply(event);
                let now = self.now();
                let halo = self.sim.halo.clone();
                self.sim.core().oracle.find_new_tickets(&halo, now);
            }
        }
        true
    }

    fn restart_crashed(&mut self) {
        let crashed = std::mem::take(&mut self.sim.core().crashed);
        for group in crashed {
            if self.members.get(group).is_some_and(|member| member.is_up) {
                self.stop(group);
                self.schedule(self.now() + RESTART_MS, Next::Restart(group));
            }
        }
    }

    fn deliver_webhooks(&mut self) {
        let halo_now = SimClock::now_millis(&self.halo_clock);
        for delivery in self.sim.halo.take_due(halo_now) {
            let up = self.members.iter().enumerate();
            let taken = up
                .filter_map(|(group, member)| Some((group, member.intake.clone()?)))
                .next();
            match taken {
                Some((group, intake)) => self.executor.spawn(group, intake.take(delivery)),
                None => {
                    self.sim.core().coverage.reached("webhook: intake down");
                    self.sim
                        .halo
                        .record_delivery(&delivery, &DeliveryResult::default());
                }
            }
        }
    }

    fn now(&self) -> i64 {
        self.sim.scheduler.now()
    }
}

/// Runs `story` to its end.
#[must_use]
pub fn run(story: Story, armed: Vec<u64>, trace: bool) -> Outcome {
    Run::new(story, armed, trace).finish()
}

fn millis(span: Duration) -> i64 {
    i64::try_from(span.as_millis()).unwrap_or(i64::MAX)
}

//! One run of a story: the processes, the agenda, and the verdict.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt as _;
use halogard_app::ports::{Clock as _, Lane, Links as _, WorkQueue as _};
use halogard_domain::Link;
use halogard_domain::ids::AlertId;
use halogard_simulator::halopsa::DeliveryResult;
use halogard_simulator::liongard::{AlertChange, AlertSpec};
use halogard_simulator::{HaloPsa, Liongard, ManualClock, SimClock};
use halogard_sqlite::{Store, StoreKey};
use halogard_tests::ScenarioClock;
use halogard_tests::clock::OffsetClock;
use halogard_tests::scenario::register_webhook;
use tempfile::TempDir;

use crate::clock::MachineClock;
use crate::coverage::Coverage;
use crate::faults::{self, Trouble};
use crate::oracle::{EndState, Oracle, Violation};
use crate::people;
use crate::process::{self, Configurable, Intake, Parts, Role};
use crate::scheduler::{Executor, Progress, Scheduler};
use crate::sim::{Sim, Site};
use crate::store::WorkSignal;
use crate::story::{CUSTOMERS, Event, PRIORITIES, Shape, Story};

/// What the store seals secrets with.
const STORE_KEY: &str = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";

/// How long a process takes to start again.
const RESTART_MS: i64 = 3_000;

/// Steps without any time passing that count as going round in circles.
const STEPS_AT_ONCE_MAX: u32 = 2_000_000;

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
        let mut run = Self {
            executor: Executor::new(scheduler.clone()),
            machine: MachineClock::new(scheduler, 0),
            sim,
            halo_clock,
            clock,
            folder: folder(),
            backup: None,
            store: None,
            signal: WorkSignal::default(),
            members: Vec::new(),
            agenda: BTreeMap::new(),
            next_entry: 0,
            raised: BTreeMap::new(),
            troubles: Vec::new(),
            changes: 0,
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

    fn open_store(&mut self) {
        let key = StoreKey::from_text(STORE_KEY).expect("a key in base64");
        let path = self.folder.path().join("halogard.db");
        let store = Store::open(&path, key, self.machine.clone()).expect("the store opens");
        self.store = Some(store);
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
            // What was in hand when it stopped is worked on again.
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
            secret: 7,
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

    /// Lets an event happen. One that concerns what is not there does nothing.
    fn apply(&mut self, event: Event) {
        self.sim.note("world", "event", &format!("{event:?}"));
        match event {
            Event::Begins(trouble) => {
                self.troubles.push(trouble);
                faults::apply(&self.sim, &self.troubles);
            }
            Event::Ends(trouble) => {
                if let Some(index) = self.troubles.iter().position(|it| *it == trouble) {
                    self.troubles.remove(index);
                }
                faults::apply(&self.sim, &self.troubles);
            }
            Event::BackUp => self.back_up(),
            Event::Restore => self.restore(),
            Event::SetClock(ahead) => {
                self.sim
                    .core()
                    .coverage
                    .reached("clock: step of the machine");
                self.machine.set_ahead(ahead);
            }
            Event::SetHaloClock(ahead) => {
                self.sim.core().coverage.reached("clock: HaloPSA's set");
                self.halo_clock
                    .set_ahead(self.story.setup.halo_ahead_ms + ahead);
            }
            Event::Unmap(customer) => {
                self.story.setup.unmapped.insert(8801 + customer);
                self.sim.core().coverage.reached("policy: mapping removed");
                self.configure();
            }
            Event::Map(customer) => {
                self.story.setup.unmapped.remove(&(8801 + customer));
                self.sim.core().coverage.reached("policy: mapping added");
                self.configure();
            }
            Event::Upgrade => {
                let mut core = self.sim.core();
                core.coverage.reached("bundle: upgraded");
                core.crashed = (0..self.members.len()).collect();
            }
            _ => self.apply_to_alert(event),
        }
    }

    /// Lets an event happen that concerns an alert.
    fn apply_to_alert(&mut self, event: Event) {
        let (Sim { halo, liongard, .. }, now) = (self.sim.clone(), self.now());
        let id = |alert: usize| self.raised.get(&alert).copied();
        let reached = |what| self.sim.core().coverage.reached(what);
        match event {
            Event::Raise {
                alert,
                customer,
                rule,
                priority,
            } => {
                let (word, number) = PRIORITIES[priority];
                let rule = format!("Rule {rule}");
                let mut spec = AlertSpec::new(8801 + customer, &rule, "As it was raised.");
                word.clone_into(&mut spec.priority);
                if let Ok(raised) = liongard.raise(&spec) {
                    let mut core = self.sim.core();
                    core.oracle.alert_has_priority(raised, number);
                    let native = liongard.alert(raised).and_then(|it| it.external_id);
                    if let Some(ticket) = native {
                        core.oracle.opened_natively(raised, ticket);
                    }
                    self.raised.insert(alert, raised);
                }
            }
            Event::Change(alert, priority) => {
                let Some(id) = id(alert) else { return };
                let (word, number) = PRIORITIES[priority];
                self.changes += 1;
                let change = AlertChange {
                    description: Some(format!("Changed: {}.", self.changes)),
                    priority: Some(word.to_owned()),
                    ..AlertChange::default()
                };
                if liongard.change(id, change).is_ok() {
                    self.sim.core().oracle.alert_has_priority(id, number);
                }
            }
            Event::UnknownWord(alert) => {
                let Some(id) = id(alert) else { return };
                let was_closed = liongard.alert(id).is_some_and(|alert| alert.closed);
                let change = AlertChange {
                    status: Some("Triaged by Robot".to_owned()),
                    ..AlertChange::default()
                };
                if liongard.change(id, change).is_ok() {
                    reached("alert: unknown word");
                    if was_closed {
                        self.sim.core().oracle.raised_again(id, now);
                    }
                }
            }
            Event::CloseAlert(alert) => {
                let Some(id) = id(alert) else { return };
                if liongard.close(id).is_ok() {
                    reached("alert: closed");
                }
            }
            Event::RaiseAgain(alert) => {
                let Some(id) = id(alert) else { return };
                let was_closed = liongard.alert(id).is_some_and(|alert| alert.closed);
                if was_closed && liongard.reopen(id).is_ok() {
                    reached("alert: raised again");
                    self.sim.core().oracle.raised_again(id, now);
                }
            }
            Event::Mend(alert) => {
                let Some(id) = id(alert) else { return };
                if liongard.clear_condition(id).is_ok() {
                    reached("alert: mended");
                    self.sim.core().oracle.mended(id, now);
                }
            }
            Event::Hide(alert) => {
                let Some(id) = id(alert) else { return };
                if liongard.hide_alert(id).is_ok() {
                    reached("alert: hidden");
                }
            }
            Event::Ticket(alert, act) => {
                let Some(id) = id(alert) else { return };
                let Some(ticket) = self.ticket_of(id) else {
                    return;
                };
                let mends = matches!(act, people::Act::MendAndClose | people::Act::Resolve);
                if mends && !ticket.closed {
                    if liongard.clear_condition(id).is_err() {
                        return;
                    }
                    self.sim.core().oracle.mended(id, now);
                }
                let by = people::TECHNICIANS[alert % people::TECHNICIANS.len()];
                people::act_on(&self.sim, &ticket, by, act);
            }
            Event::Merge(alert, into) => {
                let (Some(one), Some(other)) = (id(alert), id(into)) else {
                    return;
                };
                if let (Some(one), Some(other)) = (self.ticket_of(one), self.ticket_of(other)) {
                    people::merge(&self.sim, &one, &other);
                }
            }
            Event::LookAlike(alert, customer) => {
                let number = id(alert).unwrap_or(7_501 + i64::try_from(alert).unwrap_or(0));
                let ours = id(alert).and_then(|id| self.ticket_of(id));
                let client = 17 + customer.rem_euclid(CUSTOMERS);
                people::open_look_alike(&self.sim, number, ours.as_ref(), client);
            }
            _ => {}
        }
        let now = self.now();
        self.sim.core().oracle.find_new_tickets(&halo, now);
    }

    /// The newest ticket of an alert, deleted or not.
    fn ticket_of(&self, alert: i64) -> Option<halogard_simulator::halopsa::TicketView> {
        let alert = self.sim.liongard.alert(alert)?;
        let ticket = self.sim.core().oracle.tickets_of(&alert).pop()?;
        self.sim.halo.ticket(ticket)
    }

    /// Puts the present config in force everywhere.
    fn configure(&self) {
        for process in self.members.iter().filter_map(|it| it.process.as_ref()) {
            process.set_policy(self.story.setup.policy());
        }
    }

    /// Copies the store, with every process stopped for a moment.
    fn back_up(&mut self) {
        self.stop_all();
        let copy = folder();
        copy_files(self.folder.path(), copy.path());
        self.backup = Some((copy, self.now()));
        self.open_store();
        self.start_all();
    }

    /// Puts the copy back.
    fn restore(&mut self) {
        let Some((copy, copied_at)) = self.backup.take() else {
            return;
        };
        self.stop_all();
        self.folder = folder();
        copy_files(copy.path(), self.folder.path());
        self.open_store();
        {
            let mut core = self.sim.core();
            core.coverage.reached("store: restored from a backup");
            core.oracle.store_restored(copied_at);
        }
        self.start_all();
    }

    fn stop_all(&mut self) {
        for group in 0..self.members.len() {
            self.stop(group);
        }
        self.agenda
            .retain(|_, next| !matches!(next, Next::Restart(_)));
        self.store = None;
    }

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

    /// Our own writes are no news: once both sides agree, nothing more is written.
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
            halogard_domain::policy::Mode::Managed => "managed",
            halogard_domain::policy::Mode::Native => "native",
            halogard_domain::policy::Mode::Observe => "observe",
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

/// Runs `story` to its end.
#[must_use]
pub fn run(story: Story, armed: Vec<u64>, trace: bool) -> Outcome {
    Run::new(story, armed, trace).finish()
}

fn millis(span: Duration) -> i64 {
    i64::try_from(span.as_millis()).unwrap_or(i64::MAX)
}

/// A folder for the store, in memory where the system has such a place.
fn folder() -> TempDir {
    let memory = Path::new("/dev/shm");
    let made = if memory.is_dir() {
        TempDir::new_in(memory)
    } else {
        TempDir::new()
    };
    made.expect("a folder for the store")
}

/// Copies every file of one folder to another.
fn copy_files(from: &Path, to: &Path) {
    for file in std::fs::read_dir(from).expect("the folder is there") {
        let file = file.expect("the folder can be read");
        std::fs::copy(file.path(), to.join(file.file_name())).expect("the file is copied");
    }
}

//! Instances that send as much as they may, on the production limiter.

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use halogard_app::budget::SharedBudget;
use halogard_app::ports::{Permit, PermitOutcome};
use halogard_domain::budget::{Priority, RateRefusal};

use super::instance::{Instance, Ready, Shared};
use super::server::Server;
use super::sim::{BEGIN, Event, SkewedClock, Tasks, World};
use super::store::SimStore;
use super::workload::{Outcome, Workload};

/// One request in flight.
struct Call {
    instance: usize,
    life: u64,
    permit: Option<Permit>,
    accepted: bool,
}

/// Runs a workload.
pub fn run(workload: &Workload) -> Outcome {
    Run::new(workload).run()
}

struct Run<'a> {
    workload: &'a Workload,
    world: Arc<World>,
    tasks: Tasks,
    store: SimStore,
    server: Server,
    shared: Arc<Shared>,
    instances_alive: Vec<Instance>,
    /// The task of each instance.
    dispatchers: Vec<usize>,
    calls: Vec<Call>,
    free_calls: Vec<usize>,
    bulk_sent_at: i64,
    outcome: Outcome,
}

impl<'a> Run<'a> {
    fn new(workload: &'a Workload) -> Self {
        let world = World::new(workload.seed);
        let window = workload.limit.window.as_millis() as i64;
        let phase = (world.chance() * window as f64) as i64;
        let left = workload.backlog.map_or(i64::MIN / 2, |left| left as i64);
        let shared = Shared {
            world: Arc::clone(&world),
            outbox: Mutex::default(),
            left: AtomicI64::new(left),
            waits: Mutex::default(),
        };
        Self {
            workload,
            store: SimStore::new(&world),
            tasks: Tasks::of(&world),
            server: Server::new(workload.model, workload.truth.into(), window, phase),
            shared: Arc::new(shared),
            instances_alive: Vec::new(),
            dispatchers: Vec::new(),
            calls: Vec::new(),
            free_calls: Vec::new(),
            bulk_sent_at: BEGIN,
            outcome: Outcome::default(),
            world,
        }
    }

    fn run(mut self) -> Outcome {
        for number in 0..self.workload.instances {
            let life = self.born(number, 0);
            self.instances_alive.push(life);
            self.dispatchers.push(usize::MAX);
            self.begin(number);
        }
        self.next_by_chance(self.workload.others, Event::Other);
        self.next_by_chance(self.workload.urgent, Event::Urgent);
        let end = BEGIN + self.workload.span.as_millis() as i64;
        while let Some(event) = self.world.next(end) {
            match event {
                Event::Wake(task) => self.tasks.wake(task),
                Event::Arrive(call) => self.arrive(call),
                Event::Seen(call) => self.seen(call),
                Event::Die(number) => self.replace(number),
                Event::Other => {
                    self.server.accept(self.world.now());
                    self.next_by_chance(self.workload.others, Event::Other);
                }
                Event::Urgent => {
                    let lucky = self.world.chance() * self.instances_alive.len() as f64;
                    let life = self.instances_alive[lucky as usize].clone();
                    self.tasks.start(life.send_urgently());
                    self.next_by_chance(self.workload.urgent, Event::Urgent);
                }
            }
            self.send_all();
            if self.is_drained() {
                break;
            }
        }
        self.concluded()
    }

    /// Whether a backlog is worked off, the answers included.
    fn is_drained(&self) -> bool {
        self.workload.backlog.is_some_and(|backlog| {
            self.shared.left.load(Ordering::Relaxed) <= 0
                && self.free_calls.len() == self.calls.len()
                && self.outcome.sent >= backlog
        })
    }

    fn concluded(mut self) -> Outcome {
        let counts = &self.store.counts;
        self.outcome.reads = counts.reads.load(Ordering::Relaxed);
        self.outcome.writes = counts.writes.load(Ordering::Relaxed);
        self.outcome.lost = counts.lost.load(Ordering::Relaxed);
        self.outcome.ledger_bytes = counts.bytes.load(Ordering::Relaxed);
        let counted = self
            .workload
            .span
            .saturating_sub(self.workload.skip)
            .as_secs_f64();
        let rate = f64::from(self.workload.truth) / self.workload.limit.window.as_secs_f64();
        self.outcome.used = self.outcome.accepted as f64 / (rate * counted);
        let mut waits = self
            .shared
            .waits
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        self.outcome.urgent_waits = std::mem::take(&mut waits);
        drop(waits);
        self.outcome
    }

    /// Lets `event` happen after a time that chance decides, `rate` times a second.
    fn next_by_chance(&self, rate: f64, event: Event) {
        if rate > 0.0 {
            let pause = -(1.0 - self.world.chance()).ln() / rate * 1000.0;
            self.world
                .at(self.world.now() + pause.round() as i64, event);
        }
    }

    fn born(&self, instance: usize, life: u64) -> Instance {
        let clock = SkewedClock::new(&self.world, 50.0);
        let seed = self.world.seed();
        let Workload { limit, pace, .. } = *self.workload;
        Instance {
            shared: Arc::clone(&self.shared),
            instance,
            life,
            budget: SharedBudget::seeded(self.store.clone(), limit, clock.clone(), pace, seed),
            clock,
            in_flight: Arc::default(),
        }
    }

    fn begin(&mut self, number: usize) {
        let priority = if self.workload.urgent > 0.0 {
            Priority::Bulk
        } else {
            Priority::Normal
        };
        let life = self.instances_alive[number].clone();
        self.dispatchers[number] = self.tasks.start(life.dispatch(priority));
        self.send_all();
    }

    /// Sends the request of a permit that was just granted.
    fn send_all(&mut self) {
        loop {
            let mut outbox = self
                .shared
                .outbox
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            let Some(ready) = outbox.pop() else { return };
            drop(outbox);
            self.send(ready);
        }
    }

    fn send(&mut self, ready: Ready) {
        let now = self.world.now();
        self.outcome.sent += 1;
        if ready.bulk {
            self.outcome.bulk_gap = self.outcome.bulk_gap.max(now - self.bulk_sent_at);
            self.bulk_sent_at = now;
        }
        let call = Call {
            instance: ready.instance,
            life: ready.life,
            permit: Some(ready.permit),
            accepted: false,
        };
        let number = match self.free_calls.pop() {
            Some(free) => {
                self.calls[free] = call;
                free
            }
            None => {
                self.calls.push(call);
                self.calls.len() - 1
            }
        };
        let there = self.workload.network.one_way(&self.world);
        let back = self.workload.network.one_way(&self.world);
        self.world.at(now + there, Event::Arrive(number));
        self.world.at(now + there + back, Event::Seen(number));
        if self.workload.deaths > 0.0 && self.world.chance() < self.workload.deaths {
            let when = self.world.chance() * (there + back) as f64;
            self.world.at(now + when as i64, Event::Die(ready.instance));
        }
    }

    fn arrive(&mut self, number: usize) {
        let now = self.world.now();
        let accepted = self.server.accept(now);
        self.calls[number].accepted = accepted;
        let since = now - BEGIN;
        if !accepted {
            self.outcome.refused += 1;
            if self.outcome.refused_at.len() < 1000 {
                self.outcome.refused_at.push(since);
            }
            return;
        }
        if since >= self.workload.skip.as_millis() as i64 {
            self.outcome.accepted += 1;
        }
        let window = self.workload.limit.window.as_millis() as i64;
        self.outcome.third_window += u64::from(since / window == 2);
    }

    fn seen(&mut self, number: usize) {
        let now = self.world.now();
        self.outcome.done_at = now - BEGIN;
        let call = &mut self.calls[number];
        let (instance, life, accepted) = (call.instance, call.life, call.accepted);
        let permit = call.permit.take();
        self.free_calls.push(number);
        let alive = &self.instances_alive[instance];
        if alive.life != life {
            return;
        }
        alive.in_flight.fetch_sub(1, Ordering::Relaxed);
        let seen = if accepted {
            PermitOutcome::Completed
        } else {
            PermitOutcome::RateLimited(RateRefusal::default())
        };
        if let Some(permit) = permit {
            let alive = alive.clone();
            self.tasks.start(alive.settle(permit, seen));
        }
        if !accepted && self.workload.backlog.is_some() {
            self.shared.left.fetch_add(1, Ordering::Relaxed);
        }
        // It may wait for calls to end.
        self.tasks.wake(self.dispatchers[instance]);
    }

    fn replace(&mut self, number: usize) {
        self.outcome.died += 1;
        self.tasks.kill(self.dispatchers[number]);
        let life = self.instances_alive[number].life + 1;
        self.instances_alive[number] = self.born(number, life);
        self.begin(number);
    }
}

//! Instances that send as much as they may, on the production limiter.

use std::sync::atomic::{AtomicI64, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::Poll;
use std::time::Duration;

use halogard_app::budget::SharedBudget;
use halogard_app::ports::{
    BudgetError, Clock as _, LedgerStore, Permit, PortError, RequestBudget as _, Revision, Seen,
    Stored, Swap,
};
use halogard_domain::Timestamp;
use halogard_domain::budget::{Ledger, Limit, Pace, Share};

use super::server::{Model, Server};
use super::sim::{BEGIN, Event, SkewedClock, Tasks, World};

/// How long the way to the server takes, and back.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Road {
    /// For tables.
    pub name: &'static str,
    /// Half of the ways one way take less, in milliseconds; log-normal.
    median_ms: f64,
    /// One way in so many takes up to two seconds more.
    tail: Option<f64>,
}

impl Road {
    /// 50 ms there and back, half of the time.
    pub const SHORT: Self = Self {
        name: "50 ms",
        median_ms: 25.0,
        tail: None,
    };
    /// 0.3 s there and back, half of the time.
    pub const LONG: Self = Self {
        name: "0.3 s",
        median_ms: 150.0,
        tail: None,
    };
    /// Each way one in a hundred takes up to 2 s longer.
    pub const HEAVY: Self = Self {
        name: "2 s tail",
        median_ms: 82.0,
        tail: Some(0.01),
    };
    /// All of them.
    pub const ALL: [Self; 3] = [Self::SHORT, Self::LONG, Self::HEAVY];

    /// How long one way takes, in milliseconds.
    pub fn one_way(&self, world: &World) -> i64 {
        let mut way = self.median_ms * (0.6 * world.normal()).exp();
        if let Some(share) = self.tail
            && world.chance() < share
        {
            way += 2000.0 * world.chance();
        }
        way.round() as i64
    }
}

/// What is simulated.
#[derive(Clone, Copy, Debug)]
pub struct Scene {
    pub model: Model,
    pub instances: usize,
    pub road: Road,
    /// What the server allows in a window.
    pub truth: u32,
    /// What the limiter is told.
    pub limit: Limit,
    pub pace: Pace,
    /// The part of calls that kill their instance.
    pub deaths: f64,
    /// Requests a second of others on the account.
    pub others: f64,
    /// Bulk requests that wait; any number when `None`.
    pub backlog: Option<u64>,
    /// Urgent requests a second beside the backlog; the backlog is then asked for as bulk work.
    pub urgent: f64,
    /// Simulated time.
    pub span: Duration,
    /// Not counted at the beginning.
    pub skip: Duration,
    pub seed: u64,
}

impl Scene {
    /// Instances that always have something to send.
    pub fn saturated(
        model: Model,
        instances: usize,
        road: Road,
        span: Duration,
        seed: u64,
    ) -> Self {
        Self {
            model,
            instances,
            road,
            truth: Limit::DEFAULT.requests_max,
            limit: Limit::DEFAULT,
            pace: Pace::Even,
            deaths: 0.0,
            others: 0.0,
            backlog: None,
            urgent: 0.0,
            span,
            skip: Limit::DEFAULT.window,
            seed,
        }
    }
}

/// What came of it.
#[derive(Clone, Debug, Default)]
pub struct Outcome {
    /// Accepted requests of ours, after what is skipped.
    pub accepted: u64,
    /// Requests of ours, all.
    pub sent: u64,
    /// Refused, all.
    pub refused: u64,
    /// When each refusal was, in milliseconds since the beginning; the first thousand.
    pub refused_at: Vec<i64>,
    /// Conditional writes, lost ones included.
    pub writes: u64,
    /// Of these lost.
    pub lost: u64,
    /// Reads.
    pub reads: u64,
    /// When the last request was answered, in milliseconds since the beginning.
    pub done_at: i64,
    /// Accepted in the third window.
    pub third_window: u64,
    /// From an urgent change to its sending, in milliseconds.
    pub urgent_waits: Vec<i64>,
    /// The longest time without a bulk request, in milliseconds.
    pub bulk_gap: i64,
    /// The largest ledger, as JSON.
    pub ledger_bytes: usize,
    /// Instances that died.
    pub died: u64,
    /// The use of what the server allows, over the time counted.
    pub used: f64,
}

/// The store, with its delays.
#[derive(Clone)]
pub struct SimStore {
    world: Arc<World>,
    shared: Arc<Mutex<Stored<Ledger>>>,
    counts: Arc<Counts>,
}

#[derive(Default)]
struct Counts {
    reads: AtomicU64,
    writes: AtomicU64,
    lost: AtomicU64,
    bytes: AtomicUsize,
}

impl SimStore {
    fn new(world: &Arc<World>) -> Self {
        let empty = Stored {
            value: Ledger::default(),
            revision: Revision::default(),
        };
        Self {
            world: Arc::clone(world),
            shared: Arc::new(Mutex::new(empty)),
            counts: Arc::default(),
        }
    }

    /// Half a round trip: 2 to 10 ms, now and then more.
    async fn half(&self) {
        let way = 2.0 + 2.5 * (0.6 * self.world.normal()).exp();
        let at = self.world.now() + way.round() as i64;
        self.world.sleep_until(at).await;
    }
}

impl LedgerStore for SimStore {
    async fn load_ledger(&self) -> Result<Stored<Ledger>, PortError> {
        self.counts.reads.fetch_add(1, Ordering::Relaxed);
        self.half().await;
        let stored = self
            .shared
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        self.half().await;
        Ok(stored)
    }

    async fn swap_ledger(&self, ledger: &Ledger, revision: Revision) -> Result<Swap, PortError> {
        let writes = self.counts.writes.fetch_add(1, Ordering::Relaxed);
        if writes.is_multiple_of(997) {
            let size = serde_json::to_string(ledger).map_or(0, |text| text.len());
            self.counts.bytes.fetch_max(size, Ordering::Relaxed);
        }
        let ledger = ledger.clone();
        self.half().await;
        let swap = {
            let mut shared = self.shared.lock().unwrap_or_else(PoisonError::into_inner);
            if shared.revision == revision {
                let next = Revision(revision.0 + 1);
                *shared = Stored {
                    value: ledger,
                    revision: next,
                };
                Swap::Done(next)
            } else {
                self.counts.lost.fetch_add(1, Ordering::Relaxed);
                Swap::Lost(shared.clone())
            }
        };
        self.half().await;
        Ok(swap)
    }
}

type Budget = SharedBudget<SimStore, SkewedClock>;

/// Calls in flight at once, per instance.
const IN_FLIGHT_MAX: usize = 4;

/// Who waits no longer than this goes on; who waits longer ends its invocation and hands back what
/// it holds, as a Lambda function does.
const INVOCATION_PAUSE: Duration = Limit::AHEAD;

/// A permit that was taken just now, for the run to send.
struct Ready {
    instance: usize,
    life: u64,
    permit: Permit,
    bulk: bool,
}

/// What the tasks of all instances share with the run.
struct Desk {
    world: Arc<World>,
    outbox: Mutex<Vec<Ready>>,
    /// Bulk requests that wait; negative for any number.
    left: AtomicI64,
    /// How long urgent changes waited.
    waits: Mutex<Vec<i64>>,
}

/// One life of an instance.
#[derive(Clone)]
struct Life {
    desk: Arc<Desk>,
    instance: usize,
    life: u64,
    clock: SkewedClock,
    budget: Budget,
    in_flight: Arc<AtomicUsize>,
}

impl Life {
    fn hand_out(&self, permit: Permit, bulk: bool) {
        self.in_flight.fetch_add(1, Ordering::Relaxed);
        let ready = Ready {
            instance: self.instance,
            life: self.life,
            permit,
            bulk,
        };
        self.desk
            .outbox
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(ready);
    }

    /// Waits until fewer than `max` calls are in flight.
    async fn fewer_than(&self, max: usize) {
        std::future::poll_fn(|_| {
            if self.in_flight.load(Ordering::Relaxed) < max {
                Poll::Ready(())
            } else {
                Poll::Pending
            }
        })
        .await;
    }

    async fn sleep_until(&self, time: Timestamp) {
        let at = self.clock.world_time(time);
        self.desk.world.sleep_until(at).await;
    }

    /// Sends for as long as there is work.
    async fn dispatch(self, share: Share) {
        let budget = self.budget.for_share(share);
        while self.desk.left.load(Ordering::Relaxed) != 0 {
            match budget.take().await {
                Ok(permit) => {
                    self.desk.left.fetch_sub(1, Ordering::Relaxed);
                    self.hand_out(permit, true);
                    self.fewer_than(IN_FLIGHT_MAX).await;
                }
                Err(BudgetError::Spent { until }) => {
                    let pause = until.since(self.clock.now());
                    if pause > INVOCATION_PAUSE {
                        self.fewer_than(1).await;
                        self.hand_back().await;
                    }
                    self.sleep_until(until).await;
                }
                Err(BudgetError::Store { reason }) => {
                    unreachable!("the store never fails: {reason}")
                }
            }
        }
        self.fewer_than(1).await;
        self.hand_back().await;
    }

    async fn hand_back(&self) {
        if let Err(error) = self.budget.hand_back().await {
            unreachable!("the store never fails: {error}");
        }
    }

    /// Sends one urgent request as soon as it may.
    async fn send_urgently(self) {
        let came = self.desk.world.now();
        let budget = self.budget.for_share(Share::Urgent);
        loop {
            match budget.take().await {
                Ok(permit) => {
                    self.hand_out(permit, false);
                    let wait = self.desk.world.now() - came;
                    self.desk
                        .waits
                        .lock()
                        .unwrap_or_else(PoisonError::into_inner)
                        .push(wait);
                    return;
                }
                Err(BudgetError::Spent { until }) => self.sleep_until(until).await,
                Err(BudgetError::Store { reason }) => {
                    unreachable!("the store never fails: {reason}")
                }
            }
        }
    }

    async fn settle(self, permit: Permit, seen: Seen) {
        if let Err(error) = self.budget.settle(permit, seen).await {
            unreachable!("the store never fails: {error}");
        }
    }
}

/// One request under way.
struct Call {
    instance: usize,
    life: u64,
    permit: Option<Permit>,
    accepted: bool,
}

/// Runs a scene.
pub fn run(scene: &Scene) -> Outcome {
    Run::new(scene).run()
}

struct Run<'a> {
    scene: &'a Scene,
    world: Arc<World>,
    tasks: Tasks,
    store: SimStore,
    server: Server,
    desk: Arc<Desk>,
    lives: Vec<Life>,
    /// The task of each instance.
    dispatchers: Vec<usize>,
    calls: Vec<Call>,
    free_calls: Vec<usize>,
    bulk_sent_at: i64,
    outcome: Outcome,
}

impl<'a> Run<'a> {
    fn new(scene: &'a Scene) -> Self {
        let world = World::new(scene.seed);
        let window = scene.limit.window.as_millis() as i64;
        let phase = (world.chance() * window as f64) as i64;
        let left = scene.backlog.map_or(i64::MIN / 2, |left| left as i64);
        let desk = Desk {
            world: Arc::clone(&world),
            outbox: Mutex::default(),
            left: AtomicI64::new(left),
            waits: Mutex::default(),
        };
        Self {
            scene,
            store: SimStore::new(&world),
            tasks: Tasks::of(&world),
            server: Server::new(scene.model, scene.truth.into(), window, phase),
            desk: Arc::new(desk),
            lives: Vec::new(),
            dispatchers: Vec::new(),
            calls: Vec::new(),
            free_calls: Vec::new(),
            bulk_sent_at: BEGIN,
            outcome: Outcome::default(),
            world,
        }
    }

    fn run(mut self) -> Outcome {
        for number in 0..self.scene.instances {
            let life = self.born(number, 0);
            self.lives.push(life);
            self.dispatchers.push(usize::MAX);
            self.begin(number);
        }
        self.next_by_chance(self.scene.others, Event::Other);
        self.next_by_chance(self.scene.urgent, Event::Urgent);
        let end = BEGIN + self.scene.span.as_millis() as i64;
        while let Some(event) = self.world.next(end) {
            match event {
                Event::Wake(task) => self.tasks.wake(task),
                Event::Arrive(call) => self.arrive(call),
                Event::Seen(call) => self.seen(call),
                Event::Die(number) => self.replace(number),
                Event::Other => {
                    self.server.accept(self.world.now());
                    self.next_by_chance(self.scene.others, Event::Other);
                }
                Event::Urgent => {
                    let lucky = self.world.chance() * self.lives.len() as f64;
                    let life = self.lives[lucky as usize].clone();
                    self.tasks.start(life.send_urgently());
                    self.next_by_chance(self.scene.urgent, Event::Urgent);
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
        self.scene.backlog.is_some_and(|backlog| {
            self.desk.left.load(Ordering::Relaxed) <= 0
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
            .scene
            .span
            .saturating_sub(self.scene.skip)
            .as_secs_f64();
        let rate = f64::from(self.scene.truth) / self.scene.limit.window.as_secs_f64();
        self.outcome.used = self.outcome.accepted as f64 / (rate * counted);
        let mut waits = self
            .desk
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

    fn born(&self, instance: usize, life: u64) -> Life {
        let clock = SkewedClock::new(&self.world, 50.0);
        let seed = self.world.seed();
        let Scene { limit, pace, .. } = *self.scene;
        Life {
            desk: Arc::clone(&self.desk),
            instance,
            life,
            budget: SharedBudget::seeded(self.store.clone(), limit, clock.clone(), pace, seed),
            clock,
            in_flight: Arc::default(),
        }
    }

    fn begin(&mut self, number: usize) {
        let share = if self.scene.urgent > 0.0 {
            Share::Bulk
        } else {
            Share::Whole
        };
        let life = self.lives[number].clone();
        self.dispatchers[number] = self.tasks.start(life.dispatch(share));
        self.send_all();
    }

    /// Sends what was taken just now.
    fn send_all(&mut self) {
        loop {
            let mut outbox = self
                .desk
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
        let there = self.scene.road.one_way(&self.world);
        let back = self.scene.road.one_way(&self.world);
        self.world.at(now + there, Event::Arrive(number));
        self.world.at(now + there + back, Event::Seen(number));
        if self.scene.deaths > 0.0 && self.world.chance() < self.scene.deaths {
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
        if since >= self.scene.skip.as_millis() as i64 {
            self.outcome.accepted += 1;
        }
        let window = self.scene.limit.window.as_millis() as i64;
        self.outcome.third_window += u64::from(since / window == 2);
    }

    fn seen(&mut self, number: usize) {
        let now = self.world.now();
        self.outcome.done_at = now - BEGIN;
        let call = &mut self.calls[number];
        let (instance, life, accepted) = (call.instance, call.life, call.accepted);
        let permit = call.permit.take();
        self.free_calls.push(number);
        let alive = &self.lives[instance];
        if alive.life != life {
            return;
        }
        alive.in_flight.fetch_sub(1, Ordering::Relaxed);
        let seen = if accepted {
            Seen::Answered
        } else {
            Seen::Refused { retry_after: None }
        };
        if let Some(permit) = permit {
            let alive = alive.clone();
            self.tasks.start(alive.settle(permit, seen));
        }
        if !accepted && self.scene.backlog.is_some() {
            self.desk.left.fetch_add(1, Ordering::Relaxed);
        }
        // It may wait for calls to end.
        self.tasks.wake(self.dispatchers[instance]);
    }

    fn replace(&mut self, number: usize) {
        self.outcome.died += 1;
        self.tasks.kill(self.dispatchers[number]);
        let life = self.lives[number].life + 1;
        self.lives[number] = self.born(number, life);
        self.begin(number);
    }
}

//! A deterministic simulation: one simulated clock, tasks that wait on it, one thread, one order. The same seed gives the
//! same run.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Wake, Waker};

use halogard_app::ports::Clock;
use halogard_domain::Timestamp;
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};

/// When the world begins: a time like any other, so that no tick falls on a round number.
pub const BEGIN: i64 = 1_767_600_012_345;

/// Something that happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Event {
    /// A task continues.
    Wake(usize),
    /// A request reaches the server.
    Arrive(usize),
    /// An answer is seen.
    Seen(usize),
    /// An instance dies.
    Die(usize),
    /// Somebody else on the account sends a request.
    Other,
    /// A person's change comes in.
    Urgent,
}

/// The clock, the timers and the random numbers.
pub struct World {
    now: AtomicI64,
    running: AtomicUsize,
    state: Mutex<State>,
}

struct State {
    due: BinaryHeap<Reverse<(i64, u64, Event)>>,
    order: u64,
    chance: StdRng,
}

impl World {
    /// A world that begins with this seed.
    pub fn new(seed: u64) -> Arc<Self> {
        Arc::new(Self {
            now: AtomicI64::new(BEGIN),
            running: AtomicUsize::new(0),
            state: Mutex::new(State {
                due: BinaryHeap::new(),
                order: 0,
                chance: StdRng::seed_from_u64(seed),
            }),
        })
    }

    /// Milliseconds since 1970.
    pub fn now(&self) -> i64 {
        self.now.load(Ordering::Relaxed)
    }

    /// Lets `event` happen at `at`.
    pub fn at(&self, at: i64, event: Event) {
        let mut state = self.state();
        state.order += 1;
        let entry = (at.max(self.now()), state.order, event);
        state.due.push(Reverse(entry));
    }

    /// The next event, with the clock moved to it; `None` from `end` on.
    pub fn next(&self, end: i64) -> Option<Event> {
        let mut state = self.state();
        let Reverse((at, _, event)) = state.due.pop()?;
        if at >= end {
            return None;
        }
        self.now.store(at, Ordering::Relaxed);
        Some(event)
    }

    /// A number in [0, 1).
    pub fn chance(&self) -> f64 {
        self.state().chance.random::<f64>()
    }

    /// A whole number.
    pub fn seed(&self) -> u64 {
        self.state().chance.random::<u64>()
    }

    /// A number from the normal distribution.
    pub fn normal(&self) -> f64 {
        let (one, other) = (1.0 - self.chance(), self.chance());
        (-2.0 * one.ln()).sqrt() * (std::f64::consts::TAU * other).cos()
    }

    /// Waits until `at`; a millisecond at least.
    pub fn sleep_until(self: &Arc<Self>, at: i64) -> Sleep {
        Sleep {
            world: Arc::clone(self),
            at: at.max(self.now() + 1),
            asleep: false,
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// See [`World::sleep_until`].
pub struct Sleep {
    world: Arc<World>,
    at: i64,
    asleep: bool,
}

impl Future for Sleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
        if self.world.now() >= self.at {
            return Poll::Ready(());
        }
        if !self.asleep {
            self.asleep = true;
            let task = self.world.running.load(Ordering::Relaxed);
            self.world.at(self.at, Event::Wake(task));
        }
        Poll::Pending
    }
}

/// Wakes one task.
struct TaskWaker {
    world: Arc<World>,
    task: usize,
}

impl Wake for TaskWaker {
    fn wake(self: Arc<Self>) {
        self.world.at(self.world.now(), Event::Wake(self.task));
    }
}

/// An unfinished task and its waker.
struct Task {
    work: Pin<Box<dyn Future<Output = ()> + Send>>,
    waker: Waker,
}

/// The tasks of a world.
pub struct Tasks {
    world: Arc<World>,
    list: Vec<Option<Task>>,
    free: Vec<usize>,
}

impl Tasks {
    /// No tasks yet.
    pub fn of(world: &Arc<World>) -> Self {
        Self {
            world: Arc::clone(world),
            list: Vec::new(),
            free: Vec::new(),
        }
    }

    /// Starts a task, and runs it until it waits; returns its number.
    pub fn start(&mut self, work: impl Future<Output = ()> + Send + 'static) -> usize {
        let number = self.free.pop().unwrap_or_else(|| {
            self.list.push(None);
            self.list.len() - 1
        });
        let task_waker = TaskWaker {
            world: Arc::clone(&self.world),
            task: number,
        };
        self.list[number] = Some(Task {
            work: Box::pin(work),
            waker: Waker::from(Arc::new(task_waker)),
        });
        self.wake(number);
        if self.list[number].is_none() {
            // It never waited, so nothing will wake it.
            self.free.push(number);
        }
        number
    }

    /// Polls a task until it is pending.
    pub fn wake(&mut self, number: usize) {
        let Some(task) = self.list.get_mut(number).and_then(Option::as_mut) else {
            return;
        };
        self.world.running.store(number, Ordering::Relaxed);
        let mut context = Context::from_waker(&task.waker);
        if task.work.as_mut().poll(&mut context).is_ready() {
            self.list[number] = None;
        }
    }

    /// Ends a task where it stands. Its number is not used again: it may still be woken.
    pub fn kill(&mut self, number: usize) {
        if let Some(task) = self.list.get_mut(number) {
            *task = None;
        }
    }
}

/// The clock of one instance, off by some milliseconds.
#[derive(Clone)]
pub struct SkewedClock {
    world: Arc<World>,
    skew: i64,
}

impl SkewedClock {
    /// A clock that is off by at most `skew_max` milliseconds either way.
    pub fn new(world: &Arc<World>, skew_max: f64) -> Self {
        let skew = (world.chance() * 2.0 - 1.0) * skew_max;
        Self {
            world: Arc::clone(world),
            skew: skew.round() as i64,
        }
    }

    /// The world's time at which this clock shows `time`.
    pub fn world_time(&self, time: Timestamp) -> i64 {
        time.as_millis() - self.skew
    }
}

impl Clock for SkewedClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.world.now() + self.skew)
    }
}

//! The seeded scheduler: which task continues, and when time passes.
//!
//! Every task of the bundle runs here, on one thread and on virtual time. A task waits for nothing but a
//! [`Pause`], so each vendor call and each store access is a place where another task may continue first. Which
//! one does, and in which order two pauses end that end in the same millisecond, is drawn from the seed.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use halogard_simulator::{ManualClock, SimClock as _};
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};

/// A task of the bundle.
pub type Work = Pin<Box<dyn Future<Output = ()>>>;

/// The time and everything that waits for it. Clones share it.
#[derive(Clone)]
pub struct Scheduler(Arc<Mutex<Timers>>);

struct Timers {
    clock: ManualClock,
    rng: StdRng,
    /// When each pause ends; a random number orders those of one millisecond.
    due: BinaryHeap<Reverse<(i64, u32, u64)>>,
    /// What waits for each pause that has not ended.
    waiting: BTreeMap<u64, Waker>,
    next: u64,
}

impl Scheduler {
    /// A scheduler on `clock`; all its choices follow from `seed`.
    #[must_use]
    pub fn new(clock: ManualClock, seed: u64) -> Self {
        Self(Arc::new(Mutex::new(Timers {
            clock,
            rng: StdRng::seed_from_u64(seed ^ 0x5ced),
            due: BinaryHeap::new(),
            waiting: BTreeMap::new(),
            next: 0,
        })))
    }

    /// The true time, in milliseconds.
    #[must_use]
    pub fn now(&self) -> i64 {
        self.timers().clock.now_millis()
    }

    /// Waits for `span`. Even a span of zero lets others continue first.
    #[must_use]
    pub fn pause(&self, span: Duration) -> Pause {
        let span = i64::try_from(span.as_millis()).unwrap_or(i64::MAX);
        self.pause_until(self.now().saturating_add(span))
    }

    /// Waits until `at`.
    #[must_use]
    pub fn pause_until(&self, at: i64) -> Pause {
        Pause {
            scheduler: self.clone(),
            at,
            entry: None,
        }
    }

    fn timers(&self) -> MutexGuard<'_, Timers> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ends the pause that is due first, unless that is after `limit`.
    fn fire(&self, limit: i64) -> bool {
        let waker = loop {
            let mut timers = self.timers();
            let Some(Reverse((at, _, entry))) = timers.due.peek().copied() else {
                return false;
            };
            if at > limit {
                return false;
            }
            timers.due.pop();
            // The task may have ended meanwhile.
            if let Some(waker) = timers.waiting.remove(&entry) {
                if at > timers.clock.now_millis() {
                    timers.clock.set_millis(at);
                }
                break waker;
            }
        };
        waker.wake();
        true
    }
}

/// Ends at a point in time.
pub struct Pause {
    scheduler: Scheduler,
    at: i64,
    entry: Option<u64>,
}

impl Future for Pause {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let scheduler = self.scheduler.clone();
        let mut timers = scheduler.timers();
        match self.entry {
            None => {
                let entry = timers.next;
                timers.next += 1;
                let tie = timers.rng.random();
                timers.due.push(Reverse((self.at, tie, entry)));
                timers.waiting.insert(entry, context.waker().clone());
                self.entry = Some(entry);
                Poll::Pending
            }
            Some(entry) => match timers.waiting.get_mut(&entry) {
                Some(waker) => {
                    waker.clone_from(context.waker());
                    Poll::Pending
                }
                None => Poll::Ready(()),
            },
        }
    }
}

impl Drop for Pause {
    fn drop(&mut self) {
        if let Some(entry) = self.entry {
            self.scheduler.timers().waiting.remove(&entry);
        }
    }
}

/// Tasks that can continue.
type Ready = Arc<Mutex<Vec<u64>>>;

/// Wakes one task.
struct WakeTask {
    task: u64,
    ready: Ready,
}

impl Wake for WakeTask {
    fn wake(self: Arc<Self>) {
        let mut ready = self.ready.lock().unwrap_or_else(PoisonError::into_inner);
        if !ready.contains(&self.task) {
            ready.push(self.task);
        }
    }
}

struct Task {
    group: usize,
    work: Work,
    waker: Waker,
}

/// What one step of the executor did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// A task went on.
    Ran,
    /// A pause ended.
    Woke,
    /// Nothing can continue before the limit.
    Idle,
}

/// The tasks of all processes. A group is one process: its tasks end together when it is killed.
pub struct Executor {
    scheduler: Scheduler,
    tasks: BTreeMap<u64, Task>,
    ready: Ready,
    next: u64,
    /// Times a task went on.
    pub polls: u64,
}

impl Executor {
    /// An executor without a task.
    #[must_use]
    pub fn new(scheduler: Scheduler) -> Self {
        Self {
            scheduler,
            tasks: BTreeMap::new(),
            ready: Arc::default(),
            next: 0,
            polls: 0,
        }
    }

    /// Adds a task to `group`.
    pub fn spawn(&mut self, group: usize, work: Work) {
        let task = self.next;
        self.next += 1;
        let waker = Waker::from(Arc::new(WakeTask {
            task,
            ready: Arc::clone(&self.ready),
        }));
        waker.wake_by_ref();
        self.tasks.insert(task, Task { group, work, waker });
    }

    /// Ends every task of `group` where it is, as a killed process ends.
    pub fn kill(&mut self, group: usize) {
        self.tasks.retain(|_, task| task.group != group);
    }

    /// Lets one task continue, or else lets time pass to the end of the next pause, but not past `limit`.
    pub fn step(&mut self, limit: i64) -> Progress {
        let Some(task) = self.choose() else {
            return if self.scheduler.fire(limit) {
                Progress::Woke
            } else {
                Progress::Idle
            };
        };
        if let Some(entry) = self.tasks.get_mut(&task) {
            self.polls += 1;
            let mut context = Context::from_waker(&entry.waker);
            if entry.work.as_mut().poll(&mut context).is_ready() {
                self.tasks.remove(&task);
            }
        }
        Progress::Ran
    }

    /// One of the tasks that can continue.
    fn choose(&self) -> Option<u64> {
        let mut ready = self.ready.lock().unwrap_or_else(PoisonError::into_inner);
        match ready.len() {
            0 => None,
            1 => ready.pop(),
            count => {
                let index = self.scheduler.timers().rng.random_range(0..count);
                Some(ready.swap_remove(index))
            }
        }
    }
}

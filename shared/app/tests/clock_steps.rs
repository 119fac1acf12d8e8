//! The request budget of several processes whose wall clocks step: whatever the clocks show, no real window
//! holds more requests than are allowed.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::any::Any;
use std::str::FromStr;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use halogard_app::budget::SharedBudget;
use halogard_app::ports::{
    BudgetError, Clock, PermitOutcome, PortError, Records, RequestBudget as _, Revision, Stored,
    Swap,
};
use halogard_domain::budget::{Ledger, Limit, Pace};
use halogard_domain::time::SteadyTime;
use halogard_domain::{Record, Timestamp};
use proptest::prelude::*;

const NOON: i64 = 1_767_600_000_000;

/// What really is: the time that passes, and the starts of the machine.
#[derive(Default)]
struct Machine {
    passed_ms: AtomicI64,
    boot: AtomicI64,
    booted_ms: AtomicI64,
}

impl Machine {
    fn passed(&self) -> i64 {
        self.passed_ms.load(Ordering::SeqCst)
    }

    fn pass(&self, span: Duration) {
        let millis = i64::try_from(span.as_millis()).unwrap();
        self.passed_ms.fetch_add(millis, Ordering::SeqCst);
    }

    fn restart(&self) {
        self.boot.fetch_add(1, Ordering::SeqCst);
        self.booted_ms.store(self.passed(), Ordering::SeqCst);
    }
}

/// The clock of one process: the machine's wall clock, off by what was set.
#[derive(Clone)]
struct Process {
    machine: Arc<Machine>,
    off_ms: Arc<AtomicI64>,
}

impl Clock for Process {
    fn now(&self) -> Timestamp {
        let off = self.off_ms.load(Ordering::SeqCst);
        Timestamp::from_millis(NOON + self.machine.passed() + off)
    }

    fn steady(&self) -> SteadyTime {
        let booted = self.machine.booted_ms.load(Ordering::SeqCst);
        SteadyTime {
            source: 7 + u64::try_from(self.machine.boot.load(Ordering::SeqCst)).unwrap(),
            at: Timestamp::from_millis(self.machine.passed() - booted),
        }
    }
}

/// A ledger in memory. Clones are one.
#[derive(Clone)]
struct OneFile(Arc<Mutex<Stored<Ledger>>>);

impl OneFile {
    fn new() -> Self {
        Self(Arc::new(Mutex::new(Stored {
            value: Ledger::default(),
            revision: Revision(0),
        })))
    }
}

impl Records for OneFile {
    const ONE_MACHINE: bool = true;

    async fn load_record<T: Record>(&self, _key: &T::Key) -> Result<Stored<T>, PortError> {
        let stored = self.0.lock().unwrap();
        Ok(Stored {
            value: cast(&stored.value),
            revision: stored.revision,
        })
    }

    async fn swap_record<T: Record>(
        &self,
        _key: &T::Key,
        record: &T,
        revision: Revision,
    ) -> Result<Swap<T>, PortError> {
        let mut stored = self.0.lock().unwrap();
        if stored.revision != revision {
            return Ok(Swap::Conflict(Stored {
                value: cast(&stored.value),
                revision: stored.revision,
            }));
        }
        // As a file holds it.
        let text = serde_json::to_string(&cast::<T, Ledger>(record)).unwrap();
        *stored = Stored {
            value: serde_json::from_str(&text).unwrap(),
            revision: Revision(revision.0 + 1),
        };
        Ok(Swap::Stored(stored.revision))
    }

    async fn active_records<T>(&self) -> Result<Vec<T::Key>, PortError>
    where
        T: Record<Key: FromStr + Sized>,
    {
        Ok(Vec::new())
    }
}

fn cast<A: Any, B: Any + Clone>(record: &A) -> B {
    let record: &dyn Any = record;
    record.downcast_ref::<B>().unwrap().clone()
}

/// Several processes on one machine.
struct Fleet {
    machine: Arc<Machine>,
    file: OneFile,
    limit: Limit,
    off_ms: Arc<AtomicI64>,
    budgets: Vec<SharedBudget<OneFile, Process>>,
    /// When requests were sent, in real milliseconds.
    sent: Vec<i64>,
}

impl Fleet {
    fn new(processes: usize, limit: Limit) -> Self {
        let mut fleet = Self {
            machine: Arc::default(),
            file: OneFile::new(),
            limit,
            off_ms: Arc::default(),
            budgets: Vec::new(),
            sent: Vec::new(),
        };
        for index in 0..processes {
            let budget = fleet.start(index);
            fleet.budgets.push(budget);
        }
        fleet
    }

    fn start(&self, index: usize) -> SharedBudget<OneFile, Process> {
        let clock = Process {
            machine: Arc::clone(&self.machine),
            off_ms: Arc::clone(&self.off_ms),
        };
        let seed = u64::try_from(index).unwrap();
        SharedBudget::seeded(self.file.clone(), self.limit, clock, Pace::Burst, seed)
    }

    /// Sends as many as `of` permits allow, at most `count`.
    async fn send(&mut self, of: usize, count: usize) {
        for _ in 0..count {
            let Ok(permit) = self.budgets[of].take().await else {
                return;
            };
            self.sent.push(self.machine.passed());
            self.machine.pass(Duration::from_millis(20));
            let settled = self.budgets[of].settle(permit, PermitOutcome::Completed);
            settled.await.unwrap();
        }
    }

    /// The most requests in any real window.
    fn most(&self) -> usize {
        let window = i64::try_from(self.limit.window.as_millis()).unwrap();
        let within = |from: &i64| {
            let until = from + window;
            self.sent
                .iter()
                .filter(|at| (*from..until).contains(*at))
                .count()
        };
        self.sent.iter().map(within).max().unwrap_or(0)
    }
}

#[tokio::test]
async fn a_step_forwards_frees_no_request_early() {
    for step in [301, 3_600, 86_400 * 365] {
        let mut fleet = Fleet::new(2, Limit::DEFAULT);
        fleet.send(0, 1_000).await;
        fleet.off_ms.store(step * 1_000, Ordering::SeqCst);
        fleet.send(0, 1_000).await;
        fleet.send(1, 1_000).await;
        // A new process reads the time it finds.
        fleet.budgets[0] = fleet.start(9);
        fleet.send(0, 1_000).await;
        assert_eq!(fleet.most(), 450, "a step of {step} s");
    }
}

#[tokio::test]
async fn a_step_backwards_blocks_no_request() {
    let mut fleet = Fleet::new(1, Limit::DEFAULT);
    fleet.off_ms.store(86_400 * 365 * 1_000, Ordering::SeqCst);
    fleet.send(0, 1_000).await;
    fleet.off_ms.store(0, Ordering::SeqCst);
    fleet.machine.pass(Duration::from_secs(301));
    fleet.send(0, 1_000).await;
    assert_eq!(fleet.sent.len(), 900);
}

#[tokio::test]
async fn an_ordinary_start_of_a_process_waits_for_nothing() {
    let mut fleet = Fleet::new(1, Limit::DEFAULT);
    fleet.send(0, 10).await;
    fleet.budgets[0].release_unused().await.unwrap();
    fleet.budgets[0] = fleet.start(1);
    assert!(fleet.budgets[0].take().await.is_ok());
}

#[tokio::test]
async fn after_a_start_of_the_machine_the_window_counts_as_full_for_one_window() {
    let mut fleet = Fleet::new(1, Limit::DEFAULT);
    fleet.send(0, 400).await;
    fleet.machine.restart();
    fleet.budgets[0] = fleet.start(1);
    let now = fleet.start(2);
    let Err(BudgetError::Exhausted { until }) = now.take().await else {
        panic!("the window counts as full");
    };
    let clock = Timestamp::from_millis(NOON + fleet.machine.passed());
    let wait = until.since(clock);
    assert!(
        wait <= Limit::DEFAULT.window + Limit::MARGIN + Limit::TICK,
        "{wait:?}"
    );
    fleet.machine.pass(wait);
    fleet.send(0, 1_000).await;
    assert!(fleet.sent.len() > 800, "{}", fleet.sent.len());
}

#[tokio::test]
async fn a_denial_names_a_time_of_the_callers_clock() {
    let mut fleet = Fleet::new(1, Limit::DEFAULT);
    fleet.send(0, 1_000).await;
    for off in [0, 86_400_000, -86_400_000] {
        fleet.off_ms.store(off, Ordering::SeqCst);
        let Err(BudgetError::Exhausted { until }) = fleet.budgets[0].take().await else {
            panic!("there is none");
        };
        let now = Timestamp::from_millis(NOON + fleet.machine.passed() + off);
        assert!(
            until > now && until.since(now) < Duration::from_secs(301),
            "{off}"
        );
    }
}

/// One event of a history.
#[derive(Clone, Copy, Debug)]
enum Event {
    Pass(u64),
    Step(i64),
    Send(usize, usize),
    /// A process is killed and started again.
    StartProcess(usize),
    /// The machine loses power, and with it the newest writes of the ledger.
    StartMachine,
}

fn events() -> impl Strategy<Value = Vec<Event>> {
    let day = 86_400_000_i64;
    let event = prop_oneof![
        4 => (0..40_000_u64).prop_map(Event::Pass),
        3 => prop_oneof![-day..day, -600_000..600_000_i64].prop_map(Event::Step),
        10 => (0..3_usize, 1..80_usize).prop_map(|(of, count)| Event::Send(of, count)),
        2 => (0..3_usize).prop_map(Event::StartProcess),
        1 => Just(Event::StartMachine),
    ];
    prop::collection::vec(event, 1..80)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn no_real_window_ever_holds_more_than_the_limit(
        max in prop::sample::select(vec![3_u32, 40, 130]),
        events in events(),
    ) {
        let limit = Limit { requests_max: max, window: Duration::from_secs(60) };
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let mut fleet = Fleet::new(3, limit);
        // The first requests of an installation are in no older state of its file.
        runtime.block_on(fleet.send(0, 1));
        fleet.machine.pass(Duration::from_secs(100));
        let mut older = fleet.file.0.lock().unwrap().clone();
        for event in events {
            match event {
                Event::Pass(millis) => fleet.machine.pass(Duration::from_millis(millis)),
                Event::Step(millis) => {
                    fleet.off_ms.fetch_add(millis, Ordering::SeqCst);
                }
                Event::Send(of, count) => {
                    older = fleet.file.0.lock().unwrap().clone();
                    runtime.block_on(fleet.send(of, count));
                }
                Event::StartProcess(of) => fleet.budgets[of] = fleet.start(of),
                Event::StartMachine => {
                    *fleet.file.0.lock().unwrap() = older.clone();
                    fleet.machine.restart();
                    for of in 0..3 {
                        fleet.budgets[of] = fleet.start(of);
                    }
                }
            }
        }
        prop_assert!(fleet.most() <= usize::try_from(max).unwrap(), "{} of {max}", fleet.most());
    }
}

//! The budget that instances share: what it writes, what it gives back, and whom it notifies.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::any::Any;
use std::str::FromStr;
use std::sync::atomic::{AtomicI64, AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::FutureExt as _;
use halogard_app::budget::{SharedBudget, Sleep, WaitingBudget};
use halogard_app::ports::{
    BudgetError, Clock, ErrorCode, Permit, PermitOutcome, PortError, Records, RequestBudget as _,
    Revision, Stored, Swap,
};
use halogard_domain::budget::{Ledger, Limit, Pace, Priority, RateRefusal};
use halogard_domain::{FailureClass, Record, Timestamp};

const NOON: i64 = 1_767_600_000_000;

/// A clock that moves only when a test moves it. Clones are one clock.
#[derive(Clone)]
struct TestClock(Arc<AtomicI64>);

impl TestClock {
    fn new() -> Self {
        Self(Arc::new(AtomicI64::new(NOON)))
    }

    fn pass(&self, by: Duration) {
        let millis = i64::try_from(by.as_millis()).unwrap();
        self.0.fetch_add(millis, Ordering::SeqCst);
    }
}

impl Clock for TestClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.0.load(Ordering::SeqCst))
    }
}

impl Sleep for TestClock {
    async fn sleep(&self, pause: Duration) {
        tokio::task::yield_now().await;
        self.pass(pause);
    }
}

/// What the store does with the next swap.
#[derive(Clone, Copy, PartialEq, Eq)]
enum SwapBehaviour {
    Well,
    /// It fails, and nothing is written.
    Fails,
    /// It writes, and the answer is lost.
    AnswerLost,
    /// The swap takes so long.
    Slow(Duration),
}

/// A ledger that counts what is asked of it. Clones are one.
#[derive(Clone)]
struct Memory {
    stored: Arc<Mutex<Stored<Ledger>>>,
    next_swap: Arc<Mutex<SwapBehaviour>>,
    reads: Arc<AtomicU32>,
    writes: Arc<AtomicU32>,
    clock: TestClock,
}

impl Memory {
    fn new(clock: &TestClock) -> Self {
        let empty = Stored {
            value: Ledger::default(),
            revision: Revision(0),
        };
        Self {
            stored: Arc::new(Mutex::new(empty)),
            next_swap: Arc::new(Mutex::new(SwapBehaviour::Well)),
            reads: Arc::default(),
            writes: Arc::default(),
            clock: clock.clone(),
        }
    }

    fn in_use(&self) -> usize {
        self.stored.lock().unwrap().value.in_use(self.clock.now())
    }

    fn writes(&self) -> u32 {
        self.writes.load(Ordering::SeqCst)
    }

    fn budget(&self, limit: Limit) -> SharedBudget<Self, TestClock> {
        SharedBudget::seeded(self.clone(), limit, self.clock.clone(), Pace::Even, 7)
    }
}

impl Records for Memory {
    async fn load_record<T: Record>(&self, _key: &T::Key) -> Result<Stored<T>, PortError> {
        self.reads.fetch_add(1, Ordering::SeqCst);
        let stored = self.stored.lock().unwrap();
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
        self.writes.fetch_add(1, Ordering::SeqCst);
        let next_swap =
            std::mem::replace(&mut *self.next_swap.lock().unwrap(), SwapBehaviour::Well);
        let failed = || PortError::new(FailureClass::Transient, ErrorCode::StoreFailed);
        if next_swap == SwapBehaviour::Fails {
            return Err(failed());
        }
        let mut stored = self.stored.lock().unwrap();
        if stored.revision != revision {
            return Ok(Swap::Conflict(Stored {
                value: cast(&stored.value),
                revision: stored.revision,
            }));
        }
        *stored = Stored {
            value: cast(record),
            revision: Revision(revision.0 + 1),
        };
        match next_swap {
            SwapBehaviour::AnswerLost => return Err(failed()),
            SwapBehaviour::Slow(span) => self.clock.pass(span),
            SwapBehaviour::Well | SwapBehaviour::Fails => {}
        }
        Ok(Swap::Stored(stored.revision))
    }

    async fn active_records<T>(&self) -> Result<Vec<T::Key>, PortError>
    where
        T: Record<Key: FromStr + Sized>,
    {
        Ok(Vec::new())
    }
}

/// The record as its own type. This store holds ledgers only.
fn cast<A: Any, B: Any + Clone>(record: &A) -> B {
    let record: &dyn Any = record;
    record.downcast_ref::<B>().unwrap().clone()
}

/// Takes a permit and has it answered at once.
async fn use_one(budget: &SharedBudget<Memory, TestClock>) {
    let permit = budget.take().await.unwrap();
    budget
        .settle(permit, PermitOutcome::Completed)
        .await
        .unwrap();
}

fn until(taken: Result<Permit, BudgetError>) -> Timestamp {
    match taken {
        Err(BudgetError::Exhausted { until }) => until,
        other => panic!("there is no permit, not {other:?}"),
    }
}

#[tokio::test]
async fn a_busy_holder_leases_more_each_time_and_writes_once_for_sixteen() {
    let clock = TestClock::new();
    let store = Memory::new(&clock);
    let budget = store.budget(Limit::DEFAULT);
    for _ in 0..28 {
        use_one(&budget).await;
    }
    assert_eq!(store.writes(), 3, "4, 8 and 16 permits");
}

#[tokio::test]
async fn a_holder_that_is_not_alone_begins_with_one_permit() {
    let clock = TestClock::new();
    let store = Memory::new(&clock);
    use_one(&store.budget(Limit::DEFAULT)).await;
    let before = store.writes();
    let budget = store.budget(Limit::DEFAULT);
    for _ in 0..31 {
        use_one(&budget).await;
    }
    assert_eq!(store.writes() - before, 5, "1, 2, 4, 8 and 16 permits");
}

#[tokio::test]
async fn a_quiet_holder_leases_one_and_holds_back_none_from_others() {
    let clock = TestClock::new();
    let store = Memory::new(&clock);
    let budget = store.budget(Limit::DEFAULT);
    for _ in 0..5 {
        use_one(&budget).await;
        clock.pass(Duration::from_secs(30));
    }
    assert_eq!((store.in_use(), store.writes()), (5, 5));
}

#[tokio::test]
async fn what_is_handed_back_is_free_and_handing_back_nothing_costs_nothing() {
    let clock = TestClock::new();
    let store = Memory::new(&clock);
    let budget = store.budget(Limit::DEFAULT);
    for _ in 0..5 {
        use_one(&budget).await;
    }
    assert_eq!(store.in_use(), 12, "seven are leased and not used");

    budget.release_unused().await.unwrap();
    assert_eq!(store.in_use(), 5);

    let writes = store.writes();
    budget.release_unused().await.unwrap();
    assert_eq!(store.writes(), writes);
}

#[tokio::test]
async fn a_swap_that_was_lost_goes_on_with_the_newer_ledger_without_reading_again() {
    let clock = TestClock::new();
    let store = Memory::new(&clock);
    let (one, other) = (store.budget(Limit::DEFAULT), store.budget(Limit::DEFAULT));
    for _ in 0..6 {
        use_one(&one).await;
        one.release_unused().await.unwrap();
        clock.pass(Duration::from_secs(30));
    }
    let alone = store.reads.load(Ordering::SeqCst);
    use_one(&one).await;
    assert_eq!(
        store.reads.load(Ordering::SeqCst),
        alone,
        "alone it need not read"
    );
    one.release_unused().await.unwrap();

    use_one(&other).await;
    let reads = store.reads.load(Ordering::SeqCst);
    use_one(&one).await;
    assert_eq!(store.reads.load(Ordering::SeqCst), reads);
    one.release_unused().await.unwrap();
    assert_eq!(store.in_use(), 9, "no permit was lost");
}

#[tokio::test]
async fn a_permit_is_not_used_when_the_process_slept_over_it() {
    let clock = TestClock::new();
    let store = Memory::new(&clock);
    let budget = store.budget(Limit::DEFAULT);
    for _ in 0..4 {
        use_one(&budget).await;
    }
    // Three permits are leased. The process is frozen, for longer than they may wait.
    clock.pass(Limit::GRACE + Duration::from_secs(1));
    let writes = store.writes();
    use_one(&budget).await;
    assert_eq!(store.writes(), writes + 1, "a new lease");
    budget.release_unused().await.unwrap();
    assert_eq!(store.in_use(), 5, "the old ones were given back");
}

#[tokio::test]
async fn a_lease_that_came_too_late_is_not_used() {
    let clock = TestClock::new();
    let store = Memory::new(&clock);
    let budget = store.budget(Limit::DEFAULT);
    *store.next_swap.lock().unwrap() = SwapBehaviour::Slow(Limit::GRACE + Duration::from_secs(1));
    assert!(until(budget.take().await) <= clock.now());

    use_one(&budget).await;
    assert_eq!(store.in_use(), 1, "the late one was given back");
}

#[tokio::test]
async fn a_store_that_fails_lets_nothing_out_and_loses_nothing() {
    let clock = TestClock::new();
    let store = Memory::new(&clock);
    let small = Limit {
        requests_max: 2,
        ..Limit::DEFAULT
    };
    let budget = store.budget(small);
    use_one(&budget).await;
    *store.next_swap.lock().unwrap() = SwapBehaviour::Fails;
    assert!(matches!(
        budget.take().await,
        Err(BudgetError::Store { .. })
    ));

    // What was not reported then is reported now: the first is answered, not out.
    use_one(&budget).await;
    let free = until(budget.take().await);
    assert_eq!(free, clock.now().plus(small.window).plus(Limit::MARGIN));
}

#[tokio::test]
async fn a_lease_whose_answer_was_lost_is_counted_and_not_used() {
    let clock = TestClock::new();
    let store = Memory::new(&clock);
    let small = Limit {
        requests_max: 2,
        ..Limit::DEFAULT
    };
    let budget = store.budget(small);
    *store.next_swap.lock().unwrap() = SwapBehaviour::AnswerLost;
    assert!(matches!(
        budget.take().await,
        Err(BudgetError::Store { .. })
    ));

    use_one(&budget).await;
    until(budget.take().await);
}

#[tokio::test]
async fn a_refusal_stops_every_holder_at_once() {
    let clock = TestClock::new();
    let store = Memory::new(&clock);
    let (one, other) = (store.budget(Limit::DEFAULT), store.budget(Limit::DEFAULT));
    for _ in 0..4 {
        use_one(&one).await;
    }
    let refused = one.take().await.unwrap();
    let pause = Some(Duration::from_secs(20));
    one.settle(
        refused,
        PermitOutcome::RateLimited(RateRefusal {
            retry_after: pause,
            ..RateRefusal::default()
        }),
    )
    .await
    .unwrap();

    let resumed = clock.now().plus(Duration::from_secs(20));
    assert!(
        until(one.take().await) >= resumed,
        "its lease is not used up"
    );
    assert!(until(other.take().await) >= resumed);
}

#[tokio::test]
async fn urgent_work_uses_what_its_process_has_leased_for_bulk_work() {
    let clock = TestClock::new();
    let store = Memory::new(&clock);
    let bulk = store.budget(Limit::DEFAULT).with_priority(Priority::Bulk);
    for _ in 0..5 {
        use_one(&bulk).await;
    }
    let writes = store.writes();
    use_one(&bulk.with_priority(Priority::Urgent)).await;
    assert_eq!(store.writes(), writes);
}

#[tokio::test]
async fn a_patient_holder_waits_for_a_permit_that_is_near_and_for_no_other() {
    let clock = TestClock::new();
    let store = Memory::new(&clock);
    let budget = store.budget(Limit::DEFAULT);
    let waiting = WaitingBudget::new(budget, clock.clone(), clock.clone(), Duration::from_secs(5));
    let began = clock.now();
    let mut taken = 0;
    // More than go at once, a little under two thirds of 450: the rest, about thirty, come one by one
    // at three every two seconds, and each is waited for.
    for _ in 0..320 {
        let permit = waiting.take().await.unwrap();
        waiting
            .settle(permit, PermitOutcome::Completed)
            .await
            .unwrap();
        taken += 1;
    }
    let took = clock.now().since(began);
    assert!((17..22).contains(&took.as_secs()), "{taken} in {took:?}");

    let permit = waiting.take().await.unwrap();
    let hour = Some(Duration::from_secs(3_600));
    waiting
        .settle(
            permit,
            PermitOutcome::RateLimited(RateRefusal {
                retry_after: hour,
                ..RateRefusal::default()
            }),
        )
        .await
        .unwrap();
    let far = until(waiting.take().await);
    assert!(far > clock.now().plus(Duration::from_secs(5)));
}

#[tokio::test]
async fn while_begun_work_waits_for_its_permit_no_other_work_begins() {
    let small = Limit {
        requests_max: 10,
        window: Duration::from_secs(60),
    };
    let clock = TestClock::new();
    let store = Memory::new(&clock);
    let waiting = WaitingBudget::new(
        store.budget(small),
        clock.clone(),
        clock.clone(),
        Duration::from_secs(5),
    )
    .finishing_within(Duration::from_secs(90));
    let began = clock.now();
    for _ in 0..10 {
        let permit = waiting.take().await.unwrap();
        waiting
            .settle(permit, PermitOutcome::Completed)
            .await
            .unwrap();
    }
    // Every slot is in use for a minute: what begins does not wait so long, what finishes does.
    waiting.take_to_begin().await.unwrap_err();
    assert!(clock.now().since(began) < Duration::from_secs(1));
    let mut finishing = std::pin::pin!(waiting.take());
    assert!(finishing.as_mut().now_or_never().is_none());
    // A slot is free by now, and it belongs to the request that waits.
    clock.pass(Duration::from_secs(61));
    waiting.take_to_begin().await.unwrap_err();
    finishing.await.unwrap();
    waiting.take_to_begin().await.unwrap();
}

#[tokio::test]
async fn holders_that_came_in_vain_come_back_at_times_of_their_own() {
    let clock = TestClock::new();
    let store = Memory::new(&clock);
    let handles: Vec<_> = (0..20)
        .map(|seed| {
            let store = store.clone();
            SharedBudget::seeded(store, Limit::DEFAULT, clock.clone(), Pace::Burst, seed)
        })
        .collect();
    let busy = &handles[0];
    let mut permits = Vec::new();
    while let Ok(permit) = busy.take().await {
        permits.push(permit);
    }
    assert_eq!(permits.len(), 450);

    let mut retries = Vec::new();
    for handle in &handles[1..] {
        retries.push(until(handle.take().await));
    }
    assert!(
        retries.windows(2).all(|two| two[0] == two[1]),
        "exactly, at first"
    );

    // They come at the promised time, and another process has taken all.
    clock.pass(retries[0].since(clock.now()));
    while busy.take().await.is_ok() {}
    let mut again = Vec::new();
    for handle in &handles[1..] {
        again.push(until(handle.take().await));
    }
    again.sort_unstable();
    again.dedup();
    assert!(again.len() > 15, "{} times", again.len());
}

/// Takes permits to begin work until there are no more; returns how many, and when to retry.
async fn begin_all(budget: &SharedBudget<Memory, TestClock>) -> (usize, Timestamp) {
    let mut begun = 0;
    loop {
        match budget.take_to_begin().await {
            Ok(permit) => {
                begun += 1;
                settle(budget, permit).await;
            }
            Err(BudgetError::Reserved { until }) => return (begun, until),
            Err(other) => panic!("{other}"),
        }
    }
}

/// Reports that the request of `permit` was answered.
async fn settle(budget: &SharedBudget<Memory, TestClock>, permit: Permit) {
    budget
        .settle(permit, PermitOutcome::Completed)
        .await
        .unwrap();
}

#[tokio::test]
async fn requests_that_begin_work_leave_a_fifth_of_the_window_to_those_that_finish_it() {
    for requests_max in [2, 5, 50] {
        let clock = TestClock::new();
        let limit = Limit {
            requests_max,
            ..Limit::DEFAULT
        };
        let budget = Memory::new(&clock).budget(limit);
        let (begun, until) = begin_all(&budget).await;
        let reserved = usize::try_from(requests_max.div_ceil(5)).unwrap();
        assert_eq!(begun + reserved, usize::try_from(requests_max).unwrap());
        assert!(until > clock.now());
        for _ in 0..reserved {
            let permit = budget.take().await.unwrap();
            settle(&budget, permit).await;
        }
        assert!(matches!(
            budget.take().await,
            Err(BudgetError::Exhausted { .. })
        ));
    }
}

#[tokio::test]
async fn requests_that_finish_work_do_not_wait_for_the_denial_of_others() {
    let clock = TestClock::new();
    let budget = Memory::new(&clock).budget(Limit::DEFAULT);
    let (begun, _) = begin_all(&budget).await;
    assert!(begun <= 360, "{begun}");
    for _ in 0..20 {
        let permit = budget.take().await.expect("a slot is left to it");
        settle(&budget, permit).await;
    }
}

#[tokio::test]
async fn callers_that_were_to_begin_work_come_back_in_groups() {
    let clock = TestClock::new();
    let limit = Limit {
        requests_max: 50,
        ..Limit::DEFAULT
    };
    let budget = Memory::new(&clock).budget(limit);
    let (_, first) = begin_all(&budget).await;
    let mut retries = vec![first];
    for _ in 0..31 {
        match budget.take_to_begin().await {
            Err(BudgetError::Reserved { until }) => retries.push(until),
            other => panic!("{other:?}"),
        }
    }
    let mut times = retries.clone();
    times.dedup();
    assert_eq!(times.len(), 4, "eight at a time: {retries:?}");
    for pair in times.windows(2) {
        assert_eq!(pair[1].since(pair[0]), Duration::from_secs(48));
    }
}

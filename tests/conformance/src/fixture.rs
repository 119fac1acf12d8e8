//! What an adapter brings along to be tried.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use halogard_app::ports::{Clock, Lane, RequestBudget, Vault, WorkQueue};
use halogard_domain::Timestamp;
use halogard_domain::budget::Limit;

/// A place to try an adapter: an empty store of its own for each case, and the time there.
pub trait StoreFixture: Sized + Send + Sync {
    /// The adapter. Clones share what is stored.
    type Store: Clone + Send + Sync + 'static;

    /// Whether [(Self::advance) moves a clock or has to wait.
    const TIME_SOURCE: TimeSource;

    /// Sets up an empty store.
    fn fresh() -> impl Future<Output = Self> + Send;

    /// The store.
    fn store(&self) -> Self::Store;

    /// Opens what is stored anew, as after the process was started again. Every clone of the
    /// former store is gone by then.
    fn reopen(self) -> impl Future<Output = Self> + Send;

    /// The time by the store's clock.
    fn now(&self) -> Timestamp;

    /// Lets `by` pass: a few seconds where time is real.
    fn advance(&self, by: Duration) -> impl Future<Output = ()> + Send;

    /// Whether a case that lets more than a few seconds pass must be left out here, saying so.
    #[must_use]
    fn skips_wait_of(by: Duration) -> bool {
        let skipped = Self::TIME_SOURCE == TimeSource::Real;
        if skipped {
            println!("skipped: {} s would have to pass", by.as_secs());
        }
        skipped
    }
}

/// What time is made of on a fixture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TimeSource {
    /// It moves only when a case moves it.
    Manual,
    /// It is the world's; cases wait for seconds and leave out what takes longer.
    Real,
}

/// A fixture for a queue.
pub trait QueueFixture: StoreFixture<Store: WorkQueue> {
    /// Puts `body` on `lane` as it is, readable or not.
    fn send_raw(&self, lane: Lane, body: &str) -> impl Future<Output = ()> + Send;
}

/// A fixture for a request budget.
pub trait BudgetFixture: StoreFixture {
    /// The budget.
    type Budget: RequestBudget + Clone + 'static;

    /// The budget under `limit`; two calls give two handles on the same slots.
    fn budget(&self, limit: Limit) -> Self::Budget;
}

/// A fixture for a vault.
pub trait VaultFixture: StoreFixture<Store: Vault> {
    /// Every byte the store has written to disk, except its key; `None` when the test cannot read them.
    fn at_rest(&self) -> Option<Vec<u8>>;
}

/// A clock that moves only when a test moves it. Clones are one clock.
#[derive(Clone, Debug)]
pub struct ManualClock(Arc<AtomicI64>);

impl ManualClock {
    /// A clock that shows `time`.
    #[must_use]
    pub fn at(time: Timestamp) -> Self {
        Self(Arc::new(AtomicI64::new(time.as_millis())))
    }

    /// Moves the clock on.
    pub fn advance(&self, by: Duration) {
        self.0
            .store(self.now().plus(by).as_millis(), Ordering::SeqCst);
    }
}

impl Default for ManualClock {
    /// A clock that shows some day.
    fn default() -> Self {
        Self::at(Timestamp::from_millis(1_767_600_000_000))
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.0.load(Ordering::SeqCst))
    }
}

/// Runs `case` on a fresh fixture, with more than one thread, so that tasks truly meet.
///
/// # Panics
///
/// When the case does, which is how it fails.
pub fn run<B, F>(case: impl FnOnce(B) -> F)
where
    B: StoreFixture,
    F: Future<Output = ()>,
{
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(4)
        .enable_all()
        .build()
        .expect("a runtime starts")
        .block_on(async { case(B::fresh().await).await });
}

/// Runs every future as a task of its own, all at once, and returns what they returned.
pub(crate) async fn at_once<T: Send + 'static>(
    tasks: impl IntoIterator<Item = impl Future<Output = T> + Send + 'static>,
) -> Vec<T> {
    let tasks: Vec<_> = tasks.into_iter().map(tokio::spawn).collect();
    let mut outcomes = Vec::with_capacity(tasks.len());
    for task in tasks {
        outcomes.push(task.await.expect("the task ends well"));
    }
    outcomes
}

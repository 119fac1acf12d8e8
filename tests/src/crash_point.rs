//! Stops the process at a chosen point, as a killed process stops: in the middle of an `await`.

use std::future::{Future, pending, poll_fn};
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Poll;

/// What the process does when it stops.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Component {
    /// A request to HaloPSA.
    HaloPsa,
    /// A request to Liongard.
    Liongard,
    /// A write to the store.
    Store,
}

/// On which side of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CrashTiming {
    /// Before anything was sent or written.
    Before,
    /// When it has taken effect, and before anything was learnt of it.
    After,
}

/// The process has stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Crashed;

/// Counts the calls of the process, and stops it at the armed points. Clones share their state.
#[derive(Clone, Debug, Default)]
pub struct CrashPoints(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    counts: [u64; 3],
    armed: Vec<(Component, u64, CrashTiming)>,
    crashed: bool,
    stops: u64,
}

impl CrashPoints {
    /// Stops the process at the `ordinal`th visit to `place`; the first of all is number 1.
    pub fn arm(&self, place: Component, ordinal: u64, moment: CrashTiming) {
        self.state().armed.push((place, ordinal, moment));
    }

    /// Takes every stop back that is still to come.
    pub fn disarm(&self) {
        self.state().armed.clear();
    }

    /// Visits to `place` so far.
    #[must_use]
    pub fn count(&self, place: Component) -> u64 {
        self.state().counts[place as usize]
    }

    /// How often the process was stopped.
    #[must_use]
    pub fn crashes(&self) -> u64 {
        self.state().stops
    }

    /// Stops that are still to come.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.state().armed.len()
    }

    /// Does `work` at `place`, unless the process stops there.
    pub async fn guard<T>(&self, place: Component, work: impl Future<Output = T>) -> T {
        let strikes = self.visit(place);
        if strikes == Some(CrashTiming::Before) {
            return self.crash().await;
        }
        let done = work.await;
        if strikes == Some(CrashTiming::After) {
            return self.crash().await;
        }
        done
    }

    /// Runs `work` until it ends or the process stops.
    ///
    /// # Errors
    ///
    /// [`Crashed`]: whatever was in memory is as good as lost.
    pub async fn until_crash<T>(&self, work: impl Future<Output = T>) -> Result<T, Crashed> {
        let mut work = pin!(work);
        poll_fn(|context| match work.as_mut().poll(context) {
            Poll::Ready(done) => Poll::Ready(Ok(done)),
            Poll::Pending if self.state().crashed => Poll::Ready(Err(Crashed)),
            Poll::Pending => Poll::Pending,
        })
        .await
    }

    /// Puts in another crash_points.
    pub fn reset(&self) {
        self.state().crashed = false;
    }

    /// Counts a visit, and says whether the process stops there.
    fn visit(&self, place: Component) -> Option<CrashTiming> {
        let mut state = self.state();
        state.counts[place as usize] += 1;
        let ordinal = state.counts[place as usize];
        let here =
            |(at, number, _): &(Component, u64, CrashTiming)| *at == place && *number == ordinal;
        let found = state.armed.iter().position(here)?;
        Some(state.armed.swap_remove(found).2)
    }

    /// Nothing happens any more.
    async fn crash<T>(&self) -> T {
        self.stop();
        pending().await
    }

    /// Notes that the process has stopped.
    fn stop(&self) {
        let mut state = self.state();
        state.crashed = true;
        state.stops += 1;
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

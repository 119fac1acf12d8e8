//! What a person does at a chosen moment of the bundle's own work.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::crash_point::{Component, CrashTiming};

/// What happens at the moment.
type Act = Box<dyn FnOnce() + Send>;

/// Acts that wait for a request. Clones share them.
#[derive(Clone, Default)]
pub struct Interventions(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    /// Requests that arrived at each vendor.
    arrived: [u64; 3],
    waiting: Vec<(Component, u64, CrashTiming, Act)>,
}

impl Interventions {
    /// Lets `act` happen at the `ordinal`th request to `place` from now on, counted from 1: just before it
    /// takes effect, or just after.
    pub fn at(
        &self,
        place: Component,
        ordinal: u64,
        timing: CrashTiming,
        act: impl FnOnce() + Send + 'static,
    ) {
        let mut state = self.state();
        let ordinal = state.arrived[place as usize] + ordinal;
        state.waiting.push((place, ordinal, timing, Box::new(act)));
    }

    /// Acts that have not happened yet.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.state().waiting.len()
    }

    /// A request arrives at `place`.
    pub(crate) fn before(&self, place: Component) {
        self.state().arrived[place as usize] += 1;
        self.happen(place, CrashTiming::Before);
    }

    /// The same request has taken effect.
    pub(crate) fn after(&self, place: Component) {
        self.happen(place, CrashTiming::After);
    }

    fn happen(&self, place: Component, timing: CrashTiming) {
        let mut state = self.state();
        let ordinal = state.arrived[place as usize];
        let waiting = std::mem::take(&mut state.waiting);
        let (now, later) = waiting
            .into_iter()
            .partition(|(at, number, when, _)| (*at, *number, *when) == (place, ordinal, timing));
        state.waiting = later;
        drop(state);
        let now: Vec<_> = now;
        for (_, _, _, act) in now {
            act();
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Interventions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Interventions")
            .field("waiting", &self.waiting())
            .finish()
    }
}

//! The parts every use case works with, put together once per process.

use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use halogard_domain::Policy;

use crate::ports::{
    AlertIndex, AlertSource, Clock, Inspectors, Journal, Leases, Links, Notifications, RunStates,
    ServiceDesk, StormStates, SweepStates, Values, WorkQueue,
};

/// Everything that is kept between two looks.
pub trait Store:
    Links
    + AlertIndex
    + Values
    + Leases
    + RunStates
    + StormStates
    + SweepStates
    + WorkQueue
    + Journal
    + Notifications
{
}

impl<S> Store for S where
    S: Links
        + AlertIndex
        + Values
        + Leases
        + RunStates
        + StormStates
        + SweepStates
        + WorkQueue
        + Journal
        + Notifications
{
}

/// Liongard, as the use cases need it.
pub trait Liongard: AlertSource + Inspectors {}

impl<L: AlertSource + Inspectors> Liongard for L {}

/// Writes in one request unless the operator says otherwise. Source: the limits note's estimate of
/// what an array of creates may hold; no vendor's page gives a figure.
pub const BATCH_MAX: usize = 50;

/// Time between two sweeps unless the process says otherwise: with every fifth of the polls that come
/// each minute, one of them a little early. Webhooks tell of changes within seconds; a sweep finds what
/// they missed, and costs a request.
pub const SWEEP_INTERVAL: Duration = Duration::from_secs(285);

/// The service desk, Liongard, the stores, the clock and the policy. The use cases are its methods,
/// one file each.
pub struct Reconciler<D, L, S, C> {
    /// The service desk.
    pub desk: D,
    /// Liongard.
    pub liongard: L,
    /// What is kept.
    pub store: S,
    /// The time.
    pub clock: C,
    /// Names this process among those that work on the same stores.
    pub worker: String,
    /// The most records in one array of writes to the desk, and messages worked off in company.
    pub batch_max: usize,
    /// Least time between two starts of the same inspector.
    pub inspector_min_interval: Duration,
    /// Time between two sweeps of the desk that nothing else asks for.
    pub sweep_interval: Duration,
    /// What the operator decided; replaced as a whole.
    policy: RwLock<Arc<Policy>>,
}

impl<D: ServiceDesk, L: Liongard, S: Store, C: Clock> Reconciler<D, L, S, C> {
    /// Puts the parts together.
    pub fn new(desk: D, liongard: L, store: S, clock: C, policy: Policy) -> Self {
        Self {
            desk,
            liongard,
            store,
            clock,
            worker: "this process".to_owned(),
            batch_max: BATCH_MAX,
            inspector_min_interval: halogard_domain::runs::MIN_INTERVAL,
            sweep_interval: SWEEP_INTERVAL,
            policy: RwLock::new(Arc::new(policy)),
        }
    }

    /// The policy in force.
    pub fn policy(&self) -> Arc<Policy> {
        Arc::clone(&self.policy.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Puts another policy in force; looks under way finish under the old one.
    pub fn set_policy(&self, policy: Policy) {
        *self.policy.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(policy);
    }
}

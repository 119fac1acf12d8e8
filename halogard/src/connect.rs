//! The real parts of one process: both vendors over the network, and the store in its folder.

use std::marker::PhantomData;
use std::sync::Arc;
use std::time::Duration;

use halogard_app::budget::{SharedBudget, Sleep, WaitingBudget};
use halogard_app::{Env, Reconciler};
use halogard_domain::Policy;
use halogard_domain::budget::{Limit, Priority};
use halogard_runtime::random_key_secret;
use halogard_runtime::settings::Settings;
use halogard_sqlite::Store;
use halogard_vendors::{CallObserver, CredentialSources, HttpAlertSource, HttpServiceDesk};

use crate::clock::SleepClock;
use crate::lane_budget::LaneBudget;
use crate::permit_leases;
use crate::stopping::{StopSwitch, StoppableBudget};

/// How long work that no one waits for waits for a permit: longer than a window.
pub const PERMIT_PATIENCE: Duration = Duration::from_secs(600);

/// HaloPSA, over the network and under the budget.
pub type RealDesk<C> = HttpServiceDesk<RealBudget<C>, C>;

/// The request budget, in the store, by the priority of each lane. Waits for a permit that is seconds away, and not for
/// the end of the process.
pub type RealBudget<C> = StoppableBudget<LaneBudget<C>, C>;

/// The same for many requests that no one waits for.
pub type BulkBudget<C> = StoppableBudget<PatientBudget<C>, C>;

/// The request budget, in the store. Waits for a permit that is seconds away.
pub type PatientBudget<C> = WaitingBudget<SharedBudget<Store<C>, C>, C, Sleeper<C>>;

/// Sleeps by a clock.
pub struct Sleeper<C>(pub C);

impl<C: SleepClock> Sleep for Sleeper<C> {
    fn sleep(&self, pause: Duration) -> impl Future<Output = ()> + Send {
        self.0.sleep(pause)
    }
}

/// Liongard, over the network.
pub type RealSource<C> = HttpAlertSource<C>;

/// The collaborators of one process: both vendors over the network, and the store in its folder.
pub struct NetworkEnv<C>(PhantomData<C>);

impl<C: SleepClock> Env for NetworkEnv<C> {
    type Desk = RealDesk<C>;
    type Liongard = RealSource<C>;
    type Store = Store<C>;
    type Clock = C;
}

/// The reconciler of one process.
pub type NetworkReconciler<C> = Reconciler<NetworkEnv<C>>;

/// A reconciler, and what messages say about how it reaches both vendors.
pub struct BuiltReconciler<C: SleepClock> {
    /// The reconciler.
    pub reconciler: NetworkReconciler<C>,
    /// What was corrected in the settings, one warning each.
    pub normalizations: Vec<String>,
    /// The addresses that are asked.
    pub addresses: String,
    /// The permits that it leases.
    pub permits: SharedBudget<Store<C>, C>,
}

/// For how long requests wait for their permits.
#[derive(Clone, Copy)]
pub struct PermitWait<'a> {
    /// The longest that one waits which finishes work.
    pub finish_wait: Duration,
    /// None begins after this has stopped the process.
    pub switch: &'a StopSwitch,
}

/// Builds the reconciler of one process: the clients of both vendors under the request budget of
/// `store`, and what works over them. The credentials are those of the settings, or of `keys` if they
/// rotate. `calls` is informed of every call.
pub fn build_reconciler<C: SleepClock>(
    settings: &Settings,
    keys: Option<CredentialSources>,
    store: &Store<C>,
    clock: C,
    policy: Policy,
    calls: Arc<dyn CallObserver>,
    PermitWait {
        finish_wait,
        switch,
    }: PermitWait<'_>,
) -> anyhow::Result<BuiltReconciler<C>> {
    let permits = SharedBudget::new(store.clone(), settings.limit, clock.clone());
    let patient = LaneBudget::new(&permits, &clock, finish_wait);
    let vendors = halogard_vendors::build(
        &settings.into(),
        keys,
        Arc::new(store.clone()),
        StoppableBudget::new(patient, clock.clone(), switch.clone()),
        &clock,
        calls,
    )?;
    let secret = random_key_secret()?;
    let store = store.clone();
    Ok(BuiltReconciler {
        reconciler: Reconciler::new(vendors.desk, vendors.source, store, clock, policy, secret),
        normalizations: vendors.normalizations,
        addresses: vendors.addresses,
        permits,
    })
}

/// The budget under `limit`, in `store`, for many requests that no one waits for: they leave what is reserved to other work, and wait for
/// each permit, until `switch` stops the process.
pub fn bulk_budget<C: SleepClock>(
    store: &Store<C>,
    limit: Limit,
    clock: C,
    switch: &StopSwitch,
) -> BulkBudget<C> {
    let shared = permit_leases::budget(store.clone(), limit, clock.clone());
    let shared = shared.with_priority(Priority::Bulk);
    let patient = WaitingBudget::new(
        shared,
        clock.clone(),
        Sleeper(clock.clone()),
        PERMIT_PATIENCE,
    );
    StoppableBudget::new(patient, clock, switch.clone())
}

//! The real parts of one process: both vendors over the network, and the store in its folder.

use std::path::Path;
use std::time::Duration;

use anyhow::Context as _;
use halogard_app::budget::{Patient, SharedBudget, Wait};
use halogard_connect::{HttpDesk, HttpSource};
use halogard_domain::budget::Limit;
use halogard_embedded::{Store, StoreKey};

use crate::pace::Pace;

/// HaloPSA, over the network and under the budget.
pub type RealDesk<C> = HttpDesk<RealBudget<C>, C>;

/// The request budget, in the store. Waits for a permit that is seconds away.
pub type RealBudget<C> = Patient<SharedBudget<Store<C>, C>, C, Waiting<C>>;

/// Waits by a clock.
pub struct Waiting<C>(C);

impl<C: Pace> Wait for Waiting<C> {
    fn wait(&self, pause: Duration) -> impl Future<Output = ()> + Send {
        self.0.sleep(pause)
    }
}

/// Liongard, over the network.
pub type RealSource<C> = HttpSource<C>;

/// The bundle over real parts.
pub type RealBundle<C> = halogard_app::Bundle<RealDesk<C>, RealSource<C>, Store<C>, C>;

/// Opens the store in `folder`, with its key beside it.
pub fn open_store<C: Pace>(folder: &Path, clock: C) -> anyhow::Result<Store<C>> {
    std::fs::create_dir_all(folder)
        .with_context(|| format!("the data folder {} cannot be made", folder.display()))?;
    let key = StoreKey::load_or_create(&folder.join("halogard.key"))?;
    Ok(Store::open(&folder.join("halogard.db"), key, clock)?)
}

/// The request budget under `limit`, in `store`.
pub fn budget<C: Pace>(store: &Store<C>, limit: Limit, clock: C) -> RealBudget<C> {
    let shared = SharedBudget::new(store.clone(), limit, clock.clone());
    let patience = RealBudget::<C>::PATIENCE;
    Patient::new(shared, clock.clone(), Waiting(clock), patience)
}

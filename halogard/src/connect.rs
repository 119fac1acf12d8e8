//! The real parts of one process: both vendors over the network, and the store in its folder.

use std::path::Path;

use anyhow::Context as _;
use halogard_connect::{HttpDesk, HttpSource};
use halogard_embedded::{Budget, Store, StoreKey};

use crate::pace::Pace;

/// HaloPSA, over the network and under the budget.
pub type RealDesk<C> = HttpDesk<Budget<C>, C>;

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

//! The store of this machine, whoever holds it.

use std::path::Path;

use anyhow::Context as _;
use halogard_app::ports::{
    LedgerStore, Marks, PortError, Revision, SecretInfo, SecretVersion, Stage, Stored, Swap, Vault,
    VaultError,
};
use halogard_domain::budget::Ledger;
use halogard_embedded::{OpenError, Store};
use halogard_runtime::SystemClock;
use secrecy::SecretString;

use super::borrower::Borrowed;
use crate::connect;

/// Secrets, marks and the request budget of this machine.
#[derive(Clone)]
pub enum LocalStore {
    /// This process holds the store.
    Own(Store<SystemClock>),
    /// A `serve` holds it, and lends.
    Lent(Borrowed),
}

impl LocalStore {
    /// Opens the store in `folder`, or borrows it from the `serve` that holds it.
    pub async fn open(folder: &Path) -> anyhow::Result<Self> {
        let error = match connect::open_store(folder, SystemClock) {
            Ok(store) => return Ok(Self::Own(store)),
            Err(error) => error,
        };
        if !matches!(error.downcast_ref(), Some(OpenError::InUse { .. })) {
            return Err(error);
        }
        match Borrowed::from(folder).await {
            Ok(lent) => Ok(Self::Lent(lent)),
            // What holds it is no `serve`, or one that cannot lend.
            Err(_) => Err(error).context("stop `halogard serve` first"),
        }
    }

    /// Whether a `serve` runs.
    pub const fn is_lent(&self) -> bool {
        matches!(self, Self::Lent(_))
    }
}

impl From<Store<SystemClock>> for LocalStore {
    fn from(store: Store<SystemClock>) -> Self {
        Self::Own(store)
    }
}

impl Vault for LocalStore {
    async fn describe(&self, name: &str) -> Result<Option<SecretInfo>, VaultError> {
        match self {
            Self::Own(store) => store.describe(name).await,
            Self::Lent(lent) => lent.describe(name).await,
        }
    }

    async fn read(&self, name: &str, stage: Stage) -> Result<Option<SecretVersion>, VaultError> {
        match self {
            Self::Own(store) => Vault::read(store, name, stage).await,
            Self::Lent(lent) => lent.read(name, stage).await,
        }
    }

    async fn put(
        &self,
        name: &str,
        version: &str,
        value: &SecretString,
        stage: Stage,
    ) -> Result<(), VaultError> {
        match self {
            Self::Own(store) => store.put(name, version, value, stage).await,
            Self::Lent(lent) => lent.put(name, version, value, stage).await,
        }
    }

    async fn promote(&self, name: &str, version: &str) -> Result<(), VaultError> {
        match self {
            Self::Own(store) => store.promote(name, version).await,
            Self::Lent(lent) => lent.promote(name, version).await,
        }
    }
}

impl Marks for LocalStore {
    async fn mark(&self, name: &str) -> Result<Option<i64>, PortError> {
        match self {
            Self::Own(store) => store.mark(name).await,
            Self::Lent(lent) => lent.mark(name).await,
        }
    }

    async fn set_mark(&self, name: &str, value: i64) -> Result<(), PortError> {
        match self {
            Self::Own(store) => store.set_mark(name, value).await,
            Self::Lent(lent) => lent.set_mark(name, value).await,
        }
    }
}

impl LedgerStore for LocalStore {
    async fn load_ledger(&self) -> Result<Stored<Ledger>, PortError> {
        match self {
            Self::Own(store) => store.load_ledger().await,
            Self::Lent(lent) => lent.load_ledger().await,
        }
    }

    async fn swap_ledger(&self, ledger: &Ledger, revision: Revision) -> Result<Swap, PortError> {
        match self {
            Self::Own(store) => store.swap_ledger(ledger, revision).await,
            Self::Lent(lent) => lent.swap_ledger(ledger, revision).await,
        }
    }
}

//! The platform of a function: store, vault, budget and clock. [`Aws`](crate::Aws) when deployed, a fake
//! in tests.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use aws_lambda_events::sqs::SqsMessage;
use halogard_app::Store;
use halogard_app::budget::SharedBudget;
use halogard_app::ports::{Clock, Delivery, Lane, PortError, Vault};
use halogard_credentials::CredentialCache;
use halogard_domain::{Policy, Timestamp};
use halogard_runtime::metrics::Metrics;
use halogard_runtime::settings::SettingValues;
use halogard_vendors::CredentialSources;

use crate::lanes::Lanes;
use crate::setup::SetUpError;
use crate::vendors::CurrentVersions;

/// The variable that names the secret with HaloPSA's application.
pub const HALOPSA_SECRET: &str = "HALOPSA_SECRET";

/// The variable that names the secret with Liongard's access key.
pub const LIONGARD_SECRET: &str = "LIONGARD_SECRET";

/// The platform's types, and what a function needs beside the ports.
pub trait Platform: Send + Sync + 'static {
    /// Pairs, queue, journal, the budget's ledger and tokens.
    type Store: Store + Clone + 'static;
    /// The secrets with the vendors' credentials.
    type Vault: Vault + Clone + 'static;
    /// The time.
    type Clock: Clock + Clone + 'static;

    /// Builds the resources; makes no call yet.
    ///
    /// # Errors
    ///
    /// Everything that is missing or wrong, at once.
    fn resources(&self) -> Result<Resources<Self>, SetUpError>
    where
        Self: Sized;

    /// Receives a record that Lambda has taken from the queue of `lane`, and deletes there unless the answer
    /// lists it. `None` means that it came before its time and was deferred again.
    ///
    /// # Errors
    ///
    /// It came before its time and could not be deferred.
    fn receive(
        &self,
        store: &Self::Store,
        lane: Lane,
        record: SqsMessage,
    ) -> impl Future<Output = Result<Option<Delivery>, PortError>> + Send;

    /// The applied config, if there is one.
    fn applied_config(
        &self,
        store: &Self::Store,
    ) -> impl Future<Output = Result<Option<AppliedConfig>, PortError>> + Send;
}

/// The resources of a function that need no vendor's credentials.
pub struct Resources<P: Platform> {
    /// Pairs, queue, journal, the budget's ledger and tokens.
    pub store: P::Store,
    /// The secrets with the vendors' credentials.
    pub vault: P::Vault,
    /// The request budget; one for the life of the instance, because it caches permits.
    pub budget: SharedBudget<P::Store, P::Clock>,
    /// The time.
    pub clock: P::Clock,
    /// The plain settings.
    pub settings: SettingValues,
    /// The secrets that hold the vendors' credentials.
    pub secrets: Vec<SecretName>,
    /// The lane of each queue.
    pub lanes: Lanes,
    /// Least time between two starts of the same inspector.
    pub inspector_min_interval: Duration,
    /// Polls of Liongard in the minute that begins with a sync cycle, whose own is the first.
    pub polls_per_minute: u32,
}

/// A secret and the variable that names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SecretName {
    /// The environment variable.
    pub variable: &'static str,
    /// The secret's name in the vault; on AWS its ARN.
    pub name: String,
}

impl<P: Platform> Resources<P> {
    /// Where the clients get their credentials: each secret is read again when a vendor refuses one of its
    /// values, and the pending value is tried, so that a rotation makes no work fail.
    /// `versions` were read at `read_at`.
    pub(crate) fn credentials(
        &self,
        versions: &CurrentVersions,
        read_at: Timestamp,
    ) -> Option<CredentialSources> {
        let cache = |variable: &str| {
            let secret = self.secrets.iter().find(|it| it.variable == variable)?;
            let (vault, clock) = (self.vault.clone(), self.clock.clone());
            let cache = CredentialCache::new(vault, clock, &secret.name);
            Some(Arc::new(match versions.get(variable) {
                Some(version) => cache.with_current(version, read_at),
                None => cache,
            }))
        };
        Some(CredentialSources {
            halo: cache(HALOPSA_SECRET)?,
            liongard: cache(LIONGARD_SECRET)?,
        })
    }

    /// The plain settings, completed by HaloPSA's secret, which also holds what the channels of notices need.
    ///
    /// # Errors
    ///
    /// The secret cannot be read, or holds no members.
    pub async fn channel_settings(&self) -> Result<SettingValues, SetUpError> {
        let secrets = self.secrets.iter();
        let secrets: Vec<SecretName> = secrets
            .filter(|secret| secret.variable == HALOPSA_SECRET)
            .cloned()
            .collect();
        let values = crate::vendors::values_in(&self.vault, &secrets, &self.settings).await;
        values.map_err(SetUpError::of)
    }

    /// Releases the permits that were leased and not used: an instance may be frozen for any time after its
    /// answer. If that fails, the permits free themselves later.
    pub async fn release_permits(&self) {
        if let Err(error) = self.budget.release_unused().await {
            tracing::warn!(%error, "unused permits of the request budget not released");
        }
    }

    /// Adds the requests left in the window to `metrics`, if known.
    pub(crate) fn with_budget(&self, metrics: Metrics) -> Metrics {
        match self.budget.left() {
            Some(left) => metrics.count("BudgetLeft", left),
            None => metrics,
        }
    }
}

/// The applied config.
#[derive(Clone, Debug)]
pub struct AppliedConfig {
    /// Its revision; grows with each config that is applied.
    pub revision: u64,
    /// What the operator decided.
    pub policy: Policy,
}

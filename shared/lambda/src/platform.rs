//! What a function stands on: the stores, the vault, the budget and the clock. AWS when deployed;
//! the embedded store in tests.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use aws_lambda_events::sqs::SqsMessage;
use halogard_app::Store;
use halogard_app::budget::SharedBudget;
use halogard_app::credentials::CredentialCache;
use halogard_app::ports::{Clock, Delivery, Lane, LedgerStore, PortError, Tokens, Vault};
use halogard_domain::Policy;
use halogard_runtime::metrics::Metrics;
use halogard_runtime::settings::Environment;
use halogard_vendors::CredentialSources;

use crate::lanes::Lanes;
use crate::setup::SetUpError;

/// The variable that names the secret with HaloPSA's application.
pub const HALOPSA_SECRET: &str = "HALOPSA_SECRET";

/// The variable that names the secret with Liongard's access key.
pub const LIONGARD_SECRET: &str = "LIONGARD_SECRET";

/// The kinds of parts a function is made of, and what they do beside the use cases' ports.
pub trait Platform: Send + Sync + 'static {
    /// Everything that is kept.
    type Store: Store + LedgerStore + Tokens + Clone + 'static;
    /// Where the vendors' credentials are.
    type Vault: Vault + Clone + 'static;
    /// The time.
    type Clock: Clock + Clone + 'static;

    /// Puts the parts together; asks nobody anything yet.
    ///
    /// # Errors
    ///
    /// Everything that is missing or wrong, at once.
    fn resources(&self) -> Result<Resources<Self>, SetUpError>
    where
        Self: Sized;

    /// Takes over a message that Lambda has received from the queue of `lane`, and deletes there
    /// unless the answer lists it.
    ///
    /// # Errors
    ///
    /// It came before its time and could not be put back.
    fn receive(
        &self,
        store: &Self::Store,
        lane: Lane,
        record: SqsMessage,
    ) -> impl Future<Output = Result<Option<Delivery>, PortError>> + Send;

    /// The config in force; `None` when none was ever applied.
    fn applied_config(
        &self,
        store: &Self::Store,
    ) -> impl Future<Output = Result<Option<AppliedConfig>, PortError>> + Send;
}

/// The parts, before any vendor's credential is known.
pub struct Resources<P: Platform> {
    /// Everything that is kept.
    pub store: P::Store,
    /// Where the vendors' credentials are.
    pub vault: P::Vault,
    /// What allows requests to HaloPSA; one for the life of the instance, because it may hold
    /// permits.
    pub budget: SharedBudget<P::Store, P::Clock>,
    /// The time.
    pub clock: P::Clock,
    /// The plain settings.
    pub settings: Environment,
    /// The secrets that hold the vendors' credentials.
    pub secrets: Vec<SecretName>,
    /// Which lane each queue is.
    pub lanes: Lanes,
    /// Least time between two starts of the same inspector.
    pub inspector_min_interval: Duration,
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
    /// Where the clients take their credentials from: each secret is read again when one of its
    /// values is refused, and the pending value is tried, so that a rotation fails no work.
    pub(crate) fn keys(&self) -> Option<CredentialSources> {
        let ring = |variable: &str| {
            let secret = self.secrets.iter().find(|it| it.variable == variable)?;
            let (vault, clock) = (self.vault.clone(), self.clock.clone());
            Some(Arc::new(CredentialCache::new(vault, clock, &secret.name)))
        };
        Some(CredentialSources {
            halo: ring(HALOPSA_SECRET)?,
            liongard: ring(LIONGARD_SECRET)?,
        })
    }

    /// Gives back the permits that were leased and not used: an instance may be frozen after its
    /// answer, for as long as it takes. What is lost when that fails: they free themselves later.
    pub(crate) async fn release_permits(&self) {
        if let Err(error) = self.budget.release_unused().await {
            tracing::warn!(%error, "permits of the request budget were left to expire");
        }
    }

    /// Adds the requests left in the window to `metrics`, if this instance knows.
    pub(crate) fn with_budget(&self, metrics: Metrics) -> Metrics {
        match self.budget.left() {
            Some(left) => metrics.count("BudgetLeft", left),
            None => metrics,
        }
    }
}

/// The config in force.
#[derive(Clone, Debug)]
pub struct AppliedConfig {
    /// Which one it is; grows with each that is applied.
    pub revision: u64,
    /// What the operator decided.
    pub policy: Policy,
}

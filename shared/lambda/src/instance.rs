//! A function's state between invocations.

use std::marker::PhantomData;
use std::sync::Arc;
use std::time::Duration;

use halogard_app::ports::{Clock as _, PortError};
use halogard_app::{Env, Reconciler};
use halogard_domain::{Policy, Timestamp};
use halogard_runtime::random_key_secret;
use halogard_vendors::{CallDurations, HttpAlertSource, HttpServiceDesk};
use tokio::sync::Mutex;
use tracing::{error, info, warn};

use crate::deadline::{Deadline, Reserves};
use crate::deadline_aware_budget::DeadlineAwareBudget;
use crate::deadline_guard::DeadlineGuard;
use crate::platform::{Platform, Resources};
use crate::setup::{SetUpError, SetUpFault};
use crate::vendors;

/// How long a config is cached: an operator who applies one waits at most this long, and a function that
/// runs all the time reads one item a minute.
const CONFIG_TTL: Duration = Duration::from_secs(60);

/// Least time between two reads of the secrets. A refused credential was mostly rotated a moment ago; one
/// that is wrong must not cost a call to the vault with every message.
const SECRETS_MIN_INTERVAL: Duration = Duration::from_secs(60);

/// A function's collaborators: both vendors over HTTP, and the platform's store and clock.
pub struct FunctionEnv<P>(PhantomData<P>);

impl<P: Platform> Env for FunctionEnv<P> {
    type Desk =
        DeadlineGuard<HttpServiceDesk<DeadlineAwareBudget<P::Store, P::Clock>, P::Clock>, P::Clock>;
    type Liongard = DeadlineGuard<HttpAlertSource<P::Clock>, P::Clock>;
    type Store = P::Store;
    type Clock = P::Clock;
}

/// The reconciler of a function.
pub type FunctionReconciler<P> = Reconciler<FunctionEnv<P>>;

/// One instance of a function, from its first invocation to its last.
pub struct Instance<P: Platform> {
    platform: Arc<P>,
    deadline: Deadline,
    state: Mutex<Option<InstanceState<P>>>,
}

/// The state of an instance whose resources are available.
struct InstanceState<P: Platform> {
    resources: Arc<Resources<P>>,
    /// Identifies this instance among those that share the store.
    worker: String,
    /// The durations of the calls to the vendors that are not written as metrics yet.
    calls: Arc<CallDurations>,
    config: Option<LoadedConfig>,
    reconciler: Option<Cached<P>>,
}

/// The config in force.
struct LoadedConfig {
    revision: u64,
    policy: Policy,
    read_at: Timestamp,
}

/// The reconciler, with the secrets as they were last read.
struct Cached<P: Platform> {
    reconciler: Arc<FunctionReconciler<P>>,
    /// The revision of the policy it uses.
    revision: u64,
    built_at: Timestamp,
    /// Whether a vendor has refused its credentials.
    refused: bool,
}

/// One invocation.
pub struct Invocation<P: Platform> {
    /// The platform.
    pub platform: Arc<P>,
    /// The resources that need no vendor's credentials.
    pub resources: Arc<Resources<P>>,
    /// The durations of the calls to the vendors.
    pub calls: Arc<CallDurations>,
    /// The time left.
    pub deadline: Deadline,
    /// The reconciler, or why the function is not ready.
    pub reconciler: Result<Arc<FunctionReconciler<P>>, NotReady>,
}

/// Why a function is not ready to work.
#[derive(Debug, thiserror::Error)]
pub enum NotReady {
    /// The operator has applied no config yet.
    #[error(
        "no config was applied yet, or another version of Halogard applied it; start with `halogard config plan \
         --stack NAME`"
    )]
    NotConfigured,
    /// The config could not be read.
    #[error("the config could not be read")]
    Config(#[source] PortError),
    /// Settings or secrets are missing or wrong.
    #[error("{0}")]
    SetUp(#[from] SetUpError),
}

impl NotReady {
    /// The word in logs.
    const fn outcome(&self) -> &'static str {
        match self {
            Self::NotConfigured => "not_configured",
            Self::Config(_) | Self::SetUp(_) => "set_up_failed",
        }
    }

    /// Logs why nothing is done. A config that is not applied yet is a warning, anything else an error.
    pub(crate) fn log(&self) {
        match self {
            Self::NotConfigured => {
                warn!(outcome = self.outcome(), reason = %self, "not ready");
            }
            Self::Config(error) => error!(
                outcome = self.outcome(),
                error_type = error.code.as_str(),
                reason = error.chain(),
                "config could not be read; not ready"
            ),
            Self::SetUp(wrong) => {
                error!(outcome = self.outcome(), reason = %wrong, "not ready");
            }
        }
    }
}

impl<P: Platform> Instance<P> {
    /// An empty instance. The first invocation builds everything: an initialisation that fetched secrets
    /// would fail with them, and would be billed for waiting.
    #[must_use]
    pub fn new(platform: P) -> Self {
        Self::with(platform, Reserves::default())
    }

    /// The same with other reserves of time, for tests.
    #[must_use]
    pub fn with(platform: P, reserves: Reserves) -> Self {
        Self {
            platform: Arc::new(platform),
            deadline: Deadline::new(reserves),
            state: Mutex::new(None),
        }
    }

    /// Begins an invocation that ends at `deadline`: builds what is missing, and refreshes what is too old.
    ///
    /// # Errors
    ///
    /// The settings of the store or the queues are missing or wrong. The next invocation tries again.
    pub async fn begin(&self, deadline: Timestamp) -> Result<Invocation<P>, SetUpError> {
        self.deadline.begin(deadline);
        let mut slot = self.state.lock().await;
        let state = match &mut *slot {
            Some(state) => state,
            empty => empty.insert(InstanceState::new(self.platform.resources()?)?),
        };
        let reconciler = state.reconciler(&self.platform, &self.deadline).await;
        Ok(Invocation {
            platform: Arc::clone(&self.platform),
            resources: Arc::clone(&state.resources),
            calls: Arc::clone(&state.calls),
            deadline: self.deadline.clone(),
            reconciler,
        })
    }
}

impl<P: Platform> InstanceState<P> {
    fn new(resources: Resources<P>) -> Result<Self, SetUpError> {
        Ok(Self {
            resources: Arc::new(resources),
            worker: worker()?,
            calls: Arc::default(),
            config: None,
            reconciler: None,
        })
    }

    /// The reconciler, with the current config and with credentials that no vendor has refused.
    async fn reconciler(
        &mut self,
        platform: &P,
        deadline: &Deadline,
    ) -> Result<Arc<FunctionReconciler<P>>, NotReady> {
        let now = self.resources.clock.now();
        self.refresh_config(platform, now).await?;
        let Some(config) = &self.config else {
            return Err(NotReady::NotConfigured);
        };
        if deadline.take_credential_refused()
            && let Some(built) = &mut self.reconciler
        {
            built.refused = true;
        }
        match &mut self.reconciler {
            Some(built) if !built.is_to_be_renewed(now) => {
                if built.revision != config.revision {
                    built.reconciler.set_policy(config.policy.clone());
                    built.revision = config.revision;
                }
                Ok(Arc::clone(&built.reconciler))
            }
            _ => {
                let reconciler = self.build(config, deadline).await?;
                self.reconciler = Some(Cached {
                    reconciler: Arc::clone(&reconciler),
                    revision: config.revision,
                    built_at: now,
                    refused: false,
                });
                Ok(reconciler)
            }
        }
    }

    /// Reads the config again when the cached one has expired. If that fails, the cached one stays in force.
    async fn refresh_config(&mut self, platform: &P, now: Timestamp) -> Result<(), NotReady> {
        let fresh = |config: &LoadedConfig| now.is_within(CONFIG_TTL, config.read_at);
        if self.config.as_ref().is_some_and(fresh) {
            return Ok(());
        }
        match (
            platform.applied_config(&self.resources.store).await,
            &mut self.config,
        ) {
            (Ok(Some(applied)), Some(config)) if applied.revision == config.revision => {
                config.read_at = now;
            }
            (Ok(Some(applied)), config) => {
                info!(revision = applied.revision, "config loaded");
                *config = Some(LoadedConfig {
                    revision: applied.revision,
                    policy: applied.policy,
                    read_at: now,
                });
            }
            (Ok(None), config) => *config = None,
            (Err(error), Some(_)) => warn!(
                error_type = error.code.as_str(),
                reason = error.chain(),
                "config could not be read; the previous one stays in force"
            ),
            (Err(error), None) => return Err(NotReady::Config(error)),
        }
        Ok(())
    }

    /// Builds a reconciler with the current secrets.
    async fn build(
        &self,
        config: &LoadedConfig,
        deadline: &Deadline,
    ) -> Result<Arc<FunctionReconciler<P>>, SetUpError> {
        let resources = &*self.resources;
        let clock = &resources.clock;
        let read_at = clock.now();
        let (settings, versions) =
            vendors::read(&resources.vault, &resources.secrets, &resources.settings).await?;
        let budget =
            DeadlineAwareBudget::new(resources.budget.clone(), deadline.clone(), clock.clone());
        let tokens = Arc::new(resources.store.clone());
        let calls = Arc::clone(&self.calls);
        let keys = resources.credentials(&versions, read_at);
        let built = halogard_vendors::build(&settings, keys, tokens, budget, clock, calls)
            .map_err(SetUpFault::from)?;
        for remark in &built.normalizations {
            warn!(%remark, "a setting was corrected");
        }
        let mut reconciler = FunctionReconciler::<P>::new(
            DeadlineGuard::new(built.desk, deadline.clone(), clock.clone()),
            DeadlineGuard::new(built.source, deadline.clone(), clock.clone()),
            resources.store.clone(),
            clock.clone(),
            config.policy.clone(),
            random_key_secret().map_err(SetUpFault::from)?,
        );
        reconciler.worker.clone_from(&self.worker);
        reconciler.inspector_min_interval = resources.inspector_min_interval;
        reconciler.probes_dialect = true;
        Ok(Arc::new(reconciler))
    }
}

impl<P: Platform> Cached<P> {
    /// Whether to read the secrets again: a credential was refused, and they were not read a moment ago.
    fn is_to_be_renewed(&self, now: Timestamp) -> bool {
        self.refused && !now.is_within(SECRETS_MIN_INTERVAL, self.built_at)
    }
}

/// A name that no other instance has.
fn worker() -> Result<String, SetUpError> {
    let mut random = [0; 8];
    getrandom::fill(&mut random).map_err(SetUpFault::Random)?;
    Ok(format!("{:016x}", u64::from_ne_bytes(random)))
}

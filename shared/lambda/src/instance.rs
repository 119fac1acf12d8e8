//! What is kept of a function between two invocations.

use std::sync::Arc;
use std::time::Duration;

use halogard_app::Bundle;
use halogard_app::ports::{Clock as _, PortError};
use halogard_connect::{HttpDesk, HttpSource};
use halogard_domain::{Policy, Timestamp};
use tokio::sync::Mutex;
use tracing::{error, info, warn};

use crate::platform::{Ground, Platform};
use crate::setup::{SetUpError, SetUpFault};
use crate::timely::TimelyBudget;
use crate::vendors;
use crate::watch::{Spans, Watch};
use crate::watched::Watched;

/// How long a config is taken to be the one in force. The operator who applied one waits no longer
/// than this; a function that runs all the time reads one item a minute.
const CONFIG_FRESH: Duration = Duration::from_secs(60);

/// Least time between two readings of the secrets. A credential that is refused was mostly rotated a
/// moment ago; one that is wrong altogether must not cost a call to the vault with every message.
const SECRETS_MIN_INTERVAL: Duration = Duration::from_secs(60);

/// The use cases of a function over its real parts.
pub type FunctionBundle<P> = Bundle<
    Watched<
        HttpDesk<
            TimelyBudget<<P as Platform>::Store, <P as Platform>::Clock>,
            <P as Platform>::Clock,
        >,
        <P as Platform>::Clock,
    >,
    Watched<HttpSource<<P as Platform>::Clock>, <P as Platform>::Clock>,
    <P as Platform>::Store,
    <P as Platform>::Clock,
>;

/// One instance of a function, from its first invocation to its last.
pub struct Instance<P: Platform> {
    platform: Arc<P>,
    watch: Watch,
    kept: Mutex<Option<Kept<P>>>,
}

/// What is kept once it could be put together.
struct Kept<P: Platform> {
    ground: Arc<Ground<P>>,
    /// Names this instance among those that work on the same stores.
    worker: String,
    config: Option<Config>,
    bundle: Option<Built<P>>,
}

/// The config in force.
struct Config {
    revision: u64,
    policy: Policy,
    read_at: Timestamp,
}

/// The use cases, over the vendors as they could be reached when the secrets were last read.
struct Built<P: Platform> {
    bundle: Arc<FunctionBundle<P>>,
    /// Whose policy is in force.
    revision: u64,
    built_at: Timestamp,
    /// Whether a vendor has refused the credentials it was built with.
    refused: bool,
}

/// One invocation.
pub struct Invocation<P: Platform> {
    /// What the parts do beside their ports.
    pub platform: Arc<P>,
    /// The parts that need no vendor.
    pub ground: Arc<Ground<P>>,
    /// How much time is left.
    pub watch: Watch,
    /// The use cases, or why nothing can be done now.
    pub bundle: Result<Arc<FunctionBundle<P>>, NotReady>,
}

/// Why no work can be done now.
#[derive(Debug, thiserror::Error)]
pub enum NotReady {
    /// The operator has applied no config yet.
    #[error("no config was applied yet; apply one with `halogard config apply --stack NAME`")]
    NotConfigured,
    /// The config could not be read.
    #[error("the config in force could not be read")]
    Config(#[source] PortError),
    /// Settings or secrets are missing or wrong.
    #[error("{0}")]
    SetUp(#[from] SetUpError),
}

impl NotReady {
    /// Writes why nothing is done. A config that is yet to come is no fault; anything else is, and
    /// somebody should look.
    pub(crate) fn tell(&self) {
        match self {
            Self::NotConfigured => {
                warn!(outcome = "not_configured", reason = %self, "nothing is done");
            }
            Self::Config(error) => error!(
                outcome = "set_up_failed",
                error_type = error.error_type,
                reason = error.chain(),
                "the config in force could not be read; nothing is done"
            ),
            Self::SetUp(wrong) => {
                error!(outcome = "set_up_failed", reason = %wrong, "nothing is done");
            }
        }
    }
}

impl<P: Platform> Instance<P> {
    /// An instance that has nothing yet: it is all put together at the first invocation, since a
    /// start that fetched secrets would fail with them, and be billed for waiting.
    #[must_use]
    pub fn new(platform: P) -> Self {
        Self::with(platform, Spans::default())
    }

    /// The same with other spans of time, for tests.
    #[must_use]
    pub fn with(platform: P, spans: Spans) -> Self {
        Self {
            platform: Arc::new(platform),
            watch: Watch::new(spans),
            kept: Mutex::new(None),
        }
    }

    /// Begins an invocation that ends at `deadline`: puts together what is missing, and renews what
    /// is too old.
    ///
    /// # Errors
    ///
    /// Not even the stores can be had. The next invocation tries again.
    pub async fn begin(&self, deadline: Timestamp) -> Result<Invocation<P>, SetUpError> {
        self.watch.begin(deadline);
        let mut slot = self.kept.lock().await;
        let kept = match &mut *slot {
            Some(kept) => kept,
            empty => empty.insert(Kept::new(self.platform.ground()?)?),
        };
        let bundle = kept.bundle(&self.platform, &self.watch).await;
        Ok(Invocation {
            platform: Arc::clone(&self.platform),
            ground: Arc::clone(&kept.ground),
            watch: self.watch.clone(),
            bundle,
        })
    }
}

impl<P: Platform> Kept<P> {
    fn new(ground: Ground<P>) -> Result<Self, SetUpError> {
        Ok(Self {
            ground: Arc::new(ground),
            worker: worker()?,
            config: None,
            bundle: None,
        })
    }

    /// The use cases, under the config in force and with credentials nobody has refused.
    async fn bundle(
        &mut self,
        platform: &P,
        watch: &Watch,
    ) -> Result<Arc<FunctionBundle<P>>, NotReady> {
        let now = self.ground.clock.now();
        self.refresh_config(platform, now).await?;
        let Some(config) = &self.config else {
            return Err(NotReady::NotConfigured);
        };
        if watch.take_refused()
            && let Some(built) = &mut self.bundle
        {
            built.refused = true;
        }
        match &mut self.bundle {
            Some(built) if !built.is_to_be_renewed(now) => {
                if built.revision != config.revision {
                    built.bundle.set_policy(config.policy.clone());
                    built.revision = config.revision;
                }
                Ok(Arc::clone(&built.bundle))
            }
            _ => {
                let bundle = self.build(config, watch).await?;
                self.bundle = Some(Built {
                    bundle: Arc::clone(&bundle),
                    revision: config.revision,
                    built_at: now,
                    refused: false,
                });
                Ok(bundle)
            }
        }
    }

    /// Reads the config anew when it is no longer fresh. One that cannot be read now leaves the
    /// former in force.
    async fn refresh_config(&mut self, platform: &P, now: Timestamp) -> Result<(), NotReady> {
        let fresh = |config: &Config| now.since(config.read_at) < CONFIG_FRESH;
        if self.config.as_ref().is_some_and(fresh) {
            return Ok(());
        }
        match (platform.applied(&self.ground.store).await, &mut self.config) {
            (Ok(Some(applied)), Some(config)) if applied.revision == config.revision => {
                config.read_at = now;
            }
            (Ok(Some(applied)), config) => {
                info!(revision = applied.revision, "a config is in force");
                *config = Some(Config {
                    revision: applied.revision,
                    policy: applied.policy,
                    read_at: now,
                });
            }
            (Ok(None), config) => *config = None,
            (Err(error), Some(_)) => warn!(
                error_type = error.error_type,
                reason = error.chain(),
                "the config could not be read; the former one stays in force"
            ),
            (Err(error), None) => return Err(NotReady::Config(error)),
        }
        Ok(())
    }

    /// Puts the use cases together, with the secrets as they are now.
    async fn build(
        &self,
        config: &Config,
        watch: &Watch,
    ) -> Result<Arc<FunctionBundle<P>>, SetUpError> {
        let ground = &*self.ground;
        let settings = vendors::read(&ground.vault, &ground.secrets, &ground.settings).await?;
        let clock = &ground.clock;
        let budget = TimelyBudget::new(ground.budget.clone(), watch.clone(), clock.clone());
        let (halo, liongard) = (&settings.halo, &settings.liongard);
        let tokens = Arc::new(ground.store.clone());
        let built = match ground.keys() {
            Some(keys) => halogard_connect::build_with(halo, liongard, keys, tokens, budget, clock),
            None => halogard_connect::build(halo, liongard, tokens, budget, clock),
        };
        let built = built.map_err(SetUpFault::from)?;
        for remark in &built.forgiven {
            warn!(%remark, "a setting works, though not as it was written");
        }
        let mut bundle = Bundle::new(
            Watched::new(built.desk, watch.clone(), clock.clone()),
            Watched::new(built.source, watch.clone(), clock.clone()),
            ground.store.clone(),
            clock.clone(),
            config.policy.clone(),
        );
        bundle.worker.clone_from(&self.worker);
        bundle.inspector_min_interval = ground.inspector_min_interval;
        Ok(Arc::new(bundle))
    }
}

impl<P: Platform> Built<P> {
    /// Whether the secrets are to be read again: a credential was refused, and not a moment ago.
    fn is_to_be_renewed(&self, now: Timestamp) -> bool {
        self.refused && now.since(self.built_at) >= SECRETS_MIN_INTERVAL
    }
}

/// A name no other instance has.
fn worker() -> Result<String, SetUpError> {
    let mut random = [0; 8];
    getrandom::fill(&mut random).map_err(SetUpFault::Random)?;
    Ok(format!("{:016x}", u64::from_ne_bytes(random)))
}

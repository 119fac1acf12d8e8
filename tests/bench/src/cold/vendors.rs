//! Both vendors, simulated on loopback, for the functions that speak to them; new ones for each start,
//! so that no start finds what another left.

use std::collections::BTreeSet;
use std::sync::Arc;

use halogard_domain::Timestamp;
use halogard_domain::config_history::ConfigInForce;
use halogard_domain::continuity::{Completeness, StoreContinuity};
use halogard_domain::record::{Record, Singleton};
use halogard_simulator::halopsa::ApiApplication;
use halogard_simulator::liongard::{AccessKeySpec, AlertSpec};
use halogard_simulator::{
    HaloPsa, Liongard, ServerHandle, SimClock, SimHaloSettings, SimLiongardSettings,
    SystemSimClock, World, serve_on_loopback,
};
use serde_json::{Value, json};
use tokio::runtime::Runtime;

use super::stopwatch;

/// Customers of the simulated provider.
const CUSTOMERS: usize = 12;

/// What the vendors run on, and what they know.
pub struct Vendors {
    runtime: Runtime,
    world: World,
}

/// Both vendors as servers, for one start.
pub struct Pair {
    halopsa: ServerHandle,
    liongard: ServerHandle,
}

impl Vendors {
    /// Makes ready.
    ///
    /// # Errors
    ///
    /// No thread can be started.
    pub fn prepare() -> anyhow::Result<Self> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()?;
        Ok(Self {
            runtime,
            world: World::sample(CUSTOMERS),
        })
    }

    /// Starts both; one alert is open at Liongard.
    ///
    /// # Errors
    ///
    /// No port is free.
    pub fn start(&self) -> anyhow::Result<Pair> {
        let clock: Arc<dyn SimClock> = Arc::new(SystemSimClock);
        let halo_settings = SimHaloSettings {
            world: self.world.clone(),
            ..SimHaloSettings::default()
        };
        let halo = HaloPsa::new(halo_settings, Arc::clone(&clock), 1);
        let liongard_settings = SimLiongardSettings {
            world: self.world.clone(),
            ..SimLiongardSettings::default()
        };
        let liongard = Liongard::new(liongard_settings, clock, 1);
        liongard.connect(halo.clone());
        let environments = self.world.client_of.keys();
        if let Some(environment) = environments.max() {
            liongard.raise(&AlertSpec::new(
                *environment,
                "Disk space",
                "Disk C: is full",
            ))?;
        }
        self.runtime.block_on(async {
            Ok(Pair {
                halopsa: serve_on_loopback(halo.router()).await?,
                liongard: serve_on_loopback(liongard.router()).await?,
            })
        })
    }

    /// The secret of the application at HaloPSA.
    pub fn halopsa_secret() -> Value {
        let application = ApiApplication::sample();
        json!({
            "halopsa_client_id": application.client_id,
            "halopsa_client_secret": application.client_secret,
            "strategy": "halopsa-application",
        })
    }

    /// The access key at Liongard.
    pub fn liongard_secret() -> Value {
        let key = AccessKeySpec::sample();
        json!({
            "liongard_access_key_id": key.id,
            "liongard_access_key_secret": key.secret,
            "strategy": "liongard-access-key",
        })
    }

    /// The items of an installation whose config an operator has applied, with every customer mapped, and whose
    /// store knows every ticket.
    ///
    /// # Errors
    ///
    /// The config is no longer written like this.
    pub fn items(&self) -> anyhow::Result<Vec<Value>> {
        let text = self.world.config_text("managed", "", &BTreeSet::new());
        let config = halogard_config::parse("the benchmark's config", &text)?;
        let in_force = ConfigInForce {
            policy: Some(config.policy),
            versions: Vec::new(),
        };
        let now = Timestamp::from_millis(i64::try_from(stopwatch::unix_millis())?);
        let continuity = StoreContinuity {
            began_at: now,
            seen_at: now,
            completeness: Completeness::Current,
            is_new: false,
            ..StoreContinuity::default()
        };
        Ok(vec![item(&in_force)?, item(&continuity)?])
    }
}

/// The item that the functions' store keeps `record` in.
fn item<R: Record<Key = Singleton>>(record: &R) -> anyhow::Result<Value> {
    Ok(json!({
        "pk": { "S": R::PARTITION },
        "sk": { "S": Singleton.to_string() },
        "revision": { "N": "1" },
        "write": { "S": "bench" },
        "body": { "S": serde_json::to_string(record)? },
    }))
}

impl Pair {
    /// The plain settings that name them.
    pub fn settings(&self) -> Vec<(String, String)> {
        [
            ("HALOPSA_RESOURCE_URL", self.halopsa.base_url()),
            (
                "HALOPSA_TENANT",
                SimHaloSettings::default().tenant.unwrap_or_default(),
            ),
            ("LIONGARD_URL", self.liongard.base_url()),
        ]
        .map(|(name, value)| (name.to_owned(), value))
        .into()
    }
}

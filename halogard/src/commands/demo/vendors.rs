//! Both simulated vendors on loopback, the customer mapping, and the injected faults.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use halogard_config::Config;
use halogard_domain::policy::Mode;
use halogard_simulator::halopsa::{
    ApiApplication, DeliveryBehaviour, PayloadSize, WebhookAuth, WebhookSpec, deliver_webhooks,
};
use halogard_simulator::liongard::{AccessKeySpec, NativeTicketing};
use halogard_simulator::{
    Fault, FaultRate, HaloPsa, Liongard, ServerHandle, SimClock, SimHaloSettings,
    SimLiongardSettings, World, admin_router, serve_on_loopback,
};
use tokio::task::JoinHandle;

use super::instance::DemoInstance;
use crate::cli::ModeName;
use crate::clock::AcceleratedClock;
use crate::commands::demo::DemoOptions;
use crate::commands::simulate::courier_client;
use crate::output::{self, DIM, GOOD};

/// Customers of the simulated provider.
const CUSTOMERS: usize = 12;

/// The technician who closes unassigned tickets.
const CLOSING_TECHNICIAN: i64 = 12;

/// The secret the simulated HaloPSA signs with.
pub const WEBHOOK_SECRET: &str = "demo-webhook-secret";

/// The user of HTTP Basic, where HaloPSA cannot sign.
const WEBHOOK_USERNAME: &str = "halo";

/// The token of the demo's webhook address.
pub const WEBHOOK_TOKEN: &str = "demo-0123456789abcdef";

/// Both vendors, and how to reach them.
pub struct SimulatedVendors {
    /// The simulated HaloPSA.
    pub halo: HaloPsa,
    /// The simulated Liongard.
    pub liongard: Liongard,
    /// What exists on both sides.
    pub world: World,
    /// What the operator would have written.
    pub config: Config,
    /// The tenant that token requests name, if any.
    tenant: Option<String>,
    /// Whether HaloPSA can sign its webhooks; the operator chooses Basic where it cannot.
    can_sign: bool,
    halo_server: ServerHandle,
    liongard_server: ServerHandle,
    admin_server: ServerHandle,
    courier: JoinHandle<()>,
}

impl SimulatedVendors {
    /// Builds both vendors and starts them.
    pub async fn build(options: &DemoOptions, clock: AcceleratedClock) -> anyhow::Result<Self> {
        let world = World::sample(CUSTOMERS);
        let shared: Arc<dyn SimClock> = Arc::new(clock);
        let mut halo_settings = SimHaloSettings {
            world: world.clone(),
            ..SimHaloSettings::default()
        };
        options.dialect.apply_to_halo(&mut halo_settings);
        let tenant = halo_settings.tenant.clone();
        let can_sign = halo_settings.webhook_forms.can_sign;
        let halo = HaloPsa::new(halo_settings, Arc::clone(&shared), options.seed);
        let native_ticketing = (options.mode == ModeName::Native).then(NativeTicketing::default);
        let mut liongard_settings = SimLiongardSettings {
            world: world.clone(),
            native_ticketing,
            ..SimLiongardSettings::default()
        };
        options.dialect.apply_to_liongard(&mut liongard_settings);
        let liongard = Liongard::new(liongard_settings, shared, options.seed);
        liongard.connect(halo.clone());
        let config = config(&world, options.mode.into())?;
        let halo_server = serve_on_loopback(halo.router()).await?;
        let liongard_server = serve_on_loopback(liongard.router()).await?;
        let admin_server = serve_on_loopback(admin_router(
            halo.clone(),
            liongard.clone(),
            options.dialect.clone(),
        ))
        .await?;
        let courier = tokio::spawn(deliver_webhooks(halo.clone(), courier_client()?));
        Ok(Self {
            halo,
            liongard,
            world,
            config,
            tenant,
            can_sign,
            halo_server,
            liongard_server,
            admin_server,
            courier,
        })
    }

    /// The settings an operator would export for these vendors.
    pub fn settings(&self) -> Vec<(&'static str, String)> {
        let application = ApiApplication::sample();
        let key = AccessKeySpec::sample();
        let mut settings = vec![
            ("HALOPSA_RESOURCE_URL", self.halo_server.base_url()),
            ("HALOPSA_CLIENT_ID", application.client_id),
            ("HALOPSA_CLIENT_SECRET", application.client_secret),
            ("HALOPSA_WEBHOOK_TOKEN", WEBHOOK_TOKEN.to_owned()),
            ("LIONGARD_URL", self.liongard_server.base_url()),
            ("LIONGARD_ACCESS_KEY_ID", key.id),
            ("LIONGARD_ACCESS_KEY_SECRET", key.secret),
        ];
        if let Some(tenant) = &self.tenant {
            settings.push(("HALOPSA_TENANT", tenant.clone()));
        }
        if self.can_sign {
            settings.push(("HALOPSA_WEBHOOK_SECRET", WEBHOOK_SECRET.to_owned()));
        } else {
            settings.push(("HALOPSA_WEBHOOK_USERNAME", WEBHOOK_USERNAME.to_owned()));
            settings.push(("HALOPSA_WEBHOOK_PASSWORD", WEBHOOK_SECRET.to_owned()));
        }
        settings
    }

    /// Has HaloPSA send its webhooks to `base_url`, signed where it can sign, with the whole ticket in the body.
    pub fn send_webhooks_to(&self, base_url: &str) -> anyhow::Result<()> {
        let auth = if self.can_sign {
            WebhookAuth::Hmac {
                header: "X-Halo-Signature".to_owned(),
                secret: WEBHOOK_SECRET.to_owned(),
            }
        } else {
            WebhookAuth::Basic {
                username: WEBHOOK_USERNAME.to_owned(),
                password: WEBHOOK_SECRET.to_owned(),
            }
        };
        let address = format!("{base_url}/webhooks/halopsa/{WEBHOOK_TOKEN}");
        let spec = WebhookSpec {
            payload: PayloadSize::Full,
            ..WebhookSpec::to(&address, auth)
        };
        let id = self.halo.register_webhook(&spec);
        Ok(self.halo.bind_all_events(&id)?)
    }

    /// From now on responses get lost, servers fail and webhooks are lost.
    pub fn start_faults(&self) {
        let throttle = Fault::Status429 {
            retry_after: Some("5".to_owned()),
        };
        let odds = |fault, probability| FaultRate {
            fault,
            probability,
            route: None,
        };
        let faults = vec![
            odds(Fault::DropResponse, 0.03),
            odds(Fault::RefuseConnection, 0.02),
            odds(throttle, 0.01),
            odds(Fault::Status429 { retry_after: None }, 0.01),
            odds(Fault::Status500, 0.02),
            odds(Fault::Status500AfterEffect, 0.01),
            odds(Fault::Gateway502Html, 0.02),
            odds(Fault::Gateway504AfterEffect, 0.01),
            odds(Fault::TruncatedBody, 0.01),
            odds(Fault::UnexpectedJson, 0.01),
            odds(Fault::ExpireToken, 0.01),
        ];
        self.halo.faults().set_random(faults.clone());
        let on_liongard = |odds: &FaultRate| odds.fault != Fault::ExpireToken;
        self.liongard
            .faults()
            .set_random(faults.into_iter().filter(on_liongard).collect());
        self.halo.change_settings(|settings| {
            let own = settings.delivery_behaviour.clone();
            settings.delivery_behaviour = DeliveryBehaviour {
                lost: 0.15,
                duplicated: 0.2,
                reordered: 0.2,
                delay_max: Duration::from_secs(5),
                ..own
            };
        });
    }

    /// From now on nothing fails.
    pub fn stop_faults(&self) {
        self.halo.faults().clear();
        self.liongard.faults().clear();
        self.halo.change_settings(|settings| {
            let own = settings.delivery_behaviour.clone();
            settings.delivery_behaviour = DeliveryBehaviour {
                lost: 0.0,
                duplicated: 0.0,
                reordered: 0.0,
                delay_max: Duration::ZERO,
                ..own
            };
        });
    }

    /// Prints the addresses, for a demo that keeps running.
    pub fn announce(&self, instance: &DemoInstance) {
        output::result(&format!("{GOOD}running{GOOD:#} until Ctrl-C"));
        for (what, url) in [
            ("HaloPSA", self.halo_server.base_url()),
            ("Liongard", self.liongard_server.base_url()),
            ("admin", format!("{}/admin", self.admin_server.base_url())),
            ("Halogard", instance.base_url()),
        ] {
            output::result(&format!("  {DIM}{what:<9}{DIM:#} {url}"));
        }
    }
}

impl Drop for SimulatedVendors {
    fn drop(&mut self) {
        self.courier.abort();
    }
}

/// A folder among the system's temporary files, removed with the demo.
pub struct DataFolder(PathBuf);

impl DataFolder {
    /// Creates a folder with a random name.
    pub fn create() -> anyhow::Result<Self> {
        let mut bytes = [0; 8];
        getrandom::fill(&mut bytes)?;
        let name = format!("halogard-demo-{:016x}", u64::from_ne_bytes(bytes));
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir(&path)
            .with_context(|| format!("the folder {} cannot be made", path.display()))?;
        Ok(Self(path))
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for DataFolder {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_dir_all(&self.0) {
            tracing::warn!(%error, folder = %self.0.display(), "the demo's folder stays behind");
        }
    }
}

/// The config an operator would have written for this world.
fn config(world: &World, mode: Mode) -> anyhow::Result<Config> {
    let mode = match mode {
        Mode::Managed => "managed",
        Mode::Native => "native",
        Mode::Observe => "observe",
    };
    let template = format!("closing_technician = {CLOSING_TECHNICIAN}");
    let text = world.config_text(mode, &template, &BTreeSet::new());
    Ok(halogard_config::parse("the demo's config", &text)?)
}

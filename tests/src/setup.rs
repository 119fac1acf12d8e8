//! What a scenario starts from: both vendors, the operator's settings and config.

use std::collections::BTreeSet;
use std::time::Duration;

use halogard_domain::Policy;
use halogard_domain::budget::Limit;
use halogard_domain::policy::Mode;
use halogard_domain::storm::StormPolicy;
use halogard_simulator::halopsa::{ApiApplication, PayloadSize};
use halogard_simulator::liongard::{AccessKeySpec, NativeTicketing};
use halogard_simulator::{Dialect, SimHaloSettings, SimLiongardSettings, World};
use tracing::Level;

use crate::dialect_in_force::dialect_in_force;
use crate::dialect_runs::KEPT;
use crate::driver::POLL_INTERVAL;
use crate::vault::InMemoryVault;
use crate::webhook_delivery::WebhookDelivery;

/// Secrets and names that must not be in any log, journal or dead letter.
pub mod planted {
    /// The client secret at HaloPSA.
    pub const CLIENT_SECRET: &str = "planted-client-secret-7c1e";
    /// The secret of the access key at Liongard.
    pub const KEY_SECRET: &str = "planted-key-secret-93ab";
    /// What webhooks are signed with.
    pub const WEBHOOK_SECRET: &str = "planted-webhook-secret-d04f";
    /// The user that webhooks name, where they cannot be signed.
    pub const WEBHOOK_USERNAME: &str = "halo";
    /// The unguessable end of the webhook address.
    pub const WEBHOOK_TOKEN: &str = "planted-webhook-token-5a6b7c8d9e";
    /// A person, named in alerts and notes.
    pub const PERSON: &str = "Wilhelmina Quandt";
    /// The same person's address.
    pub const MAIL: &str = "wilhelmina.quandt@example.org";
    /// All of them.
    pub const ALL: [&str; 6] = [
        CLIENT_SECRET,
        KEY_SECRET,
        WEBHOOK_SECRET,
        WEBHOOK_TOKEN,
        PERSON,
        MAIL,
    ];
}

/// The technician tickets are given to that must be assigned before they may be closed.
pub const CLOSING_TECHNICIAN: i64 = 12;

/// Our application at HaloPSA.
pub const APPLICATION: &str = "8d3f6a52-halogard-sync";

/// The secret with the credentials for HaloPSA.
pub const HALOPSA_SECRET: &str = "halogard/halopsa";

/// The secret with the key for Liongard.
pub const LIONGARD_SECRET: &str = "halogard/liongard";

/// What a scenario starts from. SecretFields are changed before [`crate::Scenario::start`].
#[derive(Clone, Debug)]
pub struct Setup {
    /// Who creates the tickets.
    pub mode: Mode,
    /// How both vendors behave where their APIs may be read in more than one way. What a scenario sets in
    /// [`Setup::halo`] and [`Setup::liongard`] comes after it.
    pub dialect: Dialect,
    /// How the simulated HaloPSA behaves.
    pub halo: SimHaloSettings,
    /// How the simulated Liongard behaves.
    pub liongard: SimLiongardSettings,
    /// The request budget.
    pub limit: Limit,
    /// How long is waited for a permit at most. None, so that scenarios see work that breaks off; the
    /// program has [`WaitingBudget::MAX_WAIT`](halogard_app::budget::WaitingBudget::MAX_WAIT).
    pub patience: Duration,
    /// Writes in one array.
    pub batch_max: usize,
    /// How webhooks arrive.
    pub webhook_delivery: WebhookDelivery,
    /// How much of the ticket they carry.
    pub payload: PayloadSize,
    /// How far HaloPSA's clock is ahead, in milliseconds; negative where it is behind.
    pub halo_ahead_ms: i64,
    /// How long a request takes.
    pub latency: Duration,
    /// Environments the config does not map.
    pub unmapped: BTreeSet<i64>,
    /// Lines of the template beyond the usual ones.
    pub template: String,
    /// When alerts share tickets.
    pub storms: Option<StormPolicy>,
    /// Time between two polls of Liongard.
    pub poll_interval: Duration,
    /// Time between two sweeps of HaloPSA; none means that every round has one.
    pub sweep_interval: Duration,
    /// Whether the bundle assigns a technician to an unassigned ticket when it closes it.
    pub closing_technician: bool,
    /// From what chance at the simulators follows.
    pub seed: u64,
    /// The longest it may take to become quiet, by the scenario's clock.
    pub quiet_within: Duration,
    /// How much is logged.
    pub level: Level,
    /// Where credentials come from, when not from settings: the secrets [`HALOPSA_SECRET`] and
    /// [`LIONGARD_SECRET`] of this vault.
    pub vault: Option<InMemoryVault>,
}

impl Setup {
    /// Six customers, everything mapped, webhooks that come at once, in the given mode and the dialect of
    /// this run.
    #[must_use]
    pub fn new(mode: Mode) -> Self {
        Self::speaking(mode, dialect_in_force())
    }

    /// The same setup with the reference's reading of some facts, each named by one of its switches. For a
    /// scenario about the very thing that the switch changes; call it before anything else is set. Prints each
    /// fact whose reading this changes.
    ///
    /// # Panics
    ///
    /// When there is no such switch.
    #[must_use]
    #[expect(clippy::print_stdout, reason = "a run says what it leaves out")]
    pub fn fixing(self, switches: &[&str]) -> Self {
        let known = halogard_simulator::dialect::switches();
        for name in switches {
            let switch = known.iter().find(|switch| switch.name == *name);
            let switch = switch.unwrap_or_else(|| panic!("there is no switch {name}"));
            if self.dialect.has(name) {
                println!("{KEPT}{}", switch.fact);
            }
        }
        Self::speaking(self.mode, self.dialect.without(switches))
    }

    /// [`Setup::new`] in another dialect.
    #[must_use]
    pub fn speaking(mode: Mode, dialect: Dialect) -> Self {
        let world = World::sample(6);
        let application = ApiApplication {
            client_id: APPLICATION.to_owned(),
            display_name: "Halogard".to_owned(),
            client_secret: planted::CLIENT_SECRET.to_owned(),
            ..ApiApplication::sample()
        };
        let key = AccessKeySpec {
            secret: planted::KEY_SECRET.to_owned(),
            ..AccessKeySpec::sample()
        };
        let mut halo = SimHaloSettings {
            world: world.clone(),
            applications: vec![application],
            ..SimHaloSettings::default()
        };
        dialect.apply_to_halo(&mut halo);
        let mut liongard = SimLiongardSettings {
            world,
            access_keys: vec![key],
            native_ticketing: (mode == Mode::Native).then(NativeTicketing::default),
            ..SimLiongardSettings::default()
        };
        dialect.apply_to_liongard(&mut liongard);
        Self {
            mode,
            dialect,
            halo,
            liongard,
            limit: Limit::DEFAULT,
            patience: Duration::ZERO,
            batch_max: halogard_app::BATCH_MAX,
            webhook_delivery: WebhookDelivery::Prompt,
            payload: PayloadSize::Full,
            halo_ahead_ms: 0,
            latency: Duration::from_millis(150),
            unmapped: BTreeSet::new(),
            template: String::new(),
            storms: None,
            poll_interval: POLL_INTERVAL,
            sweep_interval: Duration::ZERO,
            closing_technician: true,
            seed: 1,
            quiet_within: Duration::from_secs(3 * 24 * 3600),
            level: Level::DEBUG,
            vault: None,
        }
    }

    /// [`Setup::new`] in managed mode.
    #[must_use]
    pub fn managed() -> Self {
        Self::new(Mode::Managed)
    }

    /// [`Setup::new`] in native mode, with Liongard's own ticketing on.
    #[must_use]
    pub fn native() -> Self {
        Self::new(Mode::Native)
    }

    /// The operator's config as text.
    #[must_use]
    pub fn config(&self) -> String {
        let mode = match self.mode {
            Mode::Managed => "managed",
            Mode::Native => "native",
            Mode::Observe => "observe",
        };
        let mut template = self.template.clone();
        if self.closing_technician {
            template.push_str(&format!("\nclosing_technician = {CLOSING_TECHNICIAN}"));
        }
        let world = &self.halo.world;
        world.config_text(mode, &template, &self.unmapped)
    }

    /// The same, read.
    #[must_use]
    pub fn policy(&self) -> Policy {
        let config = halogard_config::parse("the scenario's config", &self.config())
            .expect("the scenario's config is in order");
        Policy {
            storms: self.storms.clone(),
            ..config.policy
        }
    }
}

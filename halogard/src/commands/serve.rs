//! `serve`: the worker as one process against the real systems.

mod addresses;
mod clock_watch;
pub mod dry_run;
mod notices;
mod policy_file;
mod signals;
mod start_check;
pub mod token;
mod verification;
pub mod webhook_auth;

use std::path::PathBuf;
use std::pin::pin;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use addresses::{ServeAddresses, announce};
use anyhow::anyhow;
use clap::Args;
use clock_watch::ClockWatch;
use halogard_app::SWEEP_EVERY;
use halogard_app::budget::FINISH_WAIT_MAX;
use halogard_app::ports::{Clock as _, NamedValues as _, Records as _, keys};
use halogard_domain::Policy;
use halogard_domain::budget::Ledger;
use halogard_domain::config_history::VersionOrigin;
use halogard_domain::policy::Mode;
use halogard_domain::record::Singleton;
use halogard_halopsa::webhook::FirstBodies;
use halogard_operations::config_changes::{self, ConfigCandidate};
use halogard_operations::doctor::{DoctorReport, scopes_needed};
use halogard_runtime::SystemClock;
use halogard_runtime::settings::{self, ServeSettings, SettingValues, Settings};
use halogard_sqlite::Store;
use halogard_vendors::CallObserver;
use tokio::task::JoinSet;
use tokio::time::timeout;
use tracing::warn;

use crate::body_memory::BodyMemory;
use crate::commands::rotate;
use crate::connect::{self, NetworkReconciler, PatientBudget, PermitWait};
use crate::data_folder;
use crate::engine::{Engine, EngineShared};
use crate::health::Health;
use crate::http::{self, HttpState};
use crate::listener::Listeners;
use crate::output;
use crate::permit_leases;
use crate::refusals::RefusalLog;
use crate::stored_credentials;
use crate::supervisor;
pub use clock_watch::wrong_clock;
use policy_file::PolicyFile;
use signals::survive_hang_up;
pub use signals::{ending_signal, shutdown_signal};
pub use start_check::show;
use start_check::{Asked, check, checked};
use token::WebhookAddress;
use verification::BulkVendors;

/// Options of `serve`.
#[derive(Clone, Debug, Args)]
#[command(group = clap::ArgGroup::new("looks"))]
pub struct ServeOptions {
    /// The config file; HALOGARD_CONFIG, then halogard.toml when not given.
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Check settings, config and both systems, print what is wrong, and stop. Exit code: 0 everything fits together, 1
    /// there is a problem, 2 some checks could not be made.
    #[arg(long, group = "looks")]
    pub check: bool,
    /// Show which tickets the first poll would open, by customer, and stop. Writes nothing to a vendor.
    #[arg(long, group = "looks")]
    pub dry_run: bool,
    /// Print the answer of --check or --dry-run as JSON.
    #[arg(long, requires = "looks")]
    pub json: bool,
    /// Delete the stored secrets, because their key file is lost, and create a new key.
    #[arg(long, conflicts_with_all = ["check", "dry_run"])]
    pub forget_secrets: bool,
}

/// With a shorter poll interval every poll sweeps HaloPSA, too: such an interval is for trying things out.
const POLLS_SPARE_REQUESTS_FROM: Duration = Duration::from_secs(10);

/// How long a start waits for the first check of both systems before it listens: a vendor that hangs, or that
/// refuses requests over its limit, delays the check by minutes. Supervisors give up after 90 seconds.
const FIRST_CHECK_MAX: Duration = Duration::from_secs(20);

/// A start whose vendor cannot be reached tries again after this time, which doubles with each attempt.
const FIRST_PAUSE: Duration = Duration::from_secs(2);

/// The longest pause between two attempts of a start.
const PAUSE_MAX: Duration = Duration::from_secs(60);

/// The store, as a part of the process that has to succeed.
const STORE: &str = "store";

/// Time between two checks whether the store can be written.
const STORE_CHECK_INTERVAL: Duration = Duration::from_secs(2);

/// How long the store may be held by another program, or be full, before that is a problem: deliveries are
/// refused meanwhile.
const STORE_HELD_MAX: Duration = Duration::from_secs(10);

/// Runs until shutdown, or prints what is wrong.
pub async fn run(options: &ServeOptions) -> anyhow::Result<ExitCode> {
    let process = SettingValues::process();
    let path = options
        .config
        .clone()
        .unwrap_or_else(|| process.config_file());
    let config = halogard_config::load(&path)?;
    for warning in &config.warnings {
        output::caution(&warning.to_string());
    }
    let given = process.or(config.settings);
    let (place, _) = settings::read::<ServeSettings>(&given)?;
    if options.forget_secrets {
        data_folder::forget_secrets(&place.data_dir)?;
    }
    let store = if options.check || options.dry_run {
        data_folder::open_or_imagine_store(&place.data_dir)?
    } else {
        data_folder::open_store(&place.data_dir, SystemClock)?
    };
    let mode = config.policy.mode;
    let complete = stored_credentials::complete(given.clone(), &store).await?;
    let complete = with_needed_scopes(complete, mode);
    let (settings, warnings) = settings::read::<Settings>(&complete)?;
    for remark in &warnings {
        output::caution(&remark.to_string());
    }
    let webhook = token::webhook_address(&store, &settings.webhook).await?;
    token::check_exposure(&webhook, &settings.webhook, settings.serve.listen)?;
    let only_looks = options.check || options.dry_run;
    // A dry run listens at no address. A check sees whether both are free, unless a running `serve` holds them.
    let is_held = only_looks && data_folder::is_serve_running(&place.data_dir)?;
    let addresses = match options.dry_run || is_held {
        true => None,
        false => Some(ServeAddresses::bind(&settings.serve)?),
    };
    let keys = stored_credentials::keys(&given, &store, &settings.halo, &settings.liongard)?;
    let shared = EngineShared::default();
    let calls = Arc::clone(&shared.metrics);
    let candidate = ConfigCandidate {
        text: config.text,
        policy: config.policy.clone(),
    };
    let bulk = halogard_vendors::build(
        &(&settings).into(),
        Some(keys.clone()),
        Arc::new(store.clone()),
        connect::bulk_budget(&store, settings.limit, SystemClock, &shared.stop),
        &SystemClock,
        Arc::clone(&shared.metrics) as Arc<dyn CallObserver>,
    )?;
    let built = connect::build_reconciler(
        &settings,
        Some(keys),
        &store,
        SystemClock,
        config.policy,
        calls,
        PermitWait {
            finish_wait: if only_looks {
                PatientBudget::<SystemClock>::MAX_WAIT
            } else {
                FINISH_WAIT_MAX
            },
            switch: &shared.stop,
        },
    )?;
    permit_leases::keep(&built.permits);
    for remark in &built.normalizations {
        output::caution(remark);
    }
    let mut reconciler = built.reconciler;
    reconciler.inspector_min_interval = settings.serve.inspector_min_interval;
    reconciler.probes_dialect = true;
    let poll_interval = settings.serve.poll_interval;
    reconciler.sweep_interval = if poll_interval < POLLS_SPARE_REQUESTS_FROM {
        poll_interval
    } else {
        // The poll that is nearest to the time sweeps.
        SWEEP_EVERY.saturating_sub(poll_interval / 2)
    };
    let ledger = store.load_record::<Ledger>(&Singleton).await?.value;
    output::remark(&format!(
        "assumed HaloPSA limit: {} requests per {} s",
        ledger.effective_limit(&settings.limit),
        settings.limit.window.as_secs(),
    ));
    if options.dry_run {
        return dry_run::run(&reconciler, options.json).await;
    }
    let asked = Asked {
        addresses: built.addresses,
        metrics: Arc::clone(&shared.metrics),
    };
    let Some(addresses) = addresses.filter(|_| !options.check) else {
        return check(&reconciler, &asked, options.json).await;
    };
    let interval = settings.serve.key_check_interval;
    let rotation = rotate::rotate_on_schedule(given.clone(), store.clone(), interval);
    let rotating = async move {
        if mode == Mode::Observe {
            // A rotation makes a key at Liongard.
            std::future::pending::<()>().await;
        }
        rotation.await;
    };
    let serve = Serve {
        given,
        reconciler,
        store,
        webhook,
        settings,
        asked,
        config: path,
        candidate,
        shared,
        bulk,
    };
    // Large: it holds the whole process.
    Box::pin(serve.run(addresses, rotating)).await
}

/// The settings, with the scopes that `mode` needs where none are given.
pub fn with_needed_scopes(environment: SettingValues, mode: Mode) -> SettingValues {
    environment.or_stored([("HALOPSA_SCOPES", scopes_needed(mode))])
}

/// The process, put together.
struct Serve {
    /// The settings, without the credentials of the vault.
    given: SettingValues,
    reconciler: NetworkReconciler<SystemClock>,
    store: Store<SystemClock>,
    webhook: WebhookAddress,
    settings: Settings,
    asked: Asked,
    config: PathBuf,
    /// What the file says at the start.
    candidate: ConfigCandidate,
    shared: EngineShared,
    /// Both vendors, for work that waits for all other.
    bulk: BulkVendors,
}

/// What a check at the start leads to.
enum Start {
    /// Start with this policy.
    With(Box<Policy>),
    /// A vendor cannot be reached.
    Later(String),
    /// Something is wrong, and waiting does not fix it.
    Never,
}

impl Serve {
    /// Works until shutdown, then finishes the current work. Ends with an error when a part of the process
    /// ends by itself.
    async fn run(
        self,
        addresses: ServeAddresses,
        rotating: impl Future<Output = ()> + Send + 'static,
    ) -> anyhow::Result<ExitCode> {
        let mut stopped = pin!(shutdown_signal());
        let mut beside = JoinSet::new();
        beside.spawn(survive_hang_up());
        let first = tokio::select! {
            checked = timeout(FIRST_CHECK_MAX, checked(&self.reconciler, false)) => checked,
            () = &mut stopped => return Ok(ExitCode::SUCCESS),
        };
        let start = match first {
            Ok(checked) => {
                let report = checked?.report;
                show(&report, false);
                self.asked.say(&report);
                self.start_after(&report)
            }
            Err(_) => Start::Later("the check of both systems takes longer than usual".to_owned()),
        };
        if matches!(start, Start::Never) {
            return Ok(ExitCode::FAILURE);
        }
        announce(
            &self.webhook,
            &addresses,
            self.settings.serve.public_url.as_deref(),
        );
        let mut listeners = self.listen(addresses)?;
        supervisor::ready();
        beside.spawn(watch_store(
            self.store.clone(),
            Arc::clone(&self.shared.health),
        ));
        beside.spawn(ClockWatch::default().watch(Arc::clone(&self.shared.metrics)));
        // From here on deliveries are queued.
        let policy = tokio::select! {
            policy = self.until_ready(start) => policy?,
            () = &mut stopped => {
                listeners.stop().await;
                return Ok(ExitCode::SUCCESS);
            }
        };
        let Some(policy) = policy else {
            listeners.stop().await;
            return Ok(ExitCode::FAILURE);
        };
        let (origin, now) = (VersionOrigin::Started, SystemClock.now());
        config_changes::put_in_force(&self.store, &self.candidate, origin, None, None, now).await?;
        self.store.set_value(keys::CONFIG_REFUSED_AT, 0).await?;
        let is_reduced = policy != *self.reconciler.policy();
        let policies = PolicyFile::new(self.config, is_reduced);
        self.reconciler.set_policy(policy);
        // This process holds the worker lock and commands receive no messages, so every message in
        // flight was left by a worker that crashed.
        self.store.requeue_in_flight()?;
        self.reconciler.recover_claims().await?;
        let interval = self.settings.serve.poll_interval;
        let mut engine = Engine::start(self.reconciler, interval, policies, self.shared);
        beside.spawn(rotating);
        beside.spawn(notices::send_notices(self.given, engine.reconciler()));
        beside.spawn(verification::compare_on_schedule(
            self.bulk,
            engine.reconciler(),
        ));
        let failure = tokio::select! {
            () = stopped => None,
            ended = engine.loop_ended() => Some(ended.into()),
            () = listeners.ended() => Some(anyhow!("the HTTP server ended unexpectedly; restart the process")),
            Some(_) = beside.join_next() => {
                Some(anyhow!("a part of the process ended unexpectedly; restart it"))
            }
        };
        if let Some(error) = failure {
            engine.crash().await;
            return Err(error);
        }
        output::remark("stopping: the requests under way are finished, nothing else is begun");
        supervisor::stopping();
        tokio::join!(listeners.stop(), engine.stop());
        Ok(ExitCode::SUCCESS)
    }

    /// What `report` means for the start.
    fn start_after(&self, report: &DoctorReport) -> Start {
        if let Some(unreachable) = report.unreachable() {
            return Start::Later(unreachable.thing.clone());
        }
        let policy = self.reconciler.policy();
        match report.policy_without_problems(&policy) {
            Some(left) => {
                if left != *policy {
                    output::caution(
                        "alerts affected by these problems stay parked until they are fixed; \
                         all others are synchronised",
                    );
                }
                Start::With(Box::new(left))
            }
            None => Start::Never,
        }
    }

    /// Checks again and again until both vendors can be reached; `None` if something else is wrong then.
    async fn until_ready(&self, mut start: Start) -> anyhow::Result<Option<Policy>> {
        let mut pause = FIRST_PAUSE;
        loop {
            match start {
                Start::With(policy) => return Ok(Some(*policy)),
                Start::Never => return Ok(None),
                Start::Later(reason) => {
                    warn!(
                        reason,
                        retry_after_ms = u64::try_from(pause.as_millis()).unwrap_or(u64::MAX),
                        "the start waits until both vendors can be reached; deliveries are queued meanwhile"
                    );
                    self.shared.health.starting(&reason);
                }
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(PAUSE_MAX);
            let report = checked(&self.reconciler, false).await?.report;
            start = self.start_after(&report);
            if !matches!(start, Start::Later(_)) {
                show(&report, false);
            }
        }
    }

    /// Starts the listeners, on a thread of their own and with their own connection to the store: neither
    /// a large list that is being read nor a commit delays an answer.
    fn listen(&self, addresses: ServeAddresses) -> anyhow::Result<Listeners> {
        let store = data_folder::open_existing_store(&self.settings.serve.data_dir)?;
        let authenticator =
            webhook_auth::authenticator(&store, &self.settings.webhook, SystemClock);
        let refusals = RefusalLog::default();
        let state = Arc::new(HttpState {
            store,
            clock: SystemClock,
            authenticator,
            work_signal: self.shared.work_signal.clone(),
            metrics: Arc::clone(&self.shared.metrics),
            health: Arc::clone(&self.shared.health),
            bodies: BodyMemory::default(),
            first_bodies: FirstBodies::new(),
            refusals: refusals.clone(),
        });
        let public = http::public_router(&state);
        let private = http::private_router(&state);
        let served = match addresses.private {
            Some(address) => vec![(addresses.public, public), (address, private)],
            None if addresses.is_shared => vec![(addresses.public, public.merge(private))],
            None => vec![(addresses.public, public)],
        };
        Ok(Listeners::start(served, refusals)?)
    }
}

/// Finds out again and again whether the store can be written, and never ends. Another program that holds the file
/// stops every write; reading works all the same.
async fn watch_store(store: Store<SystemClock>, health: Arc<Health>) {
    health.expect_within(STORE, STORE_HELD_MAX);
    loop {
        match store.check_writable().await {
            Ok(()) => health.succeeded(STORE),
            Err(error) => health.failed(STORE, error.code),
        }
        tokio::time::sleep(STORE_CHECK_INTERVAL).await;
    }
}

//! `serve`: the worker as one process against the real systems.

mod clock_watch;
mod policy_file;
pub mod token;
pub mod webhook_auth;

use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::pin::pin;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, anyhow};
use halogard_app::ports::{Clock as _, PortError, Values as _};
use halogard_app::preflight::{self, Extent, Level, PreflightReport};
use halogard_domain::{Policy, Timestamp};
use halogard_halopsa::webhook::FirstBodies;
use halogard_runtime::SystemClock;
use halogard_runtime::settings::{self, Environment, SETTINGS, ServeSettings, Settings};
use halogard_sqlite::Store;
use secrecy::ExposeSecret as _;
use tokio::task::JoinSet;
use tracing::warn;

use crate::body::BodyMemory;
use crate::cli::ServeOptions;
use crate::commands::rotate;
use crate::connect::{self, NetworkReconciler};
use crate::engine::{Engine, EngineShared};
use crate::health::Health;
use crate::http::{self, HttpState};
use crate::listener::Listeners;
use crate::metrics::ProcessMetrics;
use crate::output::{self, BAD, CAUTION, DIM, GOOD};
use crate::refusals::RefusalLog;
use crate::stored_credentials;
use clock_watch::{ClockWatch, wrong_clock};
use policy_file::PolicyFile;
use token::WebhookAddress;

/// How long the result of a successful policy check is reused.
const FITS_FOR: Duration = Duration::from_secs(3600);

/// The named value with the fingerprint of the policy that passed the last check.
const MARK_FITTED: &str = "policy_fitted";

/// The named value with the time of that check.
const MARK_FITTED_AT: &str = "policy_fitted_at";

/// With a shorter poll interval every poll sweeps HaloPSA, too: such an interval is for trying things out.
const POLLS_SPARE_REQUESTS_FROM: Duration = Duration::from_secs(60);

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
    let process = Environment::process();
    say_unknown_variables();
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
        connect::forget_secrets(&place.data_dir)?;
    }
    let store = if options.check {
        connect::open_or_create_store(&place.data_dir)?
    } else {
        connect::open_store(&place.data_dir, SystemClock)?
    };
    let complete = stored_credentials::complete(given.clone(), &store).await?;
    let (settings, warnings) = settings::read::<Settings>(&complete)?;
    for remark in &warnings {
        output::caution(&remark.to_string());
    }
    let webhook = token::webhook_address(&store, &settings.webhook).await?;
    token::check_exposure(&webhook, &settings.webhook, settings.serve.listen)?;
    let addresses = if options.check && connect::is_serve_running(&place.data_dir)? {
        // It holds both addresses.
        None
    } else {
        Some(ServeAddresses::bind(&settings.serve)?)
    };
    let keys = stored_credentials::keys(&given, &store, &settings.halo, &settings.liongard)?;
    let shared = EngineShared::default();
    let calls = Arc::clone(&shared.metrics);
    let assembled = connect::assemble(
        &settings,
        Some(keys),
        &store,
        SystemClock,
        config.policy,
        calls,
    )?;
    for remark in &assembled.normalizations {
        output::caution(remark);
    }
    let mut reconciler = assembled.reconciler;
    reconciler.inspector_min_interval = settings.serve.inspector_min_interval;
    if settings.serve.poll_interval < POLLS_SPARE_REQUESTS_FROM {
        reconciler.sweep_interval = settings.serve.poll_interval;
    }
    let asked = Asked {
        addresses: assembled.addresses,
        metrics: Arc::clone(&shared.metrics),
    };
    let Some(addresses) = addresses.filter(|_| !options.check) else {
        return check(&reconciler, &asked).await;
    };
    let rotating =
        rotate::rotate_on_schedule(given, store.clone(), settings.serve.key_check_interval);
    let serve = Serve {
        reconciler,
        store,
        webhook,
        settings,
        asked,
        config: path,
        shared,
    };
    // Large: it holds the whole process.
    Box::pin(serve.run(addresses, rotating)).await
}

/// Names environment variables that look like settings and are none.
fn say_unknown_variables() {
    for name in Environment::unknown_variables() {
        let names = SETTINGS.iter().map(|info| info.name);
        let meant = halogard_config::nearest(&name, names)
            .map(|known| format!("; did you mean {known}?"))
            .unwrap_or_default();
        output::caution(&format!(
            "the environment variable {name} is no setting and is ignored{meant}"
        ));
    }
}

/// Checks settings, config and both systems, and prints everything.
async fn check(
    reconciler: &NetworkReconciler<SystemClock>,
    asked: &Asked,
) -> anyhow::Result<ExitCode> {
    let report = checked(reconciler, true).await?;
    show(&report, true);
    asked.say(&report);
    if report.has_problems() {
        return Ok(ExitCode::FAILURE);
    }
    output::result(&format!(
        "{GOOD}ok{GOOD:#} settings, config and both systems fit together"
    ));
    Ok(ExitCode::SUCCESS)
}

/// Checks settings and config against both vendors. Soon after a successful check only the access is
/// checked: a process that restarts again and again must not spend the request budget on checks.
async fn checked(
    reconciler: &NetworkReconciler<SystemClock>,
    everything: bool,
) -> Result<PreflightReport, PortError> {
    let policy = reconciler.policy();
    let fitted = i64::from_ne_bytes(policy.fingerprint().to_ne_bytes());
    let now = SystemClock.now();
    let same = reconciler.store.value(MARK_FITTED).await? == Some(fitted);
    let at = reconciler.store.value(MARK_FITTED_AT).await?.unwrap_or(0);
    let lately = now.is_within(FITS_FOR, Timestamp::from_millis(at));
    let extent = if same && lately && !everything {
        Extent::Access
    } else {
        Extent::Everything
    };
    let report = preflight::check(&reconciler.desk, &reconciler.liongard, &policy, extent).await;
    if extent == Extent::Everything && !report.has_problems() {
        reconciler.store.set_value(MARK_FITTED, fitted).await?;
        reconciler
            .store
            .set_value(MARK_FITTED_AT, now.as_millis())
            .await?;
    }
    Ok(report)
}

/// Prints the findings of a check; those without a problem only where `everything`.
pub fn show(report: &PreflightReport, everything: bool) {
    for finding in report
        .findings
        .iter()
        .filter(|found| everything || found.level != Level::Ok)
    {
        let style = match finding.level {
            Level::Ok => GOOD,
            Level::CannotTell => DIM,
            Level::Warning => CAUTION,
            Level::Problem => BAD,
        };
        let line = finding.to_string();
        let (level, rest) = line.split_once(':').unwrap_or((&line, ""));
        output::remark(&format!("{style}{level}{style:#}:{rest}"));
    }
}

/// What was asked in a check, and what the answers said beside.
struct Asked {
    addresses: String,
    metrics: Arc<ProcessMetrics>,
}

impl Asked {
    /// Names the addresses if one of them cannot be reached, and a wrong clock.
    fn say(&self, report: &PreflightReport) {
        if report.unreachable().is_some() {
            output::caution(&format!("asked were {}", self.addresses));
        }
        for (vendor, ahead) in self.metrics.clocks_ahead().iter() {
            if let Some(text) = wrong_clock(*vendor, *ahead) {
                output::caution(&text);
            }
        }
    }
}

/// The process, put together.
struct Serve {
    reconciler: NetworkReconciler<SystemClock>,
    store: Store<SystemClock>,
    webhook: WebhookAddress,
    settings: Settings,
    asked: Asked,
    config: PathBuf,
    shared: EngineShared,
}

/// What a check at the start leads to.
enum Start {
    /// Go on with this policy.
    With(Box<Policy>),
    /// A vendor cannot be reached.
    Later(String),
    /// Something is wrong that waiting does not mend.
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
            report = checked(&self.reconciler, false) => report?,
            () = &mut stopped => return Ok(ExitCode::SUCCESS),
        };
        show(&first, false);
        self.asked.say(&first);
        let start = self.start_after(&first);
        if matches!(start, Start::Never) {
            return Ok(ExitCode::FAILURE);
        }
        announce(&self.webhook, &addresses);
        let mut listeners = self.listen(addresses)?;
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
        output::remark("stopping: finishing the current work");
        listeners.stop().await;
        engine.stop().await;
        Ok(ExitCode::SUCCESS)
    }

    /// What `report` means for the start.
    fn start_after(&self, report: &PreflightReport) -> Start {
        if let Some(unreachable) = report.unreachable() {
            return Start::Later(unreachable.thing.clone());
        }
        let policy = self.reconciler.policy();
        match report.policy_without_problems(&policy) {
            Some(left) => {
                if left != *policy {
                    output::caution(
                        "the alerts that the problems above concern wait, parked, until they are mended; \
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
            let report = checked(&self.reconciler, false).await?;
            start = self.start_after(&report);
            if !matches!(start, Start::Later(_)) {
                show(&report, false);
            }
        }
    }

    /// Starts the listeners, on a thread of their own and with their own connection to the store: neither
    /// a large list that is being read nor a commit delays an answer.
    fn listen(&self, addresses: ServeAddresses) -> anyhow::Result<Listeners> {
        let store = connect::open_existing_store(&self.settings.serve.data_dir)?;
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

/// The addresses of the process, bound.
struct ServeAddresses {
    public: TcpListener,
    private: Option<TcpListener>,
    /// Whether metrics are served on the public address, because the settings say so.
    is_shared: bool,
}

impl ServeAddresses {
    /// Binds both before anything else is done, so that a wrong one is reported at once.
    fn bind(settings: &ServeSettings) -> anyhow::Result<Self> {
        let bind = |address: SocketAddr, setting: &str| {
            let bound = TcpListener::bind(address).and_then(|listener| {
                listener.set_nonblocking(true)?;
                Ok(listener)
            });
            bound.with_context(|| {
                format!("cannot listen on {address}; choose another address with {setting}")
            })
        };
        let is_shared =
            settings.metrics_listen == Some(settings.listen) && settings.listen.port() != 0;
        let public = bind(settings.listen, "HALOGARD_LISTEN")?;
        let private = settings.metrics_listen.filter(|_| !is_shared);
        let private = private.map(|address| bind(address, "HALOGARD_METRICS_LISTEN"));
        Ok(Self {
            public,
            private: private.transpose()?,
            is_shared,
        })
    }
}

/// Prints the addresses and what the operator does next.
fn announce(webhook: &WebhookAddress, addresses: &ServeAddresses) {
    let (Some(token), Ok(address)) = (&webhook.token, addresses.public.local_addr()) else {
        return;
    };
    output::announcement(&format!("{GOOD}listening{GOOD:#} on http://{address}"));
    if let Some(Ok(private)) = addresses.private.as_ref().map(TcpListener::local_addr) {
        output::announcement(&format!("metrics on http://{private}/metrics"));
    }
    if output::is_terminal() {
        let token = token.expose_secret();
        output::result("paste this URL into HaloPSA (Configuration → Integrations → Webhooks):");
        output::result(&format!("  http://{address}/webhooks/halopsa/{token}"));
        output::result(&format!("{DIM}wake-up for Liongard's own webhooks:{DIM:#}"));
        output::result(&format!("  http://{address}/webhooks/liongard/{token}"));
    } else {
        // A service's output is a log that others may read.
        output::announcement(
            "`halogard webhook url` prints the webhook's URL, which holds a secret token",
        );
    }
    if address.ip().is_loopback() {
        output::announcement(&format!(
            "{DIM}HaloPSA must reach it: put an https proxy in front of it and use the name of the proxy{DIM:#}"
        ));
    }
    if webhook.is_token_only {
        output::caution(
            "deliveries are authenticated by their address alone; set HALOPSA_WEBHOOK_USERNAME and _PASSWORD \
             to those of the webhook (authentication: Basic), or HALOPSA_WEBHOOK_SECRET to its key (HMAC)",
        );
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

/// Keeps the process alive when its terminal is closed, or when an operator asks it to read its config again,
/// which it does by itself.
async fn survive_hang_up() {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        match signal(SignalKind::hangup()) {
            Ok(mut hang_up) => {
                while hang_up.recv().await.is_some() {
                    tracing::info!(
                        "SIGHUP changes nothing: the config file is read again by every sync cycle, settings only at a start"
                    );
                }
            }
            Err(error) => log_missing_signal(&error),
        }
    }
    std::future::pending::<()>().await;
}

/// Completes when the process receives Ctrl-C or a termination signal. Signals are caught from this call
/// on, not only from the first poll.
pub fn shutdown_signal() -> impl Future<Output = ()> {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        let listen = |kind| signal(kind).inspect_err(log_missing_signal).ok();
        let interrupted = listen(SignalKind::interrupt());
        let terminated = listen(SignalKind::terminate());
        async move {
            let received = async |signal: Option<tokio::signal::unix::Signal>| match signal {
                Some(mut signal) => signal.recv().await,
                None => std::future::pending().await,
            };
            tokio::select! {
                _ = received(interrupted) => {}
                _ = received(terminated) => {}
            }
        }
    }
    #[cfg(not(unix))]
    async {
        if let Err(error) = tokio::signal::ctrl_c().await {
            log_missing_signal(&error);
            std::future::pending::<()>().await;
        }
    }
}

/// A process without a signal handler goes on; killing it loses nothing.
fn log_missing_signal(error: &std::io::Error) {
    tracing::warn!(%error, "the handler of a termination signal cannot be installed");
}

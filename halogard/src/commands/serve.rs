//! `serve`: the worker as one process against the real systems.

mod policy_file;
pub mod token;
pub mod webhook_auth;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use halogard_app::ports::{Clock as _, PortError, Values as _};
use halogard_app::preflight::{self, Extent, Level, PreflightReport};
use halogard_domain::Timestamp;
use halogard_runtime::SystemClock;
use halogard_runtime::settings::{self, Environment, ServeSettings, Settings};
use halogard_sqlite::Store;
use secrecy::ExposeSecret as _;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinSet;

use crate::cli::ServeOptions;
use crate::commands::rotate;
use crate::connect::{self, NetworkReconciler};
use crate::engine::Engine;
use crate::http::{self, HttpState};
use crate::metrics::ProcessMetrics;
use crate::output::{self, BAD, CAUTION, DIM, GOOD};
use crate::stored_credentials;
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

/// How long senders may take to finish their deliveries during a shutdown: enough for the largest body,
/// and less than supervisors wait before they kill.
const DRAIN_MAX: Duration = Duration::from_secs(5);

/// Runs until shutdown, or prints what is wrong.
pub async fn run(options: &ServeOptions) -> anyhow::Result<ExitCode> {
    let process = Environment::process();
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
    let listener = listen(settings.serve.listen).await?;
    let keys = stored_credentials::keys(&given, &store, &settings.halo, &settings.liongard)?;
    let metrics = Arc::new(ProcessMetrics::default());
    let calls = Arc::clone(&metrics);
    let vendors = halogard_vendors::build_with(
        &settings.halo,
        &settings.liongard,
        keys,
        Arc::new(store.clone()),
        connect::budget(&store, settings.limit, SystemClock),
        &SystemClock,
        calls,
    )?;
    for remark in &vendors.normalizations {
        output::caution(remark);
    }
    let (desk, source) = (vendors.desk, vendors.source);
    let mut reconciler =
        NetworkReconciler::new(desk, source, store.clone(), SystemClock, config.policy);
    reconciler.inspector_min_interval = settings.serve.inspector_min_interval;
    if settings.serve.poll_interval < POLLS_SPARE_REQUESTS_FROM {
        reconciler.sweep_interval = settings.serve.poll_interval;
    }
    let report = checked(&reconciler, options.check).await?;
    show(&report, options.check);
    if report.has_problems() {
        return Ok(ExitCode::FAILURE);
    }
    if options.check {
        output::result(&format!(
            "{GOOD}ok{GOOD:#} settings, config and both systems fit together"
        ));
        return Ok(ExitCode::SUCCESS);
    }
    let stopped = shutdown_signal();
    let mut beside = JoinSet::new();
    let rotating =
        rotate::rotate_on_schedule(given, store.clone(), settings.serve.key_check_interval);
    beside.spawn(rotating);
    announce(&webhook, listener.local_addr()?);
    serve(
        reconciler, store, listener, &settings, path, metrics, stopped,
    )
    .await
}

/// Binds the address before anything else is done, so that a wrong one is reported at once.
async fn listen(address: SocketAddr) -> anyhow::Result<TcpListener> {
    TcpListener::bind(address).await.with_context(|| {
        format!("cannot listen on {address}; choose another address with HALOGARD_LISTEN")
    })
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
    let lately = now.since(Timestamp::from_millis(at)) < FITS_FOR;
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

/// Prints the address and what the operator does next.
fn announce(webhook: &WebhookAddress, address: SocketAddr) {
    let Some(token) = &webhook.token else {
        return;
    };
    output::result(&format!("{GOOD}listening{GOOD:#} on http://{address}"));
    if output::is_terminal() {
        let token = token.expose_secret();
        output::result("paste this URL into HaloPSA (Configuration → Integrations → Webhooks):");
        output::result(&format!("  http://{address}/webhooks/halopsa/{token}"));
        output::result(&format!("{DIM}wake-up for Liongard's own webhooks:{DIM:#}"));
        output::result(&format!("  http://{address}/webhooks/liongard/{token}"));
    } else {
        // A service's output is a log that others may read.
        output::result(
            "`halogard webhook url` prints the webhook's URL, which holds a secret token",
        );
    }
    if address.ip().is_loopback() {
        output::result(&format!(
            "{DIM}HaloPSA must reach it: put an https proxy in front of it and use the name of the proxy{DIM:#}"
        ));
    }
    if webhook.is_token_only {
        output::caution(
            "deliveries are authenticated by their address alone; set HALOPSA_WEBHOOK_SECRET to the key \
             of the webhook (authentication: HMAC), or HALOPSA_WEBHOOK_USERNAME and _PASSWORD",
        );
    }
}

/// Works until shutdown, then finishes the current work.
async fn serve(
    reconciler: NetworkReconciler<SystemClock>,
    store: Store<SystemClock>,
    listener: TcpListener,
    settings: &Settings,
    config: PathBuf,
    metrics: Arc<ProcessMetrics>,
    stopped: impl Future<Output = ()> + Send + 'static,
) -> anyhow::Result<ExitCode> {
    // This process holds the worker lock and commands receive no messages, so every message in
    // flight was left by a worker that crashed.
    store.requeue_in_flight()?;
    reconciler.recover_claims().await?;
    let policies = PolicyFile::new(config);
    let engine = Engine::start(reconciler, settings.serve.poll_interval, policies, metrics);
    let authenticator = webhook_auth::authenticator(&store, &settings.webhook, SystemClock);
    let front = HttpState {
        store,
        clock: SystemClock,
        authenticator,
        work_signal: engine.work_signal.clone(),
        metrics: Arc::clone(&engine.metrics),
    };
    let (shutdown, stopping) = oneshot::channel();
    let until_shutdown = async move {
        stopped.await;
        output::remark("stopping: finishing the current work");
        // The receiver is gone when the server has failed already.
        shutdown.send(()).unwrap_or_default();
    };
    let served = axum::serve(listener, http::router(front)).with_graceful_shutdown(until_shutdown);
    let drained = async {
        stopping.await.unwrap_or_default();
        tokio::time::sleep(DRAIN_MAX).await;
    };
    tokio::select! {
        ended = served.into_future() => ended.context("the HTTP server failed")?,
        // A delivery without a response was not accepted; its sender repeats it.
        () = drained => output::remark("some deliveries did not finish in time"),
    }
    engine.stop().await;
    Ok(ExitCode::SUCCESS)
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

//! `simulate`: both simulated vendors as servers.

use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use clap::Args;
use halogard_simulator::halopsa::{ApiApplication, deliver_webhooks};
use halogard_simulator::liongard::{AccessKeySpec, NativeTicketing};
use halogard_simulator::{
    Dialect, HaloPsa, Liongard, ServerHandle, SimClock, SimHaloSettings, SimLiongardSettings,
    SystemSimClock, World, admin_router, serve,
};
use tokio::net::TcpListener;

use crate::commands::serve::shutdown_signal;
use crate::output::{self, DIM, GOOD};

/// Options of `simulate`.
#[derive(Clone, Debug, Args)]
pub struct SimulateOptions {
    /// Where the simulated HaloPSA listens; loopback only.
    #[arg(long, default_value = "127.0.0.1:8801", value_name = "ADDRESS")]
    pub halopsa: SocketAddr,
    /// Where the simulated Liongard listens; loopback only.
    #[arg(long, default_value = "127.0.0.1:8802", value_name = "ADDRESS")]
    pub liongard: SocketAddr,
    /// Where alerts are raised and technicians act; loopback only.
    #[arg(long, default_value = "127.0.0.1:8803", value_name = "ADDRESS")]
    pub admin: SocketAddr,
    /// How many customers there are.
    #[arg(long, default_value_t = 6, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub customers: u32,
    /// Seed of every random choice.
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// Liongard's own ticketing creates a ticket for each alert.
    #[arg(long)]
    pub native_ticketing: bool,
    /// How both vendors behave where their APIs may be read in more than one way: a set (reference, strict,
    /// on-premises, observed-a, observed-b, worst), or switches, separated by commas. Unknown names produce
    /// suggestions.
    #[arg(long, default_value = "reference", value_name = "NAMES")]
    pub dialect: Dialect,
    /// How many requests HaloPSA accepts in a rolling window; the dialect's figure, 450, when not given.
    #[arg(long)]
    pub window_requests_max: Option<u32>,
    /// Length of that window, in seconds; the dialect's figure, 300, when not given.
    #[arg(long)]
    pub window_seconds: Option<u64>,
}

/// Runs until shutdown.
pub async fn run(options: &SimulateOptions) -> anyhow::Result<ExitCode> {
    let world = World::sample(usize::try_from(options.customers)?);
    let clock: Arc<dyn SimClock> = Arc::new(SystemSimClock);
    let mut halo_settings = SimHaloSettings {
        world: world.clone(),
        ..SimHaloSettings::default()
    };
    options.dialect.apply_to_halo(&mut halo_settings);
    let limit = &mut halo_settings.rate_limit;
    if let Some(requests_max) = options.window_requests_max {
        limit.requests_max = usize::try_from(requests_max)?;
    }
    if let Some(seconds) = options.window_seconds {
        limit.window = Duration::from_secs(seconds);
    }
    let tenant = halo_settings.tenant.clone();
    let halo = HaloPsa::new(halo_settings, Arc::clone(&clock), options.seed);
    let native_ticketing = options.native_ticketing.then(NativeTicketing::default);
    let mut liongard_settings = SimLiongardSettings {
        world,
        native_ticketing,
        ..SimLiongardSettings::default()
    };
    options.dialect.apply_to_liongard(&mut liongard_settings);
    let liongard = Liongard::new(liongard_settings, clock, options.seed);
    liongard.connect(halo.clone());
    let servers = [
        start(halo.router(), options.halopsa).await?,
        start(liongard.router(), options.liongard).await?,
        start(
            admin_router(halo.clone(), liongard, options.dialect.clone()),
            options.admin,
        )
        .await?,
    ];
    let stopped = shutdown_signal();
    announce(&servers, tenant.as_deref(), &options.dialect);
    let courier = tokio::spawn(deliver_webhooks(halo, courier_client()?));
    stopped.await;
    courier.abort();
    Ok(ExitCode::SUCCESS)
}

/// What the simulated HaloPSA posts webhooks with: TLS is set up and never used on loopback.
pub fn courier_client() -> anyhow::Result<reqwest::Client> {
    let settings = halogard_http::HttpClientSettings::default();
    Ok(halogard_http::reqwest_client(&settings)?)
}

/// Starts one server; on this machine only.
async fn start(router: axum::Router, address: SocketAddr) -> anyhow::Result<ServerHandle> {
    ensure!(
        address.ip().is_loopback(),
        "{address} is reachable from outside; a simulated vendor listens on this machine only"
    );
    let listener = TcpListener::bind(address)
        .await
        .with_context(|| format!("cannot listen on {address}; choose another port"))?;
    Ok(serve(router, listener)?)
}

/// Prints where everything is, ready to paste.
fn announce(
    [halopsa, liongard, admin]: &[ServerHandle; 3],
    tenant: Option<&str>,
    dialect: &Dialect,
) {
    let application = ApiApplication::sample();
    let key = AccessKeySpec::sample();
    output::result(&format!("{GOOD}HaloPSA{GOOD:#}   {}", halopsa.base_url()));
    output::result(&format!("{GOOD}Liongard{GOOD:#}  {}", liongard.base_url()));
    output::result(&format!(
        "{GOOD}admin{GOOD:#}     {}/admin",
        admin.base_url()
    ));
    if !dialect.switches().is_empty() {
        let names: Vec<&str> = dialect.switches().iter().map(|it| it.name).collect();
        output::result(&format!(
            "{GOOD}dialect{GOOD:#}   {dialect} {DIM}({}){DIM:#}",
            names.join(", ")
        ));
    }
    output::result(&format!("{DIM}settings for `halogard serve`:{DIM:#}"));
    for (name, value) in [
        (
            "HALOPSA_RESOURCE_URL",
            format!("{}/api", halopsa.base_url()),
        ),
        ("HALOPSA_TENANT", tenant.unwrap_or_default().to_owned()),
        ("HALOPSA_CLIENT_ID", application.client_id),
        ("HALOPSA_CLIENT_SECRET", application.client_secret),
        ("LIONGARD_URL", liongard.base_url()),
        ("LIONGARD_ACCESS_KEY_ID", key.id),
        ("LIONGARD_ACCESS_KEY_SECRET", key.secret),
    ] {
        if value.is_empty() {
            continue;
        }
        output::result(&format!("export {name}={value}"));
    }
}

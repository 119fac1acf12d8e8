//! The command line.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use halogard_domain::policy::Mode;

/// Keeps Liongard alerts and HaloPSA tickets in step, both ways.
#[derive(Debug, Parser)]
#[command(name = "halogard", version, about, max_term_width = 100)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
    /// What to log, as `info` or `halogard=debug`; logs go to standard error.
    #[arg(long, global = true, value_name = "FILTER")]
    pub log: Option<String>,
    /// Log one JSON object per line.
    #[arg(long, global = true)]
    pub log_json: bool,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Show it work: both vendors simulated, alerts raised, updated and closed on both sides.
    Demo(DemoOptions),
    /// Run against real systems, from settings and the config file.
    Serve(ServeOptions),
    /// Run simulated HaloPSA and Liongard servers on their own.
    Simulate(SimulateOptions),
    /// Write, check or apply the config file.
    #[command(subcommand)]
    Config(ConfigCommand),
    /// The address HaloPSA sends its webhooks to.
    #[command(subcommand)]
    Webhook(WebhookCommand),
    /// Exchange a credential, step by step: this machine's, or a deployed stack's.
    Rotate(RotateOptions),
}

impl Command {
    /// What is logged when nobody says: a demo shows its own progress.
    pub const fn log_filter(&self) -> &'static str {
        match self {
            Self::Demo(_) => "error",
            Self::Serve(_) => telemetry_default(),
            Self::Simulate(_) | Self::Config(_) | Self::Webhook(_) => "warn",
            Self::Rotate(_) => "error",
        }
    }
}

/// The filter of a process that serves.
const fn telemetry_default() -> &'static str {
    halogard_runtime::telemetry::DEFAULT_FILTER
}

/// Options of `demo`.
#[derive(Clone, Debug, Args)]
pub struct DemoOptions {
    /// How many alerts are raised.
    #[arg(long, default_value_t = 60, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub alerts: u32,
    /// Everything left to chance follows from this number.
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// Who creates the tickets.
    #[arg(long, value_enum, default_value_t = ModeName::Managed)]
    pub mode: ModeName,
    /// Let answers get lost, servers fail, webhooks go astray, and the bundle crash half-way.
    #[arg(long)]
    pub faults: bool,
    /// Print the summary as one JSON object on the last line.
    #[arg(long)]
    pub json: bool,
    /// Go on serving afterwards, until Ctrl-C.
    #[arg(long)]
    pub keep: bool,
    /// How many times faster than the wall clock simulated time passes.
    #[arg(long, default_value_t = 60, value_parser = clap::value_parser!(u32).range(1..=600))]
    pub speed: u32,
}

/// Who creates the tickets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ModeName {
    /// Halogard does.
    Managed,
    /// Liongard's own ticketing does.
    Native,
}

impl From<ModeName> for Mode {
    fn from(name: ModeName) -> Self {
        match name {
            ModeName::Managed => Self::Managed,
            ModeName::Native => Self::Native,
        }
    }
}

/// Options of `serve`.
#[derive(Clone, Debug, Args)]
pub struct ServeOptions {
    /// The config file; HALOGARD_CONFIG, then halogard.toml when not given.
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Say what is wrong with settings, config and both systems, and stop.
    #[arg(long)]
    pub check: bool,
}

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
    /// Everything left to chance follows from this number.
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// Liongard's own ticketing creates a ticket for each alert.
    #[arg(long)]
    pub native_ticketing: bool,
    /// How many requests HaloPSA takes in a rolling window.
    #[arg(long, default_value_t = 450)]
    pub window_requests_max: u32,
    /// Length of that window, in seconds.
    #[arg(long, default_value_t = 300)]
    pub window_seconds: u64,
}

/// What to do with the config file.
#[derive(Clone, Debug, Subcommand)]
pub enum ConfigCommand {
    /// Write a commented file to begin with.
    Init {
        /// Where to; HALOGARD_CONFIG, then halogard.toml when not given.
        #[arg(value_name = "FILE")]
        file: Option<PathBuf>,
        /// Who creates the tickets.
        #[arg(long, value_enum, default_value_t = ModeName::Managed)]
        mode: ModeName,
    },
    /// Say what is wrong with the file.
    Check {
        /// Which file; HALOGARD_CONFIG, then halogard.toml when not given.
        #[arg(value_name = "FILE")]
        file: Option<PathBuf>,
    },
    /// Print the file's JSON schema, for editors.
    Schema,
    /// Put the file in force on a deployed stack, unless it does not fit both systems.
    Apply {
        /// Which file; HALOGARD_CONFIG, then halogard.toml when not given.
        #[arg(value_name = "FILE")]
        file: Option<PathBuf>,
        /// The stack.
        #[arg(long, value_name = "NAME")]
        stack: String,
        /// Apply it even though something is wrong.
        #[arg(long)]
        anyway: bool,
    },
    /// Print the config in force on a deployed stack.
    Show {
        /// The stack.
        #[arg(long, value_name = "NAME")]
        stack: String,
    },
}

/// What to do about the webhook.
#[derive(Clone, Debug, Subcommand)]
pub enum WebhookCommand {
    /// Print the address to paste into HaloPSA, its token included.
    Url {
        /// The stack.
        #[arg(long, value_name = "NAME")]
        stack: String,
    },
}

/// Options of `rotate`.
#[derive(Clone, Debug, Args)]
pub struct RotateOptions {
    /// Which credential.
    #[arg(value_enum)]
    pub credential: CredentialName,
    /// The config file; HALOGARD_CONFIG, then halogard.toml when not given.
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// A deployed stack's credential, rather than this machine's.
    #[arg(long, value_name = "NAME", conflicts_with = "config")]
    pub stack: Option<String>,
    /// Take a value made by hand; its id is this, and its secret is asked for.
    #[arg(long, value_name = "ID")]
    pub id: Option<String>,
    /// Read the secret from the first line of standard input, and ask nothing.
    #[arg(long)]
    pub secret_stdin: bool,
    /// The two HaloPSA applications take turns; this is the Client ID of the one that rests.
    #[arg(long, value_name = "ID")]
    pub idle_id: Option<String>,
    /// Go on with the pending value: it is saved, or entered, at the vendor by now.
    #[arg(long)]
    pub finish: bool,
    /// Exchange the end of the webhook's address rather than its credential.
    #[arg(long)]
    pub address: bool,
}

/// A credential.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum CredentialName {
    /// Liongard's access key, which makes its own successor.
    Liongard,
    /// The client secret of HaloPSA's API application.
    Halopsa,
    /// What proves HaloPSA's webhook deliveries.
    Webhook,
}

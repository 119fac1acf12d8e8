//! The command line.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use halogard_domain::policy::Mode;
use halogard_simulator::Dialect;

/// Keeps Liongard alerts and HaloPSA tickets in sync, in both directions.
///
/// Halogard opens a HaloPSA ticket for each Liongard alert, updates and closes the ticket as the alert
/// changes, and tells Liongard when a technician has closed the ticket. It never opens a second ticket
/// for an alert, and stays within HaloPSA's request limit.
///
/// `halogard demo` shows it at work without any account. `halogard serve` runs it on one machine; on AWS
/// it runs as Lambda functions, and the commands here operate a deployed stack with --stack.
#[derive(Debug, Parser)]
#[command(name = "halogard", version, about, long_about, max_term_width = 100)]
pub struct Cli {
    /// The command.
    #[command(subcommand)]
    pub command: Command,
    /// What to log, as `info` or `halogard=debug`; logs go to standard error.
    #[arg(long, global = true, value_name = "FILTER")]
    pub log: Option<String>,
    /// Log one JSON object per line.
    #[arg(long, global = true)]
    pub log_json: bool,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Show Halogard at work with both vendors simulated: alerts are raised, tickets opened, updated and
    /// closed on both sides.
    Demo(DemoOptions),
    /// Run the worker on this machine against the real systems.
    Serve(ServeOptions),
    /// Run simulated HaloPSA and Liongard servers, to try `serve` without accounts.
    Simulate(SimulateOptions),
    /// Write, check or apply the config file.
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Print the address to which HaloPSA sends its webhooks.
    #[command(subcommand)]
    Webhook(WebhookCommand),
    /// Replace a credential step by step, on this machine or in a deployed stack.
    Rotate(RotateOptions),
    /// Show whether both sides are in sync, what waits for a person, and what was read when.
    ///
    /// Exit code: 0 all is well, 1 something needs a person, 2 it cannot be known.
    Status(StatusOptions),
    /// Check settings, config, rights and both systems, one line for each thing, with the remedy.
    ///
    /// Works when everything is broken, and beside a running `serve`; asks for a token of its own. Exit code: 1 if
    /// there is a problem, 0 otherwise.
    Doctor(DoctorOptions),
    /// Show which ticket an alert would get, and which rule decides. Writes nothing.
    Route(RouteOptions),
    /// Map Liongard environments to HaloPSA clients.
    ///
    /// Lists every environment with the client that fits it, by the id HaloPSA stores or by name, and why.
    /// What fits several is listed as a tie and never bound by itself. Nothing is written without --write.
    Map(MapOptions),
    /// Show the story of an alert or a ticket: what happened when and why, and what to do.
    Explain(ExplainOptions),
    /// List, show, redrive or drop the messages that no worker could process.
    #[command(subcommand)]
    Dlq(DlqCommand),
    /// Have pairs reconciled once more: both sides are read anew, and what was refused is tried again.
    Resync(ResyncOptions),
    /// Process the last reports of pairs once more. Finished work stays as it is.
    Replay(ResyncOptions),
    /// Pause everything, a vendor or a customer; every worker heeds it within seconds.
    Pause(PauseOptions),
    /// End a pause.
    Resume(ResumeOptions),
    /// Leave one alert alone until a time: what is reported is kept, nothing is written.
    Snooze(SnoozeOptions),
    /// Compare both sides, record by record: = same, * differs, + only Liongard, - only HaloPSA,
    /// ! could not be read.
    ///
    /// Reads HaloPSA within the share of the request budget that nothing else needs. Exit code 1 when
    /// something differs that nothing explains.
    Verify(VerifyOptions),
    /// Make a ticket an alert's.
    Link(LinkOptions),
    /// Take the ticket of an alert away from it.
    Unlink(UnlinkOptions),
    /// Write a copy of this machine's store, while `serve` goes on.
    Backup(BackupOptions),
    /// Put a copy in the place of this machine's store, while no `serve` runs.
    Restore(RestoreOptions),
    /// Show what operators commanded.
    #[command(subcommand)]
    Audit(AuditCommand),
}

impl Command {
    /// The default log filter; a demo shows its own progress.
    pub const fn log_filter(&self) -> &'static str {
        match self {
            Self::Serve(_) => telemetry_default(),
            Self::Simulate(_) | Self::Config(_) | Self::Webhook(_) => "warn",
            _ => "error",
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
    /// Seed of every random choice.
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// Who creates the tickets.
    #[arg(long, value_enum, default_value_t = ModeName::Managed)]
    pub mode: ModeName,
    /// Inject faults: lost responses, server errors, lost webhooks, and a crash half-way.
    #[arg(long)]
    pub faults: bool,
    /// Print the summary as one JSON object on the last line.
    #[arg(long)]
    pub json: bool,
    /// How both vendors behave where their APIs may be read in more than one way: a set (reference, strict,
    /// on-premises, observed-a, observed-b, worst), or switches, separated by commas.
    #[arg(long, default_value = "reference", value_name = "NAMES")]
    pub dialect: Dialect,
    /// Keep serving afterwards, until Ctrl-C.
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
    /// Check settings, config and both systems, print what is wrong, and stop.
    #[arg(long)]
    pub check: bool,
    /// Delete the stored secrets, whose key file is lost, and begin with a new key.
    #[arg(long, conflicts_with = "check")]
    pub forget_secrets: bool,
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
    /// Seed of every random choice.
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// Liongard's own ticketing creates a ticket for each alert.
    #[arg(long)]
    pub native_ticketing: bool,
    /// How both vendors behave where their APIs may be read in more than one way: a set (reference, strict,
    /// on-premises, observed-a, observed-b, worst), or switches, separated by commas. A wrong name is
    /// answered with those near it.
    #[arg(long, default_value = "reference", value_name = "NAMES")]
    pub dialect: Dialect,
    /// How many requests HaloPSA takes in a rolling window; the dialect's figure, 450, when not given.
    #[arg(long)]
    pub window_requests_max: Option<u32>,
    /// Length of that window, in seconds; the dialect's figure, 300, when not given.
    #[arg(long)]
    pub window_seconds: Option<u64>,
}

/// The commands for the config file.
#[derive(Clone, Debug, Subcommand)]
pub enum ConfigCommand {
    /// Write a commented file to start from.
    Init {
        /// Where to; HALOGARD_CONFIG, then halogard.toml when not given.
        #[arg(value_name = "FILE")]
        file: Option<PathBuf>,
        /// Who creates the tickets.
        #[arg(long, value_enum, default_value_t = ModeName::Managed)]
        mode: ModeName,
    },
    /// Check the file and print what is wrong.
    Check {
        /// Which file; HALOGARD_CONFIG, then halogard.toml when not given.
        #[arg(value_name = "FILE")]
        file: Option<PathBuf>,
    },
    /// Print the file's JSON schema, for editors.
    Schema,
    /// Make the file the active config of a deployed stack, after checking it against both systems.
    Apply {
        /// Which file; HALOGARD_CONFIG, then halogard.toml when not given.
        #[arg(value_name = "FILE")]
        file: Option<PathBuf>,
        /// The stack.
        #[arg(long, value_name = "NAME")]
        stack: String,
        /// Apply it even if the check finds problems.
        #[arg(long)]
        anyway: bool,
    },
    /// Print the active config of a deployed stack.
    Show {
        /// The stack.
        #[arg(long, value_name = "NAME")]
        stack: String,
    },
}

/// The commands for the webhook.
#[derive(Clone, Debug, Subcommand)]
pub enum WebhookCommand {
    /// Print the address to paste into HaloPSA, with its secret token.
    Url {
        /// The address of a deployed stack, rather than of this machine's `serve`.
        #[arg(long, value_name = "NAME")]
        stack: Option<String>,
        /// The config file; HALOGARD_CONFIG, then halogard.toml when not given.
        #[arg(long, value_name = "FILE", conflicts_with = "stack")]
        config: Option<PathBuf>,
    },
}

/// Which store a command works on, and how it prints its answer.
#[derive(Clone, Debug, Args)]
pub struct StoreOptions {
    /// The deployed stack; this machine when not given.
    #[arg(long, value_name = "NAME")]
    pub stack: Option<String>,
    /// The config file; HALOGARD_CONFIG, then halogard.toml when not given.
    #[arg(long, value_name = "FILE", conflicts_with = "stack")]
    pub config: Option<PathBuf>,
    /// Print the answer as JSON.
    #[arg(long)]
    pub json: bool,
}

/// Options of `status`.
#[derive(Clone, Debug, Args)]
pub struct StatusOptions {
    /// List the pairs that wait, each with what to do, by customer and alert name.
    #[arg(value_enum)]
    pub part: Option<StatusPart>,
    /// Where, and how it is printed.
    #[command(flatten)]
    pub store: StoreOptions,
}

/// Options of `doctor`.
#[derive(Clone, Debug, Args)]
pub struct DoctorOptions {
    /// Where, and how it is printed.
    #[command(flatten)]
    pub store: StoreOptions,
    /// Only the checks whose ids begin with this, as `halopsa.agent` or `liongard`.
    #[arg(long, value_name = "GROUP")]
    pub only: Option<String>,
    /// Print the rights that the credentials need, and ask nothing.
    #[arg(long, conflicts_with_all = ["json", "only", "stack"])]
    pub print_permissions: bool,
}

/// Options of `route`.
#[derive(Clone, Debug, Args)]
pub struct RouteOptions {
    /// Where, and how it is printed.
    #[command(flatten)]
    pub store: StoreOptions,
    /// An alert in Liongard by its id, or a JSON file with `environment`, and, as far as wanted, `inspector`, `rule`,
    /// `priority` and `name`.
    #[arg(long, value_name = "FILE|ID")]
    pub alert: String,
}

/// Options of `map`.
#[derive(Clone, Debug, Args)]
pub struct MapOptions {
    /// Where, and how it is printed.
    #[command(flatten)]
    pub store: StoreOptions,
    /// Map the suggestions with at least this score, from 0 to 1; 0.95 when no score is given.
    #[arg(long, value_name = "SCORE", num_args = 0..=1, default_missing_value = "0.95", value_parser = score)]
    pub accept_above: Option<f64>,
    /// Ask about each suggestion and each tie, on a terminal.
    #[arg(long, conflicts_with_all = ["json", "from"])]
    pub interactive: bool,
    /// Write the list as CSV, to be edited and read back with --from; `-` is standard output.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["json", "from", "accept_above", "interactive"])]
    pub csv: Option<PathBuf>,
    /// Take the mapping from an edited CSV file.
    #[arg(long, value_name = "FILE", conflicts_with = "accept_above")]
    pub from: Option<PathBuf>,
    /// Add the new entries to the config file instead of printing them.
    #[arg(long, conflicts_with = "stack")]
    pub write: bool,
    /// Inactive environments and clients, too.
    #[arg(long)]
    pub inactive: bool,
    /// Only environments of this tier in Liongard; may be given several times.
    #[arg(long, value_name = "TIER")]
    pub tier: Vec<String>,
    /// Only environments whose names match; * matches any text.
    #[arg(long, value_name = "PATTERN")]
    pub name: Option<String>,
    /// The template of new entries; the only one there is when not given.
    #[arg(long, value_name = "NAME")]
    pub template: Option<String>,
    /// A group of new entries; may be given several times.
    #[arg(long, value_name = "NAME")]
    pub group: Vec<String>,
}

/// A score from 0 to 1.
fn score(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(score) if (0.0..=1.0).contains(&score) => Ok(score),
        _ => Err("a score is a number from 0 to 1".to_owned()),
    }
}

/// Whether and why a command may change something.
#[derive(Clone, Debug, Args)]
pub struct ChangeOptions {
    /// Do it without a question.
    #[arg(long)]
    pub yes: bool,
    /// Why, for the audit.
    #[arg(long, value_name = "TEXT")]
    pub reason: Option<String>,
}

/// Options of `explain`.
#[derive(Clone, Debug, Args)]
pub struct ExplainOptions {
    /// An alert as 7586 or LG-7586, or a ticket as '#4242' or `ticket 4242`.
    #[arg(value_name = "ALERT|TICKET", required = true, num_args = 1..=2)]
    pub subject: Vec<String>,
    /// Show every event with its cause and details.
    #[arg(long)]
    pub full: bool,
    /// Go on showing new events until Ctrl-C.
    #[arg(long, conflicts_with = "json")]
    pub follow: bool,
    /// Where, and how it is printed.
    #[command(flatten)]
    pub store: StoreOptions,
}

/// Which dead letters are meant.
#[derive(Clone, Debug, Args)]
pub struct DlqFilter {
    /// Only those that ended here since: 30m, 2h, 7d, a day or a time.
    #[arg(long, value_name = "TIME")]
    pub since: Option<String>,
    /// Only those of a lane.
    #[arg(long, value_enum, value_name = "LANE")]
    pub lane: Option<LaneName>,
    /// Only those whose reason holds this text.
    #[arg(long = "reason-contains", value_name = "TEXT")]
    pub reason_contains: Option<String>,
    /// At most so many, the oldest first.
    #[arg(long, value_name = "N")]
    pub limit: Option<usize>,
}

/// A lane of the queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum LaneName {
    /// What a person may be waiting for.
    Urgent,
    /// Many changes at once.
    Bulk,
    /// Inspector runs.
    Runs,
}

/// The commands for dead letters.
#[derive(Clone, Debug, Subcommand)]
pub enum DlqCommand {
    /// List them, with the reason of each.
    List {
        /// Which.
        #[command(flatten)]
        filter: DlqFilter,
        /// Where, and how it is printed.
        #[command(flatten)]
        store: StoreOptions,
    },
    /// Show one with its message.
    Show {
        /// Its id, as `dlq list` shows it.
        #[arg(value_name = "ID")]
        id: String,
        /// Where, and how it is printed.
        #[command(flatten)]
        store: StoreOptions,
    },
    /// Have them processed again.
    Redrive(DlqChange),
    /// Delete them.
    Drop(DlqChange),
}

/// Options of `dlq redrive` and `dlq drop`.
#[derive(Clone, Debug, Args)]
pub struct DlqChange {
    /// Only these; all that the other options leave when not given.
    #[arg(value_name = "ID")]
    pub ids: Vec<String>,
    /// Which.
    #[command(flatten)]
    pub filter: DlqFilter,
    /// Whether and why.
    #[command(flatten)]
    pub change: ChangeOptions,
    /// Where, and how it is printed.
    #[command(flatten)]
    pub store: StoreOptions,
}

/// Options of `resync` and `replay`.
#[derive(Clone, Debug, Args)]
#[command(group = clap::ArgGroup::new("which").required(true).multiple(true))]
pub struct ResyncOptions {
    /// Alerts as 7586 or LG-7586, or tickets as '#4242'.
    #[arg(value_name = "ALERT|TICKET", group = "which")]
    pub subjects: Vec<String>,
    /// Those of a customer: its name in Liongard, or its environment id.
    #[arg(long, value_name = "NAME|ID", group = "which")]
    pub customer: Option<String>,
    /// Those that wait, for any cause or for one.
    #[arg(long, value_enum, value_name = "CAUSE", group = "which")]
    pub status: Option<WaitingName>,
    /// Those whose alert changed since: 30m, 2h, 7d, a day or a time.
    #[arg(long, value_name = "TIME", group = "which")]
    pub since: Option<String>,
    /// All pairs.
    #[arg(long, group = "which", conflicts_with_all = ["subjects", "customer", "status", "since"])]
    pub all: bool,
    /// At most so many, by alert.
    #[arg(long, value_name = "N")]
    pub limit: Option<usize>,
    /// Whether and why.
    #[command(flatten)]
    pub change: ChangeOptions,
    /// Where, and how it is printed.
    #[command(flatten)]
    pub store: StoreOptions,
}

/// What pairs wait for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum WaitingName {
    /// Any cause.
    Waiting,
    /// No further ticket is requested, because HaloPSA showed none.
    StoppedOpening,
    /// HaloPSA refused a write.
    Refused,
    /// The environment is not mapped.
    Unmapped,
    /// The alert gets no template.
    NoTemplate,
    /// A person moved the ticket to another client.
    FoundElsewhere,
    /// A write ended without a response.
    InDoubt,
    /// The ticket is closed, and the condition is still there.
    ResolvedInPsaOnly,
    /// A technician works on the ticket.
    LeftToTechnician,
}

/// What is paused or resumed.
#[derive(Clone, Debug, Args)]
pub struct PauseTarget {
    /// One customer: its name in Liongard, or its environment id. Reports are kept, nothing is written.
    #[arg(long, value_name = "NAME|ID", conflicts_with = "vendor")]
    pub customer: Option<String>,
    /// Everything that asks one vendor.
    #[arg(long, value_enum, value_name = "VENDOR")]
    pub vendor: Option<VendorWord>,
}

/// A vendor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum VendorWord {
    /// HaloPSA.
    Halopsa,
    /// Liongard.
    Liongard,
}

/// Options of `pause`.
#[derive(Clone, Debug, Args)]
pub struct PauseOptions {
    /// What; everything when not given.
    #[command(flatten)]
    pub target: PauseTarget,
    /// Until when: 30m, 2h, 7d, a day or a time; until `resume` when not given.
    #[arg(long, value_name = "TIME")]
    pub until: Option<String>,
    /// Whether and why.
    #[command(flatten)]
    pub change: ChangeOptions,
    /// Where, and how it is printed.
    #[command(flatten)]
    pub store: StoreOptions,
}

/// Options of `resume`.
#[derive(Clone, Debug, Args)]
pub struct ResumeOptions {
    /// The alert that is snoozed.
    #[arg(value_name = "ALERT", conflicts_with_all = ["customer", "vendor"])]
    pub alert: Option<String>,
    /// What; the pause of everything when not given.
    #[command(flatten)]
    pub target: PauseTarget,
    /// Why, for the audit.
    #[arg(long, value_name = "TEXT")]
    pub reason: Option<String>,
    /// Where, and how it is printed.
    #[command(flatten)]
    pub store: StoreOptions,
}

/// Options of `snooze`.
#[derive(Clone, Debug, Args)]
pub struct SnoozeOptions {
    /// The alert, as 7586 or LG-7586.
    #[arg(value_name = "ALERT")]
    pub alert: String,
    /// Until when: 30m, 2h, 7d, a day or a time.
    #[arg(long, value_name = "TIME")]
    pub until: String,
    /// Why.
    #[arg(long, value_name = "TEXT")]
    pub reason: String,
    /// Where, and how it is printed.
    #[command(flatten)]
    pub store: StoreOptions,
}

/// Options of `verify`.
#[derive(Clone, Debug, Args)]
pub struct VerifyOptions {
    /// Show the records that are equal as well.
    #[arg(long)]
    pub all: bool,
    /// Have the pairs that differ reconciled once more.
    #[arg(long)]
    pub repair: bool,
    /// Whether and why.
    #[command(flatten)]
    pub change: ChangeOptions,
    /// Where, and how it is printed.
    #[command(flatten)]
    pub store: StoreOptions,
}

/// Options of `link`.
#[derive(Clone, Debug, Args)]
pub struct LinkOptions {
    /// The alert, as 7586 or LG-7586.
    #[arg(value_name = "ALERT")]
    pub alert: String,
    /// The ticket, as '#4242' or 4242.
    #[arg(value_name = "TICKET")]
    pub ticket: String,
    /// Why, for the audit.
    #[arg(long, value_name = "TEXT")]
    pub reason: Option<String>,
    /// Where, and how it is printed.
    #[command(flatten)]
    pub store: StoreOptions,
}

/// Options of `unlink`.
#[derive(Clone, Debug, Args)]
pub struct UnlinkOptions {
    /// The alert as 7586 or LG-7586, or its ticket as '#4242'.
    #[arg(value_name = "ALERT|TICKET")]
    pub subject: String,
    /// Whether and why.
    #[command(flatten)]
    pub change: ChangeOptions,
    /// Where, and how it is printed.
    #[command(flatten)]
    pub store: StoreOptions,
}

/// Options of `backup`.
#[derive(Clone, Debug, Args)]
pub struct BackupOptions {
    /// The new file.
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// Write the key that opens the stored secrets to FILE.key.
    #[arg(long)]
    pub with_key: bool,
    /// The config file; HALOGARD_CONFIG, then halogard.toml when not given.
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
}

/// Options of `restore`.
#[derive(Clone, Debug, Args)]
pub struct RestoreOptions {
    /// The backup.
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// Put it in the place of the store that is there, which is kept beside it.
    #[arg(long)]
    pub replace: bool,
    /// The config file; HALOGARD_CONFIG, then halogard.toml when not given.
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
}

/// The commands for the audit.
#[derive(Clone, Debug, Subcommand)]
pub enum AuditCommand {
    /// List the commands that changed something.
    List {
        /// Only since: 30m, 2h, 7d, a day or a time.
        #[arg(long, value_name = "TIME")]
        since: Option<String>,
        /// Where, and how it is printed.
        #[command(flatten)]
        store: StoreOptions,
    },
}

/// A part of the status.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum StatusPart {
    /// The pairs that wait.
    Waiting,
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
    /// The stack whose credential is replaced; this machine's when not given.
    #[arg(long, value_name = "NAME", conflicts_with = "config")]
    pub stack: Option<String>,
    /// Use a value created by hand: its id. Its secret is prompted for.
    #[arg(long, value_name = "ID")]
    pub id: Option<String>,
    /// Read the secret from the first line of standard input instead of prompting.
    #[arg(long)]
    pub secret_stdin: bool,
    /// Alternate between two HaloPSA applications: the Client ID of the one not in use.
    #[arg(long, value_name = "ID")]
    pub idle_id: Option<String>,
    /// Continue with the pending value, after it was saved or entered at the vendor.
    #[arg(long)]
    pub finish: bool,
    /// Replace the token in the webhook's address instead of its credential.
    #[arg(long)]
    pub address: bool,
}

/// A credential.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum CredentialName {
    /// Liongard's access key, which can create its own successor.
    Liongard,
    /// The client secret of HaloPSA's API application.
    Halopsa,
    /// The credential that authenticates HaloPSA's webhook deliveries.
    Webhook,
}

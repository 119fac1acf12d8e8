//! The command line.

use clap::{Parser, Subcommand, ValueEnum};
use halogard_domain::policy::Mode;

use crate::commands::audit::AuditCommand;
use crate::commands::backup::{BackupOptions, RestoreOptions};
use crate::commands::completions::CompletionsOptions;
use crate::commands::config::ConfigCommand;
use crate::commands::connect::ConnectOptions;
use crate::commands::demo::DemoOptions;
use crate::commands::dlq::DlqCommand;
use crate::commands::doctor::DoctorOptions;
use crate::commands::explain::ExplainOptions;
use crate::commands::link::{LinkOptions, UnlinkOptions};
use crate::commands::man::ManOptions;
use crate::commands::map::MapOptions;
use crate::commands::pause::{PauseOptions, ResumeOptions, SnoozeOptions};
use crate::commands::report::ReportCommand;
use crate::commands::resync::ResyncOptions;
use crate::commands::rotate::RotateOptions;
use crate::commands::route::RouteOptions;
use crate::commands::serve::ServeOptions;
use crate::commands::simulate::SimulateOptions;
use crate::commands::status::StatusOptions;
use crate::commands::support_bundle::BundleOptions;
use crate::commands::transfer::{ExportOptions, ImportOptions};
use crate::commands::verify::VerifyOptions;
use crate::commands::webhook::WebhookCommand;

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
    /// Connect to both vendors: try every stage, store the credentials, and say what comes next.
    ///
    /// Asks for what is not given, on a terminal only. Exit code 1: a stage failed; the first one that did is named
    /// with its remedy, and nothing is stored.
    Connect(ConnectOptions),
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
    /// Write everything that the installation knows to a file, as neutral JSON lines.
    ///
    /// With `import` it moves an installation from this machine to a stack or back. Secrets are not in it, except
    /// the one that signs the keys of its tickets. Stop or pause the workers before.
    Export(ExportOptions),
    /// Read what `export` wrote into an empty store. Everything stays paused until `resume`.
    ///
    /// An import that was interrupted can be repeated.
    Import(ImportOptions),
    /// Write a zip archive for a vendor's support: ids, times, codes and what was said, without names and secrets.
    ///
    /// Nothing is sent anywhere. Says what went in and what was masked.
    SupportBundle(BundleOptions),
    /// Print a table of the pairs, or what happened in a time.
    #[command(subcommand)]
    Report(ReportCommand),
    /// Show what operators commanded.
    #[command(subcommand)]
    Audit(AuditCommand),
    /// Print what a shell completes commands and options with.
    Completions(CompletionsOptions),
    /// Print the manual page, or write the pages of all commands into a folder.
    Man(ManOptions),
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

/// Who creates the tickets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ModeName {
    /// Halogard does.
    Managed,
    /// Liongard's own ticketing does.
    Native,
    /// Not Halogard, which reads and reports, and never writes.
    Observe,
}

impl From<ModeName> for Mode {
    fn from(name: ModeName) -> Self {
        match name {
            ModeName::Managed => Self::Managed,
            ModeName::Native => Self::Native,
            ModeName::Observe => Self::Observe,
        }
    }
}

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
use crate::commands::inspect::InspectOptions;
use crate::commands::link::{LinkOptions, UnlinkOptions};
use crate::commands::man::ManOptions;
use crate::commands::map::MapOptions;
use crate::commands::notify::NotifyCommand;
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
/// Halogard opens a HaloPSA ticket for each Liongard alert, and updates and closes the ticket as the alert
/// changes. When a technician closes the ticket, it runs Liongard's inspectors, so that Liongard closes the
/// alert. It never opens a second ticket for an alert, and stays within HaloPSA's request limit.
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
    /// On a terminal, asks for each value that no option gives. Exit code 1: a stage failed; names the first one that
    /// did, with its remedy, and stores nothing.
    Connect(ConnectOptions),
    /// Print, install and test the webhook by which HaloPSA reports changes, and show its log.
    #[command(subcommand)]
    Webhook(WebhookCommand),
    /// Replace a credential step by step, on this machine or in a deployed stack.
    Rotate(RotateOptions),
    /// Show whether both sides are in sync, what waits for a person, and what was read when.
    ///
    /// Exit code: 0 everything is in order, 1 something needs a person, 2 cannot tell.
    Status(StatusOptions),
    /// Check settings, config, rights and both systems, one line for each thing, with the remedy.
    ///
    /// Works when everything is broken, and beside a running `serve`; requests its own token. Exit code: 1 if there is
    /// a problem, 0 otherwise.
    Doctor(DoctorOptions),
    /// Show which ticket an alert would get, and which rule decides. Writes nothing.
    Route(RouteOptions),
    /// Map Liongard environments to HaloPSA clients.
    ///
    /// Lists every environment with the client that fits it, by the id HaloPSA stores or by name, and why.
    /// An environment that fits several clients is listed as a tie and never mapped automatically. Writes nothing
    /// without --write.
    Map(MapOptions),
    /// Show the story of an alert or a ticket: what happened when and why, and what to do.
    Explain(ExplainOptions),
    /// Run a Liongard inspection now: of HaloPSA, of an environment, or of a launchpoint.
    ///
    /// A worker starts it, within the minimum interval between two runs of one inspector. Exit code 1: with --follow, the
    /// inspection failed.
    Inspect(InspectOptions),
    /// List, show, redrive or drop the messages that no worker could process.
    #[command(subcommand)]
    Dlq(DlqCommand),
    /// Reconcile pairs again: read both sides anew, and retry refused writes.
    Resync(ResyncOptions),
    /// Reprocess each pair's most recent report. Finished work stays as it is.
    Replay(ResyncOptions),
    /// Pause everything, a vendor or a customer; takes effect in every worker within seconds.
    Pause(PauseOptions),
    /// End a pause.
    Resume(ResumeOptions),
    /// Leave one alert alone until a time: its reports are kept, and nothing is written.
    Snooze(SnoozeOptions),
    /// Compare both sides, record by record: = same, * differs, + only Liongard, - only HaloPSA,
    /// ! could not be read.
    ///
    /// Reads HaloPSA with the part of the request budget that nothing else needs. Exit code 1 if a difference has
    /// no known cause.
    Verify(VerifyOptions),
    /// Link an existing ticket to an alert.
    Link(LinkOptions),
    /// Unlink an alert's ticket.
    Unlink(UnlinkOptions),
    /// Back up this machine's store, while `serve` runs.
    Backup(BackupOptions),
    /// Restore this machine's store from a backup (`serve` must be stopped).
    Restore(RestoreOptions),
    /// Write everything that the installation knows to a file, as neutral JSON lines.
    ///
    /// Together with `import` it moves an installation from this machine to a stack or back. The file contains no
    /// secret but the one that signs the keys of the tickets. Stop or pause the workers first.
    Export(ExportOptions),
    /// Read what `export` wrote into an empty store. Everything stays paused until `resume`.
    ///
    /// If an import is interrupted, run it again.
    Import(ImportOptions),
    /// Write a zip archive for a vendor's support: ids, times, codes and responses, without names and secrets.
    ///
    /// Sends nothing. Prints what the archive contains and what was masked.
    SupportBundle(BundleOptions),
    /// Print a table of the pairs, or a summary of a time range.
    #[command(subcommand)]
    Report(ReportCommand),
    /// Try the channels by which people are notified, or store their secrets.
    #[command(subcommand)]
    Notify(NotifyCommand),
    /// Show the operators' audit log.
    #[command(subcommand)]
    Audit(AuditCommand),
    /// Print the shell completions of commands and options.
    Completions(CompletionsOptions),
    /// Print the manual page, or write the pages of all commands into a folder.
    Man(ManOptions),
}

impl Command {
    /// Whether the command answers Ctrl-C and a termination signal itself.
    pub const fn ends_by_itself(&self) -> bool {
        match self {
            Self::Serve(options) => !options.check && !options.dry_run,
            Self::Demo(_) | Self::Simulate(_) => true,
            _ => false,
        }
    }

    /// Whether settings of the environment have an effect on the command.
    pub const fn reads_settings(&self) -> bool {
        !matches!(
            self,
            Self::Demo(_) | Self::Simulate(_) | Self::Completions(_) | Self::Man(_)
        )
    }

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
    /// Halogard creates them.
    Managed,
    /// Liongard's own ticketing creates them.
    Native,
    /// Halogard creates none: it reads and reports, and never writes.
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

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    /// The commands whose answer has a form of its own, or that answer nothing.
    const WITHOUT_JSON: [(&str, &str); 4] = [
        (
            "simulate",
            "runs until it is ended; prints lines for a shell",
        ),
        (
            "config schema",
            "is a JSON schema, whose form others define",
        ),
        ("completions", "is a script for a shell"),
        ("man", "is a page for man"),
    ];

    /// Every command that does something, by its words, with whether it takes `--json`.
    fn leaves(command: &clap::Command, words: &str, found: &mut Vec<(String, bool)>) {
        let mut below = command.get_subcommands().peekable();
        if below.peek().is_none() {
            let takes_json = command
                .get_arguments()
                .any(|it| it.get_long() == Some("json"));
            found.push((words.to_owned(), takes_json));
        }
        for command in below {
            let words = format!("{words} {}", command.get_name());
            leaves(command, words.trim_start(), found);
        }
    }

    #[test]
    fn every_command_prints_its_answer_as_json_unless_it_has_a_form_of_its_own() {
        let mut found = Vec::new();
        leaves(&Cli::command(), "", &mut found);
        assert!(found.len() > 40, "{found:?}");
        for (words, takes_json) in &found {
            let reason = WITHOUT_JSON.iter().find(|(named, _)| named == words);
            assert_eq!(
                *takes_json,
                reason.is_none(),
                "`halogard {words}`: --json or a reason, and not both"
            );
        }
        for (words, _) in WITHOUT_JSON {
            assert!(
                found.iter().any(|(it, _)| it == words),
                "no command {words}"
            );
        }
    }
}

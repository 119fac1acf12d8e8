//! What a command says when it fails: text for a person, or with `--json` one object of one form.

use std::error::Error;
use std::ffi::OsString;
use std::fmt;
use std::process::ExitCode;

use clap::error::ErrorKind;
use halogard_app::ports::PortError;
use halogard_config::{LoadError, Problems};
use halogard_operations::audit::OperatorError;
use halogard_operations::config_changes::ConfigChangeError;
use halogard_operations::map::SheetError;
use halogard_operations::subject::UnknownSubject;
use halogard_operations::webhooks::WebhookSetupError;
use halogard_runtime::settings::SettingsError;
use halogard_sqlite::OpenError;
use serde::Serialize;

use crate::output;
use crate::page::FORMAT_VERSION;

/// The exit code of a command that failed.
const FAILED: u8 = 1;

/// The exit code of a command line that cannot be read.
const MISUSED: u8 = 2;

/// Why a command does not do what it was asked, where nothing else has a type for it: what is wrong, and what to
/// do.
#[derive(Debug)]
pub struct Refused {
    kind: FailureKind,
    message: String,
    remedy: String,
}

/// What kind of failure it is: a word that scripts may rely on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum FailureKind {
    /// The command line cannot be read.
    Usage,
    /// The command names a record that is not known.
    UnknownId,
    /// The command asks a question, and there is no terminal to answer it.
    ConfirmationNeeded,
    /// The config file, or another file that was named, does not have the expected form.
    InvalidFile,
    /// A setting is missing or wrong.
    InvalidSettings,
    /// The store cannot be opened.
    Store,
    /// A vendor, or the store, failed; `code` says how.
    Port,
    /// The change does not fit what is there.
    Conflict,
    /// Checks that the change depends on could not be made.
    Unchecked,
    /// Anything else.
    Failed,
}

impl Refused {
    /// Something that the command names and that is not known.
    pub fn unknown(message: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self::new(FailureKind::UnknownId, message, remedy)
    }

    /// A refusal of any kind.
    pub fn new(kind: FailureKind, message: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self {
            kind,
            message: message.into(),
            remedy: remedy.into(),
        }
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}; {}", self.message, self.remedy)
    }
}

impl Error for Refused {}

/// A failure as `--json` prints it.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct FailureAnswer {
    format_version: u32,
    error: FailureDetail,
}

/// The members of a failure.
#[derive(Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct FailureDetail {
    /// What kind it is.
    kind: FailureKind,
    /// The same more exactly, for a failing vendor or store.
    code: Option<&'static str>,
    /// What is wrong, with its causes.
    message: String,
    /// What to do, where it is not part of the message.
    remedy: Option<String>,
    /// The exit code of the program.
    exit_code: u8,
}

/// Whether the command line asks for JSON, whether it can be read or not.
pub fn asks_for_json(arguments: &[OsString]) -> bool {
    let options = arguments.iter().take_while(|argument| *argument != "--");
    options.into_iter().any(|argument| argument == "--json")
}

/// Says why a command failed, on standard error or as JSON on standard output.
pub fn say(error: &anyhow::Error, as_json: bool) -> ExitCode {
    say_with(error, as_json, FAILED)
}

/// The same for a command whose failures have an exit code of their own.
pub fn say_with(error: &anyhow::Error, as_json: bool, exit_code: u8) -> ExitCode {
    let detail = FailureDetail {
        exit_code,
        ..detail_of(error)
    };
    if as_json {
        print(detail);
    } else {
        output::problem(&format!("{error:#}"));
        // Other errors have their remedy in the message.
        if let Some(remedy) = detail.remedy.filter(|remedy| !says(error, remedy)) {
            output::remark(&format!("fix: {remedy}"));
        }
    }
    ExitCode::from(exit_code)
}

/// Says what is wrong with a command line, or prints the help that it asks for.
pub fn say_usage(error: &clap::Error, as_json: bool) -> ExitCode {
    let is_help = !error.use_stderr();
    if as_json && !is_help {
        print(usage(error));
        return ExitCode::from(MISUSED);
    }
    // A closed standard error loses it.
    error.print().unwrap_or_default();
    ExitCode::from(if is_help { 0 } else { MISUSED })
}

/// Whether the text of `error` says `words` already.
fn says(error: &anyhow::Error, words: &str) -> bool {
    format!("{error:#}").contains(words)
}

fn print(error: FailureDetail) {
    let answer = FailureAnswer {
        format_version: FORMAT_VERSION,
        error,
    };
    // Every member is text or a number.
    output::result(&serde_json::to_string(&answer).unwrap_or_default());
}

/// What a command line that cannot be read leads to.
fn usage(error: &clap::Error) -> FailureDetail {
    let text = error.render().to_string();
    let mut paragraphs = text.trim().split("\n\n");
    let first = paragraphs.next().unwrap_or_default();
    let message = match error.kind() {
        ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => "a command is missing",
        _ => first.strip_prefix("error: ").unwrap_or(first),
    };
    let rest: Vec<&str> = paragraphs.map(str::trim).collect();
    FailureDetail {
        kind: FailureKind::Usage,
        code: None,
        message: message.to_owned(),
        remedy: (!rest.is_empty()).then(|| rest.join(" ")),
        exit_code: MISUSED,
    }
}

/// What is known of `error` by the types in its chain.
fn detail_of(error: &anyhow::Error) -> FailureDetail {
    let mut detail = FailureDetail {
        kind: FailureKind::Failed,
        code: None,
        message: format!("{error:#}"),
        remedy: None,
        exit_code: FAILED,
    };
    for cause in error.chain() {
        if let Some(refused) = cause.downcast_ref::<Refused>() {
            detail.kind = refused.kind;
            detail.message = detail
                .message
                .replace(&refused.to_string(), &refused.message);
            detail.remedy = Some(refused.remedy.clone());
            return detail;
        }
        if let Some(port) = port_error(cause) {
            detail.kind = FailureKind::Port;
            detail.code = Some(port.code.as_str());
            detail.remedy = port.remedy.map(str::to_owned);
            return detail;
        }
        if let Some(kind) = kind_of(cause) {
            detail.kind = kind;
            return detail;
        }
    }
    detail
}

/// The failure of a vendor or of the store that `cause` is. Errors that only pass one on have no cause of their own.
fn port_error<'e>(cause: &'e (dyn Error + 'static)) -> Option<&'e PortError> {
    let passed_on = match (
        cause.downcast_ref::<OperatorError>(),
        cause.downcast_ref::<ConfigChangeError>(),
        cause.downcast_ref::<WebhookSetupError>(),
    ) {
        (Some(OperatorError::Store(port)), ..)
        | (_, Some(ConfigChangeError::Store(port)), _)
        | (.., Some(WebhookSetupError::Vendor(port))) => Some(port),
        _ => None,
    };
    passed_on.or_else(|| cause.downcast_ref::<PortError>())
}

/// The kind of an error of a known type.
fn kind_of(cause: &(dyn Error + 'static)) -> Option<FailureKind> {
    if let Some(error) = cause.downcast_ref::<OperatorError>() {
        return Some(match error {
            OperatorError::UnknownAlert(_) | OperatorError::NoSuchTicket(_) => {
                FailureKind::UnknownId
            }
            _ => FailureKind::Conflict,
        });
    }
    if let Some(error) = cause.downcast_ref::<ConfigChangeError>() {
        return Some(match error {
            ConfigChangeError::NoVersion(_) => FailureKind::UnknownId,
            _ => FailureKind::Conflict,
        });
    }
    let kinds = [
        (cause.is::<UnknownSubject>(), FailureKind::UnknownId),
        (cause.is::<LoadError>(), FailureKind::InvalidFile),
        (cause.is::<Problems>(), FailureKind::InvalidFile),
        (cause.is::<SheetError>(), FailureKind::InvalidFile),
        (cause.is::<SettingsError>(), FailureKind::InvalidSettings),
        (cause.is::<OpenError>(), FailureKind::Store),
        (cause.is::<WebhookSetupError>(), FailureKind::Conflict),
    ];
    kinds
        .into_iter()
        .find_map(|(is_it, kind)| is_it.then_some(kind))
}

#[cfg(test)]
mod tests {
    use anyhow::Context as _;
    use clap::Parser as _;
    use halogard_domain::ids::AlertId;

    use super::*;
    use crate::cli::Cli;

    fn arguments(line: &str) -> Vec<OsString> {
        line.split_whitespace().map(OsString::from).collect()
    }

    #[test]
    fn json_is_asked_for_by_an_option_and_not_by_an_argument() {
        for (line, asked) in [
            ("halogard status --json", true),
            ("halogard --json", true),
            ("halogard explain 7586", false),
            ("halogard explain -- --json", false),
        ] {
            assert_eq!(asks_for_json(&arguments(line)), asked, "{line}");
        }
    }

    #[test]
    fn each_kind_of_failure_has_a_word_a_message_and_what_is_known_of_the_remedy() {
        let refused = Refused::unknown("there is no x 7", "list them");
        let table = [
            (
                anyhow::Error::new(refused),
                FailureKind::UnknownId,
                "there is no x 7",
                Some("list them"),
            ),
            (
                OperatorError::UnknownAlert(AlertId::new(7)).into(),
                FailureKind::UnknownId,
                "Halogard has no record of alert 7",
                None,
            ),
            (
                anyhow::Error::new(ConfigChangeError::StaleFile).context("while applying"),
                FailureKind::Conflict,
                "while applying: the plan is stale: the file differs from the planned one; plan again",
                None,
            ),
            (
                anyhow::anyhow!("something else"),
                FailureKind::Failed,
                "something else",
                None,
            ),
        ];
        for (error, kind, message, remedy) in table {
            let detail = detail_of(&error);
            assert_eq!(detail.kind, kind, "{detail:?}");
            assert_eq!(detail.message, message);
            assert_eq!(detail.remedy.as_deref(), remedy);
            assert_eq!(detail.exit_code, 1);
        }
    }

    #[test]
    fn a_refusal_below_a_context_keeps_its_parts() {
        let refused = Refused::new(FailureKind::Conflict, "it is there", "choose another");
        let error = Err::<(), _>(refused).context("writing").unwrap_err();
        let detail = detail_of(&error);
        assert_eq!(detail.message, "writing: it is there");
        assert_eq!(detail.remedy.as_deref(), Some("choose another"));
    }

    #[test]
    fn a_command_line_that_cannot_be_read_is_a_failure_of_the_same_form() {
        for line in [
            "halogard resync --json",
            "halogard status --no-such-option",
            "halogard nonsense",
        ] {
            let error = Cli::try_parse_from(arguments(line)).unwrap_err();
            let detail = usage(&error);
            assert_eq!(detail.kind, FailureKind::Usage, "{line}");
            assert_eq!(detail.exit_code, 2, "{line}");
            assert!(!detail.message.is_empty(), "{line}");
            assert!(!detail.message.contains('\u{1b}'), "{line}: {detail:?}");
            assert!(
                detail
                    .remedy
                    .is_some_and(|remedy| remedy.contains("halogard")),
                "{line}"
            );
        }
    }
}

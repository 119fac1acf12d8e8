//! Whether a command may change something: by flag, or by an answer at the terminal.

use std::io::{self, BufRead as _, IsTerminal as _, Write as _};

use clap::Args;
use halogard_domain::audit::digest_of;
use halogard_operations::audit::Operator;
use halogard_runtime::settings;

use crate::failure::{FailureKind, Refused};

/// Whether and why a command may change something.
#[derive(Clone, Debug, Args)]
pub struct ChangeOptions {
    /// Run without confirmation.
    #[arg(long)]
    pub yes: bool,
    /// Why, for the audit.
    #[arg(long, value_name = "TEXT", value_parser = read_reason)]
    pub reason: Option<String>,
}

/// Reads why a command is given: some words, because the audit is read later.
pub fn read_reason(text: &str) -> Result<String, &'static str> {
    match text.trim() {
        "" => Err("a reason has words"),
        reason => Ok(reason.to_owned()),
    }
}

/// Where systems name the account of the person at the terminal.
const ACCOUNTS: [&str; 3] = ["USER", "LOGNAME", "USERNAME"];

/// Fewer pairs or messages than this are queued again without a question.
pub const ASKED_FROM: usize = 2;

/// Asks for confirmation, unless `options` give it. Without a terminal there is no question: the command is
/// refused.
pub fn confirm(options: &ChangeOptions, question: &str) -> anyhow::Result<bool> {
    if options.yes {
        return Ok(true);
    }
    if !io::stdin().is_terminal() {
        let message = format!("{question} Aborted, as there is no terminal");
        let remedy = "pass --yes to run without confirmation";
        return Err(Refused::new(FailureKind::ConfirmationNeeded, message, remedy).into());
    }
    write!(io::stderr(), "{question} [y/N] ")?;
    io::stderr().flush()?;
    let mut answer = String::new();
    io::stdin().lock().read_line(&mut answer)?;
    Ok(["y", "yes"].contains(&answer.trim().to_lowercase().as_str()))
}

/// Who gives a command.
pub fn operator(reason: Option<&String>) -> Operator {
    let named = ACCOUNTS.into_iter().find_map(settings::variable);
    let account = named.or_else(account_of_process);
    Operator {
        account: account.unwrap_or_else(|| "unknown".to_owned()),
        reason: reason.cloned(),
        request_digest: digest_of(std::env::args().skip(1)),
    }
}

/// The account under which the program runs, where the environment names none, as in a container: its name, or its
/// number where it has no name.
#[cfg(target_os = "linux")]
fn account_of_process() -> Option<String> {
    use std::os::unix::fs::MetadataExt as _;

    let uid = std::fs::metadata("/proc/self").ok()?.uid();
    let accounts = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
    Some(name_of(uid, &accounts).unwrap_or_else(|| format!("uid {uid}")))
}

/// Elsewhere the environment names it.
#[cfg(not(target_os = "linux"))]
fn account_of_process() -> Option<String> {
    None
}

/// The name of the account `uid` in `accounts`, the text of `/etc/passwd`.
#[cfg(target_os = "linux")]
fn name_of(uid: u32, accounts: &str) -> Option<String> {
    let line_of = |line: &str| {
        let mut fields = line.split(':');
        let (name, _, number) = (fields.next()?, fields.next()?, fields.next()?);
        (number.parse() == Ok(uid)).then(|| name.to_owned())
    };
    accounts.lines().find_map(line_of)
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::{name_of, read_reason};

    #[test]
    fn a_reason_has_words() {
        assert_eq!(read_reason(" maintenance "), Ok("maintenance".to_owned()));
        for empty in ["", "  ", "\t"] {
            assert!(read_reason(empty).is_err(), "{empty:?}");
        }
    }

    #[test]
    fn an_account_is_named_by_the_line_that_gives_its_number() {
        let accounts = "# accounts\nroot:x:0:0:root:/root:/bin/sh\nbroken\nada:x:1000:1000::/home/ada:/bin/sh\n";
        for (uid, name) in [
            (0, Some("root")),
            (1000, Some("ada")),
            (10, None),
            (100, None),
        ] {
            assert_eq!(name_of(uid, accounts).as_deref(), name, "{uid}");
        }
    }
}

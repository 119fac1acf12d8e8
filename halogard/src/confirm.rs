//! Whether a command may change something: by flag, or by an answer at the terminal.

use std::io::{self, BufRead as _, IsTerminal as _, Write as _};

use anyhow::bail;
use clap::Args;
use halogard_operations::audit::Operator;
use halogard_runtime::settings;

/// Whether and why a command may change something.
#[derive(Clone, Debug, Args)]
pub struct ChangeOptions {
    /// Run without confirmation.
    #[arg(long)]
    pub yes: bool,
    /// Why, for the audit.
    #[arg(long, value_name = "TEXT")]
    pub reason: Option<String>,
}

/// Where systems name the account of the person at the terminal.
const ACCOUNTS: [&str; 3] = ["USER", "LOGNAME", "USERNAME"];

/// Asks for confirmation, unless `options` give it. Without a terminal there is no question: the command is
/// refused.
pub fn confirm(options: &ChangeOptions, question: &str) -> anyhow::Result<bool> {
    if options.yes {
        return Ok(true);
    }
    if !io::stdin().is_terminal() {
        bail!("{question} Aborted. Pass --yes to run without confirmation");
    }
    write!(io::stderr(), "{question} [y/N] ")?;
    io::stderr().flush()?;
    let mut answer = String::new();
    io::stdin().lock().read_line(&mut answer)?;
    Ok(["y", "yes"].contains(&answer.trim().to_lowercase().as_str()))
}

/// Who gives a command.
pub fn operator(reason: Option<&String>) -> Operator {
    let account = ACCOUNTS.into_iter().find_map(settings::variable);
    Operator {
        account: account.unwrap_or_else(|| "unknown".to_owned()),
        reason: reason.cloned(),
    }
}

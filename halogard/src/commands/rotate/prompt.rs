//! Input of the operator: secrets without echo, or the first line of standard input.

use std::io::{BufRead as _, IsTerminal as _, stdin};

use anyhow::Context as _;
use secrecy::SecretString;

use crate::output;

/// Reads a secret: from the terminal without echo, else the first line of standard input.
pub fn secret(what: &str, from_stdin: bool) -> anyhow::Result<SecretString> {
    secret_or(what, from_stdin, "type it, or pass it with --secret-stdin")
}

/// Reads a secret from the terminal without echo, else the next line of standard input; `remedy` says what to do where
/// there is none.
pub fn secret_or(what: &str, from_stdin: bool, remedy: &str) -> anyhow::Result<SecretString> {
    let text = if !from_stdin && stdin().is_terminal() {
        rpassword::prompt_password(format!("{what} (not shown): "))
            .context("the terminal cannot be read")?
    } else {
        line()?
    };
    let text = text.trim();
    anyhow::ensure!(!text.is_empty(), "no {what} was entered; {remedy}");
    anyhow::ensure!(
        !text.contains(char::is_whitespace),
        "the {what} has white space inside; copy it again in one piece"
    );
    Ok(SecretString::from(text))
}

/// Waits for Enter on a terminal.
pub fn enter(what: &str, from_stdin: bool) -> anyhow::Result<()> {
    output::remark(what);
    if !from_stdin && stdin().is_terminal() {
        line()?;
    }
    Ok(())
}

/// One line of standard input.
fn line() -> anyhow::Result<String> {
    let mut line = String::new();
    stdin()
        .lock()
        .read_line(&mut line)
        .context("standard input cannot be read")?;
    Ok(line)
}

//! What a person reads on the terminal: results on standard output, everything else on standard
//! error. Colours only where there is a terminal for them.

use std::io::{self, IsTerminal as _, Write as _};
use std::sync::atomic::{AtomicBool, Ordering};

use anstyle::{AnsiColor, Style};
use halogard_app::ports::Clock as _;
use halogard_runtime::SystemClock;
use serde_json::json;

/// Good news.
pub const GOOD: Style = AnsiColor::Green.on_default().bold();
/// Something to check.
pub const CAUTION: Style = AnsiColor::Yellow.on_default().bold();
/// Something wrong.
pub const BAD: Style = AnsiColor::Red.on_default().bold();
/// What matters less.
pub const DIM: Style = AnsiColor::BrightBlack.on_default();

/// Set when the reader of standard output has seen enough.
static CLOSED: AtomicBool = AtomicBool::new(false);

/// Set when standard output could not be written.
static INCOMPLETE: AtomicBool = AtomicBool::new(false);

/// Set when standard error is a log of JSON lines.
static IS_JSON: AtomicBool = AtomicBool::new(false);

/// From now on everything on standard error is a JSON line, like the log; a panic, too.
pub fn log_as_json() {
    IS_JSON.store(true, Ordering::Relaxed);
    std::panic::set_hook(Box::new(|panic| problem(&panic.to_string())));
}

/// Prints what is wrong, on standard error.
pub fn problem(text: &str) {
    line("ERROR", &format!("{BAD}error{BAD:#}: "), text);
}

/// Prints what deserves attention, on standard error.
pub fn caution(text: &str) {
    line("WARN", &format!("{CAUTION}note{CAUTION:#}: "), text);
}

/// Prints progress, on standard error.
pub fn remark(text: &str) {
    line("INFO", "", text);
}

/// Prints what a service says of itself: a result for a person, a line of the log for a machine.
pub fn announcement(text: &str) {
    if IS_JSON.load(Ordering::Relaxed) {
        remark(text);
    } else {
        result(text);
    }
}

/// Prints a line on standard error. A closed standard error loses it: there is no other place to report
/// that.
fn line(level: &'static str, prefix: &str, text: &str) {
    if IS_JSON.load(Ordering::Relaxed) {
        // The members of a line of the log; see `halogard_runtime::telemetry`.
        let line = json!({
            "function": env!("CARGO_PKG_NAME"),
            "version": env!("CARGO_PKG_VERSION"),
            "timestamp": SystemClock.now().to_string(),
            "level": level,
            "message": anstream::adapter::strip_str(text).to_string(),
        });
        writeln!(io::stderr(), "{line}").unwrap_or_default();
    } else {
        writeln!(anstream::stderr(), "{prefix}{text}").unwrap_or_default();
    }
}

/// Prints a result on standard output. Where its reader has closed it, as `head` does, further results are dropped
/// without a word. When it is full, an error is printed once, further results are dropped, and the program ends
/// with an error code.
pub fn result(text: &str) {
    if !is_complete() {
        return;
    }
    let mut stdout = anstream::stdout();
    let written = writeln!(stdout, "{text}").and_then(|()| stdout.flush());
    match written {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {
            CLOSED.store(true, Ordering::Relaxed);
        }
        Err(error) => {
            INCOMPLETE.store(true, Ordering::Relaxed);
            problem(&format!("standard output cannot be written: {error}"));
        }
        Ok(()) => {}
    }
}

/// Whether every result was printed so far.
pub fn is_complete() -> bool {
    !has_failed() && !CLOSED.load(Ordering::Relaxed)
}

/// Whether a result could not be printed though its reader waits for it.
pub fn has_failed() -> bool {
    INCOMPLETE.load(Ordering::Relaxed)
}

/// Whether a person reads the results, rather than a file or another program.
pub fn is_terminal() -> bool {
    io::stdout().is_terminal()
}

//! What a person reads on the terminal: results on standard output, everything else on standard
//! error. Colours only where there is a terminal for them.

use std::io::{self, IsTerminal as _, Write as _};
use std::sync::atomic::{AtomicBool, Ordering};

use anstyle::{AnsiColor, Style};

/// Good news.
pub const GOOD: Style = AnsiColor::Green.on_default().bold();
/// Something to check.
pub const CAUTION: Style = AnsiColor::Yellow.on_default().bold();
/// Something wrong.
pub const BAD: Style = AnsiColor::Red.on_default().bold();
/// What matters less.
pub const DIM: Style = AnsiColor::BrightBlack.on_default();

/// Set when standard output could not be written.
static INCOMPLETE: AtomicBool = AtomicBool::new(false);

/// Prints what is wrong, on standard error.
pub fn problem(text: &str) {
    remark(&format!("{BAD}error{BAD:#}: {text}"));
}

/// Prints what deserves attention, on standard error.
pub fn caution(text: &str) {
    remark(&format!("{CAUTION}note{CAUTION:#}: {text}"));
}

/// Prints progress, on standard error. A closed standard error loses the text: there is no other place
/// to report it.
pub fn remark(text: &str) {
    writeln!(anstream::stderr(), "{text}").unwrap_or_default();
}

/// Prints a result on standard output. When that is closed or full, an error is printed once, further
/// results are dropped, and the program ends with an error code.
pub fn result(text: &str) {
    if !is_complete() {
        return;
    }
    let mut stdout = anstream::stdout();
    let written = writeln!(stdout, "{text}").and_then(|()| stdout.flush());
    if let Err(error) = written {
        INCOMPLETE.store(true, Ordering::Relaxed);
        problem(&format!("standard output cannot be written: {error}"));
    }
}

/// Whether every result was printed so far.
pub fn is_complete() -> bool {
    !INCOMPLETE.load(Ordering::Relaxed)
}

/// Whether a person reads the results, rather than a file or another program.
pub fn is_terminal() -> bool {
    io::stdout().is_terminal()
}

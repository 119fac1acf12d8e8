//! What a person reads on the terminal: results on standard output, everything else on standard
//! error. Colours only where there is a terminal for them.

use anstyle::{AnsiColor, Style};

/// Good news.
pub const GOOD: Style = AnsiColor::Green.on_default().bold();
/// Something to look at.
pub const CAUTION: Style = AnsiColor::Yellow.on_default().bold();
/// Something wrong.
pub const BAD: Style = AnsiColor::Red.on_default().bold();
/// What matters less.
pub const DIM: Style = AnsiColor::BrightBlack.on_default();

/// Says what is wrong, on standard error.
pub fn problem(text: &str) {
    anstream::eprintln!("{BAD}error{BAD:#}: {text}");
}

/// Says what deserves a look, on standard error.
pub fn caution(text: &str) {
    anstream::eprintln!("{CAUTION}note{CAUTION:#}: {text}");
}

/// Says how things go, on standard error.
pub fn remark(text: &str) {
    anstream::eprintln!("{text}");
}

/// Prints a result on standard output.
pub fn result(text: &str) {
    anstream::println!("{text}");
}

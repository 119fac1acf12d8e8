//! The file that `halogard config init` writes.

use halogard_domain::policy::Mode;

/// The starter file, with every key explained. A `#` without a space after it precedes an example
/// that can be switched on.
const STARTER: &str = include_str!("starter.toml");

/// Where the example of a customer begins.
const EXAMPLE_CUSTOMER: &str = "[[environments]]\n";

/// The same file without a customer: `halogard map` adds them.
#[must_use]
pub fn starter_without_customers(mode: Mode) -> String {
    let text = starter(mode);
    match text.rsplit_once(EXAMPLE_CUSTOMER) {
        Some((before, _)) => before.to_owned(),
        None => text,
    }
}

/// A commented config file to start from.
#[must_use]
pub fn starter(mode: Mode) -> String {
    match mode {
        Mode::Managed => STARTER.to_owned(),
        Mode::Observe => STARTER.replacen("mode = \"managed\"", "mode = \"observe\"", 1),
        Mode::Native => STARTER.replacen("mode = \"managed\"", "mode = \"native\"", 1),
    }
}

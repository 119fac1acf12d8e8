//! The file that `halogard config init` writes.

use halogard_domain::policy::Mode;

/// The starter file, with every key explained. A `#` without a space after it precedes an example
/// that can be switched on.
const STARTER: &str = include_str!("starter.toml");

/// A commented config file to start from.
#[must_use]
pub fn starter(mode: Mode) -> String {
    match mode {
        Mode::Managed => STARTER.to_owned(),
        Mode::Native => STARTER.replacen("mode = \"managed\"", "mode = \"native\"", 1),
    }
}

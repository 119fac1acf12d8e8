//! The vault of a running `serve`, lent to a command on the same machine.
//!
//! The store belongs to one process at a time, so a command that exchanges a credential while
//! `serve` runs asks `serve` to read and write for it: over a socket in the data folder, which only
//! the folder's owner may open. What is lent is what a rotation needs: secrets, marks, and the
//! request budget. One line of JSON asks, one answers.

mod borrower;
#[cfg(unix)]
mod lender;
mod local;
mod words;

#[cfg(unix)]
pub use lender::lend;
pub use local::LocalStore;

/// The socket's name in the data folder.
const SOCKET: &str = "halogard.sock";

/// The longest line either side takes: many times the largest secret, and the ledger.
const LINE_BYTES_MAX: u64 = 1024 * 1024;

//! What the tests of the program share: processes that end with their test, both vendors
//! simulated in a process of their own, and a `serve` between them.
#![allow(dead_code, unused_imports, reason = "each test file uses a part of it")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test fails by panicking"
)]

mod bench;
mod http;
mod process;
mod schemas;
mod vault;
mod world;

use std::time::Duration;

use tokio::time::Instant;

pub use bench::{Bench, Serve, TOKEN, WEBHOOK_SECRET, signature};
pub use http::{Answer, Http};
pub use process::{Ended, Process, Signal, program, tested_program};
pub use vault::{HOUR_MS, LocalVault, key, now_ms};
pub use world::{Config, Sim};

/// Long enough for anything a loaded machine does in a moment.
pub const SOON: Duration = Duration::from_secs(30);

/// Pause between two checks for something that another process does.
const CHECK_INTERVAL: Duration = Duration::from_millis(50);

/// Calls `check` until it returns something; fails after `patience` and names what was waited for.
#[track_caller]
pub fn wait_until<T>(what: &str, patience: Duration, mut check: impl FnMut() -> Option<T>) -> T {
    let began = Instant::now();
    loop {
        if let Some(seen) = check() {
            return seen;
        }
        assert!(
            began.elapsed() < patience,
            "waited {patience:?} without success: {what}"
        );
        std::thread::sleep(CHECK_INTERVAL);
    }
}

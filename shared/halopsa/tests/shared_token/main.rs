//! One token for a whole fleet: clients that share nothing but a store, against a simulated HaloPSA.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test stops at what it did not expect, in its helpers too"
)]

mod failures;
mod harness;
mod rotation;
mod secrecy;
mod sharing;

//! The whole bundle in one process, on a clock that is moved by hand, against both simulated
//! vendors: what the scenarios are written with.
//!
//! [`Bundle`] puts the real parts together as the program does, except for the network: requests
//! are handed to the simulators' routers. [`Bundle::run_until_quiet`] works until nothing is left
//! to do, [`Bundle::conclude`] checks what must hold at the end of every scenario, whatever went
//! wrong on the way. Nothing sleeps and nothing asks for the real time, so a scenario runs the same
//! way every time.
#![expect(
    clippy::expect_used,
    reason = "a harness that cannot be set up ends its test"
)]

pub mod bundle;
pub mod clock;
pub mod courier;
pub mod driver;
pub mod fuse;
pub mod grid;
pub mod invariants;
pub mod logs;
pub mod setup;
pub mod store;
pub mod transport;
pub mod vault;

pub use bundle::Bundle;
pub use clock::Time;
pub use courier::Courier;
pub use fuse::{Fuse, Moment, Place};
pub use grid::Grid;
pub use setup::Setup;

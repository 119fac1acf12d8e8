//! The whole bundle in one process, on a clock that is moved by hand, against both simulated
//! vendors: what the scenarios are written with.
//!
//! [`Scenario`] puts the real parts together as the program does, except for the network: requests
//! are handed to the simulators' routers. [`Scenario::run_until_quiet`] works until nothing is left
//! to do, [`Scenario::conclude`] checks what must hold at the end of every scenario, whatever went
//! wrong on the way. Nothing sleeps and nothing asks for the real time, so a scenario runs the same
//! way every time.
#![expect(
    clippy::expect_used,
    reason = "a harness that cannot be set up ends its test"
)]

pub mod captured_log;
pub mod case_matrix;
pub mod clock;
pub mod crash_point;
pub mod dialect_in_force;
pub mod dialect_runs;
pub mod driver;
pub mod intervention;
pub mod invariants;
pub mod live_writes;
pub mod scenario;
pub mod setup;
pub mod store;
pub mod transport;
pub mod vault;
pub mod webhook_delivery;

pub use case_matrix::CaseMatrix;
pub use clock::ScenarioClock;
pub use crash_point::{Component, CrashPoints, CrashTiming};
pub use scenario::Scenario;
pub use setup::Setup;
pub use webhook_delivery::WebhookDelivery;

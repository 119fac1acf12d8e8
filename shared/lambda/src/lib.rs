#![doc = include_str!("../README.md")]

mod aws;
pub mod batch;
mod error;
mod instance;
mod lanes;
mod platform;
mod process;
pub mod round;
mod setup;
mod tally;
pub mod telemetry;
mod timely;
mod vendors;
mod watch;
mod watched;

pub use aws::Aws;
pub use error::FunctionError;
pub use instance::{FunctionBundle, Instance, Invocation, NotReady};
pub use lanes::Lanes;
pub use platform::{Applied, Ground, Platform, SecretName, TakenOver};
pub use setup::{SetUpError, SetUpFault};
pub use tally::Tally;
pub use timely::TimelyBudget;
pub use watch::{Spans, Watch, deadline};
pub use watched::Watched;

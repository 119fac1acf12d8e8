#![doc = include_str!("../README.md")]

mod clock;
mod key_secret;
mod masked;
#[cfg(feature = "metrics")]
pub mod metrics;
pub mod settings;
#[cfg(feature = "telemetry")]
pub mod telemetry;

pub use clock::SystemClock;
pub use key_secret::{NoRandomness, random_key_secret};
pub use masked::MaskedToken;

#![doc = include_str!("../README.md")]

mod clock;
mod masked;
#[cfg(feature = "metrics")]
pub mod metrics;
pub mod settings;
#[cfg(feature = "telemetry")]
pub mod telemetry;

pub use clock::SystemClock;
pub use masked::MaskedToken;

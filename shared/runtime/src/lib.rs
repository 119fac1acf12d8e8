#![doc = include_str!("../README.md")]

mod clock;
#[cfg(feature = "lines")]
pub mod lines;
mod masked;
#[cfg(feature = "metrics")]
pub mod metrics;
pub mod settings;
#[cfg(feature = "telemetry")]
pub mod telemetry;

pub use clock::SystemClock;
pub use masked::MaskedToken;

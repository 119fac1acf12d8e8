#![doc = include_str!("../README.md")]

mod clock;
mod masked;
pub mod settings;
pub mod telemetry;

pub use clock::SystemClock;
pub use masked::MaskedToken;

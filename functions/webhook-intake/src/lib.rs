#![doc = include_str!("../README.md")]

mod event;
mod intake;
mod misaddressed;
mod reply;
mod route;
mod settings;

pub use event::Event;
pub use intake::Intake;
pub use reply::Reply;
pub use settings::{IntakeSettings, IntakeSettingsError};

/// The function's name in logs and metrics.
pub const FUNCTION: &str = "webhook-intake";

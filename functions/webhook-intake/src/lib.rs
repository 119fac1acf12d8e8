#![doc = include_str!("../README.md")]

mod event;
mod gate;
mod intake;
mod queues;
mod reply;
mod route;
mod settings;
mod vault;

pub use event::Event;
pub use gate::{BySettings, GateError};
pub use intake::Intake;
pub use queues::Queues;
pub use reply::Reply;
pub use settings::{Settings, SettingsError};
pub use vault::SecretsManager;

/// The function's name in logs and metrics.
pub const FUNCTION: &str = "webhook-intake";

#![doc = include_str!("../README.md")]

mod alert_index;
mod aws_settings;
mod error;
mod http;
mod items;
mod leases;
mod links;
mod named_values;
mod notifications;
mod queue;
mod records;
mod store;
mod vault;

pub use aws_settings::{AwsSettings, AwsSettingsError};
pub use error::{AwsError, DecodeError};
pub use queue::{QueueError, QueueSender, RECEIVES_MAX, Received};
pub use store::{QueueUrls, Store, StoreNames};
pub use vault::SecretsManager;

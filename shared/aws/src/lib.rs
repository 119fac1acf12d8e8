#![doc = include_str!("../README.md")]

mod access;
mod alert_index;
mod config;
mod error;
mod http;
mod items;
mod journal;
mod leases;
mod ledger;
mod links;
mod marks;
mod notifications;
mod queue;
mod runs;
mod store;
mod storms;
mod sweeps;
mod tail;
mod tickets;
mod tokens;
mod vault;

pub use access::{Access, AccessError};
pub use config::AppliedConfig;
pub use error::{AwsError, Misfit};
pub use queue::{Handed, QueueError, QueueSender, RECEIVES_MAX, Taken};
pub use store::{QueueUrls, Store, StoreNames};
pub use vault::SecretsManager;

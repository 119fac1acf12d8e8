#![doc = include_str!("../README.md")]

mod error;
mod journal;
mod key;
mod leases;
mod links;
mod notifications;
mod queue;
mod records;
mod store;
mod values;
mod vault;

pub use error::{RowDecodeError, StoreError};
pub use key::{KeyError, StoreKey};
pub use store::{OpenError, Store, is_worker_running};

#![doc = include_str!("../README.md")]

mod budget;
mod error;
mod journal;
mod key;
mod leases;
mod links;
mod notifications;
mod queue;
mod runs;
mod store;
mod storms;
mod sweeps;
mod tokens;
mod values;
mod vault;

pub use error::{RowDecodeError, StoreError};
pub use key::{KeyError, StoreKey};
pub use store::{OpenError, Store, is_worker_running};

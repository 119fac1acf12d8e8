#![doc = include_str!("../README.md")]

mod budget;
mod error;
mod journal;
mod key;
mod leases;
mod links;
mod marks;
mod notifications;
mod queue;
mod runs;
mod store;
mod storms;
mod sweeps;
mod tokens;
mod vault;

pub use error::{Misfit, StoreError};
pub use key::{KeyError, StoreKey};
pub use store::{OpenError, Store, is_worker_running};

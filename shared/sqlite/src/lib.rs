#![doc = include_str!("../README.md")]

mod access;
mod alert_index;
mod error;
mod key;
mod leases;
mod links;
mod named_values;
mod notifications;
mod pruning;
mod queue;
mod records;
mod store;
mod vault;

pub use error::{OpenError, RowDecodeError, StoreError};
pub use key::{KeyError, StoreKey};
pub use store::{
    BackupSecrets, IncomingStore, Store, back_up, bring_in, delete_secrets, has_secrets,
    is_worker_running, not_there, prepare_folder,
};

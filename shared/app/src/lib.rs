#![doc = include_str!("../README.md")]

pub mod budget;
mod contacts;
pub mod cycle;
mod day_one;
mod dead_letters;
pub mod dialect;
mod env;
mod identity;
pub mod inspection;
pub mod intake;
mod known_record;
mod odd_records;
pub mod outcome;
mod paused;
mod policy_change;
pub mod poll;
pub mod poll_pace;
pub mod ports;
pub mod process;
mod quiet_polls;
mod reconcile;
mod reconciler;
pub mod recovery;
mod retention;
mod seen_tickets;
pub mod sweep;
mod value_set;
mod version_history;

pub use env::{Env, Liongard, Store};
pub use odd_records::OddRecords;
pub use paused::PAUSES_READ_EVERY;
pub use reconcile::ReconcileError;
pub use reconciler::{BATCH_MAX, Reconciler, SWEEP_EVERY, SWEEP_INTERVAL};

#![doc = include_str!("../README.md")]

pub mod budget;
pub mod credentials;
pub mod cycle;
pub mod inspection;
pub mod intake;
pub mod poll;
pub mod ports;
pub mod preflight;
pub mod process;
pub mod reconcile;
mod reconciler;
pub mod recovery;
pub mod rotation;
pub mod sweep;

pub use reconciler::{BATCH_MAX, Liongard, Reconciler, SWEEP_INTERVAL, Store};

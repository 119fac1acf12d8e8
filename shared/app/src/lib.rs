#![doc = include_str!("../README.md")]

pub mod budget;
mod bundle;
pub mod inspect;
pub mod intake;
pub mod keyring;
pub mod poll;
pub mod ports;
pub mod preflight;
pub mod reconcile;
pub mod recover;
pub mod rotate;
pub mod round;
pub mod sweep;
pub mod work;

pub use bundle::{Bundle, Liongard, SWEEP_INTERVAL, Store, TOGETHER_MAX};

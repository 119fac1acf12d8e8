#![doc = include_str!("../README.md")]

pub mod audit;
pub mod bundle;
pub mod config_changes;
pub mod connect;
pub mod day_one;
pub mod dead_letters;
pub mod doctor;
pub mod explain;
pub mod held;
pub mod inspect;
pub mod lag;
pub mod linking;
pub mod map;
pub mod moment;
pub mod notify;
pub mod pausing;
mod policy;
pub mod report;
pub mod resync;
pub mod route;
mod scan;
pub mod status;
pub mod subject;
pub mod transfer;
pub mod verify;
pub mod waiting;
pub mod webhook_samples;
pub mod webhooks;

pub use policy::policy_in_force;

//! What an operator asks and commands: a use case for each, over the ports of `halogard-app`.
//!
//! Each is one function with one answer, a type that serialises. The terminal, `--json` and the support
//! bundle render that type; none of them decides anything. The same functions run on the SQLite file,
//! beside a running `serve` or without one, and on a deployed stack: they read and write through the ports
//! with the same conditional writes as the workers, so there is no second protocol between them.

pub mod audit;
pub mod bundle;
pub mod config_changes;
pub mod connect;
pub mod day_one;
pub mod dead_letters;
pub mod doctor;
pub mod explain;
pub mod linking;
pub mod map;
pub mod moment;
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

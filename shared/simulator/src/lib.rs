#![doc = include_str!("../README.md")]

mod admin;
mod clock;
mod counters;
mod dice;
mod door;
mod error;
mod exchange;
mod faults;
pub mod halopsa;
pub mod liongard;
mod markers;
mod rate_limit;
mod server;
mod wire_time;
pub mod world;

pub use admin::admin_router;
pub use clock::{HandClock, SimClock, SystemSimClock};
pub use counters::TrafficStats;
pub use error::SimError;
pub use faults::{Fault, FaultOdds, Faults};
pub use halopsa::{HaloPsa, HaloSettings};
pub use liongard::{Liongard, LiongardSettings};
pub use markers::{AnswerCut, ConnectionLost, NeverArrived};
pub use rate_limit::{RateLimit, RefusedRequests, RetryAfter};
pub use server::{ServerHandle, serve};
pub use world::World;

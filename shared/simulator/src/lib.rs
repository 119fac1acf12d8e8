#![doc = include_str!("../README.md")]

mod admin;
mod clock;
mod counters;
pub mod dialect;
mod error;
mod faults;
pub mod halopsa;
mod http_message;
pub mod liongard;
mod markers;
mod pipeline;
mod rate_limit;
mod rng;
mod server;
mod wire_time;
pub mod world;

pub use admin::{admin_router, admin_routes};
pub use clock::{ManualClock, SimClock, SystemSimClock};
pub use counters::TrafficStats;
pub use dialect::Dialect;
pub use error::SimError;
pub use faults::{Fault, FaultRate, Faults};
pub use halopsa::{HaloPsa, SimHaloSettings};
pub use liongard::{Liongard, SimLiongardSettings};
pub use markers::{ConnectionLost, RequestNotReceived, ResponseTruncated};
pub use rate_limit::{RateLimit, RefusedRequests, RetryAfter};
pub use server::{ServerHandle, serve, serve_on_loopback};
pub use world::World;

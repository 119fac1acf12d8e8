#![doc = include_str!("../README.md")]

mod access;
mod answer;
mod endpoint;
mod error;
mod pause;
mod roots;
mod service;
mod sign;

pub use access::{Access, AccessError};
pub use error::{CallError, Lost};
pub use service::{Protocol, Service};

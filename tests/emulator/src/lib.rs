#![doc = include_str!("../README.md")]

mod emulator;
mod error;
mod fault_proxy;
mod faults;
mod python;
mod runtime_api;
mod secrets_manager;
mod server;
mod wire;

pub use emulator::{Emulator, Options, REGION, SECRET_ACCESS_KEY};
pub use error::EmulatorError;
pub use fault_proxy::FaultProxy;
pub use faults::{Fault, Faults};
pub use python::{REQUIREMENTS, python};
pub use runtime_api::{Answer, RuntimeApi};
pub use secrets_manager::StrictSecretsManager;

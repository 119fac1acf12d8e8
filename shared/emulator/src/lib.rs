#![doc = include_str!("../README.md")]

mod emulator;
mod error;
mod faults;
mod python;
mod runtime_api;
mod secrets_manager;
mod server;
mod tampered;
mod wire;

pub use emulator::{Emulator, Options, REGION, SECRET_ACCESS_KEY};
pub use error::EmulatorError;
pub use faults::{Fault, Faults};
pub use python::{REQUIREMENTS, python};
pub use runtime_api::{Answer, RuntimeApi};
pub use secrets_manager::StrictSecretsManager;
pub use tampered::Tampered;

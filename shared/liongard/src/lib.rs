#![doc = include_str!("../README.md")]

pub mod address;
mod alert_source;
pub mod client;
mod error;
pub mod key;
mod origin;
mod probe;
mod rotation;
mod route;
mod vendor_message;
pub mod wire;

pub use address::{Address, LiongardAddressError, environment_page};
pub use alert_source::LiongardAlertSource;
pub use client::{Client, LiongardClientSettings, TaskStream};
pub use error::{BodyProblem, Error, LiongardRequestError, RedirectRefusal};
pub use key::{AccessKey, AccessKeyError, ParsedAccessKey};
pub use probe::uncertain_facts;
pub use vendor_message::VendorMessage;

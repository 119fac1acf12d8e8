#![doc = include_str!("../README.md")]

pub mod address;
pub mod client;
mod error;
pub mod key;
mod origin;
mod rotation;
mod route;
mod said;
mod source;
pub mod wire;

pub use address::{Address, AddressError, environment_page};
pub use client::{Client, HttpClientSettings};
pub use error::{BodyProblem, Error, RedirectRefusal, RequestError};
pub use key::{AccessKey, KeyError, ReadKey};
pub use said::Said;
pub use source::Source;

#![doc = include_str!("../README.md")]

pub mod body;
pub mod input;
pub mod redacted_message;
mod retry_after;
mod surrogates;
pub mod values;

pub use body::{BodyError, BodyProblem};
pub use redacted_message::{RedactedMessage, Suffix};
pub use retry_after::retry_after;
pub use surrogates::replace_lone_surrogates;

#![doc = include_str!("../README.md")]

pub mod body;
pub mod input;
pub mod redacted_message;
mod retry_after;
mod rows;
mod surrogates;
pub mod values;

pub use body::{BodyError, BodyProblem};
pub use redacted_message::{RedactedMessage, Suffix};
pub use retry_after::{date_in, retry_after};
pub use rows::{UnreadableRow, read_row};
pub use surrogates::{replace_broken_characters, replace_lone_surrogates};

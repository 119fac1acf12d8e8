//! One reader for each kind of value. It accepts every form that the vendors use, and no other.
//!
//! For `#[serde(deserialize_with = "…")]`. A reader that returns an `Option` needs `default` beside it,
//! so that a missing member is `None`, as null is. A value of another type is an error, for optional
//! members too, unless it is read with [`lenient`]. An error never quotes text of the body.

mod flag;
mod lenient;
mod lists;
mod named;
mod number;
mod text;
mod timestamp;

pub use flag::flag;
pub use lenient::{Lenient, lenient, lenient_flag, lenient_id, lenient_text, lenient_timestamp};
pub use lists::{OneOrMany, any_items, list, one_or_many};
pub use named::{FromName, named};
pub use number::{id, integer, required_id};
pub use text::{required_text, text};
pub use timestamp::timestamp;

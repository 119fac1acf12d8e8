//! One reader per kind of value, as tolerant as the vendors are varied and no more.
//!
//! For `#[serde(deserialize_with = "…")]`. A reader that brings an `Option` wants `default` beside
//! it: a missing member is none, as null is. What is of another kind altogether is an error, for
//! optional members too; an error never quotes text of the body.

mod flag;
mod lists;
mod named;
mod number;
mod text;
mod timestamp;

pub use flag::flag;
pub use lists::{OneOrMany, any_items, list, one_or_many};
pub use named::{FromName, named};
pub use number::{id, integer, required_id};
pub use text::{required_text, text};
pub use timestamp::timestamp;

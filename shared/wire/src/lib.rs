#![doc = include_str!("../README.md")]

pub mod body;
mod halves;
pub mod pasted;
mod pause;
pub mod sentence;
pub mod values;

pub use body::{BodyProblem, Unusable};
pub use halves::mended;
pub use pause::retry_after;
pub use sentence::{Aside, Sentence};

//! `secret-rotation`: rotates credentials without a failed synchronisation. Secrets Manager calls it for
//! the four steps of a rotation, each of which may be repeated; a schedule of ours calls it once a day to
//! delete replaced credentials.

mod event;
mod function;
mod handler;
mod setup;
mod topic;

pub use event::{Call, EventError, RotationEvent};
pub use function::Function;
pub use handler::{RotationResponse, handle};
pub use setup::{Names, RotationSetUpError};
pub use topic::Topic;

/// The function's name in metrics.
pub const FUNCTION: &str = "secret-rotation";

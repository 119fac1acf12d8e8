//! `secret-rotation`: exchanges credentials with no failed synchronisation in between. Secrets
//! Manager calls it, four steps for each rotation, each of which may be repeated; a schedule of ours
//! calls it once a day for what is left of earlier ones.

mod event;
mod function;
mod handler;
mod setup;
mod topic;

pub use event::{Call, Event, EventError};
pub use function::Function;
pub use handler::{Answer, handle};
pub use setup::{Names, SetUpError};
pub use topic::Topic;

/// The function's name in metrics.
pub const FUNCTION: &str = "secret-rotation";

//! HaloPSA's webhooks: bodies, single or batched, small, full or event-only, parsed into queue
//! messages; and the HTTP response to a delivery.
//!
//! JSON is never rejected: a notification that is not understood is recorded and counted. A ticket in
//! a body is used only if it is complete and says when it changed; otherwise the worker reads the
//! ticket. Messages stay small whatever the body: only short members of a notification are stored,
//! and a ticket with a title of more than 1,000 characters is left out.

mod event;
mod first_body;
mod parse;
mod response;

pub use event::EventKind;
pub use first_body::{FirstBodies, FirstBody};
pub use parse::parse;
pub use response::{WebhookResponse, response_to};

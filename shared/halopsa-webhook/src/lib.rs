#![doc = include_str!("../README.md")]

mod event;
mod parse;
mod response;
mod ticket_row;

pub use event::EventKind;
pub use parse::parse;
pub use response::{WebhookResponse, response_to};
pub use ticket_row::{TicketRow, ticket_from_row};

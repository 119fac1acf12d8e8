#![doc = include_str!("../README.md")]

mod answer;
mod event;
mod read;
mod row;

pub use answer::{Answer, answer};
pub use event::EventKind;
pub use read::read;
pub use row::{TicketRow, from_row};

#![doc = include_str!("../README.md")]

pub mod adoption;
pub mod alert;
pub mod budget;
pub mod continuity;
pub mod failure;
pub mod hash;
pub mod ids;
pub mod key;
pub mod link;
pub mod message;
pub mod missing;
pub mod pair_status;
pub mod plan;
pub mod policy;
pub mod record;
pub mod render;
pub mod runs;
pub mod sharing;
pub mod slug;
pub mod storm;
pub mod sweep_cursor;
pub mod ticket;
pub mod time;
pub mod write_result;

pub use alert::{Alert, AlertState};
pub use failure::FailureClass;
pub use key::LinkKey;
pub use link::Link;
pub use message::Message;
pub use plan::{Step, plan};
pub use policy::Policy;
pub use record::Record;
pub use slug::Slug;
pub use ticket::Ticket;
pub use time::Timestamp;

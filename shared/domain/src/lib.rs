#![doc = include_str!("../README.md")]

pub mod alert;
pub mod budget;
pub mod failure;
pub mod ids;
pub mod key;
pub mod link;
pub mod message;
pub mod plan;
pub mod policy;
pub mod runs;
pub mod standing;
pub mod storm;
pub mod sweep;
pub mod text;
pub mod ticket;
pub mod time;
pub mod word;

pub use alert::{Alert, AlertState};
pub use failure::FailureClass;
pub use key::LinkKey;
pub use link::Link;
pub use message::Message;
pub use plan::{Step, plan};
pub use policy::Policy;
pub use ticket::Ticket;
pub use time::Timestamp;
pub use word::Word;

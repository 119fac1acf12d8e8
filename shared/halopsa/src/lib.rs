#![doc = include_str!("../README.md")]

pub mod address;
mod catalogue;
pub mod client;
mod error;
mod failure;
mod rotation;
mod route;
mod service_desk;
mod vendor_message;
pub mod wire;

pub use address::{AddressError, Addresses};
pub use client::{
    Client, ClientQuery, Credentials, HttpClientSettings, Listing, Page, TicketDetail, TicketQuery,
    TicketState, TicketTypeChoice,
};
pub use error::{BodyProblem, Error, RequestError, TokenFailure};
pub use halogard_halopsa_webhook as webhook;
pub use rotation::HaloCredentialAdmin;
pub use service_desk::HaloServiceDesk;
pub use vendor_message::VendorMessage;

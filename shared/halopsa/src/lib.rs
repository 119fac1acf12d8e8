#![doc = include_str!("../README.md")]

#[cfg(feature = "client")]
pub mod address;
#[cfg(feature = "client")]
mod catalogue;
#[cfg(feature = "client")]
pub mod client;
#[cfg(feature = "client")]
mod error;
#[cfg(feature = "client")]
mod failure;
#[cfg(feature = "client")]
mod probe;
#[cfg(feature = "client")]
mod rotation;
#[cfg(feature = "client")]
mod route;
#[cfg(feature = "client")]
mod service_desk;
#[cfg(feature = "client")]
mod stated_limit;
#[cfg(feature = "client")]
mod vendor_message;
pub mod webhook;
#[cfg(feature = "client")]
mod webhook_setup;
pub mod wire;

#[cfg(feature = "client")]
pub use address::{Addresses, HaloAddressError};
#[cfg(feature = "client")]
pub use client::{
    Client, ClientQuery, Credentials, HaloClientSettings, Listing, Page, TicketDetail, TicketQuery,
    TicketState, TicketTypeChoice,
};
#[cfg(feature = "client")]
pub use error::{BodyProblem, Error, HaloRequestError, TokenFailure};
#[cfg(feature = "client")]
pub use probe::uncertain_facts;
#[cfg(feature = "client")]
pub use rotation::HaloCredentialAdmin;
#[cfg(feature = "client")]
pub use service_desk::HaloServiceDesk;
#[cfg(feature = "client")]
pub use vendor_message::VendorMessage;
#[cfg(feature = "client")]
pub use webhook_setup::HaloWebhookSetup;

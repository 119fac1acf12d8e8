#![doc = include_str!("../README.md")]

pub mod address;
mod catalogue;
pub mod client;
mod desk;
mod error;
mod failure;
mod rotation;
mod route;
mod said;
pub mod wire;

pub use address::{AddressError, Addresses};
pub use client::{
    Client, ClientQuery, Credentials, HttpClientSettings, Listing, Page, TicketDetail, TicketQuery,
    TicketState, TicketTypeChoice,
};
pub use desk::Desk;
pub use error::{BodyProblem, Error, RequestError, TokenFailure};
pub use halogard_halopsa_webhook as webhook;
pub use rotation::Exchange;
pub use said::Said;

#![doc = include_str!("../README.md")]

mod connection;
mod dial;
mod provider;
mod server;
mod tls;

pub use connection::{Connection, Lost};
pub use server::Server;
pub use tls::{TlsError, tls};
pub use tokio_rustls::TlsConnector;

#![doc = include_str!("../README.md")]

mod client;
mod error;
mod http_transport;

use std::future::Future;

use bytes::Bytes;

pub use client::{Client, TransportSettings};
pub use error::TransportError;
pub use http_transport::{BuildError, HttpTransport, http_client};

/// Sends one request and waits for the whole answer.
///
/// No retries, no redirects followed, no decoding: what a repeat would mean is known one layer up.
pub trait Transport: Send + Sync {
    /// Sends `request` once.
    ///
    /// # Errors
    ///
    /// [`TransportError`] says whether the request may have reached the server.
    fn send(
        &self,
        request: http::Request<Bytes>,
    ) -> impl Future<Output = Result<http::Response<Bytes>, TransportError>> + Send;
}

impl<T: Transport> Transport for std::sync::Arc<T> {
    fn send(
        &self,
        request: http::Request<Bytes>,
    ) -> impl Future<Output = Result<http::Response<Bytes>, TransportError>> + Send {
        (**self).send(request)
    }
}

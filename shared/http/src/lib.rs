#![doc = include_str!("../README.md")]

mod client;
mod error;
pub mod tls;

use std::future::Future;

use bytes::Bytes;

pub use client::{HttpClient, HttpClientSettings, reqwest_client};
pub use error::{BuildError, TransportError};

/// Sends one request and returns the whole answer.
///
/// It does not retry, follow redirects or decode: only the caller knows what a repetition would mean.
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

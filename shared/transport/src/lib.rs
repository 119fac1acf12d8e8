#![doc = include_str!("../README.md")]

mod http_transport;

use std::future::Future;

use bytes::Bytes;

pub use http_transport::{BuildError, HttpTransport, TransportSettings, http_client};

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

/// Why there is no answer. Never holds a URL: it may carry a token.
#[derive(Debug, thiserror::Error)]
pub enum TransportError {
    /// Nothing was sent: the host was not found, refused, or failed the TLS handshake.
    #[error("no connection to the server: {reason}")]
    NotSent {
        /// The innermost cause, without addresses.
        reason: String,
    },
    /// The request may have arrived; no whole answer came back.
    #[error("no whole answer from the server: {reason}")]
    NoAnswer {
        /// The innermost cause, without addresses.
        reason: String,
    },
    /// The answer is larger than we are willing to hold.
    #[error("the answer is larger than {limit_bytes} bytes")]
    TooLarge {
        /// The limit that was passed.
        limit_bytes: usize,
    },
}

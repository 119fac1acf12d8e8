#![doc = include_str!("../README.md")]

mod body_stream;
mod client;
mod decoding;
mod error;
mod stages;
pub mod tls;

use std::future::Future;

use bytes::Bytes;

pub use body_stream::BodyStream;
pub use client::{HttpClient, HttpClientSettings, HttpProxy, LongWrite, reqwest_client};
pub use error::{BuildError, TransportError};
pub use stages::{
    CERTIFICATE_DAYS_MAX, ConnectionStage, FailureCause, StageFailure, StageOutcome,
    certificate_days, connection_stages,
};

/// Sends one request and returns the whole answer.
///
/// It does not retry, follow redirects or read the body: only the caller knows what a repetition would mean.
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

    /// Sends `request` once and returns the answer before its body is here: for bodies of any size.
    ///
    /// # Errors
    ///
    /// As [`send`](Self::send); the body may break off later.
    fn stream(
        &self,
        request: http::Request<Bytes>,
    ) -> impl Future<Output = Result<http::Response<BodyStream>, TransportError>> + Send;
}

impl<T: Transport> Transport for std::sync::Arc<T> {
    fn send(
        &self,
        request: http::Request<Bytes>,
    ) -> impl Future<Output = Result<http::Response<Bytes>, TransportError>> + Send {
        (**self).send(request)
    }

    fn stream(
        &self,
        request: http::Request<Bytes>,
    ) -> impl Future<Output = Result<http::Response<BodyStream>, TransportError>> + Send {
        (**self).stream(request)
    }
}

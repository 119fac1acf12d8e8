//! The real transport: HTTP/1.1 over TLS with built-in roots.

use std::error::Error as _;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};

use crate::{Transport, TransportError};

/// How long a call may take and how much it may bring.
#[derive(Clone, Debug)]
pub struct TransportSettings {
    /// Time to a connection.
    pub connect_timeout: Duration,
    /// Time for the whole call, body included.
    pub total_timeout: Duration,
    /// Largest answer accepted, in bytes.
    pub answer_limit_bytes: usize,
}

impl Default for TransportSettings {
    /// Ten seconds to a healthy vendor is already slow; Liongard's whole alert list may be tens of
    /// megabytes (`GET /tasks` knows no paging), hence the generous total and size.
    fn default() -> Self {
        Self {
            connect_timeout: Duration::from_secs(5),
            total_timeout: Duration::from_secs(30),
            answer_limit_bytes: 64 * 1024 * 1024,
        }
    }
}

/// The HTTP client of the process could not be built.
#[derive(Debug, thiserror::Error)]
#[error("the HTTP client could not be built")]
pub struct BuildError(#[source] Box<dyn std::error::Error + Send + Sync>);

/// The network. One per process: connections are shared by its clones.
#[derive(Clone, Debug)]
pub struct HttpTransport {
    client: reqwest::Client,
    answer_limit_bytes: usize,
}

impl HttpTransport {
    /// Builds the transport: *ring* for TLS (its first handshake costs no start-up entropy) and
    /// built-in roots, no redirects, no proxy, no retries.
    ///
    /// # Errors
    ///
    /// [`BuildError`] when the TLS set-up is refused.
    pub fn new(settings: &TransportSettings) -> Result<Self, BuildError> {
        let client = http_client(settings)?;
        Ok(Self {
            client,
            answer_limit_bytes: settings.answer_limit_bytes,
        })
    }
}

/// The HTTP client behind the transport, for a process that needs one of its own.
///
/// # Errors
///
/// [`BuildError`] when the TLS set-up is refused.
pub fn http_client(settings: &TransportSettings) -> Result<reqwest::Client, BuildError> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let roots = rustls::RootCertStore {
        roots: webpki_roots::TLS_SERVER_ROOTS.to_vec(),
    };
    let tls = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| BuildError(error.into()))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    reqwest::Client::builder()
        .tls_backend_preconfigured(tls)
        .redirect(reqwest::redirect::Policy::none())
        .retry(reqwest::retry::never())
        .no_proxy()
        .connect_timeout(settings.connect_timeout)
        .timeout(settings.total_timeout)
        .user_agent(concat!("halogard/", env!("CARGO_PKG_VERSION")))
        .build()
        .map_err(|error| BuildError(error.into()))
}

impl Transport for HttpTransport {
    async fn send(
        &self,
        request: http::Request<Bytes>,
    ) -> Result<http::Response<Bytes>, TransportError> {
        let request =
            reqwest::Request::try_from(request).map_err(|error| TransportError::NotSent {
                reason: innermost(&error),
            })?;
        let mut answer = self
            .client
            .execute(request)
            .await
            .map_err(|error| sort(&error))?;
        let mut response = http::Response::new(Bytes::new());
        *response.status_mut() = answer.status();
        *response.headers_mut() = std::mem::take(answer.headers_mut());
        let mut body = BytesMut::new();
        while let Some(chunk) = answer.chunk().await.map_err(|error| sort(&error))? {
            if body.len() + chunk.len() > self.answer_limit_bytes {
                return Err(TransportError::TooLarge {
                    limit_bytes: self.answer_limit_bytes,
                });
            }
            body.extend_from_slice(&chunk);
        }
        *response.body_mut() = body.freeze();
        Ok(response)
    }
}

/// Only `is_connect` means that nothing was sent; `is_request` is true before and after sending.
fn sort(error: &reqwest::Error) -> TransportError {
    let reason = innermost(error);
    if error.is_connect() || error.is_builder() {
        TransportError::NotSent { reason }
    } else if error.is_timeout() {
        TransportError::NoAnswer {
            reason: "timed out".into(),
        }
    } else {
        TransportError::NoAnswer { reason }
    }
}

/// The last cause of the chain: the outer ones name the URL.
fn innermost(error: &reqwest::Error) -> String {
    let mut cause = error.source();
    let mut text = "the HTTP client gave no reason".to_owned();
    while let Some(inner) = cause {
        text = inner.to_string();
        cause = inner.source();
    }
    text
}

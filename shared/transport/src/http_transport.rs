//! The real transport: HTTP/1.1 over TLS with built-in roots.

use bytes::Bytes;

use crate::{Client, Transport, TransportError, TransportSettings};

/// The HTTP client of the process could not be built.
#[derive(Debug, thiserror::Error)]
#[error("the HTTP client could not be built")]
pub struct BuildError(#[source] pub(crate) Box<dyn std::error::Error + Send + Sync>);

/// The network. One per process: connections are shared by its clones.
#[derive(Clone, Debug)]
pub struct HttpTransport {
    client: Client,
}

impl HttpTransport {
    /// Builds the transport: *ring* for TLS (its first handshake costs no start-up entropy) and
    /// built-in roots, no redirects, no proxy, no retries.
    ///
    /// # Errors
    ///
    /// [`BuildError`] when the TLS set-up is refused.
    pub fn new(settings: &TransportSettings) -> Result<Self, BuildError> {
        Ok(Self {
            client: web(settings)?,
        })
    }
}

/// A client that believes the web's authorities.
fn web(settings: &TransportSettings) -> Result<Client, BuildError> {
    let roots = webpki_roots::TLS_SERVER_ROOTS.iter().cloned().collect();
    Client::new(roots, settings)
}

/// An HTTP client for what posts webhooks in simulations.
///
/// # Errors
///
/// [`BuildError`] when the TLS set-up is refused.
pub fn http_client(settings: &TransportSettings) -> Result<reqwest::Client, BuildError> {
    Ok(web(settings)?.into_inner())
}

impl Transport for HttpTransport {
    async fn send(
        &self,
        request: http::Request<Bytes>,
    ) -> Result<http::Response<Bytes>, TransportError> {
        self.client.send(request).await
    }
}

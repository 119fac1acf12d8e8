//! The client: requests to any server over pooled connections.

use std::fmt;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::{Request, Response};
use rustls::RootCertStore;

use crate::error::reason;
use crate::{BuildError, Transport, TransportError, tls};

/// The `User-Agent` of a request that sets none.
const USER_AGENT: &str = concat!("halogard/", env!("CARGO_PKG_VERSION"));

/// How long an idle connection stays in the pool. Load balancers close theirs after 60 seconds at
/// the earliest; a request must not be on its way to one that is being closed.
const IDLE_MAX: Duration = Duration::from_secs(50);

/// Time and size limits of a request.
#[derive(Clone, Debug)]
pub struct HttpClientSettings {
    /// Time to open a connection, TLS included.
    pub connect_timeout: Duration,
    /// Time for the whole request, from connecting to the last byte of the answer.
    pub total_timeout: Duration,
    /// Largest answer accepted, in bytes.
    pub answer_limit_bytes: usize,
}

impl Default for HttpClientSettings {
    /// Ten seconds is already slow for a healthy vendor. Liongard's whole alert list may be tens of megabytes (`GET
    /// /tasks` has no paging), hence the generous total time and size.
    fn default() -> Self {
        Self {
            connect_timeout: Duration::from_secs(5),
            total_timeout: Duration::from_secs(30),
            answer_limit_bytes: 64 * 1024 * 1024,
        }
    }
}

/// Sends requests. Clones are cheap and share the connection pool.
#[derive(Clone)]
pub struct HttpClient {
    http: reqwest::Client,
    answer_limit_bytes: usize,
}

impl HttpClient {
    /// A client that trusts `roots`. It opens no connection yet.
    ///
    /// # Errors
    ///
    /// [`BuildError`] when rustls refuses the TLS configuration.
    pub fn new(roots: RootCertStore, settings: &HttpClientSettings) -> Result<Self, BuildError> {
        let tls = tls::client_config(roots).map_err(|error| BuildError(error.into()))?;
        let http = reqwest::Client::builder()
            .tls_backend_preconfigured(tls)
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .no_proxy()
            .connect_timeout(settings.connect_timeout)
            .timeout(settings.total_timeout)
            .pool_idle_timeout(IDLE_MAX)
            .user_agent(USER_AGENT)
            .build()
            .map_err(|error| BuildError(error.into()))?;
        Ok(Self {
            http,
            answer_limit_bytes: settings.answer_limit_bytes,
        })
    }

    /// A client that trusts the certificates of public web servers.
    ///
    /// # Errors
    ///
    /// As [`HttpClient::new`].
    pub fn with_web_roots(settings: &HttpClientSettings) -> Result<Self, BuildError> {
        Self::new(tls::web_roots(), settings)
    }
}

/// The `reqwest` client itself, for the simulators, which need no limit on answers.
///
/// # Errors
///
/// As [`HttpClient::new`].
pub fn reqwest_client(settings: &HttpClientSettings) -> Result<reqwest::Client, BuildError> {
    Ok(HttpClient::with_web_roots(settings)?.http)
}

impl Transport for HttpClient {
    async fn send(&self, request: Request<Bytes>) -> Result<Response<Bytes>, TransportError> {
        let request =
            reqwest::Request::try_from(request).map_err(|error| TransportError::NotSent {
                reason: reason(&error),
            })?;
        let sent = self.http.execute(request).await;
        let mut answer = sent.map_err(|error| classify(&error))?;
        let mut response = Response::new(Bytes::new());
        *response.status_mut() = answer.status();
        *response.headers_mut() = std::mem::take(answer.headers_mut());
        let mut body = BytesMut::new();
        while let Some(chunk) = answer.chunk().await.map_err(|error| classify(&error))? {
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

impl fmt::Debug for HttpClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpClient").finish_non_exhaustive()
    }
}

/// The class of `error`. Only `is_connect` means that nothing was sent; `is_request` is true before and after sending.
fn classify(error: &reqwest::Error) -> TransportError {
    if error.is_connect() || error.is_builder() {
        TransportError::NotSent {
            reason: reason(error),
        }
    } else if error.is_timeout() {
        let reason = "timed out".to_owned();
        TransportError::NoAnswer { reason }
    } else {
        TransportError::NoAnswer {
            reason: reason(error),
        }
    }
}

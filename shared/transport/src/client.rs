//! Requests to any server, over connections that are kept.

use std::fmt;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use halogard_connection::tls;
use http::{Request, Response};
use rustls::RootCertStore;

use crate::error::innermost;
use crate::{BuildError, TransportError};

/// Names the sender where a request does not.
const USER_AGENT: &str = concat!("halogard/", env!("CARGO_PKG_VERSION"));

/// How long a connection is kept with nothing to do. Load balancers close theirs after 60 seconds at
/// the earliest; a request must not be on its way to one that is being closed.
const IDLE_MAX: Duration = Duration::from_secs(50);

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

/// Sends requests. Connections are shared by its clones, which are cheap.
#[derive(Clone)]
pub struct Client {
    http: reqwest::Client,
    answer_limit_bytes: usize,
}

impl Client {
    /// A client that believes whom `roots` vouch for: no redirects, no proxy, no retries. Opens
    /// nothing yet.
    ///
    /// # Errors
    ///
    /// [`BuildError`] when the TLS set-up is refused.
    pub fn new(roots: RootCertStore, settings: &TransportSettings) -> Result<Self, BuildError> {
        let tls = tls(roots).map_err(|error| BuildError(error.into()))?;
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

    /// The HTTP client itself, for whoever needs no limit on answers.
    #[must_use]
    pub fn into_inner(self) -> reqwest::Client {
        self.http
    }

    /// Sends `request` once, to the server its address names, and brings the whole answer.
    ///
    /// # Errors
    ///
    /// [`TransportError`] says whether the request may have reached the server.
    pub async fn send(&self, request: Request<Bytes>) -> Result<Response<Bytes>, TransportError> {
        let request =
            reqwest::Request::try_from(request).map_err(|error| TransportError::NotSent {
                reason: innermost(&error),
            })?;
        let sent = self.http.execute(request).await;
        let mut answer = sent.map_err(|error| sort(&error))?;
        let mut response = Response::new(Bytes::new());
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

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").finish_non_exhaustive()
    }
}

/// Only `is_connect` means that nothing was sent; `is_request` is true before and after sending.
fn sort(error: &reqwest::Error) -> TransportError {
    if error.is_connect() || error.is_builder() {
        let reason = innermost(error);
        TransportError::NotSent { reason }
    } else if error.is_timeout() {
        let reason = "timed out".to_owned();
        TransportError::NoAnswer { reason }
    } else {
        let reason = innermost(error);
        TransportError::NoAnswer { reason }
    }
}

//! The client: requests to any server over pooled connections.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use http::{Request, Response};
use rustls::RootCertStore;

use crate::error::reason;
use crate::{BodyStream, BuildError, Transport, TransportError, tls};

/// The `User-Agent` of a request that sets none.
const USER_AGENT: &str = concat!("halogard/", env!("CARGO_PKG_VERSION"));

/// How long an idle connection stays in the pool. Load balancers close theirs after 60 seconds at
/// the earliest; a request must not be on its way to one that is being closed.
const IDLE_MAX: Duration = Duration::from_secs(50);

/// Connections that were idle for this long by the wall clock are not used any more, even if the pool keeps
/// them: it uses a clock that may stop while a function is frozen.
const FROZEN_MAX: Duration = Duration::from_secs(45);

/// Time and size limits of a request.
#[derive(Clone, Debug)]
pub struct HttpClientSettings {
    /// Time to open a connection, TLS included.
    pub connect_timeout: Duration,
    /// Time for the whole request, from connecting to the last byte of the answer.
    pub total_timeout: Duration,
    /// The same for a [`LongWrite`].
    pub write_timeout: Duration,
    /// Largest answer accepted as a whole, in bytes.
    pub answer_limit_bytes: usize,
    /// Time for a streamed answer, from connecting to the last byte.
    pub stream_timeout: Duration,
    /// Time without any progress of a streamed answer, before its first byte or between two pieces.
    pub stream_idle_timeout: Duration,
    /// The wall clock.
    pub wall_clock: fn() -> SystemTime,
    /// The proxy through which other machines are reached.
    pub proxy: Option<HttpProxy>,
}

/// A proxy. This machine itself is never reached through it. Its `Debug` leaves the address out, which may hold a
/// password.
#[derive(Clone)]
pub struct HttpProxy {
    /// Its address, such as `http://proxy.example.com:3128`.
    pub url: String,
    /// Hosts that are reached without it, separated by commas.
    pub except: String,
}

/// Names of this machine, as exceptions from a proxy.
const THIS_MACHINE: &str = "localhost,127.0.0.0/8,::1";

impl fmt::Debug for HttpProxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpProxy")
            .field("except", &self.except)
            .finish_non_exhaustive()
    }
}

impl HttpProxy {
    /// What `reqwest` goes by.
    fn rule(&self) -> Result<reqwest::Proxy, BuildError> {
        let proxy = reqwest::Proxy::all(&self.url)
            .map_err(|error| BuildError(error.without_url().into()))?;
        let except = format!("{THIS_MACHINE},{}", self.except);
        Ok(proxy.no_proxy(reqwest::NoProxy::from_string(&except)))
    }
}

impl Default for HttpClientSettings {
    /// Ten seconds is already slow for a healthy vendor. Liongard's list of alerts, which has no pages, may take
    /// minutes to be put together and be a hundred megabytes long: it is streamed.
    fn default() -> Self {
        Self {
            connect_timeout: Duration::from_secs(5),
            total_timeout: Duration::from_secs(30),
            // HaloPSA's gateway gives up after about a minute. A write that is given up earlier may succeed, and
            // would have to be searched for.
            write_timeout: Duration::from_secs(65),
            answer_limit_bytes: 64 * 1024 * 1024,
            stream_timeout: Duration::from_secs(600),
            stream_idle_timeout: Duration::from_secs(120),
            wall_clock,
            proxy: None,
        }
    }
}

/// Marks a request, as one of its extensions, that changes records of a server which may take a minute for it:
/// its answer is waited for longer.
#[derive(Clone, Copy, Debug)]
pub struct LongWrite;

/// The wall clock of this machine.
#[expect(
    clippy::disallowed_methods,
    reason = "the age of a connection, which no other clock shows after a freeze"
)]
fn wall_clock() -> SystemTime {
    SystemTime::now()
}

/// Sends requests. Clones are cheap and share the connection pool.
#[derive(Clone)]
pub struct HttpClient {
    pool: Arc<Mutex<Pool>>,
    /// What connections are made by. Shared: futures that hold a client stay small.
    setup: Arc<ConnectionSetup>,
}

/// What connections are made by.
struct ConnectionSetup {
    tls: rustls::ClientConfig,
    settings: HttpClientSettings,
}

impl HttpClient {
    /// A client that trusts `roots`. It opens no connection yet.
    ///
    /// # Errors
    ///
    /// [`BuildError`] when rustls refuses the TLS configuration.
    pub fn new(roots: RootCertStore, settings: &HttpClientSettings) -> Result<Self, BuildError> {
        let tls = tls::client_config(roots).map_err(|error| BuildError(error.into()))?;
        let http = connect_with(tls.clone(), settings)?;
        let used_at = (settings.wall_clock)();
        Ok(Self {
            pool: Arc::new(Mutex::new(Pool { http, used_at })),
            setup: Arc::new(ConnectionSetup {
                tls,
                settings: settings.clone(),
            }),
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

/// A client without any connection.
fn connect_with(
    tls: rustls::ClientConfig,
    settings: &HttpClientSettings,
) -> Result<reqwest::Client, BuildError> {
    // What the environment says is a setting like any other, and reaches this crate as one.
    let mut builder = reqwest::Client::builder()
        .tls_backend_preconfigured(tls)
        .redirect(reqwest::redirect::Policy::none())
        .retry(reqwest::retry::never())
        .no_proxy()
        .connect_timeout(settings.connect_timeout)
        .timeout(settings.total_timeout)
        .pool_idle_timeout(IDLE_MAX)
        .user_agent(USER_AGENT);
    if let Some(proxy) = &settings.proxy {
        builder = builder.proxy(proxy.rule()?);
    }
    builder.build().map_err(|error| BuildError(error.into()))
}

/// The `reqwest` client itself, for the simulators, which need no limit on answers.
///
/// # Errors
///
/// As [`HttpClient::new`].
pub fn reqwest_client(settings: &HttpClientSettings) -> Result<reqwest::Client, BuildError> {
    Ok(HttpClient::with_web_roots(settings)?.http())
}

/// The connections, and when they were last used.
struct Pool {
    http: reqwest::Client,
    used_at: SystemTime,
}

impl HttpClient {
    /// The connections, none of them idle for long by the wall clock. What is in progress on the others continues.
    fn http(&self) -> reqwest::Client {
        let now = (self.setup.settings.wall_clock)();
        let mut pool = self.pool.lock().unwrap_or_else(PoisonError::into_inner);
        // An error is a clock that was set back, which shows no age.
        let is_old = now
            .duration_since(pool.used_at)
            .is_ok_and(|idle| idle > FROZEN_MAX);
        if is_old {
            let tls = self.setup.tls.clone();
            // It was built once, so it is built again.
            if let Ok(http) = connect_with(tls, &self.setup.settings) {
                pool.http = http;
            }
        }
        pool.used_at = now;
        pool.http.clone()
    }

    /// Sends `request` and returns the answer as soon as its headers are here.
    async fn begin(
        &self,
        request: Request<Bytes>,
        timeout: Duration,
        idle_timeout: Duration,
    ) -> Result<Response<BodyStream>, TransportError> {
        let mut request =
            reqwest::Request::try_from(request).map_err(|error| TransportError::NotSent {
                reason: reason(&error),
            })?;
        *request.timeout_mut() = Some(timeout);
        let Ok(sent) = tokio::time::timeout(idle_timeout, self.http().execute(request)).await
        else {
            let reason = "timed out".to_owned();
            return Err(TransportError::NoAnswer { reason });
        };
        let answer = sent.map_err(|error| classify(&error))?;
        let (status, headers) = (answer.status(), answer.headers().clone());
        let mut response = Response::new(BodyStream::of(answer, idle_timeout));
        *response.status_mut() = status;
        *response.headers_mut() = headers;
        Ok(response)
    }
}

impl Transport for HttpClient {
    async fn send(&self, request: Request<Bytes>) -> Result<Response<Bytes>, TransportError> {
        let timeout = match request.extensions().get::<LongWrite>() {
            Some(LongWrite) => self.setup.settings.write_timeout,
            None => self.setup.settings.total_timeout,
        };
        let (parts, body) = self.begin(request, timeout, timeout).await?.into_parts();
        let body = body.collect(self.setup.settings.answer_limit_bytes).await?;
        Ok(Response::from_parts(parts, body))
    }

    async fn stream(
        &self,
        request: Request<Bytes>,
    ) -> Result<Response<BodyStream>, TransportError> {
        self.begin(
            request,
            self.setup.settings.stream_timeout,
            self.setup.settings.stream_idle_timeout,
        )
        .await
    }
}

impl fmt::Debug for HttpClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpClient").finish_non_exhaustive()
    }
}

/// The class of `error`. Only `is_connect` means that nothing was sent; `is_request` is true before and after sending.
pub(crate) fn classify(error: &reqwest::Error) -> TransportError {
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

//! One connection, and one request on it at a time.

use std::pin::Pin;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::{Request, Response, header};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::{Instant, Sleep, sleep, timeout};
use tokio_rustls::TlsConnector;

use crate::Server;
use crate::dial::dial;

/// The most that is set aside for an answer because it says it will be long, in bytes; what is
/// longer grows as it comes.
const SET_ASIDE_MAX: usize = 1024 * 1024;

/// A socket, encrypted or not. One type for both: the code that speaks HTTP is in the program once.
trait Socket: AsyncRead + AsyncWrite + Send + Unpin {}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> Socket for S {}

/// An HTTP/1.1 connection.
pub struct Connection {
    sender: SendRequest<Full<Bytes>>,
    /// Kept and moved on for each request. Setting a new one each time makes the runtime wake
    /// itself up.
    limit: Pin<Box<Sleep>>,
}

/// What became of a request that brought no answer.
#[derive(Debug)]
pub enum Lost {
    /// It may have arrived; the connection broke, for this reason.
    Broken(String),
    /// It may have arrived; the whole answer did not come in time.
    TimedOut,
    /// It arrived; the answer is larger than was allowed.
    TooLarge,
}

impl Connection {
    /// Opens a connection to `server`, within `time`. With `tls`, which says whom to believe to be
    /// it, encrypted; else not.
    ///
    /// # Errors
    ///
    /// Why there is none, as a sentence that names no address.
    pub async fn open(
        server: &Server,
        tls: Option<&TlsConnector>,
        time: Duration,
    ) -> Result<Self, String> {
        timeout(time, Self::open_in_time(server, tls))
            .await
            .unwrap_or_else(|_| Err("no connection in time".to_owned()))
    }

    async fn open_in_time(server: &Server, tls: Option<&TlsConnector>) -> Result<Self, String> {
        let stream = dial(server).await.map_err(|error| error.to_string())?;
        let Some(tls) = tls else {
            return Self::over(Box::new(stream)).await;
        };
        let name = ServerName::try_from(server.host.clone())
            .map_err(|_| "the address is no name for TLS".to_owned())?;
        let stream = tls
            .connect(name, stream)
            .await
            .map_err(|error| error.to_string())?;
        Self::over(Box::new(stream)).await
    }

    /// Speaks HTTP over `socket`.
    async fn over(socket: Box<dyn Socket>) -> Result<Self, String> {
        let (sender, driver) = http1::handshake(TokioIo::new(socket))
            .await
            .map_err(|error| error.to_string())?;
        tokio::spawn(async move {
            if let Err(error) = driver.await {
                // The request under way, if there is one, learns of it by itself.
                tracing::debug!(reason = %error, "a connection ended");
            }
        });
        Ok(Self {
            sender,
            limit: Box::pin(sleep(Duration::ZERO)),
        })
    }

    /// Whether the other side is still there, as far as is known, and ready within `time`.
    pub async fn is_usable(&mut self, time: Duration) -> bool {
        matches!(timeout(time, self.sender.ready()).await, Ok(Ok(())))
    }

    /// Sends `request`, whose address is a path, and brings the whole answer, within `time` and with
    /// at most `answer_bytes_max` in its body.
    ///
    /// # Errors
    ///
    /// What became of the request. The connection must not be used again then.
    pub async fn send(
        &mut self,
        request: Request<Bytes>,
        time: Duration,
        answer_bytes_max: usize,
    ) -> Result<Response<Bytes>, Lost> {
        // No clock goes further than this; a longer time is none.
        let until = Instant::now().checked_add(time);
        if let Some(until) = until {
            self.limit.as_mut().reset(until);
        }
        let exchange = exchange(&mut self.sender, request, answer_bytes_max);
        tokio::select! {
            biased;
            outcome = exchange => outcome,
            () = &mut self.limit, if until.is_some() => Err(Lost::TimedOut),
        }
    }
}

/// Sends a request and reads the answer.
async fn exchange(
    sender: &mut SendRequest<Full<Bytes>>,
    request: Request<Bytes>,
    answer_bytes_max: usize,
) -> Result<Response<Bytes>, Lost> {
    let broken = |error: &hyper::Error| Lost::Broken(innermost(error));
    let sent = sender.send_request(request.map(Full::new)).await;
    let (head, mut body) = sent.map_err(|error| broken(&error))?.into_parts();
    let body = whole(&head, &mut body, answer_bytes_max).await;
    let body = body.map_err(|error| error.as_ref().map_or(Lost::TooLarge, broken))?;
    Ok(Response::from_parts(head, body))
}

/// The whole of `body`; an error that is none when it is too large.
async fn whole(
    head: &http::response::Parts,
    body: &mut Incoming,
    bytes_max: usize,
) -> Result<Bytes, Option<hyper::Error>> {
    let mut read = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let Ok(part) = frame?.into_data() else {
            continue;
        };
        if read.len() + part.len() > bytes_max {
            return Err(None);
        }
        if read.is_empty() {
            let length = head.headers.get(header::CONTENT_LENGTH);
            let length = length.and_then(|length| length.to_str().ok()?.parse().ok());
            if length == Some(part.len()) {
                return Ok(part);
            }
            read.reserve(length.unwrap_or(0).min(SET_ASIDE_MAX));
        }
        read.extend_from_slice(&part);
    }
    Ok(read.freeze())
}

/// The last cause of the chain that begins with `error`.
fn innermost(error: &dyn std::error::Error) -> String {
    let mut last = error;
    while let Some(cause) = last.source() {
        last = cause;
    }
    last.to_string()
}

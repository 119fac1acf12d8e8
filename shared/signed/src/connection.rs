//! One connection, and one request on it.

use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use rustls_lean::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::access::Access;
use crate::endpoint::Endpoint;
use crate::error::Lost;

/// Time a connection may take, TLS included. Within a region it takes a few milliseconds.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);

/// Time an answer may take. Both calls we make take milliseconds; the sender of a webhook waits
/// meanwhile.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(3);

/// Largest answer read, in bytes: a secret has at most 64 KiB, a batch's answer a few kilobytes.
const ANSWER_BYTES_MAX: usize = 256 * 1024;

/// A connection that can take a request.
pub(crate) struct Connection {
    sender: SendRequest<Full<Bytes>>,
}

impl Connection {
    /// Opens a connection to `endpoint`.
    ///
    /// # Errors
    ///
    /// Why there is none, as a sentence.
    pub(crate) async fn open(access: &Access, endpoint: &Endpoint) -> Result<Self, String> {
        let opened = timeout(CONNECT_TIMEOUT, Self::open_in_time(access, endpoint));
        opened
            .await
            .unwrap_or_else(|_| Err("no connection in time".to_owned()))
    }

    async fn open_in_time(access: &Access, endpoint: &Endpoint) -> Result<Self, String> {
        let stream = TcpStream::connect((endpoint.host.as_str(), endpoint.port))
            .await
            .map_err(|error| error.to_string())?;
        // A request is written in two parts (head, body); the second must not wait for the first.
        stream
            .set_nodelay(true)
            .map_err(|error| error.to_string())?;
        if !endpoint.tls {
            return Self::over(stream).await;
        }
        let name = ServerName::try_from(endpoint.host.clone())
            .map_err(|_| "the address is no name for TLS".to_owned())?;
        let stream = access
            .tls()?
            .connect(name, stream)
            .await
            .map_err(|error| error.to_string())?;
        Self::over(stream).await
    }

    /// Speaks HTTP over `stream`.
    async fn over(
        stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    ) -> Result<Self, String> {
        let (sender, driver) = http1::handshake(TokioIo::new(stream))
            .await
            .map_err(|error| error.to_string())?;
        tokio::spawn(async move {
            if let Err(error) = driver.await {
                // The request under way, if there is one, learns of it by itself.
                tracing::debug!(reason = %error, "a connection to AWS ended");
            }
        });
        Ok(Self { sender })
    }

    /// The connection, unless the other side has left. It may have and we not know yet.
    pub(crate) async fn still_there(mut self) -> Option<Self> {
        match timeout(CONNECT_TIMEOUT, self.sender.ready()).await {
            Ok(Ok(())) => Some(self),
            _ => None,
        }
    }

    /// Sends `request` and reads the whole answer.
    ///
    /// # Errors
    ///
    /// How the answer was lost. The connection must not be used again then.
    pub(crate) async fn send(
        &mut self,
        request: Request<Full<Bytes>>,
    ) -> Result<Response<Bytes>, Lost> {
        timeout(ANSWER_TIMEOUT, self.send_in_time(request))
            .await
            .unwrap_or(Err(Lost::TimedOut))
    }

    async fn send_in_time(
        &mut self,
        request: Request<Full<Bytes>>,
    ) -> Result<Response<Bytes>, Lost> {
        let answer = self.sender.send_request(request).await;
        let (head, body) = answer.map_err(|_| Lost::Broken)?.into_parts();
        let whole = Limited::new(body, ANSWER_BYTES_MAX).collect().await;
        let body = whole.map_err(|error| {
            if error.is::<LengthLimitError>() {
                Lost::TooLarge
            } else {
                Lost::Broken
            }
        })?;
        Ok(Response::from_parts(head, body.to_bytes()))
    }
}

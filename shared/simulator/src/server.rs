//! Serves a router on a socket, broken connections included.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::pin::Pin;
use std::task::{Context, Poll};

use axum::Router;
use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use http_body_util::BodyExt as _;
use hyper::body::{Frame, Incoming};
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinHandle, JoinSet};
use tower::ServiceExt as _;

use crate::markers::{ConnectionLost, ResponseTruncated};

/// A running server; dropping it closes the socket and every connection.
#[derive(Debug)]
pub struct ServerHandle {
    /// Where it listens.
    address: SocketAddr,
    /// The accept loop, which owns every connection.
    accepting: Option<JoinHandle<()>>,
}

impl ServerHandle {
    /// Where the server listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The address as a base URL without a trailing slash.
    #[must_use]
    pub fn base_url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Stops at once.
    pub fn stop(&self) {
        if let Some(accepting) = &self.accepting {
            accepting.abort();
        }
    }

    /// Stops at once, and returns when the socket and every connection are closed.
    pub async fn end(mut self) {
        self.stop();
        if let Some(accepting) = self.accepting.take()
            && let Err(error) = accepting.await
            && !error.is_cancelled()
        {
            tracing::warn!(%error, "the accepting task died");
        }
    }
}

impl Drop for ServerHandle {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Serves `router` on `listener` until the handle is dropped.
///
/// Applies the markers [`ConnectionLost`] and [`ResponseTruncated`]: the first drops the connection without an answer,
/// the second after part of the body. HTTP/1.1 only.
///
/// # Errors
///
/// When the listener's own address is unknown.
pub fn serve(router: Router, listener: TcpListener) -> io::Result<ServerHandle> {
    let address = listener.local_addr()?;
    let accepting = tokio::spawn(accept(router, listener));
    let accepting = Some(accepting);
    Ok(ServerHandle { address, accepting })
}

/// [`serve`] on a free port of this machine.
///
/// # Errors
///
/// When there is none.
pub async fn serve_on_loopback(router: Router) -> io::Result<ServerHandle> {
    serve(router, TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?)
}

/// Accepts connections until this task is dropped, which closes them.
async fn accept(router: Router, listener: TcpListener) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    connections.spawn(serve_stream(router.clone(), stream));
                }
                Err(error) => tracing::warn!(%error, "a connection could not be accepted"),
            },
            Some(ended) = connections.join_next() => {
                if let Err(error) = ended {
                    tracing::warn!(%error, "a connection's task died");
                }
            }
        }
    }
}

/// Serves one connection to its end.
async fn serve_stream(router: Router, stream: TcpStream) {
    let service = service_fn(move |request: http::Request<Incoming>| {
        let router = router.clone();
        async move {
            let response = match router.oneshot(request.map(Body::new)).await {
                Ok(response) => response,
                Err(never) => match never {},
            };
            apply_markers(response).await
        }
    });
    let connection =
        hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service);
    if let Err(error) = connection.await {
        // ConnectionDropped on purpose, or by the caller: both are ordinary here.
        tracing::debug!(%error, "a connection ended early");
    }
}

/// The response is not delivered.
#[derive(Debug, thiserror::Error)]
#[error("the connection is dropped on purpose")]
struct ConnectionDropped;

/// The response with its markers applied, or an error to close the connection without one.
async fn apply_markers(response: Response) -> Result<Response, ConnectionDropped> {
    if response.extensions().get::<ConnectionLost>().is_some() {
        return Err(ConnectionDropped);
    }
    let Some(cut) = response.extensions().get::<ResponseTruncated>().copied() else {
        return Ok(response);
    };
    let (parts, body) = response.into_parts();
    let whole = body
        .collect()
        .await
        .map_err(|_| ConnectionDropped)?
        .to_bytes();
    let half = whole.slice(..cut.after_bytes.min(whole.len()));
    Ok(Response::from_parts(
        parts,
        Body::new(TruncatedBody::Whole(half)),
    ))
}

/// A body that ends early: one chunk, one poll in which it is flushed, then an error.
#[derive(Debug)]
enum TruncatedBody {
    /// The chunk is not sent yet.
    Whole(Bytes),
    /// The chunk is being flushed.
    Flushing,
    /// The connection is to be closed.
    Closed,
}

impl hyper::body::Body for TruncatedBody {
    type Data = Bytes;
    type Error = ConnectionDropped;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, ConnectionDropped>>> {
        match std::mem::replace(&mut *self, Self::Closed) {
            Self::Whole(half) => {
                *self = Self::Flushing;
                Poll::Ready(Some(Ok(Frame::data(half))))
            }
            // While the body is pending, the connection flushes what it has.
            Self::Flushing => {
                context.waker().wake_by_ref();
                Poll::Pending
            }
            Self::Closed => Poll::Ready(Some(Err(ConnectionDropped))),
        }
    }
}

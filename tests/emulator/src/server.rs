//! Serves a router on loopback for as long as its handle lives.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::pin::Pin;
use std::task::{Context, Poll};

use axum::Router;
use axum::body::{Body, Bytes, HttpBody};
use axum::extract::DefaultBodyLimit;
use axum::response::Response;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// A server that ends when this is dropped.
#[derive(Debug)]
pub struct Server {
    address: SocketAddr,
    serving: JoinHandle<io::Result<()>>,
}

impl Server {
    /// Serves `router` on a free port.
    pub async fn start(router: Router) -> io::Result<Self> {
        // A batch for a queue is larger than what a web server takes unasked.
        let router = router.layer(DefaultBodyLimit::disable());
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        Ok(Self {
            address: listener.local_addr()?,
            serving: tokio::spawn(async move { axum::serve(listener, router).await }),
        })
    }

    /// Where it listens, without a slash at the end.
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

/// An answer that gets lost: its head comes, its body breaks off.
pub fn lost_answer() -> Response {
    Response::new(Body::new(ConnectionAborted))
}

/// A body that breaks off at once.
struct ConnectionAborted;

impl HttpBody for ConnectionAborted {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<http_body::Frame<Bytes>, io::Error>>> {
        Poll::Ready(Some(Err(io::ErrorKind::BrokenPipe.into())))
    }
}

//! Connections are kept, shared, and given up when the other side has left.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test stops at what it did not expect, in its helpers too"
)]

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use halogard_http::{HttpClient, HttpClientSettings, Transport, TransportError};
use http::Request;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";

/// What a server does after each answer.
#[derive(Clone, Copy)]
enum AfterAnswer {
    /// Waits for the next request.
    Stays,
    /// Closes without having said so.
    Leaves,
}

/// A server that counts its connections and requests.
struct Server {
    url: String,
    connections: Arc<AtomicUsize>,
    requests: Arc<AtomicUsize>,
}

impl Server {
    async fn start(then: AfterAnswer) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let server = Self {
            url: format!("http://{}/", listener.local_addr().unwrap()),
            connections: Arc::default(),
            requests: Arc::default(),
        };
        let (connections, requests) = (server.connections.clone(), server.requests.clone());
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                connections.fetch_add(1, Ordering::SeqCst);
                tokio::spawn(serve(stream, then, requests.clone()));
            }
        });
        server
    }

    fn seen(&self) -> (usize, usize) {
        let count = |counter: &AtomicUsize| counter.load(Ordering::SeqCst);
        (count(&self.connections), count(&self.requests))
    }
}

/// Answers each request of a connection; none has a body.
async fn serve(mut stream: TcpStream, then: AfterAnswer, requests: Arc<AtomicUsize>) {
    let mut head = Vec::new();
    while let Ok(1..) = stream.read_buf(&mut head).await {
        if !head.ends_with(b"\r\n\r\n") {
            continue;
        }
        head.clear();
        requests.fetch_add(1, Ordering::SeqCst);
        // Long enough for calls that are made at the same time to be under way at the same time.
        tokio::time::sleep(Duration::from_millis(20)).await;
        stream.write_all(ANSWER).await.unwrap();
        if matches!(then, AfterAnswer::Leaves) {
            return;
        }
    }
}

fn transport() -> HttpClient {
    HttpClient::with_web_roots(&HttpClientSettings::default()).unwrap()
}

async fn get(transport: &HttpClient, url: &str) -> Result<Bytes, TransportError> {
    let request = Request::get(url).body(Bytes::new()).unwrap();
    Ok(transport.send(request).await?.into_body())
}

#[tokio::test]
async fn calls_one_after_the_other_share_a_connection_with_those_of_clones() {
    let server = Server::start(AfterAnswer::Stays).await;
    let transport = transport();
    for caller in [&transport, &transport.clone(), &transport] {
        assert_eq!(get(caller, &server.url).await.unwrap(), "ok");
    }
    assert_eq!(server.seen(), (1, 3));
}

#[tokio::test]
async fn calls_at_the_same_time_do_not_wait_for_each_other() {
    let server = Server::start(AfterAnswer::Stays).await;
    let transport = transport();
    for _ in 0..2 {
        let (one, other) = tokio::join!(get(&transport, &server.url), get(&transport, &server.url));
        assert!(one.is_ok() && other.is_ok());
    }
    assert_eq!(server.seen(), (2, 4), "both connections were kept");
}

#[tokio::test]
async fn a_connection_is_used_for_its_own_server_only() {
    let (one, other) = (
        Server::start(AfterAnswer::Stays).await,
        Server::start(AfterAnswer::Stays).await,
    );
    let transport = transport();
    for server in [&one, &other, &one, &other] {
        get(&transport, &server.url).await.unwrap();
    }
    assert_eq!((one.seen(), other.seen()), ((1, 2), (1, 2)));
}

#[tokio::test]
async fn a_kept_connection_that_the_server_has_left_costs_no_call_and_repeats_none() {
    let server = Server::start(AfterAnswer::Leaves).await;
    let transport = transport();
    for _ in 0..5 {
        assert_eq!(get(&transport, &server.url).await.unwrap(), "ok");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(server.seen(), (5, 5));
}

#[tokio::test]
async fn a_call_that_is_dropped_leaves_no_half_read_connection_behind() {
    let server = Server::start(AfterAnswer::Stays).await;
    let transport = transport();
    get(&transport, &server.url).await.unwrap();
    let dropped =
        tokio::time::timeout(Duration::from_millis(5), get(&transport, &server.url)).await;
    assert!(dropped.is_err(), "the answer takes longer");
    assert_eq!(get(&transport, &server.url).await.unwrap(), "ok");
    assert_eq!(server.seen().0, 2);
}

/// Seconds since 1970 on the wall, as the next test sets them.
static WALL_SECONDS: AtomicU64 = AtomicU64::new(1_800_000_000);

fn wall() -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(WALL_SECONDS.load(Ordering::SeqCst))
}

#[tokio::test]
async fn after_a_freeze_no_connection_from_before_is_used() {
    let server = Server::start(AfterAnswer::Stays).await;
    let transport = HttpClient::with_web_roots(&HttpClientSettings {
        wall_clock: wall,
        ..HttpClientSettings::default()
    });
    let transport = transport.unwrap();
    // The clock of the pool stops meanwhile, as it may in a frozen process. One that is set back is not a
    // freeze.
    for (seconds, connections) in [(0, 1), (44, 1), (46, 2), (44, 2), (3_600, 3)] {
        WALL_SECONDS.fetch_add(seconds, Ordering::SeqCst);
        assert_eq!(get(&transport, &server.url).await.unwrap(), "ok");
        assert_eq!(server.seen().0, connections, "after {seconds} s");
    }
    WALL_SECONDS.fetch_sub(7_200, Ordering::SeqCst);
    assert_eq!(get(&transport.clone(), &server.url).await.unwrap(), "ok");
    assert_eq!(server.seen().0, 3);
}

//! The real transport against a server on this machine: what is known when there is no answer.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test stops at what it did not expect, in its helpers too"
)]

use std::error::Error;
use std::time::Duration;

use bytes::Bytes;
use halogard_http::{HttpClient, HttpClientSettings, Transport, TransportError};
use http::{Request, Response};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// Is in every path, and must not be in any error.
const TOKEN: &str = "t0ken-planted";

/// The answer to one request.
type Outcome = Result<Response<Bytes>, TransportError>;

/// A server that takes connections one after another, reads a request from each, and then does as
/// it was given with it. Ends with the requests it got, as text.
struct Server {
    address: String,
    requests: JoinHandle<Vec<String>>,
}

/// What a server does with a connection whose request it has read.
#[derive(Clone)]
enum ServerBehaviour {
    /// Writes this and closes.
    Say(Vec<u8>),
    /// Writes this and holds the connection open, for longer than anybody waits.
    SayAndHold(Vec<u8>),
}

impl Server {
    async fn start(script: Vec<ServerBehaviour>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let requests = tokio::spawn(async move {
            let mut requests = Vec::new();
            let mut held = Vec::new();
            for does in script {
                let (mut stream, _) = listener.accept().await.unwrap();
                requests.push(request_from(&mut stream).await);
                match does {
                    ServerBehaviour::Say(bytes) => {
                        stream.write_all(&bytes).await.unwrap();
                        stream.shutdown().await.unwrap();
                    }
                    ServerBehaviour::SayAndHold(bytes) => {
                        stream.write_all(&bytes).await.unwrap();
                        held.push(stream);
                    }
                }
            }
            if !held.is_empty() {
                // The caller gives up first; no one reads this.
                std::future::pending::<()>().await;
            }
            requests
        });
        Self { address, requests }
    }

    fn url(&self) -> String {
        format!("http://{}/api/{TOKEN}?q={TOKEN}", self.address)
    }

    /// The requests, once the whole script was played.
    async fn requests(self) -> Vec<String> {
        self.requests.await.unwrap()
    }
}

/// Reads a request with its body.
async fn request_from(stream: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    loop {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head
                .lines()
                .filter_map(|line| line.split_once(':'))
                .find(|(name, _)| name.eq_ignore_ascii_case("content-length"))
                .map_or(0, |(_, length)| length.trim().parse().unwrap());
            if body.len() >= length {
                return text;
            }
        }
        let read = stream.read_buf(&mut bytes).await.unwrap();
        assert!(read > 0, "the request ended early");
    }
}

/// An answer with `body` and its length.
fn say(status: &str, headers: &str, body: &str) -> ServerBehaviour {
    let length = body.len();
    ServerBehaviour::Say(
        format!("HTTP/1.1 {status}\r\n{headers}content-length: {length}\r\n\r\n{body}").into(),
    )
}

fn transport_with(total_timeout: Duration, answer_limit_bytes: usize) -> HttpClient {
    let settings = HttpClientSettings {
        connect_timeout: Duration::from_secs(5),
        total_timeout,
        answer_limit_bytes,
        ..HttpClientSettings::default()
    };
    HttpClient::with_web_roots(&settings).unwrap()
}

fn transport() -> HttpClient {
    transport_with(Duration::from_secs(30), 1024)
}

async fn get(transport: &HttpClient, url: &str) -> Outcome {
    transport
        .send(Request::get(url).body(Bytes::new()).unwrap())
        .await
}

async fn post(transport: &HttpClient, url: &str) -> Outcome {
    let request = Request::post(url).header("Authorization", format!("Bearer {TOKEN}"));
    transport
        .send(request.body(Bytes::from_static(b"[{}]")).unwrap())
        .await
}

/// The error, which must not reveal where the request went, in any of its forms.
fn discreet(outcome: Outcome) -> TransportError {
    let error = outcome.unwrap_err();
    let mut texts = vec![error.to_string(), format!("{error:?}")];
    let mut cause = error.source();
    while let Some(inner) = cause {
        texts.push(inner.to_string());
        cause = inner.source();
    }
    for text in texts {
        for planted in [TOKEN, "127.0.0.1", "http://", "https://", "/api"] {
            assert!(!text.contains(planted), "{text}");
        }
    }
    error
}

fn is_not_sent(error: &TransportError) -> bool {
    matches!(error, TransportError::NotSent { .. })
}

fn is_no_answer(error: &TransportError) -> bool {
    matches!(error, TransportError::NoAnswer { .. })
}

/// An address of this machine where no server listens.
async fn deserted() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    listener.local_addr().unwrap().to_string()
}

#[tokio::test]
async fn a_refused_connection_means_that_nothing_was_sent() {
    let address = deserted().await;
    for scheme in ["http", "https"] {
        let url = format!("{scheme}://{address}/api/{TOKEN}");
        let error = discreet(post(&transport(), &url).await);
        assert!(is_not_sent(&error), "{scheme}: {error}");
    }
}

#[tokio::test]
async fn a_server_that_speaks_no_tls_gets_nothing() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let server = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut hello = [0; 1];
        stream.read_exact(&mut hello).await.unwrap();
        stream
            .write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n")
            .await
            .unwrap();
        hello[0]
    });
    let error = discreet(post(&transport(), &format!("https://{address}/api/{TOKEN}")).await);
    assert!(is_not_sent(&error), "{error}");
    assert_eq!(
        server.await.unwrap(),
        0x16,
        "a TLS handshake and not a request"
    );
}

#[tokio::test]
async fn an_address_that_is_none_means_that_nothing_was_sent() {
    for url in ["/api/t0ken-planted", "ftp://example.invalid/t0ken-planted"] {
        let error = discreet(get(&transport(), url).await);
        assert!(is_not_sent(&error), "{url}: {error}");
    }
}

#[tokio::test]
async fn a_connection_dropped_after_the_request_leaves_it_open_whether_it_worked() {
    let server = Server::start(vec![ServerBehaviour::Say(Vec::new())]).await;
    let error = discreet(post(&transport(), &server.url()).await);
    assert!(is_no_answer(&error), "{error}");
    assert_eq!(server.requests().await.len(), 1, "it is not repeated");
}

#[tokio::test]
async fn an_answer_that_is_no_http_leaves_it_open_whether_it_worked() {
    for bytes in [
        "SSH-2.0-OpenSSH\r\n",
        "HTTP/1.1 200",
        "HTTP/1.1 200 OK\r\ncontent-le",
    ] {
        let server = Server::start(vec![ServerBehaviour::Say(bytes.into())]).await;
        let error = discreet(post(&transport(), &server.url()).await);
        assert!(is_no_answer(&error), "{bytes:?}: {error}");
        assert_eq!(server.requests().await.len(), 1, "it is not repeated");
    }
}

#[tokio::test]
async fn half_a_body_is_no_answer() {
    let halves = [
        "HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n[{\"id\":",
        "HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\n[{\"id\r\n",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\n[{",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n",
    ];
    for half in halves {
        let server = Server::start(vec![ServerBehaviour::Say(half.into())]).await;
        let error = discreet(post(&transport(), &server.url()).await);
        assert!(is_no_answer(&error), "{half:?}: {error}");
        assert_eq!(server.requests().await.len(), 1, "it is not repeated");
    }
}

#[tokio::test]
async fn an_answer_that_does_not_come_in_time_is_none() {
    let half = b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n[{\"id\":".to_vec();
    for bytes in [Vec::new(), half] {
        let server = Server::start(vec![ServerBehaviour::SayAndHold(bytes)]).await;
        let hasty = transport_with(Duration::from_millis(100), 1024);
        let error = discreet(post(&hasty, &server.url()).await);
        let TransportError::NoAnswer { reason } = &error else {
            panic!("{error}");
        };
        assert_eq!(reason, "timed out");
        server.requests.abort();
    }
}

#[tokio::test]
async fn an_answer_beyond_the_limit_is_not_held() {
    let chunked = format!(
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n{}0\r\n\r\n",
        format!("200\r\n{}\r\n", "x".repeat(0x200)).repeat(3)
    );
    for does in [
        say("200 OK", "", &"x".repeat(1025)),
        ServerBehaviour::Say(chunked.into()),
    ] {
        let server = Server::start(vec![does]).await;
        let error = discreet(post(&transport(), &server.url()).await);
        assert!(
            matches!(error, TransportError::TooLarge { limit_bytes: 1024 }),
            "{error}"
        );
    }
    let server = Server::start(vec![say("200 OK", "", &"x".repeat(1024))]).await;
    let answer = get(&transport(), &server.url()).await.unwrap();
    assert_eq!(answer.body().len(), 1024, "the limit itself is allowed");
}

#[tokio::test]
async fn an_answer_without_an_end_is_cut_off_at_the_limit() {
    let endless = "HTTP/1.1 200 OK\r\n\r\n".to_owned() + &"x".repeat(4096);
    let server = Server::start(vec![ServerBehaviour::SayAndHold(endless.into())]).await;
    let error = discreet(get(&transport(), &server.url()).await);
    assert!(matches!(error, TransportError::TooLarge { .. }), "{error}");
    server.requests.abort();
}

#[tokio::test]
async fn a_redirect_is_an_answer_and_is_not_followed() {
    let elsewhere = Server::start(vec![say("200 OK", "", "followed")]).await;
    for status in [
        "301 Moved",
        "302 Found",
        "303 See Other",
        "307 Temporary",
        "308 Permanent",
    ] {
        let location = format!("location: {}\r\n", elsewhere.url());
        let server = Server::start(vec![say(status, &location, "")]).await;
        let answer = post(&transport(), &server.url()).await.unwrap();
        assert_eq!(answer.status().as_str(), &status[..3]);
        assert_eq!(answer.headers()["location"], elsewhere.url());
        assert_eq!(server.requests().await.len(), 1);
    }
    assert!(!elsewhere.requests.is_finished(), "a redirect was followed");
    elsewhere.requests.abort();
}

#[tokio::test]
async fn every_status_is_an_answer() {
    for status in [
        200, 201, 204, 400, 401, 403, 404, 408, 413, 429, 500, 502, 503, 504,
    ] {
        let server = Server::start(vec![say(&format!("{status} Whatever"), "", "")]).await;
        let answer = post(&transport(), &server.url()).await.unwrap();
        assert_eq!(answer.status().as_u16(), status);
        assert_eq!(server.requests().await.len(), 1, "{status} is not repeated");
    }
}

#[tokio::test]
async fn headers_and_body_of_an_answer_come_as_they_are() {
    let headers = "Retry-After: 7\r\nX-Two: a\r\nx-two: b\r\nX-Odd: \u{fc}\r\n";
    let server = Server::start(vec![say("429 Slow", headers, "\u{feff}{\"a\": 1}\n")]).await;
    let answer = get(&transport(), &server.url()).await.unwrap();
    assert_eq!(answer.headers()["retry-after"], "7");
    let two: Vec<_> = answer.headers().get_all("X-TWO").iter().collect();
    assert_eq!(two, ["a", "b"]);
    assert_eq!(answer.headers()["x-odd"].as_bytes(), "\u{fc}".as_bytes());
    assert_eq!(answer.body(), "\u{feff}{\"a\": 1}\n");
}

#[tokio::test]
async fn an_answer_is_not_unpacked() {
    let server = Server::start(vec![say("200 OK", "content-encoding: gzip\r\n", "packed")]).await;
    let answer = get(&transport(), &server.url()).await.unwrap();
    assert_eq!(answer.body(), "packed");
    let request = server.requests().await.remove(0).to_lowercase();
    assert!(
        !request.contains("accept-encoding"),
        "nothing was promised: {request}"
    );
}

#[tokio::test]
async fn a_request_leaves_with_its_headers_its_body_and_our_name() {
    let server = Server::start(vec![say("200 OK", "", "")]).await;
    let request = Request::post(server.url())
        .header("X-ROAR-API-KEY", TOKEN)
        .header("Content-Type", "application/json; charset=utf-8")
        .body(Bytes::from_static("[{\"summary\":\"ä\"}]".as_bytes()))
        .unwrap();
    transport().send(request).await.unwrap();
    let request = server.requests().await.remove(0);
    let (head, body) = request.split_once("\r\n\r\n").unwrap();
    assert!(
        head.starts_with(&format!("POST /api/{TOKEN}?q={TOKEN} HTTP/1.1\r\n")),
        "{head}"
    );
    assert_eq!(body, "[{\"summary\":\"ä\"}]");
    let named = |name: &str| -> Vec<&str> {
        let lines = head
            .lines()
            .skip(1)
            .filter_map(|line| line.split_once(": "));
        lines
            .filter(|(known, _)| known.eq_ignore_ascii_case(name))
            .map(|(_, value)| value)
            .collect()
    };
    assert_eq!(named("x-roar-api-key"), [TOKEN]);
    assert_eq!(named("content-type"), ["application/json; charset=utf-8"]);
    assert_eq!(named("content-length"), ["18"]);
    assert_eq!(
        named("user-agent"),
        [concat!("halogard/", env!("CARGO_PKG_VERSION"))]
    );
}

#[tokio::test]
async fn one_call_that_failed_does_not_spoil_the_next() {
    let script = vec![
        ServerBehaviour::Say(Vec::new()),
        say("200 OK", "connection: close\r\n", "fine"),
    ];
    let server = Server::start(script).await;
    let transport = transport();
    assert!(is_no_answer(&discreet(
        get(&transport, &server.url()).await
    )));
    assert_eq!(get(&transport, &server.url()).await.unwrap().body(), "fine");
    assert_eq!(server.requests().await.len(), 2);
}

/// A server that answers after `wait` and then in pieces, each after `wait`.
async fn slow_server(wait: Duration, pieces: Vec<Vec<u8>>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        request_from(&mut stream).await;
        tokio::time::sleep(wait).await;
        let head = "HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n";
        stream.write_all(head.as_bytes()).await.unwrap();
        for piece in pieces {
            tokio::time::sleep(wait).await;
            // The caller may have given up.
            if stream.write_all(&piece).await.is_err() {
                return;
            }
        }
    });
    format!("http://{address}/")
}

/// A client of little patience with whole answers, and more with streamed ones.
fn impatient(stream_idle: Duration) -> HttpClient {
    HttpClient::with_web_roots(&HttpClientSettings {
        total_timeout: Duration::from_millis(200),
        answer_limit_bytes: 1024,
        stream_idle_timeout: stream_idle,
        ..HttpClientSettings::default()
    })
    .unwrap()
}

fn request_to(url: &str) -> Request<Bytes> {
    Request::get(url).body(Bytes::new()).unwrap()
}

#[tokio::test]
async fn a_streamed_answer_may_take_long_and_be_large_as_long_as_it_goes_on() {
    let wait = Duration::from_millis(150);
    let pieces = vec![vec![b'x'; 4_000]; 4];
    let url = slow_server(wait, pieces.clone()).await;
    let error = impatient(wait * 4)
        .send(request_to(&url))
        .await
        .unwrap_err();
    assert!(matches!(error, TransportError::NoAnswer { .. }), "{error}");

    let url = slow_server(wait, pieces).await;
    let answer = impatient(wait * 4).stream(request_to(&url)).await.unwrap();
    let body = answer.into_body().collect(usize::MAX).await.unwrap();
    assert_eq!(body.len(), 16_000);
}

#[tokio::test]
async fn a_streamed_answer_that_stands_still_is_given_up() {
    let pieces = vec![vec![b'x'; 10]; 2];
    let url = slow_server(Duration::from_millis(600), pieces).await;
    let patience = Duration::from_millis(900);
    let mut body = impatient(patience)
        .stream(request_to(&url))
        .await
        .unwrap()
        .into_body();
    body.next_piece().await.unwrap();
    let held = Server::start(vec![ServerBehaviour::SayAndHold(
        b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhalf".to_vec(),
    )])
    .await;
    let client = impatient(Duration::from_millis(200));
    let stream = client.stream(request_to(&held.url()));
    let error = stream
        .await
        .unwrap()
        .into_body()
        .collect(9)
        .await
        .unwrap_err();
    assert!(error.to_string().contains("timed out"), "{error}");
}

/// `body`, compressed with gzip.
fn gzipped(body: &[u8]) -> Vec<u8> {
    use std::io::Write as _;
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(body).unwrap();
    encoder.finish().unwrap()
}

/// `body`, compressed as HTTP's "deflate".
fn deflated(body: &[u8]) -> Vec<u8> {
    use std::io::Write as _;
    let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(body).unwrap();
    encoder.finish().unwrap()
}

#[tokio::test]
async fn an_answer_that_was_compressed_unasked_is_read() {
    let text = br#"{"tickets":[]}"#;
    for (encoding, body) in [
        ("gzip", gzipped(text)),
        ("x-gzip", gzipped(text)),
        ("GZIP", gzipped(text)),
        ("deflate", deflated(text)),
        ("identity", gzipped(text)),
        ("gzip", text.to_vec()),
        ("identity", text.to_vec()),
    ] {
        let head = format!(
            "HTTP/1.1 200 OK\r\ncontent-encoding: {encoding}\r\ncontent-length: {}\r\n\r\n",
            body.len()
        );
        let server = Server::start(vec![ServerBehaviour::Say(
            [head.as_bytes(), &body].concat(),
        )])
        .await;
        let answer = transport().send(request_to(&server.url())).await.unwrap();
        assert_eq!(answer.body().as_ref(), text, "{encoding}");
    }
}

#[tokio::test]
async fn a_compressed_answer_is_limited_by_what_it_unpacks_to_and_must_be_whole() {
    let body = gzipped(&vec![b'x'; 100_000]);
    let say = |body: &[u8]| {
        let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", body.len());
        vec![ServerBehaviour::Say([head.as_bytes(), body].concat())]
    };
    let server = Server::start(say(&body)).await;
    let error = transport()
        .send(request_to(&server.url()))
        .await
        .unwrap_err();
    assert!(matches!(error, TransportError::TooLarge { .. }), "{error}");
    let server = Server::start(say(&gzipped(b"cut")[..10])).await;
    let error = transport()
        .send(request_to(&server.url()))
        .await
        .unwrap_err();
    assert!(matches!(error, TransportError::NoAnswer { .. }), "{error}");
}

#[test]
fn the_usual_limits_leave_a_streamed_list_more_time_than_any_other_answer() {
    let usual = HttpClientSettings::default();
    assert!(usual.connect_timeout < usual.total_timeout);
    assert!(usual.total_timeout < usual.write_timeout);
    assert!(usual.write_timeout < usual.stream_idle_timeout);
    assert!(usual.stream_idle_timeout < usual.stream_timeout);
}

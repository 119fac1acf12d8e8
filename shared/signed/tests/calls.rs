//! Calls against a stand-in for AWS that misbehaves as told.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test stops at what it did not expect, in its helpers too"
)]

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use halogard_app::ports::Clock;
use halogard_domain::{FailureClass, Timestamp};
use halogard_signed::{Access, CallError, Lost, Protocol, Service};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// 2026-11-21T16:00:00Z.
#[derive(Clone, Copy)]
struct Noon;

impl Clock for Noon {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(1_795_276_800_000)
    }
}

/// What the stand-in does with a request.
#[derive(Clone, Copy)]
enum Does {
    /// Answers with this status and body.
    Answers(u16, &'static str),
    /// Answers, and then closes the connection without having said so.
    AnswersAndLeaves(&'static str),
    /// Reads it and closes the connection.
    HangsUp,
    /// Sends half of what it promised and closes the connection.
    SendsHalf,
    /// Never answers.
    Sleeps,
    /// Answers with a body of so many bytes.
    Floods(usize),
}

/// A stand-in that does one thing after the other, the last one for ever.
struct StandIn {
    address: String,
    requests: Arc<Mutex<Vec<String>>>,
    connections: Arc<AtomicUsize>,
}

impl StandIn {
    async fn start(script: &'static [Does]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let stand_in = Self {
            address: format!("http://{}", listener.local_addr().unwrap()),
            requests: Arc::default(),
            connections: Arc::default(),
        };
        let (requests, connections) = (
            Arc::clone(&stand_in.requests),
            Arc::clone(&stand_in.connections),
        );
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                connections.fetch_add(1, Ordering::SeqCst);
                tokio::spawn(serve(stream, script, Arc::clone(&requests)));
            }
        });
        stand_in
    }

    fn requests(&self) -> usize {
        self.requests.lock().unwrap().len()
    }

    fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }

    fn service(&self) -> Service<Noon> {
        let access = access(&self.address, Some("session"));
        Service::new(&access, "sqs", Protocol::Json10, Noon)
    }
}

fn access(address: &str, token: Option<&str>) -> Arc<Access> {
    let read = Access::read(|name| {
        Some(match name {
            "AWS_REGION" => "eu-central-1".to_owned(),
            "AWS_ACCESS_KEY_ID" => "AKIDEXAMPLE".to_owned(),
            "AWS_SECRET_ACCESS_KEY" => "a-secret-that-is-nowhere".to_owned(),
            "AWS_SESSION_TOKEN" => token?.to_owned(),
            "AWS_ENDPOINT_URL" => address.to_owned(),
            _ => return None,
        })
    });
    Arc::new(read.unwrap())
}

async fn serve(mut stream: TcpStream, script: &[Does], requests: Arc<Mutex<Vec<String>>>) {
    while let Some(request) = whole_request(&mut stream).await {
        let turn = {
            let mut requests = requests.lock().unwrap();
            requests.push(request);
            requests.len() - 1
        };
        match script[turn.min(script.len() - 1)] {
            Does::Answers(status, body) => answer(&mut stream, status, body).await,
            Does::AnswersAndLeaves(body) => {
                answer(&mut stream, 200, body).await;
                return;
            }
            Does::HangsUp => return,
            Does::SendsHalf => {
                stream
                    .write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{\"Succ")
                    .await
                    .unwrap();
                return;
            }
            Does::Sleeps => std::future::pending().await,
            Does::Floods(bytes) => {
                let body = "x".repeat(bytes);
                let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {bytes}\r\n\r\n");
                // The other side may leave in the middle.
                stream
                    .write_all((head + &body).as_bytes())
                    .await
                    .unwrap_or_default();
            }
        }
    }
}

async fn answer(stream: &mut TcpStream, status: u16, body: &str) {
    let text = format!(
        "HTTP/1.1 {status} X\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(text.as_bytes()).await.unwrap();
}

/// The next request, head and body; `None` at the end of the connection.
async fn whole_request(stream: &mut TcpStream) -> Option<String> {
    let mut text = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        let read = stream
            .read(&mut buffer)
            .await
            .ok()
            .filter(|read| *read > 0)?;
        text.extend_from_slice(&buffer[..read]);
        let so_far = String::from_utf8_lossy(&text);
        let Some((head, body)) = so_far.split_once("\r\n\r\n") else {
            continue;
        };
        let length = head
            .lines()
            .find_map(|line| line.strip_prefix("content-length: "))
            .map_or(0, |length| length.parse().unwrap());
        if body.len() >= length {
            return Some(so_far.into_owned());
        }
    }
}

const THROTTLED: &str = "{\"__type\":\"com.amazonaws.sqs#RequestThrottled\",\"message\":\"Rate\"}";
const DENIED: &str = "{\"__type\":\"AccessDeniedException\",\"Message\":\"not allowed\"}";

#[tokio::test]
async fn a_call_is_signed_and_a_second_one_uses_the_same_connection() {
    let aws = StandIn::start(&[Does::Answers(200, "{}")]).await;
    let service = aws.service();
    for _ in 0..3 {
        let answer = service.call("AmazonSQS.SendMessageBatch", b"{\"a\":1}".to_vec());
        assert_eq!(answer.await.unwrap(), "{}");
    }
    assert_eq!((aws.requests(), aws.connections()), (3, 1));
    let request = aws.requests.lock().unwrap()[0].clone();
    let (head, body) = request.split_once("\r\n\r\n").unwrap();
    assert_eq!(body, "{\"a\":1}");
    assert!(head.starts_with("POST / HTTP/1.1\r\n"), "{head}");
    for line in [
        "content-type: application/x-amz-json-1.0",
        "x-amz-target: AmazonSQS.SendMessageBatch",
        "x-amz-date: 20261121T160000Z",
        "x-amz-security-token: session",
        "content-length: 7",
    ] {
        assert!(head.lines().any(|has| has == line), "{line} in {head}");
    }
    assert!(
        head.contains(
            "authorization: AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20261121/eu-central-1/sqs/\
             aws4_request, SignedHeaders=content-type;host;x-amz-date;x-amz-security-token;\
             x-amz-target, Signature="
        ),
        "{head}"
    );
    assert!(!request.contains("a-secret-that-is-nowhere"));
}

#[tokio::test]
async fn without_a_session_token_none_is_sent_or_signed() {
    let aws = StandIn::start(&[Does::Answers(200, "{}")]).await;
    let service = Service::new(&access(&aws.address, None), "sqs", Protocol::Json11, Noon);
    service.call("T.O", Vec::new()).await.unwrap();
    let request = aws.requests.lock().unwrap()[0].clone();
    assert!(!request.contains("x-amz-security-token"), "{request}");
    assert!(request.contains("content-type: application/x-amz-json-1.1"));
}

#[tokio::test(start_paused = true)]
async fn what_may_pass_is_tried_again_and_comes_to_a_good_end() {
    let stories: [(&str, &'static [Does]); 6] = [
        (
            "throttled",
            &[Does::Answers(400, THROTTLED), Does::Answers(200, "{}")],
        ),
        (
            "an error of AWS",
            &[
                Does::Answers(500, ""),
                Does::Answers(503, "<x>"),
                Does::Answers(200, "{}"),
            ],
        ),
        (
            "too many",
            &[Does::Answers(429, ""), Does::Answers(200, "{}")],
        ),
        (
            "a broken connection",
            &[Does::HangsUp, Does::Answers(200, "{}")],
        ),
        (
            "half an answer",
            &[Does::SendsHalf, Does::Answers(200, "{}")],
        ),
        ("no answer", &[Does::Sleeps, Does::Answers(200, "{}")]),
    ];
    for (story, script) in stories {
        let aws = StandIn::start(script).await;
        let answer = aws.service().call("T.O", Vec::new()).await;
        assert_eq!(answer.expect(story), "{}", "{story}");
        assert_eq!(aws.requests(), script.len(), "{story}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_does_not_pass_ends_after_three_attempts() {
    let stories: [(&str, &'static [Does], FailureClass); 4] = [
        (
            "throttled",
            &[Does::Answers(400, THROTTLED)],
            FailureClass::Throttled { retry_after: None },
        ),
        (
            "an error of AWS",
            &[Does::Answers(500, "")],
            FailureClass::Transient,
        ),
        (
            "half an answer",
            &[Does::SendsHalf],
            FailureClass::Transient,
        ),
        ("no answer", &[Does::Sleeps], FailureClass::Transient),
    ];
    for (story, script, class) in stories {
        let aws = StandIn::start(script).await;
        let began = tokio::time::Instant::now();
        let error = aws.service().call("T.O", Vec::new()).await.unwrap_err();
        assert_eq!(error.class(), class, "{story}: {error}");
        assert_eq!(aws.requests(), 3, "{story}");
        assert!(began.elapsed() < Duration::from_secs(12), "{story}");
    }
}

#[tokio::test]
async fn what_is_refused_for_good_is_not_tried_again() {
    let aws = StandIn::start(&[Does::Answers(400, DENIED)]).await;
    let service = aws.service();
    let error = service.call("T.O", Vec::new()).await.unwrap_err();
    assert_eq!(error.code(), Some("AccessDeniedException"));
    assert_eq!(error.class(), FailureClass::Permanent);
    assert_eq!(aws.requests(), 1);
    // An answer that says no leaves the connection as good as it was.
    service.call("T.O", Vec::new()).await.unwrap_err();
    assert_eq!(aws.connections(), 1);
}

#[tokio::test]
async fn a_kept_connection_that_was_closed_meanwhile_is_opened_anew() {
    let aws = StandIn::start(&[Does::AnswersAndLeaves("1"), Does::Answers(200, "2")]).await;
    let service = aws.service();
    assert_eq!(service.call("T.O", Vec::new()).await.unwrap(), "1");
    assert_eq!(service.call("T.O", Vec::new()).await.unwrap(), "2");
    assert_eq!((aws.requests(), aws.connections()), (2, 2));
}

#[tokio::test(start_paused = true)]
async fn a_kept_connection_that_breaks_in_use_is_opened_anew_at_once() {
    let script = &[
        Does::Answers(200, "1"),
        Does::HangsUp,
        Does::Answers(200, "2"),
    ];
    let aws = StandIn::start(script).await;
    let service = aws.service();
    assert_eq!(service.call("T.O", Vec::new()).await.unwrap(), "1");
    let began = tokio::time::Instant::now();
    assert_eq!(service.call("T.O", Vec::new()).await.unwrap(), "2");
    assert_eq!(began.elapsed(), Duration::ZERO);
    assert_eq!(aws.connections(), 2);
}

#[tokio::test]
async fn an_answer_larger_than_any_we_ask_for_is_not_held() {
    let aws = StandIn::start(&[Does::Floods(1024 * 1024)]).await;
    let error = aws.service().call("T.O", Vec::new()).await.unwrap_err();
    assert!(
        matches!(
            error,
            CallError::NoAnswer {
                lost: Lost::TooLarge,
                ..
            }
        ),
        "{error}"
    );
    assert_eq!(aws.requests(), 1);
}

#[tokio::test]
async fn where_nobody_listens_nothing_was_sent() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let service = Service::new(&access(&address, None), "sqs", Protocol::Json10, Noon);
    let error = service.call("T.O", Vec::new()).await.unwrap_err();
    assert!(matches!(error, CallError::NotSent { .. }), "{error}");
    assert_eq!(error.class(), FailureClass::Transient);
}

#[tokio::test]
async fn calls_at_the_same_time_take_turns_on_one_connection() {
    let aws = StandIn::start(&[Does::Answers(200, "{}")]).await;
    let service = aws.service();
    let call = || service.call("T.O", Vec::new());
    let (one, two, three) = tokio::join!(call(), call(), call());
    assert!(one.is_ok() && two.is_ok() && three.is_ok());
    assert_eq!((aws.requests(), aws.connections()), (3, 1));
}

#[tokio::test]
async fn a_server_without_tls_behind_https_is_no_answer_in_clear_text() {
    let aws = StandIn::start(&[Does::Answers(200, "{}")]).await;
    let address = aws.address.replace("http://", "https://");
    let service = Service::new(&access(&address, None), "sqs", Protocol::Json10, Noon);
    let error = service.call("T.O", Vec::new()).await.unwrap_err();
    assert!(matches!(error, CallError::NotSent { .. }), "{error}");
    assert_eq!(aws.requests(), 0);
}

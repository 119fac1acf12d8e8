//! The built function as Lambda runs it, with stand-ins for the Runtime API and for AWS.
#![allow(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

mod support;

use std::process::Stdio;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};
use support::{KEY, TOKEN, sample, samples_secret};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::process::Command;
use tokio::sync::mpsc;
use tokio::time::timeout;

/// How long anything may take here.
const PATIENCE: Duration = Duration::from_secs(20);

/// A request: its first line and headers, and its body.
type Request = (String, String);

/// The next request of a connection; `None` at its end.
async fn request(stream: &mut TcpStream) -> Option<Request> {
    let mut text = Vec::new();
    let mut buffer = vec![0; 16 * 1024];
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
        let length: usize = head
            .lines()
            .find_map(|line| line.strip_prefix("content-length: "))
            .map_or(0, |length| length.parse().unwrap());
        if body.len() >= length {
            return Some((head.to_owned(), body.to_owned()));
        }
    }
}

async fn respond(stream: &mut TcpStream, headers: &str, body: &str) {
    let text = format!(
        "HTTP/1.1 200 OK\r\n{headers}content-length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(text.as_bytes()).await.unwrap();
}

/// Secrets Manager and SQS: has one secret, accepts every message, records every request.
async fn aws(listener: TcpListener, seen: Arc<Mutex<Vec<Request>>>) {
    while let Ok((mut stream, _)) = listener.accept().await {
        let seen = Arc::clone(&seen);
        tokio::spawn(async move {
            while let Some(request) = request(&mut stream).await {
                let answer = answer_of_aws(&request);
                seen.lock().unwrap().push(request);
                match answer {
                    Ok(body) => respond(&mut stream, "", &body.to_string()).await,
                    Err(code) => {
                        let body = json!({"__type": code}).to_string();
                        let head =
                            format!("HTTP/1.1 400 X\r\ncontent-length: {}\r\n\r\n", body.len());
                        stream.write_all((head + &body).as_bytes()).await.unwrap();
                    }
                }
            }
        });
    }
}

fn answer_of_aws((head, body): &Request) -> Result<Value, &'static str> {
    let body: Value = serde_json::from_str(body).unwrap();
    if head.contains("secretsmanager.GetSecretValue") {
        assert_eq!(body["SecretId"], "arn:the-secret");
        return match body["VersionStage"].as_str().unwrap() {
            "AWSCURRENT" => {
                Ok(json!({"VersionId": "1", "SecretString": samples_secret().to_string()}))
            }
            _ => Err("ResourceNotFoundException"),
        };
    }
    assert!(head.contains("AmazonSQS.SendMessageBatch"), "{head}");
    let entries = body["Entries"].as_array().unwrap();
    let taken: Vec<Value> = entries
        .iter()
        .map(|entry| json!({"Id": entry["Id"], "MessageId": "m", "MD5OfMessageBody": "0"}))
        .collect();
    Ok(json!({"Successful": taken, "Failed": []}))
}

/// The Lambda Runtime API: returns events one by one and receives the responses.
async fn runtime(
    listener: TcpListener,
    events: mpsc::Receiver<Value>,
    answers: mpsc::Sender<Value>,
) {
    let events = Arc::new(tokio::sync::Mutex::new(events));
    while let Ok((mut stream, _)) = listener.accept().await {
        let (events, answers) = (Arc::clone(&events), answers.clone());
        tokio::spawn(async move {
            while let Some((head, body)) = request(&mut stream).await {
                if head.starts_with("GET /2018-06-01/runtime/invocation/next") {
                    let Some(event) = events.lock().await.recv().await else {
                        return std::future::pending().await;
                    };
                    let headers = "lambda-runtime-aws-request-id: request-1\r\n\
                                   lambda-runtime-deadline-ms: 4102444800000\r\n\
                                   lambda-runtime-invoked-function-arn: arn:function\r\n\
                                   lambda-runtime-trace-id: Root=1-trace\r\n";
                    respond(&mut stream, headers, &event.to_string()).await;
                } else {
                    assert!(head.contains("/request-1/response "), "{head}: {body}");
                    answers
                        .send(serde_json::from_str(&body).unwrap())
                        .await
                        .unwrap();
                    respond(&mut stream, "", "").await;
                }
            }
        });
    }
}

#[tokio::test]
async fn events_of_a_function_url_are_answered_and_queued_and_nothing_secret_is_logged() {
    let seen: Arc<Mutex<Vec<Request>>> = Arc::default();
    let aws_listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let aws_address = format!("http://{}", aws_listener.local_addr().unwrap());
    tokio::spawn(aws(aws_listener, Arc::clone(&seen)));

    let runtime_listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let runtime_address = runtime_listener.local_addr().unwrap().to_string();
    let (events, next) = mpsc::channel(1);
    let (answers, mut answered) = mpsc::channel(1);
    tokio::spawn(runtime(runtime_listener, next, answers));

    let mut function = Command::new(env!("CARGO_BIN_EXE_webhook-intake"))
        .env_clear()
        .envs([
            ("AWS_LAMBDA_RUNTIME_API", runtime_address.as_str()),
            ("AWS_LAMBDA_FUNCTION_NAME", "webhook-intake"),
            ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "128"),
            ("AWS_LAMBDA_FUNCTION_VERSION", "1"),
            ("AWS_REGION", "eu-central-1"),
            ("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE"),
            ("AWS_SECRET_ACCESS_KEY", "the-key-of-the-function"),
            ("AWS_SESSION_TOKEN", "the-session-of-the-function"),
            ("AWS_ENDPOINT_URL", aws_address.as_str()),
            ("WEBHOOK_SECRET", "arn:the-secret"),
            ("URGENT_QUEUE_URL", "https://queues/urgent"),
            ("RUNS_QUEUE_URL", "https://queues/runs"),
        ])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();

    // Each sample, the status of its response, and how many calls to AWS it causes.
    let cases = [
        ("health", 200, 0),
        // Both versions of the secret, and the batch.
        ("accepted-full-body", 200, 3),
        ("accepted-batch", 200, 1),
        // All three versions, once a minute for each kind of mismatch.
        ("refused-wrong-token", 401, 3),
        ("refused-wrong-token", 401, 0),
        ("refused-wrong-signature", 401, 3),
        ("refused-wrong-signature", 401, 0),
        ("refused-not-json", 400, 0),
        ("accepted-base64", 200, 1),
        ("wake-up", 200, 1),
        ("wrong-method", 405, 0),
    ];
    let mut calls = 0;
    for (name, status, more) in cases {
        events.send(sample(name)).await.unwrap();
        let answer = timeout(PATIENCE, answered.recv()).await.unwrap().unwrap();
        assert_eq!(answer["statusCode"], status, "{name}: {answer}");
        calls += more;
        assert_eq!(seen.lock().unwrap().len(), calls, "{name}");
    }

    let sent: Vec<(String, usize)> = seen
        .lock()
        .unwrap()
        .iter()
        .filter(|(head, _)| head.contains("SendMessageBatch"))
        .map(|(_, body)| {
            let body: Value = serde_json::from_str(body).unwrap();
            let queue = body["QueueUrl"].as_str().unwrap().to_owned();
            (queue, body["Entries"].as_array().unwrap().len())
        })
        .collect();
    let urgent = "https://queues/urgent".to_owned();
    let runs = "https://queues/runs".to_owned();
    // The first of a kind is accompanied by its form.
    assert_eq!(
        sent,
        [
            (urgent.clone(), 2),
            (urgent.clone(), 3),
            (urgent, 1),
            (runs, 1)
        ]
    );

    function.start_kill().unwrap();
    let output = function.wait_with_output().await.unwrap();
    let log = String::from_utf8(output.stderr).unwrap();
    let metrics = String::from_utf8(output.stdout).unwrap();
    for line in log.lines().chain(metrics.lines()) {
        serde_json::from_str::<Value>(line).unwrap();
    }
    let accepted: Value = log
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap())
        .find(|line| line["outcome"] == "accepted")
        .unwrap();
    assert_eq!(accepted["spans"][0]["requestId"], "request-1");
    assert_eq!(accepted["sender"], "halopsa");
    assert_eq!(accepted["status"], 200);
    assert_eq!(metrics.matches("\"WebhooksAccepted\":1").count(), 4);
    assert_eq!(metrics.matches("\"WebhooksRefused\":1").count(), 3);
    // A stranger's requests cost one line a minute.
    assert_eq!(metrics.matches("\"WebhooksMisaddressed\":1").count(), 1);
    for secret in [
        TOKEN,
        KEY,
        "an-example-bearer-token",
        "the-key-of-the-function",
        "the-session-of-the-function",
        "another-token-of-the-same-length",
        "Stale Privileged Accounts",
    ] {
        assert!(
            !log.contains(secret) && !metrics.contains(secret),
            "{secret}"
        );
    }
}

#[tokio::test]
async fn a_function_without_its_settings_names_the_first_and_exits() {
    let output = Command::new(env!("CARGO_BIN_EXE_webhook-intake"))
        .env_clear()
        .env("AWS_LAMBDA_RUNTIME_API", "127.0.0.1:1")
        .output();
    let output = timeout(PATIENCE, output).await.unwrap().unwrap();
    assert!(!output.status.success());
    let log = String::from_utf8(output.stderr).unwrap();
    assert!(log.contains("WEBHOOK_SECRET is missing"), "{log}");
}

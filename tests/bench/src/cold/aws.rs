//! AWS for the length of one event: SQS, Secrets Manager and DynamoDB over TLS on loopback, in memory.
//! Every call is counted, and one that is not known here is refused and fails the measurement.

mod dynamo;
mod expression;

use std::collections::BTreeMap;
use std::io;
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;

use anyhow::bail;
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use serde_json::{Map, Value, json};

use self::dynamo::Dynamo;
use super::http::{Connection, Request};

/// Every secret's versions, by their labels.
const VERSIONS: [(&str, &str); 3] = [
    ("AWSPREVIOUS", "8f6d3c2a-0000-4000-8000-000000000000"),
    ("AWSCURRENT", "8f6d3c2a-0000-4000-8000-000000000001"),
    ("AWSPENDING", PENDING),
];

/// The version that a secret is rotated to.
pub const PENDING: &str = "8f6d3c2a-0000-4000-8000-000000000002";

/// The stand-in.
pub struct Aws {
    endpoint: String,
    inner: Arc<Inner>,
}

/// What all connections share.
struct Inner {
    tls: Arc<ServerConfig>,
    secrets: BTreeMap<String, Value>,
    state: Mutex<State>,
}

/// What was asked so far, and what is remembered.
#[derive(Default)]
struct State {
    calls: BTreeMap<String, u64>,
    complaints: Vec<String>,
    connections: u64,
    sent: u64,
    seeds: Vec<Value>,
    tables: Dynamo,
}

/// What the stand-in answers.
enum Answer {
    Done(Value),
    Refused { kind: &'static str, body: Value },
    Unknown(String),
}

impl Aws {
    /// Serves on a free port of loopback. `secrets` are the secrets by their id, each an object.
    ///
    /// # Errors
    ///
    /// No port is free.
    pub fn start(tls: Arc<ServerConfig>, secrets: BTreeMap<String, Value>) -> io::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0))?;
        let endpoint = format!("https://{}", listener.local_addr()?);
        let inner = Arc::new(Inner {
            tls,
            secrets,
            state: Mutex::default(),
        });
        let shared = Arc::clone(&inner);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let inner = Arc::clone(&shared);
                thread::spawn(move || {
                    if let Err(error) = inner.serve(stream) {
                        inner.state().complaints.push(error.to_string());
                    }
                });
            }
        });
        Ok(Self { endpoint, inner })
    }

    /// Where it is.
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// Puts an item into every table as it is after [`Aws::reset`].
    pub fn seed(&self, item: Value) {
        self.inner.state().seeds.push(item);
    }

    /// Forgets items and counts.
    pub fn reset(&self) {
        let mut state = self.inner.state();
        state.calls.clear();
        state.complaints.clear();
        state.connections = 0;
        state.tables = Dynamo::holding(&state.seeds);
    }

    /// What was asked since the last reset.
    ///
    /// # Errors
    ///
    /// Something was asked that the stand-in does not know.
    pub fn calls(&self) -> anyhow::Result<Calls> {
        let state = self.inner.state();
        if !state.complaints.is_empty() {
            let first: Vec<_> = state.complaints.iter().take(3).cloned().collect();
            bail!(
                "the AWS stand-in met {} things it does not know: {}",
                state.complaints.len(),
                first.join("; ")
            );
        }
        Ok(Calls {
            connections: state.connections,
            by_operation: state.calls.clone(),
        })
    }
}

/// What was asked.
#[derive(Clone, Debug)]
pub struct Calls {
    /// TLS connections.
    pub connections: u64,
    /// Calls by service and operation.
    pub by_operation: BTreeMap<String, u64>,
}

impl Calls {
    /// All calls together.
    pub fn total(&self) -> u64 {
        self.by_operation.values().sum()
    }

    /// One line for the report.
    pub fn in_words(&self) -> String {
        let parts: Vec<_> = self
            .by_operation
            .iter()
            .map(|(operation, count)| format!("{count} × {operation}"))
            .collect();
        match parts.is_empty() {
            true => "none".to_owned(),
            false => parts.join(", "),
        }
    }
}

impl Inner {
    /// The state, whatever became of who held it.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Serves one connection to its end.
    fn serve(&self, stream: TcpStream) -> io::Result<()> {
        stream.set_nodelay(true)?;
        self.state().connections += 1;
        let tls = ServerConnection::new(Arc::clone(&self.tls)).map_err(io::Error::other)?;
        let mut connection = Connection::new(StreamOwned::new(tls, stream));
        while let Some(request) = connection.read()? {
            let (status, body) = match self.answer(&request) {
                Answer::Done(body) => ("200 OK", body),
                Answer::Refused { kind, mut body } => {
                    body["__type"] = Value::from(kind);
                    ("400 Bad Request", body)
                }
                Answer::Unknown(what) => {
                    let body = json!({ "__type": "InvalidAction", "message": what });
                    self.state().complaints.push(what);
                    ("400 Bad Request", body)
                }
            };
            let kind = request.header("content-type").unwrap_or_default();
            let head = format!("Content-Type: {kind}\r\nx-amzn-RequestId: bench\r\n");
            connection.answer(status, &head, body.to_string().as_bytes())?;
        }
        Ok(())
    }

    /// Answers one request.
    fn answer(&self, request: &Request) -> Answer {
        let mut state = self.state();
        let target = request.header("x-amz-target").unwrap_or_default();
        *state.calls.entry(target.to_owned()).or_default() += 1;
        if !is_signed(request) {
            return Answer::Unknown(format!("{target} without a signature"));
        }
        let Ok(body) = serde_json::from_slice::<Value>(&request.body) else {
            return Answer::Unknown(format!("{target} without JSON"));
        };
        match target.split_once('.') {
            Some(("AmazonSQS", operation)) => state.queue(operation, &body),
            Some(("secretsmanager", operation)) => self.secret(operation, &body),
            Some(("DynamoDB_20120810", operation)) => state.tables.answer(operation, &body),
            _ => Answer::Unknown(format!("{} {}", request.method, request.path)),
        }
    }

    /// Answers for Secrets Manager.
    fn secret(&self, operation: &str, body: &Value) -> Answer {
        let id = body["SecretId"].as_str().unwrap_or_default();
        let Some(secret) = self.secrets.get(id) else {
            return Answer::Unknown(format!("the secret {id:?}"));
        };
        let sandbox = body["VersionStage"].as_str().unwrap_or("AWSCURRENT");
        let version = VERSIONS.iter().find(|(label, _)| *label == sandbox);
        match (operation, version) {
            // All versions say the same: a rotation under way in which nothing has changed yet.
            ("GetSecretValue", Some((label, version))) => Answer::Done(json!({
                "ARN": id,
                "Name": "bench",
                "VersionId": version,
                "VersionStages": [label],
                "SecretString": secret.to_string(),
                "CreatedDate": 1_790_000_000,
            })),
            ("DescribeSecret", _) => {
                let labels = VERSIONS.map(|(label, version)| (version.to_owned(), json!([label])));
                Answer::Done(json!({
                    "ARN": id,
                    "Name": "bench",
                    "RotationEnabled": true,
                    "VersionIdsToStages": Map::from_iter(labels),
                }))
            }
            _ => Answer::Unknown(format!("secretsmanager.{operation} {body}")),
        }
    }
}

impl State {
    /// Answers for SQS.
    fn queue(&mut self, operation: &str, body: &Value) -> Answer {
        let queue_url = &body["QueueUrl"];
        if !queue_url.is_string() {
            return Answer::Unknown(format!("AmazonSQS.{operation} without a queue"));
        }
        match operation {
            "SendMessage" if body["MessageBody"].is_string() => {
                self.sent += 1;
                Answer::Done(json!({
                    "MessageId": message_id(self.sent),
                    "MD5OfMessageBody": "00000000000000000000000000000000",
                }))
            }
            "SendMessageBatch" | "DeleteMessageBatch" | "ChangeMessageVisibilityBatch" => {
                let entries = body["Entries"].as_array().cloned().unwrap_or_default();
                let done: Vec<_> = entries
                    .iter()
                    .map(|entry| {
                        self.sent += 1;
                        json!({
                            "Id": entry["Id"],
                            "MessageId": message_id(self.sent),
                            "MD5OfMessageBody": "00000000000000000000000000000000",
                        })
                    })
                    .collect();
                Answer::Done(json!({ "Successful": done, "Failed": [] }))
            }
            "DeleteMessage" | "ChangeMessageVisibility" => Answer::Done(json!({})),
            "ReceiveMessage" => Answer::Done(json!({})),
            "GetQueueAttributes" => Answer::Done(json!({
                "Attributes": { "ApproximateNumberOfMessages": "0" },
            })),
            _ => Answer::Unknown(format!("AmazonSQS.{operation} {body}")),
        }
    }
}

/// Whether the request carries a signature of version 4; whether it is valid is not checked, for both
/// sides of the comparison would pay for it alike.
fn is_signed(request: &Request) -> bool {
    request
        .header("authorization")
        .is_some_and(|value| value.starts_with("AWS4-HMAC-SHA256 "))
}

/// The id of the message with this number.
fn message_id(number: u64) -> String {
    format!("5fea7756-0ea4-451a-a703-{number:012x}")
}

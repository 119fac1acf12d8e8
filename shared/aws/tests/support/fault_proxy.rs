//! A server between a store and the table. It passes on what it gets, notes it, and does what it
//! was instructed to do to the next answers.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;

/// How one request is answered.
#[derive(Clone, Debug)]
pub enum Fault {
    /// It is refused with this status, code and sentence, and has no effect.
    Refused(u16, &'static str, &'static str),
    /// It takes effect, and the connection ends without an answer.
    NoAnswer,
    /// It takes effect, and half of the answer comes back.
    TruncatedBody,
    /// All but this many of the requested items are deferred.
    Unprocessed {
        /// Items that are read.
        read: usize,
    },
    /// It is passed on once it may.
    Delayed(Arc<Notify>),
    /// It is passed on as it is.
    None,
}

/// The server. Ends with its runtime.
pub struct FaultProxy {
    port: u16,
    state: Arc<Mutex<ProxyState>>,
}

#[derive(Default)]
struct ProxyState {
    next: VecDeque<Fault>,
    always: Option<Fault>,
    seen: Vec<(String, Value)>,
}

impl FaultProxy {
    /// Stands between its caller and `endpoint`.
    pub async fn start(endpoint: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let state = Arc::<Mutex<ProxyState>>::default();
        let behind = endpoint.trim_start_matches("http://").to_owned();
        let shared = Arc::clone(&state);
        tokio::spawn(async move {
            while let Ok((caller, _)) = listener.accept().await {
                tokio::spawn(serve(caller, behind.clone(), Arc::clone(&shared)));
            }
        });
        Self { port, state }
    }

    pub fn endpoint(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Does these to the next requests, one each.
    pub fn inject(&self, faults: impl IntoIterator<Item = Fault>) {
        self.state.lock().unwrap().next.extend(faults);
    }

    /// Does this to every request from now on.
    pub fn always(&self, fault: Fault) {
        self.state.lock().unwrap().always = Some(fault);
    }

    /// Requests so far, by operation, with their bodies; forgets them.
    pub fn requests(&self) -> Vec<(String, Value)> {
        std::mem::take(&mut self.state.lock().unwrap().seen)
    }

    /// How many requests there were so far.
    pub fn request_count(&self) -> usize {
        self.state.lock().unwrap().seen.len()
    }

    /// How many requests there were so far of each operation; forgets them.
    pub fn counts(&self) -> Vec<(String, usize)> {
        let mut counts = std::collections::BTreeMap::<String, usize>::new();
        for (operation, _) in self.requests() {
            *counts.entry(operation).or_default() += 1;
        }
        counts.into_iter().collect()
    }
}

/// Answers one caller until one of its connections has to end.
async fn serve(mut caller: TcpStream, behind: String, state: Arc<Mutex<ProxyState>>) {
    while let Some((head, body)) = read_request(&mut caller).await {
        let json: Value = serde_json::from_slice(&body).unwrap();
        let operation = header(&head, "x-amz-target").unwrap();
        let operation = operation.rsplit_once('.').unwrap().1.to_owned();
        let fault = {
            let mut state = state.lock().unwrap();
            state.seen.push((operation, json.clone()));
            let next = state.next.pop_front();
            next.or_else(|| state.always.clone()).unwrap_or(Fault::None)
        };
        let answer = match fault {
            Fault::Refused(status, code, message) => refusal(status, code, message),
            Fault::None => pass_on(&behind, &head, &body).await,
            Fault::Delayed(until) => {
                until.notified().await;
                pass_on(&behind, &head, &body).await
            }
            Fault::NoAnswer => {
                pass_on(&behind, &head, &body).await;
                return;
            }
            Fault::TruncatedBody => {
                let answer = pass_on(&behind, &head, &body).await;
                let split = answer
                    .windows(4)
                    .position(|part| part == b"\r\n\r\n")
                    .unwrap()
                    + 4;
                let half = split + (answer.len() - split) / 2;
                assert!(half < answer.len(), "an answer has a body");
                caller.write_all(&answer[..half]).await.unwrap();
                return;
            }
            Fault::Unprocessed { read } => {
                let (now, later) = divide(&json, read);
                let mut said = match now {
                    Some(now) => {
                        let answer = pass_on(&behind, &head, now.to_string().as_bytes()).await;
                        body_of(&answer)
                    }
                    None => json!({ "Responses": {} }),
                };
                said["UnprocessedKeys"] = later;
                answer(200, &said.to_string())
            }
        };
        caller.write_all(&answer).await.unwrap();
    }
}

/// A batch of reads in two: what is read now, if anything, and what is put off.
fn divide(batch: &Value, read: usize) -> (Option<Value>, Value) {
    let tables = batch["RequestItems"].as_object().unwrap();
    let (table, wanted) = tables.iter().next().unwrap();
    let keys = wanted["Keys"].as_array().unwrap();
    let (now, later) = keys.split_at(read.min(keys.len()));
    let part = |keys: &[Value]| {
        let mut part = wanted.clone();
        part["Keys"] = json!(keys);
        json!({ table: part })
    };
    let now = (!now.is_empty()).then(|| json!({ "RequestItems": part(now) }));
    let later = if later.is_empty() {
        json!({})
    } else {
        part(later)
    };
    (now, later)
}

/// The body of a whole answer.
fn body_of(answer: &[u8]) -> Value {
    let split = answer.windows(4).position(|part| part == b"\r\n\r\n");
    serde_json::from_slice(&answer[split.unwrap() + 4..]).unwrap()
}

fn refusal(status: u16, code: &str, message: &str) -> Vec<u8> {
    let kind = format!("com.amazonaws.dynamodb.v20120810#{code}");
    answer(
        status,
        &json!({ "__type": kind, "message": message }).to_string(),
    )
}

fn answer(status: u16, body: &str) -> Vec<u8> {
    format!(
        "HTTP/1.1 {status} So\r\nContent-Type: application/x-amz-json-1.0\r\n\
         Content-Length: {}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}

/// Sends a request on, and returns the whole answer.
async fn pass_on(behind: &str, head: &str, body: &[u8]) -> Vec<u8> {
    let mut server = TcpStream::connect(behind).await.unwrap();
    let kept = head.lines().filter(|line| {
        let line = line.to_ascii_lowercase();
        !line.starts_with("content-length:") && !line.starts_with("connection:")
    });
    let mut request = kept.collect::<Vec<_>>().join("\r\n");
    request.push_str(&format!(
        "\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        body.len()
    ));
    server.write_all(request.as_bytes()).await.unwrap();
    server.write_all(body).await.unwrap();
    let (head, body) = read_request(&mut server).await.unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    answer(status, std::str::from_utf8(&body).unwrap())
}

/// Reads head and body of one HTTP/1.1 message whose length is given.
async fn read_request(stream: &mut TcpStream) -> Option<(String, Vec<u8>)> {
    let mut bytes = Vec::new();
    let split = loop {
        if let Some(at) = bytes.windows(4).position(|part| part == b"\r\n\r\n") {
            break at;
        }
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    };
    let mut body = bytes.split_off(split + 4);
    let head = String::from_utf8(bytes[..split].to_vec()).unwrap();
    let length: usize = header(&head, "content-length")?.parse().unwrap();
    while body.len() < length {
        if stream.read_buf(&mut body).await.ok()? == 0 {
            return None;
        }
    }
    Some((head, body))
}

/// The value of the header `name`.
fn header<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    head.lines().find_map(|line| {
        let (key, value) = line.split_once(':')?;
        key.eq_ignore_ascii_case(name).then_some(value.trim())
    })
}

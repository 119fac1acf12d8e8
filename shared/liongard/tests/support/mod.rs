//! A Liongard that answers from a list and remembers what it was asked.

pub mod alert;

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use halogard_app::ports::Clock;
use halogard_http::{BodyStream, Transport, TransportError};
use halogard_liongard::wire::Tasks;
use halogard_liongard::{AccessKey, Client, Error, LiongardAlertSource, LiongardClientSettings};
use http::{HeaderMap, Method, Request, Response};
use serde_json::Value;
use url::Url;

/// The id planted in every test client.
pub const KEY_ID: &str = "0a1b2c3d4e5f60718293";

/// The secret planted in every test client.
pub const SECRET: &str = "s3cret-planted";

/// Both in base64.
pub const KEY_HEADER: &str = "MGExYjJjM2Q0ZTVmNjA3MTgyOTM6czNjcmV0LXBsYW50ZWQ=";

/// The origin of every test client that names no other.
pub const ORIGIN: &str = "https://us1.app.liongard.com/";

/// A request as it left.
#[derive(Clone, Debug)]
pub struct SentRequest {
    pub method: Method,
    pub url: Url,
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl SentRequest {
    pub fn path(&self) -> &str {
        self.url.path()
    }

    pub fn query(&self) -> Vec<(String, String)> {
        self.url.query_pairs().into_owned().collect()
    }

    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).expect("the body is JSON")
    }

    pub fn key(&self) -> Option<&str> {
        self.headers.get("x-roar-api-key")?.to_str().ok()
    }
}

/// What comes back for one request.
pub type Outcome = Result<Response<Bytes>, TransportError>;

/// The scripted Liongard.
#[derive(Default)]
pub struct ScriptedTransport {
    answers: Mutex<VecDeque<Outcome>>,
    streamed: Mutex<Option<Vec<Bytes>>>,
    sent: Mutex<Vec<SentRequest>>,
}

impl Transport for ScriptedTransport {
    async fn send(&self, request: Request<Bytes>) -> Outcome {
        self.sent.lock().unwrap().push(SentRequest {
            method: request.method().clone(),
            url: Url::parse(&request.uri().to_string()).expect("a whole address"),
            headers: request.headers().clone(),
            body: request.body().clone(),
        });
        let answer = self.answers.lock().unwrap().pop_front();
        if answer.is_none() && self.asks_again_without_slash() {
            return not_found_again();
        }
        answer.expect("an answer is left in the script")
    }

    async fn stream(
        &self,
        request: Request<Bytes>,
    ) -> Result<Response<BodyStream>, TransportError> {
        let streamed = self.streamed.lock().unwrap().take();
        match streamed {
            Some(pieces) => Ok(Response::new(BodyStream::in_pieces(pieces))),
            None => Ok(self.send(request).await?.map(BodyStream::whole)),
        }
    }
}

impl ScriptedTransport {
    /// Whether the last request repeats the one before without the slash at its end.
    fn asks_again_without_slash(&self) -> bool {
        let sent = self.sent.lock().unwrap();
        let [.., before, last] = sent.as_slice() else {
            return false;
        };
        before.path().strip_suffix('/') == Some(last.path())
    }
}

/// What is not found at an address with a slash is not found without it, unless the script says more.
fn not_found_again() -> Outcome {
    answer(404, "")
}

/// An answer with a status and a body.
pub fn answer(status: u16, body: &str) -> Outcome {
    answer_with(status, &[], body)
}

/// The same with headers.
pub fn answer_with(status: u16, headers: &[(&str, &str)], body: &str) -> Outcome {
    let mut response = Response::builder().status(status);
    for (name, value) in headers {
        response = response.header(*name, *value);
    }
    Ok(response
        .body(Bytes::copy_from_slice(body.as_bytes()))
        .unwrap())
}

/// A redirect to `location`.
pub fn redirect(status: u16, location: &str) -> Outcome {
    answer_with(status, &[("location", location)], "")
}

/// A client with the transport behind it.
pub struct Harness {
    pub client: Client<Arc<ScriptedTransport>>,
    transport: Arc<ScriptedTransport>,
}

/// The planted key.
pub fn key() -> AccessKey {
    AccessKey {
        id: KEY_ID.into(),
        secret: SECRET.into(),
    }
}

impl Harness {
    /// A harness at `origin` whose next answers are `script`.
    pub fn at(origin: &str, script: impl IntoIterator<Item = Outcome>) -> Self {
        let transport = Arc::new(ScriptedTransport::default());
        transport.answers.lock().unwrap().extend(script);
        let settings = LiongardClientSettings {
            base: Url::parse(origin).unwrap(),
            key: key(),
        };
        Self {
            client: Client::new(settings, Arc::clone(&transport)),
            transport,
        }
    }

    /// A harness whose next answers are `script`.
    pub fn scripted(script: impl IntoIterator<Item = Outcome>) -> Self {
        Self::at(ORIGIN, script)
    }

    /// A harness whose next answers are successes with these bodies.
    pub fn answering<'a>(bodies: impl IntoIterator<Item = &'a str>) -> Self {
        Self::scripted(bodies.into_iter().map(|body| answer(200, body)))
    }

    /// A harness whose next answer arrives in these pieces.
    pub fn streaming(pieces: &[&[u8]]) -> Self {
        let harness = Self::scripted([]);
        let pieces = pieces.iter().map(|piece| Bytes::copy_from_slice(piece));
        *harness.transport.streamed.lock().unwrap() = Some(pieces.collect());
        harness
    }

    /// The whole list of alerts, in one piece.
    pub async fn tasks(&self) -> Result<Tasks, Error> {
        let mut stream = self.client.tasks().await?;
        let mut all = Tasks::default();
        while let Some(part) = stream.next().await? {
            all.alerts.extend(part.alerts);
            all.unreadable.extend(part.unreadable);
        }
        Ok(all)
    }

    /// A source of alerts behind the same transport.
    pub fn source<C: Clock>(&self, clock: C) -> LiongardAlertSource<Arc<ScriptedTransport>, C> {
        let settings = LiongardClientSettings {
            base: Url::parse(ORIGIN).unwrap(),
            key: key(),
        };
        LiongardAlertSource::new(Client::new(settings, Arc::clone(&self.transport)), clock)
    }

    /// The requests so far.
    pub fn sent(&self) -> Vec<SentRequest> {
        self.transport.sent.lock().unwrap().clone()
    }

    /// The only request.
    pub fn only_sent(&self) -> SentRequest {
        let mut sent = self.sent();
        assert_eq!(sent.len(), 1, "one request was expected");
        sent.remove(0)
    }

    /// Nothing of the script is left.
    pub fn assert_script_used_up(&self) {
        assert!(
            self.transport.answers.lock().unwrap().is_empty(),
            "an answer is left over"
        );
    }
}

//! A HaloPSA that answers from a list and remembers what it was asked, a budget that counts, and
//! a clock that is set by hand.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use halogard_app::ports::{
    Admission, BudgetError, Clock, OpeningGuard, Permit, PermitOutcome, RequestBudget,
};
use halogard_domain::{LinkKey, Timestamp};
use halogard_halopsa::{Client, Credentials, HaloClientSettings, HaloServiceDesk};
use halogard_http::{BodyStream, Transport, TransportError};
use http::{HeaderMap, Method, Request, Response};
use serde_json::{Value, json};
use url::Url;

/// The secret planted in every test client.
pub const SECRET: &str = "s3cret-planted";

/// 2026-05-02T09:00:00Z.
pub const MORNING: Timestamp = Timestamp::from_millis(1_777_712_400_000);

/// The answer of `GET /Tickets` with these rows.
pub fn list(rows: Value) -> Value {
    json!({"record_count": rows.as_array().unwrap().len(), "tickets": rows})
}

/// A harness whose next answers are successes with these bodies.
pub fn answering(bodies: &[Value]) -> Harness {
    let harness = Harness::new();
    for body in bodies {
        harness.next(Ok(answer(200, &body.to_string())));
    }
    harness
}

/// A request as it left.
#[derive(Clone, Debug)]
pub struct SentRequest {
    pub method: Method,
    pub path: String,
    pub query: Vec<(String, String)>,
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl SentRequest {
    pub fn query_value(&self, name: &str) -> Option<&str> {
        self.query
            .iter()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.as_str())
    }

    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).expect("the body is JSON")
    }

    pub fn bearer(&self) -> Option<&str> {
        self.headers.get("authorization")?.to_str().ok()
    }
}

type Outcome = Result<Response<Bytes>, TransportError>;

/// The scripted HaloPSA. Token requests get a token unless something else is scripted.
#[derive(Default)]
pub struct ScriptedTransport {
    answers: Mutex<VecDeque<Outcome>>,
    token_answers: Mutex<VecDeque<Outcome>>,
    sent: Mutex<Vec<SentRequest>>,
}

impl ScriptedTransport {
    /// Keeps `sent` and says how many requests for tokens there were.
    fn remember(&self, sent: SentRequest) -> usize {
        let mut all = self.sent.lock().unwrap();
        all.push(sent);
        all.iter().filter(|sent| sent.path == "/auth/token").count()
    }
}

impl Transport for ScriptedTransport {
    async fn send(&self, request: Request<Bytes>) -> Outcome {
        let url = Url::parse(&request.uri().to_string()).expect("a whole address");
        let is_token = url.path() == "/auth/token";
        let tokens = self.remember(SentRequest {
            method: request.method().clone(),
            path: url.path().to_owned(),
            query: url.query_pairs().into_owned().collect(),
            headers: request.headers().clone(),
            body: request.body().clone(),
        });
        // Others get a turn, as they would while the network is waited for.
        tokio::task::yield_now().await;
        if is_token {
            let scripted = self.token_answers.lock().unwrap().pop_front();
            return scripted.unwrap_or_else(|| Ok(token(tokens, 3600)));
        }
        self.answers
            .lock()
            .unwrap()
            .pop_front()
            .expect("an answer is left in the script")
    }

    async fn stream(
        &self,
        request: Request<Bytes>,
    ) -> Result<Response<BodyStream>, TransportError> {
        Ok(self.send(request).await?.map(BodyStream::whole))
    }
}

/// The `number`th token, for `seconds`.
pub fn token(number: usize, seconds: u32) -> Response<Bytes> {
    answer(
        200,
        &format!(
            r#"{{"token_type":"Bearer","access_token":"token-{number}","expires_in":{seconds}}}"#
        ),
    )
}

/// An answer with a status and a body.
pub fn answer(status: u16, body: &str) -> Response<Bytes> {
    Response::builder()
        .status(status)
        .body(Bytes::copy_from_slice(body.as_bytes()))
        .unwrap()
}

/// The same with a header.
pub fn answer_with(status: u16, name: &str, value: &str) -> Response<Bytes> {
    Response::builder()
        .status(status)
        .header(name, value)
        .body(Bytes::new())
        .unwrap()
}

/// A budget that counts, and fails on request.
#[derive(Default)]
pub struct CountingBudget {
    pub taken: AtomicI64,
    pub settled: AtomicI64,
    /// The most permits that were taken and not settled.
    pub most: AtomicI64,
    pub refusal: Mutex<Option<BudgetError>>,
    pub settle_fails: Mutex<bool>,
    pub seen: Mutex<Vec<PermitOutcome>>,
}

impl RequestBudget for CountingBudget {
    async fn take_to_begin(&self) -> Result<Permit, BudgetError> {
        self.take().await
    }

    async fn take(&self) -> Result<Permit, BudgetError> {
        if let Some(refusal) = self.refusal.lock().unwrap().clone() {
            return Err(refusal);
        }
        let slot = self.taken.fetch_add(1, Ordering::SeqCst);
        let under_way = slot + 1 - self.settled.load(Ordering::SeqCst);
        self.most.fetch_max(under_way, Ordering::SeqCst);
        Ok(Permit {
            slot: u64::try_from(slot).unwrap(),
        })
    }

    async fn settle(&self, _permit: Permit, seen: PermitOutcome) -> Result<(), BudgetError> {
        self.settled.fetch_add(1, Ordering::SeqCst);
        self.seen.lock().unwrap().push(seen);
        if *self.settle_fails.lock().unwrap() {
            return Err(BudgetError::Store {
                reason: "gone".into(),
            });
        }
        Ok(())
    }
}

/// Admits every ticket, at any time.
pub struct AdmitAll;

impl OpeningGuard for AdmitAll {
    async fn admit(&self, keys: &[&LinkKey]) -> Admission {
        Admission {
            admitted: vec![true; keys.len()],
            send_before: MORNING.plus(Duration::from_secs(86_400)),
        }
    }
}

/// A clock that moves only when a test moves it.
pub struct ManualClock(AtomicI64);

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.0.load(Ordering::SeqCst))
    }
}

/// A client with everything around it.
pub struct Harness {
    pub client: Client<Arc<ScriptedTransport>, Arc<CountingBudget>, Arc<ManualClock>>,
    pub transport: Arc<ScriptedTransport>,
    pub budget: Arc<CountingBudget>,
    pub clock: Arc<ManualClock>,
}

/// Settings with a tenant and [`SECRET`].
pub fn settings() -> HaloClientSettings {
    HaloClientSettings {
        resource_url: Url::parse("https://acme.halopsa.com/api").unwrap(),
        auth_url: Url::parse("https://acme.halopsa.com/auth").unwrap(),
        tenant: Some("acme".into()),
        credentials: Credentials {
            client_id: "our-app".into(),
            client_secret: SECRET.into(),
            idle_client_id: None,
        },
        scopes: "read:tickets edit:tickets".into(),
    }
}

impl Harness {
    pub fn new() -> Self {
        let transport = Arc::new(ScriptedTransport::default());
        let budget = Arc::new(CountingBudget::default());
        let clock = Arc::new(ManualClock(AtomicI64::new(MORNING.as_millis())));
        let client = Client::new(
            settings(),
            Arc::clone(&transport),
            Arc::clone(&budget),
            Arc::clone(&clock),
        );
        Self {
            client,
            transport,
            budget,
            clock,
        }
    }

    /// A harness whose next answers are successes with these bodies.
    pub fn answering(bodies: &[&str]) -> Self {
        let harness = Self::new();
        for body in bodies {
            harness.next(Ok(answer(200, body)));
        }
        harness
    }

    /// A desk behind the same transport, budget and clock, with a token of its own.
    pub fn desk(
        &self,
    ) -> HaloServiceDesk<Arc<ScriptedTransport>, Arc<CountingBudget>, Arc<ManualClock>> {
        let client = Client::new(
            settings(),
            Arc::clone(&self.transport),
            Arc::clone(&self.budget),
            Arc::clone(&self.clock),
        );
        HaloServiceDesk::new(client, Arc::clone(&self.clock), "our-app".into())
    }

    pub fn next(&self, outcome: Outcome) {
        self.transport.answers.lock().unwrap().push_back(outcome);
    }

    pub fn next_token(&self, outcome: Outcome) {
        self.transport
            .token_answers
            .lock()
            .unwrap()
            .push_back(outcome);
    }

    pub fn advance(&self, time: Duration) {
        let millis = i64::try_from(time.as_millis()).unwrap();
        self.clock.0.fetch_add(millis, Ordering::SeqCst);
    }

    /// The requests so far, those for tokens left out.
    pub fn sent(&self) -> Vec<SentRequest> {
        let mut sent = self.transport.sent.lock().unwrap().clone();
        sent.retain(|sent| sent.path != "/auth/token");
        sent
    }

    /// The only request, but for that of a token.
    pub fn only_sent(&self) -> SentRequest {
        let mut sent = self.sent();
        assert_eq!(sent.len(), 1, "one request was expected");
        sent.remove(0)
    }

    /// The requests for tokens so far.
    pub fn tokens(&self) -> Vec<SentRequest> {
        let mut sent = self.transport.sent.lock().unwrap().clone();
        sent.retain(|sent| sent.path == "/auth/token");
        sent
    }

    /// Every request had a permit, and every permit was settled.
    pub fn assert_all_settled(&self) {
        let all = i64::try_from(self.transport.sent.lock().unwrap().len()).unwrap();
        assert_eq!(
            self.budget.taken.load(Ordering::SeqCst),
            all,
            "permits taken"
        );
        assert_eq!(
            self.budget.settled.load(Ordering::SeqCst),
            all,
            "permits settled"
        );
        assert!(
            self.transport.answers.lock().unwrap().is_empty(),
            "an answer is left over"
        );
        assert!(
            self.transport.token_answers.lock().unwrap().is_empty(),
            "a token is left over"
        );
    }
}

//! Many clients over one simulated HaloPSA and one shared store, and a clock that is set by hand.

use std::any::Any;
use std::collections::BTreeMap;
use std::str::FromStr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use bytes::Bytes;
use halogard_app::ports::{
    BudgetError, Clock, ErrorCode, LeaseOutcome, Leases, Permit, PermitOutcome, PortError, Records,
    RequestBudget, Revision, SealedToken, SecretInfo, SecretVersion, Stage, Stored, Swap, Vault,
    VaultError,
};
use halogard_credentials::{CredentialCache, SecretFields};
use halogard_domain::{FailureClass, Record, Timestamp};
use halogard_halopsa::{Client, Credentials, Error, HaloClientSettings};
use halogard_http::{BodyStream, Transport, TransportError};
use halogard_simulator::{HaloPsa, ManualClock, RateLimit, SimClock, SimHaloSettings};
use http::header::AUTHORIZATION;
use http::{Request, Response, StatusCode};
use http_body_util::BodyExt as _;
use secrecy::SecretString;
use serde_json::Value;
use tokio::sync::Semaphore;
use tower::ServiceExt as _;
use url::Url;

/// The application's client id, at the sample tenant.
pub const APPLICATION: &str = "8d3f6a52-halogard-sync";

/// Its secret.
pub const SECRET: &str = "first-secret-of-the-sample";

/// The secret that is put in its place.
pub const NEXT_SECRET: &str = "second-secret-of-the-sample";

/// What the clients ask for.
pub const SCOPES: &str = "read:tickets edit:tickets read:customers";

/// 2026-05-04T08:00:00Z.
const BEGIN: i64 = 1_777_881_600_000;

/// A client of the fleet.
pub type TestClient = Client<SimTransport, UnlimitedBudget, TestClock>;

/// The clock of a test. Clones share one hand.
#[derive(Clone)]
pub struct TestClock(ManualClock);

impl Clock for TestClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.0.now_millis())
    }
}

/// A budget that never ends.
pub struct UnlimitedBudget;

impl RequestBudget for UnlimitedBudget {
    async fn take_to_begin(&self) -> Result<Permit, BudgetError> {
        self.take().await
    }

    async fn take(&self) -> Result<Permit, BudgetError> {
        Ok(Permit { slot: 0 })
    }

    async fn settle(&self, _permit: Permit, _seen: PermitOutcome) -> Result<(), BudgetError> {
        Ok(())
    }
}

/// What went over all lines.
#[derive(Default)]
pub struct TrafficLog {
    /// The status of each answer to a token request.
    pub token_answers: Vec<StatusCode>,
    /// Every token that was issued.
    pub issued: Vec<String>,
    /// Calls that were answered with 401.
    pub refused_calls: usize,
    /// The token of the latest call.
    pub used_last: Option<String>,
}

/// The way to the simulated HaloPSA.
pub struct SimTransport {
    router: Router,
    traffic: Arc<Mutex<TrafficLog>>,
    /// Holds back answers to token requests while it has no permits.
    answers: Arc<Semaphore>,
}

impl Transport for SimTransport {
    async fn send(&self, request: Request<Bytes>) -> Result<Response<Bytes>, TransportError> {
        let is_token = request.uri().path() == "/auth/token";
        let bearer = request.headers().get(AUTHORIZATION);
        if let Some(bearer) = bearer.and_then(|it| it.to_str().ok()) {
            let token = bearer.strip_prefix("Bearer ").map(str::to_owned);
            self.traffic.lock().unwrap().used_last = token;
        }
        // Others get their turns, as they would while the network is waited for.
        for _ in 0..3 {
            tokio::task::yield_now().await;
        }
        let response = self.router.clone().oneshot(request.map(Body::from)).await;
        let (parts, body) = response.expect("a router always answers").into_parts();
        let body = body.collect().await.expect("the body is whole").to_bytes();
        if is_token {
            let mut traffic = self.traffic.lock().unwrap();
            traffic.token_answers.push(parts.status);
            let answer: Value = serde_json::from_slice(&body).unwrap_or_default();
            let token = answer["access_token"].as_str();
            traffic.issued.extend(token.map(str::to_owned));
        } else if parts.status == StatusCode::UNAUTHORIZED {
            self.traffic.lock().unwrap().refused_calls += 1;
        }
        if is_token {
            let _let_through = self.answers.acquire().await.expect("it is never closed");
        }
        tokio::task::yield_now().await;
        Ok(Response::from_parts(parts, body))
    }

    async fn stream(
        &self,
        request: Request<Bytes>,
    ) -> Result<Response<BodyStream>, TransportError> {
        Ok(self.send(request).await?.map(BodyStream::whole))
    }
}

/// The shared store: what every adapter promises, in memory, and ways for it to misbehave.
pub struct MemoryTokenStore {
    time: TestClock,
    fails: AtomicBool,
    /// Holds back the next taking of a turn.
    late: Mutex<Option<Arc<Semaphore>>>,
    state: Mutex<StoreState>,
}

#[derive(Default)]
struct StoreState {
    tokens: BTreeMap<String, (SealedToken, u64)>,
    leases: BTreeMap<String, (String, Timestamp)>,
    /// Loads, saves and takings of turns.
    calls: usize,
}

impl MemoryTokenStore {
    /// From now on every call fails, or none.
    pub fn fail(&self, fails: bool) {
        self.fails.store(fails, Ordering::SeqCst);
    }

    /// The next turn is taken only when the semaphore lets it.
    pub fn pause_next_lease(&self) -> Arc<Semaphore> {
        let gate = Arc::new(Semaphore::new(0));
        *self.late.lock().unwrap() = Some(Arc::clone(&gate));
        gate
    }

    /// Whether the turn that is to be held back is.
    pub fn is_lease_paused(&self) -> bool {
        self.late.lock().unwrap().is_none()
    }

    /// What is kept under each name.
    pub fn sealed(&self) -> BTreeMap<String, Vec<u8>> {
        let state = self.state.lock().unwrap();
        let tokens = state.tokens.iter();
        tokens
            .map(|(name, (token, _))| (name.clone(), token.sealed.clone()))
            .collect()
    }

    /// The rights that were taken and not given back.
    pub fn leases(&self) -> Vec<String> {
        self.state.lock().unwrap().leases.keys().cloned().collect()
    }

    /// How often the store was used.
    pub fn calls(&self) -> usize {
        self.state.lock().unwrap().calls
    }

    /// Somebody writes to the store behind our back.
    pub fn tamper(&self, change: impl Fn(&str, &mut SealedToken)) {
        for (name, (token, _)) in &mut self.state.lock().unwrap().tokens {
            change(name, token);
        }
    }

    /// The store clears away what it may: records that ran out.
    pub fn purge_expired(&self) {
        let now = self.time.now();
        let tokens = &mut self.state.lock().unwrap().tokens;
        tokens.retain(|_, (token, _)| now < token.until);
    }

    async fn call(&self) -> Result<(), PortError> {
        tokio::task::yield_now().await;
        self.state.lock().unwrap().calls += 1;
        if self.fails.load(Ordering::SeqCst) {
            return Err(PortError::new(
                FailureClass::Transient,
                ErrorCode::StoreFailed,
            ));
        }
        Ok(())
    }
}

impl Records for MemoryTokenStore {
    async fn load_record<T: Record>(&self, key: &T::Key) -> Result<Stored<T>, PortError> {
        self.call().await?;
        let now = self.time.now();
        let state = self.state.lock().unwrap();
        let found = state.tokens.get(&key.to_string());
        let revision = found.map_or(0, |(_, revision)| *revision);
        let valid = found.filter(|(token, _)| now < token.until);
        Ok(Stored {
            value: valid.map(|(token, _)| cast(token)).unwrap_or_default(),
            revision: Revision(revision),
        })
    }

    async fn swap_record<T: Record>(
        &self,
        key: &T::Key,
        record: &T,
        revision: Revision,
    ) -> Result<Swap<T>, PortError> {
        self.call().await?;
        let mut state = self.state.lock().unwrap();
        let name = key.to_string();
        if let Some((token, stored)) = state.tokens.get(&name)
            && *stored != revision.0
        {
            return Ok(Swap::Conflict(Stored {
                value: cast(token),
                revision: Revision(*stored),
            }));
        }
        let next = revision.0 + 1;
        state.tokens.insert(name, (cast(record), next));
        Ok(Swap::Stored(Revision(next)))
    }

    async fn active_records<T>(&self) -> Result<Vec<T::Key>, PortError>
    where
        T: Record<Key: FromStr + Sized>,
    {
        Ok(Vec::new())
    }
}

/// The record as its own type. This store holds tokens only.
fn cast<A: Any, B: Any + Clone>(record: &A) -> B {
    let record: &dyn Any = record;
    let record = record.downcast_ref::<B>();
    record.expect("the store holds tokens only").clone()
}

impl Leases for MemoryTokenStore {
    async fn acquire_lease(
        &self,
        name: &str,
        holder: &str,
        until: Timestamp,
    ) -> Result<LeaseOutcome, PortError> {
        self.call().await?;
        let late = self.late.lock().unwrap().take();
        if let Some(gate) = late {
            let _let_through = gate.acquire().await.expect("it is never closed");
        }
        let now = self.time.now();
        let mut state = self.state.lock().unwrap();
        if let Some((other, until)) = state.leases.get(name)
            && other != holder
            && now < *until
        {
            return Ok(LeaseOutcome::HeldByOther { until: *until });
        }
        let lease = (holder.to_owned(), until);
        state.leases.insert(name.to_owned(), lease);
        Ok(LeaseOutcome::Acquired)
    }

    async fn release_lease(&self, name: &str, holder: &str) -> Result<(), PortError> {
        self.call().await?;
        let mut state = self.state.lock().unwrap();
        state
            .leases
            .retain(|taken, (other, _)| taken != name || other != holder);
        Ok(())
    }
}

/// A vault with a current and, while a rotation is under way, a pending version. Clones share.
#[derive(Clone)]
pub struct TestVault(Arc<Mutex<Vec<(Stage, &'static str)>>>);

impl TestVault {
    /// Each stage with the client secret in it, which also names its version.
    pub fn of(versions: &[(Stage, &'static str)]) -> Self {
        Self(Arc::new(Mutex::new(versions.to_vec())))
    }

    /// Each stage anew.
    pub fn change_to(&self, versions: &[(Stage, &'static str)]) {
        *self.0.lock().unwrap() = versions.to_vec();
    }
}

impl Vault for TestVault {
    async fn describe(&self, _name: &str) -> Result<Option<SecretInfo>, VaultError> {
        Ok(None)
    }

    async fn read(&self, _name: &str, stage: Stage) -> Result<Option<SecretVersion>, VaultError> {
        tokio::task::yield_now().await;
        let versions = self.0.lock().unwrap();
        let found = versions.iter().find(|(held, _)| *held == stage);
        Ok(found.map(|(_, secret)| SecretVersion {
            version: (*secret).to_owned(),
            value: SecretFields::default()
                .with("halopsa_client_id", APPLICATION)
                .with("halopsa_client_secret", secret)
                .to_secret(),
        }))
    }

    async fn put(
        &self,
        _name: &str,
        _version: &str,
        _value: &SecretString,
        _stage: Stage,
    ) -> Result<(), VaultError> {
        unreachable!("no test stores a secret here")
    }

    async fn promote(&self, _name: &str, _version: &str) -> Result<(), VaultError> {
        unreachable!("no test promotes a secret here")
    }
}

/// HaloPSA, the store and the clock.
pub struct Harness {
    pub halo: HaloPsa,
    pub store: Arc<MemoryTokenStore>,
    pub time: TestClock,
    traffic: Arc<Mutex<TrafficLog>>,
}

/// What a client of the sample tenant is built from.
pub fn settings() -> HaloClientSettings {
    HaloClientSettings {
        resource_url: Url::parse("https://harbourstreet.halopsa.com/api").unwrap(),
        auth_url: Url::parse("https://harbourstreet.halopsa.com/auth").unwrap(),
        tenant: Some("harbourstreet".into()),
        credentials: Credentials {
            client_id: APPLICATION.into(),
            client_secret: SECRET.into(),
            idle_client_id: None,
        },
        scopes: SCOPES.into(),
    }
}

impl Harness {
    /// A tenant that counts no requests, and an empty store.
    pub fn new() -> Self {
        let hand = ManualClock::at_millis(BEGIN);
        let settings = SimHaloSettings {
            rate_limit: RateLimit {
                requests_max: usize::MAX,
                ..SimHaloSettings::default().rate_limit
            },
            ..SimHaloSettings::default()
        };
        let time = TestClock(hand.clone());
        Self {
            halo: HaloPsa::new(settings, Arc::new(hand), 7),
            store: Arc::new(MemoryTokenStore {
                time: time.clone(),
                fails: AtomicBool::new(false),
                late: Mutex::default(),
                state: Mutex::default(),
            }),
            time,
            traffic: Arc::default(),
        }
    }

    /// A cold client with its own way to HaloPSA.
    pub fn new_client(&self) -> Arc<TestClient> {
        self.client_with_settings(settings())
    }

    /// The same from other settings.
    pub fn client_with_settings(&self, settings: HaloClientSettings) -> Arc<TestClient> {
        Arc::new(self.client(settings, Semaphore::MAX_PERMITS).0)
    }

    /// The same, whose token requests are answered only when the semaphore lets them.
    pub fn slow_client(&self) -> (Arc<TestClient>, Arc<Semaphore>) {
        let (client, answers) = self.client(settings(), 0);
        (Arc::new(client), answers)
    }

    /// A cold client that takes its credential from `vault`.
    pub fn client_with_vault(&self, vault: &TestVault) -> Arc<TestClient> {
        let ring = CredentialCache::new(vault.clone(), self.time.clone(), "halopsa");
        let (client, _) = self.client(settings(), Semaphore::MAX_PERMITS);
        Arc::new(client.with_source(Arc::new(ring)))
    }

    /// This many cold clients.
    pub fn new_clients(&self, count: usize) -> Vec<Arc<TestClient>> {
        (0..count).map(|_| self.new_client()).collect()
    }

    /// A client that shares nothing.
    pub fn unshared_client(&self) -> TestClient {
        let line = self.line(Arc::new(Semaphore::new(Semaphore::MAX_PERMITS)));
        Client::new(settings(), line, UnlimitedBudget, self.time.clone())
    }

    fn client(&self, settings: HaloClientSettings, answers: usize) -> (TestClient, Arc<Semaphore>) {
        let answers = Arc::new(Semaphore::new(answers));
        let line = self.line(Arc::clone(&answers));
        let client = Client::new(settings, line, UnlimitedBudget, self.time.clone());
        let store: Arc<MemoryTokenStore> = Arc::clone(&self.store);
        (client.with_shared_tokens(store), answers)
    }

    fn line(&self, answers: Arc<Semaphore>) -> SimTransport {
        SimTransport {
            router: self.halo.router(),
            traffic: Arc::clone(&self.traffic),
            answers,
        }
    }

    /// Lets time pass.
    pub fn advance(&self, seconds: u64) {
        self.time.0.advance(Duration::from_secs(seconds));
    }

    /// Token requests so far, refused ones included.
    pub fn token_requests(&self) -> usize {
        self.traffic.lock().unwrap().token_answers.len()
    }

    /// The status of each answer to a token request so far.
    pub fn token_answers(&self) -> Vec<u16> {
        let traffic = self.traffic.lock().unwrap();
        let answers = traffic.token_answers.iter();
        answers.map(StatusCode::as_u16).collect()
    }

    /// Every token issued so far.
    pub fn issued(&self) -> Vec<String> {
        self.traffic.lock().unwrap().issued.clone()
    }

    /// The token of the latest call.
    pub fn used_last(&self) -> Option<String> {
        self.traffic.lock().unwrap().used_last.clone()
    }

    /// Calls so far that HaloPSA refused for their token.
    pub fn refused_calls(&self) -> usize {
        self.traffic.lock().unwrap().refused_calls
    }
}

/// The result of one call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Outcome {
    /// It was answered.
    Answered,
    /// It is to be made again in a moment.
    RetryLater,
    /// HaloPSA refused its token.
    Refused,
    /// The credential was refused.
    WrongCredential,
    /// HaloPSA failed.
    Failed,
}

/// One cheap call, as a look makes them.
pub async fn call(member: Arc<TestClient>) -> Outcome {
    match member.teams().await {
        Ok(_) => Outcome::Answered,
        Err(Error::TokenPending { .. }) => Outcome::RetryLater,
        Err(error) if error.is_wrong_credential() => Outcome::WrongCredential,
        Err(error) if error.status() == Some(StatusCode::UNAUTHORIZED) => Outcome::Refused,
        Err(Error::Status { .. } | Error::Credential(_)) => Outcome::Failed,
        Err(other) => panic!("a call ended with {other:?}"),
    }
}

/// One call of each member, all at once: how many ended how.
pub async fn call_concurrently(members: &[Arc<TestClient>]) -> BTreeMap<Outcome, usize> {
    let calls: Vec<_> = members
        .iter()
        .map(|member| tokio::spawn(call(Arc::clone(member))))
        .collect();
    let mut outcomes = BTreeMap::new();
    for call in calls {
        let outcome = call.await.expect("the call ends");
        *outcomes.entry(outcome).or_insert(0) += 1;
    }
    outcomes
}

/// Whether every call was answered.
pub fn all_answered(outcomes: &BTreeMap<Outcome, usize>) -> bool {
    outcomes.keys().all(|outcome| *outcome == Outcome::Answered)
}

//! A function on the embedded store, with both simulated vendors behind sockets and a clock moved by
//! hand.
#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "a test stops at what it did not expect, in its helpers too"
)]
#![allow(dead_code, reason = "each test file uses its part of it")]

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use aws_lambda_events::sqs::SqsMessage;
use halogard_app::budget::SharedBudget;
use halogard_app::ports::{
    Clock, Delivery, ErrorCode, Lane, Outgoing, PortError, Records as _, Revision, Stage,
    Unreadable, Vault as _, WorkQueue as _, WorkSink as _,
};
use halogard_domain::budget::{Ledger, Limit};
use halogard_domain::continuity::{Completeness, StoreContinuity};
use halogard_domain::ids::AlertId;
use halogard_domain::message::{Cause, Message};
use halogard_domain::record::Singleton;
use halogard_domain::{FailureClass, Policy, Timestamp};
use halogard_lambda::{
    AppliedConfig, Instance, Lanes, Platform, Reserves, Resources, SecretName, SetUpError,
    SetUpFault,
};
use halogard_runtime::settings::SettingValues;
use halogard_simulator::halopsa::ApiApplication;
use halogard_simulator::liongard::{AccessKeySpec, AlertSpec};
use halogard_simulator::{
    HaloPsa, Liongard, ManualClock, ServerHandle, SimClock, SimHaloSettings, SimLiongardSettings,
    World, serve_on_loopback,
};
use halogard_sqlite::{Store, StoreKey};
use secrecy::SecretString;
use tempfile::TempDir;

/// 2026-05-04T08:00:00Z.
pub const BEGIN: Timestamp = Timestamp::from_millis(1_777_881_600_000);

/// What the store seals secrets with.
const STORE_KEY: &str = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";

/// The client secret at HaloPSA.
pub const CLIENT_SECRET: &str = "planted-client-secret-7c1e";

/// How long a test hides what it receives.
pub const HIDDEN: Duration = Duration::from_secs(300);

/// The clock of a test. Clones share one hand.
#[derive(Clone, Debug)]
pub struct Time(ManualClock);

impl Time {
    /// Lets time pass.
    pub fn pass(&self, by: Duration) {
        self.0.advance(by);
    }
}

impl Clock for Time {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.0.now_millis())
    }
}

/// What a test changes while a function lives, and what it sees of it.
pub struct Controls {
    /// The config in force.
    pub applied: Mutex<Option<AppliedConfig>>,
    /// Receipts of records that cannot be taken over.
    pub broken: Mutex<BTreeSet<String>>,
    /// Whether not even the ground can be had.
    pub groundless: Mutex<bool>,
    /// The plain settings.
    pub settings: Mutex<BTreeMap<&'static str, String>>,
    /// What the request budget allows.
    pub limit: Mutex<Limit>,
    /// Polls in the minute of a sync cycle.
    pub polls_per_minute: AtomicU32,
}

/// The embedded store as a platform.
pub struct TestPlatform {
    store: Store<Time>,
    time: Time,
    controls: Arc<Controls>,
}

impl Platform for TestPlatform {
    type Store = Store<Time>;
    type Vault = Store<Time>;
    type Clock = Time;

    fn resources(&self) -> Result<Resources<Self>, SetUpError> {
        if *self.controls.groundless.lock().unwrap() {
            return Err(SetUpFault::Variable {
                variable: "HALOGARD_TABLE",
                remedy: "deploy the stack's template, which sets it",
            }
            .into());
        }
        let settings = self.controls.settings.lock().unwrap().clone();
        let secrets = ["HALOPSA_SECRET", "LIONGARD_SECRET"].map(|variable| SecretName {
            variable,
            name: variable.to_ascii_lowercase(),
        });
        Ok(Resources {
            store: self.store.clone(),
            vault: self.store.clone(),
            budget: SharedBudget::new(
                self.store.clone(),
                *self.controls.limit.lock().unwrap(),
                self.time.clone(),
            ),
            clock: self.time.clone(),
            settings: SettingValues::of(settings),
            secrets: secrets.to_vec(),
            lanes: Lanes::of(Lane::ALL.map(|lane| (lane, url(lane)))),
            polls_per_minute: self.controls.polls_per_minute.load(Ordering::SeqCst),
            inspector_min_interval: Duration::from_secs(60),
        })
    }

    async fn receive(
        &self,
        _store: &Store<Time>,
        _lane: Lane,
        record: SqsMessage,
    ) -> Result<Option<Delivery>, PortError> {
        let receipt = record.receipt_handle.unwrap_or_default();
        if self.controls.broken.lock().unwrap().contains(&receipt) {
            return Err(PortError::new(
                FailureClass::Transient,
                ErrorCode::StoreFailed,
            ));
        }
        let body = record.body.unwrap_or_default();
        let number = |name: &str| {
            record
                .attributes
                .get(name)
                .and_then(|text| text.parse().ok())
        };
        let message = serde_json::from_str(&body).map_err(|error| Unreadable {
            reason: error.to_string(),
            body,
        });
        Ok(Some(Delivery {
            message,
            receipt,
            receive_count: number("ApproximateReceiveCount").unwrap_or(1),
            sent_at: BEGIN,
        }))
    }

    async fn applied_config(
        &self,
        _store: &Store<Time>,
    ) -> Result<Option<AppliedConfig>, PortError> {
        Ok(self.controls.applied.lock().unwrap().clone())
    }
}

/// The address of a lane's queue.
fn url(lane: Lane) -> &'static str {
    match lane {
        Lane::Urgent => "https://sqs.us-east-1.amazonaws.com/123456789012/halogard-urgent",
        Lane::Bulk => "https://sqs.us-east-1.amazonaws.com/123456789012/halogard-bulk",
        Lane::Runs => "https://sqs.us-east-1.amazonaws.com/123456789012/halogard-runs",
    }
}

/// The same queue as an event names it.
pub fn arn(lane: Lane) -> String {
    format!(
        "arn:aws:sqs:us-east-1:123456789012:halogard-{}",
        lane.name()
    )
}

/// Both vendors, the store and the clock.
pub struct Bench {
    /// The simulated HaloPSA.
    pub halo: HaloPsa,
    /// The simulated Liongard.
    pub liongard: Liongard,
    /// Everything that is kept.
    pub store: Store<Time>,
    /// The one clock.
    pub time: Time,
    /// What the test changes and sees.
    pub controls: Arc<Controls>,
    _servers: [ServerHandle; 2],
    _folder: TempDir,
}

impl Bench {
    /// Both vendors with six customers, all of them mapped; secrets stored, the config applied.
    pub async fn new() -> Self {
        let time = Time(ManualClock::at_millis(BEGIN.as_millis()));
        let hand: Arc<dyn SimClock> = Arc::new(time.0.clone());
        let world = World::sample(6);
        let application = ApiApplication {
            client_secret: CLIENT_SECRET.to_owned(),
            ..ApiApplication::sample()
        };
        let key = AccessKeySpec::sample();
        let halo_settings = SimHaloSettings {
            world: world.clone(),
            applications: vec![application.clone()],
            ..SimHaloSettings::default()
        };
        let tenant = halo_settings.tenant.clone();
        let policy = policy(&world);
        let halo = HaloPsa::new(halo_settings, Arc::clone(&hand), 1);
        let liongard_settings = SimLiongardSettings {
            world,
            access_keys: vec![key.clone()],
            ..SimLiongardSettings::default()
        };
        let liongard = Liongard::new(liongard_settings, hand, 1);
        liongard.connect(halo.clone());
        let servers = [
            serve_on_loopback(halo.router()).await.unwrap(),
            serve_on_loopback(liongard.router()).await.unwrap(),
        ];
        let folder = tempfile::tempdir().unwrap();
        let store_key = StoreKey::from_text(STORE_KEY).unwrap();
        let path = folder.path().join("halogard.db");
        let store = Store::open(&path, store_key, time.clone()).unwrap();
        let mut settings = BTreeMap::from([
            ("HALOPSA_RESOURCE_URL", servers[0].base_url()),
            ("LIONGARD_URL", servers[1].base_url()),
        ]);
        settings.extend(tenant.map(|tenant| ("HALOPSA_TENANT", tenant)));
        let bench = Self {
            halo,
            liongard,
            store: store.clone(),
            time,
            controls: Arc::new(Controls {
                applied: Mutex::new(Some(AppliedConfig {
                    revision: 1,
                    policy,
                })),
                broken: Mutex::default(),
                groundless: Mutex::new(false),
                settings: Mutex::new(settings),
                limit: Mutex::new(Limit::DEFAULT),
                polls_per_minute: AtomicU32::new(1),
            }),
            _servers: servers,
            _folder: folder,
        };
        bench
            .store_halo_secret("v1", &application.client_id, CLIENT_SECRET)
            .await;
        let liongard_secret = serde_json::json!({
            "liongard_access_key_id": key.id,
            "liongard_access_key_secret": key.secret,
            "strategy": "liongard_keys",
        });
        bench
            .store_secret("liongard_secret", "v1", &liongard_secret.to_string())
            .await;
        bench.know_everything().await;
        bench
    }

    /// Records that a sweep has shown that the store knows every ticket of ours.
    async fn know_everything(&self) {
        let continuity = StoreContinuity {
            began_at: BEGIN,
            seen_at: BEGIN,
            completeness: Completeness::Current,
            is_new: false,
            ..StoreContinuity::default()
        };
        let saved = self
            .store
            .save_record(&Singleton, &continuity, Revision::default());
        saved.await.unwrap();
    }

    /// Makes this the client secret in use.
    pub async fn store_halo_secret(&self, version: &str, client_id: &str, client_secret: &str) {
        let secret = serde_json::json!({
            "halopsa_client_id": client_id,
            "halopsa_client_secret": client_secret,
        });
        self.store_secret("halopsa_secret", version, &secret.to_string())
            .await;
    }

    /// Makes `value` the current one of a secret.
    pub async fn store_secret(&self, name: &str, version: &str, value: &str) {
        let value = SecretString::from(value);
        self.store
            .put(name, version, &value, Stage::Current)
            .await
            .unwrap();
    }

    /// A new instance of a function.
    pub fn instance(&self) -> Instance<TestPlatform> {
        self.instance_with(Reserves::default())
    }

    /// The same with other spans of time.
    pub fn instance_with(&self, reserves: Reserves) -> Instance<TestPlatform> {
        let local = TestPlatform {
            store: self.store.clone(),
            time: self.time.clone(),
            controls: Arc::clone(&self.controls),
        };
        Instance::with(local, reserves)
    }

    /// The end of an invocation that begins now and has this long.
    pub fn deadline(&self, seconds: u64) -> Timestamp {
        self.time.now().plus(Duration::from_secs(seconds))
    }

    /// Raises an alert in Liongard, and says what a poll would queue for it.
    pub fn alert(&self) -> Message {
        let spec = AlertSpec::new(8801, "Domain Admins changed", "a member was added");
        let id = self.liongard.raise(&spec).unwrap();
        let id = u64::try_from(id).unwrap();
        Message::reconcile_alert(AlertId::new(id), Cause::Poll)
    }

    /// Puts messages on a lane and receives them, as the event source does.
    pub async fn event(&self, lane: Lane, messages: Vec<Message>) -> Vec<SqsMessage> {
        let outgoing: Vec<Outgoing> = messages.into_iter().map(Outgoing::from).collect();
        self.store.send(lane, &outgoing).await.unwrap();
        self.receive(lane).await
    }

    /// Receives what waits on a lane, as the event source does.
    pub async fn receive(&self, lane: Lane) -> Vec<SqsMessage> {
        let received = self.store.receive(lane, 1000, HIDDEN).await.unwrap();
        received
            .iter()
            .map(|delivery| record(lane, delivery))
            .collect()
    }

    /// Requests of the budget that are in use or leased.
    pub async fn budget_in_use(&self) -> usize {
        let ledger = self
            .store
            .load_record::<Ledger>(&Singleton)
            .await
            .unwrap()
            .value;
        ledger.in_use(self.time.now())
    }

    /// Requests HaloPSA has seen.
    pub fn halo_requests(&self) -> u64 {
        self.halo.faults().requests_seen()
    }

    /// Requests Liongard has seen.
    pub fn liongard_requests(&self) -> u64 {
        self.liongard.faults().requests_seen()
    }
}

/// A delivery as an event holds it.
pub fn record(lane: Lane, delivery: &Delivery) -> SqsMessage {
    let mut record = SqsMessage::default();
    record.message_id = Some(format!("message {}", delivery.receipt));
    record.receipt_handle = Some(delivery.receipt.clone());
    record.event_source_arn = Some(arn(lane));
    record.body = delivery
        .message
        .as_ref()
        .ok()
        .map(|message| serde_json::to_string(message).unwrap());
    let count = delivery.receive_count.to_string();
    record
        .attributes
        .insert("ApproximateReceiveCount".to_owned(), count);
    record
}

/// Ids of the records that an answer lists.
pub fn listed(answer: &aws_lambda_events::sqs::SqsBatchResponse) -> Vec<&str> {
    let failures = answer.batch_item_failures.iter();
    failures
        .map(|failure| failure.item_identifier.as_str())
        .collect()
}

/// A config that maps every customer.
fn policy(world: &World) -> Policy {
    let text = world.config_text("managed", "", &BTreeSet::new());
    halogard_config::parse("the test's config", &text)
        .unwrap()
        .policy
}

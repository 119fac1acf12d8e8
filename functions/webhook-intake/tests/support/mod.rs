//! Stand-ins for the ports, and sample events.
#![allow(dead_code, reason = "each test uses a part of it")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use halogard_app::ports::{Clock, ErrorCode, Lane, Outgoing, PortError, Stage, WorkSink};
use halogard_credentials::webhook_auth::{Authenticator, SecretReader};
use halogard_domain::{FailureClass, Message, Timestamp};
use hmac::{Hmac, KeyInit, Mac};
use secrecy::SecretString;
use serde_json::{Value, json};
use sha2::Sha256;
use webhook_intake::{Event, Intake};

/// The path token in the samples.
pub const TOKEN: &str = "an-example-token-of-32-characters";

/// The key that the samples are signed with.
pub const KEY: &str = "an-example-secret-for-signatures";

/// How long the tests use a secret that was read.
pub const TTL: Duration = Duration::from_secs(300);

/// The secret that accepts the samples.
pub fn samples_secret() -> Value {
    json!({
        "halopsa_webhook_token": TOKEN,
        "halopsa_webhook_secret": KEY,
        "halopsa_webhook_username": "halo",
        "halopsa_webhook_password": "an-example-password",
        "halopsa_webhook_bearer": "an-example-bearer-token",
        "halopsa_webhook_api_key": "an-example-api-key",
        "strategy": "webhook",
    })
}

/// A clock that the test moves.
#[derive(Clone)]
pub struct Hand(Arc<AtomicI64>);

impl Default for Hand {
    /// 2026-11-21T16:00:00Z.
    fn default() -> Self {
        Self(Arc::new(AtomicI64::new(1_795_276_800_000)))
    }
}

impl Hand {
    pub fn pass(&self, time: Duration) {
        let millis = i64::try_from(time.as_millis()).unwrap();
        self.0.fetch_add(millis, Ordering::SeqCst);
    }
}

impl Clock for Hand {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.0.load(Ordering::SeqCst))
    }
}

/// A vault with one secret that can fail.
#[derive(Clone, Default)]
pub struct Vault {
    pub versions: Arc<Mutex<BTreeMap<Stage, String>>>,
    pub reads: Arc<AtomicUsize>,
    pub broken: Arc<AtomicBool>,
}

impl Vault {
    pub fn with(stage: Stage, secret: &Value) -> Self {
        let vault = Self::default();
        vault.put(stage, secret);
        vault
    }

    pub fn put(&self, stage: Stage, secret: &Value) {
        self.versions
            .lock()
            .unwrap()
            .insert(stage, secret.to_string());
    }

    pub fn take(&self, stage: Stage) {
        self.versions.lock().unwrap().remove(&stage);
    }

    /// How often the current version was read since the last call.
    pub fn reads(&self) -> usize {
        self.reads.swap(0, Ordering::SeqCst)
    }

    pub fn breaks(&self, broken: bool) {
        self.broken.store(broken, Ordering::SeqCst);
    }
}

impl SecretReader for Vault {
    async fn read(&self, stage: Stage) -> Result<Option<SecretString>, PortError> {
        if stage == Stage::Current {
            self.reads.fetch_add(1, Ordering::SeqCst);
        }
        tokio::task::yield_now().await;
        if self.broken.load(Ordering::SeqCst) {
            return Err(PortError::new(
                FailureClass::Transient,
                ErrorCode::SecretUnavailable,
            ));
        }
        let versions = self.versions.lock().unwrap();
        Ok(versions.get(&stage).cloned().map(SecretString::from))
    }
}

/// Queues in memory that can fail.
#[derive(Clone, Default)]
pub struct Queues {
    pub sent: Arc<Mutex<Vec<(Lane, Message)>>>,
    pub broken: Arc<AtomicBool>,
}

impl Queues {
    pub fn taken(&self) -> Vec<(Lane, Message)> {
        std::mem::take(&mut self.sent.lock().unwrap())
    }
}

impl WorkSink for Queues {
    async fn send(&self, lane: Lane, messages: &[Outgoing]) -> Result<(), PortError> {
        if self.broken.load(Ordering::SeqCst) {
            return Err(PortError::new(
                FailureClass::Transient,
                ErrorCode::QueueUnavailable,
            ));
        }
        let mut sent = self.sent.lock().unwrap();
        sent.extend(messages.iter().map(|one| (lane, one.message.clone())));
        Ok(())
    }
}

/// The function with its stand-ins.
pub struct Bench {
    pub intake: Intake<Queues, Vault, Hand>,
    pub queues: Queues,
    pub vault: Vault,
    pub clock: Hand,
}

impl Bench {
    pub fn with(vault: Vault) -> Self {
        let (queues, clock) = (Queues::default(), Hand::default());
        let authenticator = Authenticator::new(vault.clone(), clock.clone(), TTL);
        Self {
            intake: Intake::new(queues.clone(), authenticator, clock.clone(), |_, _| {}),
            queues,
            vault,
            clock,
        }
    }

    /// The status and body of the response to `event`.
    pub async fn answer(&self, event: &Value) -> (u16, &'static str) {
        let event: Event = serde_json::from_value(event.clone()).unwrap();
        let reply = self.intake.answer(&event).await;
        (reply.status_code, reply.body)
    }
}

impl Default for Bench {
    /// With the secret that accepts the samples.
    fn default() -> Self {
        Self::with(Vault::with(Stage::Current, &samples_secret()))
    }
}

/// The base64 of the body's HMAC under `key`.
pub fn signature(key: &str, body: &[u8]) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(key.as_bytes()).unwrap();
    mac.update(body);
    STANDARD.encode(mac.finalize().into_bytes())
}

/// A delivery of HaloPSA with `body`, to `token`, signed with `key`.
pub fn delivery(token: &str, key: &str, body: &str) -> Value {
    json!({
        "version": "2.0",
        "rawPath": format!("/webhooks/halopsa/{token}"),
        "headers": {"x-halo-signature": signature(key, body.as_bytes())},
        "requestContext": {"http": {"method": "POST"}},
        "body": body,
        "isBase64Encoded": false,
    })
}

/// The folder of samples.
pub fn events() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../events")
}

/// The sample `lambda/{name}.json`.
pub fn sample(name: &str) -> Value {
    let file = events().join("lambda").join(format!("{name}.json"));
    serde_json::from_str(&std::fs::read_to_string(file).unwrap()).unwrap()
}

//! The store of a `serve`, opened beside it as a command does.

use std::path::Path;

use halogard_app::ports::{
    Clock as _, Lane, Outgoing, Stage, Vault as _, WorkQueue as _, WorkSink as _,
};
use halogard_credentials::SecretFields;
use halogard_domain::Message;
use halogard_domain::ids::AlertId;
use halogard_domain::message::Cause;
use halogard_runtime::SystemClock;
use halogard_sqlite::{Store, StoreKey};
use secrecy::ExposeSecret as _;
use serde_json::{Value, json};

/// Milliseconds of an hour.
pub const HOUR_MS: i64 = 3_600_000;

/// The time, in milliseconds since 1970.
pub fn now_ms() -> i64 {
    SystemClock.now().as_millis()
}

/// The store in a data folder, whether a `serve` runs on it or not.
pub struct LocalVault {
    store: Store<SystemClock>,
    runtime: tokio::runtime::Runtime,
}

impl LocalVault {
    /// Opens it; the folder is made where there is none.
    #[track_caller]
    pub fn open(folder: &Path) -> Self {
        std::fs::create_dir_all(folder).unwrap();
        let key = StoreKey::load_or_create(&folder.join("halogard.key")).unwrap();
        let store = Store::open_or_create(&folder.join("halogard.db"), key, SystemClock).unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .unwrap();
        Self { store, runtime }
    }

    /// Stores `value` as the current version; the one before becomes the previous one.
    #[track_caller]
    pub fn put(&self, name: &str, version: &str, value: &Value) {
        let value = value.to_string().into();
        let put = self.store.put(name, version, &value, Stage::Current);
        self.runtime.block_on(put).unwrap();
    }

    /// Queues an alert to be reconciled.
    #[track_caller]
    pub fn queue_alert(&self, alert: i64) {
        let alert = AlertId::new(alert.try_into().unwrap());
        let message = Message::reconcile_alert(alert, Cause::Poll);
        let messages = [Outgoing::from(message)];
        let sent = self.store.send(Lane::Urgent, &messages);
        self.runtime.block_on(sent).unwrap();
    }

    /// How many messages wait or are in flight.
    #[track_caller]
    pub fn queued(&self) -> u64 {
        let depth = self.store.depth(Lane::Urgent);
        self.runtime.block_on(depth).unwrap()
    }

    /// A version's members.
    #[track_caller]
    pub fn members(&self, name: &str, stage: Stage) -> Option<Value> {
        let read = halogard_app::ports::Vault::read(&self.store, name, stage);
        let found = self.runtime.block_on(read).unwrap()?;
        let text = found.value.expose_secret();
        assert!(SecretFields::parse(&found.value).is_ok());
        Some(serde_json::from_str(text).unwrap())
    }
}

/// A key for Liongard, as a secret.
pub fn key(id: &str, secret: &str) -> Value {
    json!({
        "strategy": "liongard-access-key",
        "liongard_access_key_id": id,
        "liongard_access_key_secret": secret,
    })
}

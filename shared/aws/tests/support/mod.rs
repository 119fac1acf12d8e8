//! A table of its own for each test, and a server between us and it that misbehaves on order.
#![allow(dead_code, reason = "each test file uses its part")]
#![allow(unused_imports, reason = "each test file uses its part")]
#![allow(
    clippy::unwrap_used,
    reason = "a test stops at what it did not expect, in its helpers too"
)]

mod fault_proxy;

use std::time::Duration;

use aws_sdk_dynamodb::types::{
    AttributeDefinition, BillingMode, KeySchemaElement, KeyType, ScalarAttributeType,
    TimeToLiveSpecification,
};
use halogard_app::ports::Clock as _;
use halogard_aws::{AwsSettings, Store, StoreNames};
use halogard_conformance::{ManualClock, StoreFixture, TimeSource};
use halogard_domain::Timestamp;
use halogard_emulator::{Emulator, REGION, SECRET_ACCESS_KEY};

pub use fault_proxy::{Fault, FaultProxy};

/// An item as the table holds it.
pub type Item = std::collections::HashMap<String, aws_sdk_dynamodb::types::AttributeValue>;

/// The table's name in every account.
pub const TABLE: &str = "halogard";

/// A store on a table of its own.
pub struct DynamoDbFixture {
    pub account: String,
    pub endpoint: String,
    pub clock: ManualClock,
    store: Store<ManualClock>,
}

impl DynamoDbFixture {
    /// An empty table in an unused account.
    pub async fn new() -> Self {
        let emulator = Emulator::shared().await;
        let account = emulator.account();
        let endpoint = emulator.endpoint().to_string();
        create_table(&client(&account, &endpoint)).await;
        Self::open(account, endpoint, ManualClock::default())
    }

    fn open(account: String, endpoint: String, clock: ManualClock) -> Self {
        let store = store(&account, &endpoint, clock.clone());
        Self {
            account,
            endpoint,
            clock,
            store,
        }
    }

    /// The table without a store in front of it.
    pub fn dynamodb(&self) -> aws_sdk_dynamodb::Client {
        client(&self.account, &self.endpoint)
    }

    /// Every item of the table.
    pub async fn everything(&self) -> Vec<Item> {
        let scan = self.dynamodb().scan().table_name(TABLE).send();
        scan.await.unwrap().items.unwrap_or_default()
    }

    /// Another store on the same table that speaks through a server that misbehaves on order.
    pub async fn through(&self) -> (Store<ManualClock>, FaultProxy) {
        let proxy = FaultProxy::start(&self.endpoint).await;
        let store = store(&self.account, &proxy.endpoint(), self.clock.clone());
        (store, proxy)
    }
}

impl StoreFixture for DynamoDbFixture {
    type Store = Store<ManualClock>;

    const TIME_SOURCE: TimeSource = TimeSource::Manual;

    async fn fresh() -> Self {
        Self::new().await
    }

    fn store(&self) -> Self::Store {
        self.store.clone()
    }

    async fn reopen(self) -> Self {
        drop(self.store);
        Self::open(self.account, self.endpoint, self.clock)
    }

    fn now(&self) -> Timestamp {
        self.clock.now()
    }

    async fn advance(&self, by: Duration) {
        self.clock.advance(by);
    }
}

/// How `account` is reached at `endpoint`.
pub fn access(account: &str, endpoint: &str) -> AwsSettings {
    AwsSettings::read(|name| {
        let value = match name {
            "AWS_REGION" => REGION,
            "AWS_ACCESS_KEY_ID" => account,
            "AWS_SECRET_ACCESS_KEY" => SECRET_ACCESS_KEY,
            "AWS_ENDPOINT_URL" => endpoint,
            _ => return None,
        };
        Some(value.to_owned())
    })
    .unwrap()
}

fn client(account: &str, endpoint: &str) -> aws_sdk_dynamodb::Client {
    aws_sdk_dynamodb::Client::new(&access(account, endpoint).sdk_config())
}

/// A store of `account` at `endpoint`.
pub fn store(account: &str, endpoint: &str, clock: ManualClock) -> Store<ManualClock> {
    let names = StoreNames {
        table: TABLE.to_owned(),
        ..StoreNames::default()
    };
    Store::new(&access(account, endpoint).sdk_config(), names, clock)
}

/// Creates the table as the template does.
async fn create_table(client: &aws_sdk_dynamodb::Client) {
    let mut table = client
        .create_table()
        .table_name(TABLE)
        .billing_mode(BillingMode::PayPerRequest);
    for (name, key_type) in [("pk", KeyType::Hash), ("sk", KeyType::Range)] {
        let attribute = AttributeDefinition::builder()
            .attribute_name(name)
            .attribute_type(ScalarAttributeType::S);
        let key = KeySchemaElement::builder()
            .attribute_name(name)
            .key_type(key_type);
        table = table
            .attribute_definitions(attribute.build().unwrap())
            .key_schema(key.build().unwrap());
    }
    table.send().await.unwrap();
    let expiry = TimeToLiveSpecification::builder()
        .attribute_name("expires")
        .enabled(true);
    client
        .update_time_to_live()
        .table_name(TABLE)
        .time_to_live_specification(expiry.build().unwrap())
        .send()
        .await
        .unwrap();
}

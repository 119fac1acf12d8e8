//! Secrets through the real SDK: against a Secrets Manager as strict as its reference, and against the
//! emulator for what that does right.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod faults;
mod on_emulator;
mod strict;

use std::time::Duration;

use aws_types::SdkConfig;
use halogard_app::ports::Clock as _;
use halogard_aws::{AwsSettings, SecretsManager};
use halogard_conformance::{ManualClock, StoreFixture, TimeSource, VaultFixture, suite};
use halogard_domain::Timestamp;
use halogard_emulator::{REGION, SECRET_ACCESS_KEY, StrictSecretsManager};

/// The secrets that cases write to. As on AWS they are made beforehand, without a value.
const NAMES: [&str; 2] = ["halogard/halopsa", "halogard/liongard"];

/// How the service at `endpoint` is reached as `account`.
fn config(account: &str, endpoint: &str) -> SdkConfig {
    let access = AwsSettings::read(|name| match name {
        "AWS_REGION" => Some(REGION.to_owned()),
        "AWS_ACCESS_KEY_ID" => Some(account.to_owned()),
        "AWS_SECRET_ACCESS_KEY" => Some(SECRET_ACCESS_KEY.to_owned()),
        "AWS_ENDPOINT_URL" => Some(endpoint.to_owned()),
        _ => None,
    });
    access.unwrap().sdk_config()
}

/// A strict Secrets Manager of the case's own.
struct SecretsManagerFixture {
    service: StrictSecretsManager,
    vault: SecretsManager,
    client: aws_sdk_secretsmanager::Client,
    clock: ManualClock,
}

impl SecretsManagerFixture {
    fn at(service: StrictSecretsManager) -> Self {
        let config = config("000000000000", &service.endpoint());
        Self {
            vault: SecretsManager::new(&config),
            client: aws_sdk_secretsmanager::Client::new(&config),
            clock: ManualClock::default(),
            service,
        }
    }
}

impl StoreFixture for SecretsManagerFixture {
    type Store = SecretsManager;

    const TIME_SOURCE: TimeSource = TimeSource::Manual;

    async fn fresh() -> Self {
        let fixture = Self::at(StrictSecretsManager::start().await.unwrap());
        for name in NAMES {
            fixture
                .client
                .create_secret()
                .name(name)
                .send()
                .await
                .unwrap();
        }
        fixture
    }

    fn store(&self) -> Self::Store {
        self.vault.clone()
    }

    async fn reopen(self) -> Self {
        Self::at(self.service.again().await.unwrap())
    }

    fn now(&self) -> Timestamp {
        self.clock.now()
    }

    async fn advance(&self, by: Duration) {
        self.clock.advance(by);
    }
}

impl VaultFixture for SecretsManagerFixture {
    fn at_rest(&self) -> Option<Vec<u8>> {
        None
    }
}

suite!(SecretsManagerFixture: vault);

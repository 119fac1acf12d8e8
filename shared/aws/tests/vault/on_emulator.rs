//! What the emulator's Secrets Manager does right, so that functions deployed there find their
//! secrets. Tokens it does not check: those rules are tried against the strict one.

use halogard_app::ports::{Stage, Vault as _, VaultError};
use halogard_aws::SecretsManager;
use halogard_emulator::Emulator;
use secrecy::{ExposeSecret as _, SecretString};

use super::{NAMES, config};

const B: &str = "bbbbbbbb-0000-4000-8000-000000000000";

/// A vault in an account of its own, with one secret.
async fn vault() -> SecretsManager {
    let emulator = Emulator::shared().await;
    let config = config(&emulator.account(), &emulator.endpoint());
    let client = aws_sdk_secretsmanager::Client::new(&config);
    let made = client.create_secret().name(NAMES[0]).secret_string("first");
    made.send().await.unwrap();
    SecretsManager::new(&config)
}

/// The value in `stage`.
async fn value(vault: &SecretsManager, stage: Stage) -> Option<String> {
    let found = vault.read(NAMES[0], stage).await.unwrap();
    found.map(|found| found.value.expose_secret().to_owned())
}

#[tokio::test]
async fn a_value_is_put_promoted_and_read_by_its_stage() {
    let vault = vault().await;
    let second = SecretString::from("second");
    vault
        .put(NAMES[0], B, &second, Stage::Pending)
        .await
        .unwrap();
    assert_eq!(
        value(&vault, Stage::Current).await.as_deref(),
        Some("first")
    );
    assert_eq!(
        value(&vault, Stage::Pending).await.as_deref(),
        Some("second")
    );

    vault.promote(NAMES[0], B).await.unwrap();

    assert_eq!(
        value(&vault, Stage::Current).await.as_deref(),
        Some("second")
    );
    assert_eq!(
        value(&vault, Stage::Previous).await.as_deref(),
        Some("first")
    );
    assert_eq!(value(&vault, Stage::Pending).await, None);
    let info = vault.describe(NAMES[0]).await.unwrap().unwrap();
    assert_eq!(info.versions[B], [Stage::Current].into());
    assert!(!info.rotates);
}

#[tokio::test]
async fn what_is_not_there_is_not_there() {
    let vault = vault().await;
    assert!(
        vault
            .read("halogard/unknown", Stage::Current)
            .await
            .unwrap()
            .is_none()
    );
    assert!(vault.describe("halogard/unknown").await.unwrap().is_none());
    assert_eq!(value(&vault, Stage::Previous).await, None);
    let promoted = vault.promote(NAMES[0], B).await;
    assert!(matches!(promoted, Err(VaultError::NoSuchVersion { .. })));
}

//! What the emulator's Secrets Manager does right, so that functions deployed there find their
//! secrets and rotate them. Everything else is tried against the strict one.

use aws_sdk_secretsmanager::error::ProvideErrorMetadata as _;
use halogard_app::ports::{Stage, Vault as _, VaultError};
use halogard_aws::SecretsManager;
use halogard_emulator::Emulator;
use secrecy::{ExposeSecret as _, SecretString};

use super::{NAMES, config};

const B: &str = "bbbbbbbb-0000-4000-8000-000000000000";
const C: &str = "cccccccc-0000-4000-8000-000000000000";

/// A vault in an account of its own, with one secret; and calls beside it.
async fn fixture() -> (SecretsManager, aws_sdk_secretsmanager::Client) {
    let emulator = Emulator::shared().await;
    let config = config(&emulator.account(), &emulator.endpoint());
    let client = aws_sdk_secretsmanager::Client::new(&config);
    let made = client.create_secret().name(NAMES[0]).secret_string("first");
    made.send().await.unwrap();
    (SecretsManager::new(&config), client)
}

/// The vault alone.
async fn vault() -> SecretsManager {
    fixture().await.0
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

#[tokio::test]
async fn a_rotation_is_announced_without_a_value_and_a_version_is_made_once() {
    let (vault, client) = fixture().await;
    let rotate = |version: &'static str, function: Option<&str>| {
        let call = client.rotate_secret().secret_id(NAMES[0]);
        let call = call.set_rotation_lambda_arn(function.map(str::to_owned));
        call.client_request_token(version).send()
    };
    let aimless = rotate(B, None).await.unwrap_err();
    assert_eq!(aimless.code(), Some("InvalidRequestException"));
    let function = "arn:aws:lambda:us-east-1:000000000000:function:rotation";
    rotate(B, Some(function)).await.unwrap();
    rotate(B, None).await.unwrap();

    let info = vault.describe(NAMES[0]).await.unwrap().unwrap();
    assert!(info.rotates);
    assert_eq!(info.versions[B], [Stage::Pending].into());
    assert_eq!(value(&vault, Stage::Pending).await, None, "announced only");
    let current = value(&vault, Stage::Current).await;
    assert_eq!(current.as_deref(), Some("first"));
    let second = rotate(C, None).await.unwrap_err();
    assert_eq!(second.code(), Some("InvalidRequestException"));

    let put = async |value: &str, version: &str| {
        let value = SecretString::from(value);
        vault.put(NAMES[0], version, &value, Stage::Pending).await
    };
    put("second", B).await.unwrap();
    put("second", B).await.unwrap();
    let other = put("another", B).await;
    assert!(matches!(other, Err(VaultError::VersionTaken { .. })));
    put("third", C).await.unwrap();
    let info = vault.describe(NAMES[0]).await.unwrap().unwrap();
    assert!(
        !info.versions.contains_key(B),
        "the label is on one version at a time: {info:?}"
    );
    assert_eq!(info.versions[C], [Stage::Pending].into());
}

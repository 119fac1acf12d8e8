//! The stand-in refuses what the API reference says the service refuses.

use aws_sdk_secretsmanager::error::ProvideErrorMetadata as _;
use halogard_app::ports::{Stage, Vault as _, VaultError};
use halogard_conformance::StoreFixture as _;
use halogard_domain::FailureClass;
use secrecy::SecretString;

use super::{NAMES, SecretsManagerFixture};

const A: &str = "aaaaaaaa-0000-4000-8000-000000000000";
const B: &str = "bbbbbbbb-0000-4000-8000-000000000000";
const C: &str = "cccccccc-0000-4000-8000-000000000000";

/// Puts the version's own name as its value, with `label`.
async fn put(fixture: &SecretsManagerFixture, version: &str, label: &str) {
    let call = fixture.client.put_secret_value().secret_id(NAMES[0]);
    let call = call.client_request_token(version).secret_string(version);
    call.version_stages(label).send().await.unwrap();
}

/// The labels of each version, "version: label label", in order.
async fn labels(fixture: &SecretsManagerFixture) -> Vec<String> {
    let described = fixture.client.describe_secret().secret_id(NAMES[0]).send();
    let all = described.await.unwrap().version_ids_to_stages;
    let lines = all
        .unwrap_or_default()
        .into_iter()
        .map(|(version, mut labels)| {
            labels.sort();
            format!("{}: {}", &version[..1], labels.join(" "))
        });
    let mut lines: Vec<_> = lines.collect();
    lines.sort();
    lines
}

/// Moves `label`; the code of the refusal, or nothing.
async fn moved(
    fixture: &SecretsManagerFixture,
    label: &str,
    from: Option<&str>,
    to: Option<&str>,
) -> Option<String> {
    let call = fixture
        .client
        .update_secret_version_stage()
        .secret_id(NAMES[0]);
    let call = call
        .version_stage(label)
        .set_remove_from_version_id(from.map(str::to_owned));
    let outcome = call
        .set_move_to_version_id(to.map(str::to_owned))
        .send()
        .await;
    outcome
        .err()
        .and_then(|error| error.code().map(str::to_owned))
}

#[tokio::test]
async fn the_first_version_is_current_whatever_label_it_was_put_with() {
    let fixture = SecretsManagerFixture::fresh().await;
    put(&fixture, A, "AWSPENDING").await;
    assert_eq!(labels(&fixture).await, ["a: AWSCURRENT AWSPENDING"]);
    // Promoting it therefore only takes the other label off.
    fixture.vault.promote(NAMES[0], A).await.unwrap();
    assert_eq!(labels(&fixture).await, ["a: AWSCURRENT"]);
}

#[tokio::test]
async fn a_label_moves_to_the_version_it_is_put_with_and_current_leaves_previous_behind() {
    let fixture = SecretsManagerFixture::fresh().await;
    put(&fixture, A, "AWSCURRENT").await;
    put(&fixture, B, "AWSCURRENT").await;
    assert_eq!(labels(&fixture).await, ["a: AWSPREVIOUS", "b: AWSCURRENT"]);
    put(&fixture, C, "AWSCURRENT").await;
    assert_eq!(labels(&fixture).await, ["b: AWSPREVIOUS", "c: AWSCURRENT"]);
}

#[tokio::test]
async fn a_label_on_another_version_moves_only_if_that_version_is_named() {
    let fixture = SecretsManagerFixture::fresh().await;
    put(&fixture, A, "AWSCURRENT").await;
    put(&fixture, B, "AWSPENDING").await;
    let invalid = Some("InvalidParameterException".to_owned());

    assert_eq!(moved(&fixture, "AWSCURRENT", None, Some(B)).await, invalid);
    assert_eq!(
        moved(&fixture, "AWSCURRENT", Some(B), Some(B)).await,
        invalid
    );
    assert_eq!(moved(&fixture, "AWSCURRENT", Some(A), None).await, invalid);
    assert_eq!(moved(&fixture, "AWSPENDING", None, None).await, invalid);
    let missing = Some("ResourceNotFoundException".to_owned());
    assert_eq!(
        moved(&fixture, "AWSCURRENT", Some(A), Some(C)).await,
        missing
    );
    assert_eq!(labels(&fixture).await, ["a: AWSCURRENT", "b: AWSPENDING"]);

    assert_eq!(moved(&fixture, "AWSCURRENT", Some(A), Some(B)).await, None);
    assert_eq!(
        labels(&fixture).await,
        ["a: AWSPREVIOUS", "b: AWSCURRENT AWSPENDING"]
    );
}

#[tokio::test]
async fn a_version_without_labels_is_listed_only_when_asked_for() {
    let fixture = SecretsManagerFixture::fresh().await;
    for version in [A, B, C] {
        put(&fixture, version, "AWSCURRENT").await;
    }
    for (deprecated, count) in [(false, 2), (true, 3)] {
        let call = fixture.client.list_secret_version_ids().secret_id(NAMES[0]);
        let listed = call.include_deprecated(deprecated).send().await.unwrap();
        assert_eq!(listed.versions().len(), count);
    }
    let call = fixture.client.get_secret_value().secret_id(NAMES[0]);
    let found = call.version_id(A).send().await.unwrap();
    assert_eq!(found.secret_string(), Some(A), "it is not deleted yet");
}

#[tokio::test]
async fn a_secret_is_made_once_and_a_repeat_with_its_token_is_ignored() {
    let fixture = SecretsManagerFixture::fresh().await;
    let make = |token: &'static str, value: &'static str| {
        let call = fixture.client.create_secret().name("halogard/new");
        call.client_request_token(token).secret_string(value).send()
    };
    make(A, "one").await.unwrap();
    make(A, "one").await.unwrap();
    for (token, value) in [(A, "two"), (B, "one")] {
        let refused = make(token, value).await.unwrap_err();
        assert_eq!(refused.code(), Some("ResourceExistsException"));
    }
}

#[tokio::test]
async fn a_rotation_announces_a_version_without_a_value_and_refuses_a_second_one() {
    let fixture = SecretsManagerFixture::fresh().await;
    put(&fixture, A, "AWSCURRENT").await;
    let rotate = |token: &'static str| {
        let call = fixture.client.rotate_secret().secret_id(NAMES[0]);
        call.client_request_token(token)
    };
    let refused = rotate(B).send().await.unwrap_err();
    assert_eq!(
        refused.code(),
        Some("InvalidRequestException"),
        "no function was ever named"
    );
    let info = fixture.vault.describe(NAMES[0]).await.unwrap().unwrap();
    assert!(!info.rotates);

    rotate(B)
        .rotation_lambda_arn("arn:rotation")
        .send()
        .await
        .unwrap();

    let info = fixture.vault.describe(NAMES[0]).await.unwrap().unwrap();
    assert!(info.rotates);
    assert_eq!(info.versions[B], [Stage::Pending].into());
    assert!(
        fixture
            .vault
            .read(NAMES[0], Stage::Pending)
            .await
            .unwrap()
            .is_none()
    );
    let refused = rotate(C).send().await.unwrap_err();
    assert_eq!(
        refused.code(),
        Some("InvalidRequestException"),
        "one is pending"
    );
    rotate(B).send().await.unwrap();

    let value = SecretString::from("new");
    fixture
        .vault
        .put(NAMES[0], B, &value, Stage::Pending)
        .await
        .unwrap();
    fixture.vault.promote(NAMES[0], B).await.unwrap();
    assert_eq!(labels(&fixture).await, ["a: AWSPREVIOUS", "b: AWSCURRENT"]);
    rotate(C).send().await.unwrap();
}

#[tokio::test]
async fn a_version_of_another_length_is_refused_for_good_and_without_its_value() {
    let fixture = SecretsManagerFixture::fresh().await;
    for version in ["short", &"x".repeat(65)] {
        let value = SecretString::from("planted-value");
        let outcome = fixture
            .vault
            .put(NAMES[0], version, &value, Stage::Current)
            .await;
        let Err(VaultError::Store(error)) = outcome else {
            panic!("refused, and not {outcome:?}");
        };
        assert_eq!(error.class, FailureClass::Permanent);
        assert!(!format!("{error:?} {}", error.chain()).contains("planted"));
    }
}

#[tokio::test]
async fn a_secret_that_does_not_exist_accepts_no_version() {
    let fixture = SecretsManagerFixture::fresh().await;
    let name = "halogard/never made";
    assert!(
        fixture
            .vault
            .read(name, Stage::Current)
            .await
            .unwrap()
            .is_none()
    );
    assert!(fixture.vault.describe(name).await.unwrap().is_none());
    let value = SecretString::from("planted-value");
    let put = fixture.vault.put(name, A, &value, Stage::Current).await;
    assert!(matches!(put, Err(VaultError::Store(_))));
    let promoted = fixture.vault.promote(name, A).await;
    assert!(matches!(promoted, Err(VaultError::NoSuchVersion { .. })));
}

#[tokio::test]
async fn a_binary_value_is_not_one_of_ours() {
    let fixture = SecretsManagerFixture::fresh().await;
    let bytes = aws_sdk_secretsmanager::primitives::Blob::new([1, 2, 3]);
    let call = fixture.client.put_secret_value().secret_id(NAMES[0]);
    call.secret_binary(bytes).send().await.unwrap();
    let read = fixture.vault.read(NAMES[0], Stage::Current).await;
    assert!(matches!(read, Err(VaultError::Unreadable { name }) if name == NAMES[0]));
}

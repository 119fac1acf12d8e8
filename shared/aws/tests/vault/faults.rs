//! Calls that fail before or after they took effect.

use halogard_app::ports::{Stage, Vault as _, VaultError};
use halogard_conformance::StoreFixture as _;
use halogard_domain::FailureClass;
use halogard_emulator::Fault;
use secrecy::{ExposeSecret as _, SecretString};

use super::{NAMES, SecretsManagerFixture};

const A: &str = "aaaaaaaa-0000-4000-8000-000000000000";
const B: &str = "bbbbbbbb-0000-4000-8000-000000000000";

/// Attempts of the SDK at one call, after which an outage shows.
const ATTEMPTS: usize = 3;

/// A secret with a current and a pending version.
async fn with_pending() -> SecretsManagerFixture {
    let fixture = SecretsManagerFixture::fresh().await;
    for (version, stage) in [(A, Stage::Current), (B, Stage::Pending)] {
        let value = SecretString::from(version);
        fixture
            .vault
            .put(NAMES[0], version, &value, stage)
            .await
            .unwrap();
    }
    fixture
}

/// The version in `stage`.
async fn version(fixture: &SecretsManagerFixture, stage: Stage) -> Option<String> {
    let found = fixture.vault.read(NAMES[0], stage).await.unwrap();
    found.map(|found| {
        assert_eq!(found.value.expose_secret(), found.version);
        found.version
    })
}

#[tokio::test]
async fn an_answer_lost_after_the_effect_is_got_over_at_every_call() {
    for operation in ["DescribeSecret", "UpdateSecretVersionStage"] {
        let fixture = with_pending().await;
        fixture.service.faults().plan(operation, Fault::LoseAnswer);
        fixture.vault.promote(NAMES[0], B).await.unwrap();
        assert_eq!(fixture.service.faults().left(), 0);
        let stages = Stage::ALL;
        let [current, pending, previous] = [
            version(&fixture, stages[0]).await,
            version(&fixture, stages[1]).await,
            version(&fixture, stages[2]).await,
        ];
        assert_eq!(current.as_deref(), Some(B));
        assert_eq!(pending, None);
        assert_eq!(previous.as_deref(), Some(A));
    }

    let fixture = SecretsManagerFixture::fresh().await;
    fixture
        .service
        .faults()
        .plan("PutSecretValue", Fault::LoseAnswer);
    let value = SecretString::from(A);
    fixture
        .vault
        .put(NAMES[0], A, &value, Stage::Current)
        .await
        .unwrap();
    assert_eq!(fixture.service.faults().calls("PutSecretValue"), 2);
    assert_eq!(version(&fixture, Stage::Current).await.as_deref(), Some(A));
}

#[tokio::test]
async fn a_promotion_cut_off_between_its_two_steps_is_finished_by_the_next() {
    let fixture = with_pending().await;
    // The first step is taken and its answer lost; then nothing goes through any more.
    fixture
        .service
        .faults()
        .plan("UpdateSecretVersionStage", Fault::LoseAnswer);
    for _ in 1..ATTEMPTS {
        let fault = Fault::Refuse {
            status: 500,
            code: "InternalServiceError",
        };
        fixture
            .service
            .faults()
            .plan("UpdateSecretVersionStage", fault);
    }
    let outcome = fixture.vault.promote(NAMES[0], B).await;
    assert!(
        matches!(outcome, Err(VaultError::Store(error)) if error.class == FailureClass::Transient)
    );
    assert_eq!(version(&fixture, Stage::Current).await.as_deref(), Some(B));
    assert_eq!(version(&fixture, Stage::Pending).await.as_deref(), Some(B));

    fixture.vault.promote(NAMES[0], B).await.unwrap();

    assert_eq!(version(&fixture, Stage::Pending).await, None);
    assert_eq!(version(&fixture, Stage::Previous).await.as_deref(), Some(A));
}

#[tokio::test]
async fn a_lasting_throttle_is_distinguished_from_a_refusal() {
    let fixture = with_pending().await;
    for _ in 0..ATTEMPTS {
        let fault = Fault::Refuse {
            status: 400,
            code: "ThrottlingException",
        };
        fixture.service.faults().plan("GetSecretValue", fault);
    }
    let outcome = fixture.vault.read(NAMES[0], Stage::Current).await;
    let Err(VaultError::Store(error)) = outcome else {
        panic!("throttled, and not {outcome:?}");
    };
    assert_eq!(error.class, FailureClass::Throttled { retry_after: None });
    assert_eq!(version(&fixture, Stage::Current).await.as_deref(), Some(A));
}

//! The worst order of steps: the operator saves a new secret in HaloPSA first, and stores it for the
//! bundle ten minutes later.

use std::time::Duration;

use halogard_credentials::SecretFields;
use halogard_credentials::rotation::RotationStep;
use halogard_tests::setup::{APPLICATION, HALOPSA_SECRET, LIONGARD_SECRET, planted};
use halogard_tests::vault::InMemoryVault;
use halogard_tests::{Scenario, Setup};
use tracing::Level;

use crate::rotation_function::{CREDENTIAL_REJECTED_LOG, RotationFunction, fields, logged};

/// What the operator generated.
const GENERATED: &str = "planted-saved-too-early-88e0";

/// The secret with this client secret.
fn value(secret: &str) -> SecretFields {
    fields(&[
        ("strategy", "halopsa-application"),
        ("halopsa_client_id", APPLICATION),
        ("halopsa_client_secret", secret),
    ])
}

#[tokio::test]
async fn a_secret_saved_too_early_costs_delay_and_nothing_else() {
    let vault = InMemoryVault::default();
    vault.hold(HALOPSA_SECRET, "v1", &value(planted::CLIENT_SECRET), true);
    let key = fields(&[
        (
            "liongard_access_key_id",
            &halogard_simulator::liongard::AccessKeySpec::sample().id,
        ),
        ("liongard_access_key_secret", planted::KEY_SECRET),
    ]);
    vault.hold(LIONGARD_SECRET, "v1", &key, true);
    let setup = Setup {
        vault: Some(vault.clone()),
        level: Level::INFO,
        ..Setup::managed()
    };
    let mut bundle = Scenario::start(setup).await;
    bundle.raise(0, "Stale Privileged Accounts");
    bundle.run_until_quiet().await;

    bundle.halo.replace_secret(APPLICATION, GENERATED).unwrap();
    bundle.halo.expire_tokens();
    let from = bundle.requests.count();
    let alerts: Vec<i64> = (0..6)
        .map(|customer| bundle.raise(customer, "Certificate Expires Soon"))
        .collect();
    bundle.run_for(Duration::from_secs(600)).await;
    assert!(
        alerts
            .iter()
            .all(|alert| bundle.ticket_of(*alert).is_none())
    );
    let asked: Vec<_> = bundle
        .requests
        .all()
        .into_iter()
        .skip(from)
        .filter(|call| call.target.starts_with("/auth/token"))
        .collect();
    println!(
        "ten minutes with a dead secret and no other: {} token requests, work waited {} times",
        asked.len(),
        logged(&bundle, CREDENTIAL_REJECTED_LOG)
    );
    assert!(asked.len() <= 11, "at most one a minute: {}", asked.len());
    for two in asked.windows(2) {
        let apart = two[1].at.since(two[0].at);
        assert!(apart >= Duration::from_secs(60), "{apart:?} apart");
    }
    assert!(bundle.dead_letters().await.is_empty());

    vault.paste(HALOPSA_SECRET, "next", &value(GENERATED));
    bundle.run_for(Duration::from_secs(90)).await;
    assert!(
        alerts
            .iter()
            .all(|alert| bundle.ticket_of(*alert).is_some())
    );

    let function = RotationFunction::over(&vault);
    for step in RotationStep::ALL {
        function
            .run_until_ok(&mut bundle, step, HALOPSA_SECRET, "next")
            .await;
    }
    bundle.conclude().await;
    assert!(!bundle.logs.text().contains(GENERATED));
}

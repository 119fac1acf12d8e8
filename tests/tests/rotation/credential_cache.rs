//! How a process uses a secret: read seldom, read again once when it is refused, never in a storm.

use std::sync::Arc;
use std::time::Duration;

use halogard_app::ports::{Clock as _, Stage, Vault};
use halogard_credentials::{
    CredentialCache, CredentialError, CredentialSource, SecretFields, Versioned,
};
use halogard_halopsa::Credentials;
use halogard_tests::ScenarioClock;
use halogard_tests::vault::InMemoryVault;

use crate::rotation_function::fields;

/// The secret.
const NAME: &str = "halogard/halopsa";

/// A value.
fn value(secret: &str) -> SecretFields {
    fields(&[
        ("halopsa_client_id", "application"),
        ("halopsa_client_secret", secret),
    ])
}

/// A cache over a secret with one version.
fn cache() -> (
    Arc<CredentialCache<InMemoryVault, ScenarioClock>>,
    InMemoryVault,
    ScenarioClock,
) {
    let vault = InMemoryVault::default();
    vault.hold(NAME, "v1", &value("first"), true);
    let time = ScenarioClock::new();
    let cache = Arc::new(CredentialCache::new(vault.clone(), time.clone(), NAME));
    (cache, vault, time)
}

/// The version in use.
async fn version(
    cache: &CredentialCache<InMemoryVault, ScenarioClock>,
) -> Result<String, CredentialError> {
    let held: Versioned<Credentials> = cache.current().await?;
    Ok(held.version)
}

/// Another version than `refused`.
async fn other(
    cache: &CredentialCache<InMemoryVault, ScenarioClock>,
    refused: &str,
) -> Option<String> {
    let held: Option<Versioned<Credentials>> = cache.refused(refused).await;
    held.map(|held| held.version)
}

#[tokio::test]
async fn a_secret_is_read_once_in_five_minutes() {
    let (cache, vault, time) = cache();
    for _ in 0..100 {
        assert_eq!(version(&cache).await.unwrap(), "v1");
    }
    assert_eq!(vault.reads(NAME), 1);
    vault.succeed(NAME, "v2", &value("second"));
    time.advance(Duration::from_secs(299));
    assert_eq!(version(&cache).await.unwrap(), "v1");
    time.advance(Duration::from_secs(1));
    assert_eq!(version(&cache).await.unwrap(), "v2");
    assert_eq!((vault.reads(NAME), cache.refreshes().await), (2, 0));
}

#[tokio::test]
async fn a_version_that_a_start_has_read_is_not_read_again_before_it_is_old_or_refused() {
    let (_, vault, time) = cache();
    let found = Vault::read(&vault, NAME, Stage::Current).await.unwrap();
    let read_at = time.now();
    let cache = CredentialCache::new(vault.clone(), time.clone(), NAME);
    let cache = cache.with_current(&found.unwrap(), read_at);
    time.advance(Duration::from_secs(299));
    assert_eq!(version(&cache).await.unwrap(), "v1");
    assert_eq!(vault.reads(NAME), 1);
    vault.succeed(NAME, "v2", &value("second"));
    assert_eq!(other(&cache, "v1").await.as_deref(), Some("v2"));
}

#[tokio::test]
async fn many_refusals_at_once_lead_to_one_reading() {
    let (cache, vault, _time) = cache();
    version(&cache).await.unwrap();
    vault.paste(NAME, "v2", &value("second"));
    let before = vault.reads(NAME);
    let mut refusals = tokio::task::JoinSet::new();
    for _ in 0..50 {
        let cache = Arc::clone(&cache);
        refusals.spawn(async move { other(&cache, "v1").await });
    }
    let found = refusals.join_all().await;
    assert!(found.iter().all(|found| found.as_deref() == Some("v2")));
    assert_eq!(cache.refreshes().await, 1);
    assert_eq!(vault.reads(NAME) - before, 3, "one for each stage");
}

#[tokio::test]
async fn the_pending_version_stays_in_use_until_it_is_current() {
    let (cache, vault, time) = cache();
    version(&cache).await.unwrap();
    vault.paste(NAME, "v2", &value("second"));
    assert_eq!(other(&cache, "v1").await.as_deref(), Some("v2"));
    for _ in 0..5 {
        time.advance(Duration::from_secs(301));
        assert_eq!(version(&cache).await.unwrap(), "v2");
    }
    vault.succeed(NAME, "v2", &value("second"));
    time.advance(Duration::from_secs(301));
    assert_eq!(version(&cache).await.unwrap(), "v2");
    assert_eq!(cache.refreshes().await, 1);
}

#[tokio::test]
async fn each_version_is_tried_once_a_minute_and_then_work_waits() {
    let (cache, vault, time) = cache();
    vault.succeed(NAME, "v2", &value("second"));
    vault.paste(NAME, "v3", &value("third"));
    assert_eq!(version(&cache).await.unwrap(), "v2");
    assert_eq!(other(&cache, "v2").await.as_deref(), Some("v3"));
    assert_eq!(other(&cache, "v3").await.as_deref(), Some("v1"));
    assert_eq!(other(&cache, "v1").await, None);
    for _ in 0..59 {
        let refused = version(&cache).await;
        assert!(
            matches!(refused, Err(CredentialError::Refused { .. })),
            "{refused:?}"
        );
        time.advance(Duration::from_secs(1));
    }
    time.advance(Duration::from_secs(1));
    assert_eq!(version(&cache).await.unwrap(), "v2");
}

#[tokio::test]
async fn a_version_that_is_no_credential_is_passed_over() {
    let (cache, vault, _time) = cache();
    version(&cache).await.unwrap();
    vault.paste(NAME, "v2", &fields(&[("halopsa_client_id", "alone")]));
    assert_eq!(other(&cache, "v1").await, None);
}

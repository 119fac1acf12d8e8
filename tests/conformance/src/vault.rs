//! Cases for [`Vault`]. Stages mean what they mean in AWS Secrets Manager.

use std::collections::{BTreeMap, BTreeSet};

use halogard_app::ports::{Stage, Vault, VaultError};
use secrecy::{ExposeSecret as _, SecretString};

use crate::fixture::{StoreFixture, VaultFixture, at_once};
use crate::samples::AWKWARD;

/// Tries an adapter of `Vault`.
#[macro_export]
macro_rules! vault {
    ($fixture:ident) => {
        $crate::cases! {
            $fixture, vault:
            an_empty_vault_holds_nothing,
            a_value_is_read_in_the_stage_it_was_put_in,
            a_new_current_version_makes_the_former_one_previous,
            a_pending_version_leaves_the_current_one_in_use,
            a_new_pending_version_takes_the_place_of_the_old_one,
            the_same_value_again_changes_nothing,
            a_late_repeat_brings_no_old_version_back,
            another_value_under_the_same_version_is_refused,
            of_writers_at_once_one_value_takes_the_version,
            promoting_makes_the_pending_version_current,
            promoting_again_changes_nothing,
            only_a_pending_version_can_be_promoted,
            secrets_of_other_names_are_left_alone,
            long_and_awkward_values_are_kept,
            a_secret_that_holds_nothing_has_no_versions,
            a_description_names_each_version_with_its_stages,
            a_version_that_lost_its_stage_is_described_no_more,
            a_promoted_version_is_described_as_current_only,
            no_error_and_no_debug_text_shows_a_value,
            no_plain_text_is_at_rest,
            secrets_survive_a_restart,
        }
    };
}

/// The secret most cases are about.
const NAME: &str = "halogard/halopsa";

/// What makes a short name a version's name: Secrets Manager takes none under 32 characters.
const REST: &str = "-00000000-4000-8000-000000000000";

/// The whole name of the version called `short` in a case.
fn long(short: &str) -> String {
    format!("{short}{REST}")
}

/// What a case calls the version of the whole name `version`.
fn short(version: &str) -> String {
    let short = version.strip_suffix(REST);
    short.expect("a version that a case stored").to_owned()
}

/// Puts `value` as `version` into `stage`.
async fn put(vault: &impl Vault, version: &str, value: &str, stage: Stage) {
    try_put(vault, version, value, stage)
        .await
        .expect("the vault takes it");
}

/// Puts `value` as `version` into `stage`, or not.
async fn try_put(
    vault: &impl Vault,
    version: &str,
    value: &str,
    stage: Stage,
) -> Result<(), VaultError> {
    let value = SecretString::from(value);
    vault.put(NAME, &long(version), &value, stage).await
}

/// Promotes `version`.
async fn promote(vault: &impl Vault, version: &str) -> Result<(), VaultError> {
    vault.promote(NAME, &long(version)).await
}

/// Version and value of `name` in `stage`.
async fn named(vault: &impl Vault, name: &str, stage: Stage) -> Option<(String, String)> {
    let found = vault.read(name, stage).await.expect("the vault reads");
    found.map(|found| {
        (
            short(&found.version),
            found.value.expose_secret().to_owned(),
        )
    })
}

/// What is in the current, the pending and the previous stage: the version, whose value is the
/// same word in capitals.
async fn stages(vault: &impl Vault) -> [Option<String>; 3] {
    let mut versions = [None, None, None];
    let stages = Stage::ALL;
    for (place, stage) in versions.iter_mut().zip(stages) {
        if let Some((version, value)) = named(vault, NAME, stage).await {
            assert_eq!(value, version.to_uppercase());
            *place = Some(version);
        }
    }
    versions
}

/// Asserts what is in the current, the pending and the previous stage; "" where nothing is.
async fn assert_stages(vault: &impl Vault, expected: [&str; 3]) {
    let found = stages(vault).await.map(Option::unwrap_or_default);
    assert_eq!(found, expected, "current, pending, previous");
}

pub async fn an_empty_vault_holds_nothing<B: StoreFixture<Store: Vault>>(fixture: B) {
    assert_stages(&fixture.store(), ["", "", ""]).await;
}

pub async fn a_value_is_read_in_the_stage_it_was_put_in<B: StoreFixture<Store: Vault>>(fixture: B) {
    let vault = fixture.store();
    put(&vault, "a", "A", Stage::Current).await;
    assert_stages(&vault, ["a", "", ""]).await;
    put(&vault, "b", "B", Stage::Pending).await;
    assert_stages(&vault, ["a", "b", ""]).await;
    put(&vault, "c", "C", Stage::Previous).await;
    assert_stages(&vault, ["a", "b", "c"]).await;
}

pub async fn a_new_current_version_makes_the_former_one_previous<B>(fixture: B)
where
    B: StoreFixture<Store: Vault>,
{
    let vault = fixture.store();
    put(&vault, "a", "A", Stage::Current).await;
    put(&vault, "b", "B", Stage::Current).await;
    assert_stages(&vault, ["b", "", "a"]).await;
    put(&vault, "c", "C", Stage::Current).await;
    assert_stages(&vault, ["c", "", "b"]).await;
}

pub async fn a_pending_version_leaves_the_current_one_in_use<B: StoreFixture<Store: Vault>>(
    fixture: B,
) {
    let vault = fixture.store();
    put(&vault, "a", "A", Stage::Current).await;
    put(&vault, "b", "B", Stage::Current).await;
    put(&vault, "c", "C", Stage::Pending).await;
    assert_stages(&vault, ["b", "c", "a"]).await;
}

pub async fn a_new_pending_version_takes_the_place_of_the_old_one<B>(fixture: B)
where
    B: StoreFixture<Store: Vault>,
{
    let vault = fixture.store();
    put(&vault, "a", "A", Stage::Current).await;
    put(&vault, "b", "B", Stage::Pending).await;
    put(&vault, "c", "C", Stage::Pending).await;
    assert_stages(&vault, ["a", "c", ""]).await;

    let outcome = promote(&vault, "b").await;
    assert!(matches!(outcome, Err(VaultError::NoSuchVersion { .. })));
    assert_stages(&vault, ["a", "c", ""]).await;
}

pub async fn the_same_value_again_changes_nothing<B: StoreFixture<Store: Vault>>(fixture: B) {
    let vault = fixture.store();
    put(&vault, "a", "A", Stage::Current).await;
    put(&vault, "b", "B", Stage::Current).await;
    put(&vault, "c", "C", Stage::Pending).await;
    for _ in 0..2 {
        put(&vault, "b", "B", Stage::Current).await;
        put(&vault, "c", "C", Stage::Pending).await;
        assert_stages(&vault, ["b", "c", "a"]).await;
    }
}

pub async fn a_late_repeat_brings_no_old_version_back<B: StoreFixture<Store: Vault>>(fixture: B) {
    let vault = fixture.store();
    put(&vault, "a", "A", Stage::Current).await;
    put(&vault, "b", "B", Stage::Current).await;

    put(&vault, "a", "A", Stage::Current).await;

    assert_stages(&vault, ["b", "", "a"]).await;
}

pub async fn another_value_under_the_same_version_is_refused<B: StoreFixture<Store: Vault>>(
    fixture: B,
) {
    let vault = fixture.store();
    put(&vault, "a", "A", Stage::Current).await;
    for stage in [Stage::Current, Stage::Pending] {
        let outcome = try_put(&vault, "a", "other", stage).await;
        assert!(matches!(
            outcome,
            Err(VaultError::VersionTaken { name, version }) if name == NAME && version == long("a")
        ));
    }
    assert_stages(&vault, ["a", "", ""]).await;
}

pub async fn of_writers_at_once_one_value_takes_the_version<B: StoreFixture<Store: Vault>>(
    fixture: B,
) {
    let vault = fixture.store();
    let outcomes = at_once((0..8).map(|writer| {
        let vault = vault.clone();
        async move {
            let value = format!("value {writer}");
            let outcome = try_put(&vault, "a", &value, Stage::Pending).await;
            (value, outcome)
        }
    }))
    .await;

    let (won, lost): (Vec<_>, Vec<_>) = outcomes.into_iter().partition(|(_, put)| put.is_ok());
    assert_eq!(won.len(), 1);
    for (_, outcome) in lost {
        assert!(matches!(outcome, Err(VaultError::VersionTaken { .. })));
    }
    let stored = named(&vault, NAME, Stage::Pending).await;
    assert_eq!(stored, Some(("a".to_owned(), won[0].0.clone())));
}

pub async fn promoting_makes_the_pending_version_current<B: StoreFixture<Store: Vault>>(
    fixture: B,
) {
    let vault = fixture.store();
    put(&vault, "a", "A", Stage::Pending).await;
    promote(&vault, "a").await.expect("it is pending");
    assert_stages(&vault, ["a", "", ""]).await;

    for (version, value, expected) in [("b", "B", ["b", "", "a"]), ("c", "C", ["c", "", "b"])] {
        put(&vault, version, value, Stage::Pending).await;
        promote(&vault, version).await.expect("it is pending");
        assert_stages(&vault, expected).await;
    }
}

pub async fn promoting_again_changes_nothing<B: StoreFixture<Store: Vault>>(fixture: B) {
    let vault = fixture.store();
    put(&vault, "a", "A", Stage::Current).await;
    put(&vault, "b", "B", Stage::Pending).await;
    for _ in 0..3 {
        promote(&vault, "b").await.expect("safe to repeat");
        assert_stages(&vault, ["b", "", "a"]).await;
    }
}

pub async fn only_a_pending_version_can_be_promoted<B: StoreFixture<Store: Vault>>(fixture: B) {
    let vault = fixture.store();
    put(&vault, "a", "A", Stage::Current).await;
    put(&vault, "b", "B", Stage::Current).await;
    for version in ["a", "never stored"] {
        let outcome = promote(&vault, version).await;
        assert!(matches!(outcome, Err(VaultError::NoSuchVersion { .. })));
    }
    assert_stages(&vault, ["b", "", "a"]).await;
}

pub async fn secrets_of_other_names_are_left_alone<B: StoreFixture<Store: Vault>>(fixture: B) {
    let vault = fixture.store();
    let other = "halogard/liongard";
    let value = SecretString::from("other value");
    let stored = vault.put(other, &long("a"), &value, Stage::Current).await;
    stored.expect("the vault takes it");

    put(&vault, "a", "A", Stage::Current).await;
    put(&vault, "b", "B", Stage::Current).await;

    let kept = Some(("a".to_owned(), "other value".to_owned()));
    assert_eq!(named(&vault, other, Stage::Current).await, kept);
    assert_eq!(named(&vault, other, Stage::Previous).await, None);
    assert_stages(&vault, ["b", "", "a"]).await;
}

pub async fn long_and_awkward_values_are_kept<B: StoreFixture<Store: Vault>>(fixture: B) {
    let vault = fixture.store();
    let long = "äx€".repeat(3000);
    for (version, value) in [("a", long.as_str()), ("b", AWKWARD), ("c", " ")] {
        put(&vault, version, value, Stage::Current).await;
        let stored = named(&vault, NAME, Stage::Current).await;
        assert_eq!(stored, Some((version.to_owned(), value.to_owned())));
    }
}

/// What is described of the secret: the stages of each version, by the name a case gives it.
async fn described(vault: &impl Vault) -> BTreeMap<String, BTreeSet<Stage>> {
    let info = vault.describe(NAME).await.expect("the vault describes");
    let versions = info.map(|info| info.versions).unwrap_or_default();
    let versions = versions.into_iter();
    versions
        .map(|(version, stages)| (short(&version), stages))
        .collect()
}

/// Asserts which version is in which stage, and that no other version is described.
async fn assert_described<const N: usize>(vault: &impl Vault, expected: [(&str, Stage); N]) {
    let expected = expected.map(|(version, stage)| (version.to_owned(), BTreeSet::from([stage])));
    assert_eq!(described(vault).await, BTreeMap::from(expected));
}

pub async fn a_secret_that_holds_nothing_has_no_versions<B: StoreFixture<Store: Vault>>(
    fixture: B,
) {
    let vault = fixture.store();
    assert_described(&vault, []).await;
    let unknown = vault.describe("halogard/never made").await;
    assert_eq!(unknown.expect("the vault describes"), None);
}

pub async fn a_description_names_each_version_with_its_stages<B: StoreFixture<Store: Vault>>(
    fixture: B,
) {
    let vault = fixture.store();
    put(&vault, "a", "A", Stage::Current).await;
    assert_described(&vault, [("a", Stage::Current)]).await;
    put(&vault, "b", "B", Stage::Current).await;
    put(&vault, "c", "C", Stage::Pending).await;
    let all = [
        ("a", Stage::Previous),
        ("b", Stage::Current),
        ("c", Stage::Pending),
    ];
    assert_described(&vault, all).await;
}

pub async fn a_version_that_lost_its_stage_is_described_no_more<B>(fixture: B)
where
    B: StoreFixture<Store: Vault>,
{
    let vault = fixture.store();
    for (version, value) in [("a", "A"), ("b", "B"), ("c", "C")] {
        put(&vault, version, value, Stage::Current).await;
    }
    assert_described(&vault, [("b", Stage::Previous), ("c", Stage::Current)]).await;
}

pub async fn a_promoted_version_is_described_as_current_only<B: StoreFixture<Store: Vault>>(
    fixture: B,
) {
    let vault = fixture.store();
    put(&vault, "a", "A", Stage::Current).await;
    put(&vault, "b", "B", Stage::Pending).await;
    promote(&vault, "b").await.expect("it is pending");
    assert_described(&vault, [("a", Stage::Previous), ("b", Stage::Current)]).await;
}

pub async fn no_error_and_no_debug_text_shows_a_value<B: StoreFixture<Store: Vault>>(fixture: B) {
    let vault = fixture.store();
    put(&vault, "a", "planted-value", Stage::Current).await;
    let taken = try_put(&vault, "a", "planted-other", Stage::Current).await;
    let error = taken.expect_err("the version is taken");
    let found = vault.read(NAME, Stage::Current).await;
    let found = found.expect("the vault reads");

    for text in [format!("{error} {error:?}"), format!("{found:?}")] {
        assert!(!text.contains("planted"));
    }
}

pub async fn no_plain_text_is_at_rest<B: VaultFixture>(fixture: B) {
    let vault = fixture.store();
    let values = ["planted-first-value", "planted-second", "planted-third"];
    for (version, value) in ["a", "b", "c"].into_iter().zip(values) {
        put(&vault, version, value, Stage::Pending).await;
        promote(&vault, version).await.expect("it is pending");
    }
    let Some(bytes) = fixture.at_rest() else {
        println!("skipped: the test cannot read what this store has written to disk");
        return;
    };

    let holds = |needle: &str| {
        bytes
            .windows(needle.len())
            .any(|at| at == needle.as_bytes())
    };
    assert!(holds(NAME), "these are the bytes that hold the secret");
    for value in values {
        assert!(!holds(value), "a value in the clear");
    }
}

pub async fn secrets_survive_a_restart<B: StoreFixture<Store: Vault>>(fixture: B) {
    let vault = fixture.store();
    put(&vault, "a", "A", Stage::Current).await;
    put(&vault, "b", "B", Stage::Current).await;
    put(&vault, "c", "C", Stage::Pending).await;
    drop(vault);

    let fixture = fixture.reopen().await;

    assert_stages(&fixture.store(), ["b", "c", "a"]).await;
}

//! Credentials in the store's vault, used where the settings give none.

use std::sync::Arc;

use halogard_app::ports::{Stage, Vault};
use halogard_credentials::{CredentialCache, SecretFields, StaticVault, members};
use halogard_liongard::ParsedAccessKey;
use halogard_runtime::SystemClock;
use halogard_runtime::settings::{HaloSettings, LiongardSettings, NotifySettings, SettingValues};
use halogard_sqlite::Store;
use halogard_vendors::CredentialSources;
use secrecy::ExposeSecret as _;

use crate::commands::rotate::new_version;

/// The secret with the credentials for HaloPSA.
pub const HALOPSA: &str = "halopsa";

/// The secret with the key for Liongard.
pub const LIONGARD: &str = "liongard";

/// The secret of HaloPSA's webhook.
pub const WEBHOOK: &str = "webhook";

/// The secret with what the channels of notices need.
pub const NOTIFY: &str = "notify";

/// The settings of each credential. If one of them is set, the credential is not read from the vault.
pub const SETTINGS_OF: [(&str, [&str; 2]); 2] = [
    (HALOPSA, ["HALOPSA_CLIENT_ID", "HALOPSA_CLIENT_SECRET"]),
    (
        LIONGARD,
        ["LIONGARD_ACCESS_KEY_ID", "LIONGARD_ACCESS_KEY_SECRET"],
    ),
];

/// Whether settings give the credential `name`.
pub fn is_given(environment: &SettingValues, name: &str) -> bool {
    let of = SETTINGS_OF.into_iter().find(|(known, _)| *known == name);
    of.is_some_and(|(_, settings)| {
        settings
            .iter()
            .any(|setting| environment.get(setting).is_some())
    })
}

/// The members of the secret `name` in `stage`.
pub async fn fields(
    vault: &impl Vault,
    name: &str,
    stage: Stage,
) -> anyhow::Result<Option<(String, SecretFields)>> {
    let Some(found) = vault.read(name, stage).await? else {
        return Ok(None);
    };
    Ok(Some((found.version, SecretFields::parse(&found.value)?)))
}

/// The settings, completed by the credentials of the vault.
pub async fn complete(
    environment: SettingValues,
    vault: &impl Vault,
) -> anyhow::Result<SettingValues> {
    let mut environment = environment;
    for (name, settings) in SETTINGS_OF {
        if is_given(&environment, name) {
            continue;
        }
        let Some((_, stored)) = fields(vault, name, Stage::Current).await? else {
            continue;
        };
        let values = settings.into_iter().filter_map(|setting| {
            let value = stored.text(&setting.to_ascii_lowercase())?;
            Some((setting, value.to_owned()))
        });
        environment = environment.or_stored(values.collect::<Vec<_>>());
    }
    if let Some((_, stored)) = fields(vault, NOTIFY, Stage::Current).await? {
        let values = NotifySettings::NAMES.into_iter().filter_map(|name| {
            let value = stored.text(&name.to_ascii_lowercase())?;
            Some((name, value.to_owned()))
        });
        environment = environment.or_stored(values.collect::<Vec<_>>());
    }
    Ok(environment)
}

/// Makes `value` the current version of the secret `name`, unless it is. What else the secret holds stays.
pub async fn store(vault: &impl Vault, name: &str, value: &SecretFields) -> anyhow::Result<()> {
    let current = fields(vault, name, Stage::Current).await?;
    let merged = match &current {
        Some((_, current)) => value.clone().or(current),
        None => value.clone(),
    };
    if current.is_some_and(|(_, current)| current.texts().eq(merged.texts())) {
        return Ok(());
    }
    let version = new_version();
    vault
        .put(name, &version, &merged.to_secret(), Stage::Current)
        .await?;
    Ok(())
}

/// The credential sources of both clients: the settings where they give a credential, else the vault.
pub fn keys(
    environment: &SettingValues,
    store: &Store<SystemClock>,
    halo: &HaloSettings,
    liongard: &LiongardSettings,
) -> anyhow::Result<CredentialSources> {
    let halo_fields = SecretFields::default()
        .with(members::HALOPSA_CLIENT_ID, &halo.client_id)
        .with_secret(members::HALOPSA_CLIENT_SECRET, &halo.client_secret);
    let key = ParsedAccessKey::read(&liongard.access_key_id, &liongard.access_key_secret)?.key;
    let liongard_fields = SecretFields::default()
        .with(members::LIONGARD_KEY_ID, &key.id)
        .with(members::LIONGARD_KEY_SECRET, key.secret.expose_secret());
    let given = |fields, name| CredentialCache::new(StaticVault::new(fields), SystemClock, name);
    let in_vault = |name| CredentialCache::new(store.clone(), SystemClock, name);
    Ok(CredentialSources {
        halo: if is_given(environment, HALOPSA) {
            Arc::new(given(halo_fields, HALOPSA))
        } else {
            Arc::new(in_vault(HALOPSA))
        },
        liongard: if is_given(environment, LIONGARD) {
            Arc::new(given(liongard_fields, LIONGARD))
        } else {
            Arc::new(in_vault(LIONGARD))
        },
    })
}

//! The unguessable end of the webhook's address.

use std::fmt::Write as _;

use halogard_app::keyring::{self, Fit};
use halogard_app::ports::{Clock as _, Stage, Vault};
use halogard_runtime::SystemClock;
use halogard_runtime::settings::WebhookSettings;
use secrecy::SecretString;

use crate::kept;

/// The secret's name in the vault.
const NAME: &str = "halopsa-webhook-token";

/// The first version.
const FIRST: &str = "1";

/// Random bytes of a token that is made here: 160 bits.
const TOKEN_BYTES: usize = 20;

/// The tokens in force: those configured, or one that is made at the first start and kept.
pub async fn in_force(
    vault: &impl Vault,
    configured: &[SecretString],
) -> anyhow::Result<Vec<SecretString>> {
    if !configured.is_empty() {
        return Ok(configured.to_vec());
    }
    if let Some(kept) = vault.read(NAME, Stage::Current).await? {
        return Ok(vec![kept.value]);
    }
    let token = SecretString::from(random()?);
    vault.put(NAME, FIRST, &token, Stage::Current).await?;
    Ok(vec![token])
}

/// Whom deliveries are taken from: the tokens in force, and the credentials of the settings, or
/// those kept in the vault where the settings name none. Versions that are being exchanged count.
pub async fn fit(vault: &impl Vault, settings: &WebhookSettings) -> anyhow::Result<Fit> {
    let configured = Fit {
        tokens: settings.tokens.clone(),
        credentials: settings.credentials.clone(),
    };
    if !configured.tokens.is_empty() {
        return Ok(configured);
    }
    let mut versions = Vec::new();
    for stage in [Stage::Current, Stage::Pending, Stage::Previous] {
        if let Some((_, fields)) = kept::fields(vault, kept::WEBHOOK, stage).await? {
            versions.push((stage, fields));
        }
    }
    let mut fit = keyring::accepted(&versions, SystemClock.now());
    if fit.tokens.is_empty() {
        fit.tokens = in_force(vault, &[]).await?;
    }
    if !configured.credentials.is_empty() {
        fit.credentials = configured.credentials;
    }
    Ok(fit)
}

/// A token nobody can guess.
fn random() -> anyhow::Result<String> {
    let mut bytes = [0; TOKEN_BYTES];
    getrandom::fill(&mut bytes)?;
    let mut text = String::with_capacity(2 * TOKEN_BYTES);
    for byte in bytes {
        write!(text, "{byte:02x}")?;
    }
    Ok(text)
}

//! The unguessable end of the webhook's address.

use std::fmt::Write as _;

use halogard_app::credentials;
use halogard_app::ports::{Stage, Vault};
use halogard_runtime::settings::WebhookSettings;
use secrecy::SecretString;

use crate::stored_credentials;

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

/// What is shown at the start: the token in force, and whether the address alone lets deliveries in.
pub struct Shown {
    /// The end of the address.
    pub token: Option<SecretString>,
    /// Whether nothing else is asked for.
    pub by_address: bool,
}

/// What `settings` say, or what is kept in the vault where they say nothing.
pub async fn shown(vault: &impl Vault, settings: &WebhookSettings) -> anyhow::Result<Shown> {
    let kept = if settings.tokens.is_empty() {
        stored_credentials::fields(vault, stored_credentials::WEBHOOK, Stage::Current).await?
    } else {
        None
    };
    let Some((_, fields)) = kept else {
        let tokens = in_force(vault, &settings.tokens).await?;
        return Ok(Shown {
            token: tokens.into_iter().next(),
            by_address: settings.credentials.is_empty(),
        });
    };
    let asked = settings.credentials.is_empty() && credentials::credentials(&fields).is_empty();
    Ok(Shown {
        token: credentials::token(&fields),
        by_address: asked,
    })
}

/// The token in use, without making one: `None` before the first start.
pub async fn stored(
    vault: &impl Vault,
    settings: &WebhookSettings,
) -> anyhow::Result<Option<SecretString>> {
    if let Some(token) = settings.tokens.first() {
        return Ok(Some(token.clone()));
    }
    let secret =
        stored_credentials::fields(vault, stored_credentials::WEBHOOK, Stage::Current).await?;
    if let Some((_, fields)) = secret {
        return Ok(credentials::token(&fields));
    }
    let first = vault.read(NAME, Stage::Current).await?;
    Ok(first.map(|version| version.value))
}

/// A token that cannot be guessed.
fn random() -> anyhow::Result<String> {
    let mut bytes = [0; TOKEN_BYTES];
    getrandom::fill(&mut bytes)?;
    let mut text = String::with_capacity(2 * TOKEN_BYTES);
    for byte in bytes {
        write!(text, "{byte:02x}")?;
    }
    Ok(text)
}

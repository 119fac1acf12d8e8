//! The unguessable end of the webhook's address.

use std::net::SocketAddr;

use anyhow::ensure;
use halogard_app::ports::{Stage, Vault};
use halogard_credentials::members;
use halogard_credentials::rotation::generate_secret;
use halogard_credentials::webhook_auth::WebhookCredentials;
use halogard_runtime::settings::WebhookSettings;
use secrecy::SecretString;

use crate::stored_credentials;

/// The secret's name in the vault.
const NAME: &str = "halopsa-webhook-token";

/// The first version.
const FIRST: &str = "1";

/// The token in use: the `configured` one, or one that is created at the first start and stored.
pub async fn in_force(
    vault: &impl Vault,
    configured: Option<&SecretString>,
) -> anyhow::Result<SecretString> {
    if let Some(token) = configured {
        return Ok(token.clone());
    }
    if let Some(stored) = vault.read(NAME, Stage::Current).await? {
        return Ok(stored.value);
    }
    let token = generate_secret()?;
    vault.put(NAME, FIRST, &token, Stage::Current).await?;
    Ok(token)
}

/// How deliveries reach this process.
pub struct WebhookAddress {
    /// The end of the address.
    pub token: Option<SecretString>,
    /// Whether the path token alone authenticates a delivery.
    pub is_token_only: bool,
}

/// The webhook's address by `settings`, or by the vault where they have no path token.
pub async fn webhook_address(
    vault: &impl Vault,
    settings: &WebhookSettings,
) -> anyhow::Result<WebhookAddress> {
    let has_credential = !settings.secret.credentials.is_empty();
    let configured = settings.secret.tokens.first();
    let stored = match configured {
        Some(_) => None,
        None => {
            stored_credentials::fields(vault, stored_credentials::WEBHOOK, Stage::Current).await?
        }
    };
    let Some((_, fields)) = stored else {
        return Ok(WebhookAddress {
            token: Some(in_force(vault, configured).await?),
            is_token_only: !has_credential,
        });
    };
    let secret = WebhookCredentials::from_members(&fields)?;
    Ok(WebhookAddress {
        token: fields.secret(members::WEBHOOK_TOKEN),
        is_token_only: !has_credential && secret.credentials.is_empty(),
    })
}

/// The token in use, without creating one: `None` before the first start.
pub async fn stored(
    vault: &impl Vault,
    settings: &WebhookSettings,
) -> anyhow::Result<Option<SecretString>> {
    if let Some(token) = settings.secret.tokens.first() {
        return Ok(Some(token.clone()));
    }
    let secret =
        stored_credentials::fields(vault, stored_credentials::WEBHOOK, Stage::Current).await?;
    if let Some((_, fields)) = secret {
        return Ok(fields.secret(members::WEBHOOK_TOKEN));
    }
    let first = vault.read(NAME, Stage::Current).await?;
    Ok(first.map(|version| version.value))
}

/// Refuses an address that other machines reach where the path token alone would authenticate.
pub fn check_exposure(
    webhook: &WebhookAddress,
    settings: &WebhookSettings,
    listen: SocketAddr,
) -> anyhow::Result<()> {
    ensure!(
        !webhook.is_token_only || listen.ip().is_loopback() || settings.secret.token_only_allowed,
        "HALOGARD_LISTEN is {listen}, which other machines reach, and the webhook has no credential; set \
         HALOPSA_WEBHOOK_USERNAME and _PASSWORD to those of the webhook (authentication: Basic), or \
         HALOPSA_WEBHOOK_SECRET to its key (HMAC), or set HALOPSA_WEBHOOK_ALLOW_TOKEN_ONLY to true"
    );
    Ok(())
}

//! The webhook's secret on one machine: settings, or the vault, whose secret may rotate meanwhile.

use std::time::Duration;

use halogard_app::ports::{Clock, ErrorCode, PortError, SecretInfo, Stage, Vault};
use halogard_credentials::webhook_auth::{Authenticator, SecretReader, WebhookAuthKind};
use halogard_credentials::{SecretFields, TTL, members};
use halogard_domain::FailureClass;
use halogard_runtime::settings::WebhookSettings;
use halogard_sqlite::Store;
use secrecy::SecretString;

use super::token;
use crate::stored_credentials;

/// The process's authenticator.
pub type LocalAuthenticator<C> = Authenticator<LocalSecret<C>, C>;

/// An authenticator by `settings`, and by the vault of `store` where they have no path token.
pub fn authenticator<C: Clock>(
    store: &Store<C>,
    settings: &WebhookSettings,
    clock: C,
) -> LocalAuthenticator<C> {
    let (reader, ttl) = if settings.secret.tokens.is_empty() {
        let secret = LocalSecret::Vault {
            store: store.clone(),
            settings: settings.clone(),
        };
        (secret, TTL)
    } else {
        let secret = LocalSecret::Settings(settings.members.clone());
        (secret, Duration::MAX)
    };
    // `serve` checks at its start whether the path token alone suffices at its address.
    Authenticator::new(reader, clock, ttl).allowing_token_only()
}

/// Where the webhook's secret is.
pub enum LocalSecret<C> {
    /// In the settings, which do not change while the process lives.
    Settings(SecretFields),
    /// In the vault. Which versions exist is one read of the store, so that a change is seen with the
    /// first delivery made under it, and unauthenticated requests cause no read of the secret.
    Vault {
        /// The store with the vault.
        store: Store<C>,
        /// Credentials that are set replace the vault's.
        settings: WebhookSettings,
    },
}

impl<C: Clock> SecretReader for LocalSecret<C> {
    async fn read(&self, stage: Stage) -> Result<Option<SecretString>, PortError> {
        match self {
            Self::Settings(members) => Ok((stage == Stage::Current).then(|| members.to_secret())),
            Self::Vault { store, settings } => {
                let found = from_vault(store, stage).await?;
                Ok(found.map(|secret| with_settings(secret, settings)))
            }
        }
    }

    async fn versions(&self) -> Option<SecretInfo> {
        match self {
            Self::Settings(_) => Some(SecretInfo::default()),
            Self::Vault { store, .. } => {
                let info = store.describe(stored_credentials::WEBHOOK).await.ok()?;
                Some(info.unwrap_or_default())
            }
        }
    }
}

/// The secret's version in `stage`. Before its first rotation there is the token alone.
async fn from_vault<C: Clock>(
    store: &Store<C>,
    stage: Stage,
) -> Result<Option<SecretString>, PortError> {
    let unavailable = |error| {
        PortError::new(FailureClass::Transient, ErrorCode::SecretUnavailable)
            .with_source(Unavailable(error))
    };
    let found = Vault::read(store, stored_credentials::WEBHOOK, stage).await;
    match found.map_err(|error| unavailable(error.into()))? {
        Some(found) => Ok(Some(found.value)),
        None if stage == Stage::Current => {
            let token = token::in_force(store, None).await.map_err(unavailable)?;
            let fields = SecretFields::default().with_secret(members::WEBHOOK_TOKEN, &token);
            Ok(Some(fields.to_secret()))
        }
        None => Ok(None),
    }
}

/// The secret with the settings over it. If they have a credential, it replaces every credential of
/// the secret.
fn with_settings(secret: SecretString, settings: &WebhookSettings) -> SecretString {
    // A value that is not an object is reported by the authenticator.
    let Ok(mut fields) = SecretFields::parse(&secret) else {
        return secret;
    };
    if !settings.secret.credentials.is_empty() {
        for kind in WebhookAuthKind::ALL {
            if kind != WebhookAuthKind::PathToken {
                let own = [kind.member(), kind.previous_member()];
                for member in own.iter().chain(kind.other_members()) {
                    fields = fields.without(member);
                }
            }
        }
    }
    for (member, value) in settings.members.texts() {
        fields = fields.with(member, value);
    }
    fields.to_secret()
}

/// The vault could not be read.
#[derive(Debug, thiserror::Error)]
#[error("the vault could not be read: {0:#}")]
struct Unavailable(anyhow::Error);

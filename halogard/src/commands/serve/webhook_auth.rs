//! Whom webhooks are taken from: settings, or the vault, whose secret may rotate meanwhile.

use std::time::Duration;

use halogard_app::credentials::{
    Accepted, AuthenticatorFactory, Authenticators, MemberAuthenticators, RotatingAuthenticator,
    SecretFields, SecretReader, SecretVersions, TTL,
};
use halogard_app::intake::Authenticator;
use halogard_app::ports::{Clock, PortError, SecretInfo, Stage, Vault};
use halogard_domain::{FailureClass, Timestamp};
use halogard_runtime::settings::WebhookSettings;
use halogard_sqlite::Store;
use secrecy::SecretString;

use super::token;
use crate::stored_credentials;

/// The process's gate.
pub type LocalAuthenticator<C> = RotatingAuthenticator<Source<C>, Maker, C>;

/// A gate for `settings`, and for what the vault of `store` holds where they say nothing.
pub fn gate<C: Clock>(
    store: &Store<C>,
    settings: &WebhookSettings,
    clock: C,
) -> LocalAuthenticator<C> {
    let given = Accepted {
        tokens: settings.tokens.clone(),
        credentials: settings.credentials.clone(),
    };
    let (source, maker, life) = if given.tokens.is_empty() {
        let by_members = MemberAuthenticators::new(given.credentials);
        (
            Source::Vault(store.clone()),
            Maker::Members(by_members),
            TTL,
        )
    } else {
        (Source::Settings, Maker::Given(given), Duration::MAX)
    };
    RotatingAuthenticator::new(source, maker, clock, life)
}

/// Where the webhook's secret stands.
pub enum Source<C> {
    /// In the settings, which do not change while the process lives.
    Settings,
    /// In the vault. Looking which versions there are is one read of the store, so that a change is
    /// seen with the first delivery made under it, and strangers cause no reading at all.
    Vault(Store<C>),
}

impl<C: Clock> SecretReader for Source<C> {
    async fn read(&self, stage: Stage) -> Result<Option<SecretString>, PortError> {
        match self {
            Self::Settings if stage == Stage::Current => {
                Ok(Some(SecretFields::default().to_secret()))
            }
            Self::Settings => Ok(None),
            Self::Vault(store) => from_vault(store, stage).await,
        }
    }

    async fn versions(&self) -> Option<SecretInfo> {
        match self {
            Self::Settings => Some(SecretInfo::default()),
            Self::Vault(store) => {
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
        PortError::new(FailureClass::Transient, "secret.unavailable")
            .with_source(Unavailable(error))
    };
    let found = Vault::read(store, stored_credentials::WEBHOOK, stage).await;
    match found.map_err(|error| unavailable(error.into()))? {
        Some(found) => Ok(Some(found.value)),
        None if stage == Stage::Current => {
            let tokens = token::in_force(store, &[]).await.map_err(unavailable)?;
            let fields = SecretFields::default();
            let named = |token| fields.with_secret("halopsa_webhook_token", token);
            Ok(tokens.first().map(named).map(|fields| fields.to_secret()))
        }
        None => Ok(None),
    }
}

/// The vault could not be read.
#[derive(Debug, thiserror::Error)]
#[error("the vault could not be read: {0:#}")]
struct Unavailable(anyhow::Error);

/// How doors are made.
pub enum Maker {
    /// From the settings.
    Given(Accepted),
    /// From the secret's members.
    Members(MemberAuthenticators),
}

impl AuthenticatorFactory for Maker {
    fn make(&self, versions: &SecretVersions, now: Timestamp) -> Result<Authenticators, PortError> {
        match self {
            Self::Given(fit) => Ok(Authenticators {
                delivery: Authenticator::new(&fit.tokens, &fit.credentials),
                address: Authenticator::new(&fit.tokens, &[]),
                overlap_end: None,
            }),
            Self::Members(maker) => maker.make(versions, now),
        }
    }
}

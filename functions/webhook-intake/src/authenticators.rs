//! From the versions of a secret to the doors they open.

use halogard_app::credentials::{
    AuthenticatorFactory, Authenticators, SecretFields, SecretVersions, overlap_end,
};
use halogard_app::intake::Authenticator;
use halogard_app::ports::{PortError, Stage};
use halogard_domain::{FailureClass, Timestamp};
use halogard_runtime::settings::{self, Environment, SettingWarning, WebhookSettings};
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Map, Value};

use crate::settings::WEBHOOK_PREFIX;

/// Makes doors of a secret whose members are settings.
pub struct SettingsAuthenticators {
    /// Settings that stand beside the secret.
    plain: Vec<(&'static str, String)>,
}

/// Why a secret is of no use. Holds no value of it.
#[derive(Debug, thiserror::Error)]
pub enum WebhookSecretError {
    /// It is not an object.
    #[error("the {} version of the webhook secret is no JSON object; write one whose members are settings, such as \"halopsa_webhook_token\"", word(*.0))]
    NotAnObject(Stage),
    /// A member is no text.
    #[error("the member {member} of the webhook secret is no text; put it into quotes")]
    NotText {
        /// The setting.
        member: &'static str,
    },
    /// The settings in it are wrong.
    #[error("the webhook secret cannot be used: {0}")]
    Settings(#[from] settings::SettingsError),
    /// It names no address.
    #[error(
        "the webhook secret has no halopsa_webhook_token; add the unguessable end of the webhook's address"
    )]
    NoToken,
}

/// The stage as a word in a sentence.
const fn word(stage: Stage) -> &'static str {
    match stage {
        Stage::Current => "current",
        Stage::Pending => "pending",
        Stage::Previous => "previous",
    }
}

impl SettingsAuthenticators {
    /// Authenticators for what the secret says, and `plain` settings where it says nothing.
    #[must_use]
    pub const fn new(plain: Vec<(&'static str, String)>) -> Self {
        Self { plain }
    }

    /// The doors at `now`, and what was warnings in the current version.
    ///
    /// What the current version asks for is asked for: another one that gets by with the address
    /// alone does not lower that.
    fn doors(
        &self,
        versions: &SecretVersions,
        now: Timestamp,
    ) -> Result<(Authenticators, Vec<SettingWarning>), WebhookSecretError> {
        let current = members(Stage::Current, &versions.current)?;
        let (mut settings, warnings) = self.read(&current)?;
        if settings.tokens.is_empty() {
            return Err(WebhookSecretError::NoToken);
        }
        let end = SecretFields::parse(&versions.current)
            .ok()
            .as_ref()
            .and_then(overlap_end);
        let previous = versions
            .previous
            .as_ref()
            .filter(|_| end.is_none_or(|end| now < end));
        let others = [
            (Stage::Previous, previous),
            (Stage::Pending, versions.pending.as_ref()),
        ];
        for (stage, secret) in others {
            let Some(secret) = secret else {
                continue;
            };
            match members(stage, secret).and_then(|members| self.read(&members)) {
                Ok((other, _)) => {
                    settings.tokens.extend(other.tokens);
                    if !settings.credentials.is_empty() {
                        settings.credentials.extend(other.credentials);
                    }
                }
                Err(error) => tracing::warn!(
                    stage = word(stage),
                    reason = %error,
                    "a version of the webhook secret is left out"
                ),
            }
        }
        let doors = Authenticators {
            address: Authenticator::new(&settings.tokens, &[]),
            delivery: Authenticator::new(&settings.tokens, &settings.credentials),
            overlap_end: end.filter(|_| previous.is_some()),
        };
        Ok((doors, warnings))
    }

    /// The webhook's settings among `members`.
    fn read(
        &self,
        members: &Map<String, Value>,
    ) -> Result<(WebhookSettings, Vec<SettingWarning>), WebhookSecretError> {
        let mut values = Vec::new();
        for info in settings::SETTINGS {
            if !info.name.starts_with(WEBHOOK_PREFIX) {
                continue;
            }
            match members.get(&info.key()) {
                Some(Value::String(text)) => values.push((info.name, text.clone())),
                Some(Value::Null) | None => {}
                Some(_) => return Err(WebhookSecretError::NotText { member: info.name }),
            }
        }
        // The first value of a name counts.
        values.extend(self.plain.iter().cloned());
        Ok(settings::read(&Environment::of(values))?)
    }
}

impl AuthenticatorFactory for SettingsAuthenticators {
    fn make(&self, versions: &SecretVersions, now: Timestamp) -> Result<Authenticators, PortError> {
        let (doors, warnings) = self.doors(versions, now).map_err(|error| {
            PortError::new(FailureClass::Permanent, "secret.unusable").with_source(error)
        })?;
        for remark in warnings {
            tracing::warn!(reason = %remark, "a setting in the webhook secret is not quite right");
        }
        Ok(doors)
    }
}

/// The members of one version of the secret.
fn members(stage: Stage, secret: &SecretString) -> Result<Map<String, Value>, WebhookSecretError> {
    serde_json::from_str(secret.expose_secret()).map_err(|_| WebhookSecretError::NotAnObject(stage))
}

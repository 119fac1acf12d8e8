//! From the versions of a secret to the doors they open.

use std::time::Duration;

use halogard_app::intake::{Door, Knock};
use halogard_app::ports::Stage;
use halogard_domain::Timestamp;
use halogard_runtime_lean::settings::{self, Environment, Forgiven, WebhookSettings};
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Map, Value};

use crate::settings::WEBHOOK_PREFIX;

/// How long the version before is accepted after a rotation, unless the secret says otherwise: what
/// the rotation takes for granted as well.
const OVERLAP_HOURS: i64 = 24;

/// Whom deliveries are taken from, as the secret says.
pub struct Gate {
    /// The address alone.
    path: Door,
    /// The address and any one of the credentials.
    door: Door,
}

/// Why a secret is of no use. Holds no value of it.
#[derive(Debug, thiserror::Error)]
pub enum GateError {
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

/// The versions of the secret, as the vault has them.
#[derive(Clone, Debug)]
pub struct Versions {
    /// The one in use.
    pub current: SecretString,
    /// The one before.
    pub previous: Option<SecretString>,
    /// The next one: HaloPSA is told it before it becomes the current one.
    pub pending: Option<SecretString>,
}

impl Gate {
    /// The gate that `versions` open at `now`, and what was forgiven in the current one.
    ///
    /// `plain` are settings that stand beside the secret. What the current version asks for is asked
    /// for: another one that gets by with the address alone does not lower that.
    ///
    /// # Errors
    ///
    /// What is wrong with the current version. Another one that cannot be used is logged and left
    /// out.
    pub fn new(
        versions: &Versions,
        plain: &[(&'static str, String)],
        now: Timestamp,
    ) -> Result<(Self, Vec<Forgiven>), GateError> {
        let current = members(Stage::Current, &versions.current)?;
        let (mut settings, forgiven) = read(&current, plain)?;
        if settings.tokens.is_empty() {
            return Err(GateError::NoToken);
        }
        let previous = versions
            .previous
            .as_ref()
            .filter(|_| overlap_end(&current).is_none_or(|end| now < end));
        let others = [
            (Stage::Previous, previous),
            (Stage::Pending, versions.pending.as_ref()),
        ];
        for (stage, secret) in others {
            let Some(secret) = secret else {
                continue;
            };
            match members(stage, secret).and_then(|members| read(&members, plain)) {
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
        let gate = Self {
            path: Door::new(&settings.tokens, &[]),
            door: Door::new(&settings.tokens, &settings.credentials),
        };
        Ok((gate, forgiven))
    }

    /// Whether `token` is the end of our address.
    pub(crate) fn knows(&self, token: &str) -> bool {
        self.path.opens_for(&Knock {
            path_token: token,
            header: &|_| Vec::new(),
            body: &[],
        })
    }

    /// Whom HaloPSA's address opens for.
    pub(crate) const fn door(&self) -> &Door {
        &self.door
    }
}

/// The members of one version of the secret.
fn members(stage: Stage, secret: &SecretString) -> Result<Map<String, Value>, GateError> {
    serde_json::from_str(secret.expose_secret()).map_err(|_| GateError::NotAnObject(stage))
}

/// The webhook's settings among `members`.
fn read(
    members: &Map<String, Value>,
    plain: &[(&'static str, String)],
) -> Result<(WebhookSettings, Vec<Forgiven>), GateError> {
    let mut values = Vec::new();
    for info in settings::SETTINGS {
        if !info.name.starts_with(WEBHOOK_PREFIX) {
            continue;
        }
        match members.get(&info.key()) {
            Some(Value::String(text)) => values.push((info.name, text.clone())),
            Some(Value::Null) | None => {}
            Some(_) => return Err(GateError::NotText { member: info.name }),
        }
    }
    // The first value of a name counts.
    values.extend(plain.iter().cloned());
    Ok(settings::read(&Environment::of(values))?)
}

/// When the version before `current` is no longer accepted; `None` where nobody wrote down when it
/// was replaced: then it counts for as long as there is one.
fn overlap_end(current: &Map<String, Value>) -> Option<Timestamp> {
    let number = |name: &str| {
        let value = current.get(name)?;
        value
            .as_i64()
            .or_else(|| value.as_str()?.trim().parse().ok())
    };
    let hours = number("overlap_hours").unwrap_or(OVERLAP_HOURS);
    let overlap = u64::try_from(hours).unwrap_or(0).saturating_mul(3600);
    let replaced_at = Timestamp::from_millis(number("rotated_at_ms")?);
    Some(replaced_at.plus(Duration::from_secs(overlap)))
}

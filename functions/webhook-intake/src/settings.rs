//! The settings of the function.

use std::time::Duration;

use halogard_credentials::SecretFields;
use halogard_runtime::settings::SETTINGS;

/// Seconds after which the secret is read again. Short enough that a new value is accepted within minutes, long enough
/// that reading it costs almost nothing.
const SECRET_SECONDS: u64 = 300;

/// The maximum: a day.
const SECRET_SECONDS_MAX: u64 = 86_400;

/// The prefix of the settings that belong to webhooks.
pub(crate) const WEBHOOK_PREFIX: &str = "HALOPSA_WEBHOOK_";

/// The settings of the function.
#[derive(Debug)]
pub struct IntakeSettings {
    /// The ARN or name of the webhook's secret (`WEBHOOK_SECRET`).
    pub secret: String,
    /// How long a value that was read is used (`WEBHOOK_SECRET_SECONDS`).
    pub secret_ttl: Duration,
    /// The URL of the urgent lane's queue (`URGENT_QUEUE_URL`).
    pub urgent: String,
    /// The URL of the runs lane's queue (`RUNS_QUEUE_URL`).
    pub runs: String,
    /// IntakeSettings of the webhook that are not secret, such as the name of the signature's header
    /// (`HALOPSA_WEBHOOK_…`), as members of a secret. The secret's own members win.
    pub webhook: SecretFields,
}

/// A setting is missing or invalid. Contains names, no values.
#[derive(Debug, thiserror::Error)]
pub enum IntakeSettingsError {
    /// A variable is not set.
    #[error("{name} is missing; set it to {what}")]
    Missing {
        /// The variable.
        name: &'static str,
        /// What to set it to.
        what: &'static str,
    },
    /// A number is invalid or out of range.
    #[error(
        "{name} is invalid; set it to a whole number of seconds from 1 to {most}, or remove it"
    )]
    Seconds {
        /// The variable.
        name: &'static str,
        /// The maximum.
        most: u64,
    },
}

impl IntakeSettings {
    /// Reads the settings through `get`, which maps a variable's name to its value.
    ///
    /// # Errors
    ///
    /// The first setting that is missing or invalid.
    pub fn read(get: impl Fn(&str) -> Option<String>) -> Result<Self, IntakeSettingsError> {
        let optional = |name| {
            let value: Option<String> = get(name);
            value.filter(|value| !value.trim().is_empty())
        };
        let required = |name, what| {
            optional(name)
                .map(|value| value.trim().to_owned())
                .ok_or(IntakeSettingsError::Missing { name, what })
        };
        let webhook = SETTINGS
            .iter()
            .filter(|info| info.name.starts_with(WEBHOOK_PREFIX))
            .filter_map(|info| Some((info.key(), optional(info.name)?)))
            .fold(SecretFields::default(), |fields, (member, value)| {
                fields.with(&member, &value)
            });
        Ok(Self {
            secret: required("WEBHOOK_SECRET", "the ARN of the webhook's secret")?,
            secret_ttl: seconds("WEBHOOK_SECRET_SECONDS", optional("WEBHOOK_SECRET_SECONDS"))?,
            urgent: required("URGENT_QUEUE_URL", "the URL of the urgent lane's queue")?,
            runs: required("RUNS_QUEUE_URL", "the URL of the runs lane's queue")?,
            webhook,
        })
    }
}

/// The seconds in `text`.
fn seconds(name: &'static str, text: Option<String>) -> Result<Duration, IntakeSettingsError> {
    let seconds = match text {
        None => Some(SECRET_SECONDS),
        Some(text) => text
            .trim()
            .parse()
            .ok()
            .filter(|seconds| (1..=SECRET_SECONDS_MAX).contains(seconds)),
    };
    seconds
        .map(Duration::from_secs)
        .ok_or(IntakeSettingsError::Seconds {
            name,
            most: SECRET_SECONDS_MAX,
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    const WHOLE: [(&str, &str); 3] = [
        ("WEBHOOK_SECRET", " arn:secret "),
        ("URGENT_QUEUE_URL", "https://queue/urgent"),
        ("RUNS_QUEUE_URL", "https://queue/runs"),
    ];

    fn read(changes: &[(&str, &str)]) -> Result<IntakeSettings, IntakeSettingsError> {
        IntakeSettings::read(|name| {
            let value = |set: &[(&str, &str)]| {
                set.iter()
                    .find(|(set, _)| *set == name)
                    .map(|(_, value)| (*value).to_owned())
            };
            value(changes).or_else(|| value(&WHOLE))
        })
    }

    #[test]
    fn settings_that_are_not_set_have_their_defaults() {
        let settings = read(&[]).unwrap();
        assert_eq!(settings.secret, "arn:secret");
        assert_eq!(settings.secret_ttl, Duration::from_secs(300));
        assert_eq!(settings.webhook, SecretFields::default());
    }

    #[test]
    fn only_webhook_settings_are_passed_on() {
        let settings = read(&[
            ("HALOPSA_WEBHOOK_SIGNATURE_HEADER", "X-Signed"),
            ("HALOPSA_CLIENT_ID", "6f1d"),
            ("WEBHOOK_SECRET_SECONDS", "60"),
        ])
        .unwrap();
        assert_eq!(
            settings.webhook,
            SecretFields::default().with("halopsa_webhook_signature_header", "X-Signed")
        );
        assert_eq!(settings.secret_ttl, Duration::from_secs(60));
    }

    #[test]
    fn an_error_names_the_setting_and_the_remedy() {
        let cases = [
            (("WEBHOOK_SECRET", ""), "set it to the ARN"),
            (("URGENT_QUEUE_URL", " "), "urgent lane"),
            (("RUNS_QUEUE_URL", ""), "runs lane"),
            (("WEBHOOK_SECRET_SECONDS", "0"), "from 1 to 86400"),
            (("WEBHOOK_SECRET_SECONDS", "5 minutes"), "from 1 to 86400"),
            (("WEBHOOK_SECRET_SECONDS", "86401"), "from 1 to 86400"),
        ];
        for ((name, value), remedy) in cases {
            let said = read(&[(name, value)]).unwrap_err().to_string();
            assert!(said.starts_with(name) && said.contains(remedy), "{said}");
        }
    }
}

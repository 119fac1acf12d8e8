//! The table of all settings: name, meaning and default.

use std::fmt::Write as _;

use super::{budget, halo, liongard, notify, outbound, serve, webhook};

/// One setting. Its name is an environment variable in upper case, and a key of `[settings]` in the
/// config file in lower case.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SettingInfo {
    /// Its name as an environment variable.
    pub name: &'static str,
    /// Which values are valid.
    pub form: Form,
    /// The unit of a number.
    pub unit: Option<&'static str>,
    /// What it means, in one line.
    pub meaning: &'static str,
    /// Where to find its value, as an instruction.
    pub found_at: &'static str,
}

/// Which values of a setting are valid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// Text.
    Text {
        /// The value when it is not set.
        default: Option<&'static str>,
    },
    /// Text that is never shown, and never read from a file.
    Secret,
    /// A whole number.
    Count {
        /// The smallest valid value.
        least: u64,
        /// The largest valid value.
        most: u64,
        /// The value when it is not set.
        default: u64,
    },
}

impl SettingInfo {
    /// A text without default.
    pub(super) const fn text(
        name: &'static str,
        meaning: &'static str,
        found_at: &'static str,
    ) -> Self {
        let form = Form::Text { default: None };
        Self {
            name,
            form,
            unit: None,
            meaning,
            found_at,
        }
    }

    /// A secret.
    pub(super) const fn secret(
        name: &'static str,
        meaning: &'static str,
        found_at: &'static str,
    ) -> Self {
        Self {
            form: Form::Secret,
            ..Self::text(name, meaning, found_at)
        }
    }

    /// A number of `unit`.
    pub(super) const fn count(
        name: &'static str,
        unit: &'static str,
        (least, most): (u64, u64),
        default: u64,
        meaning: &'static str,
    ) -> Self {
        let form = Form::Count {
            least,
            most,
            default,
        };
        Self {
            form,
            unit: Some(unit),
            ..Self::text(name, meaning, "")
        }
    }

    /// The same, with a default.
    pub(super) const fn or(self, default: &'static str) -> Self {
        Self {
            form: Form::Text {
                default: Some(default),
            },
            ..self
        }
    }

    /// Whether its value must never be shown.
    #[must_use]
    pub const fn is_secret(&self) -> bool {
        matches!(self.form, Form::Secret)
    }

    /// The default, as text.
    #[must_use]
    pub fn default_text(&self) -> Option<String> {
        match self.form {
            Form::Text { default } => default.map(str::to_owned),
            Form::Secret => None,
            Form::Count { default, .. } => Some(default.to_string()),
        }
    }

    /// Its name below `[settings]` of the config file.
    #[must_use]
    pub fn key(&self) -> String {
        self.name.to_ascii_lowercase()
    }
}

/// The settings before those of the webhook.
const BEFORE_WEBHOOK: [SettingInfo; 8] = [
    halo::RESOURCE_URL,
    halo::AUTH_URL,
    halo::TENANT,
    halo::CLIENT_ID,
    halo::CLIENT_SECRET,
    halo::SCOPES,
    budget::WINDOW_REQUESTS_MAX,
    budget::WINDOW_SECONDS,
];

/// The settings after those of the webhook.
const AFTER_WEBHOOK: [SettingInfo; 16] = [
    liongard::URL,
    liongard::ACCESS_KEY_ID,
    liongard::ACCESS_KEY_SECRET,
    outbound::CA_FILE,
    outbound::HTTPS_PROXY,
    outbound::NO_PROXY,
    notify::CHAT_URL,
    notify::MAIL_PASSWORD,
    serve::POLL_INTERVAL_SECONDS,
    serve::INSPECTOR_MIN_INTERVAL_SECONDS,
    serve::LIONGARD_KEY_CHECK_SECONDS,
    serve::CONFIG,
    serve::DATA_DIR,
    serve::LISTEN,
    serve::PUBLIC_URL,
    serve::METRICS_LISTEN,
];

/// All settings, in the order in which an operator meets them.
pub const SETTINGS: &[SettingInfo] = &all();

/// How many settings there are.
const COUNT: usize = BEFORE_WEBHOOK.len() + webhook::ALL.len() + AFTER_WEBHOOK.len();

/// The parts of the table, one after another.
const fn all() -> [SettingInfo; COUNT] {
    let mut all = [BEFORE_WEBHOOK[0]; COUNT];
    let parts: [&[SettingInfo]; 3] = [&BEFORE_WEBHOOK, &webhook::ALL, &AFTER_WEBHOOK];
    let (mut part, mut at) = (0, 0);
    while part < parts.len() {
        let mut index = 0;
        while index < parts[part].len() {
            all[at] = parts[part][index];
            at += 1;
            index += 1;
        }
        part += 1;
    }
    all
}

/// The table of all settings as Markdown, for `docs/settings.md`.
#[must_use]
pub fn settings_table_markdown() -> String {
    let mut table =
        "| Name | Default | Unit | Secret | Meaning |\n| --- | --- | --- | --- | --- |\n"
            .to_owned();
    for info in SETTINGS {
        let default = info
            .default_text()
            .map(|text| format!("`{text}`"))
            .unwrap_or_default();
        let unit = info.unit.unwrap_or_default();
        let secret = if info.is_secret() { "yes" } else { "" };
        // Writing to a String cannot fail; the result has nothing to say.
        writeln!(
            table,
            "| `{}` | {default} | {unit} | {secret} | {} |",
            info.name, info.meaning
        )
        .unwrap_or_default();
    }
    table
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_name_is_in_the_table_once_and_is_a_variable_name() {
        let names: BTreeSet<_> = SETTINGS.iter().map(|info| info.name).collect();
        assert_eq!(names.len(), SETTINGS.len());
        for name in names {
            let fits = |c: char| c.is_ascii_uppercase() || c == '_';
            assert!(name.chars().all(fits), "{name}");
        }
    }

    #[test]
    fn every_default_is_within_its_bounds() {
        for info in SETTINGS {
            if let Form::Count {
                least,
                most,
                default,
            } = info.form
            {
                assert!((least..=most).contains(&default), "{}", info.name);
            }
        }
    }
}

//! Reads settings one by one and collects everything that is wrong with them.

use std::fmt;
use std::time::Duration;

use halogard_domain::render::truncate;
use secrecy::SecretString;

use super::error::SettingFault;
use super::info::{Form, SettingInfo};
use super::normalize::normalize;
use super::setting_values::{SettingOrigin, SettingValues};

/// A warning about a setting that works, though not as it was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SettingWarning {
    /// The setting.
    pub setting: &'static str,
    /// What was corrected.
    pub what: &'static str,
}

impl fmt::Display for SettingWarning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.setting, self.what)
    }
}

/// Characters of a wrong value that are shown.
const SHOWN_CHARS_MAX: usize = 60;

/// Reads settings out of an [`SettingValues`].
///
/// A method that returns `None` for a required setting has recorded the fault.
#[derive(Debug)]
pub struct SettingsReader<'a> {
    environment: &'a SettingValues,
    faults: Vec<SettingFault>,
    warnings: Vec<SettingWarning>,
}

impl<'a> SettingsReader<'a> {
    /// A reader of `environment`.
    #[must_use]
    pub fn new(environment: &'a SettingValues) -> Self {
        Self {
            environment,
            faults: Vec::new(),
            warnings: Vec::new(),
        }
    }

    /// The faults and the warnings.
    #[must_use]
    pub fn finish(self) -> (Vec<SettingFault>, Vec<SettingWarning>) {
        (self.faults, self.warnings)
    }

    /// The value of `info`, normalized, or its default.
    pub fn optional(&mut self, info: &SettingInfo) -> Option<String> {
        self.value(info).or_else(|| info.default_text())
    }

    /// The value of `info`, normalized; its absence is a fault.
    pub fn required(&mut self, info: &SettingInfo) -> Option<String> {
        let value = self.optional(info);
        if value.is_none() && !self.has_fault(info) {
            self.note(info, "is missing".to_owned());
        }
        value
    }

    /// The value of `info`, which must be one word: keys are sometimes copied in two parts, or with a
    /// line end inside.
    pub fn required_word(&mut self, info: &SettingInfo) -> Option<String> {
        let value = self.required(info)?;
        if value.contains(char::is_whitespace) {
            self.note(info, "has a blank or a line end inside".to_owned());
            return None;
        }
        Some(value)
    }

    /// The secret `info`, which must be one word; its absence is a fault.
    pub fn required_secret(&mut self, info: &SettingInfo) -> Option<SecretString> {
        self.required_word(info).map(SecretString::from)
    }

    /// Whether `info` has a value.
    pub(super) fn is_set(&self, info: &SettingInfo) -> bool {
        self.environment.get(info.name).is_some()
    }

    /// The number `info`, or its default.
    pub fn count(&mut self, info: &SettingInfo) -> Option<u64> {
        let Form::Count {
            least,
            most,
            default,
        } = info.form
        else {
            return None;
        };
        let Some(text) = self.value(info) else {
            return (!self.has_fault(info)).then_some(default);
        };
        let value = text.parse().ok().filter(|n| (least..=most).contains(n));
        if value.is_none() {
            let unit = info.unit.unwrap_or_default();
            self.refuse(
                info,
                &format!("is {}", self.shown(info, &text)),
                &format!("write a whole number of {unit} from {least} to {most}"),
            );
        }
        value
    }

    /// The number of seconds `info`, or its default.
    pub fn seconds(&mut self, info: &SettingInfo) -> Option<Duration> {
        self.count(info).map(Duration::from_secs)
    }

    /// Records that `info` is `wrong` and what to do.
    pub fn refuse(&mut self, info: &SettingInfo, wrong: &str, remedy: &str) {
        let place = match self.environment.get(info.name) {
            Some((_, SettingOrigin::ConfigFile)) => " in the config file",
            Some((_, SettingOrigin::Vault)) => " in the vault",
            Some((_, SettingOrigin::Credential)) => " in the service's credentials",
            _ => "",
        };
        self.faults.push(SettingFault {
            setting: info.name,
            wrong: format!("{wrong}{place}"),
            remedy: remedy.to_owned(),
        });
    }

    /// Records that `info` works, though not as it was written.
    pub fn warn(&mut self, info: &SettingInfo, what: &'static str) {
        self.warnings.push(SettingWarning {
            setting: info.name,
            what,
        });
    }

    /// A wrong value, as far as it may be shown.
    pub(super) fn shown(&self, info: &SettingInfo, value: &str) -> String {
        if info.is_secret() {
            return "not usable".to_owned();
        }
        format!(
            "`{}`",
            truncate(&value.escape_debug().to_string(), SHOWN_CHARS_MAX)
        )
    }

    /// The value of `info` as it was set, normalized.
    pub(super) fn value(&mut self, info: &SettingInfo) -> Option<String> {
        let (pasted, _) = self.environment.get(info.name)?;
        let (value, warnings) = normalize(info.name, pasted);
        for what in warnings {
            self.warn(info, what);
        }
        if value.contains(char::REPLACEMENT_CHARACTER) {
            self.note(info, "has bytes that are not text".to_owned());
            return None;
        }
        (!value.is_empty()).then(|| value.to_owned())
    }

    /// Records a fault whose remedy is to copy the value from where it is found.
    fn note(&mut self, info: &SettingInfo, wrong: String) {
        self.refuse(info, &wrong, info.found_at);
    }

    fn has_fault(&self, info: &SettingInfo) -> bool {
        self.faults.iter().any(|fault| fault.setting == info.name)
    }
}

//! What is wrong with the settings.

use std::fmt;

/// Everything that is missing or wrong, one line each.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct SettingsError {
    faults: Vec<SettingFault>,
}

/// One setting that is missing or wrong. Never contains the value of a secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SettingFault {
    /// The setting.
    pub setting: &'static str,
    /// What is wrong with it, as the end of a sentence that begins with its name.
    pub wrong: String,
    /// What to do.
    pub remedy: String,
}

impl SettingsError {
    /// An error with these faults.
    #[must_use]
    pub(super) fn new(faults: Vec<SettingFault>) -> Self {
        Self { faults }
    }

    /// The faults, in the order of reading.
    #[must_use]
    pub fn faults(&self) -> &[SettingFault] {
        &self.faults
    }
}

impl fmt::Display for SettingsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, fault) in self.faults.iter().enumerate() {
            if index > 0 {
                f.write_str("\n")?;
            }
            fault.fmt(f)?;
        }
        Ok(())
    }
}

impl fmt::Display for SettingFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}; {}", self.setting, self.wrong, self.remedy)
    }
}

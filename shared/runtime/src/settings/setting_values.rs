//! Where the values of settings come from.

use std::collections::BTreeMap;
use std::env::VarError;
use std::fmt;
use std::path::Path;

use super::info::SETTINGS;

/// The beginnings of the names of settings that are variables of ours without doubt.
const PREFIXES: [&str; 3] = ["HALOPSA_", "LIONGARD_", "HALOGARD_"];

/// What stands before the name of a credential's file where the unit loads a folder as `halogard`.
const CREDENTIAL_PREFIX: &str = "halogard_";

/// Values of settings by name. The process environment wins over the config file. A value that is only
/// white space counts as not set.
#[derive(Clone, Default)]
pub struct SettingValues {
    values: BTreeMap<String, (String, SettingOrigin)>,
}

/// Where a value was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SettingOrigin {
    /// An environment variable.
    Variable,
    /// A file of systemd's credentials.
    Credential,
    /// `[settings]` of the config file.
    ConfigFile,
    /// The vault.
    Vault,
}

impl SettingValues {
    /// The current variables of this process, and the credentials that systemd gives it: a file for each in
    /// the folder `CREDENTIALS_DIRECTORY`, named like its setting. A variable wins.
    #[must_use]
    #[expect(
        clippy::disallowed_methods,
        reason = "the one place that reads the environment"
    )]
    pub fn process() -> Self {
        let value_of = |name: &str| match std::env::var(name) {
            Ok(value) => Some(value),
            Err(VarError::NotPresent) => None,
            // Included, so that the reader reports an invalid value and not a missing one.
            Err(VarError::NotUnicode(bytes)) => Some(bytes.to_string_lossy().into_owned()),
        };
        let names = SETTINGS.iter().map(|info| info.name);
        let variables = Self::of(names.filter_map(|name| Some((name, value_of(name)?))));
        match std::env::var_os("CREDENTIALS_DIRECTORY") {
            Some(folder) => variables.or_credentials(Path::new(&folder)),
            None => variables,
        }
    }

    /// Adds the files of `folder` that are named like a setting, where there is none. `LoadCredential=` with a
    /// folder puts its own name and `_` before each.
    fn or_credentials(self, folder: &Path) -> Self {
        let file = |name: &str| {
            let candidates = [name.to_owned(), format!("{CREDENTIAL_PREFIX}{name}")];
            let mut files = candidates.into_iter().map(|it| folder.join(it));
            files.find_map(|path| std::fs::read_to_string(path).ok())
        };
        let names = SETTINGS.iter().map(|info| info.name);
        let values: Vec<_> = names.filter_map(|name| Some((name, file(name)?))).collect();
        self.with(values, SettingOrigin::Credential)
    }

    /// Variables of this process that begin like a setting and are not, perhaps mistyped.
    #[must_use]
    pub fn unknown_variables() -> Vec<String> {
        let names = std::env::vars_os().filter_map(|(name, _)| name.into_string().ok());
        Self::unknown_among(names)
    }

    /// Those of `names` that begin like a setting and are not.
    fn unknown_among(names: impl IntoIterator<Item = String>) -> Vec<String> {
        let is_unknown = |name: &String| {
            let begins = PREFIXES.iter().any(|prefix| name.starts_with(prefix));
            begins && !SETTINGS.iter().any(|info| info.name == name)
        };
        let mut unknown: Vec<String> = names.into_iter().filter(is_unknown).collect();
        unknown.sort_unstable();
        unknown
    }

    /// Variables with these values.
    pub fn of<N: Into<String>, V: Into<String>>(values: impl IntoIterator<Item = (N, V)>) -> Self {
        Self::default().with(values, SettingOrigin::Variable)
    }

    /// Adds these values where there is none. For `[settings]` of the config file.
    #[must_use]
    pub fn or<N: Into<String>, V: Into<String>>(
        self,
        values: impl IntoIterator<Item = (N, V)>,
    ) -> Self {
        self.with(values, SettingOrigin::ConfigFile)
    }

    /// Adds these values where there is none. For credentials in the vault.
    #[must_use]
    pub fn or_stored<N: Into<String>, V: Into<String>>(
        self,
        values: impl IntoIterator<Item = (N, V)>,
    ) -> Self {
        self.with(values, SettingOrigin::Vault)
    }

    /// The value of the setting `name` and where it was found.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<(&str, SettingOrigin)> {
        let (value, origin) = self.values.get(name)?;
        Some((value, *origin))
    }

    fn with<N: Into<String>, V: Into<String>>(
        mut self,
        values: impl IntoIterator<Item = (N, V)>,
        origin: SettingOrigin,
    ) -> Self {
        for (name, value) in values {
            let value = value.into();
            if !value.trim().is_empty() {
                self.values.entry(name.into()).or_insert((value, origin));
            }
        }
        self
    }
}

impl fmt::Debug for SettingValues {
    /// Names only: some values are secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.values.keys()).finish()
    }
}

impl fmt::Display for SettingOrigin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Variable => "the environment",
            Self::Credential => "the credentials of the service",
            Self::ConfigFile => "the config file",
            Self::Vault => "the vault",
        })
    }
}

/// The variable `name` of this process, if it is text: for names that are not settings, such as those
/// of AWS.
#[must_use]
#[expect(
    clippy::disallowed_methods,
    reason = "the one place beside `SettingValues::process` that reads the environment"
)]
pub fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_begins_like_a_setting_and_is_none_is_found() {
        let names = [
            "PATH",
            "HALOPSA_WEBHOOK_SECRT",
            "HALOPSA_WEBHOOK_SECRET",
            "HALOGARD_LISTEN",
            "HALO_TENANT",
            "HALOGARD_COLOUR",
        ];
        let unknown = SettingValues::unknown_among(names.map(str::to_owned));
        assert_eq!(unknown, ["HALOGARD_COLOUR", "HALOPSA_WEBHOOK_SECRT"]);
    }

    #[test]
    fn a_credential_of_the_service_is_a_setting() {
        let folder = tempfile::tempdir().expect("a folder");
        let write = |name: &str, text: &str| {
            std::fs::write(folder.path().join(name), text).expect("a file");
        };
        write("halogard_HALOPSA_CLIENT_SECRET", "from a folder\n");
        write("HALOPSA_CLIENT_ID", "alone");
        write("halogard_LIONGARD_ACCESS_KEY_ID", "loses");
        write("halogard_README", "is not a setting");
        let environment = SettingValues::of([("LIONGARD_ACCESS_KEY_ID", "variable")])
            .or_credentials(folder.path())
            .or([("HALOPSA_CLIENT_ID", "file")]);
        let expected = [
            (
                "HALOPSA_CLIENT_SECRET",
                "from a folder\n",
                SettingOrigin::Credential,
            ),
            ("HALOPSA_CLIENT_ID", "alone", SettingOrigin::Credential),
            (
                "LIONGARD_ACCESS_KEY_ID",
                "variable",
                SettingOrigin::Variable,
            ),
        ];
        for (name, value, origin) in expected {
            assert_eq!(environment.get(name), Some((value, origin)), "{name}");
        }
        assert_eq!(environment.values.len(), expected.len());
    }

    #[test]
    fn a_variable_wins_over_the_file_and_an_empty_one_does_not() {
        let environment = SettingValues::of([("A", "variable"), ("B", " ")]).or([
            ("A", "file"),
            ("B", "file"),
            ("C", ""),
        ]);
        assert_eq!(
            environment.get("A"),
            Some(("variable", SettingOrigin::Variable))
        );
        assert_eq!(
            environment.get("B"),
            Some(("file", SettingOrigin::ConfigFile))
        );
        assert_eq!(environment.get("C"), None);
    }
}

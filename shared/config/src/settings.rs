//! `[settings]`: the settings of the process that a file may contain.

use std::collections::BTreeMap;

use halogard_runtime::settings::{CONFIG, Form, SETTINGS, SettingInfo};

use crate::fields::Fields;
use crate::spec::{KeySpec, TableSpec, ValueKind};

/// The table `[settings]`, derived from the table of all settings.
pub(crate) fn spec() -> TableSpec {
    let mut table = TableSpec::of(in_file().map(key));
    for info in SETTINGS.iter().filter(|info| info.is_secret()) {
        let why = format!(
            "is a secret and must not be in a file; set the environment variable {}",
            info.name,
        );
        table = table.refuse(info.key(), why);
    }
    table.refuse(
        CONFIG.key(),
        "would name this file itself; set the environment variable".to_owned(),
    )
}

/// The settings in the file, by the names of their environment variables.
pub(crate) fn read(file: &Fields<'_>) -> BTreeMap<String, String> {
    let Some(fields) = file.table("settings") else {
        return BTreeMap::new();
    };
    let value = |info: &SettingInfo| match info.form {
        Form::Count { .. } => Some(fields.number(&info.key())?.into_inner().to_string()),
        Form::Text { .. } | Form::Secret => Some((*fields.text(&info.key())?.get_ref()).to_owned()),
    };
    in_file()
        .filter_map(|info| Some((info.name.to_owned(), value(info)?)))
        .collect()
}

fn in_file() -> impl Iterator<Item = &'static SettingInfo> {
    SETTINGS
        .iter()
        .filter(|info| !info.is_secret() && info.name != CONFIG.name)
}

fn key(info: &SettingInfo) -> KeySpec {
    let kind = match info.form {
        Form::Count { least, most, .. } => ValueKind::Number { least, most },
        Form::Text { .. } | Form::Secret => ValueKind::Text,
    };
    let default = info
        .default_text()
        .map(|text| format!("; {text} if absent"));
    let meaning = format!("{}{}", info.meaning, default.unwrap_or_default());
    KeySpec::optional(info.key(), kind, meaning)
}

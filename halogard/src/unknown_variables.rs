//! Environment variables that look like settings and are not, perhaps mistyped.

use halogard_runtime::settings::{SETTINGS, SettingValues};

use crate::output;

/// Names each one, and the setting that was perhaps meant.
pub fn say() {
    for name in SettingValues::unknown_variables() {
        let names = SETTINGS.iter().map(|info| info.name);
        let meant = halogard_config::nearest(&name, names)
            .map(|known| format!("; did you mean {known}?"))
            .unwrap_or_default();
        output::caution(&format!(
            "the environment variable {name} is not a known setting and is ignored{meant}"
        ));
    }
}

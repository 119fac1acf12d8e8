//! How many requests HaloPSA allows.

use halogard_domain::budget::Limit;

use super::info::SettingInfo;
use super::{FromSettings, SettingsReader};

/// The default is the domain's [`Limit::DEFAULT`]. The upper bound limits the size of the ledger, which
/// is written with every request.
pub const WINDOW_REQUESTS_MAX: SettingInfo = SettingInfo::count(
    "HALOPSA_WINDOW_REQUESTS_MAX",
    "requests",
    (1, 100_000),
    Limit::DEFAULT.requests_max as u64,
    "requests HaloPSA allows in any window, for the whole account",
);

/// A window longer than a day would be a quota, which this budget does not model.
pub const WINDOW_SECONDS: SettingInfo = SettingInfo::count(
    "HALOPSA_WINDOW_SECONDS",
    "seconds",
    (1, 86_400),
    Limit::DEFAULT.window.as_secs(),
    "length of that window",
);

impl FromSettings for Limit {
    fn take(reader: &mut SettingsReader<'_>) -> Option<Self> {
        let requests_max = reader.count(&WINDOW_REQUESTS_MAX);
        let window = reader.seconds(&WINDOW_SECONDS);
        Some(Self {
            requests_max: u32::try_from(requests_max?).ok()?,
            window: window?,
        })
    }
}

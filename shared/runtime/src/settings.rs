//! Settings: where their values come from, what each means, and the checked structs they become.
//!
//! Nothing else reads the process environment. A struct here is complete and checked, or the error
//! names everything that is wrong.

mod budget;
mod error;
mod halo;
mod info;
mod liongard;
mod normalize;
mod notify;
mod outbound;
mod reader;
mod serve;
mod setting_values;
mod webhook;

use halogard_domain::budget::Limit;

pub use budget::{WINDOW_REQUESTS_MAX, WINDOW_SECONDS};
pub use error::{SettingFault, SettingsError};
pub use halo::HaloSettings;
pub use info::{Form, SETTINGS, SettingInfo, settings_table_markdown};
pub use liongard::LiongardSettings;
pub use notify::NotifySettings;
pub use outbound::OutboundSettings;
pub use reader::{SettingWarning, SettingsReader};
pub use serve::{CONFIG, ServeSettings};
pub use setting_values::{SettingOrigin, SettingValues, variable};
pub use webhook::WebhookSettings;

/// A struct made of settings. A function's own struct is the sum of the parts it uses.
pub trait FromSettings: Sized {
    /// Takes what it needs from `reader`; `None` only after the reader has recorded why.
    ///
    /// Reads every part before it returns, so that all faults are found at once.
    fn take(reader: &mut SettingsReader<'_>) -> Option<Self>;
}

/// Reads the settings of a `T`, with warnings about what was corrected.
///
/// # Errors
///
/// Everything that is missing or wrong, at once.
pub fn read<T: FromSettings>(
    environment: &SettingValues,
) -> Result<(T, Vec<SettingWarning>), SettingsError> {
    let mut reader = SettingsReader::new(environment);
    let taken = T::take(&mut reader);
    let (faults, warnings) = reader.finish();
    match taken {
        Some(taken) if faults.is_empty() => Ok((taken, warnings)),
        _ => Err(SettingsError::new(faults)),
    }
}

/// Every setting of `halogard serve`.
#[derive(Clone, Debug)]
pub struct Settings {
    /// How to reach HaloPSA.
    pub halo: HaloSettings,
    /// How to reach Liongard.
    pub liongard: LiongardSettings,
    /// How both are reached from this network.
    pub outbound: OutboundSettings,
    /// How many requests HaloPSA allows.
    pub limit: Limit,
    /// What authenticates a delivery of HaloPSA.
    pub webhook: WebhookSettings,
    /// How the process itself runs.
    pub serve: ServeSettings,
}

impl FromSettings for Settings {
    fn take(reader: &mut SettingsReader<'_>) -> Option<Self> {
        let halo = HaloSettings::take(reader);
        let liongard = LiongardSettings::take(reader);
        let outbound = OutboundSettings::take(reader);
        let limit = Limit::take(reader);
        let webhook = WebhookSettings::take(reader);
        let serve = ServeSettings::take(reader);
        Some(Self {
            halo: halo?,
            liongard: liongard?,
            outbound: outbound?,
            limit: limit?,
            webhook: webhook?,
            serve: serve?,
        })
    }
}

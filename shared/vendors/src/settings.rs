//! The settings of both vendors.

use halogard_domain::budget::Limit;
use halogard_runtime::settings::{
    FromSettings, HaloSettings, LiongardSettings, OutboundSettings, Settings, SettingsReader,
};

/// How to reach both vendors, and how often. All faults are found at once.
#[derive(Clone, Debug)]
pub struct VendorSettings {
    /// How to reach HaloPSA.
    pub halo: HaloSettings,
    /// How to reach Liongard.
    pub liongard: LiongardSettings,
    /// How both are reached from this network.
    pub outbound: OutboundSettings,
    /// How many requests HaloPSA allows.
    pub limit: Limit,
}

impl FromSettings for VendorSettings {
    fn take(reader: &mut SettingsReader<'_>) -> Option<Self> {
        let halo = HaloSettings::take(reader);
        let liongard = LiongardSettings::take(reader);
        let outbound = OutboundSettings::take(reader);
        let limit = Limit::take(reader);
        Some(Self {
            halo: halo?,
            liongard: liongard?,
            outbound: outbound?,
            limit: limit?,
        })
    }
}

impl From<&Settings> for VendorSettings {
    fn from(settings: &Settings) -> Self {
        Self {
            halo: settings.halo.clone(),
            liongard: settings.liongard.clone(),
            outbound: settings.outbound.clone(),
            limit: settings.limit,
        }
    }
}

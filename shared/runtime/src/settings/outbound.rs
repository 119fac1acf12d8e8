//! How both vendors are reached from this network: certificates of one's own, and a proxy.

use std::path::PathBuf;

use secrecy::SecretString;

use super::FromSettings;
use super::info::SettingInfo;
use super::reader::SettingsReader;

/// A HaloPSA on one's own premises may have a certificate that no public authority signed.
pub(super) const CA_FILE: SettingInfo = SettingInfo::text(
    "HALOGARD_CA_FILE",
    "a PEM file with certificates of authorities to trust beside the public ones, for a HaloPSA on one's own premises",
    "name the file with the certificate of the authority that signed HaloPSA's",
);

/// The name that other programs use. A secret, because the address may hold a password.
pub(super) const HTTPS_PROXY: SettingInfo = SettingInfo::secret(
    "HTTPS_PROXY",
    "the proxy through which both vendors are reached; this machine itself never is",
    "write the proxy's address, such as http://proxy.example.com:3128",
);

/// The name that other programs use.
pub(super) const NO_PROXY: SettingInfo = SettingInfo::text(
    "NO_PROXY",
    "hosts that are reached without the proxy, separated by commas",
    "write host names, domains such as .example.com, or addresses",
);

/// How both vendors are reached from this network.
#[derive(Clone, Debug, Default)]
pub struct OutboundSettings {
    /// Certificates to trust beside the public ones.
    pub ca_file: Option<PathBuf>,
    /// The proxy's address.
    pub proxy: Option<SecretString>,
    /// Hosts that are reached without it.
    pub no_proxy: Option<String>,
}

impl FromSettings for OutboundSettings {
    fn take(reader: &mut SettingsReader<'_>) -> Option<Self> {
        Some(Self {
            ca_file: reader.optional(&CA_FILE).map(PathBuf::from),
            proxy: reader.optional(&HTTPS_PROXY).map(SecretString::from),
            no_proxy: reader.optional(&NO_PROXY),
        })
    }
}

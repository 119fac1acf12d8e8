//! How to reach Liongard.

use secrecy::SecretString;

use super::info::SettingInfo;
use super::{FromSettings, SettingsReader};

const TOKENS_PAGE: &str = "make one in Liongard: your profile → Account Settings → Access Tokens";

pub(super) const URL: SettingInfo = SettingInfo::text(
    "LIONGARD_URL",
    "the address of your Liongard",
    "copy it from the browser's address bar, such as https://us1.app.liongard.com",
);
pub(super) const ACCESS_KEY_ID: SettingInfo = SettingInfo::text(
    "LIONGARD_ACCESS_KEY_ID",
    "the ID of the access token",
    TOKENS_PAGE,
);
pub(super) const ACCESS_KEY_SECRET: SettingInfo = SettingInfo::secret(
    "LIONGARD_ACCESS_KEY_SECRET",
    "the secret of the access token",
    TOKENS_PAGE,
);

/// How to reach Liongard.
#[derive(Clone, Debug)]
pub struct LiongardSettings {
    /// Its address, as the operator wrote it.
    pub url: String,
    /// The access token's ID.
    pub access_key_id: String,
    /// The access token's secret.
    pub access_key_secret: SecretString,
}

impl FromSettings for LiongardSettings {
    fn take(reader: &mut SettingsReader<'_>) -> Option<Self> {
        let url = reader.required(&URL);
        let access_key_id = reader.required_word(&ACCESS_KEY_ID);
        let access_key_secret = reader.required_secret(&ACCESS_KEY_SECRET);
        Some(Self {
            url: url?,
            access_key_id: access_key_id?,
            access_key_secret: access_key_secret?,
        })
    }
}

//! The secrets of the channels by which people are notified. Where notices go is in the config.

use secrecy::SecretString;

use super::FromSettings;
use super::info::SettingInfo;
use super::reader::SettingsReader;

/// It is all that is needed to post to the chat.
pub(super) const CHAT_URL: SettingInfo = SettingInfo::secret(
    "HALOGARD_CHAT_URL",
    "the address of the chat's incoming webhook, for `chat` of `[notify]`",
    "in Teams or Slack, make an incoming webhook for the channel and copy its address",
);

/// The account's name is no secret, and in the config.
pub(super) const MAIL_PASSWORD: SettingInfo = SettingInfo::secret(
    "HALOGARD_MAIL_PASSWORD",
    "the password of the account in `[notify.mail]`",
    "ask the administrator of the mail server",
);

/// The secrets of the channels. None is needed: a channel without its secret fails alone.
#[derive(Clone, Debug, Default)]
pub struct NotifySettings {
    /// The address of the chat.
    pub chat_url: Option<SecretString>,
    /// The password of the mail account.
    pub mail_password: Option<SecretString>,
}

impl NotifySettings {
    /// The names of these settings.
    pub const NAMES: [&str; 2] = [CHAT_URL.name, MAIL_PASSWORD.name];
}

impl FromSettings for NotifySettings {
    fn take(reader: &mut SettingsReader<'_>) -> Option<Self> {
        Some(Self {
            chat_url: reader.optional(&CHAT_URL).map(SecretString::from),
            mail_password: reader.optional(&MAIL_PASSWORD).map(SecretString::from),
        })
    }
}

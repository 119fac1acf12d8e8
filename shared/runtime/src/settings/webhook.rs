//! What authenticates a delivery of HaloPSA.
//!
//! The settings are turned into the members of a secret, and [`WebhookCredentials`] checks them: one rule for
//! settings and secrets. Every value may have a predecessor in a setting of the same name that ends in
//! `_PREVIOUS`. Both are accepted, so that a value can be replaced in HaloPSA and here at different times
//! without a rejected delivery. The predecessor has a setting of its own, because every separator may
//! occur in a password.

use halogard_credentials::SecretFields;
use halogard_credentials::webhook_auth::{WebhookAuthKind, WebhookCredentials};

use super::info::SettingInfo;
use super::{FromSettings, SettingsReader};

const CHOSEN_BY_YOU: &str = "write the one you entered at the webhook in HaloPSA";
const UNTIL_REPLACED: &str = "the previous one, still accepted while it is replaced";
const PREVIOUS: &str = "write the value that was in force before, or leave it out";

const TOKEN: SettingInfo = SettingInfo::secret(
    "HALOPSA_WEBHOOK_TOKEN",
    "the unguessable end of the webhook's address; made at the first start when not set",
    "leave it out and one is made",
);
const TOKEN_PREVIOUS: SettingInfo =
    SettingInfo::secret("HALOPSA_WEBHOOK_TOKEN_PREVIOUS", UNTIL_REPLACED, PREVIOUS);
const SECRET: SettingInfo = SettingInfo::secret(
    "HALOPSA_WEBHOOK_SECRET",
    "the secret with which HaloPSA signs deliveries (HMAC-SHA256), where it offers that",
    CHOSEN_BY_YOU,
);
const SECRET_PREVIOUS: SettingInfo =
    SettingInfo::secret("HALOPSA_WEBHOOK_SECRET_PREVIOUS", UNTIL_REPLACED, PREVIOUS);

/// HaloPSA lets the operator name the header; this is the name our instructions give.
const SIGNATURE_HEADER: SettingInfo = SettingInfo::text(
    "HALOPSA_WEBHOOK_SIGNATURE_HEADER",
    "the header that carries the signature",
    CHOSEN_BY_YOU,
)
.or("X-Halo-Signature");
const USERNAME: SettingInfo = SettingInfo::text(
    "HALOPSA_WEBHOOK_USERNAME",
    "the user name of deliveries with basic authentication, the kind that HaloPSA documents",
    CHOSEN_BY_YOU,
);
const PASSWORD: SettingInfo = SettingInfo::secret(
    "HALOPSA_WEBHOOK_PASSWORD",
    "the password that goes with the user name",
    CHOSEN_BY_YOU,
);
const PASSWORD_PREVIOUS: SettingInfo = SettingInfo::secret(
    "HALOPSA_WEBHOOK_PASSWORD_PREVIOUS",
    UNTIL_REPLACED,
    PREVIOUS,
);
const BEARER: SettingInfo = SettingInfo::secret(
    "HALOPSA_WEBHOOK_BEARER",
    "the token of deliveries with `Authorization: Bearer`",
    CHOSEN_BY_YOU,
);
const BEARER_PREVIOUS: SettingInfo =
    SettingInfo::secret("HALOPSA_WEBHOOK_BEARER_PREVIOUS", UNTIL_REPLACED, PREVIOUS);
const API_KEY: SettingInfo = SettingInfo::secret(
    "HALOPSA_WEBHOOK_API_KEY",
    "the key of deliveries with a header of their own",
    CHOSEN_BY_YOU,
);
const API_KEY_PREVIOUS: SettingInfo =
    SettingInfo::secret("HALOPSA_WEBHOOK_API_KEY_PREVIOUS", UNTIL_REPLACED, PREVIOUS);

/// The name most services use for such a header.
const API_KEY_HEADER: SettingInfo = SettingInfo::text(
    "HALOPSA_WEBHOOK_API_KEY_HEADER",
    "the header that carries the key",
    CHOSEN_BY_YOU,
)
.or("X-Api-Key");

/// Lets the path token alone authenticate. Without it, a public address requires a credential.
pub(super) const ALLOW_TOKEN_ONLY: SettingInfo = SettingInfo::text(
    "HALOPSA_WEBHOOK_ALLOW_TOKEN_ONLY",
    "`true` accepts deliveries by their path token alone, although other machines reach the address",
    "write true, or leave it out",
);

/// The webhook's settings, in the order of the table.
pub(super) const ALL: [SettingInfo; 14] = [
    TOKEN,
    TOKEN_PREVIOUS,
    USERNAME,
    PASSWORD,
    PASSWORD_PREVIOUS,
    SECRET,
    SECRET_PREVIOUS,
    SIGNATURE_HEADER,
    BEARER,
    BEARER_PREVIOUS,
    API_KEY,
    API_KEY_PREVIOUS,
    API_KEY_HEADER,
    ALLOW_TOKEN_ONLY,
];

/// What is said of the second credential.
const SECOND_CREDENTIAL: &str = "another credential of deliveries is set as well; HaloPSA sends one kind, and each lets a delivery in";

/// What authenticates a delivery of HaloPSA: the path token, and any one of the credentials.
#[derive(Clone, Debug)]
pub struct WebhookSettings {
    /// The settings that are set, as members of a secret.
    pub members: SecretFields,
    /// The same, checked.
    pub secret: WebhookCredentials,
}

impl FromSettings for WebhookSettings {
    fn take(reader: &mut SettingsReader<'_>) -> Option<Self> {
        let mut members = SecretFields::default();
        for info in ALL {
            if let Some(value) = reader.value(&info) {
                members = members.with(&info.key(), &value);
            }
        }
        let setting = |member: &str| ALL.into_iter().find(|info| info.key() == member);
        match WebhookCredentials::from_members(&members) {
            Ok(secret) => {
                let kinds = WebhookAuthKind::ALL.into_iter();
                let credentials = kinds.filter(|kind| *kind != WebhookAuthKind::PathToken);
                let mut set = credentials
                    .filter_map(|kind| setting(kind.member()))
                    .filter(|info| reader.is_set(info));
                if let (Some(_), Some(second)) = (set.next(), set.next()) {
                    reader.warn(&second, SECOND_CREDENTIAL);
                }
                for warning in &secret.warnings {
                    if let Some(info) = setting(warning.member) {
                        reader.warn(&info, warning.what);
                    }
                }
                Some(Self { members, secret })
            }
            Err(error) => {
                for fault in error.faults {
                    if let Some(info) = setting(fault.member) {
                        reader.refuse(&info, &fault.problem, &fault.remedy);
                    }
                }
                None
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_member_of_every_kind_has_a_setting() {
        let keys = ALL.map(|info| info.key());
        for kind in WebhookAuthKind::ALL {
            let own = [kind.member(), kind.previous_member()];
            for member in own.iter().chain(kind.other_members()) {
                assert!(keys.iter().any(|key| key == member), "{member}");
            }
        }
    }
}

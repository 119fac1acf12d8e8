//! What lets a delivery of HaloPSA in.
//!
//! Every credential may have a predecessor in a setting of the same name with `_PREVIOUS` at its
//! end. Both let deliveries in, so that one can be exchanged in HaloPSA and here at different
//! times without a refused delivery. A setting of its own, rather than several values in one:
//! there is no separator that no password contains.

use halogard_app::intake::WebhookCredential;
use secrecy::{ExposeSecret, SecretString};

use super::info::SettingInfo;
use super::{FromSettings, Reader};

const CHOSEN_BY_YOU: &str = "write the one you entered at the webhook in HaloPSA";
const UNTIL_HALOPSA_SENDS_THE_NEW: &str =
    "the one before it, still accepted while it is being exchanged";
const PREVIOUS: &str = "write the value that was in force before, or leave it out";

pub(super) const TOKEN: SettingInfo = SettingInfo::secret(
    "HALOPSA_WEBHOOK_TOKEN",
    "the unguessable end of the webhook's address; made at the first start when not set",
    "leave it out and one is made",
);
pub(super) const TOKEN_PREVIOUS: SettingInfo = SettingInfo::secret(
    "HALOPSA_WEBHOOK_TOKEN_PREVIOUS",
    UNTIL_HALOPSA_SENDS_THE_NEW,
    PREVIOUS,
);
pub(super) const SECRET: SettingInfo = SettingInfo::secret(
    "HALOPSA_WEBHOOK_SECRET",
    "the secret with which HaloPSA signs deliveries (HMAC-SHA256)",
    CHOSEN_BY_YOU,
);
pub(super) const SECRET_PREVIOUS: SettingInfo = SettingInfo::secret(
    "HALOPSA_WEBHOOK_SECRET_PREVIOUS",
    UNTIL_HALOPSA_SENDS_THE_NEW,
    PREVIOUS,
);

/// HaloPSA lets the operator name the header; this is the name our instructions give.
pub(super) const SIGNATURE_HEADER: SettingInfo = SettingInfo::text(
    "HALOPSA_WEBHOOK_SIGNATURE_HEADER",
    "the header that carries the signature",
    CHOSEN_BY_YOU,
)
.or("X-Halo-Signature");
pub(super) const USERNAME: SettingInfo = SettingInfo::text(
    "HALOPSA_WEBHOOK_USERNAME",
    "the user name of deliveries with basic authentication",
    CHOSEN_BY_YOU,
);
pub(super) const PASSWORD: SettingInfo = SettingInfo::secret(
    "HALOPSA_WEBHOOK_PASSWORD",
    "the password that goes with the user name",
    CHOSEN_BY_YOU,
);
pub(super) const PASSWORD_PREVIOUS: SettingInfo = SettingInfo::secret(
    "HALOPSA_WEBHOOK_PASSWORD_PREVIOUS",
    UNTIL_HALOPSA_SENDS_THE_NEW,
    PREVIOUS,
);
pub(super) const BEARER: SettingInfo = SettingInfo::secret(
    "HALOPSA_WEBHOOK_BEARER",
    "the token of deliveries with `Authorization: Bearer`",
    CHOSEN_BY_YOU,
);
pub(super) const BEARER_PREVIOUS: SettingInfo = SettingInfo::secret(
    "HALOPSA_WEBHOOK_BEARER_PREVIOUS",
    UNTIL_HALOPSA_SENDS_THE_NEW,
    PREVIOUS,
);
pub(super) const API_KEY: SettingInfo = SettingInfo::secret(
    "HALOPSA_WEBHOOK_API_KEY",
    "the key of deliveries with a header of their own",
    CHOSEN_BY_YOU,
);
pub(super) const API_KEY_PREVIOUS: SettingInfo = SettingInfo::secret(
    "HALOPSA_WEBHOOK_API_KEY_PREVIOUS",
    UNTIL_HALOPSA_SENDS_THE_NEW,
    PREVIOUS,
);

/// The name most services use for such a header.
pub(super) const API_KEY_HEADER: SettingInfo = SettingInfo::text(
    "HALOPSA_WEBHOOK_API_KEY_HEADER",
    "the header that carries the key",
    CHOSEN_BY_YOU,
)
.or("X-Api-Key");

/// A token with fewer characters can be found by trying. 16 letters and digits are 95 bits.
const TOKEN_CHARS_MIN: usize = 16;

/// What lets a delivery of HaloPSA in: the right path token and any one of the credentials.
#[derive(Clone, Debug)]
pub struct WebhookSettings {
    /// Path tokens, the current one first; empty when none is set.
    pub tokens: Vec<SecretString>,
    /// Every configured credential, the current one of each kind before its predecessor.
    pub credentials: Vec<WebhookCredential>,
}

impl FromSettings for WebhookSettings {
    fn take(reader: &mut Reader<'_>) -> Option<Self> {
        let tokens = take_tokens(reader);
        let signed = take_signed(reader);
        let basic = take_basic(reader);
        let bearer = take_bearer(reader);
        let keyed = take_keyed(reader);
        Some(Self {
            tokens: tokens?,
            credentials: [signed?, basic, bearer, keyed?].concat(),
        })
    }
}

fn take_tokens(reader: &mut Reader<'_>) -> Option<Vec<SecretString>> {
    let tokens = in_force(reader, &TOKEN, &TOKEN_PREVIOUS);
    let fits_a_path = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '~');
    let mut usable = true;
    for token in &tokens {
        let token = token.expose_secret();
        if !token.chars().all(fits_a_path) {
            let remedy = "use letters, digits, `-`, `_`, `.` and `~` only, or leave it out and \
                          one is made";
            reader.refuse(
                &TOKEN,
                "holds characters that do not fit an address",
                remedy,
            );
            usable = false;
        } else if token.len() < TOKEN_CHARS_MIN {
            reader.warn(
                &TOKEN,
                "is so short that it can be guessed; use 16 characters or more",
            );
        }
    }
    usable.then_some(tokens)
}

fn take_signed(reader: &mut Reader<'_>) -> Option<Vec<WebhookCredential>> {
    let header = take_header(reader, &SIGNATURE_HEADER);
    let secrets = in_force(reader, &SECRET, &SECRET_PREVIOUS);
    let header = header?;
    let credential = |secret| WebhookCredential::Hmac {
        header: header.clone(),
        secret,
    };
    Some(secrets.into_iter().map(credential).collect())
}

fn take_basic(reader: &mut Reader<'_>) -> Vec<WebhookCredential> {
    let username = reader.optional(&USERNAME);
    let passwords = in_force(reader, &PASSWORD, &PASSWORD_PREVIOUS);
    match username {
        None => {
            if !passwords.is_empty() {
                reader.refuse(
                    &USERNAME,
                    "is missing, though there is a password",
                    CHOSEN_BY_YOU,
                );
            }
            Vec::new()
        }
        Some(username) => {
            if passwords.is_empty() {
                reader.refuse(
                    &PASSWORD,
                    "is missing, though there is a user name",
                    CHOSEN_BY_YOU,
                );
            }
            if username.contains(':') {
                let remedy = "choose another one: basic authentication cannot carry it";
                reader.refuse(&USERNAME, "holds a colon", remedy);
            }
            let credential = |password| WebhookCredential::Basic {
                username: username.clone(),
                password,
            };
            passwords.into_iter().map(credential).collect()
        }
    }
}

fn take_bearer(reader: &mut Reader<'_>) -> Vec<WebhookCredential> {
    let tokens = in_force(reader, &BEARER, &BEARER_PREVIOUS);
    let mut without_scheme = |token: SecretString| {
        let Some(bare) = token.expose_secret().strip_prefix("Bearer ") else {
            return token;
        };
        reader.warn(&BEARER, "the word Bearer before the token was removed");
        SecretString::from(bare.trim())
    };
    tokens
        .into_iter()
        .map(|token| WebhookCredential::Bearer {
            token: without_scheme(token),
        })
        .collect()
}

fn take_keyed(reader: &mut Reader<'_>) -> Option<Vec<WebhookCredential>> {
    let header = take_header(reader, &API_KEY_HEADER);
    let keys = in_force(reader, &API_KEY, &API_KEY_PREVIOUS);
    let header = header?;
    let credential = |key| WebhookCredential::ApiKey {
        header: header.clone(),
        key,
    };
    Some(keys.into_iter().map(credential).collect())
}

/// The secret in force and, during an exchange, the one before it.
fn in_force(
    reader: &mut Reader<'_>,
    current: &SettingInfo,
    previous: &SettingInfo,
) -> Vec<SecretString> {
    let newest = reader.optional_secret(current);
    let older = reader.optional_secret(previous);
    if newest.is_none() && older.is_some() {
        let remedy = format!("write the value in force to {}", current.name);
        reader.refuse(previous, "is set, though there is no newer one", &remedy);
    }
    newest.into_iter().chain(older).collect()
}

/// The name of a header, without the colon that comes along when people copy one.
fn take_header(reader: &mut Reader<'_>, info: &SettingInfo) -> Option<String> {
    let text = reader.required(info)?;
    let name = text.trim_end_matches([':', ' ']);
    if name != text {
        reader.warn(info, "the colon after the name was removed");
    }
    let fits = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c);
    if name.is_empty() || !name.chars().all(fits) {
        let wrong = format!("is {}", reader.shown(info, &text));
        reader.refuse(
            info,
            &wrong,
            "write the name of a header, such as X-Halo-Signature",
        );
        return None;
    }
    Some(name.to_owned())
}

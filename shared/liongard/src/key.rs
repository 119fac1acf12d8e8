//! The credential: an access key's id and secret.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use halogard_credentials::{FromSecret, MissingMember, SecretFields};
use halogard_wire::input::trimmed;
use http::HeaderValue;
use http::header::InvalidHeaderValue;
use secrecy::{ExposeSecret, SecretString};

/// The setting of the first half, as an operator writes it.
const ID_SETTING: &str = "LIONGARD_ACCESS_KEY_ID";

/// The setting of the second half.
const SECRET_SETTING: &str = "LIONGARD_ACCESS_KEY_SECRET";

/// An access key. Both halves change together, so they are one value. Its `Debug` says nothing.
#[derive(Clone)]
pub struct AccessKey {
    /// The first half; not secret, and not for logs either.
    pub id: String,
    /// The second half.
    pub secret: SecretString,
}

impl fmt::Debug for AccessKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AccessKey").finish_non_exhaustive()
    }
}

impl FromSecret for AccessKey {
    fn from_secret(fields: &SecretFields) -> Result<Self, MissingMember> {
        let text = |name| fields.text(name).ok_or(MissingMember(name));
        Ok(Self {
            id: text("liongard_access_key_id")?.to_owned(),
            secret: SecretString::from(text("liongard_access_key_secret")?),
        })
    }
}

impl AccessKey {
    /// The value of `X-ROAR-API-KEY`: both halves in base64, without the word `Basic`.
    pub(crate) fn header(&self) -> Result<HeaderValue, InvalidHeaderValue> {
        let mut value = HeaderValue::try_from(self.encoded())?;
        value.set_sensitive(true);
        Ok(value)
    }

    /// Both halves in base64.
    pub(crate) fn encoded(&self) -> String {
        STANDARD.encode(format!("{}:{}", self.id, self.secret.expose_secret()))
    }
}

/// A key that was read from settings.
#[derive(Clone, Debug)]
pub struct ParsedAccessKey {
    /// The key.
    pub key: AccessKey,
    /// The corrections made, one note each, for the operator.
    pub normalizations: Vec<String>,
}

/// Why two texts are not an access key. Says which setting, what is wrong, and what to do; never shows
/// the text.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AccessKeyError {
    /// There is nothing to read.
    #[error(
        "{setting} is empty; make a key in Liongard under your profile, Account Settings, \
         Access Tokens"
    )]
    Empty {
        /// The setting.
        setting: &'static str,
    },
    /// It is the value of a header, not half of a key.
    #[error("{setting} begins with Basic; give the bare value that Liongard shows")]
    HeaderValue {
        /// The setting.
        setting: &'static str,
    },
    /// Both halves are in the first.
    #[error(
        "LIONGARD_ACCESS_KEY_ID holds a colon, so it looks like id and secret in one; give what \
         stands before the colon here, and what follows as LIONGARD_ACCESS_KEY_SECRET"
    )]
    IdAndSecretInOne,
    /// It was broken in two by copying.
    #[error("{setting} has a blank or a line break within; copy it again in one piece")]
    ContainsWhitespace {
        /// The setting.
        setting: &'static str,
    },
}

impl ParsedAccessKey {
    /// Reads both halves, as they were pasted.
    ///
    /// # Errors
    ///
    /// [`AccessKeyError`] when a text cannot be normalizations.
    pub fn read(id: &str, secret: &SecretString) -> Result<Self, AccessKeyError> {
        let mut normalizations = Vec::new();
        let id = parse_part(id, ID_SETTING, &mut normalizations)?;
        let secret = parse_part(secret.expose_secret(), SECRET_SETTING, &mut normalizations)?;
        if id.contains(':') {
            return Err(AccessKeyError::IdAndSecretInOne);
        }
        let key = AccessKey {
            id: id.to_owned(),
            secret: secret.into(),
        };
        Ok(Self {
            key,
            normalizations,
        })
    }
}

/// One half of a key without what comes along when people copy.
fn parse_part<'a>(
    pasted: &'a str,
    setting: &'static str,
    normalizations: &mut Vec<String>,
) -> Result<&'a str, AccessKeyError> {
    let text = trimmed(pasted);
    if text.is_empty() {
        return Err(AccessKeyError::Empty { setting });
    }
    if text
        .get(..6)
        .is_some_and(|start| start.eq_ignore_ascii_case("basic "))
    {
        return Err(AccessKeyError::HeaderValue { setting });
    }
    if text.chars().any(|c| c.is_whitespace() || c.is_control()) {
        return Err(AccessKeyError::ContainsWhitespace { setting });
    }
    if text != pasted {
        normalizations.push(format!("{setting}: removed blanks or quotes around it"));
    }
    Ok(text)
}

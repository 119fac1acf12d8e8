//! How to reach HaloPSA.

use secrecy::{ExposeSecret as _, SecretString};

use super::info::SettingInfo;
use super::{FromSettings, SettingsReader};

const API_PAGE: &str = "copy it from HaloPSA, Configuration → Integrations → HaloPSA API";
const APPLICATION_PAGE: &str = "copy it from HaloPSA, Configuration → Integrations → HaloPSA API → \
     View Applications → your application";

pub(super) const RESOURCE_URL: SettingInfo = SettingInfo::text(
    "HALOPSA_RESOURCE_URL",
    "the \"Resource Server\" of HaloPSA; the host alone will do",
    API_PAGE,
);
pub(super) const AUTH_URL: SettingInfo = SettingInfo::text(
    "HALOPSA_AUTH_URL",
    "the \"Authorisation Server\", if it is on another host",
    API_PAGE,
);
pub(super) const TENANT: SettingInfo = SettingInfo::text(
    "HALOPSA_TENANT",
    "the \"Tenant\" of a hosted HaloPSA",
    API_PAGE,
);
pub(super) const CLIENT_ID: SettingInfo = SettingInfo::text(
    "HALOPSA_CLIENT_ID",
    "the Client ID of the API application (\"Client ID and Secret (Services)\")",
    APPLICATION_PAGE,
);
pub(super) const CLIENT_SECRET: SettingInfo = SettingInfo::secret(
    "HALOPSA_CLIENT_SECRET",
    "the Client Secret of the API application",
    "HaloPSA shows it once, when the application is made: Configuration → Integrations → \
     HaloPSA API → View Applications; generate a new one if it is lost",
);

/// The least that reads and writes tickets and lists customers. Not `all`: HaloPSA refuses the
/// whole token when an application lacks one of the requested scopes.
pub(super) const SCOPES: SettingInfo = SettingInfo::text(
    "HALOPSA_SCOPES",
    "scopes to ask for, with blanks between them",
    APPLICATION_PAGE,
)
.or("read:tickets edit:tickets read:customers");

/// Names that other products' pages use for scopes, and what HaloPSA calls them.
const MISNAMED_SCOPES: [(&str, &str); 3] = [
    ("write:tickets", "edit:tickets"),
    ("read:clients", "read:customers"),
    ("write:clients", "edit:customers"),
];

/// How to reach HaloPSA.
#[derive(Clone, Debug)]
pub struct HaloSettings {
    /// The resource server, as the operator wrote it.
    pub resource_url: String,
    /// The authorisation server, as the operator wrote it.
    pub auth_url: Option<String>,
    /// The tenant.
    pub tenant: Option<String>,
    /// The API application.
    pub client_id: String,
    /// Its secret.
    pub client_secret: SecretString,
    /// Scopes to ask for, with one blank between them.
    pub scopes: String,
}

impl FromSettings for HaloSettings {
    fn take(reader: &mut SettingsReader<'_>) -> Option<Self> {
        let resource_url = reader.required(&RESOURCE_URL);
        let auth_url = reader.optional(&AUTH_URL);
        let tenant = reader.optional(&TENANT);
        let client_id = reader.required_word(&CLIENT_ID);
        let client_secret = reader.required_secret(&CLIENT_SECRET);
        if let (Some(id), Some(secret)) = (&client_id, &client_secret)
            && is_guid(secret.expose_secret())
            && !is_guid(id)
        {
            let wrong = "looks like a secret, and HALOPSA_CLIENT_SECRET like an id";
            reader.refuse(&CLIENT_ID, wrong, "swap the two values");
        }
        let scopes = take_scopes(reader);
        Some(Self {
            resource_url: resource_url?,
            auth_url,
            tenant,
            client_id: client_id?,
            client_secret: client_secret?,
            scopes: scopes?,
        })
    }
}

/// Whether `text` has the form of HaloPSA's Client IDs. Its secrets have another: they are longer.
fn is_guid(text: &str) -> bool {
    let lengths = text.split('-').map(str::len);
    lengths.eq([8, 4, 4, 4, 12]) && text.chars().all(|c| c.is_ascii_hexdigit() || c == '-')
}

fn take_scopes(reader: &mut SettingsReader<'_>) -> Option<String> {
    let text = reader.required(&SCOPES)?;
    if text.contains([',', ';']) {
        reader.warn(&SCOPES, "commas between the scopes were made blanks");
    }
    let scopes: Vec<_> = text
        .split(|c: char| c.is_whitespace() || matches!(c, ',' | ';'))
        .filter(|scope| !scope.is_empty())
        .map(|scope| {
            let meant = MISNAMED_SCOPES.iter().find(|(name, _)| *name == scope);
            meant.map_or(scope, |(_, meant)| meant)
        })
        .collect();
    if MISNAMED_SCOPES.iter().any(|(name, _)| text.contains(name)) {
        reader.warn(
            &SCOPES,
            "HaloPSA calls write:tickets edit:tickets, and read:clients read:customers",
        );
    }
    if scopes.is_empty() {
        reader.refuse(
            &SCOPES,
            "names no scope",
            "leave it out, or name scopes such as read:tickets",
        );
        return None;
    }
    Some(scopes.join(" "))
}

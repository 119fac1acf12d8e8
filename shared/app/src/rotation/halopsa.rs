//! HaloPSA's client secrets: made by a person, proved and promoted here.
//!
//! HaloPSA has no documented call that makes a secret, and gives none twice. Saving a new one ends
//! the old one at once, so the new one is stored as pending *before* it is saved: whoever meets the
//! refusal then finds it at once.

use secrecy::SecretString;

use super::{RotateError, required, required_secret};
use crate::credentials::SecretFields;
use crate::ports::PortError;

/// Which application.
const CLIENT_ID: &str = "halopsa_client_id";

/// Its secret.
const CLIENT_SECRET: &str = "halopsa_client_secret";

/// The other one of two applications, where the secret names it.
const IDLE_CLIENT_ID: &str = "halopsa_idle_client_id";

/// Where applications are. Source: HaloPSA's own guides.
const MENU: &str = "Configuration → Integrations → HaloPSA API → View Applications";

/// A person must make the application's next secret.
pub(super) fn needs_secret(name: &str, current: &SecretFields) -> RotateError {
    let application = current.text(CLIENT_ID).unwrap_or("of this integration");
    let todo = format!(
        "a new client secret is needed: in HaloPSA open {MENU}, the application with the Client ID \
         {application}, Edit, Generate, and copy the new secret; store it as the pending value of \
         secret {name} first, and press Save in HaloPSA only then, because Save ends the old \
         secret at once"
    );
    person(name, todo)
}

/// A person must make the next secret of the application that rests.
pub(super) fn needs_idle_secret(
    name: &str,
    current: &SecretFields,
    previous: Option<&SecretFields>,
) -> RotateError {
    let active = current.text(CLIENT_ID).unwrap_or("in use");
    let idle = current
        .text(IDLE_CLIENT_ID)
        .or_else(|| previous?.text(CLIENT_ID))
        .filter(|idle| *idle != active);
    let which = match idle {
        Some(idle) => format!("the application with the Client ID {idle}"),
        None => "the second application (make one with the same agent and scopes if there is none)"
            .to_owned(),
    };
    let todo = format!(
        "a new client secret is needed: in HaloPSA open {MENU}, {which}, Edit, Generate, copy the \
         new secret and Save; leave the application {active} alone, it is in use; then store \
         Client ID and secret together as the pending value of secret {name}"
    );
    person(name, todo)
}

/// Id and secret of a value.
pub(super) fn credentials(
    name: &str,
    fields: &SecretFields,
) -> Result<(String, SecretString), RotateError> {
    Ok((
        required(name, fields, CLIENT_ID)?.to_owned(),
        required_secret(name, fields, CLIENT_SECRET)?,
    ))
}

/// What a refused proof means, told apart by what HaloPSA refused.
pub(super) fn not_verified(name: &str, client_id: &str, source: PortError) -> RotateError {
    let todo = match source.error_type {
        "halopsa.credential" => format!(
            "HaloPSA refuses the Client ID {client_id} with this secret; if the secret was copied \
             before Save, press Save in HaloPSA ({MENU}), else generate another one"
        ),
        "halopsa.scope" => format!(
            "the application {client_id} lacks a scope that is asked for; in HaloPSA open {MENU}, \
             the application, Permissions, and tick the scopes of HALOPSA_SCOPES"
        ),
        "halopsa.tenant" => {
            "HaloPSA does not know the tenant; check HALOPSA_TENANT and HALOPSA_AUTH_URL".to_owned()
        }
        _ => match source.refusal {
            Some(_) => format!(
                "the application {client_id} gets a token and may not use it; check the agent it \
                 logs in as (Configuration → Agents)"
            ),
            None => {
                return RotateError::Vendor {
                    name: name.to_owned(),
                    source: Box::new(source),
                };
            }
        },
    };
    RotateError::NotAccepted {
        name: name.to_owned(),
        todo,
        source: Box::new(source),
    }
}

/// Only a person can go on.
fn person(name: &str, todo: String) -> RotateError {
    RotateError::ActionRequired {
        name: name.to_owned(),
        todo,
        source: None,
    }
}

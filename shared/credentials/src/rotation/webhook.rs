//! The webhook's secret: created here and sent to HaloPSA; the old one is accepted for a while.

use halogard_app::ports::{Clock, NamedValues, PortError, Refusal, Vault};
use halogard_domain::Timestamp;
use halogard_domain::hash::hex;
use secrecy::SecretString;

use super::{
    AccessKeyAdmin, ApplicationAdmin, Notifier, RotateError, Rotation, StepOutcome, WebhookAdmin,
    WebhookChange, required,
};
use crate::webhook_auth::{WebhookAuthKind, WebhookCredentials};
use crate::{SecretFields, members};

/// Random bytes of a value that is created here: 256 bits. At least 128 are needed to be unguessable.
const RANDOM_BYTES: usize = 32;

/// Where webhooks are.
const MENU: &str = "Configuration → Integrations → Webhooks";

/// An unguessable value in hexadecimal digits: fit for an address, a header and a password.
///
/// # Errors
///
/// [`RotateError::NoRandomness`].
pub fn generate_secret() -> Result<SecretString, RotateError> {
    let mut bytes = [0; RANDOM_BYTES];
    getrandom::fill(&mut bytes).map_err(RotateError::NoRandomness)?;
    Ok(SecretString::from(hex(&bytes)))
}

/// The members of `current` with a new value of the same kind.
pub(super) fn with_new_value(
    name: &str,
    current: &SecretFields,
    now: Timestamp,
) -> Result<SecretFields, RotateError> {
    required(name, current, members::WEBHOOK_TOKEN)?;
    let kind = WebhookCredentials::kind_of(current);
    Ok(current
        .clone()
        .with_secret(kind.member(), &generate_secret()?)
        .with_number(members::ROTATED_AT, now.as_millis()))
}

/// Checks that a value can authenticate deliveries.
pub(super) fn check_complete(name: &str, fields: &SecretFields) -> Result<(), RotateError> {
    required(name, fields, members::WEBHOOK_TOKEN)?;
    match WebhookCredentials::from_members(fields) {
        Ok(_) => Ok(()),
        Err(error) => Err(RotateError::BadValue {
            name: name.to_owned(),
            stage: halogard_app::ports::Stage::Pending,
            why: error.to_string(),
        }),
    }
}

impl<V, H, L, M, N, C> Rotation<V, H, L, M, N, C>
where
    V: Vault,
    H: ApplicationAdmin + WebhookAdmin,
    L: AccessKeyAdmin,
    M: NamedValues,
    N: Notifier,
    C: Clock,
{
    /// Sends the pending value to HaloPSA. Both values are accepted by now, so it does not matter which
    /// deliveries are under way.
    pub(super) async fn set_webhook(
        &self,
        name: &str,
        current: &SecretFields,
        pending: &SecretFields,
    ) -> Result<StepOutcome, RotateError> {
        let Some(change) = change(current, pending) else {
            return Ok(StepOutcome::NothingToDo);
        };
        // After a repeat the address may end in the new token already.
        let tokens: Vec<SecretString> = [current, pending]
            .map(|fields| fields.secret(members::WEBHOOK_TOKEN))
            .into_iter()
            .flatten()
            .collect();
        match self.halopsa.change(&tokens, &change).await {
            Ok(()) => Ok(StepOutcome::Set),
            Err(error) => match error.refusal {
                Some(Refusal::Forbidden | Refusal::Unauthorised | Refusal::NotFound) => {
                    Err(manual_step(name, change.kind, Box::new(error)))
                }
                _ => Err(RotateError::Vendor {
                    name: name.to_owned(),
                    source: Box::new(error),
                }),
            },
        }
    }
}

/// What differs between the two values.
fn change(current: &SecretFields, pending: &SecretFields) -> Option<WebhookChange> {
    let kinds = [
        WebhookCredentials::kind_of(pending),
        WebhookAuthKind::PathToken,
    ];
    let kind = kinds.into_iter().find(|kind| {
        let member = kind.member();
        current.text(member) != pending.text(member)
    })?;
    let [beside, _] = kinds;
    let stays = kind != beside && matches!(beside, WebhookAuthKind::Hmac | WebhookAuthKind::Basic);
    Some(WebhookChange {
        kind,
        username: pending.text(members::WEBHOOK_USERNAME).map(str::to_owned),
        value: pending.secret(kind.member())?,
        kept: stays.then(|| pending.secret(beside.member())).flatten(),
    })
}

/// A person must enter the new value in HaloPSA.
fn manual_step(name: &str, kind: WebhookAuthKind, source: Box<PortError>) -> RotateError {
    let todo = format!(
        "enter the new value by hand: in HaloPSA open {MENU}, our webhook, and enter the pending value of \
         secret {name} (member {}) as {}; until then deliveries with the old and with the new value are \
         both accepted; then finish the rotation",
        kind.member(),
        form_field(kind)
    );
    RotateError::ActionRequired {
        name: name.to_owned(),
        todo,
        source: Some(source),
    }
}

/// What HaloPSA's form calls the value of `kind`.
const fn form_field(kind: WebhookAuthKind) -> &'static str {
    match kind {
        WebhookAuthKind::Hmac => "the key of the HMAC authentication",
        WebhookAuthKind::Basic => "the password of the Basic authentication",
        WebhookAuthKind::Bearer => "the bearer token",
        WebhookAuthKind::ApiKey => "the value of the header with the key",
        WebhookAuthKind::PathToken => "the end of the address, after the last slash",
    }
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret as _;

    use super::*;

    #[test]
    fn two_generated_secrets_differ_and_fit_into_an_address() {
        let (one, two) = (generate_secret().unwrap(), generate_secret().unwrap());
        assert_ne!(one.expose_secret(), two.expose_secret());
        assert_eq!(one.expose_secret().len(), 64);
        assert!(one.expose_secret().chars().all(|c| c.is_ascii_hexdigit()));
    }
}

//! The webhook's secret: made here, told to HaloPSA, the old one accepted for a while.

use std::fmt::Write as _;

use halogard_domain::Timestamp;
use secrecy::SecretString;

use super::{
    AccessKeyAdmin, ApplicationAdmin, Notifier, RotateError, Rotation, StepOutcome, WebhookAdmin,
    WebhookChange, required,
};
use crate::credentials::{self, SecretFields, WebhookKind};
use crate::ports::{Clock, Refusal, Values, Vault};

/// Random bytes of a value that is made here: 256 bits. The least that counts as unguessable is 128.
const RANDOM_BYTES: usize = 32;

/// Where webhooks are.
const MENU: &str = "Configuration → Integrations → Webhooks";

/// A value nobody can guess, in hexadecimal digits: fit for an address, a header and a password.
///
/// # Errors
///
/// [`RotateError::NoRandomness`].
pub fn generate_secret() -> Result<SecretString, RotateError> {
    let mut bytes = [0; RANDOM_BYTES];
    getrandom::fill(&mut bytes).map_err(RotateError::NoRandomness)?;
    let mut text = String::with_capacity(2 * RANDOM_BYTES);
    for byte in bytes {
        // Writing to a String cannot fail.
        write!(text, "{byte:02x}").unwrap_or_default();
    }
    Ok(SecretString::from(text))
}

/// The members of `current` with a new credential of the same kind.
pub(super) fn exchanged(
    name: &str,
    current: &SecretFields,
    now: Timestamp,
) -> Result<SecretFields, RotateError> {
    required(name, current, WebhookKind::Address.member())?;
    let kind = WebhookKind::of(current);
    Ok(current
        .clone()
        .with_secret(kind.member(), &generate_secret()?)
        .with_number(credentials::ROTATED_AT, now.as_millis()))
}

/// Whether a value has what a webhook's secret needs.
pub(super) fn check_complete(name: &str, fields: &SecretFields) -> Result<(), RotateError> {
    required(name, fields, WebhookKind::Address.member())?;
    Ok(())
}

impl<V, P, M, N, C> Rotation<V, P, M, N, C>
where
    V: Vault,
    P: AccessKeyAdmin + ApplicationAdmin + WebhookAdmin,
    M: Values,
    N: Notifier,
    C: Clock,
{
    /// Tells HaloPSA the pending value. Our door accepts both values by now, so it does not matter
    /// which deliveries are under way.
    pub(super) async fn set_webhook(
        &self,
        name: &str,
        current: &SecretFields,
        pending: &SecretFields,
    ) -> Result<StepOutcome, RotateError> {
        let Some((kind, change)) = change(current, pending) else {
            return Ok(StepOutcome::NothingToDo);
        };
        let Some(change) = change else {
            return Err(by_hand(name, kind, None));
        };
        // After a repeat the address may end in the new token already.
        let tokens: Vec<SecretString> = [credentials::token(current), credentials::token(pending)]
            .into_iter()
            .flatten()
            .collect();
        match self.vendors.change(&tokens, &change).await {
            Ok(()) => Ok(StepOutcome::Set),
            Err(error) => match error.refusal {
                Some(Refusal::Forbidden | Refusal::Unauthorised | Refusal::NotFound) => {
                    Err(by_hand(name, kind, Some(Box::new(error))))
                }
                _ => Err(RotateError::Vendor {
                    name: name.to_owned(),
                    source: Box::new(error),
                }),
            },
        }
    }
}

/// What differs between the two values, and how HaloPSA is told; `None` within where the API has no
/// known way.
fn change(
    current: &SecretFields,
    pending: &SecretFields,
) -> Option<(WebhookKind, Option<WebhookChange>)> {
    let kinds = [WebhookKind::of(pending), WebhookKind::Address];
    let kind = kinds.into_iter().find(|kind| {
        let member = kind.member();
        current.text(member) != pending.text(member)
    })?;
    let value = pending.secret(kind.member())?;
    let change = match kind {
        WebhookKind::Hmac => Some(WebhookChange::Signature(value)),
        WebhookKind::Basic => {
            pending
                .text("halopsa_webhook_username")
                .map(|username| WebhookChange::Password {
                    username: username.to_owned(),
                    password: value,
                })
        }
        WebhookKind::Address => Some(WebhookChange::Token(value)),
        // Which numbers stand for these is not documented.
        WebhookKind::Bearer | WebhookKind::ApiKey => None,
    };
    Some((kind, change))
}

/// A person must enter the new value.
fn by_hand(
    name: &str,
    kind: WebhookKind,
    source: Option<Box<crate::ports::PortError>>,
) -> RotateError {
    let todo = format!(
        "the new value must be entered by hand: in HaloPSA open {MENU}, our webhook, and put the \
         pending value of secret {name} (member {}) in as {}; deliveries with the old and with the \
         new value are both accepted meanwhile; then finish the rotation",
        kind.member(),
        kind.in_words()
    );
    RotateError::ActionRequired {
        name: name.to_owned(),
        todo,
        source,
    }
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret as _;

    use super::*;

    #[test]
    fn two_fresh_secrets_differ_and_fit_an_address() {
        let (one, two) = (generate_secret().unwrap(), generate_secret().unwrap());
        assert_ne!(one.expose_secret(), two.expose_secret());
        assert_eq!(one.expose_secret().len(), 64);
        assert!(one.expose_secret().chars().all(|c| c.is_ascii_hexdigit()));
    }
}

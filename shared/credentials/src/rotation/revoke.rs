//! Ending a credential that has leaked: what was replaced works no longer, without an overlap.

use halogard_app::ports::{Clock, NamedValues, Stage, Vault};

use super::{
    AccessKeyAdmin, ApplicationAdmin, Notifier, RotateError, Rotation, Strategy, WebhookAdmin,
    halopsa,
};
use crate::webhook_auth::WebhookAuthKind;
use crate::{SecretFields, members};

/// What ending the replaced values did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RevokeReport {
    /// Replaced access keys that were deleted.
    pub deleted: usize,
    /// Access keys of our user that belong to no version of the secret, by id: others may have made them with
    /// the leaked one.
    pub unknown_keys: Vec<String>,
    /// What a person must do for the old value to end, if that is needed.
    pub todo: Option<String>,
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
    /// Ends every value that the current one of the secret `name` has replaced: at the vendor, and in the vault, where
    /// a copy of the current value, as `version`, makes the leaked one neither the current nor the previous. For use
    /// after a rotation. Safe to repeat with another `version`.
    ///
    /// # Errors
    ///
    /// As [`Rotation::step`]; what was ended before stays ended.
    pub async fn revoke_replaced(
        &self,
        name: &str,
        version: &str,
    ) -> Result<RevokeReport, RotateError> {
        let current = self.current(name).await?.fields;
        let mut report = RevokeReport::default();
        match Strategy::of(name, &current)? {
            Strategy::LiongardAccessKey => {
                (report.deleted, report.unknown_keys) =
                    self.delete_replaced_now(name, &current).await?;
            }
            // Save in HaloPSA has ended the old secret.
            Strategy::HaloPsaApplication => {}
            Strategy::HaloPsaTwoApplications => {
                report.todo = Some(halopsa::end_other_application(&current));
            }
            // The vault is what accepts deliveries.
            Strategy::Webhook => {}
        }
        let value = without_replaced(current).to_secret();
        self.vault
            .put(name, version, &value, Stage::Current)
            .await?;
        Ok(report)
    }
}

/// `current` without what it replaced.
fn without_replaced(current: SecretFields) -> SecretFields {
    let kinds = WebhookAuthKind::ALL.into_iter();
    let replaced = kinds.map(WebhookAuthKind::previous_member);
    replaced
        .chain([members::LIONGARD_RETIRING_KEYS])
        .fold(current, |fields, member| fields.without(member))
}

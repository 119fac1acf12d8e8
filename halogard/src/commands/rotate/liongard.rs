//! Liongard's access key, exchanged by a person.

use std::process::ExitCode;

use halogard_app::credentials::SecretFields;
use secrecy::SecretString;

use super::target::Target;
use super::{RotateCommand, prompt};
use crate::cli::{CredentialName, RotateOptions};
use crate::output;

impl<P: Target> RotateCommand<P> {
    /// Liongard's access key.
    pub(super) async fn liongard(&self, options: &RotateOptions) -> anyhow::Result<ExitCode> {
        const CREDENTIAL: CredentialName = CredentialName::Liongard;
        let prepared = self.target.prepare(CREDENTIAL, "liongard-access-key");
        if let Some(code) = prepared.await? {
            return Ok(code);
        }
        let name = self.target.secret(CREDENTIAL);
        let current = self.current(name).await?;
        let by_hand = match &options.id {
            None => None,
            Some(id) => {
                output::remark(
                    "make a key in Liongard, as the integration's user: your profile → Account \
                     Settings → Access Tokens",
                );
                let secret = prompt::secret("Access Key Secret", options.secret_stdin)?;
                Some(key_made_by_hand(current.as_ref(), id, &secret))
            }
        };
        if self.is_unset(name).await? {
            let Some(key) = by_hand else {
                anyhow::bail!(
                    "no access key is kept yet; make one in Liongard (your profile → Account \
                     Settings → Access Tokens) and give its ID with --id"
                );
            };
            return self.store_first(name, &key).await;
        }
        if let Some(key) = by_hand {
            self.put_pending(name, &key).await?;
        }
        // Liongard is not under the budget.
        let (rotation, _) = self.rotation().await?;
        let version = self.version(name).await?;
        let turned = rotation.run_all(name, &version).await;
        let rotated = turned.is_ok();
        let code = self.report(CREDENTIAL, turned)?;
        if !rotated {
            return Ok(code);
        }
        let report = rotation.delete_expired(name).await?;
        if let Some(days) = report.expires_in_days {
            output::remark(&format!("the key in use ends in {days} days"));
        }
        if report.remaining > 0 {
            output::remark(
                "the replaced key goes on working for a day; give the command again after that, \
                 and it is deleted",
            );
        }
        Ok(code)
    }
}

/// A key that a person has made, with whatever else stands in the secret.
fn key_made_by_hand(
    current: Option<&SecretFields>,
    id: &str,
    secret: &SecretString,
) -> SecretFields {
    let current = current.cloned().unwrap_or_default();
    current
        .with("strategy", "liongard-access-key")
        .with("liongard_access_key_id", id)
        .with_secret("liongard_access_key_secret", secret)
        .without("liongard_access_key_expires_ms")
}

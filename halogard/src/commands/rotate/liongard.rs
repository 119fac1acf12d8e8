//! `rotate liongard`: replaces Liongard's access key.

use std::process::ExitCode;

use halogard_credentials::{SecretFields, members};
use halogard_domain::words::counted;
use secrecy::SecretString;

use super::target::Target;
use super::{RotateCommand, prompt};
use crate::commands::rotate::{CredentialName, RotateOptions};
use crate::output;

impl<P: Target> RotateCommand<P> {
    /// Replaces Liongard's access key.
    pub(super) async fn liongard(&self, options: &RotateOptions) -> anyhow::Result<ExitCode> {
        const CREDENTIAL: CredentialName = CredentialName::Liongard;
        let prepared = self.target.prepare(CREDENTIAL, "liongard-access-key");
        if let Some(code) = prepared.await? {
            return Ok(code);
        }
        let name = self.target.secret(CREDENTIAL);
        let current = self.current(name).await?;
        let entered = match &options.id {
            None => None,
            Some(id) => {
                output::remark(
                    "create a key in Liongard, as the integration's user: your profile → Account \
                     Settings → Access Tokens",
                );
                let secret = prompt::secret("Access Key Secret", options.secret_stdin)?;
                Some(with_key(current.as_ref(), id, &secret))
            }
        };
        if self.is_unset(name).await? {
            let Some(key) = entered else {
                anyhow::bail!(
                    "no access key is stored yet; create one in Liongard (your profile → Account \
                     Settings → Access Tokens) and give its ID with --id"
                );
            };
            return self.store_first(name, &key).await;
        }
        if let Some(key) = entered {
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
            output::remark(&format!(
                "the current key expires in {}",
                counted(days, "day")
            ));
        }
        if report.remaining > 0 {
            output::remark(
                "the replaced key stays valid for a day; run the command again after that to delete it",
            );
        }
        Ok(code)
    }
}

/// A key that a person has created, with the other members of the secret.
fn with_key(current: Option<&SecretFields>, id: &str, secret: &SecretString) -> SecretFields {
    let current = current.cloned().unwrap_or_default();
    current
        .with(members::STRATEGY, "liongard-access-key")
        .with(members::LIONGARD_KEY_ID, id)
        .with_secret(members::LIONGARD_KEY_SECRET, secret)
        .without(members::LIONGARD_KEY_EXPIRES)
}

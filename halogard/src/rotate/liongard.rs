//! Liongard's access key, exchanged by a person.

use std::process::ExitCode;

use halogard_app::keyring::Fields;
use secrecy::SecretString;

use super::place::Place;
use super::{Bench, typed};
use crate::cli::{CredentialName, RotateOptions};
use crate::output;

impl<P: Place> Bench<P> {
    /// Liongard's access key.
    pub(super) async fn liongard(&self, options: &RotateOptions) -> anyhow::Result<ExitCode> {
        const CREDENTIAL: CredentialName = CredentialName::Liongard;
        let prepared = self.place.prepare(CREDENTIAL, "liongard-access-key");
        if let Some(code) = prepared.await? {
            return Ok(code);
        }
        let name = self.place.secret(CREDENTIAL);
        let current = self.current(name).await?;
        let by_hand = match &options.id {
            None => None,
            Some(id) => {
                output::remark(
                    "make a key in Liongard, as the integration's user: your profile → Account \
                     Settings → Access Tokens",
                );
                let secret = typed::secret("Access Key Secret", options.secret_stdin)?;
                Some(key_made_by_hand(current.as_ref(), id, &secret))
            }
        };
        if self.is_first(name).await? {
            let Some(key) = by_hand else {
                anyhow::bail!(
                    "no access key is kept yet; make one in Liongard (your profile → Account \
                     Settings → Access Tokens) and give its ID with --id"
                );
            };
            return self.keep_first(name, &key).await;
        }
        if let Some(key) = by_hand {
            self.offer(name, &key).await?;
        }
        // Liongard is not under the budget.
        let (rotation, _) = self.rotation().await?;
        let version = self.version(name).await?;
        let turned = rotation.whole(name, &version).await;
        let rotated = turned.is_ok();
        let code = self.told(CREDENTIAL, turned)?;
        if !rotated {
            return Ok(code);
        }
        let retired = rotation.retire(name).await?;
        if let Some(days) = retired.expires_in_days {
            output::remark(&format!("the key in use ends in {days} days"));
        }
        if retired.left > 0 {
            output::remark(
                "the replaced key goes on working for a day; give the command again after that, \
                 and it is deleted",
            );
        }
        Ok(code)
    }
}

/// A key that a person has made, with whatever else stands in the secret.
fn key_made_by_hand(current: Option<&Fields>, id: &str, secret: &SecretString) -> Fields {
    let current = current.cloned().unwrap_or_default();
    current
        .with("strategy", "liongard-access-key")
        .with("liongard_access_key_id", id)
        .with_secret("liongard_access_key_secret", secret)
        .without("liongard_access_key_expires_ms")
}

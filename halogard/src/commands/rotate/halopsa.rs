//! `rotate halopsa`: replaces the client secret of HaloPSA's application.

use std::process::ExitCode;

use anyhow::Context as _;
use halogard_credentials::{PLACEHOLDER, SecretFields, members};

use super::target::Target;
use super::{RotateCommand, prompt};
use crate::commands::rotate::{CredentialName, RotateOptions};
use crate::output;

/// Where applications are in HaloPSA.
const APPLICATIONS: &str =
    "HaloPSA → Configuration → Integrations → HaloPSA API → View Applications";

impl<P: Target> RotateCommand<P> {
    /// Replaces the client secret of HaloPSA's application.
    pub(super) async fn halopsa(&self, options: &RotateOptions) -> anyhow::Result<ExitCode> {
        const CREDENTIAL: CredentialName = CredentialName::Halopsa;
        let strategy = if options.idle_id.is_some() {
            "halopsa-two-applications"
        } else {
            "halopsa-application"
        };
        if let Some(code) = self.target.prepare(CREDENTIAL, strategy).await? {
            return Ok(code);
        }
        let name = self.target.secret(CREDENTIAL);
        let first = self.is_unset(name).await?;
        if !options.finish {
            let current = self.current(name).await?.unwrap_or_default();
            let active = filled(&current, members::HALOPSA_CLIENT_ID);
            let idle = filled(&current, members::HALOPSA_IDLE_CLIENT_ID);
            let id = options.id.clone().or(idle.clone()).or(active.clone());
            let id = id.context("no application is stored yet; pass its Client ID with --id")?;
            output::remark(&format!(
                "open {APPLICATIONS}, the application with the Client ID {id}, Edit, Generate, \
                 and copy the secret. Do not press Save yet."
            ));
            let secret = prompt::secret("Client Secret", options.secret_stdin)?;
            let idle = options
                .idle_id
                .clone()
                .or(active.filter(|active| *active != id));
            let mut value = current
                .with(members::HALOPSA_CLIENT_ID, &id)
                .with_secret(members::HALOPSA_CLIENT_SECRET, &secret)
                .with(members::STRATEGY, strategy);
            if let Some(idle) = idle {
                value = value
                    .with(members::HALOPSA_IDLE_CLIENT_ID, &idle)
                    .with(members::STRATEGY, "halopsa-two-applications");
            }
            if first {
                prompt::enter(
                    "press Save in HaloPSA, then Enter here",
                    options.secret_stdin,
                )?;
                return self.store_first(name, &value).await;
            }
            self.put_pending(name, &value).await?;
            output::remark("the secret is stored as pending");
            prompt::enter(
                "now press Save in HaloPSA, then Enter here",
                options.secret_stdin,
            )?;
        }
        self.run_all(CREDENTIAL, name).await
    }
}

/// The text of a member, unless it is the placeholder.
fn filled(fields: &SecretFields, member: &str) -> Option<String> {
    let text = fields.text(member).filter(|text| *text != PLACEHOLDER);
    text.map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_placeholder_counts_as_no_value() {
        let fields = SecretFields::default()
            .with(members::HALOPSA_CLIENT_ID, PLACEHOLDER)
            .with(members::HALOPSA_IDLE_CLIENT_ID, "second");
        assert_eq!(filled(&fields, members::HALOPSA_CLIENT_ID), None);
        let idle = filled(&fields, members::HALOPSA_IDLE_CLIENT_ID);
        assert_eq!(idle.as_deref(), Some("second"));
    }
}

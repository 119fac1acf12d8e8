//! The client secret of HaloPSA's application, exchanged by a person.

use std::process::ExitCode;

use anyhow::Context as _;
use halogard_app::credentials::SecretFields;

use super::target::Target;
use super::{RotateCommand, prompt};
use crate::cli::{CredentialName, RotateOptions};
use crate::output;

/// Where applications are in HaloPSA.
const APPLICATIONS: &str =
    "HaloPSA → Configuration → Integrations → HaloPSA API → View Applications";

/// What the template puts where an operator's value belongs.
const PLACEHOLDER: &str = "REPLACE-ME";

impl<P: Target> RotateCommand<P> {
    /// The client secret of HaloPSA's application.
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
            let active = filled(&current, "halopsa_client_id");
            let turn = filled(&current, "halopsa_idle_client_id");
            let id = options.id.clone().or(turn.clone()).or(active.clone());
            let id = id.context("no application is kept yet; give its Client ID with --id")?;
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
                .with("halopsa_client_id", &id)
                .with_secret("halopsa_client_secret", &secret)
                .with("strategy", strategy);
            if let Some(idle) = idle {
                value = value
                    .with("halopsa_idle_client_id", &idle)
                    .with("strategy", "halopsa-two-applications");
            }
            if first {
                prompt::enter(
                    "press Save in HaloPSA, then Enter here",
                    options.secret_stdin,
                )?;
                return self.store_first(name, &value).await;
            }
            self.put_pending(name, &value).await?;
            output::remark("the secret is kept as pending");
            prompt::enter(
                "now press Save in HaloPSA, then Enter here",
                options.secret_stdin,
            )?;
        }
        self.run_all(CREDENTIAL, name).await
    }
}

/// The text of a member, unless nobody has filled it in yet.
fn filled(fields: &SecretFields, member: &str) -> Option<String> {
    let text = fields.text(member).filter(|text| *text != PLACEHOLDER);
    text.map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_nobody_has_filled_in_counts_as_nothing() {
        let fields = SecretFields::default()
            .with("halopsa_client_id", PLACEHOLDER)
            .with("halopsa_idle_client_id", "second");
        assert_eq!(filled(&fields, "halopsa_client_id"), None);
        let idle = filled(&fields, "halopsa_idle_client_id");
        assert_eq!(idle.as_deref(), Some("second"));
    }
}

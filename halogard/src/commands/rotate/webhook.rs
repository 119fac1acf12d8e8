//! `rotate webhook`: replaces what authenticates webhook deliveries.

use std::process::ExitCode;

use halogard_app::ports::{Clock as _, Stage, Vault as _};
use halogard_credentials::rotation::{RotateError, StepOutcome, generate_secret};
use halogard_credentials::webhook_auth::{WebhookAuthKind, WebhookCredentials};
use halogard_credentials::{SecretFields, members};
use halogard_runtime::SystemClock;

use super::target::Target;
use super::{ACTION_REQUIRED, RotateCommand, hand_back, new_version};
use crate::commands::rotate::{CredentialName, RotateOptions};
use crate::output;

impl<P: Target> RotateCommand<P> {
    /// Replaces what authenticates webhook deliveries.
    pub(super) async fn webhook(&self, options: &RotateOptions) -> anyhow::Result<ExitCode> {
        const CREDENTIAL: CredentialName = CredentialName::Webhook;
        if let Some(code) = self.target.prepare(CREDENTIAL, "webhook").await? {
            return Ok(code);
        }
        let name = self.target.secret(CREDENTIAL);
        let waiting = self.pending_version(name).await?;
        let has_value = waiting.as_ref().is_some_and(|it| it.value.is_some());
        let version = waiting.map_or_else(new_version, |it| it.version);
        if !has_value && options.finish {
            anyhow::bail!("nothing is pending; run the command without --finish first");
        }
        if !has_value {
            let current = self.current(name).await?.unwrap_or_default();
            let next = with_new_value(current, options.address)?;
            let (vault, next) = (self.target.vault(), next.to_secret());
            vault.put(name, &version, &next, Stage::Pending).await?;
        }
        if options.finish {
            self.target.vault().promote(name, &version).await?;
            return self.report(CREDENTIAL, Ok(StepOutcome::Finished));
        }
        let (rotation, budget) = self.rotation().await?;
        let turned = rotation.run_all(name, &version).await;
        hand_back::<P>(&budget).await;
        match turned {
            Err(error) if error.requires_action() => self.print_value(name, &error).await,
            other => self.report(CREDENTIAL, other),
        }
    }

    /// Prints the new value for the operator to enter.
    async fn print_value(&self, name: &str, error: &RotateError) -> anyhow::Result<ExitCode> {
        output::remark(&error.to_string());
        let waiting = self.pending_version(name).await?;
        let Some(pending) = waiting.and_then(|it| it.value) else {
            return Ok(ExitCode::from(ACTION_REQUIRED));
        };
        let kind = WebhookCredentials::kind_of(&pending);
        let value = pending.secret(kind.member());
        let value = value.or_else(|| pending.secret(members::WEBHOOK_TOKEN));
        if let Some(value) = value {
            self.show(value);
        }
        output::remark(&format!(
            "then run: halogard rotate webhook --finish{}",
            self.target.cli_option()
        ));
        Ok(ExitCode::from(ACTION_REQUIRED))
    }
}

/// The webhook's members with a new value.
fn with_new_value(current: SecretFields, address: bool) -> anyhow::Result<SecretFields> {
    let kind = if address {
        WebhookAuthKind::PathToken
    } else {
        WebhookCredentials::kind_of(&current)
    };
    let now = SystemClock.now().as_millis();
    Ok(current
        .with_secret(kind.member(), &generate_secret()?)
        .with_number(members::ROTATED_AT, now))
}

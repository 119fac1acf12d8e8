//! What proves webhook deliveries, exchanged by a person.

use std::process::ExitCode;

use halogard_app::credentials::{self, SecretFields, WebhookKind};
use halogard_app::ports::{Clock as _, Stage, Vault as _};
use halogard_app::rotation::{RotateError, StepOutcome, generate_secret};
use halogard_runtime::SystemClock;
use secrecy::ExposeSecret as _;

use super::target::Target;
use super::{ACTION_REQUIRED, RotateCommand, hand_back, new_version};
use crate::cli::{CredentialName, RotateOptions};
use crate::output;

impl<P: Target> RotateCommand<P> {
    /// What proves webhook deliveries.
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
            anyhow::bail!("nothing is pending; give the command without --finish first");
        }
        if !has_value {
            let current = self.current(name).await?.unwrap_or_default();
            let next = exchanged(current, options.address)?;
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
            Err(error) if error.requires_action() => self.by_hand(name, &error).await,
            other => self.report(CREDENTIAL, other),
        }
    }

    /// Shows the new value for a person to enter.
    async fn by_hand(&self, name: &str, error: &RotateError) -> anyhow::Result<ExitCode> {
        output::remark(&error.to_string());
        let waiting = self.pending_version(name).await?;
        let Some(pending) = waiting.and_then(|it| it.value) else {
            return Ok(ExitCode::from(ACTION_REQUIRED));
        };
        let kind = WebhookKind::of(&pending);
        let value = pending.secret(kind.member());
        let value = value.or_else(|| credentials::token(&pending));
        if let Some(value) = value {
            output::result(value.expose_secret());
        }
        output::remark(&format!(
            "then give: halogard rotate webhook --finish{}",
            self.target.cli_option()
        ));
        Ok(ExitCode::from(ACTION_REQUIRED))
    }
}

/// The webhook's members with a new value.
fn exchanged(current: SecretFields, address: bool) -> anyhow::Result<SecretFields> {
    let kind = if address {
        WebhookKind::Address
    } else {
        WebhookKind::of(&current)
    };
    let now = SystemClock.now().as_millis();
    Ok(current
        .with_secret(kind.member(), &generate_secret()?)
        .with_number("rotated_at_ms", now))
}

//! The credentials of a deployed stack: Secrets Manager, and the stack's table.

use std::process::ExitCode;

use halogard_aws::SecretsManager;
use halogard_vendors::VendorSettings;

use super::target::Target;
use crate::commands::rotate::CredentialName;
use crate::stack::{Stack, StackStore};

/// A stack whose credentials are rotated from here, with the operator's own rights in AWS.
pub struct StackTarget {
    stack: Stack,
    vault: SecretsManager,
    store: StackStore,
    /// The secrets' ARNs.
    halopsa: String,
    liongard: String,
    webhook: String,
}

impl StackTarget {
    /// The stack `name`.
    pub async fn find(name: &str) -> anyhow::Result<Self> {
        let stack = Stack::find(name).await?;
        let arn = |output| stack.output(output).map(str::to_owned);
        Ok(Self {
            vault: stack.vault(),
            store: stack.store()?,
            halopsa: arn("HaloPsaSecretArn")?,
            liongard: arn("LiongardSecretArn")?,
            webhook: arn("WebhookSecretArn")?,
            stack,
        })
    }
}

impl Target for StackTarget {
    type Vault = SecretsManager;
    type Store = StackStore;

    fn vault(&self) -> &SecretsManager {
        &self.vault
    }

    fn store(&self) -> &StackStore {
        &self.store
    }

    fn secret(&self, credential: CredentialName) -> &str {
        match credential {
            CredentialName::Liongard => &self.liongard,
            CredentialName::Halopsa => &self.halopsa,
            CredentialName::Webhook => &self.webhook,
        }
    }

    async fn settings(&self) -> anyhow::Result<VendorSettings> {
        self.stack.settings().await
    }

    /// The template has created every secret.
    async fn prepare(
        &self,
        _credential: CredentialName,
        _strategy: &str,
    ) -> anyhow::Result<Option<ExitCode>> {
        Ok(None)
    }

    fn next_step(&self) -> &'static str {
        "the functions use it from now on"
    }

    fn verified_by(&self) -> &'static str {
        "the functions verify it with their next job"
    }

    fn cli_option(&self) -> String {
        format!(" --stack {}", self.stack.name())
    }
}

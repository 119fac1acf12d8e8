//! Where credentials are rotated: on one machine, or in a deployed stack.

use std::future::Future;
use std::process::ExitCode;

use halogard_app::ports::{LedgerStore, Values, Vault};
use halogard_vendors::VendorSettings;

use crate::cli::CredentialName;

/// A place with credentials.
pub trait Target: Send + Sync {
    /// Where they are kept.
    type Vault: Vault + Clone;
    /// What a rotation remembers, and the request budget.
    type Store: Values + LedgerStore + Clone;

    /// Where credentials are kept.
    fn vault(&self) -> &Self::Vault;

    /// What a rotation remembers, and the request budget.
    fn store(&self) -> &Self::Store;

    /// What the secret of `credential` is called in the vault.
    fn secret(&self, credential: CredentialName) -> &str;

    /// How both vendors are reached, with the credentials in use.
    fn settings(&self) -> impl Future<Output = anyhow::Result<VendorSettings>> + Send;

    /// Gets the secret of `credential` ready to be rotated by `strategy`. Says how the command ends
    /// when a person has something to do first.
    fn prepare(
        &self,
        credential: CredentialName,
        strategy: &str,
    ) -> impl Future<Output = anyhow::Result<Option<ExitCode>>> + Send;

    /// What follows a rotation, as the end of a sentence.
    fn next_step(&self) -> &'static str;

    /// Who tries a first value that was kept untried, as the end of a sentence.
    fn verified_by(&self) -> &'static str;

    /// What is added to a command that is to be given here.
    fn cli_option(&self) -> String;
}

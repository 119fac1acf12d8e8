//! Where credentials are rotated: on this machine, or in a deployed stack.

use std::future::Future;
use std::process::ExitCode;

use halogard_app::ports::{NamedValues, Records, Vault};
use halogard_vendors::VendorSettings;

use crate::commands::rotate::CredentialName;

/// A vault whose credentials the command rotates.
pub trait Target: Send + Sync {
    /// The vault.
    type Vault: Vault + Clone;
    /// The records of key creation, and the request budget.
    type Store: NamedValues + Records + Clone + 'static;

    /// The vault.
    fn vault(&self) -> &Self::Vault;

    /// The records of key creation, and the request budget.
    fn store(&self) -> &Self::Store;

    /// The name of the secret of `credential` in the vault.
    fn secret(&self, credential: CredentialName) -> &str;

    /// How to reach both vendors, with the current credentials.
    fn settings(&self) -> impl Future<Output = anyhow::Result<VendorSettings>> + Send;

    /// Prepares the secret of `credential` for a rotation by `strategy`. Returns the exit code when a
    /// person must do something first.
    fn prepare(
        &self,
        credential: CredentialName,
        strategy: &str,
    ) -> impl Future<Output = anyhow::Result<Option<ExitCode>>> + Send;

    /// What happens after a rotation, as the end of a sentence.
    fn next_step(&self) -> &'static str;

    /// What verifies a first value that was stored unverified, as the end of a sentence.
    fn verified_by(&self) -> &'static str;

    /// The option that selects this target on the command line.
    fn cli_option(&self) -> String;
}

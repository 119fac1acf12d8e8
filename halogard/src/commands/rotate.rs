//! `rotate`: a person exchanges a credential, on one machine or of a deployed stack.
//!
//! On one machine the command opens the store beside a running `serve`, which goes on working and
//! uses the new value by itself. So does a stack: its functions read its secrets, which hold the old
//! value and the new one until all is done.

mod halopsa;
mod liongard;
mod local_target;
mod prompt;
mod schedule;
mod stack_target;
mod target;
mod terminal_notifier;
mod webhook;

use std::process::ExitCode;

use halogard_app::budget::SharedBudget;
use halogard_app::credentials::SecretFields;
use halogard_app::ports::{Clock as _, Stage, Vault as _};
use halogard_app::rotation::{RotateError, Rotation, StepOutcome};
use halogard_http::HttpClient;
use halogard_runtime::SystemClock;
use halogard_vendors::VendorAdmin;

pub use schedule::rotate_on_schedule;

use crate::cli::{CredentialName, RotateOptions};
use crate::output::{self, GOOD};
use crate::stored_credentials;
use local_target::LocalTarget;
use stack_target::StackTarget;
use target::Target;
use terminal_notifier::TerminalNotifier;

/// The exit code when a person has to do something before the command is given again.
const ACTION_REQUIRED: u8 = 3;

/// The request budget of a place.
type Budget<P> = SharedBudget<<P as Target>::Store, SystemClock>;

/// The use case over a place's parts.
type TargetRotation<P> = Rotation<
    <P as Target>::Vault,
    VendorAdmin<HttpClient, Budget<P>, SystemClock>,
    <P as Target>::Store,
    TerminalNotifier,
    SystemClock,
>;

/// What the command works with.
struct RotateCommand<P> {
    target: P,
}

/// A version that is to become the current one.
struct PendingVersion {
    version: String,
    /// Its value; `None` while a schedule has only announced it.
    value: Option<SecretFields>,
}

/// Exchanges one credential, or says what has to be done first.
pub async fn run(options: &RotateOptions) -> anyhow::Result<ExitCode> {
    match &options.stack {
        Some(stack) => {
            let target = StackTarget::find(stack).await?;
            Box::pin(RotateCommand { target }.exchange(options)).await
        }
        None => {
            let target = LocalTarget::open(options).await?;
            Box::pin(RotateCommand { target }.exchange(options)).await
        }
    }
}

impl<P: Target> RotateCommand<P> {
    /// Exchanges the credential that was named.
    async fn exchange(&self, options: &RotateOptions) -> anyhow::Result<ExitCode> {
        match options.credential {
            CredentialName::Liongard => self.liongard(options).await,
            CredentialName::Halopsa => self.halopsa(options).await,
            CredentialName::Webhook => self.webhook(options).await,
        }
    }

    /// Takes every step for the version that waits.
    async fn run_all(&self, credential: CredentialName, name: &str) -> anyhow::Result<ExitCode> {
        let (rotation, budget) = self.rotation().await?;
        let version = self.version(name).await?;
        let turned = rotation.run_all(name, &version).await;
        hand_back::<P>(&budget).await;
        self.report(credential, turned)
    }

    /// The members of the version in use.
    async fn current(&self, name: &str) -> anyhow::Result<Option<SecretFields>> {
        let current = stored_credentials::fields(self.target.vault(), name, Stage::Current).await?;
        Ok(current.map(|(_, fields)| fields))
    }

    /// Whether nothing is kept yet.
    async fn is_unset(&self, name: &str) -> anyhow::Result<bool> {
        let current = self.target.vault().read(name, Stage::Current).await?;
        Ok(current.is_none())
    }

    /// Keeps the first value of a secret; there is nothing yet to fall back on, so nothing is proved.
    async fn store_first(&self, name: &str, value: &SecretFields) -> anyhow::Result<ExitCode> {
        let (vault, version) = (self.target.vault(), new_version());
        vault
            .put(name, &version, &value.to_secret(), Stage::Current)
            .await?;
        output::result(&format!(
            "{GOOD}kept{GOOD:#} the credential in the vault; {}",
            self.target.verified_by()
        ));
        Ok(ExitCode::SUCCESS)
    }

    /// Keeps a value made by hand as pending: under the version a schedule waits for, if there is
    /// one. A version that has a value already keeps it, so another takes its place.
    async fn put_pending(&self, name: &str, value: &SecretFields) -> anyhow::Result<()> {
        let waiting = self.pending_version(name).await?;
        let announced = waiting.filter(|it| it.value.is_none());
        let version = announced.map_or_else(new_version, |it| it.version);
        let (vault, value) = (self.target.vault(), value.to_secret());
        vault.put(name, &version, &value, Stage::Pending).await?;
        Ok(())
    }

    /// The version that waits, or a new one.
    async fn version(&self, name: &str) -> anyhow::Result<String> {
        let waiting = self.pending_version(name).await?;
        Ok(waiting.map_or_else(new_version, |it| it.version))
    }

    /// The version that is pending. One that is current as well is done.
    async fn pending_version(&self, name: &str) -> anyhow::Result<Option<PendingVersion>> {
        let vault = self.target.vault();
        let info = vault.describe(name).await?.unwrap_or_default();
        let mut versions = info.versions.into_iter();
        let pending = versions.find(|(_, stages)| {
            stages.contains(&Stage::Pending) && !stages.contains(&Stage::Current)
        });
        let Some((version, _)) = pending else {
            return Ok(None);
        };
        let found = stored_credentials::fields(vault, name, Stage::Pending).await?;
        let value = found.filter(|(found, _)| *found == version);
        Ok(Some(PendingVersion {
            version,
            value: value.map(|(_, fields)| fields),
        }))
    }

    /// The use case, with the credentials in use, and the budget it spends.
    async fn rotation(&self) -> anyhow::Result<(TargetRotation<P>, Budget<P>)> {
        let settings = self.target.settings().await?;
        let store = self.target.store();
        let budget = SharedBudget::new(store.clone(), settings.limit, SystemClock);
        let vendors = halogard_vendors::vendor_admin(
            &settings.halo,
            &settings.liongard,
            budget.clone(),
            &SystemClock,
        )?;
        let rotation = Rotation {
            vault: self.target.vault().clone(),
            vendors,
            marks: store.clone(),
            notifier: TerminalNotifier,
            clock: SystemClock,
        };
        Ok((rotation, budget))
    }

    /// Says how a rotation went.
    fn report(
        &self,
        credential: CredentialName,
        turned: Result<StepOutcome, RotateError>,
    ) -> anyhow::Result<ExitCode> {
        let (word, target) = (word(credential), &self.target);
        report(word, target.next_step(), &target.cli_option(), turned)
    }
}

/// Says how the rotation of `word` went: what comes `afterwards`, or the command to go on with, to
/// which `option` belongs.
fn report(
    word: &str,
    afterwards: &str,
    option: &str,
    turned: Result<StepOutcome, RotateError>,
) -> anyhow::Result<ExitCode> {
    match turned {
        Ok(_) => {
            output::result(&format!(
                "{GOOD}done{GOOD:#} {word} was rotated; {afterwards}"
            ));
            Ok(ExitCode::SUCCESS)
        }
        Err(error) if error.requires_action() => {
            output::problem(&error.chain());
            output::remark(&format!(
                "nothing is lost: the value in use stays in use; afterwards give: halogard rotate \
                 {word} --finish{option}"
            ));
            Ok(ExitCode::from(ACTION_REQUIRED))
        }
        Err(error) => Err(anyhow::anyhow!(error.chain())),
    }
}

/// Gives back the permits that were leased and not used: others share the budget. What is lost when
/// that fails: they free themselves a window later.
async fn hand_back<P: Target>(budget: &Budget<P>) {
    if let Err(error) = budget.release_unused().await {
        tracing::warn!(%error, "permits of the request budget were left to expire");
    }
}

/// The word by which the command knows a credential.
const fn word(credential: CredentialName) -> &'static str {
    match credential {
        CredentialName::Liongard => "liongard",
        CredentialName::Halopsa => "halopsa",
        CredentialName::Webhook => "webhook",
    }
}

/// A name no version has had, as long as Secrets Manager wants it: 32 to 64 characters.
fn new_version() -> String {
    format!("halogard-rotate-{:020}", SystemClock.now().as_millis())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_person_needed_is_no_failure_of_the_command() {
        let error = RotateError::ActionRequired {
            name: "halopsa".to_owned(),
            todo: "open HaloPSA".to_owned(),
            source: None,
        };
        let code = report("halopsa", "", "", Err(error)).unwrap();
        assert_eq!(
            format!("{code:?}"),
            format!("{:?}", ExitCode::from(ACTION_REQUIRED))
        );
    }

    #[test]
    fn a_version_is_named_as_secrets_manager_wants_it() {
        let version = new_version();
        assert!((32..=64).contains(&version.len()), "{version}");
        assert!(version.is_ascii(), "{version}");
    }
}

//! `rotate`: an operator rotates a credential, on this machine or of a deployed stack.
//!
//! On one machine the command opens the store beside a running `serve`, which keeps working and
//! uses the new value by itself. So does a stack: its functions read its secrets, which hold the old
//! value and the new one until all is done.

mod halopsa;
mod liongard;
mod local_target;
pub mod prompt;
mod schedule;
mod stack_target;
mod target;
mod terminal_notifier;
mod webhook;

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::{Mutex, PoisonError};

use clap::{Args, ValueEnum};
use halogard_app::budget::SharedBudget;
use halogard_app::ports::{Clock as _, Stage, Vault as _};
use halogard_credentials::SecretFields;
use halogard_credentials::rotation::{RecordingNotifier, RotateError, Rotation, StepOutcome};
use halogard_domain::words::{agreeing, counted};
use halogard_operations::audit;
use halogard_runtime::SystemClock;
use halogard_vendors::{HaloAdmin, LiongardAdmin};
use secrecy::{ExposeSecret as _, SecretString};
use serde::Serialize;

pub use schedule::rotate_on_schedule;

use crate::confirm::operator;
use crate::output::{self, GOOD};
use crate::page;
use crate::permit_leases;
use crate::stored_credentials;
use local_target::LocalTarget;
use stack_target::StackTarget;
use target::Target;
use terminal_notifier::TerminalNotifier;

/// Options of `rotate`.
#[derive(Clone, Debug, Args)]
pub struct RotateOptions {
    /// Which credential.
    #[arg(value_enum)]
    pub credential: CredentialName,
    /// The config file; HALOGARD_CONFIG, then halogard.toml when not given.
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// The stack whose credential is replaced; this machine's when not given.
    #[arg(long, value_name = "NAME", conflicts_with = "config")]
    pub stack: Option<String>,
    /// Use a value created by hand: its id. Its secret is prompted for.
    #[arg(long, value_name = "ID")]
    pub id: Option<String>,
    /// Read the secret from the first line of standard input instead of prompting.
    #[arg(long)]
    pub secret_stdin: bool,
    /// Alternate between two HaloPSA applications: the Client ID of the one not in use.
    #[arg(long, value_name = "ID")]
    pub idle_id: Option<String>,
    /// Continue with the pending value, after it was saved or entered at the vendor.
    #[arg(long)]
    pub finish: bool,
    /// The old value has leaked: end it at once, without an overlap, when the new one is in use.
    #[arg(long)]
    pub revoke: bool,
    /// Replace the token in the webhook's address instead of its credential.
    #[arg(long)]
    pub address: bool,
    /// Print the answer as JSON; what is to be done meanwhile goes to standard error.
    #[arg(long)]
    pub json: bool,
}

/// A credential.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum CredentialName {
    /// Liongard's access key, which can create its own successor.
    Liongard,
    /// The client secret of HaloPSA's API application.
    Halopsa,
    /// The credential that authenticates HaloPSA's webhook deliveries.
    Webhook,
}

/// The exit code when the operator must do something before running the command again.
const ACTION_REQUIRED: u8 = 3;

/// The request budget of a target.
type TargetBudget<P> = SharedBudget<<P as Target>::Store, SystemClock>;

/// The rotation of a target.
type TargetRotation<P> = Rotation<
    <P as Target>::Vault,
    HaloAdmin<TargetBudget<P>, SystemClock>,
    LiongardAdmin,
    <P as Target>::Store,
    RecordingNotifier<<P as Target>::Store, TerminalNotifier, SystemClock>,
    SystemClock,
>;

/// The command and its target.
struct RotateCommand<P> {
    target: P,
    /// Whether the answer is one JSON object: then nothing else goes to standard output.
    as_json: bool,
    /// The new value that the operator has to enter at the vendor.
    to_enter: Mutex<Option<SecretString>>,
}

/// The answer of `rotate`.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct RotateAnswer {
    /// Which credential.
    pub credential: &'static str,
    /// How far the rotation is.
    pub state: RotateState,
    /// The new value to enter at the vendor, where a person has to.
    pub value: Option<String>,
}

/// How far a rotation is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum RotateState {
    /// The new value is in use.
    Done,
    /// A person has to act before it goes on.
    ActionRequired,
}

/// A version that is to become the current one.
struct PendingVersion {
    version: String,
    /// Its value; `None` if a schedule has only staged it.
    value: Option<SecretFields>,
}

/// Rotates one credential, or says what has to be done first.
pub async fn run(options: &RotateOptions) -> anyhow::Result<ExitCode> {
    match &options.stack {
        Some(stack) => {
            let target = StackTarget::find(stack).await?;
            Box::pin(RotateCommand::of(target, options.json).rotate(options)).await
        }
        None => {
            let target = LocalTarget::open(options).await?;
            Box::pin(RotateCommand::of(target, options.json).rotate(options)).await
        }
    }
}

impl<P> RotateCommand<P> {
    /// Rotates credentials of `target`.
    const fn of(target: P, as_json: bool) -> Self {
        Self {
            target,
            as_json,
            to_enter: Mutex::new(None),
        }
    }

    /// Tells the operator what was done.
    fn tell(&self, text: &str) {
        match self.as_json {
            true => output::remark(text),
            false => output::result(text),
        }
    }

    /// Prints a new value for the operator to enter, or keeps it for the answer.
    fn show(&self, value: SecretString) {
        if self.as_json {
            *self.to_enter.lock().unwrap_or_else(PoisonError::into_inner) = Some(value);
        } else {
            output::result(value.expose_secret());
        }
    }

    /// The answer about `credential`, whose rotation ended with `code`.
    fn answer(&self, credential: CredentialName, code: ExitCode) -> RotateAnswer {
        let to_enter = self.to_enter.lock().unwrap_or_else(PoisonError::into_inner);
        RotateAnswer {
            credential: word(credential),
            state: match code == ExitCode::SUCCESS {
                true => RotateState::Done,
                false => RotateState::ActionRequired,
            },
            value: to_enter.as_ref().map(|it| it.expose_secret().to_owned()),
        }
    }
}

impl<P: Target> RotateCommand<P> {
    /// Rotates the credential that was named, and records it.
    async fn rotate(&self, options: &RotateOptions) -> anyhow::Result<ExitCode> {
        let code = self.replace_value(options).await?;
        let done = if code == ExitCode::SUCCESS {
            "carried out"
        } else {
            "begun; a person has to act before it goes on"
        };
        let command = if options.revoke {
            "rotate --revoke"
        } else {
            "rotate"
        };
        let (operator, subject) = (operator(None), word(options.credential));
        let (store, now) = (self.target.store(), SystemClock.now());
        audit::record(store, &operator, command, subject, done, now).await?;
        if self.as_json {
            page::print(&self.answer(options.credential, code), true, |_, _| {})?;
        }
        Ok(code)
    }

    /// Puts a new value of the credential in the place of the current one, which ends where that is asked for.
    async fn replace_value(&self, options: &RotateOptions) -> anyhow::Result<ExitCode> {
        let name = self.target.secret(options.credential);
        let before = self.current_version(name).await?;
        let code = match options.credential {
            CredentialName::Liongard => self.liongard(options).await?,
            CredentialName::Halopsa => self.halopsa(options).await?,
            CredentialName::Webhook => self.webhook(options).await?,
        };
        if !options.revoke {
            return Ok(code);
        }
        if before.is_none() || self.current_version(name).await? == before {
            output::caution(
                "the old value was not ended: no new one is in use yet; run the command with --finish --revoke",
            );
            return Ok(ExitCode::from(ACTION_REQUIRED));
        }
        self.revoke(name).await
    }

    /// Ends what the current value of the secret `name` has replaced.
    async fn revoke(&self, name: &str) -> anyhow::Result<ExitCode> {
        let (rotation, budget) = self.rotation().await?;
        let revoked = rotation.revoke_replaced(name, &new_version()).await;
        hand_back::<P>(&budget).await;
        let report = revoked.map_err(|error| anyhow::anyhow!(error.chain()))?;
        self.tell(&format!(
            "{GOOD}ended{GOOD:#} the old value; the vault holds it no longer"
        ));
        if report.deleted > 0 {
            output::remark(&format!(
                "{} {} deleted in Liongard",
                counted(report.deleted, "access key"),
                agreeing(report.deleted, "was", "were")
            ));
        }
        if !report.unknown_keys.is_empty() {
            output::caution(&format!(
                "the integration's user has further access keys, which others may have made with the old one; look \
                 at them in Liongard (its profile → Account Settings → Access Tokens): {}",
                report.unknown_keys.join(", ")
            ));
        }
        if let Some(todo) = report.todo {
            output::caution(&format!("one thing is left: {todo}"));
            return Ok(ExitCode::from(ACTION_REQUIRED));
        }
        Ok(ExitCode::SUCCESS)
    }

    /// The name of the current version; `None` when nothing is stored.
    async fn current_version(&self, name: &str) -> anyhow::Result<Option<String>> {
        let current = self.target.vault().read(name, Stage::Current).await?;
        Ok(current.map(|current| current.version))
    }

    /// Takes every step for the pending version.
    async fn run_all(&self, credential: CredentialName, name: &str) -> anyhow::Result<ExitCode> {
        let (rotation, budget) = self.rotation().await?;
        let version = self.version(name).await?;
        let turned = rotation.run_all(name, &version).await;
        hand_back::<P>(&budget).await;
        self.report(credential, turned)
    }

    /// The members of the current version.
    async fn current(&self, name: &str) -> anyhow::Result<Option<SecretFields>> {
        let current = stored_credentials::fields(self.target.vault(), name, Stage::Current).await?;
        Ok(current.map(|(_, fields)| fields))
    }

    /// Whether nothing is stored yet.
    async fn is_unset(&self, name: &str) -> anyhow::Result<bool> {
        let current = self.target.vault().read(name, Stage::Current).await?;
        Ok(current.is_none())
    }

    /// Stores the first value of a secret, without verification: there is nothing to fall back on.
    async fn store_first(&self, name: &str, value: &SecretFields) -> anyhow::Result<ExitCode> {
        let (vault, version) = (self.target.vault(), new_version());
        vault
            .put(name, &version, &value.to_secret(), Stage::Current)
            .await?;
        self.tell(&format!(
            "{GOOD}stored{GOOD:#} the credential in the vault; {}",
            self.target.verified_by()
        ));
        Ok(ExitCode::SUCCESS)
    }

    /// Stores a value as pending: under the version that a schedule has staged, if there is one. A version
    /// that already has a value is not changed; a new version replaces it.
    async fn put_pending(&self, name: &str, value: &SecretFields) -> anyhow::Result<()> {
        let pending = self.pending_version(name).await?;
        let staged = pending.filter(|it| it.value.is_none());
        let version = staged.map_or_else(new_version, |it| it.version);
        let (vault, value) = (self.target.vault(), value.to_secret());
        vault.put(name, &version, &value, Stage::Pending).await?;
        Ok(())
    }

    /// The pending version, or a new one.
    async fn version(&self, name: &str) -> anyhow::Result<String> {
        let pending = self.pending_version(name).await?;
        Ok(pending.map_or_else(new_version, |it| it.version))
    }

    /// The pending version. One that is current as well is finished.
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

    /// The rotation, with the current credentials, and the budget it uses.
    async fn rotation(&self) -> anyhow::Result<(TargetRotation<P>, TargetBudget<P>)> {
        let settings = self.target.settings().await?;
        let store = self.target.store();
        let budget = permit_leases::budget(store.clone(), settings.limit, SystemClock);
        let (halopsa, liongard) =
            halogard_vendors::credential_admins(&settings, budget.clone(), &SystemClock)?;
        let rotation = Rotation {
            vault: self.target.vault().clone(),
            halopsa,
            liongard,
            values: store.clone(),
            notifier: RecordingNotifier {
                store: store.clone(),
                notifier: TerminalNotifier,
                clock: SystemClock,
                names: CredentialName::value_variants()
                    .iter()
                    .map(|it| (self.target.secret(*it).to_owned(), word(*it)))
                    .collect(),
            },
            clock: SystemClock,
        };
        Ok((rotation, budget))
    }

    /// Reports the outcome of a rotation.
    fn report(
        &self,
        credential: CredentialName,
        turned: Result<StepOutcome, RotateError>,
    ) -> anyhow::Result<ExitCode> {
        let (word, target) = (word(credential), &self.target);
        let option = target.cli_option();
        report(word, target.next_step(), &option, turned, |text| {
            self.tell(text)
        })
    }
}

/// Reports the outcome of the rotation of `word`: what happens next, or the command that continues it,
/// with `option`.
fn report(
    word: &str,
    next_step: &str,
    option: &str,
    turned: Result<StepOutcome, RotateError>,
    tell: impl FnOnce(&str),
) -> anyhow::Result<ExitCode> {
    match turned {
        Ok(_) => {
            tell(&format!(
                "{GOOD}done{GOOD:#} {word} was rotated; {next_step}"
            ));
            Ok(ExitCode::SUCCESS)
        }
        Err(error) if error.requires_action() => {
            output::problem(&error.chain());
            output::remark(&format!(
                "the current value stays in use; afterwards run: halogard rotate {word} --finish{option}"
            ));
            Ok(ExitCode::from(ACTION_REQUIRED))
        }
        Err(error) => Err(anyhow::anyhow!(error.chain())),
    }
}

/// Returns the permits that were leased and not used, because others share the budget. If that fails,
/// they expire after one window.
async fn hand_back<P: Target>(budget: &TargetBudget<P>) {
    if let Err(error) = budget.release_unused().await {
        tracing::warn!(%error, "permits of the request budget were left to expire");
    }
}

/// The name of a credential on the command line.
const fn word(credential: CredentialName) -> &'static str {
    match credential {
        CredentialName::Liongard => "liongard",
        CredentialName::Halopsa => "halopsa",
        CredentialName::Webhook => "webhook",
    }
}

/// A new version name, as long as Secrets Manager requires: 32 to 64 characters.
pub fn new_version() -> String {
    format!("halogard-rotate-{:020}", SystemClock.now().as_millis())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rotation_that_waits_for_a_person_has_its_own_exit_code() {
        let error = RotateError::ActionRequired {
            name: "halopsa".to_owned(),
            todo: "open HaloPSA".to_owned(),
            source: None,
        };
        let code = report("halopsa", "", "", Err(error), |_| {}).unwrap();
        assert_eq!(
            format!("{code:?}"),
            format!("{:?}", ExitCode::from(ACTION_REQUIRED))
        );
    }

    #[test]
    fn a_version_name_is_valid_for_secrets_manager() {
        let version = new_version();
        assert!((32..=64).contains(&version.len()), "{version}");
        assert!(version.is_ascii(), "{version}");
    }
}

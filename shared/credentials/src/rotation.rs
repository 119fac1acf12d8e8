//! Rotation of secrets: the four steps of AWS Secrets Manager over any vault.
//!
//! Each step may be repeated, at any time and in any order, and then changes nothing more. The
//! semantics are those of the AWS rotation template: a step fails for a secret that does not rotate and
//! for a version that was not staged; a version that is already current is left alone; a pending value
//! is never replaced by another.
//!
//! The secret itself says how it is rotated, as [`Strategy`]. Where only a person can create a new
//! value, the step fails with instructions, a [`Notice`] is sent, and work continues with the valid
//! values.

mod error;
mod halopsa;
mod liongard;
mod notifier;
mod revoke;
mod step;
mod strategy;
mod vendors;
mod webhook;

use halogard_domain::Timestamp;
use secrecy::SecretString;
use tracing::info;

pub use error::RotateError;
pub use liongard::{CleanupReport, EXPIRES_SOON_DAYS};
pub use notifier::{Notice, NoticeKind, Notifier, RecordingNotifier};
pub use revoke::RevokeReport;
pub use step::{RotationStep, UnknownStep};
pub use strategy::Strategy;
pub use vendors::{
    AccessKeyAdmin, ApplicationAdmin, KeyInfo, KeyPair, NewKey, WebhookAdmin, WebhookChange,
};
pub use webhook::generate_secret;

use crate::SecretFields;
use halogard_app::ports::{Clock, NamedValues, SecretInfo, SecretVersion, Stage, Vault};

/// What a step did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StepOutcome {
    /// The version is already current.
    AlreadyCurrent,
    /// The version already has a value.
    AlreadyPending,
    /// A new value was stored as pending.
    Created,
    /// The vendor received the pending value.
    Set,
    /// This strategy has nothing to do in this step.
    NothingToDo,
    /// The pending value works.
    Tested,
    /// The pending version is now the current one.
    Finished,
}

impl StepOutcome {
    /// A stable word for logs and answers.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::AlreadyCurrent => "already_current",
            Self::AlreadyPending => "already_pending",
            Self::Created => "created",
            Self::Set => "set",
            Self::NothingToDo => "nothing_to_do",
            Self::Tested => "tested",
            Self::Finished => "finished",
        }
    }
}

/// The parts a rotation works with.
#[derive(Clone, Debug)]
pub struct Rotation<V, H, L, M, N, C> {
    /// Where the secrets are.
    pub vault: V,
    /// Verifies HaloPSA's applications and changes our webhook.
    pub halopsa: H,
    /// Creates, verifies and deletes Liongard's access keys.
    pub liongard: L,
    /// Records that a key is being created, so that a key that was never stored can be found.
    pub values: M,
    /// Sends notices to people.
    pub notifier: N,
    /// The time.
    pub clock: C,
}

impl<V, H, L, M, N, C> Rotation<V, H, L, M, N, C>
where
    V: Vault,
    H: ApplicationAdmin + WebhookAdmin,
    L: AccessKeyAdmin,
    M: NamedValues,
    N: Notifier,
    C: Clock,
{
    /// Takes one step for `version` of the secret `name`, as Secrets Manager asks for it.
    ///
    /// # Errors
    ///
    /// [`RotateError`] says what failed, and what to do where a person can help. Everything that
    /// worked before keeps working.
    pub async fn step(
        &self,
        step: RotationStep,
        name: &str,
        version: &str,
    ) -> Result<StepOutcome, RotateError> {
        let outcome = match self.is_staged(name, version).await {
            Ok(true) => Ok(StepOutcome::AlreadyCurrent),
            Ok(false) => self.run_step(step, name, version).await,
            Err(error) => Err(error),
        };
        self.log_and_notify(step, name, outcome).await
    }

    /// Takes every step for `version`, which need not be staged: for a vault without a schedule.
    ///
    /// # Errors
    ///
    /// As [`Rotation::step`]; the steps before the one that failed stand.
    pub async fn run_all(&self, name: &str, version: &str) -> Result<StepOutcome, RotateError> {
        let mut last = StepOutcome::AlreadyCurrent;
        for step in RotationStep::ALL {
            let info = self.vault.describe(name).await?.unwrap_or_default();
            if is_in(&info, version, Stage::Current) {
                return Ok(last);
            }
            let outcome = self.run_step(step, name, version).await;
            last = self.log_and_notify(step, name, outcome).await?;
        }
        Ok(last)
    }

    /// Deletes replaced credentials whose overlap is over, and sends a notice when the current one
    /// expires soon. Safe to repeat; meant for once a day.
    ///
    /// # Errors
    ///
    /// As [`Rotation::step`].
    pub async fn delete_expired(&self, name: &str) -> Result<CleanupReport, RotateError> {
        let current = self.current(name).await?;
        match Strategy::of(name, &current.fields)? {
            // A new stack, before the operator has stored a key.
            _ if current.fields.is_unfilled() => Ok(CleanupReport::default()),
            Strategy::LiongardAccessKey => self.delete_expired_keys(name, &current.fields).await,
            Strategy::HaloPsaApplication | Strategy::HaloPsaTwoApplications | Strategy::Webhook => {
                Ok(CleanupReport::default())
            }
        }
    }

    /// Whether `version` is already current. Fails as the AWS rotation template does: for a secret that
    /// does not rotate, and for a version that is not staged.
    async fn is_staged(&self, name: &str, version: &str) -> Result<bool, RotateError> {
        let info = self.vault.describe(name).await?;
        let info = info.ok_or_else(|| RotateError::NoSuchSecret(name.to_owned()))?;
        if !info.rotates {
            return Err(RotateError::NotRotating(name.to_owned()));
        }
        if !info.versions.contains_key(version) {
            return Err(RotateError::UnknownVersion {
                name: name.to_owned(),
                version: version.to_owned(),
            });
        }
        if is_in(&info, version, Stage::Current) {
            return Ok(true);
        }
        if !is_in(&info, version, Stage::Pending) {
            return Err(RotateError::NotPending {
                name: name.to_owned(),
                version: version.to_owned(),
            });
        }
        Ok(false)
    }

    /// Takes one step for a version that is not current.
    async fn run_step(
        &self,
        step: RotationStep,
        name: &str,
        version: &str,
    ) -> Result<StepOutcome, RotateError> {
        let current = self.current(name).await?;
        let strategy = Strategy::of(name, &current.fields)?;
        let pending = self.pending(name, version).await?;
        match (step, pending) {
            (RotationStep::Create, Some(_)) => Ok(StepOutcome::AlreadyPending),
            (RotationStep::Create, None) => self.create(strategy, name, version, &current).await,
            (RotationStep::Set, Some(pending)) => {
                self.set(strategy, name, &current.fields, &pending).await
            }
            // Secrets Manager tests a new rotation schedule with the current value. On a new stack that
            // is the template's, and there is nothing to verify yet.
            (RotationStep::Test, Some(pending)) if pending.is_unfilled() => {
                Ok(StepOutcome::NothingToDo)
            }
            (RotationStep::Test, Some(pending)) => {
                self.verify(strategy, name, &pending).await?;
                Ok(StepOutcome::Tested)
            }
            (RotationStep::Finish, Some(pending)) => {
                // Steps may arrive in any order, and an unverified value must not become current.
                self.verify(strategy, name, &pending).await?;
                self.vault.promote(name, version).await?;
                Ok(StepOutcome::Finished)
            }
            (RotationStep::Set | RotationStep::Test | RotationStep::Finish, None) => {
                Err(RotateError::NoValue {
                    name: name.to_owned(),
                    version: version.to_owned(),
                })
            }
        }
    }

    /// Creates the value of `version`, or fails with instructions for a person.
    async fn create(
        &self,
        strategy: Strategy,
        name: &str,
        version: &str,
        current: &Current,
    ) -> Result<StepOutcome, RotateError> {
        match strategy {
            Strategy::LiongardAccessKey => self.create_key(name, version, current).await,
            Strategy::HaloPsaApplication => Err(halopsa::needs_secret(name, &current.fields)),
            Strategy::HaloPsaTwoApplications => {
                let previous = self.vault.read(name, Stage::Previous).await?;
                let previous = previous.and_then(|found| SecretFields::parse(&found.value).ok());
                Err(halopsa::needs_idle_secret(
                    name,
                    &current.fields,
                    previous.as_ref(),
                ))
            }
            Strategy::Webhook => {
                let fields = webhook::with_new_value(name, &current.fields, self.clock.now())?;
                self.store(name, version, &fields).await
            }
        }
    }

    /// Sends the pending value to the vendor, unless the vendor created it.
    async fn set(
        &self,
        strategy: Strategy,
        name: &str,
        current: &SecretFields,
        pending: &SecretFields,
    ) -> Result<StepOutcome, RotateError> {
        match strategy {
            // The vendor created it.
            Strategy::LiongardAccessKey
            | Strategy::HaloPsaApplication
            | Strategy::HaloPsaTwoApplications => Ok(StepOutcome::NothingToDo),
            Strategy::Webhook => self.set_webhook(name, current, pending).await,
        }
    }

    /// Verifies the pending value with a harmless request.
    async fn verify(
        &self,
        strategy: Strategy,
        name: &str,
        pending: &SecretFields,
    ) -> Result<(), RotateError> {
        match strategy {
            Strategy::LiongardAccessKey => self.verify_key(name, pending).await,
            Strategy::HaloPsaApplication | Strategy::HaloPsaTwoApplications => {
                let (client_id, secret) = halopsa::credentials(name, pending)?;
                let verified = self.halopsa.verify(&client_id, &secret).await;
                verified.map_err(|source| halopsa::not_verified(name, &client_id, source))
            }
            // HaloPSA never shows a secret, so only its members can be checked.
            Strategy::Webhook => webhook::check_complete(name, pending),
        }
    }

    /// Stores `fields` as the pending value of `version`.
    async fn store(
        &self,
        name: &str,
        version: &str,
        fields: &SecretFields,
    ) -> Result<StepOutcome, RotateError> {
        let value = fields.to_secret();
        self.vault
            .put(name, version, &value, Stage::Pending)
            .await?;
        Ok(StepOutcome::Created)
    }

    /// The current version. A secret without one was never set up.
    async fn current(&self, name: &str) -> Result<Current, RotateError> {
        let found = self.vault.read(name, Stage::Current).await?;
        let found = found.ok_or_else(|| RotateError::NoCurrent(name.to_owned()))?;
        Ok(Current {
            fields: read_fields(name, Stage::Current, &found)?,
        })
    }

    /// The value of the pending `version`; `None` while it has none.
    async fn pending(
        &self,
        name: &str,
        version: &str,
    ) -> Result<Option<SecretFields>, RotateError> {
        let found = self.vault.read(name, Stage::Pending).await?;
        match found.filter(|found| found.version == version) {
            Some(found) => read_fields(name, Stage::Pending, &found).map(Some),
            None => Ok(None),
        }
    }

    /// Logs the outcome of a step; a failure is also sent as a notice.
    async fn log_and_notify(
        &self,
        step: RotationStep,
        name: &str,
        outcome: Result<StepOutcome, RotateError>,
    ) -> Result<StepOutcome, RotateError> {
        match &outcome {
            Ok(did) => {
                info!(
                    step = step.as_str(),
                    outcome = did.as_str(),
                    "rotation step finished"
                );
                if *did == StepOutcome::Finished {
                    let kinds = [
                        NoticeKind::ActionRequired,
                        NoticeKind::Failed,
                        NoticeKind::ExpiresSoon,
                    ];
                    self.settle(name, &kinds).await;
                }
            }
            Err(error) => {
                tracing::warn!(
                    step = step.as_str(),
                    error_type = error.error_type(),
                    reason = error.chain(),
                    "rotation step failed"
                );
                self.notify(&Notice::from_failure(step, name, error)).await;
            }
        }
        outcome
    }

    /// Takes in that nothing of `kinds` about the secret `name` waits for a person any longer. If that fails, the next
    /// check does it again.
    async fn settle(&self, name: &str, kinds: &[NoticeKind]) {
        if let Err(error) = self.notifier.settled(name, kinds).await {
            tracing::warn!(
                error_type = error.code.as_str(),
                reason = error.chain(),
                "what no longer waits for a person could not be recorded"
            );
        }
    }

    /// Sends a notice. If that fails, the log has its text.
    async fn notify(&self, notice: &Notice) {
        if let Err(error) = self.notifier.notify(notice).await {
            tracing::warn!(
                error_type = error.code.as_str(),
                reason = error.chain(),
                text = notice.text,
                "a notice could not be sent; its text is here"
            );
        }
    }
}

/// The current version of a secret.
struct Current {
    fields: SecretFields,
}

/// Whether `version` is in `stage`.
fn is_in(info: &SecretInfo, version: &str, stage: Stage) -> bool {
    let stages = info.versions.get(version);
    stages.is_some_and(|stages| stages.contains(&stage))
}

/// The members of a version.
fn read_fields(
    name: &str,
    stage: Stage,
    found: &SecretVersion,
) -> Result<SecretFields, RotateError> {
    SecretFields::parse(&found.value).map_err(|error| RotateError::BadValue {
        name: name.to_owned(),
        stage,
        why: error.to_string(),
    })
}

/// The text of a required member.
fn required<'a>(
    name: &str,
    fields: &'a SecretFields,
    member: &str,
) -> Result<&'a str, RotateError> {
    fields.text(member).ok_or_else(|| RotateError::BadValue {
        name: name.to_owned(),
        stage: Stage::Pending,
        why: format!("the member {member} is missing"),
    })
}

/// A required member, as a secret.
fn required_secret(
    name: &str,
    fields: &SecretFields,
    member: &str,
) -> Result<SecretString, RotateError> {
    required(name, fields, member).map(SecretString::from)
}

/// Whole days from `now` to `end`; negative once it is past.
fn days_until(end: Timestamp, now: Timestamp) -> i64 {
    const DAY_MS: i64 = 86_400_000;
    end.as_millis()
        .saturating_sub(now.as_millis())
        .div_euclid(DAY_MS)
}

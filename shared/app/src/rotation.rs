//! Rotation of secrets: the four steps of AWS Secrets Manager over any vault.
//!
//! Each step may be called again, at any time and in any order, and then does nothing more. The
//! semantics are those of the vendor's rotation template: a secret that does not rotate or a
//! version nobody announced is refused, a version that is current already is left alone, and a
//! value that was stored as pending is never replaced by another.
//!
//! How a secret is exchanged stands in the secret itself, as [`Strategy`]. Nothing is invented:
//! where only a person can make a new value, the step fails with the sentence that says what to do,
//! a [`Notice`] goes out, and work goes on with what is valid.

mod error;
mod halopsa;
mod liongard;
mod notifier;
mod step;
mod strategy;
mod vendors;
mod webhook;

use halogard_domain::Timestamp;
use secrecy::SecretString;
use tracing::info;

pub use error::RotateError;
pub use liongard::{CleanupReport, EXPIRES_SOON_DAYS, OVERLAP};
pub use notifier::{Notice, NoticeKind, Notifier};
pub use step::{Step, UnknownStep};
pub use strategy::Strategy;
pub use vendors::{
    AccessKeyAdmin, ApplicationAdmin, KeyInfo, KeyPair, NewKey, WebhookAdmin, WebhookChange,
};
pub use webhook::generate_secret;

use crate::credentials::SecretFields;
use crate::ports::{Clock, SecretInfo, SecretVersion, Stage, Values, Vault};

/// What a step did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StepOutcome {
    /// The version is current already.
    AlreadyCurrent,
    /// The version has a value already.
    AlreadyPending,
    /// A new value was stored as pending.
    Created,
    /// The vendor was told the pending value.
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
pub struct Rotation<V, P, M, N, C> {
    /// Where the secrets are.
    pub vault: V,
    /// Both vendors, as far as credentials go.
    pub vendors: P,
    /// Remembers that a key is being made, so that one nobody stored is found again.
    pub marks: M,
    /// Whom a person's part is told to.
    pub notifier: N,
    /// The time.
    pub clock: C,
}

impl<V, P, M, N, C> Rotation<V, P, M, N, C>
where
    V: Vault,
    P: AccessKeyAdmin + ApplicationAdmin + WebhookAdmin,
    M: Values,
    N: Notifier,
    C: Clock,
{
    /// Takes one step for `version` of the secret `name`, as Secrets Manager asks for it.
    ///
    /// # Errors
    ///
    /// [`RotateError`] says what stands in the way, and what to do where a person can help. Nothing
    /// that worked before stops working because of it.
    pub async fn step(
        &self,
        step: Step,
        name: &str,
        version: &str,
    ) -> Result<StepOutcome, RotateError> {
        let turned = match self.is_staged(name, version).await {
            Ok(true) => Ok(StepOutcome::AlreadyCurrent),
            Ok(false) => self.run_step(step, name, version).await,
            Err(error) => Err(error),
        };
        self.log_and_notify(step, name, turned).await
    }

    /// Takes every step for `version`, which need not be announced: for a vault without a schedule.
    ///
    /// # Errors
    ///
    /// As [`Rotation::step`]; the steps before the one that failed stand.
    pub async fn run_all(&self, name: &str, version: &str) -> Result<StepOutcome, RotateError> {
        let mut last = StepOutcome::AlreadyCurrent;
        for step in Step::ALL {
            let info = self.vault.describe(name).await?.unwrap_or_default();
            if is_in(&info, version, Stage::Current) {
                return Ok(last);
            }
            let turned = self.run_step(step, name, version).await;
            last = self.log_and_notify(step, name, turned).await?;
        }
        Ok(last)
    }

    /// Deletes what is left of earlier rotations, and tells when a credential is about to run out.
    /// Safe to repeat; meant for once a day.
    ///
    /// # Errors
    ///
    /// As [`Rotation::step`].
    pub async fn delete_expired(&self, name: &str) -> Result<CleanupReport, RotateError> {
        let current = self.current(name).await?;
        match Strategy::of(name, &current.fields)? {
            Strategy::LiongardAccessKey => self.delete_expired_keys(name, &current.fields).await,
            Strategy::HaloPsaApplication | Strategy::HaloPsaTwoApplications | Strategy::Webhook => {
                Ok(CleanupReport::default())
            }
        }
    }

    /// Whether `version` is current already. Refuses what the vendor's template refuses.
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
        step: Step,
        name: &str,
        version: &str,
    ) -> Result<StepOutcome, RotateError> {
        let current = self.current(name).await?;
        let strategy = Strategy::of(name, &current.fields)?;
        let pending = self.pending(name, version).await?;
        match (step, pending) {
            (Step::Create, Some(_)) => Ok(StepOutcome::AlreadyPending),
            (Step::Create, None) => self.create(strategy, name, version, &current).await,
            (Step::Set, Some(pending)) => self.set(strategy, name, &current.fields, &pending).await,
            (Step::Test, Some(pending)) => {
                self.verify(strategy, name, &pending).await?;
                Ok(StepOutcome::Tested)
            }
            (Step::Finish, Some(pending)) => {
                // Steps may come in any order, and a value that was never tried must not be used.
                self.verify(strategy, name, &pending).await?;
                self.vault.promote(name, version).await?;
                Ok(StepOutcome::Finished)
            }
            (Step::Set | Step::Test | Step::Finish, None) => Err(RotateError::NoValue {
                name: name.to_owned(),
                version: version.to_owned(),
            }),
        }
    }

    /// Makes the value of `version`, or says who must.
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
                let fields = webhook::exchanged(name, &current.fields, self.clock.now())?;
                self.store(name, version, &fields).await
            }
        }
    }

    /// Tells the vendor the pending value, where that is how it gets to know it.
    async fn set(
        &self,
        strategy: Strategy,
        name: &str,
        current: &SecretFields,
        pending: &SecretFields,
    ) -> Result<StepOutcome, RotateError> {
        match strategy {
            // Made by the vendor, so it knows.
            Strategy::LiongardAccessKey
            | Strategy::HaloPsaApplication
            | Strategy::HaloPsaTwoApplications => Ok(StepOutcome::NothingToDo),
            Strategy::Webhook => self.set_webhook(name, current, pending).await,
        }
    }

    /// Tries the pending value with a harmless request.
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
                let verified = ApplicationAdmin::verify(&self.vendors, &client_id, &secret).await;
                verified.map_err(|source| halopsa::not_verified(name, &client_id, source))
            }
            // HaloPSA shows no secret, so all that can be tried is whether there is one.
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

    /// The value of the pending `version`; `None` when it has none yet.
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

    /// Writes the one line a step ends with; what a person must see goes out as a notice too.
    async fn log_and_notify(
        &self,
        step: Step,
        name: &str,
        turned: Result<StepOutcome, RotateError>,
    ) -> Result<StepOutcome, RotateError> {
        match &turned {
            Ok(did) => info!(
                step = step.as_str(),
                outcome = did.as_str(),
                "a rotation step was taken"
            ),
            Err(error) => {
                tracing::warn!(
                    step = step.as_str(),
                    error_type = error.error_type(),
                    reason = error.chain(),
                    "a rotation step failed"
                );
                self.notify(&Notice::from_failure(step, name, error)).await;
            }
        }
        turned
    }

    /// Sends a notice; one that cannot be sent stands in the log all the same.
    async fn notify(&self, notice: &Notice) {
        if let Err(error) = self.notifier.notify(notice).await {
            tracing::warn!(
                error_type = error.error_type,
                reason = error.chain(),
                text = notice.text,
                "a notice could not be sent; its text stands here"
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

/// The text of a member every value of this strategy must have.
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

/// The same as a secret.
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

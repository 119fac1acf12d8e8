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
mod notices;
mod step;
mod strategy;
mod vendors;
mod webhook;

use halogard_domain::Timestamp;
use secrecy::SecretString;
use tracing::info;

pub use error::RotateError;
pub use liongard::{EXPIRES_SOON_DAYS, OVERLAP, Retired};
pub use notices::{Notice, NoticeKind, Notices};
pub use step::{Step, UnknownStep};
pub use strategy::Strategy;
pub use vendors::{AccessKeys, Applications, KeyInfo, KeyPair, NewKey, WebhookChange, Webhooks};
pub use webhook::fresh_secret;

use crate::keyring::Fields;
use crate::ports::{Clock, Marks, SecretInfo, SecretVersion, Stage, Vault};

/// What a step did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turned {
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

impl Turned {
    /// A stable word for logs and answers.
    #[must_use]
    pub const fn word(self) -> &'static str {
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
    pub notices: N,
    /// The time.
    pub clock: C,
}

impl<V, P, M, N, C> Rotation<V, P, M, N, C>
where
    V: Vault,
    P: AccessKeys + Applications + Webhooks,
    M: Marks,
    N: Notices,
    C: Clock,
{
    /// Takes one step for `version` of the secret `name`, as Secrets Manager asks for it.
    ///
    /// # Errors
    ///
    /// [`RotateError`] says what stands in the way, and what to do where a person can help. Nothing
    /// that worked before stops working because of it.
    pub async fn step(&self, step: Step, name: &str, version: &str) -> Result<Turned, RotateError> {
        let turned = match self.announced(name, version).await {
            Ok(true) => Ok(Turned::AlreadyCurrent),
            Ok(false) => self.turn(step, name, version).await,
            Err(error) => Err(error),
        };
        self.told(step, name, turned).await
    }

    /// Takes every step for `version`, which need not be announced: for a vault without a schedule.
    ///
    /// # Errors
    ///
    /// As [`Rotation::step`]; the steps before the one that failed stand.
    pub async fn whole(&self, name: &str, version: &str) -> Result<Turned, RotateError> {
        let mut last = Turned::AlreadyCurrent;
        for step in Step::ALL {
            let info = self.vault.describe(name).await?.unwrap_or_default();
            if is_in(&info, version, Stage::Current) {
                return Ok(last);
            }
            let turned = self.turn(step, name, version).await;
            last = self.told(step, name, turned).await?;
        }
        Ok(last)
    }

    /// Deletes what is left of earlier rotations, and tells when a credential is about to run out.
    /// Safe to repeat; meant for once a day.
    ///
    /// # Errors
    ///
    /// As [`Rotation::step`].
    pub async fn retire(&self, name: &str) -> Result<Retired, RotateError> {
        let current = self.current(name).await?;
        match Strategy::of(name, &current.fields)? {
            Strategy::LiongardAccessKey => self.retire_keys(name, &current.fields).await,
            Strategy::HaloPsaApplication | Strategy::HaloPsaTwoApplications | Strategy::Webhook => {
                Ok(Retired::default())
            }
        }
    }

    /// Whether `version` is current already. Refuses what the vendor's template refuses.
    async fn announced(&self, name: &str, version: &str) -> Result<bool, RotateError> {
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
    async fn turn(&self, step: Step, name: &str, version: &str) -> Result<Turned, RotateError> {
        let current = self.current(name).await?;
        let strategy = Strategy::of(name, &current.fields)?;
        let pending = self.pending(name, version).await?;
        match (step, pending) {
            (Step::Create, Some(_)) => Ok(Turned::AlreadyPending),
            (Step::Create, None) => self.create(strategy, name, version, &current).await,
            (Step::Set, Some(pending)) => self.set(strategy, name, &current.fields, &pending).await,
            (Step::Test, Some(pending)) => {
                self.prove(strategy, name, &pending).await?;
                Ok(Turned::Tested)
            }
            (Step::Finish, Some(pending)) => {
                // Steps may come in any order, and a value that was never tried must not be used.
                self.prove(strategy, name, &pending).await?;
                self.vault.promote(name, version).await?;
                Ok(Turned::Finished)
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
    ) -> Result<Turned, RotateError> {
        match strategy {
            Strategy::LiongardAccessKey => self.mint_key(name, version, current).await,
            Strategy::HaloPsaApplication => Err(halopsa::needs_secret(name, &current.fields)),
            Strategy::HaloPsaTwoApplications => {
                let previous = self.vault.read(name, Stage::Previous).await?;
                let previous = previous.and_then(|found| Fields::read(&found.value).ok());
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
        current: &Fields,
        pending: &Fields,
    ) -> Result<Turned, RotateError> {
        match strategy {
            // Made by the vendor, so it knows.
            Strategy::LiongardAccessKey
            | Strategy::HaloPsaApplication
            | Strategy::HaloPsaTwoApplications => Ok(Turned::NothingToDo),
            Strategy::Webhook => self.set_webhook(name, current, pending).await,
        }
    }

    /// Tries the pending value with a harmless request.
    async fn prove(
        &self,
        strategy: Strategy,
        name: &str,
        pending: &Fields,
    ) -> Result<(), RotateError> {
        match strategy {
            Strategy::LiongardAccessKey => self.prove_key(name, pending).await,
            Strategy::HaloPsaApplication | Strategy::HaloPsaTwoApplications => {
                let (client_id, secret) = halopsa::credentials(name, pending)?;
                let proved = Applications::prove(&self.vendors, &client_id, &secret).await;
                proved.map_err(|source| halopsa::not_proved(name, &client_id, source))
            }
            // HaloPSA shows no secret, so all that can be tried is whether there is one.
            Strategy::Webhook => webhook::whole(name, pending),
        }
    }

    /// Stores `fields` as the pending value of `version`.
    async fn store(
        &self,
        name: &str,
        version: &str,
        fields: &Fields,
    ) -> Result<Turned, RotateError> {
        let value = fields.to_secret();
        self.vault
            .put(name, version, &value, Stage::Pending)
            .await?;
        Ok(Turned::Created)
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
    async fn pending(&self, name: &str, version: &str) -> Result<Option<Fields>, RotateError> {
        let found = self.vault.read(name, Stage::Pending).await?;
        match found.filter(|found| found.version == version) {
            Some(found) => read_fields(name, Stage::Pending, &found).map(Some),
            None => Ok(None),
        }
    }

    /// Writes the one line a step ends with; what a person must see goes out as a notice too.
    async fn told(
        &self,
        step: Step,
        name: &str,
        turned: Result<Turned, RotateError>,
    ) -> Result<Turned, RotateError> {
        match &turned {
            Ok(did) => info!(
                step = step.word(),
                outcome = did.word(),
                "a rotation step was taken"
            ),
            Err(error) => {
                tracing::warn!(
                    step = step.word(),
                    error_type = error.error_type(),
                    reason = error.chain(),
                    "a rotation step failed"
                );
                self.tell(&Notice::of_failure(step, name, error)).await;
            }
        }
        turned
    }

    /// Sends a notice; one that cannot be sent stands in the log all the same.
    async fn tell(&self, notice: &Notice) {
        if let Err(error) = self.notices.tell(notice).await {
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
    fields: Fields,
}

/// Whether `version` is in `stage`.
fn is_in(info: &SecretInfo, version: &str, stage: Stage) -> bool {
    let stages = info.versions.get(version);
    stages.is_some_and(|stages| stages.contains(&stage))
}

/// The members of a version.
fn read_fields(name: &str, stage: Stage, found: &SecretVersion) -> Result<Fields, RotateError> {
    Fields::read(&found.value).map_err(|error| RotateError::BadValue {
        name: name.to_owned(),
        stage,
        why: error.to_string(),
    })
}

/// The text of a member every value of this strategy must have.
fn required<'a>(name: &str, fields: &'a Fields, member: &str) -> Result<&'a str, RotateError> {
    fields.text(member).ok_or_else(|| RotateError::BadValue {
        name: name.to_owned(),
        stage: Stage::Pending,
        why: format!("the member {member} is missing"),
    })
}

/// The same as a secret.
fn required_secret(name: &str, fields: &Fields, member: &str) -> Result<SecretString, RotateError> {
    required(name, fields, member).map(SecretString::from)
}

/// Whole days from `now` to `end`; negative once it is past.
fn days_until(end: Timestamp, now: Timestamp) -> i64 {
    const DAY_MS: i64 = 86_400_000;
    end.as_millis()
        .saturating_sub(now.as_millis())
        .div_euclid(DAY_MS)
}

//! `rotate`: a person exchanges a credential, on one machine or of a deployed stack.
//!
//! On one machine the command opens the store beside a running `serve`, which goes on working and
//! uses the new value by itself. So does a stack: its functions read its secrets, which hold the old
//! value and the new one until all is done.

mod deployed;
mod halopsa;
mod liongard;
mod machine;
mod notices;
mod place;
mod schedule;
mod typed;
mod webhook;

use std::process::ExitCode;

use halogard_app::budget::SharedBudget;
use halogard_app::keyring::Fields;
use halogard_app::ports::{Clock as _, Stage, Vault as _};
use halogard_app::rotate::{RotateError, Rotation, Turned};
use halogard_connect::Issuers;
use halogard_http::HttpClient;
use halogard_runtime::SystemClock;

pub use schedule::regularly;

use crate::cli::{CredentialName, RotateOptions};
use crate::kept;
use crate::output::{self, GOOD};
use deployed::Deployed;
use machine::Machine;
use notices::OnTerminal;
use place::Place;

/// The exit code when a person has to do something before the command is given again.
const PERSON_NEEDED: u8 = 3;

/// The request budget of a place.
type Budget<P> = SharedBudget<<P as Place>::Store, SystemClock>;

/// The use case over a place's parts.
type PlaceRotation<P> = Rotation<
    <P as Place>::Vault,
    Issuers<HttpClient, Budget<P>, SystemClock>,
    <P as Place>::Store,
    OnTerminal,
    SystemClock,
>;

/// What the command works with.
struct Bench<P> {
    place: P,
}

/// A version that is to become the current one.
struct Waiting {
    version: String,
    /// Its value; `None` while a schedule has only announced it.
    value: Option<Fields>,
}

/// Exchanges one credential, or says what has to be done first.
pub async fn run(options: &RotateOptions) -> anyhow::Result<ExitCode> {
    match &options.stack {
        Some(stack) => {
            let place = Deployed::find(stack).await?;
            Box::pin(Bench { place }.exchange(options)).await
        }
        None => {
            let place = Machine::open(options).await?;
            Box::pin(Bench { place }.exchange(options)).await
        }
    }
}

impl<P: Place> Bench<P> {
    /// Exchanges the credential that was named.
    async fn exchange(&self, options: &RotateOptions) -> anyhow::Result<ExitCode> {
        match options.credential {
            CredentialName::Liongard => self.liongard(options).await,
            CredentialName::Halopsa => self.halopsa(options).await,
            CredentialName::Webhook => self.webhook(options).await,
        }
    }

    /// Takes every step for the version that waits.
    async fn whole(&self, credential: CredentialName, name: &str) -> anyhow::Result<ExitCode> {
        let (rotation, budget) = self.rotation().await?;
        let version = self.version(name).await?;
        let turned = rotation.whole(name, &version).await;
        hand_back::<P>(&budget).await;
        self.told(credential, turned)
    }

    /// The members of the version in use.
    async fn current(&self, name: &str) -> anyhow::Result<Option<Fields>> {
        let current = kept::fields(self.place.vault(), name, Stage::Current).await?;
        Ok(current.map(|(_, fields)| fields))
    }

    /// Whether nothing is kept yet.
    async fn is_first(&self, name: &str) -> anyhow::Result<bool> {
        let current = self.place.vault().read(name, Stage::Current).await?;
        Ok(current.is_none())
    }

    /// Keeps the first value of a secret; there is nothing yet to fall back on, so nothing is proved.
    async fn keep_first(&self, name: &str, value: &Fields) -> anyhow::Result<ExitCode> {
        let (vault, version) = (self.place.vault(), new_version());
        vault
            .put(name, &version, &value.to_secret(), Stage::Current)
            .await?;
        output::result(&format!(
            "{GOOD}kept{GOOD:#} the credential in the vault; {}",
            self.place.tried_by()
        ));
        Ok(ExitCode::SUCCESS)
    }

    /// Keeps a value made by hand as pending: under the version a schedule waits for, if there is
    /// one. A version that has a value already keeps it, so another takes its place.
    async fn offer(&self, name: &str, value: &Fields) -> anyhow::Result<()> {
        let waiting = self.waiting(name).await?;
        let announced = waiting.filter(|it| it.value.is_none());
        let version = announced.map_or_else(new_version, |it| it.version);
        let (vault, value) = (self.place.vault(), value.to_secret());
        vault.put(name, &version, &value, Stage::Pending).await?;
        Ok(())
    }

    /// The version that waits, or a new one.
    async fn version(&self, name: &str) -> anyhow::Result<String> {
        let waiting = self.waiting(name).await?;
        Ok(waiting.map_or_else(new_version, |it| it.version))
    }

    /// The version that is pending. One that is current as well is done.
    async fn waiting(&self, name: &str) -> anyhow::Result<Option<Waiting>> {
        let vault = self.place.vault();
        let info = vault.describe(name).await?.unwrap_or_default();
        let mut versions = info.versions.into_iter();
        let pending = versions.find(|(_, stages)| {
            stages.contains(&Stage::Pending) && !stages.contains(&Stage::Current)
        });
        let Some((version, _)) = pending else {
            return Ok(None);
        };
        let found = kept::fields(vault, name, Stage::Pending).await?;
        let value = found.filter(|(found, _)| *found == version);
        Ok(Some(Waiting {
            version,
            value: value.map(|(_, fields)| fields),
        }))
    }

    /// The use case, with the credentials in use, and the budget it spends.
    async fn rotation(&self) -> anyhow::Result<(PlaceRotation<P>, Budget<P>)> {
        let settings = self.place.settings().await?;
        let store = self.place.store();
        let budget = SharedBudget::new(store.clone(), settings.limit, SystemClock);
        let vendors = halogard_connect::issuers(
            &settings.halo,
            &settings.liongard,
            budget.clone(),
            &SystemClock,
        )?;
        let rotation = Rotation {
            vault: self.place.vault().clone(),
            vendors,
            marks: store.clone(),
            notices: OnTerminal,
            clock: SystemClock,
        };
        Ok((rotation, budget))
    }

    /// Says how a rotation went.
    fn told(
        &self,
        credential: CredentialName,
        turned: Result<Turned, RotateError>,
    ) -> anyhow::Result<ExitCode> {
        let (word, place) = (word(credential), &self.place);
        told(word, place.afterwards(), &place.option(), turned)
    }
}

/// Says how the rotation of `word` went: what comes `afterwards`, or the command to go on with, to
/// which `option` belongs.
fn told(
    word: &str,
    afterwards: &str,
    option: &str,
    turned: Result<Turned, RotateError>,
) -> anyhow::Result<ExitCode> {
    match turned {
        Ok(_) => {
            output::result(&format!(
                "{GOOD}done{GOOD:#} {word} was rotated; {afterwards}"
            ));
            Ok(ExitCode::SUCCESS)
        }
        Err(error) if error.needs_person() => {
            output::problem(&error.chain());
            output::remark(&format!(
                "nothing is lost: the value in use stays in use; afterwards give: halogard rotate \
                 {word} --finish{option}"
            ));
            Ok(ExitCode::from(PERSON_NEEDED))
        }
        Err(error) => Err(anyhow::anyhow!(error.chain())),
    }
}

/// Gives back the permits that were leased and not used: others share the budget. What is lost when
/// that fails: they free themselves a window later.
async fn hand_back<P: Place>(budget: &Budget<P>) {
    if let Err(error) = budget.hand_back().await {
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
        let error = RotateError::NeedsPerson {
            name: "halopsa".to_owned(),
            todo: "open HaloPSA".to_owned(),
            source: None,
        };
        let code = told("halopsa", "", "", Err(error)).unwrap();
        assert_eq!(
            format!("{code:?}"),
            format!("{:?}", ExitCode::from(PERSON_NEEDED))
        );
    }

    #[test]
    fn a_version_is_named_as_secrets_manager_wants_it() {
        let version = new_version();
        assert!((32..=64).contains(&version.len()), "{version}");
        assert!(version.is_ascii(), "{version}");
    }
}

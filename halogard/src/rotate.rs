//! `rotate`: a person exchanges a credential, on one machine or of a deployed stack.
//!
//! On one machine the store belongs to one process at a time: a `serve` that runs lends what is
//! needed of it, and goes on working. So does a stack: its functions read its secrets, which hold the
//! old value and the new one until all is done.

mod deployed;
mod machine;
mod notices;
mod place;
mod typed;

use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context as _;
use halogard_app::budget::SharedBudget;
use halogard_app::keyring::{self, Fields, WebhookKind};
use halogard_app::ports::{Clock as _, Stage, Vault as _};
use halogard_app::rotate::{RotateError, Rotation, Turned, fresh_secret};
use halogard_connect::Issuers;
use halogard_embedded::Store;
use halogard_runtime::SystemClock;
use halogard_runtime::settings::Environment;
use halogard_transport::HttpTransport;
use secrecy::{ExposeSecret as _, SecretString};

use crate::cli::{CredentialName, RotateOptions};
use crate::kept::{self, LIONGARD};
use crate::output::{self, GOOD};
use deployed::Deployed;
use machine::Machine;
use notices::OnTerminal;
use place::Place;

/// The exit code when a person has to do something before the command is given again.
const PERSON_NEEDED: u8 = 3;

/// Where applications are in HaloPSA.
const APPLICATIONS: &str =
    "HaloPSA → Configuration → Integrations → HaloPSA API → View Applications";

/// What the template puts where an operator's value belongs.
const PLACEHOLDER: &str = "REPLACE-ME";

/// The request budget of a place.
type Budget<P> = SharedBudget<<P as Place>::Store, SystemClock>;

/// The use case over a place's parts.
type PlaceRotation<P> = Rotation<
    <P as Place>::Vault,
    Issuers<HttpTransport, Budget<P>, SystemClock>,
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

/// A look at the key that failed is repeated after this time, or after the interval if that is
/// shorter.
const FAILED_LOOK_PAUSE: Duration = Duration::from_secs(3600);

/// A key with fewer days left is rotated: with the usual life of 90 days, every month.
const ROTATE_WITH_DAYS_LEFT: i64 = 60;

/// Rotates Liongard's key on this machine's own schedule, with a look each `interval`, for as long as
/// the process serves. Only a key kept in the vault: one that stands in settings is its owner's
/// business.
pub async fn regularly(environment: Environment, store: Store<SystemClock>, interval: Duration) {
    let store = store.into();
    let place = Machine { environment, store };
    let bench = Bench { place };
    loop {
        let pause = match bench.look_at_key().await {
            Ok(()) => interval,
            Err(error) => {
                let pause = interval.min(FAILED_LOOK_PAUSE);
                tracing::warn!(
                    reason = format!("{error:#}"),
                    retry_after_ms = u64::try_from(pause.as_millis()).unwrap_or(u64::MAX),
                    "the look at Liongard's access key is repeated later"
                );
                pause
            }
        };
        tokio::time::sleep(pause).await;
    }
}

impl Bench<Machine> {
    /// Deletes what was replaced, and rotates the key when it is time.
    async fn look_at_key(&self) -> anyhow::Result<()> {
        let given = kept::is_given(&self.place.environment, LIONGARD);
        if given || self.is_first(LIONGARD).await? {
            return Ok(());
        }
        let due_with = self
            .current(LIONGARD)
            .await?
            .map_or(0, |key| due_with(&key));
        let (rotation, _) = self.rotation().await?;
        let looked = rotation.retire(LIONGARD).await?;
        let due = looked.expires_in_days.is_some_and(|days| days <= due_with);
        if due {
            let version = self.version(LIONGARD).await?;
            rotation.whole(LIONGARD, &version).await?;
        }
        Ok(())
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

    /// Liongard's access key.
    async fn liongard(&self, options: &RotateOptions) -> anyhow::Result<ExitCode> {
        const CREDENTIAL: CredentialName = CredentialName::Liongard;
        let prepared = self.place.prepare(CREDENTIAL, "liongard-access-key");
        if let Some(code) = prepared.await? {
            return Ok(code);
        }
        let name = self.place.secret(CREDENTIAL);
        let current = self.current(name).await?;
        let by_hand = match &options.id {
            None => None,
            Some(id) => {
                output::remark(
                    "make a key in Liongard, as the integration's user: your profile → Account \
                     Settings → Access Tokens",
                );
                let secret = typed::secret("Access Key Secret", options.secret_stdin)?;
                Some(key_made_by_hand(current.as_ref(), id, &secret))
            }
        };
        if self.is_first(name).await? {
            let Some(key) = by_hand else {
                anyhow::bail!(
                    "no access key is kept yet; make one in Liongard (your profile → Account \
                     Settings → Access Tokens) and give its ID with --id"
                );
            };
            return self.keep_first(name, &key).await;
        }
        if let Some(key) = by_hand {
            self.offer(name, &key).await?;
        }
        // Liongard is not under the budget.
        let (rotation, _) = self.rotation().await?;
        let version = self.version(name).await?;
        let turned = rotation.whole(name, &version).await;
        let rotated = turned.is_ok();
        let code = self.told(CREDENTIAL, turned)?;
        if !rotated {
            return Ok(code);
        }
        let retired = rotation.retire(name).await?;
        if let Some(days) = retired.expires_in_days {
            output::remark(&format!("the key in use ends in {days} days"));
        }
        if retired.left > 0 {
            output::remark(
                "the replaced key goes on working for a day; give the command again after that, \
                 and it is deleted",
            );
        }
        Ok(code)
    }

    /// The client secret of HaloPSA's application.
    async fn halopsa(&self, options: &RotateOptions) -> anyhow::Result<ExitCode> {
        const CREDENTIAL: CredentialName = CredentialName::Halopsa;
        let strategy = if options.idle_id.is_some() {
            "halopsa-two-applications"
        } else {
            "halopsa-application"
        };
        if let Some(code) = self.place.prepare(CREDENTIAL, strategy).await? {
            return Ok(code);
        }
        let name = self.place.secret(CREDENTIAL);
        let first = self.is_first(name).await?;
        if !options.finish {
            let current = self.current(name).await?.unwrap_or_default();
            let active = filled(&current, "halopsa_client_id");
            let turn = filled(&current, "halopsa_idle_client_id");
            let id = options.id.clone().or(turn.clone()).or(active.clone());
            let id = id.context("no application is kept yet; give its Client ID with --id")?;
            output::remark(&format!(
                "open {APPLICATIONS}, the application with the Client ID {id}, Edit, Generate, \
                 and copy the secret. Do not press Save yet."
            ));
            let secret = typed::secret("Client Secret", options.secret_stdin)?;
            let idle = options
                .idle_id
                .clone()
                .or(active.filter(|active| *active != id));
            let mut value = current
                .with("halopsa_client_id", &id)
                .with_secret("halopsa_client_secret", &secret)
                .with("strategy", strategy);
            if let Some(idle) = idle {
                value = value
                    .with("halopsa_idle_client_id", &idle)
                    .with("strategy", "halopsa-two-applications");
            }
            if first {
                typed::enter(
                    "press Save in HaloPSA, then Enter here",
                    options.secret_stdin,
                )?;
                return self.keep_first(name, &value).await;
            }
            self.offer(name, &value).await?;
            output::remark("the secret is kept as pending");
            typed::enter(
                "now press Save in HaloPSA, then Enter here",
                options.secret_stdin,
            )?;
        }
        self.whole(CREDENTIAL, name).await
    }

    /// What proves webhook deliveries.
    async fn webhook(&self, options: &RotateOptions) -> anyhow::Result<ExitCode> {
        const CREDENTIAL: CredentialName = CredentialName::Webhook;
        if let Some(code) = self.place.prepare(CREDENTIAL, "webhook").await? {
            return Ok(code);
        }
        let name = self.place.secret(CREDENTIAL);
        let waiting = self.waiting(name).await?;
        let has_value = waiting.as_ref().is_some_and(|it| it.value.is_some());
        let version = waiting.map_or_else(new_version, |it| it.version);
        if !has_value && options.finish {
            anyhow::bail!("nothing is pending; give the command without --finish first");
        }
        if !has_value {
            let current = self.current(name).await?.unwrap_or_default();
            let next = exchanged(current, options.address)?;
            let (vault, next) = (self.place.vault(), next.to_secret());
            vault.put(name, &version, &next, Stage::Pending).await?;
        }
        if options.finish {
            self.place.vault().promote(name, &version).await?;
            return self.told(CREDENTIAL, Ok(Turned::Finished));
        }
        let (rotation, budget) = self.rotation().await?;
        let turned = rotation.whole(name, &version).await;
        hand_back::<P>(&budget).await;
        match turned {
            Err(error) if error.needs_person() => self.by_hand(name, &error).await,
            other => self.told(CREDENTIAL, other),
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

    /// Shows the new value for a person to enter.
    async fn by_hand(&self, name: &str, error: &RotateError) -> anyhow::Result<ExitCode> {
        output::remark(&error.to_string());
        let waiting = self.waiting(name).await?;
        let Some(pending) = waiting.and_then(|it| it.value) else {
            return Ok(ExitCode::from(PERSON_NEEDED));
        };
        let kind = WebhookKind::of(&pending);
        let value = pending.secret(kind.member());
        let value = value.or_else(|| keyring::token(&pending));
        if let Some(value) = value {
            output::result(value.expose_secret());
        }
        output::remark(&format!(
            "then give: halogard rotate webhook --finish{}",
            self.place.option()
        ));
        Ok(ExitCode::from(PERSON_NEEDED))
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

/// The days left with which `key` is rotated. A successor that is made for fewer days than usual
/// must not be due from its first day on, so it is two thirds of its life at most.
fn due_with(key: &Fields) -> i64 {
    let life = key.number("liongard_access_key_days");
    let share = life.map(|days| days.saturating_mul(2) / 3);
    share.map_or(ROTATE_WITH_DAYS_LEFT, |days| {
        days.clamp(0, ROTATE_WITH_DAYS_LEFT)
    })
}

/// A key that a person has made, with whatever else stands in the secret.
fn key_made_by_hand(current: Option<&Fields>, id: &str, secret: &SecretString) -> Fields {
    let current = current.cloned().unwrap_or_default();
    current
        .with("strategy", "liongard-access-key")
        .with("liongard_access_key_id", id)
        .with_secret("liongard_access_key_secret", secret)
        .without("liongard_access_key_expires_ms")
}

/// The webhook's members with a new value.
fn exchanged(current: Fields, address: bool) -> anyhow::Result<Fields> {
    let kind = if address {
        WebhookKind::Address
    } else {
        WebhookKind::of(&current)
    };
    let now = SystemClock.now().as_millis();
    Ok(current
        .with_secret(kind.member(), &fresh_secret()?)
        .with_number("rotated_at_ms", now))
}

/// The text of a member, unless nobody has filled it in yet.
fn filled(fields: &Fields, member: &str) -> Option<String> {
    let text = fields.text(member).filter(|text| *text != PLACEHOLDER);
    text.map(str::to_owned)
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

    #[test]
    fn what_nobody_has_filled_in_counts_as_nothing() {
        let fields = Fields::default()
            .with("halopsa_client_id", PLACEHOLDER)
            .with("halopsa_idle_client_id", "second");
        assert_eq!(filled(&fields, "halopsa_client_id"), None);
        let idle = filled(&fields, "halopsa_idle_client_id");
        assert_eq!(idle.as_deref(), Some("second"));
    }
}

//! `rotate`: a person exchanges a credential on one machine.
//!
//! The store belongs to one process at a time, so `serve` is stopped meanwhile; what happens in the
//! minute between is found by the first poll.

mod notices;
mod typed;

use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context as _;
use halogard_app::budget::SharedBudget;
use halogard_app::keyring::{self, Fields, WebhookKind};
use halogard_app::ports::{Clock as _, Stage, Vault as _};
use halogard_app::rotate::{RotateError, Rotation, fresh_secret};
use halogard_connect::Issuers;
use halogard_domain::budget::Limit;
use halogard_embedded::Store;
use halogard_runtime::SystemClock;
use halogard_runtime::settings::{
    self, Environment, FromSettings, HaloSettings, LiongardSettings, Reader, ServeSettings,
};
use halogard_transport::HttpTransport;
use secrecy::ExposeSecret as _;

use crate::cli::{CredentialName, RotateOptions};
use crate::connect;
use crate::kept::{self, HALOPSA, LIONGARD, WEBHOOK};
use crate::output::{self, GOOD};
use crate::serve::token;
use notices::OnTerminal;

/// The exit code when a person has to do something before the command is given again.
const PERSON_NEEDED: u8 = 3;

/// Where applications are in HaloPSA.
const APPLICATIONS: &str =
    "HaloPSA → Configuration → Integrations → HaloPSA API → View Applications";

/// The use case over one machine's parts.
type LocalRotation = Rotation<
    Store<SystemClock>,
    Issuers<HttpTransport, SharedBudget<Store<SystemClock>, SystemClock>, SystemClock>,
    Store<SystemClock>,
    OnTerminal,
    SystemClock,
>;

/// How to reach both vendors.
struct VendorSettings {
    halo: HaloSettings,
    liongard: LiongardSettings,
    limit: Limit,
}

impl FromSettings for VendorSettings {
    fn take(reader: &mut Reader<'_>) -> Option<Self> {
        let halo = HaloSettings::take(reader);
        let liongard = LiongardSettings::take(reader);
        let limit = Limit::take(reader);
        Some(Self {
            halo: halo?,
            liongard: liongard?,
            limit: limit?,
        })
    }
}

/// What the command works with.
struct Bench {
    environment: Environment,
    store: Store<SystemClock>,
}

/// Exchanges one credential, or says what has to be done first.
pub async fn run(options: &RotateOptions) -> anyhow::Result<ExitCode> {
    let process = Environment::process();
    let path = options.config.clone();
    let path = path.unwrap_or_else(|| process.config_file());
    let config = halogard_config::load(&path)?;
    let environment = process.or(config.settings);
    let (serve, _) = settings::read::<ServeSettings>(&environment)?;
    let store = connect::open_store(&serve.data_dir, SystemClock)
        .context("stop `halogard serve` first: the store belongs to one process at a time")?;
    let bench = Bench { environment, store };
    match options.credential {
        CredentialName::Liongard => bench.liongard(options).await,
        CredentialName::Halopsa => bench.halopsa(options).await,
        CredentialName::Webhook => bench.webhook(options).await,
    }
}

/// Time between two looks at the key in use.
const LOOK_INTERVAL: Duration = Duration::from_secs(24 * 3600);

/// A key with fewer days left is rotated: with the usual life of 90 days, every month.
const ROTATE_WITH_DAYS_LEFT: i64 = 60;

/// Rotates Liongard's key on this machine's own schedule, for as long as the process serves. Only a
/// key kept in the vault: one that stands in settings is its owner's business.
pub async fn daily(environment: Environment, store: Store<SystemClock>) {
    let bench = Bench { environment, store };
    loop {
        if let Err(error) = bench.look_at_key().await {
            tracing::warn!(
                reason = format!("{error:#}"),
                "the access key's rotation is tried again tomorrow"
            );
        }
        tokio::time::sleep(LOOK_INTERVAL).await;
    }
}

impl Bench {
    /// Deletes what was replaced, and rotates the key when it is time.
    async fn look_at_key(&self) -> anyhow::Result<()> {
        if kept::is_given(&self.environment, LIONGARD) || self.is_first(LIONGARD).await? {
            return Ok(());
        }
        let rotation = self.rotation().await?;
        let looked = rotation.retire(LIONGARD).await?;
        let due = looked
            .expires_in_days
            .is_some_and(|days| days <= ROTATE_WITH_DAYS_LEFT);
        if due {
            let version = self.version(LIONGARD).await?;
            rotation.whole(LIONGARD, &version).await?;
        }
        Ok(())
    }

    /// Liongard's access key.
    async fn liongard(&self, options: &RotateOptions) -> anyhow::Result<ExitCode> {
        if let Some(code) = self
            .move_from_settings(LIONGARD, "liongard-access-key")
            .await?
        {
            return Ok(code);
        }
        let by_hand = match &options.id {
            None => None,
            Some(id) => {
                output::remark(
                    "make a key in Liongard, as the integration's user: your profile → Account \
                     Settings → Access Tokens",
                );
                let secret = typed::secret("Access Key Secret", options.secret_stdin)?;
                let key = Fields::default()
                    .with("strategy", "liongard-access-key")
                    .with("liongard_access_key_id", id)
                    .with_secret("liongard_access_key_secret", &secret);
                Some(key)
            }
        };
        if self.is_first(LIONGARD).await? {
            let Some(key) = by_hand else {
                anyhow::bail!(
                    "no access key is kept yet; make one in Liongard (your profile → Account \
                     Settings → Access Tokens) and give its ID with --id"
                );
            };
            return self.keep_first(LIONGARD, &key).await;
        }
        if let Some(key) = by_hand {
            self.offer(LIONGARD, &key).await?;
        }
        let rotation = self.rotation().await?;
        let version = self.version(LIONGARD).await?;
        let code = told(LIONGARD, rotation.whole(LIONGARD, &version).await)?;
        let retired = rotation.retire(LIONGARD).await?;
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
        let strategy = if options.idle_id.is_some() {
            "halopsa-two-applications"
        } else {
            "halopsa-application"
        };
        if let Some(code) = self.move_from_settings(HALOPSA, strategy).await? {
            return Ok(code);
        }
        let first = self.is_first(HALOPSA).await?;
        if !options.finish {
            let current = kept::fields(&self.store, HALOPSA, Stage::Current).await?;
            let current = current.map(|(_, fields)| fields).unwrap_or_default();
            let active = current.text("halopsa_client_id").map(str::to_owned);
            let turn = current.text("halopsa_idle_client_id").map(str::to_owned);
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
                return self.keep_first(HALOPSA, &value).await;
            }
            self.offer(HALOPSA, &value).await?;
            output::remark("the secret is kept as pending");
            typed::enter(
                "now press Save in HaloPSA, then Enter here",
                options.secret_stdin,
            )?;
        }
        let rotation = self.rotation().await?;
        let version = self.version(HALOPSA).await?;
        told(HALOPSA, rotation.whole(HALOPSA, &version).await)
    }

    /// What proves webhook deliveries.
    async fn webhook(&self, options: &RotateOptions) -> anyhow::Result<ExitCode> {
        if self.environment.get("HALOPSA_WEBHOOK_TOKEN").is_some() {
            output::caution(
                "HALOPSA_WEBHOOK_TOKEN is set, and settings win: change the webhook's settings by \
                 hand, with the old values in the settings that end in _PREVIOUS",
            );
            return Ok(ExitCode::from(PERSON_NEEDED));
        }
        if self.is_first(WEBHOOK).await? {
            let token = token::in_force(&self.store, &[]).await?;
            let token = token.first().context("a token was made just now")?;
            let value = Fields::default()
                .with("strategy", "webhook")
                .with_secret("halopsa_webhook_token", token);
            self.store
                .put(WEBHOOK, "1", &value.to_secret(), Stage::Current)
                .await?;
        }
        let rotation = self.rotation().await?;
        let version = self.version(WEBHOOK).await?;
        let pending = kept::fields(&self.store, WEBHOOK, Stage::Pending).await?;
        if pending.is_none() && options.finish {
            anyhow::bail!("nothing is pending; give the command without --finish first");
        }
        if pending.is_none() {
            let current = kept::fields(&self.store, WEBHOOK, Stage::Current).await?;
            let current = current.map(|(_, fields)| fields).unwrap_or_default();
            let next = self.exchanged(current, options.address)?;
            self.store
                .put(WEBHOOK, &version, &next.to_secret(), Stage::Pending)
                .await?;
        }
        if !options.finish {
            return match rotation.whole(WEBHOOK, &version).await {
                Err(error) if error.needs_person() => self.by_hand(&error).await,
                other => told(WEBHOOK, other),
            };
        }
        self.store.promote(WEBHOOK, &version).await?;
        told(WEBHOOK, Ok(halogard_app::rotate::Turned::Finished))
    }

    /// The webhook's members with a new value.
    fn exchanged(&self, current: Fields, address: bool) -> anyhow::Result<Fields> {
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

    /// Shows the new value for a person to enter.
    async fn by_hand(&self, error: &RotateError) -> anyhow::Result<ExitCode> {
        output::remark(&error.to_string());
        let pending = kept::fields(&self.store, WEBHOOK, Stage::Pending).await?;
        let Some((_, pending)) = pending else {
            return Ok(ExitCode::from(PERSON_NEEDED));
        };
        let kind = WebhookKind::of(&pending);
        let value = pending.secret(kind.member());
        let value = value.or_else(|| keyring::token(&pending));
        if let Some(value) = value {
            output::result(value.expose_secret());
        }
        output::remark("then give: halogard rotate webhook --finish");
        Ok(ExitCode::from(PERSON_NEEDED))
    }

    /// Copies a credential from the settings into the vault and asks for the settings to go: while
    /// they are there they win, and would be used beyond their end.
    async fn move_from_settings(
        &self,
        name: &str,
        strategy: &str,
    ) -> anyhow::Result<Option<ExitCode>> {
        if !kept::is_given(&self.environment, name) {
            return Ok(None);
        }
        let of = kept::SETTINGS_OF
            .into_iter()
            .find(|(known, _)| *known == name);
        let settings = of.map(|(_, settings)| settings).unwrap_or_default();
        if self.is_first(name).await? {
            let mut value = Fields::default().with("strategy", strategy);
            for setting in settings {
                let (text, _) = self
                    .environment
                    .get(setting)
                    .with_context(|| format!("{setting} is missing beside the other one"))?;
                value = value.with(&setting.to_ascii_lowercase(), text.trim());
            }
            self.store
                .put(name, "settings", &value.to_secret(), Stage::Current)
                .await?;
            output::result(&format!("{GOOD}kept{GOOD:#} the credential in the vault"));
        }
        output::caution(&format!(
            "settings win over the vault: remove {} and {} from the environment, check with \
             `halogard serve --check`, and give this command again",
            settings[0], settings[1]
        ));
        Ok(Some(ExitCode::from(PERSON_NEEDED)))
    }

    /// Whether nothing is kept yet.
    async fn is_first(&self, name: &str) -> anyhow::Result<bool> {
        Ok(self.store.read(name, Stage::Current).await?.is_none())
    }

    /// Keeps the first value of a secret; there is nothing yet to fall back on, so nothing is proved.
    async fn keep_first(&self, name: &str, value: &Fields) -> anyhow::Result<ExitCode> {
        let version = new_version();
        self.store
            .put(name, &version, &value.to_secret(), Stage::Current)
            .await?;
        output::result(&format!(
            "{GOOD}kept{GOOD:#} the credential in the vault; `halogard serve --check` tries it"
        ));
        Ok(ExitCode::SUCCESS)
    }

    /// Keeps a value made by hand as pending.
    async fn offer(&self, name: &str, value: &Fields) -> anyhow::Result<()> {
        let version = new_version();
        self.store
            .put(name, &version, &value.to_secret(), Stage::Pending)
            .await?;
        Ok(())
    }

    /// The pending version, or a new one.
    async fn version(&self, name: &str) -> anyhow::Result<String> {
        let pending = self.store.read(name, Stage::Pending).await?;
        Ok(pending.map_or_else(new_version, |found| found.version))
    }

    /// The use case, with the credentials in use.
    async fn rotation(&self) -> anyhow::Result<LocalRotation> {
        let environment = kept::complete(self.environment.clone(), &self.store).await?;
        let (vendors, _) = settings::read::<VendorSettings>(&environment)?;
        let budget = SharedBudget::new(self.store.clone(), vendors.limit, SystemClock);
        let vendors =
            halogard_connect::issuers(&vendors.halo, &vendors.liongard, budget, &SystemClock)?;
        Ok(Rotation {
            vault: self.store.clone(),
            vendors,
            marks: self.store.clone(),
            notices: OnTerminal,
            clock: SystemClock,
        })
    }
}

/// Says how a rotation went.
fn told(
    name: &str,
    turned: Result<halogard_app::rotate::Turned, RotateError>,
) -> anyhow::Result<ExitCode> {
    match turned {
        Ok(_) => {
            output::result(&format!(
                "{GOOD}done{GOOD:#} {name} was rotated; start `halogard serve`"
            ));
            Ok(ExitCode::SUCCESS)
        }
        Err(error) if error.needs_person() => {
            output::problem(&error.chain());
            output::remark(&format!(
                "nothing is lost: the value in use stays in use; afterwards give: halogard rotate \
                 {name} --finish"
            ));
            Ok(ExitCode::from(PERSON_NEEDED))
        }
        Err(error) => Err(anyhow::anyhow!(error.chain())),
    }
}

/// A name no version has had.
fn new_version() -> String {
    format!("rotation-{}", SystemClock.now().as_millis())
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
        let code = told("halopsa", Err(error)).unwrap();
        assert_eq!(
            format!("{code:?}"),
            format!("{:?}", ExitCode::from(PERSON_NEEDED))
        );
    }
}

//! The credentials of this machine: the vault in the data folder, and settings that win over it.

use std::process::ExitCode;

use anyhow::Context as _;
use halogard_app::ports::{Stage, Vault};
use halogard_credentials::{SecretFields, members};
use halogard_runtime::SystemClock;
use halogard_runtime::settings::{self, ServeSettings, SettingValues};
use halogard_sqlite::Store;
use halogard_vendors::VendorSettings;

use super::ACTION_REQUIRED;
use super::target::Target;
use crate::commands::rotate::{CredentialName, RotateOptions};
use crate::commands::serve::token;
use crate::data_folder;
use crate::output::{self, GOOD};
use crate::stored_credentials::{self, HALOPSA, LIONGARD, WEBHOOK};

/// This machine.
pub struct LocalTarget {
    pub(super) environment: SettingValues,
    pub(super) store: Store<SystemClock>,
    /// Whether a `serve` runs, and so uses the new credential by itself.
    pub(super) serve_runs: bool,
}

impl LocalTarget {
    /// This machine's settings and store, which a running `serve` may have open too.
    pub async fn open(options: &RotateOptions) -> anyhow::Result<Self> {
        let process = SettingValues::process();
        let path = options.config.clone();
        let path = path.unwrap_or_else(|| process.config_file());
        let config = halogard_config::load(&path)?;
        let environment = process.or(config.settings);
        let (serve, _) = settings::read::<ServeSettings>(&environment)?;
        let is_new = !data_folder::has_store(&serve.data_dir);
        let store = data_folder::open_or_create_store(&serve.data_dir)?;
        if is_new {
            output::caution(&format!(
                "there was no store in the data folder {}; created a new one",
                serve.data_dir.display()
            ));
        }
        Ok(Self {
            environment,
            store,
            serve_runs: data_folder::is_serve_running(&serve.data_dir)?,
        })
    }

    /// Copies a credential from the settings into the vault and asks the operator to remove the settings:
    /// while they are set they win, and would be used after they expire.
    async fn move_from_settings(
        &self,
        name: &str,
        strategy: &str,
    ) -> anyhow::Result<Option<ExitCode>> {
        if !stored_credentials::is_given(&self.environment, name) {
            return Ok(None);
        }
        let of = stored_credentials::SETTINGS_OF
            .into_iter()
            .find(|(known, _)| *known == name);
        let settings = of.map(|(_, settings)| settings).unwrap_or_default();
        if Vault::read(&self.store, name, Stage::Current)
            .await?
            .is_none()
        {
            let mut value = SecretFields::default().with(members::STRATEGY, strategy);
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
            output::remark(&format!("{GOOD}stored{GOOD:#} the credential in the vault"));
        }
        output::caution(&format!(
            "settings win over the vault: remove {} and {} from the environment, check with \
             `halogard serve --check`, and run this command again",
            settings[0], settings[1]
        ));
        Ok(Some(ExitCode::from(ACTION_REQUIRED)))
    }

    /// Stores the current token as the webhook's secret, unless the settings have one.
    async fn store_token(&self) -> anyhow::Result<Option<ExitCode>> {
        if self.environment.get("HALOPSA_WEBHOOK_TOKEN").is_some() {
            output::caution(
                "HALOPSA_WEBHOOK_TOKEN is set, and settings win: change the webhook's settings by \
                 hand, with the old values in the settings that end in _PREVIOUS",
            );
            return Ok(Some(ExitCode::from(ACTION_REQUIRED)));
        }
        if Vault::read(&self.store, WEBHOOK, Stage::Current)
            .await?
            .is_none()
        {
            let token = token::in_force(&self.store, None).await?;
            let value = SecretFields::default()
                .with(members::STRATEGY, "webhook")
                .with_secret(members::WEBHOOK_TOKEN, &token);
            self.store
                .put(WEBHOOK, "1", &value.to_secret(), Stage::Current)
                .await?;
        }
        Ok(None)
    }
}

impl Target for LocalTarget {
    type Vault = Store<SystemClock>;
    type Store = Store<SystemClock>;

    fn vault(&self) -> &Store<SystemClock> {
        &self.store
    }

    fn store(&self) -> &Store<SystemClock> {
        &self.store
    }

    fn secret(&self, credential: CredentialName) -> &str {
        match credential {
            CredentialName::Liongard => LIONGARD,
            CredentialName::Halopsa => HALOPSA,
            CredentialName::Webhook => WEBHOOK,
        }
    }

    async fn settings(&self) -> anyhow::Result<VendorSettings> {
        let environment =
            stored_credentials::complete(self.environment.clone(), &self.store).await?;
        let (settings, _) = settings::read::<VendorSettings>(&environment)?;
        Ok(settings)
    }

    async fn prepare(
        &self,
        credential: CredentialName,
        strategy: &str,
    ) -> anyhow::Result<Option<ExitCode>> {
        match credential {
            CredentialName::Webhook => self.store_token().await,
            CredentialName::Liongard | CredentialName::Halopsa => {
                self.move_from_settings(self.secret(credential), strategy)
                    .await
            }
        }
    }

    fn next_step(&self) -> &'static str {
        if self.serve_runs {
            "`halogard serve` uses it from now on"
        } else {
            "start `halogard serve`"
        }
    }

    fn verified_by(&self) -> &'static str {
        "`halogard serve --check` verifies it"
    }

    fn cli_option(&self) -> String {
        String::new()
    }
}

//! The store that an operator's command works on: the file on this machine, beside a running `serve` or
//! without one, or the store of a deployed stack.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use clap::Args;
use halogard_app::Store;
use halogard_app::budget::{SharedBudget, WaitingBudget};
use halogard_app::ports::{SecretInfo, Stage, Vault as _};
use halogard_config::Config;
use halogard_credentials::SecretFields;
use halogard_credentials::rotation::KeyPair;
use halogard_domain::Policy;
use halogard_domain::budget::Priority;
use halogard_http::HttpClient;
use halogard_liongard::ParsedAccessKey;
use halogard_notices::MessageSender;
use halogard_operations::config_changes;
use halogard_runtime::SystemClock;
use halogard_runtime::settings::{
    self, Form, NotifySettings, OutboundSettings, SETTINGS, ServeSettings, SettingValues,
    WebhookSettings,
};
use halogard_vendors::{
    CallDurations, CallObserver, HaloWebhooks, LiongardAdmin, VendorSettings, Vendors,
};
use secrecy::{ExposeSecret as _, SecretString};

use crate::commands::serve::{token, with_needed_scopes};
use crate::connect::{PERMIT_PATIENCE, Sleeper};
use crate::data_folder;
use crate::output;
use crate::permit_leases;
use crate::stack::{Stack, StackStore};
use crate::stored_credentials;

/// Which store a command works on, and how it prints its answer.
#[derive(Clone, Debug, Args)]
pub struct StoreOptions {
    /// The deployed stack; this machine when not given.
    #[arg(long, value_name = "NAME")]
    pub stack: Option<String>,
    /// The config file; HALOGARD_CONFIG, then halogard.toml when not given.
    #[arg(long, value_name = "FILE", conflicts_with = "stack")]
    pub config: Option<PathBuf>,
    /// Print the answer as JSON.
    #[arg(long)]
    pub json: bool,
}

/// A command, written once for every kind of store.
pub trait StoreCommand {
    /// What it leads to.
    type Output;

    /// Runs it on an opened store.
    fn run<S: Store + Clone + 'static>(
        self,
        opened: OpenedStore<S>,
    ) -> impl Future<Output = anyhow::Result<Self::Output>>;
}

/// A store, and where it is.
pub struct OpenedStore<S> {
    /// The store.
    pub store: S,
    /// Where it is.
    pub location: StoreLocation,
}

/// Where a store is.
pub enum StoreLocation {
    /// In the data folder of this machine.
    Machine(Box<MachineStore>),
    /// In the account of a deployed stack.
    Stack(Box<Stack>),
}

/// The store on this machine, and what it is used with.
pub struct MachineStore {
    /// The config file.
    pub config_file: PathBuf,
    /// The config, or why it cannot be read. Commands that need only the store work all the same.
    config: Result<Config, String>,
    environment: SettingValues,
    store: halogard_sqlite::Store<SystemClock>,
}

/// The clients of both vendors, under the request budget of an opened store.
pub type OperatorVendors<S> = Vendors<OperatorBudget<S>, SystemClock>;

/// The request budget that the workers share, as commands use it: they leave what is reserved to workers, and
/// wait for a permit.
pub type OperatorBudget<S> =
    WaitingBudget<SharedBudget<S, SystemClock>, SystemClock, Sleeper<SystemClock>>;

/// Where HaloPSA's webhook leads, and how its deliveries are authenticated.
pub struct WebhookTarget {
    /// The address, its token included.
    pub url: SecretString,
    /// The token at its end.
    pub token: SecretString,
    /// The members of the webhook's secret.
    pub members: SecretFields,
    /// Whether the address was set for others to reach, rather than made of where `serve` listens.
    pub is_public: bool,
}

/// How long each request of an examination waits for its permit.
const SHARE_PATIENCE: Duration = Duration::from_secs(5);

/// What a command does on a machine without a store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MissingStore {
    /// The store has nothing to answer from.
    Refused,
    /// The command comes before the first `serve` and only reads: an empty store in memory takes its place.
    Imagined,
    /// The command comes before the first `serve`, and stores something.
    Created,
}

/// Opens the store that `options` name, without the worker lock and without a migration, and runs `command`
/// on it.
pub async fn run<C: StoreCommand>(options: &StoreOptions, command: C) -> anyhow::Result<C::Output> {
    run_where(options, MissingStore::Refused, command).await
}

/// The same, on a machine that may have no store yet.
pub async fn run_where<C: StoreCommand>(
    options: &StoreOptions,
    missing: MissingStore,
    command: C,
) -> anyhow::Result<C::Output> {
    if let Some(name) = &options.stack {
        let stack = Stack::find(name).await?;
        let opened: OpenedStore<StackStore> = OpenedStore {
            store: stack.store()?,
            location: StoreLocation::Stack(Box::new(stack)),
        };
        return Box::pin(command.run(opened)).await;
    }
    let machine = MachineStore::open(options.config.clone(), missing)?;
    let opened = OpenedStore {
        store: machine.store.clone(),
        location: StoreLocation::Machine(Box::new(machine)),
    };
    Box::pin(command.run(opened)).await
}

impl MachineStore {
    /// The store that this machine's settings name. A config file that is there and cannot be read stops nothing
    /// where the environment names the data folder.
    fn open(config_file: Option<PathBuf>, missing: MissingStore) -> anyhow::Result<Self> {
        let process = SettingValues::process();
        let config_file = config_file.unwrap_or_else(|| process.config_file());
        let config = halogard_config::load(&config_file);
        let environment = match &config {
            Ok(config) => process.or(config.settings.clone()),
            Err(unreadable) => {
                if config_file.exists() {
                    data_folder::refuse_to_guess(&process, &config_file, unreadable)?;
                }
                process
            }
        };
        let (serve, _) = settings::read::<ServeSettings>(&environment)?;
        let store = match missing {
            MissingStore::Refused => data_folder::open_existing_store(&serve.data_dir),
            MissingStore::Imagined => data_folder::open_or_imagine_store(&serve.data_dir),
            MissingStore::Created => data_folder::open_or_create_store(&serve.data_dir),
        };
        let store = match (store, &config) {
            (Ok(store), _) => store,
            // Without its file, the config may name another data folder.
            (Err(error), Err(unreadable)) => {
                return Err(error.context(unreadable.to_string()));
            }
            (Err(error), Ok(_)) => return Err(error),
        };
        // Who needs the config says that there is none.
        if let Err(error) = &config
            && config_file.exists()
        {
            output::caution(&error.to_string());
        }
        Ok(Self {
            config_file,
            config: config.map_err(|error| error.to_string()),
            environment,
            store,
        })
    }

    /// Its vault.
    pub const fn vault(&self) -> &halogard_sqlite::Store<SystemClock> {
        &self.store
    }

    /// Whether settings give the credential `name`, which then is not read from the vault.
    pub fn gives(&self, name: &str) -> bool {
        stored_credentials::is_given(&self.environment, name)
    }

    /// The config in the file.
    pub fn config(&self) -> anyhow::Result<&Config> {
        self.config
            .as_ref()
            .map_err(|error| anyhow::anyhow!(error.clone()))
    }
}

impl<S: Store + Clone + 'static> OpenedStore<S> {
    /// The policy that the operator configured: that of the config file, or the active one of the stack.
    pub async fn configured_policy(&self) -> anyhow::Result<Policy> {
        match &self.location {
            StoreLocation::Machine(machine) => Ok(machine.config()?.policy.clone()),
            StoreLocation::Stack(stack) => {
                let in_force = config_changes::in_force(&self.store).await?;
                in_force.policy.with_context(|| {
                    format!(
                        "no config was applied to the stack {} yet; start with `halogard config \
                         plan --stack {}`",
                        stack.name(),
                        stack.name()
                    )
                })
            }
        }
    }

    /// Whether `serve` runs on this machine; `None` where that is not known.
    pub fn serve_runs(&self) -> Option<bool> {
        match &self.location {
            StoreLocation::Machine(machine) => {
                let (serve, _) = settings::read::<ServeSettings>(&machine.environment).ok()?;
                data_folder::is_serve_running(&serve.data_dir).ok()
            }
            StoreLocation::Stack(_) => None,
        }
    }

    /// How to reach both vendors, with the current credentials.
    pub async fn vendor_settings(&self) -> anyhow::Result<VendorSettings> {
        match &self.location {
            StoreLocation::Machine(machine) => {
                let environment = machine.environment.clone();
                let complete = stored_credentials::complete(environment, &machine.store).await?;
                let complete = match &machine.config {
                    Ok(config) => with_needed_scopes(complete, config.policy.mode),
                    Err(_) => complete,
                };
                let (settings, _) = settings::read::<VendorSettings>(&complete)?;
                Ok(settings)
            }
            StoreLocation::Stack(stack) => stack.settings().await,
        }
    }

    /// The address to which HaloPSA sends, its token included, and the members of the webhook's secret.
    pub async fn webhook(&self) -> anyhow::Result<WebhookTarget> {
        match &self.location {
            StoreLocation::Machine(machine) => {
                let (serve, _) = settings::read::<ServeSettings>(&machine.environment)?;
                let (webhook, _) = settings::read::<WebhookSettings>(&machine.environment)?;
                let token = token::stored(&machine.store, &webhook).await?.context(
                    "there is no webhook token yet; `halogard serve` makes one at its first start, and \
                     HALOPSA_WEBHOOK_TOKEN sets one",
                )?;
                let stored = stored_credentials::fields(
                    &machine.store,
                    stored_credentials::WEBHOOK,
                    Stage::Current,
                )
                .await?;
                let has_credential = !webhook.secret.credentials.is_empty();
                let members = match stored {
                    Some((_, stored)) if !has_credential => stored,
                    _ => webhook.members,
                };
                let is_public = serve.public_url.is_some();
                let base = serve
                    .public_url
                    .unwrap_or_else(|| format!("http://{}", serve.listen));
                Ok(WebhookTarget {
                    url: format!("{base}/webhooks/halopsa/{}", token.expose_secret()).into(),
                    token,
                    members,
                    is_public,
                })
            }
            StoreLocation::Stack(stack) => {
                let url = stack.webhook_url().await?;
                let token = url.rsplit('/').next().unwrap_or_default().to_owned();
                Ok(WebhookTarget {
                    url: url.into(),
                    token: token.into(),
                    members: stack.webhook_secret().await?,
                    is_public: true,
                })
            }
        }
    }

    /// HaloPSA's webhooks, under the request budget that the workers share.
    pub async fn halo_webhooks(
        &self,
    ) -> anyhow::Result<HaloWebhooks<Arc<OperatorBudget<S>>, SystemClock>> {
        let settings = self.vendor_settings().await?;
        let shared = permit_leases::budget(self.store.clone(), settings.limit, SystemClock);
        let patience = OperatorBudget::<S>::MAX_WAIT;
        let budget = WaitingBudget::new(shared, SystemClock, Sleeper(SystemClock), patience);
        Ok(halogard_vendors::halo_webhooks(
            &settings,
            Arc::new(budget),
            &SystemClock,
        )?)
    }

    /// Liongard's administration of access keys, and the key in use.
    pub async fn liongard_admin(&self) -> anyhow::Result<(LiongardAdmin, KeyPair)> {
        let settings = self.vendor_settings().await?;
        let budget = permit_leases::budget(self.store.clone(), settings.limit, SystemClock);
        let (_, admin) = halogard_vendors::credential_admins(&settings, budget, &SystemClock)?;
        let given = &settings.liongard;
        let key = ParsedAccessKey::read(&given.access_key_id, &given.access_key_secret)?.key;
        let pair = KeyPair {
            id: key.id,
            secret: key.secret,
        };
        Ok((admin, pair))
    }

    /// What the vault knows about the secret `name` of this installation besides its values; `None` where it is not
    /// in the vault, or settings take its place.
    pub async fn secret_info(&self, name: &str) -> Option<SecretInfo> {
        match &self.location {
            StoreLocation::Machine(machine) if machine.gives(name) => None,
            StoreLocation::Machine(machine) => machine.vault().describe(name).await.ok()?,
            StoreLocation::Stack(stack) => {
                let output = match name {
                    stored_credentials::HALOPSA => "HaloPsaSecretArn",
                    stored_credentials::LIONGARD => "LiongardSecretArn",
                    _ => "WebhookSecretArn",
                };
                let arn = stack.output(output).ok()?;
                stack.vault().describe(arn).await.ok()?
            }
        }
    }

    /// What sends notices by chat and by mail.
    pub async fn message_sender(&self) -> anyhow::Result<MessageSender<HttpClient>> {
        message_sender(&self.environment().await?)
    }

    /// The token at the end of the webhook's address, if there is one.
    pub async fn webhook_token(&self) -> Option<String> {
        match &self.location {
            StoreLocation::Machine(machine) => {
                let (settings, _) = settings::read::<WebhookSettings>(&machine.environment).ok()?;
                let token = token::stored(&machine.store, &settings).await.ok()??;
                Some(token.expose_secret().to_owned())
            }
            StoreLocation::Stack(stack) => {
                let url = stack.webhook_url().await.ok()?;
                url.rsplit('/').next().map(str::to_owned)
            }
        }
    }

    /// The settings, and the credentials in the vault or in the secrets, as far as they are there.
    pub async fn environment(&self) -> anyhow::Result<SettingValues> {
        match &self.location {
            StoreLocation::Machine(machine) => {
                let environment = machine.environment.clone();
                stored_credentials::complete(environment, &machine.store).await
            }
            StoreLocation::Stack(stack) => stack.environment().await,
        }
    }

    /// Both vendors as `settings` reach them, under the request budget that the workers share.
    pub fn vendors_of(&self, settings: &VendorSettings) -> anyhow::Result<OperatorVendors<S>> {
        let calls = Arc::new(CallDurations::default());
        let patience = OperatorBudget::<S>::MAX_WAIT;
        self.build_vendors(settings, calls, Priority::Normal, patience)
    }

    /// The address to paste into HaloPSA; on this machine its token is made if there is none.
    pub async fn webhook_url_or_new(&self) -> anyhow::Result<Option<String>> {
        let StoreLocation::Machine(machine) = &self.location else {
            return Ok(None);
        };
        let (webhook, _) = settings::read::<WebhookSettings>(&machine.environment)?;
        let address = token::webhook_address(&machine.store, &webhook).await?;
        if address.token.is_none() {
            return Ok(None);
        }
        let target = self.webhook().await?;
        Ok(Some(target.url.expose_secret().to_owned()))
    }

    /// Every secret that this process knows: what must occur in nothing that leaves the machine.
    pub async fn known_secrets(&self) -> Vec<String> {
        let mut secrets: Vec<String> = self.webhook_token().await.into_iter().collect();
        let names = SETTINGS.iter().filter(|info| info.form == Form::Secret);
        match &self.location {
            StoreLocation::Machine(machine) => {
                let values = names.filter_map(|info| machine.environment.get(info.name));
                secrets.extend(values.map(|(value, _)| value.to_owned()));
            }
            StoreLocation::Stack(_) => {
                secrets.extend(names.filter_map(|info| settings::variable(info.name)));
            }
        }
        if let Ok(environment) = self.environment().await {
            let names = NotifySettings::NAMES.into_iter();
            let values = names.filter_map(|name| environment.get(name));
            secrets.extend(values.map(|(value, _)| value.to_owned()));
        }
        if let Ok(settings) = self.vendor_settings().await {
            secrets.push(settings.halo.client_secret.expose_secret().to_owned());
            secrets.push(
                settings
                    .liongard
                    .access_key_secret
                    .expose_secret()
                    .to_owned(),
            );
        }
        secrets
    }

    /// Both vendors, under the request budget that the workers share.
    pub async fn vendors(&self) -> anyhow::Result<OperatorVendors<S>> {
        // Metrics are those of the workers.
        let calls = Arc::new(CallDurations::default());
        let (settings, patience) = (self.vendor_settings().await?, OperatorBudget::<S>::MAX_WAIT);
        self.build_vendors(&settings, calls, Priority::Normal, patience)
    }

    /// Both vendors for an examination beside the workers: spread evenly, in the part of the request budget that bulk
    /// work may use, and with little patience. `calls` is informed of every call. Says what was corrected in the
    /// settings.
    pub async fn vendors_in_share(
        &self,
        calls: Arc<dyn CallObserver>,
    ) -> anyhow::Result<OperatorVendors<S>> {
        let settings = self.vendor_settings().await?;
        let vendors = self.build_vendors(&settings, calls, Priority::Bulk, SHARE_PATIENCE)?;
        Ok(saying_corrections(vendors))
    }

    /// Both vendors for many requests that no one waits for: they leave what is reserved to the workers, and
    /// wait for each permit. `calls` is informed of every call.
    pub async fn vendors_in_bulk(
        &self,
        calls: Arc<dyn CallObserver>,
    ) -> anyhow::Result<OperatorVendors<S>> {
        let settings = self.vendor_settings().await?;
        self.build_vendors(&settings, calls, Priority::Bulk, PERMIT_PATIENCE)
    }

    /// Both vendors, whose permits are requested with `priority` and waited for as long as `patience`.
    fn build_vendors(
        &self,
        settings: &VendorSettings,
        calls: Arc<dyn CallObserver>,
        priority: Priority,
        patience: Duration,
    ) -> anyhow::Result<OperatorVendors<S>> {
        let shared = permit_leases::budget(self.store.clone(), settings.limit, SystemClock);
        let shared = shared.with_priority(priority);
        let budget = WaitingBudget::new(shared, SystemClock, Sleeper(SystemClock), patience);
        Ok(halogard_vendors::build(
            settings,
            None,
            Arc::new(self.store.clone()),
            budget,
            &SystemClock,
            calls,
        )?)
    }
}

/// What sends notices by chat and by mail, with the secrets of `environment`.
pub fn message_sender(environment: &SettingValues) -> anyhow::Result<MessageSender<HttpClient>> {
    let (secrets, _) = settings::read::<NotifySettings>(environment)?;
    let (outbound, _) = settings::read::<OutboundSettings>(environment)?;
    Ok(MessageSender::new(secrets, outbound)?)
}

/// The same clients, after saying what was corrected in their settings.
fn saying_corrections<S: Store + Clone + 'static>(
    vendors: OperatorVendors<S>,
) -> OperatorVendors<S> {
    for correction in &vendors.normalizations {
        output::caution(correction);
    }
    vendors
}

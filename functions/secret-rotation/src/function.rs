//! The function's parts, built once per process.

use std::collections::BTreeMap;
use std::time::Duration;

use halogard_app::budget::SharedBudget;
use halogard_app::ports::{Clock as _, Records as _, Stage, Vault as _};
use halogard_aws::{AwsSettings, SecretsManager, Store, StoreNames};
use halogard_credentials::SecretFields;
use halogard_credentials::rotation::{RecordingNotifier, Rotation};
use halogard_domain::credential_state::CredentialStates;
use halogard_domain::record::Singleton;
use halogard_runtime::SystemClock;
use halogard_runtime::settings::{self, SETTINGS, SettingValues};
use halogard_vendors::{HaloAdmin, LiongardAdmin, VendorSettings, credential_admins};

use crate::setup::{Names, RotationSetUpError};
use crate::topic::Topic;

/// The request budget that all functions share.
pub(crate) type FunctionBudget = SharedBudget<Store<SystemClock>, SystemClock>;

/// The use case over AWS and both vendors.
pub(crate) type AwsRotation = Rotation<
    SecretsManager,
    HaloAdmin<FunctionBudget, SystemClock>,
    LiongardAdmin,
    Store<SystemClock>,
    RecordingNotifier<Store<SystemClock>, Topic, SystemClock>,
    SystemClock,
>;

/// What one process reuses.
pub struct Function {
    names: Names,
    plain: BTreeMap<&'static str, String>,
    vault: SecretsManager,
    store: Store<SystemClock>,
    topic: Topic,
}

impl Function {
    /// Builds everything that needs no network.
    ///
    /// # Errors
    ///
    /// A variable is missing or wrong.
    pub fn new(get: impl Fn(&str) -> Option<String>) -> Result<Self, RotationSetUpError> {
        let names = Names::read(&get)?;
        let config = AwsSettings::read(&get)?.sdk_config();
        let plain = SETTINGS
            .iter()
            .filter_map(|info| Some((info.name, get(info.name)?)))
            .collect();
        let table = StoreNames {
            table: names.table.clone(),
            queues: BTreeMap::new(),
        };
        Ok(Self {
            vault: SecretsManager::new(&config),
            store: Store::new(&config, table, SystemClock),
            topic: Topic::new(&config, names.topic.clone()),
            names,
            plain,
        })
    }

    /// The use case, with the credentials that are current now, and the budget it spends.
    pub(crate) async fn rotation(
        &self,
    ) -> Result<(AwsRotation, FunctionBudget), RotationSetUpError> {
        let halo = self.fields("HALOPSA_SECRET", &self.names.halopsa_secret);
        let halo = halo.await?;
        let liongard = self.fields("LIONGARD_SECRET", &self.names.liongard_secret);
        let liongard = liongard.await?;
        // A member of a secret wins over a variable of the same name.
        let secrets = halo.texts().chain(liongard.texts());
        let secrets = secrets.map(|(name, value)| (name.to_ascii_uppercase(), value.to_owned()));
        let plain = self.plain.iter();
        let plain = plain.map(|(name, value)| ((*name).to_owned(), value.clone()));
        let environment = SettingValues::of(secrets.chain(plain));
        let (vendors, _) = settings::read::<VendorSettings>(&environment)?;
        let budget = SharedBudget::new(self.store.clone(), vendors.limit, SystemClock);
        let (halopsa, liongard) = credential_admins(&vendors, budget.clone(), &SystemClock)?;
        let rotation = Rotation {
            vault: self.vault.clone(),
            halopsa,
            liongard,
            values: self.store.clone(),
            notifier: RecordingNotifier {
                store: self.store.clone(),
                notifier: self.topic.clone(),
                clock: SystemClock,
                names: self.credential_names(),
            },
            clock: SystemClock,
        };
        Ok((rotation, budget))
    }

    /// What people call each secret.
    fn credential_names(&self) -> BTreeMap<String, &'static str> {
        BTreeMap::from([
            (self.names.halopsa_secret.clone(), "halopsa"),
            (self.names.liongard_secret.clone(), "liongard"),
        ])
    }

    /// Records when each credential expires and is rotated next; Liongard's key expires in `expires_in_days`.
    pub(crate) async fn record_plans(
        &self,
        expires_in_days: Option<i64>,
    ) -> Result<(), RotationSetUpError> {
        let now = SystemClock.now();
        let expires_at = expires_in_days.map(|days| {
            let days = u64::try_from(days).unwrap_or_default();
            now.plus(Duration::from_secs(days * 24 * 3600))
        });
        let mut plans = Vec::new();
        for (secret, name) in self.credential_names() {
            let described = self.vault.describe(&secret).await;
            let described = described.map_err(|source| RotationSetUpError::Vault {
                variable: name,
                source: Box::new(source),
            })?;
            let expires_at = expires_at.filter(|_| name == "liongard");
            plans.push((name, expires_at, described.and_then(|it| it.rotates_at)));
        }
        let record = |states: &mut CredentialStates| {
            for (name, expires_at, rotates_at) in &plans {
                states.plan(name, *expires_at, *rotates_at);
            }
        };
        let recorded = self.store.update_record(&Singleton, record).await;
        recorded.map_err(RotationSetUpError::NotRecorded)
    }

    /// The members of a secret in use.
    async fn fields(
        &self,
        variable: &'static str,
        name: &str,
    ) -> Result<SecretFields, RotationSetUpError> {
        let found = self.vault.read(name, Stage::Current).await;
        let found = found.map_err(|source| RotationSetUpError::Vault {
            variable,
            source: Box::new(source),
        })?;
        let found = found.ok_or(RotationSetUpError::NoValue(variable))?;
        SecretFields::parse(&found.value)
            .map_err(|source| RotationSetUpError::NotJsonObject { variable, source })
    }
}

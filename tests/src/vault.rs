//! A vault in memory, as strict as AWS Secrets Manager: a version is announced before it has a
//! value, a used version takes no other value, and only a pending version is promoted.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use halogard_app::ports::{SecretInfo, SecretVersion, Stage, Vault, VaultError};
use halogard_credentials::SecretFields;
use secrecy::{ExposeSecret as _, SecretString};

use crate::crash_point::{Component, CrashPoints};

/// Secrets in memory. Clones share what is kept; each caller has its own crash_points.
#[derive(Clone, Debug, Default)]
pub struct InMemoryVault {
    kept: Arc<Mutex<BTreeMap<String, Secret>>>,
    crash_points: CrashPoints,
}

#[derive(Debug, Default)]
struct Secret {
    rotates: bool,
    values: BTreeMap<String, SecretString>,
    stages: BTreeMap<Stage, String>,
    /// How often a value was read.
    reads: u64,
}

impl InMemoryVault {
    /// The same secrets, for a process that may be stopped at any call.
    #[must_use]
    pub fn through(&self, crash_points: &CrashPoints) -> Self {
        Self {
            kept: Arc::clone(&self.kept),
            crash_points: crash_points.clone(),
        }
    }

    /// Stores a secret's first value, and whether it rotates.
    pub fn hold(&self, name: &str, version: &str, fields: &SecretFields, rotates: bool) {
        let mut kept = self.kept();
        let secret = kept.entry(name.to_owned()).or_default();
        secret.rotates = rotates;
        secret.values.insert(version.to_owned(), fields.to_secret());
        secret.stages.insert(Stage::Current, version.to_owned());
    }

    /// Switches a secret's rotation on.
    pub fn rotating(&self, name: &str) {
        self.kept().entry(name.to_owned()).or_default().rotates = true;
    }

    /// Puts a version into use as a finished rotation does; the former one is the previous.
    pub fn succeed(&self, name: &str, version: &str, fields: &SecretFields) {
        let mut kept = self.kept();
        let secret = kept.entry(name.to_owned()).or_default();
        secret.values.insert(version.to_owned(), fields.to_secret());
        if let Some(former) = secret.stages.insert(Stage::Current, version.to_owned()) {
            secret.stages.insert(Stage::Previous, former);
        }
    }

    /// Announces a version as a started rotation does: pending, and without a value.
    pub fn announce(&self, name: &str, version: &str) {
        let mut kept = self.kept();
        let secret = kept.entry(name.to_owned()).or_default();
        secret.stages.insert(Stage::Pending, version.to_owned());
    }

    /// Stores a value as an operator does by hand.
    pub fn paste(&self, name: &str, version: &str, fields: &SecretFields) {
        let mut kept = self.kept();
        let secret = kept.entry(name.to_owned()).or_default();
        secret.values.insert(version.to_owned(), fields.to_secret());
        secret.stages.insert(Stage::Pending, version.to_owned());
    }

    /// The version in a stage, and its members; `None` for the members when it is empty.
    #[must_use]
    pub fn look(&self, name: &str, stage: Stage) -> Option<(String, Option<SecretFields>)> {
        let kept = self.kept();
        let secret = kept.get(name)?;
        let version = secret.stages.get(&stage)?;
        let value = secret.values.get(version);
        let fields = value.map(|value| SecretFields::parse(value).expect("a JSON object"));
        Some((version.clone(), fields))
    }

    /// The whole state of a secret, for comparison.
    #[must_use]
    pub fn picture(&self, name: &str) -> String {
        let kept = self.kept();
        let Some(secret) = kept.get(name) else {
            return "none".to_owned();
        };
        let values = secret.values.iter();
        let values: Vec<_> = values
            .map(|(version, value)| (version, value.expose_secret()))
            .collect();
        format!("{:?} {values:?}", secret.stages)
    }

    /// How often values were read so far.
    #[must_use]
    pub fn reads(&self, name: &str) -> u64 {
        self.kept().get(name).map_or(0, |secret| secret.reads)
    }

    fn kept(&self) -> MutexGuard<'_, BTreeMap<String, Secret>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Vault for InMemoryVault {
    async fn describe(&self, name: &str) -> Result<Option<SecretInfo>, VaultError> {
        let work = async {
            let kept = self.kept();
            kept.get(name).map(|secret| {
                let mut versions: BTreeMap<String, BTreeSet<Stage>> = BTreeMap::new();
                for (stage, version) in &secret.stages {
                    versions.entry(version.clone()).or_default().insert(*stage);
                }
                SecretInfo {
                    rotates: secret.rotates,
                    versions,
                    changed_at: None,
                    rotates_at: None,
                }
            })
        };
        Ok(self.crash_points.guard(Component::Store, work).await)
    }

    async fn read(&self, name: &str, stage: Stage) -> Result<Option<SecretVersion>, VaultError> {
        let work = async {
            let mut kept = self.kept();
            let secret = kept.get_mut(name)?;
            secret.reads += 1;
            let version = secret.stages.get(&stage)?;
            let value = secret.values.get(version)?;
            Some(SecretVersion {
                version: version.clone(),
                value: value.clone(),
            })
        };
        Ok(self.crash_points.guard(Component::Store, work).await)
    }

    async fn put(
        &self,
        name: &str,
        version: &str,
        value: &SecretString,
        stage: Stage,
    ) -> Result<(), VaultError> {
        let work = async {
            let mut kept = self.kept();
            let secret = kept.entry(name.to_owned()).or_default();
            if let Some(known) = secret.values.get(version) {
                return if known.expose_secret() == value.expose_secret() {
                    Ok(())
                } else {
                    Err(VaultError::VersionTaken {
                        name: name.to_owned(),
                        version: version.to_owned(),
                    })
                };
            }
            secret.values.insert(version.to_owned(), value.clone());
            if stage == Stage::Current
                && let Some(former) = secret.stages.remove(&Stage::Current)
            {
                secret.stages.insert(Stage::Previous, former);
            }
            secret.stages.insert(stage, version.to_owned());
            Ok(())
        };
        self.crash_points.guard(Component::Store, work).await
    }

    async fn promote(&self, name: &str, version: &str) -> Result<(), VaultError> {
        let work = async {
            let mut kept = self.kept();
            let missing = || VaultError::NoSuchVersion {
                name: name.to_owned(),
                version: version.to_owned(),
            };
            let secret = kept.get_mut(name).ok_or_else(missing)?;
            let is = |stage| {
                secret
                    .stages
                    .get(&stage)
                    .is_some_and(|known| known == version)
            };
            if is(Stage::Current) {
                return Ok(());
            }
            if !is(Stage::Pending) {
                return Err(missing());
            }
            secret.stages.remove(&Stage::Pending);
            if let Some(former) = secret.stages.insert(Stage::Current, version.to_owned()) {
                secret.stages.insert(Stage::Previous, former);
            }
            Ok(())
        };
        self.crash_points.guard(Component::Store, work).await
    }
}

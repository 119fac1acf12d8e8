//! Secrets, sealed, with versions and stages.

use std::collections::BTreeSet;

use halogard_app::ports::{Clock, SecretInfo, SecretVersion, Stage, Vault, VaultError};
use halogard_domain::Timestamp;
use rusqlite::{Connection, OptionalExtension, Row, params};
use secrecy::{ExposeSecret, SecretString};

use crate::error::StoreError;
use crate::key::StoreKey;
use crate::store::{Durability, Store};

/// Secrets survive a power cut: by the time we store one, the vendor has forgotten the old one.
const DURABILITY: Durability = Durability::PowerLoss;

impl<C: Clock> Vault for Store<C> {
    async fn describe(&self, name: &str) -> Result<Option<SecretInfo>, VaultError> {
        let info = self
            .read(|db| {
                let mut rows = db.prepare_cached(
                    "SELECT version, stage, stored_at FROM secrets WHERE name = ?1",
                )?;
                let mut info = SecretInfo {
                    rotates: true,
                    ..SecretInfo::default()
                };
                let columns = |row: &Row<'_>| Ok((row.get(0)?, row.get(1)?, row.get(2)?));
                for row in rows.query_map([name], columns)? {
                    let (version, stage, stored_at): (String, String, i64) = row?;
                    let stored_at = Timestamp::from_millis(stored_at);
                    info.changed_at = info.changed_at.max(Some(stored_at));
                    let stage = Stage::ALL
                        .into_iter()
                        .filter(|known| known.as_str() == stage);
                    info.versions
                        .insert(version, stage.collect::<BTreeSet<_>>());
                }
                Ok(info)
            })
            .await?;
        Ok((!info.versions.is_empty()).then_some(info))
    }

    async fn read(&self, name: &str, stage: Stage) -> Result<Option<SecretVersion>, VaultError> {
        let found: Option<Sealed> = self
            .read(|db| {
                Ok(db
                    .prepare_cached(
                        "SELECT version, sealed FROM secrets WHERE name = ?1 AND stage = ?2",
                    )?
                    .query_row([name, stage.as_str()], |row| {
                        Ok(Sealed {
                            version: row.get(0)?,
                            sealed: row.get(1)?,
                        })
                    })
                    .optional()?)
            })
            .await?;
        found
            .map(|sealed| sealed.open(self.key(), name))
            .transpose()
    }

    async fn put(
        &self,
        name: &str,
        version: &str,
        value: &SecretString,
        stage: Stage,
    ) -> Result<(), VaultError> {
        self.write(DURABILITY, |db| {
            if let Some((sealed, _)) = stored(db, name, version)? {
                let known = sealed.open(self.key(), name)?.value;
                return if known.expose_secret() == value.expose_secret() {
                    Ok(())
                } else {
                    Err(VaultError::VersionTaken {
                        name: name.to_owned(),
                        version: version.to_owned(),
                    })
                };
            }
            let sealed = self
                .key()
                .0
                .seal(&place(name, version), value.expose_secret().as_bytes())
                .map_err(StoreError::from)?;
            clear(db, name, stage)?;
            let now = self.now().as_millis();
            insert(db, name, version, stage, &sealed, now)?;
            Ok(())
        })
        .await
    }

    async fn promote(&self, name: &str, version: &str) -> Result<(), VaultError> {
        self.write(DURABILITY, |db| {
            let stage = stored(db, name, version)?.map(|(_, stage)| stage);
            if stage.as_deref() == Some(Stage::Current.as_str()) {
                return Ok(());
            }
            if stage.as_deref() != Some(Stage::Pending.as_str()) {
                return Err(VaultError::NoSuchVersion {
                    name: name.to_owned(),
                    version: version.to_owned(),
                });
            }
            clear(db, name, Stage::Current)?;
            move_stage(db, name, Stage::Pending, Stage::Current)?;
            Ok(())
        })
        .await
    }
}

/// One version as it lies in the file.
struct Sealed {
    version: String,
    sealed: Vec<u8>,
}

/// A secret of any name, in any stage.
pub(crate) struct NamedSecret {
    name: String,
    sealed: Sealed,
}

impl NamedSecret {
    /// Whether `key` has sealed it.
    pub(crate) fn opens_with(&self, key: &StoreKey) -> bool {
        let place = place(&self.name, &self.sealed.version);
        key.0.open(&place, &self.sealed.sealed).is_ok()
    }
}

/// Every secret in the file.
pub(crate) fn sealed_secrets(db: &Connection) -> rusqlite::Result<Vec<NamedSecret>> {
    let mut rows = db.prepare("SELECT name, version, sealed FROM secrets")?;
    let secrets = rows.query_map((), |row| {
        Ok(NamedSecret {
            name: row.get(0)?,
            sealed: Sealed {
                version: row.get(1)?,
                sealed: row.get(2)?,
            },
        })
    })?;
    secrets.collect()
}

impl Sealed {
    /// The version of `name` in the clear.
    fn open(self, key: &StoreKey, name: &str) -> Result<SecretVersion, VaultError> {
        let opened = key.0.open(&place(name, &self.version), &self.sealed).ok();
        let value = opened
            .and_then(|bytes| String::from_utf8(bytes).ok())
            .ok_or_else(|| VaultError::Unreadable {
                name: name.to_owned(),
            })?;
        Ok(SecretVersion {
            version: self.version,
            value: SecretString::from(value),
        })
    }
}

/// Where a value belongs, sealed along with it. The length keeps `("ab", "c")` from `("a", "bc")`.
fn place(name: &str, version: &str) -> Vec<u8> {
    format!("{} {name} {version}", name.len()).into_bytes()
}

/// A version and its stage.
fn stored(
    db: &Connection,
    name: &str,
    version: &str,
) -> Result<Option<(Sealed, String)>, StoreError> {
    let found = db
        .prepare_cached(
            "SELECT version, sealed, stage FROM secrets WHERE name = ?1 AND version = ?2",
        )?
        .query_row([name, version], |row| {
            let sealed = Sealed {
                version: row.get(0)?,
                sealed: row.get(1)?,
            };
            Ok((sealed, row.get(2)?))
        })
        .optional()?;
    Ok(found)
}

/// Makes room in `stage`: a current version becomes the previous one, any other is dropped.
fn clear(db: &Connection, name: &str, stage: Stage) -> Result<(), StoreError> {
    if stage == Stage::Current {
        drop_stage(db, name, Stage::Previous)?;
        move_stage(db, name, Stage::Current, Stage::Previous)
    } else {
        drop_stage(db, name, stage)
    }
}

/// Forgets the version in `stage`.
fn drop_stage(db: &Connection, name: &str, stage: Stage) -> Result<(), StoreError> {
    db.prepare_cached("DELETE FROM secrets WHERE name = ?1 AND stage = ?2")?
        .execute([name, stage.as_str()])?;
    Ok(())
}

/// Gives the version in stage `from` the stage `to`, which no version has.
fn move_stage(db: &Connection, name: &str, from: Stage, to: Stage) -> Result<(), StoreError> {
    db.prepare_cached("UPDATE secrets SET stage = ?3 WHERE name = ?1 AND stage = ?2")?
        .execute([name, from.as_str(), to.as_str()])?;
    Ok(())
}

/// Stores a sealed version in a stage that no version has.
fn insert(
    db: &Connection,
    name: &str,
    version: &str,
    stage: Stage,
    sealed: &[u8],
    now: i64,
) -> Result<(), StoreError> {
    db.prepare_cached(
        "INSERT INTO secrets (name, version, stage, sealed, stored_at)
         VALUES (?1, ?2, ?3, ?4, ?5)",
    )?
    .execute(params![name, version, stage.as_str(), sealed, now])?;
    Ok(())
}

//! The data folder: the store, and the key that encrypts its secrets.

use std::fmt::Display;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, ensure};
use halogard_app::ports::{Clock as _, Records as _};
use halogard_domain::continuity::StoreContinuity;
use halogard_domain::record::Singleton;
use halogard_operations::audit::{self, Operator};
use halogard_runtime::SystemClock;
use halogard_runtime::settings::SettingValues;
use halogard_sqlite::{BackupSecrets, OpenError, Store, StoreKey};

use crate::clock::SleepClock;
use crate::written_file::{self, Readers};

/// The file of the store in a data folder.
const STORE_FILE: &str = "halogard.db";

/// The file of the key that encrypts the store's secrets, in the same folder.
const KEY_FILE: &str = "halogard.key";

/// Opens the store in `folder` for the worker, with its key beside it. One worker at a time may.
pub fn open_store<C: SleepClock>(folder: &Path, clock: C) -> anyhow::Result<Store<C>> {
    let key = store_key(folder)?;
    Ok(Store::open(&folder.join(STORE_FILE), key, clock)?)
}

/// Opens the store in `folder` for a command that may come before the first `serve`, and creates it
/// where there is none. Works beside a running `serve`.
pub fn open_or_create_store(folder: &Path) -> anyhow::Result<Store<SystemClock>> {
    let key = store_key(folder)?;
    Ok(Store::open_or_create(
        &folder.join(STORE_FILE),
        key,
        SystemClock,
    )?)
}

/// Opens the store in `folder` for a command that only reads and may come before the first `serve`: where there is
/// none, an empty one in memory takes its place, and nothing is created.
pub fn open_or_imagine_store(folder: &Path) -> anyhow::Result<Store<SystemClock>> {
    match not_there(&folder.join(STORE_FILE)) {
        Some(OpenError::NoStore { .. }) => Ok(Store::in_memory(StoreKey::draw()?, SystemClock)?),
        Some(error) => Err(error.into()),
        None => open_existing_store(folder),
    }
}

/// Why there is no store in the file `path`; `None` where there is one.
fn not_there(path: &Path) -> Option<OpenError> {
    match path.try_exists() {
        Ok(true) => None,
        _ => Some(halogard_sqlite::not_there(path)),
    }
}

/// Opens the store in `folder` for a command, beside a running `serve` or without one.
pub fn open_existing_store(folder: &Path) -> anyhow::Result<Store<SystemClock>> {
    let path = folder.join(STORE_FILE);
    // Before a key is made for a store that does not exist.
    if let Some(error) = not_there(&path) {
        return Err(error.into());
    }
    let key = store_key(folder)?;
    Ok(Store::open_existing(&path, key, SystemClock)?)
}

/// Refuses to take the usual data folder for the one that the config file `config_file` names, which is
/// `unreadable`: it may be another one.
pub fn refuse_to_guess(
    process: &SettingValues,
    config_file: &Path,
    unreadable: &dyn Display,
) -> anyhow::Result<()> {
    ensure!(
        process.get("HALOGARD_DATA_DIR").is_some(),
        "{unreadable}\nso it is not known which data folder {} names, and nothing was done; mend the file, name \
         another one with --config, or set HALOGARD_DATA_DIR",
        config_file.display()
    );
    Ok(())
}

/// Whether there is a store in `folder`.
pub fn has_store(folder: &Path) -> bool {
    folder.join(STORE_FILE).exists()
}

/// Whether a `serve` runs on the store in `folder`.
pub fn is_serve_running(folder: &Path) -> anyhow::Result<bool> {
    Ok(halogard_sqlite::is_worker_running(
        &folder.join(STORE_FILE),
    )?)
}

/// Writes a copy of the store in `folder` to the new file `target`, beside a running `serve` or without one;
/// the key that opens its secrets goes beside it where `with_key`.
pub fn back_up(folder: &Path, target: &Path, with_key: bool) -> anyhow::Result<()> {
    if let Some(error) = not_there(&folder.join(STORE_FILE)) {
        return Err(error.into());
    }
    written_file::check_new(target).map_err(|error| written_file::refusal(target, &error))?;
    written_file::remove_left_behind(target);
    if with_key {
        let key = key_of_backup(target);
        copy_key(&folder.join(KEY_FILE), &key)?;
    }
    Ok(halogard_sqlite::back_up(&folder.join(STORE_FILE), target)?)
}

/// Where the key of the copy `backup` is, if it was asked for.
pub fn key_of_backup(backup: &Path) -> PathBuf {
    let mut name = backup.as_os_str().to_owned();
    name.push(".key");
    name.into()
}

/// Copies the key in the file `from` to the file `to`, which is there whole or not at all.
fn copy_key(from: &Path, to: &Path) -> anyhow::Result<()> {
    let key = std::fs::read(from).with_context(|| format!("{} cannot be read", from.display()))?;
    written_file::replace(to, &key, Readers::Owner)
        .with_context(|| format!("the key cannot be copied to {}", to.display()))
}

/// What replaces the store in a data folder, and how.
pub struct Restore<'a> {
    /// The data folder.
    pub folder: &'a Path,
    /// The copy.
    pub backup: &'a Path,
    /// Whether a store that is there is replaced; it is kept beside the new one.
    pub replace: bool,
    /// Whether the secrets of the copy are deleted, whose key is lost.
    pub without_secrets: bool,
}

impl Restore<'_> {
    /// Refuses what cannot be done, before anyone is asked.
    pub fn check(&self) -> anyhow::Result<()> {
        let Self {
            folder,
            backup,
            replace,
            ..
        } = self;
        ensure!(backup.exists(), "there is no file {}", backup.display());
        ensure!(
            *replace || !folder.join(STORE_FILE).exists(),
            "{} already has a store; --replace replaces it with the backup and keeps the old store beside it",
            folder.display()
        );
        Ok(())
    }

    /// Replaces the store with the copy, and its key with the key beside the copy; returns where the former store is.
    /// The next `serve` then looks for everything that was done since the copy was made, before it opens a ticket for
    /// an older alert. The copy is in its place only when nothing else is left to do: killed at any point, the command is
    /// given again.
    pub async fn run(&self, operator: &Operator) -> anyhow::Result<Option<PathBuf>> {
        self.check()?;
        let key = self.folder.join(KEY_FILE);
        let of_backup = key_of_backup(self.backup);
        let candidates = [&of_backup, &key];
        let given = candidates.into_iter().find(|file| file.exists());
        let opens = given
            .map(|file| StoreKey::load_or_create(file))
            .transpose()?;
        let secrets = match self.without_secrets {
            true => BackupSecrets::Deleted,
            false => BackupSecrets::OpenedBy(opens.as_ref()),
        };
        let store = self.folder.join(STORE_FILE);
        let incoming = halogard_sqlite::bring_in(self.backup, &store, secrets, self.replace)?;
        let now = SystemClock.now();
        if of_backup.exists() && !self.without_secrets && !is_same(&of_backup, &key) {
            if key.exists() {
                let kept = self
                    .folder
                    .join(format!("{KEY_FILE}-before-{}", now.as_millis()));
                std::fs::rename(&key, &kept)
                    .with_context(|| format!("the key cannot be kept as {}", kept.display()))?;
            }
            copy_key(&of_backup, &key)?;
        }
        self.note_in(incoming.incoming(), &key, operator).await?;
        Ok(incoming.put_in_place(now)?)
    }

    /// Notes in the copy at `path` that it is one, and who restores it.
    async fn note_in(&self, path: &Path, key: &Path, operator: &Operator) -> anyhow::Result<()> {
        let now = SystemClock.now();
        let store = Store::open_existing(path, StoreKey::load_or_create(key)?, SystemClock)?;
        let stored = store.load_record::<StoreContinuity>(&Singleton).await?;
        let mut continuity = stored.value;
        continuity.begin_restored(now);
        let saved = store.save_record(&Singleton, &continuity, stored.revision);
        saved.await?;
        let subject = self.backup.display().to_string();
        audit::record(&store, operator, "restore", &subject, "restored", now).await?;
        Ok(())
    }
}

/// Whether both files hold the same.
fn is_same(one: &Path, other: &Path) -> bool {
    std::fs::read(one).ok() == std::fs::read(other).ok()
}

/// The key of the store in `folder`; made at first use.
fn store_key(folder: &Path) -> anyhow::Result<StoreKey> {
    halogard_sqlite::prepare_folder(folder)
        .with_context(|| format!("the data folder {} cannot be made", folder.display()))?;
    let path = folder.join(KEY_FILE);
    // A new key would open none of the secrets, and hide that the old one is missing.
    let is_lost = !path.exists() && halogard_sqlite::has_secrets(&folder.join(STORE_FILE));
    ensure!(
        !is_lost,
        "the key file {} is missing, and the store holds secrets that only this key opens; restore the \
         file from a backup, or, if there is none, run `halogard serve --forget-secrets` once: it deletes \
         the stored secrets and makes a new key; then enter the credentials again and paste the new \
         webhook URL into HaloPSA",
        path.display()
    );
    Ok(StoreKey::load_or_create(&path)?)
}

/// Deletes the secrets of the store in `folder`, whose key is lost. A store whose key is there keeps them.
pub fn forget_secrets(folder: &Path) -> anyhow::Result<()> {
    let path = folder.join(KEY_FILE);
    ensure!(
        !path.exists(),
        "the key file {} exists, so the stored secrets are kept; start without --forget-secrets",
        path.display()
    );
    Ok(halogard_sqlite::delete_secrets(&folder.join(STORE_FILE))?)
}

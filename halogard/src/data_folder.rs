//! The data folder: the store, and the key that encrypts its secrets.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail, ensure};
use halogard_app::ports::{Clock as _, Records as _};
use halogard_domain::continuity::StoreContinuity;
use halogard_domain::record::Singleton;
use halogard_runtime::SystemClock;
use halogard_sqlite::{OpenError, Store, StoreKey};

use crate::clock::SleepClock;

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

/// Opens the store in `folder` for a command, beside a running `serve` or without one.
pub fn open_existing_store(folder: &Path) -> anyhow::Result<Store<SystemClock>> {
    let path = folder.join(STORE_FILE);
    if !path.exists() {
        // Before a key is made for a store that does not exist.
        return Err(OpenError::NoStore { path }.into());
    }
    let key = store_key(folder)?;
    Ok(Store::open_existing(&path, key, SystemClock)?)
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
    ensure!(
        !target.exists(),
        "{} already exists; choose another file",
        target.display()
    );
    if with_key {
        let key = key_of_backup(target);
        std::fs::copy(folder.join(KEY_FILE), &key)
            .with_context(|| format!("the key cannot be copied to {}", key.display()))?;
    }
    Ok(halogard_sqlite::back_up(&folder.join(STORE_FILE), target)?)
}

/// Where the key of the copy `backup` is, if it was asked for.
pub fn key_of_backup(backup: &Path) -> PathBuf {
    let mut name = backup.as_os_str().to_owned();
    name.push(".key");
    name.into()
}

/// Replaces the store in `folder` with the copy `backup`; returns where the former one is. The next
/// `serve` then looks for everything that was done since the copy was made, before it opens a ticket for an
/// older alert.
pub async fn restore(
    folder: &Path,
    backup: &Path,
    replace: bool,
) -> anyhow::Result<Option<PathBuf>> {
    let (store, key) = (folder.join(STORE_FILE), folder.join(KEY_FILE));
    if !backup.exists() {
        bail!("there is no file {}", backup.display());
    }
    ensure!(
        replace || !store.exists(),
        "{} already has a store; --replace replaces it with the backup and keeps the old store beside it",
        folder.display()
    );
    let of_backup = key_of_backup(backup);
    if of_backup.exists() && !key.exists() {
        halogard_sqlite::prepare_folder(folder)?;
        std::fs::copy(&of_backup, &key)
            .with_context(|| format!("the key cannot be copied to {}", key.display()))?;
    }
    let now = SystemClock.now();
    let former = halogard_sqlite::put_back(backup, &store, replace, now)?;
    let opened = open_existing_store(folder)?;
    let stored = opened.load_record::<StoreContinuity>(&Singleton).await?;
    let mut continuity = stored.value;
    continuity.begin_restored(now);
    let saved = opened.save_record(&Singleton, &continuity, stored.revision);
    saved.await?;
    Ok(former)
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

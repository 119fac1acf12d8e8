//! Copies: written whole or not at all, and put back only when they can be used.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;
use std::path::{Path, PathBuf};

use halogard_app::ports::{NamedValues as _, Stage, Vault as _};
use halogard_conformance::ManualClock;
use halogard_domain::Timestamp;
use halogard_sqlite::{BackupSecrets, OpenError, Store, StoreKey, back_up, bring_in};
use rusqlite::Connection;
use tempfile::TempDir;

/// 32 bytes in Base64.
const KEY: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";

/// Others.
const OTHER_KEY: &str = "HwECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";

fn key(text: &str) -> StoreKey {
    StoreKey::from_text(text).unwrap()
}

/// A folder with a store in which a value and a secret are, and where it is.
async fn filled_store(value: i64) -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("halogard.db");
    let store = Store::open(&path, key(KEY), ManualClock::default()).unwrap();
    store.set_value("value", value).await.unwrap();
    let secret = "hidden".into();
    store
        .put("credential", "1", &secret, Stage::Current)
        .await
        .unwrap();
    (folder, path)
}

async fn value_in(path: &Path) -> Option<i64> {
    let store = Store::open_existing(path, key(KEY), ManualClock::default()).unwrap();
    store.value("value").await.unwrap()
}

/// The names in the folder of `path`.
fn names_beside(path: &Path) -> Vec<String> {
    let folder = fs::read_dir(path.parent().unwrap()).unwrap();
    let names = folder.map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned());
    let mut names: Vec<String> = names.collect();
    names.sort();
    names
}

#[tokio::test]
async fn a_copy_gets_its_name_when_it_is_whole() {
    let (folder, path) = filled_store(1).await;
    let copies = tempfile::tempdir().unwrap();
    let target = copies.path().join("copy.db");
    // What a killed backup has left beside it does not matter.
    fs::write(copies.path().join("copy.db.1.part"), "").unwrap();
    back_up(&path, &target).unwrap();
    assert_eq!(names_beside(&target), ["copy.db", "copy.db.1.part"]);
    assert_eq!(value_in(&target).await, Some(1));
    assert!(back_up(&path, &target).is_err(), "it is there already");
    // A copy that cannot be made leaves nothing.
    let nowhere = folder.path().join("no folder").join("copy.db");
    assert!(back_up(&path, &nowhere).is_err());
    assert!(!nowhere.exists());
}

#[tokio::test]
async fn a_copy_that_cannot_be_used_leaves_the_store_as_it_was() {
    let (_folder, path) = filled_store(1).await;
    let (copies, good) = filled_store(2).await;
    drop(
        Connection::open(&good)
            .unwrap()
            .execute_batch("PRAGMA wal_checkpoint(TRUNCATE)"),
    );
    let good_bytes = fs::read(&good).unwrap();
    let mut damaged = good_bytes.clone();
    for byte in &mut damaged[8192..20_000] {
        *byte = 0x5a;
    }
    let foreign = copies.path().join("foreign.db");
    let other = Connection::open(&foreign).unwrap();
    other.execute_batch("CREATE TABLE theirs (a)").unwrap();
    drop(other);
    let newer = copies.path().join("newer.db");
    fs::write(&newer, &good_bytes).unwrap();
    let later = Connection::open(&newer).unwrap();
    later.pragma_update(None, "user_version", 99).unwrap();
    drop(later);
    let (right, wrong) = (key(KEY), key(OTHER_KEY));
    let opened = BackupSecrets::OpenedBy(Some(&right));
    let cases = [
        (Vec::new(), opened, "empty"),
        (b"no database".repeat(99), opened, "no database"),
        (
            good_bytes[..good_bytes.len() / 2].to_vec(),
            opened,
            "damaged",
        ),
        (damaged, opened, "damaged"),
        (fs::read(&foreign).unwrap(), opened, "another program"),
        (fs::read(&newer).unwrap(), opened, "schema 99"),
        (
            good_bytes.clone(),
            BackupSecrets::OpenedBy(None),
            "key is missing",
        ),
        (
            good_bytes.clone(),
            BackupSecrets::OpenedBy(Some(&wrong)),
            "another key",
        ),
    ];
    let before = names_beside(&path);
    for (number, (bytes, secrets, said)) in cases.into_iter().enumerate() {
        let given = copies.path().join(format!("given-{number}.db"));
        fs::write(&given, bytes).unwrap();
        let refused = bring_in(&given, &path, secrets, true).unwrap_err();
        let text = refused.to_string();
        assert!(matches!(refused, OpenError::NotRestorable { .. }), "{text}");
        assert!(text.contains(said), "{said}: {text}");
        assert!(text.contains(given.to_str().unwrap()), "{text}");
        assert_eq!(value_in(&path).await, Some(1), "{said}");
        let left: Vec<String> = names_beside(&path)
            .into_iter()
            .filter(|name| {
                !before.contains(name) && !name.ends_with("-wal") && !name.ends_with("-shm")
            })
            .collect();
        assert!(left.is_empty(), "{said}: {left:?}");
    }
    let given = copies.path().join("good.db");
    fs::write(&given, &good_bytes).unwrap();
    let incoming = bring_in(&given, &path, opened, true).unwrap();
    assert_eq!(value_in(&path).await, Some(1), "it is not in its place yet");
    assert_eq!(value_in(incoming.incoming()).await, Some(2));
    let former = incoming.put_in_place(Timestamp::EPOCH).unwrap();
    assert_eq!(value_in(&path).await, Some(2));
    assert_eq!(value_in(&former.unwrap()).await, Some(1));
    let deleted = BackupSecrets::Deleted;
    let later = Timestamp::from_millis(1);
    let incoming = bring_in(&given, &path, deleted, true).unwrap();
    incoming.put_in_place(later).unwrap();
    let store = Store::open_existing(&path, wrong, ManualClock::default()).unwrap();
    let secret = store.read("credential", Stage::Current).await.unwrap();
    assert!(secret.is_none());
}

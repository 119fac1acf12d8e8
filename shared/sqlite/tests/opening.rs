//! What a store refuses, and what it says then.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;
use std::path::{Path, PathBuf};

use halogard_app::ports::NamedValues as _;
use halogard_conformance::ManualClock;
use halogard_sqlite::{KeyError, OpenError, Store, StoreKey, is_worker_running};
use rusqlite::Connection;
use tempfile::TempDir;

/// 32 bytes in Base64.
const KEY: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";

/// A folder with room for a store.
fn data_folder() -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("halogard.db");
    (folder, path)
}

fn open(path: &Path) -> Result<Store<ManualClock>, OpenError> {
    let key = StoreKey::from_text(KEY).unwrap();
    Store::open(path, key, ManualClock::default())
}

/// The error of opening a store that must not open.
fn refusal(path: &Path) -> OpenError {
    match open(path) {
        Ok(_) => panic!("the store opened"),
        Err(error) => error,
    }
}

/// The error of a command that must not get the store.
fn command_refusal(path: &Path) -> OpenError {
    match open_existing(path) {
        Ok(_) => panic!("the store opened"),
        Err(error) => error,
    }
}

fn open_existing(path: &Path) -> Result<Store<ManualClock>, OpenError> {
    let key = StoreKey::from_text(KEY).unwrap();
    Store::open_existing(path, key, ManualClock::default())
}

fn open_or_create(path: &Path) -> Result<Store<ManualClock>, OpenError> {
    let key = StoreKey::from_text(KEY).unwrap();
    Store::open_or_create(path, key, ManualClock::default())
}

#[test]
fn only_one_worker_may_have_the_store_and_the_next_one_later() {
    let (folder, path) = data_folder();
    let first = open(&path).unwrap();
    let clone = first.clone();

    let error = refusal(&path);
    assert!(matches!(error, OpenError::WorkerRunning { .. }));
    let text = error.to_string();
    let folder = fs::canonicalize(folder.path()).unwrap();
    assert!(text.contains(folder.to_str().unwrap()), "{text}");
    assert!(text.contains("stop it first, or choose another data folder"));

    drop(first);
    assert!(matches!(refusal(&path), OpenError::WorkerRunning { .. }));
    drop(clone);
    open(&path).unwrap();
}

#[test]
fn the_worker_lock_says_whether_a_worker_runs_and_keeps_no_command_out() {
    let (folder, path) = data_folder();
    assert!(!is_worker_running(&path).unwrap(), "no folder yet");
    let command = open_or_create(&path).unwrap();
    assert!(!is_worker_running(&path).unwrap());
    let worker = open(&path).unwrap();
    assert!(is_worker_running(&path).unwrap());
    let another = open_existing(&path).unwrap();
    drop((command, another));
    assert!(is_worker_running(&path).unwrap());
    drop(worker);
    assert!(!is_worker_running(&path).unwrap());
    drop(folder);
}

#[test]
fn a_command_where_there_is_no_store_says_so_and_creates_nothing() {
    let (folder, path) = data_folder();
    for what in ["no file", "an empty file"] {
        if what == "an empty file" {
            fs::write(&path, "").unwrap();
        }
        let error = command_refusal(&path);
        assert!(
            matches!(error, OpenError::NoStore { .. }),
            "{what}: {error:?}"
        );
        let text = error.to_string();
        assert!(text.contains("start `halogard serve` once"), "{text}");
        assert!(text.contains("HALOGARD_DATA_DIR"), "{text}");
    }
    assert_eq!(fs::read_dir(&folder).unwrap().count(), 1);
    assert_eq!(fs::metadata(&path).unwrap().len(), 0);
}

#[test]
fn processes_that_create_a_store_at_once_all_get_it() {
    for _ in 0..20 {
        let (_folder, path) = data_folder();
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| open_or_create(&path).unwrap());
            }
            scope.spawn(|| open(&path).unwrap());
        });
        open_existing(&path).unwrap();
    }
}

#[test]
fn a_command_does_not_migrate_an_older_file_and_names_both_versions() {
    let (_folder, path) = data_folder();
    drop(open(&path).unwrap());
    let older = Connection::open(&path).unwrap();
    older.pragma_update(None, "user_version", 0).unwrap();
    drop(older);
    let before = fs::read(&path).unwrap();

    for refused in [open_existing(&path), open_or_create(&path)] {
        let Err(error) = refused else {
            panic!("the store opened");
        };
        assert!(
            matches!(error, OpenError::Older { found: 0, .. }),
            "{error:?}"
        );
        let text = error.to_string();
        assert!(text.contains("has schema 0"), "{text}");
        assert!(text.contains("uses schema 1"), "{text}");
        assert!(text.contains("(re)start `halogard serve`"), "{text}");
    }
    assert_eq!(fs::read(&path).unwrap(), before);
}

#[tokio::test]
async fn a_command_stops_when_a_newer_worker_migrates_the_file_under_it() {
    let (_folder, path) = data_folder();
    drop(open(&path).unwrap());
    let command = open_existing(&path).unwrap();
    command.set_value("before", 1).await.unwrap();
    let newer = Connection::open(&path).unwrap();
    newer.pragma_update(None, "user_version", 99).unwrap();

    for error in [
        command.set_value("after", 1).await.unwrap_err(),
        command.value("before").await.unwrap_err(),
    ] {
        let text = error.chain();
        assert!(text.contains("schema 99"), "{text}");
        assert!(text.contains("uses 1"), "{text}");
    }
}

#[test]
fn a_lock_file_left_behind_means_nothing() {
    let (folder, path) = data_folder();
    fs::write(folder.path().join("halogard.lock"), "").unwrap();
    open(&path).unwrap();
}

#[test]
fn folders_are_made_on_the_way() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("var/lib/halogard.db");
    open(&path).unwrap();
    assert!(path.exists());
}

#[cfg(unix)]
#[test]
fn everything_is_for_its_owner_only() {
    use std::os::unix::fs::PermissionsExt as _;

    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let key = StoreKey::load_or_create(&folder.path().join("store.key")).unwrap();
    let store = Store::open(&data.join("halogard.db"), key, ManualClock::default()).unwrap();

    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&data), 0o700);
    assert_eq!(mode(&folder.path().join("store.key")), 0o600);
    let files = fs::read_dir(&data).unwrap();
    let files: Vec<_> = files.map(|file| file.unwrap().path()).collect();
    assert_eq!(files.len(), 4, "{files:?}");
    for file in files {
        assert_eq!(mode(&file), 0o600, "{}", file.display());
    }
    drop(store);
}

#[test]
fn a_file_that_is_no_database_is_refused_and_left_as_it_is() {
    for garbage in ["short", &"not a database ".repeat(1000)] {
        let (_folder, path) = data_folder();
        fs::write(&path, garbage).unwrap();

        let error = refusal(&path);

        assert!(matches!(error, OpenError::NotADatabase { .. }), "{error:?}");
        assert_eq!(fs::read_to_string(&path).unwrap(), garbage);
    }
}

#[test]
fn an_empty_file_becomes_a_store() {
    let (_folder, path) = data_folder();
    fs::write(&path, "").unwrap();
    open(&path).unwrap();
}

#[test]
fn a_database_of_another_program_is_refused_and_left_as_it_is() {
    for origin in [
        "CREATE TABLE theirs (a)",
        "CREATE TABLE theirs (a); PRAGMA application_id = 1; PRAGMA user_version = 1",
        "PRAGMA application_id = 1",
    ] {
        let (_folder, path) = data_folder();
        Connection::open(&path)
            .unwrap()
            .execute_batch(origin)
            .unwrap();
        let before = fs::read(&path).unwrap();

        let error = refusal(&path);

        assert!(matches!(error, OpenError::Foreign { .. }), "{error:?}");
        assert_eq!(fs::read(&path).unwrap(), before);
    }
}

#[test]
fn a_file_of_a_newer_version_is_refused_and_left_as_it_is() {
    let (_folder, path) = data_folder();
    drop(open(&path).unwrap());
    let newer = Connection::open(&path).unwrap();
    newer.pragma_update(None, "user_version", 99).unwrap();
    drop(newer);
    let before = fs::read(&path).unwrap();

    let error = refusal(&path);

    assert!(matches!(
        error,
        OpenError::Newer {
            found: 99,
            known: 1,
            ..
        }
    ));
    assert!(
        error
            .to_string()
            .contains("has schema 99, and this version of halogard uses schema 1")
    );
    assert_eq!(fs::read(&path).unwrap(), before);
}

#[test]
fn a_folder_that_cannot_be_made_is_named() {
    let (folder, _) = data_folder();
    let file = folder.path().join("file");
    fs::write(&file, "").unwrap();

    let error = refusal(&file.join("halogard.db"));

    assert!(matches!(error, OpenError::Files { .. }));
    assert!(error.to_string().contains(file.to_str().unwrap()));
}

#[test]
fn a_key_is_drawn_once_and_read_from_then_on() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.key");
    StoreKey::load_or_create(&path).unwrap();
    let text = fs::read_to_string(&path).unwrap();
    StoreKey::from_text(&text).unwrap();

    StoreKey::load_or_create(&path).unwrap();

    assert_eq!(fs::read_to_string(&path).unwrap(), text);
    let files = fs::read_dir(&folder).unwrap().count();
    assert_eq!(files, 1, "no draft is left behind");
}

#[test]
fn those_who_start_at_once_end_up_with_one_key() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.key");
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| StoreKey::load_or_create(&path).unwrap());
        }
    });
    assert_eq!(fs::read_dir(&folder).unwrap().count(), 1);
}

#[test]
fn a_key_is_thirty_two_bytes_in_base64() {
    StoreKey::from_text(&format!(" {KEY}\n")).unwrap();
    for wrong in [
        "",
        "AAEC",
        "no base64 §",
        &KEY.replace('=', ""),
        &KEY.repeat(2),
    ] {
        assert!(matches!(
            StoreKey::from_text(wrong),
            Err(KeyError::Malformed)
        ));
    }
}

#[test]
fn a_key_file_with_something_else_in_it_is_refused_and_not_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.key");
    StoreKey::load_or_create(&path).unwrap();
    for wrong in ["", "half a k"] {
        fs::write(&path, wrong).unwrap();
        let outcome = StoreKey::load_or_create(&path);
        assert!(matches!(outcome, Err(KeyError::MalformedFile { .. })));
        assert_eq!(fs::read_to_string(&path).unwrap(), wrong);
    }
}

#[cfg(unix)]
#[test]
fn a_key_file_that_others_may_use_is_put_right() {
    use std::os::unix::fs::PermissionsExt as _;

    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.key");
    StoreKey::load_or_create(&path).unwrap();
    let key = fs::read_to_string(&path).unwrap();
    for mode in [0o640, 0o604, 0o660, 0o777] {
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        StoreKey::load_or_create(&path).unwrap();
        let left = fs::metadata(&path).unwrap().permissions().mode() & 0o077;
        assert_eq!(left, 0, "{mode:o}");
        assert_eq!(fs::read_to_string(&path).unwrap(), key, "the same key");
    }
}

#[cfg(unix)]
#[test]
fn a_data_folder_that_others_could_write_to_is_put_right_at_every_opening() {
    use std::os::unix::fs::PermissionsExt as _;

    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    fs::create_dir(&data).unwrap();
    let path = data.join("halogard.db");
    // A folder like `/tmp` protects its files by itself; reading the names of files shows nothing.
    let rows = [
        (0o777, 0o755),
        (0o770, 0o750),
        (0o722, 0o700),
        (0o755, 0o755),
        (0o700, 0o700),
        (0o1777, 0o1777),
    ];
    for opened in [open, open_or_create as Opening] {
        for (mode, expected) in rows {
            fs::set_permissions(&data, fs::Permissions::from_mode(mode)).unwrap();
            drop(opened(&path).unwrap());
            let left = fs::metadata(&data).unwrap().permissions().mode() & 0o7777;
            assert_eq!(left, expected, "{mode:o}");
        }
    }
}

/// A way to open a store.
#[cfg(unix)]
type Opening = fn(&Path) -> Result<Store<ManualClock>, OpenError>;

#[cfg(unix)]
#[test]
fn files_that_others_could_read_are_put_right_at_every_opening() {
    use std::os::unix::fs::PermissionsExt as _;

    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    for opened in [open, open_existing, open_or_create as Opening] {
        let (folder, path) = data_folder();
        let first = open_or_create(&path).unwrap();
        let files = ["halogard.db", "halogard.db-wal", "halogard.db-shm"]
            .map(|name| folder.path().join(name));
        for file in &files {
            fs::set_permissions(file, fs::Permissions::from_mode(0o644)).unwrap();
        }
        let second = opened(&path).unwrap();
        for file in &files {
            assert_eq!(mode(file), 0o600, "{}", file.display());
        }
        drop((first, second));
    }
}

#[cfg(unix)]
#[test]
fn what_root_makes_belongs_to_the_owner_of_the_folder() {
    use std::os::unix::fs::{MetadataExt as _, chown};

    const SERVICE: u32 = 12_345;
    let (folder, _) = data_folder();
    if chown(folder.path(), Some(SERVICE), Some(SERVICE)).is_err() {
        println!("not root: nothing to check");
        return;
    }
    let data = folder.path().join("data");
    let path = data.join("halogard.db");
    halogard_sqlite::prepare_folder(&data).unwrap();
    StoreKey::load_or_create(&data.join("halogard.key")).unwrap();
    let command = open_or_create(&path).unwrap();
    let worker = open(&path).unwrap();
    let mut seen = vec![data.clone()];
    seen.extend(
        fs::read_dir(&data)
            .unwrap()
            .map(|entry| entry.unwrap().path()),
    );
    for file in &seen {
        assert_eq!(
            fs::metadata(file).unwrap().uid(),
            SERVICE,
            "{}",
            file.display()
        );
    }
    assert_eq!(seen.len(), 6, "{seen:?}");
    drop((command, worker));
}

//! Export and import, from one store to another of the same kind.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::collections::BTreeSet;
use std::fs;
use std::io::Cursor;
use std::path::Path;

use halogard_app::ports::{Lane, Links as _, NamedValues as _, Records as _, WorkQueue as _};
use halogard_domain::Timestamp;
use halogard_domain::pause::{PauseScope, Pauses};
use halogard_domain::record::Singleton;
use halogard_domain::start::CustomerStarts;
use halogard_operations::transfer::{LEFT_OUT, TransferError, export, import, moved_partitions};

use support::{NOW, before, empty_store, filled_store, moved_lines};

/// The partitions of all types of records that `folder` declares.
fn partitions_declared(folder: &Path, found: &mut BTreeSet<String>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            partitions_declared(&path, found);
            continue;
        }
        let text = fs::read_to_string(&path).unwrap();
        for part in text.split("const PARTITION: &'static str = \"").skip(1) {
            found.insert(part.split('"').next().unwrap_or_default().to_owned());
        }
    }
}

/// The partitions of every type of record.
fn all_partitions() -> BTreeSet<String> {
    let mut declared = BTreeSet::new();
    for folder in ["../domain/src", "../app/src"] {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
        partitions_declared(&folder, &mut declared);
    }
    assert!(declared.len() > 15, "{declared:?}");
    declared
}

#[test]
fn the_operators_policy_on_aws_allows_to_read_every_type_of_record() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/aws/operator-policy.json");
    let policy = std::fs::read_to_string(file).unwrap();
    for partition in all_partitions() {
        assert!(policy.contains(&format!("\"{partition}\"")), "{partition}");
    }
}

#[test]
fn every_type_of_record_is_exported_or_left_out_for_a_reason() {
    let declared = all_partitions();
    let exported_or_left_out: BTreeSet<String> = moved_partitions()
        .into_iter()
        .chain(LEFT_OUT)
        .map(str::to_owned)
        .collect();
    assert_eq!(exported_or_left_out, declared);
}

async fn exported(store: &impl halogard_app::Store) -> String {
    let mut file = Vec::new();
    export(store, &mut file, NOW).await.unwrap();
    String::from_utf8(file).unwrap()
}

#[tokio::test]
async fn everything_that_was_exported_is_there_after_an_import() {
    let (from, _one) = filled_store().await;
    let text = exported(&from).await;
    let (to, _other) = empty_store();
    let done = import(&to, Cursor::new(&text), NOW).await.unwrap();
    assert_eq!((done.pairs, done.queued), (40, 30), "{done:?}");
    assert_eq!(moved_lines(&exported(&to).await), moved_lines(&text));
    // Work is derived anew, and waits until an operator resumes.
    assert_eq!(to.depth(Lane::Bulk).await.unwrap(), 50);
    let pauses = to.load_record::<Pauses>(&Singleton).await.unwrap().value;
    let scopes: Vec<PauseScope> = pauses.pauses.iter().map(|it| it.scope).collect();
    assert!(scopes.contains(&PauseScope::All), "{scopes:?}");
    assert_eq!(scopes.len(), 2, "what was paused stays so: {scopes:?}");
    // The customer is not new: an alert that was raised during the move gets its ticket.
    let starts = to.load_record::<CustomerStarts>(&Singleton).await.unwrap();
    assert_eq!(starts.value.began.get(&8801.into()), Some(&before(7200)));
}

/// What an import that was killed after some of the lines has left is completed by the same import.
#[tokio::test]
async fn an_import_that_is_killed_anywhere_is_repeated() {
    let (from, _one) = filled_store().await;
    let text = exported(&from).await;
    let lines: Vec<&str> = text.lines().collect();
    for kept in (1..lines.len()).step_by(4) {
        let (to, _other) = empty_store();
        let end = format!("{{\"port\":\"end\",\"lines\":{kept}}}\n");
        let part = lines[..kept].join("\n") + "\n" + &end;
        import(&to, Cursor::new(&part), NOW).await.unwrap();
        let time = NOW.as_millis();
        to.set_value("import_under_way", time).await.unwrap();
        import(&to, Cursor::new(&text), NOW).await.unwrap();
        assert_eq!(
            moved_lines(&exported(&to).await),
            moved_lines(&text),
            "{kept}"
        );
    }
}

/// A file that ends early, at any line or within one, leaves the store as empty as it was: another export is
/// imported after it.
#[tokio::test]
async fn an_export_that_was_cut_is_refused_before_anything_is_stored() {
    let (from, _one) = filled_store().await;
    let text = exported(&from).await;
    let mut whole = Vec::new();
    let later = Timestamp::from_millis(NOW.as_millis() + 60_000);
    export(&from, &mut whole, later).await.unwrap();
    let (to, _other) = empty_store();
    let empty = exported(&to).await;
    for kept in (1..text.len()).step_by(text.len() / 37) {
        let cut = import(&to, Cursor::new(&text.as_bytes()[..kept]), NOW).await;
        assert!(cut.is_err(), "{kept} bytes: {cut:?}");
        assert_eq!(exported(&to).await, empty, "{kept} bytes");
    }
    import(&to, Cursor::new(whole), later).await.unwrap();
    assert_eq!(moved_lines(&exported(&to).await), moved_lines(&text));
}

#[tokio::test]
async fn what_is_no_whole_export_or_meets_a_used_store_is_refused() {
    let (from, _one) = filled_store().await;
    let text = exported(&from).await;
    for (odd, number) in [
        ("", 1),
        ("nothing\n", 1),
        ("{\"port\":\"end\",\"lines\":0}\n", 1),
    ] {
        let (to, _other) = empty_store();
        let refused = import(&to, Cursor::new(odd), NOW).await;
        assert!(
            matches!(refused, Err(TransferError::Line { number: at, .. }) if at == number),
            "{refused:?}"
        );
    }
    // A line is missing in the middle.
    let (to, _other) = empty_store();
    let mut lines: Vec<&str> = text.lines().collect();
    lines.remove(lines.len() / 2);
    let refused = import(&to, Cursor::new(lines.join("\n") + "\n"), NOW).await;
    assert!(
        matches!(refused, Err(TransferError::Line { .. })),
        "{refused:?}"
    );
    // A store in use stays as it is.
    let (used, _used) = filled_store().await;
    let before = exported(&used).await;
    let refused = import(&used, Cursor::new(&text), NOW).await;
    assert!(
        matches!(refused, Err(TransferError::NotEmpty)),
        "{refused:?}"
    );
    assert_eq!(exported(&used).await, before);
    assert!(used.load(1.into()).await.unwrap().is_some());
}

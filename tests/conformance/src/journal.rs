//! Cases for [`Journal`].

use halogard_app::ports::{Journal, JournalEntry};
use halogard_domain::ids::{AlertId, TicketId};

use crate::fixture::{StoreFixture, at_once};
use crate::samples::{AWKWARD, at};

/// Tries an adapter of `Journal`.
#[macro_export]
macro_rules! journal {
    ($fixture:ident) => {
        $crate::cases! {
            $fixture, journal:
            an_alert_nothing_happened_to_has_no_story,
            every_field_of_an_entry_is_kept,
            a_story_goes_from_the_oldest_to_the_newest,
            entries_of_one_moment_keep_the_order_they_were_appended_in,
            entries_appended_late_stand_where_they_belong,
            the_same_entry_twice_is_stored_twice,
            other_alerts_have_their_own_story,
            an_entry_about_no_alert_is_in_no_story,
            a_story_is_cut_after_the_limit,
            appending_nothing_is_no_error,
            a_long_journal_is_read_whole,
            writers_at_once_lose_no_entry,
            the_story_survives_a_restart,
        }
    };
}

/// Something that happened to alert `alert` at `seconds`.
fn entry(alert: u64, seconds: i64, what: &str) -> JournalEntry {
    JournalEntry {
        at: at(seconds),
        alert: Some(AlertId::new(alert)),
        ticket: None,
        event: what.to_owned(),
        cause: "poll".to_owned(),
        detail: None,
    }
}

/// Appends `entries`.
async fn append(journal: &impl Journal, entries: &[JournalEntry]) {
    journal.append(entries).await.expect("the store appends");
}

/// Every journal entry of alert `alert`.
async fn journal_of(store: &impl Journal, alert: u64) -> Vec<JournalEntry> {
    let entries = store.journal(AlertId::new(alert), 10_000).await;
    entries.expect("the store reads")
}

/// What happened to alert `alert`, in one word each.
async fn words(journal: &impl Journal, alert: u64) -> Vec<String> {
    let entries = journal_of(journal, alert).await;
    entries.into_iter().map(|entry| entry.event).collect()
}

pub async fn an_alert_nothing_happened_to_has_no_story<B: StoreFixture<Store: Journal>>(
    fixture: B,
) {
    assert_eq!(journal_of(&fixture.store(), 1).await, []);
}

pub async fn every_field_of_an_entry_is_kept<B: StoreFixture<Store: Journal>>(fixture: B) {
    let journal = fixture.store();
    let full = JournalEntry {
        ticket: Some(TicketId::new(42)),
        detail: Some(AWKWARD.to_owned()),
        ..entry(1, 0, "opened")
    };
    let bare = entry(1, 1, "closed");

    append(&journal, &[full.clone(), bare.clone()]).await;

    assert_eq!(journal_of(&journal, 1).await, [full, bare]);
}

pub async fn a_story_goes_from_the_oldest_to_the_newest<B: StoreFixture<Store: Journal>>(
    fixture: B,
) {
    let journal = fixture.store();
    append(&journal, &[entry(1, 1, "a"), entry(1, 2, "b")]).await;
    append(&journal, &[entry(1, 3, "c")]).await;

    assert_eq!(words(&journal, 1).await, ["a", "b", "c"]);
}

pub async fn entries_of_one_moment_keep_the_order_they_were_appended_in<B>(fixture: B)
where
    B: StoreFixture<Store: Journal>,
{
    let journal = fixture.store();
    let names: Vec<_> = (0..30).map(|n| format!("step {}", (n * 7) % 30)).collect();
    let entries: Vec<_> = names.iter().map(|name| entry(1, 0, name)).collect();
    let (first, second) = entries.split_at(17);

    append(&journal, first).await;
    append(&journal, second).await;

    assert_eq!(words(&journal, 1).await, names);
}

pub async fn entries_appended_late_stand_where_they_belong<B: StoreFixture<Store: Journal>>(
    fixture: B,
) {
    let journal = fixture.store();
    append(&journal, &[entry(1, 10, "second")]).await;
    append(&journal, &[entry(1, 5, "first")]).await;

    assert_eq!(words(&journal, 1).await, ["first", "second"]);
}

pub async fn the_same_entry_twice_is_stored_twice<B: StoreFixture<Store: Journal>>(fixture: B) {
    let journal = fixture.store();
    append(&journal, &[entry(1, 1, "a"), entry(1, 1, "a")]).await;
    append(&journal, &[entry(1, 1, "a")]).await;

    assert_eq!(words(&journal, 1).await, ["a", "a", "a"]);
}

pub async fn other_alerts_have_their_own_story<B: StoreFixture<Store: Journal>>(fixture: B) {
    let journal = fixture.store();
    let entries = [entry(1, 1, "a"), entry(11, 2, "b"), entry(1, 3, "c")];
    append(&journal, &entries).await;

    assert_eq!(words(&journal, 1).await, ["a", "c"]);
    assert_eq!(words(&journal, 11).await, ["b"]);
}

pub async fn an_entry_about_no_alert_is_in_no_story<B: StoreFixture<Store: Journal>>(fixture: B) {
    let journal = fixture.store();
    let started = JournalEntry {
        alert: None,
        ..entry(0, 1, "started")
    };

    append(&journal, &[started, entry(1, 2, "a")]).await;

    assert_eq!(words(&journal, 1).await, ["a"]);
    assert_eq!(journal_of(&journal, 0).await, []);
}

pub async fn a_story_is_cut_after_the_limit<B: StoreFixture<Store: Journal>>(fixture: B) {
    let journal = fixture.store();
    let entries = ["a", "b", "c", "d"].map(|what| entry(1, 1, what));
    append(&journal, &entries).await;

    let first = journal.journal(AlertId::new(1), 3).await;

    assert_eq!(first.expect("the store reads"), entries[..3]);
}

pub async fn appending_nothing_is_no_error<B: StoreFixture<Store: Journal>>(fixture: B) {
    append(&fixture.store(), &[]).await;
}

pub async fn a_long_journal_is_read_whole<B: StoreFixture<Store: Journal>>(fixture: B) {
    let journal = fixture.store();
    let detail = "x".repeat(4000);
    let entries: Vec<_> = (0..600)
        .map(|n| JournalEntry {
            detail: Some(detail.clone()),
            ..entry(1, n, &n.to_string())
        })
        .collect();

    for part in entries.chunks(70) {
        append(&journal, part).await;
    }

    assert!(
        journal_of(&journal, 1).await == entries,
        "600 entries, in order"
    );
}

pub async fn writers_at_once_lose_no_entry<B: StoreFixture<Store: Journal>>(fixture: B) {
    let journal = fixture.store();
    at_once((0..8).map(|writer| {
        let journal = journal.clone();
        async move {
            for step in 0..10 {
                append(&journal, &[entry(1, step, &format!("{writer} {step}"))]).await;
            }
        }
    }))
    .await;

    let words = words(&journal, 1).await;
    assert_eq!(words.len(), 80);
    for writer in 0..8 {
        let own = words
            .iter()
            .filter(|word| word.starts_with(&format!("{writer} ")));
        let expected: Vec<_> = (0..10).map(|step| format!("{writer} {step}")).collect();
        assert_eq!(own.cloned().collect::<Vec<_>>(), expected);
    }
}

pub async fn the_story_survives_a_restart<B: StoreFixture<Store: Journal>>(fixture: B) {
    append(&fixture.store(), &[entry(1, 1, "a"), entry(1, 2, "b")]).await;

    let fixture = fixture.reopen().await;

    let journal = fixture.store();
    append(&journal, &[entry(1, 2, "c")]).await;
    assert_eq!(words(&journal, 1).await, ["a", "b", "c"]);
}

//! Cases for [`Links`] and [`Journal`] together: a link and the journal entries saved with it.

use halogard_app::ports::{Journal, JournalEntry, LinkFilter, Links};
use halogard_domain::Link;
use halogard_domain::ids::{AlertId, TicketId};

use crate::fixture::{StoreFixture, at_once};
use crate::links::{link_with, listed, loaded, owners};
use crate::optimistic_concurrency::{NEW, assert_conflict};
use crate::samples::{at, full_link};

/// Tries an adapter that is both `Links` and `Journal`.
#[macro_export]
macro_rules! links_with_journal {
    ($fixture:ident) => {
        $crate::cases! {
            $fixture, links_with_journal:
            entries_saved_with_a_link_are_its_journal,
            a_refused_save_writes_no_entries,
            entries_of_many_saves_are_read_in_order,
            a_link_with_many_entries_is_unchanged,
            concurrent_writers_write_each_entry_once,
        }
    };
}

/// A journal entry of alert `alert`, at `seconds`.
fn entry(alert: u64, seconds: i64, what: &str) -> JournalEntry {
    JournalEntry {
        at: at(seconds),
        alert: Some(AlertId::new(alert)),
        ticket: Some(TicketId::new(100)),
        event: what.to_owned(),
        cause: "poll".to_owned(),
        detail: None,
    }
}

/// Every journal entry of alert `alert`.
async fn journal_of(store: &impl Journal, alert: u64) -> Vec<JournalEntry> {
    let entries = store.journal(AlertId::new(alert), 10_000).await;
    entries.expect("the store reads")
}

pub async fn entries_saved_with_a_link_are_its_journal<B: StoreFixture<Store: Links + Journal>>(
    fixture: B,
) {
    let store = fixture.store();
    let entries = ["claimed", "opened", "opened"].map(|what| entry(1, 5, what));
    let link = Link::new(AlertId::new(1));
    let revision = store.save(&link, &entries, NEW).await.expect("it is new");
    let closed = entry(1, 9, "closed");
    let last = std::slice::from_ref(&closed);
    store.save(&link, last, revision).await.expect("the newest");
    // An entry appended without a link is sorted by its time.
    let apart = entry(1, 7, "explained");
    let appended = store.append(std::slice::from_ref(&apart)).await;
    appended.expect("the store appends");

    let [first, second, third] = entries;
    let whole = [first, second, third, apart, closed];
    assert_eq!(journal_of(&store, 1).await, whole);
    assert_eq!(journal_of(&store, 2).await, []);
    let cut = store.journal(AlertId::new(1), 4).await;
    assert_eq!(cut.expect("the store reads"), whole[..4]);

    drop(store);
    let fixture = fixture.reopen().await;
    assert_eq!(journal_of(&fixture.store(), 1).await, whole);
}

pub async fn a_refused_save_writes_no_entries<B: StoreFixture<Store: Links + Journal>>(fixture: B) {
    let store = fixture.store();
    let link = Link::new(AlertId::new(1));
    let entries = [entry(1, 1, "opened")];
    store.save(&link, &entries, NEW).await.expect("it is new");

    assert_conflict(store.save(&link, &[entry(1, 2, "late")], NEW).await);

    assert_eq!(journal_of(&store, 1).await, entries);
}

pub async fn entries_of_many_saves_are_read_in_order<B>(fixture: B)
where
    B: StoreFixture<Store: Links + Journal>,
{
    let store = fixture.store();
    let mut link = full_link(1);
    let mut revision = NEW;
    let mut entries = Vec::new();
    for save in 0..120_u32 {
        link.recurrence = save;
        let new: Vec<_> = (0..save % 3)
            .map(|n| JournalEntry {
                detail: Some("x".repeat(usize::try_from(save * 30 + n).expect("small"))),
                ..entry(1, i64::from(save), &format!("{save} {n}"))
            })
            .collect();
        let saved = store.save(&link, &new, revision).await;
        revision = saved.expect("it is the newest");
        entries.extend(new);
    }

    assert!(
        journal_of(&store, 1).await == entries,
        "{} entries, in order",
        entries.len()
    );
    assert_eq!(loaded(&store, 1).await, (link, revision));
}

pub async fn a_link_with_many_entries_is_unchanged<B: StoreFixture<Store: Links + Journal>>(
    fixture: B,
) {
    let store = fixture.store();
    let link = full_link(1);
    let entries: Vec<_> = (0..20)
        .map(|n| JournalEntry {
            detail: Some("y".repeat(1000)),
            ..entry(1, n, "noted")
        })
        .collect();
    let revision = store.save(&link, &entries, NEW).await.expect("it is new");

    assert_eq!(loaded(&store, 1).await, (link.clone(), revision));
    assert_eq!(listed(&store, LinkFilter::All).await, [1]);
    assert_eq!(listed(&store, LinkFilter::Parked).await, [1]);
    assert_eq!(owners(&store, 1_000_001).await, [1]);
    let saved = store.save(&link, &[], revision).await;
    saved.expect("journal entries do not change the revision");
    assert_eq!(journal_of(&store, 1).await, entries);
}

pub async fn concurrent_writers_write_each_entry_once<B: StoreFixture<Store: Links + Journal>>(
    fixture: B,
) {
    let store = fixture.store();
    let won = at_once((0..8).map(|writer| {
        let store = store.clone();
        async move {
            let mut won = Vec::new();
            for step in 0..12 {
                let stored = store.load(AlertId::new(1)).await.expect("the store loads");
                let revision = stored.map_or(NEW, |stored| stored.revision);
                let link = link_with(1, |link| link.recurrence = writer);
                let written = JournalEntry {
                    detail: Some("z".repeat(150)),
                    ..entry(1, step, &format!("{writer} {step}"))
                };
                let saved = store.save(&link, std::slice::from_ref(&written), revision);
                match saved.await {
                    Ok(_) => won.push(written.event),
                    lost => assert_conflict(lost),
                }
            }
            won
        }
    }))
    .await;

    let mut won: Vec<_> = won.into_iter().flatten().collect();
    let mut entries: Vec<_> = journal_of(&store, 1).await;
    entries.sort_by(|one, other| one.event.cmp(&other.event));
    won.sort();
    let entries: Vec<_> = entries.into_iter().map(|entry| entry.event).collect();
    assert_eq!(entries, won);
    assert!(won.len() >= 12, "one writer wins each time");
}

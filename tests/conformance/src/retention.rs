//! Cases for what a store keeps, and for how long: [`Pruning`], and what [`Links`], [`AlertIndex`] and
//! [`Journal`] say about age.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use halogard_app::ports::{
    AlertIndex, Journal, JournalEntry, LinkFilter, Links, Pruning, QueuedState, Revision,
    SaveError, SinceQueued,
};
use halogard_domain::ids::{AlertId, StatusId, TicketId};
use halogard_domain::link::{Claim, Closure, TerminalReason};
use halogard_domain::policy::ClosedBy;
use halogard_domain::storm::Membership;
use halogard_domain::ticket::{Existence, HumanActivity};
use halogard_domain::{Link, Retention, Slug, Timestamp};

use crate::fixture::StoreFixture;
use crate::samples::{at, full_link};

/// Tries what an adapter keeps, and for how long.
#[macro_export]
macro_rules! retention {
    ($fixture:ident) => {
        $crate::cases! {
            $fixture, retention:
            a_link_that_is_over_stays_until_its_age,
            a_link_that_is_over_is_absent_from_its_age_on,
            pruning_changes_nothing_that_a_read_shows,
            pruning_in_small_steps_ends,
            every_way_of_being_over_ends,
            a_link_that_is_not_over_stays_for_ever,
            a_link_that_was_opened_again_stays_for_ever,
            a_link_that_is_saved_again_stays_for_its_age_from_then_on,
            an_alert_whose_link_expired_begins_anew,
            a_link_that_has_not_expired_is_not_begun_anew,
            the_age_is_the_one_at_the_time_of_the_save,
            a_link_saved_under_a_clock_that_was_behind_is_kept_by_the_vendors_times,
            of_merged_tickets_the_link_that_is_open_stays_an_owner,
            an_entry_of_the_journal_stays_until_its_age,
            old_entries_of_an_open_pair_go,
            what_happened_before_is_not_told_of_an_alert_that_begins_anew_after_its_age,
            many_links_are_read_at_once,
            entries_of_the_index_are_removed_by_name,
            what_polls_found_out_is_kept_with_an_entry,
        }
    };
}

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// A few days less than the age.
const YOUNGER: Duration = DAY.saturating_mul(363);

/// A few days more.
const OLDER: Duration = DAY.saturating_mul(367);

/// What a store of this family is.
pub trait Keeps: Links + AlertIndex + Journal + Pruning {}

impl<S: Links + AlertIndex + Journal + Pruning> Keeps for S {}

/// The link of alert `id` with ticket `id + 1_000_000`, both closed, and nothing to do.
fn over(id: u64) -> Link {
    let full = full_link(id);
    let mut link = Link::new(AlertId::new(id));
    link.key = full.key;
    link.observed_alert = full.observed_alert.map(|mut alert| {
        alert.status = Slug::new("closed");
        alert
    });
    link.ticket = full.ticket;
    link.observed_ticket = full.observed_ticket.map(|mut ticket| {
        ticket.existence = Existence::Present;
        ticket.activity = HumanActivity::Unknown;
        ticket
    });
    link.base = full.base.map(|mut base| {
        base.alert_closed = true;
        base.ticket_status = StatusId::new(9);
        base.ticket_closed = Some(Closure {
            by: ClosedBy::HaloPsa,
            at: at(50),
        });
        base
    });
    assert!(link.is_over(), "the sample is over");
    link
}

fn open_alert(link: &mut Link) {
    if let Some(alert) = &mut link.observed_alert {
        alert.status = Slug::new("new");
    }
}

/// Saves a link that is new.
async fn save_new(store: &impl Links, link: &Link) -> Revision {
    let saved = store.save(link, &[], Revision(0)).await;
    saved.expect("the store saves a new link")
}

/// The link of alert `id`.
async fn load(store: &impl Links, id: u64) -> Option<Link> {
    let loaded = store.load(AlertId::new(id)).await;
    loaded.expect("the store loads").map(|stored| stored.value)
}

/// The alerts of the links that are listed.
async fn listed(store: &impl Links) -> Vec<u64> {
    let links = store.list(LinkFilter::All, None, 10_000).await;
    let links = links.expect("the store lists");
    links.iter().map(|link| link.alert.get()).collect()
}

/// The owners of the ticket of alert `id`.
async fn owners(store: &impl Links, id: u64) -> Vec<u64> {
    let owners = store.owners(TicketId::new(id + 1_000_000)).await;
    let owners = owners.expect("the store reads");
    owners.into_iter().map(AlertId::get).collect()
}

/// Prunes in steps of `limit` until nothing is left.
async fn prune_all(store: &impl Pruning, now: Timestamp, limit: usize) -> usize {
    let mut all = 0;
    for _ in 0..1_000 {
        match store.prune(now, limit).await.expect("the store prunes") {
            0 => return all,
            some => all += some,
        }
    }
    panic!("pruning does not end");
}

fn entry(alert: u64, when: Timestamp, what: &str) -> JournalEntry {
    JournalEntry {
        at: when,
        alert: Some(AlertId::new(alert)),
        ticket: None,
        event: what.to_owned(),
        cause: "poll".to_owned(),
        detail: None,
    }
}

async fn words(store: &impl Journal, alert: u64) -> Vec<String> {
    let entries = store.journal(AlertId::new(alert), 1_000).await;
    let entries = entries.expect("the store reads");
    entries.into_iter().map(|entry| entry.event).collect()
}

pub async fn a_link_that_is_over_stays_until_its_age<B: StoreFixture<Store: Keeps>>(fixture: B) {
    let store = fixture.store();
    save_new(&store, &over(1)).await;
    fixture.advance(YOUNGER).await;

    assert_eq!(prune_all(&store, fixture.now(), 100).await, 0);

    assert_eq!(load(&store, 1).await, Some(over(1)));
    assert_eq!(listed(&store).await, [1]);
    assert_eq!(owners(&store, 1).await, [1]);
}

pub async fn a_link_that_is_over_is_absent_from_its_age_on<B: StoreFixture<Store: Keeps>>(
    fixture: B,
) {
    let store = fixture.store();
    save_new(&store, &over(1)).await;
    fixture.advance(OLDER).await;

    assert_eq!(load(&store, 1).await, None);
    assert_eq!(listed(&store).await, [0; 0]);
    assert_eq!(owners(&store, 1).await, [0; 0]);
    let many = store.load_many(&[AlertId::new(1)].into()).await;
    assert_eq!(many.expect("the store loads"), []);
}

pub async fn pruning_changes_nothing_that_a_read_shows<B: StoreFixture<Store: Keeps>>(fixture: B) {
    let store = fixture.store();
    save_new(&store, &over(1)).await;
    let mut open = over(2);
    open_alert(&mut open);
    save_new(&store, &open).await;
    fixture.advance(OLDER).await;
    save_new(&store, &over(3)).await;

    prune_all(&store, fixture.now(), 100).await;

    assert_eq!(listed(&store).await, [2, 3]);
    assert_eq!(load(&store, 2).await, Some(open));
    assert_eq!(owners(&store, 1).await, [0; 0]);
    assert_eq!(owners(&store, 2).await, [2]);
}

pub async fn pruning_in_small_steps_ends<B: StoreFixture<Store: Keeps>>(fixture: B) {
    let store = fixture.store();
    for id in 1..=7 {
        save_new(&store, &over(id)).await;
    }
    fixture.advance(OLDER).await;
    save_new(&store, &over(8)).await;

    let now = fixture.now();
    let first = store.prune(now, 2).await.expect("the store prunes");
    assert!(first <= 2, "{first} at once");
    prune_all(&store, now, 2).await;

    assert_eq!(listed(&store).await, [8]);
}

pub async fn every_way_of_being_over_ends<B: StoreFixture<Store: Keeps>>(fixture: B) {
    let store = fixture.store();
    let ways: [fn(&mut Link); 4] = [
        |_| {},
        |link| {
            link.ticket = None;
            link.base = None;
            link.terminal_reason = Some(TerminalReason::NotNeeded);
        },
        |link| link.terminal_reason = Some(TerminalReason::TicketDeletedAlertClosed),
        |link| {
            link.ticket = None;
            link.base = None;
            link.membership = Some(Membership::Member {
                leader: AlertId::new(99),
                open: false,
            });
        },
    ];
    for (id, way) in (1..).zip(ways) {
        let mut link = over(id);
        way(&mut link);
        save_new(&store, &link).await;
    }
    assert_eq!(listed(&store).await, [1, 2, 3, 4]);

    fixture.advance(OLDER).await;

    assert_eq!(listed(&store).await, [0; 0]);
}

/// What keeps a link from being over.
type Change = fn(&mut Link);

pub async fn a_link_that_is_not_over_stays_for_ever<B: StoreFixture<Store: Keeps>>(fixture: B) {
    let store = fixture.store();
    let ways: [(&str, Change); 15] = [
        ("the alert is open", open_alert),
        ("the alert was never seen", |link| {
            link.observed_alert = None
        }),
        ("the ticket is open", |link| {
            if let Some(base) = &mut link.base {
                base.ticket_closed = None;
            }
        }),
        ("the ticket was opened again", |link| {
            if let Some(ticket) = &mut link.observed_ticket {
                ticket.status = StatusId::new(1);
            }
        }),
        ("the ticket was merged and not followed", |link| {
            if let Some(ticket) = &mut link.observed_ticket {
                ticket.existence = Existence::MergedInto(TicketId::new(4));
            }
        }),
        ("nothing was agreed yet", |link| link.base = None),
        ("a ticket is being opened", |link| {
            link.acquire_claim("worker", at(0));
        }),
        ("in doubt", |link| link.claim = Claim::in_doubt(at(0))),
        ("a note is being added", |link| {
            link.note_claim = full_link(1).note_claim;
        }),
        ("parked", |link| link.parked = full_link(1).parked),
        ("refused", |link| link.refused = full_link(1).refused),
        ("missing", |link| link.missing = full_link(1).missing),
        ("an alert that shares the ticket is open", |link| {
            link.co_owners = full_link(1).co_owners;
        }),
        ("an alert of its group is open", |link| {
            link.membership = full_link(1).membership;
        }),
        (
            "the ticket was deleted, the alert not closed since",
            |link| {
                link.terminal_reason = Some(TerminalReason::TicketDeleted);
            },
        ),
    ];
    for (id, (_, way)) in (1..).zip(&ways) {
        let mut link = over(id);
        way(&mut link);
        save_new(&store, &link).await;
    }
    fixture.advance(DAY * 3650).await;
    prune_all(&store, fixture.now(), 100).await;

    for (id, (why, _)) in (1..).zip(&ways) {
        assert!(load(&store, id).await.is_some(), "{why}");
    }
}

pub async fn a_link_that_was_opened_again_stays_for_ever<B: StoreFixture<Store: Keeps>>(
    fixture: B,
) {
    let store = fixture.store();
    let mut link = over(1);
    let revision = save_new(&store, &link).await;
    fixture.advance(YOUNGER).await;
    open_alert(&mut link);
    let saved = store.save(&link, &[], revision).await;
    saved.expect("the store saves");

    fixture.advance(DAY * 3650).await;
    prune_all(&store, fixture.now(), 100).await;

    assert_eq!(load(&store, 1).await, Some(link));
}

pub async fn a_link_that_is_saved_again_stays_for_its_age_from_then_on<
    B: StoreFixture<Store: Keeps>,
>(
    fixture: B,
) {
    let store = fixture.store();
    let mut link = over(1);
    let revision = save_new(&store, &link).await;
    fixture.advance(YOUNGER).await;
    link.note_count += 1;
    let saved = store.save(&link, &[], revision).await;
    saved.expect("the store saves");

    fixture.advance(YOUNGER).await;
    prune_all(&store, fixture.now(), 100).await;
    assert_eq!(load(&store, 1).await, Some(link));
    fixture.advance(DAY * 4).await;
    assert_eq!(load(&store, 1).await, None);
}

pub async fn an_alert_whose_link_expired_begins_anew<B: StoreFixture<Store: Keeps>>(fixture: B) {
    let store = fixture.store();
    let first = save_new(&store, &over(1)).await;
    let saved = store.save(&over(1), &[], first).await;
    saved.expect("the store saves");
    save_new(&store, &over(2)).await;
    fixture.advance(OLDER).await;

    // Before the store has deleted it, and after.
    let mut link = over(1);
    open_alert(&mut link);
    assert_eq!(save_new(&store, &link).await, Revision(1));
    prune_all(&store, fixture.now(), 100).await;
    let mut other = over(2);
    open_alert(&mut other);
    assert_eq!(save_new(&store, &other).await, Revision(1));

    fixture.advance(OLDER).await;
    prune_all(&store, fixture.now(), 100).await;
    assert_eq!(load(&store, 1).await, Some(link));
    assert_eq!(load(&store, 2).await, Some(other));
    assert_eq!(owners(&store, 1).await, [1]);
}

pub async fn a_link_that_has_not_expired_is_not_begun_anew<B: StoreFixture<Store: Keeps>>(
    fixture: B,
) {
    let store = fixture.store();
    save_new(&store, &over(1)).await;
    fixture.advance(YOUNGER).await;

    let again = store.save(&over(1), &[], Revision(0)).await;

    assert!(matches!(again, Err(SaveError::Conflict)), "{again:?}");
}

pub async fn the_age_is_the_one_at_the_time_of_the_save<B: StoreFixture<Store: Keeps>>(fixture: B) {
    let store = fixture.store();
    store.set_retention(Retention {
        links: DAY * 30,
        ..Retention::default()
    });
    save_new(&store, &over(1)).await;
    store.set_retention(Retention::default());
    save_new(&store, &over(2)).await;

    fixture.advance(DAY * 32).await;
    prune_all(&store, fixture.now(), 100).await;

    assert_eq!(listed(&store).await, [2]);
}

pub async fn a_link_saved_under_a_clock_that_was_behind_is_kept_by_the_vendors_times<
    B: StoreFixture<Store: Keeps>,
>(
    fixture: B,
) {
    let store = fixture.store();
    let by_alert = fixture.now().plus(DAY * 400);
    let mut alert = over(1);
    if let Some(seen) = &mut alert.observed_alert {
        seen.changed_at = by_alert;
    }
    let mut ticket = over(2);
    if let Some(seen) = &mut ticket.observed_ticket {
        seen.changed_at = by_alert;
    }
    save_new(&store, &alert).await;
    save_new(&store, &ticket).await;
    save_new(&store, &over(3)).await;

    fixture.advance(DAY * 401).await;
    prune_all(&store, fixture.now(), 100).await;

    assert_eq!(listed(&store).await, [1, 2]);
}

pub async fn of_merged_tickets_the_link_that_is_open_stays_an_owner<
    B: StoreFixture<Store: Keeps>,
>(
    fixture: B,
) {
    let store = fixture.store();
    let shared = TicketId::new(1_000_001);
    let mut merged = over(2);
    merged.follow_merge(shared);
    merged.observed_ticket = None;
    save_new(&store, &over(1)).await;
    save_new(&store, &merged).await;
    assert_eq!(owners(&store, 1).await, [1, 2]);

    fixture.advance(OLDER).await;
    prune_all(&store, fixture.now(), 100).await;

    assert_eq!(owners(&store, 1).await, [2]);
    assert_eq!(owners(&store, 2).await, [2], "its earlier ticket");
}

pub async fn an_entry_of_the_journal_stays_until_its_age<B: StoreFixture<Store: Keeps>>(
    fixture: B,
) {
    let store = fixture.store();
    let old = [entry(1, fixture.now(), "opened")];
    store.append(&old).await.expect("the store appends");
    fixture.advance(YOUNGER).await;
    let young = [entry(1, fixture.now(), "closed")];
    store.append(&young).await.expect("the store appends");
    prune_all(&store, fixture.now(), 100).await;
    assert_eq!(words(&store, 1).await, ["opened", "closed"]);

    fixture.advance(DAY * 4).await;
    assert_eq!(words(&store, 1).await, ["closed"]);
    prune_all(&store, fixture.now(), 100).await;

    assert_eq!(words(&store, 1).await, ["closed"]);
}

pub async fn old_entries_of_an_open_pair_go<B: StoreFixture<Store: Keeps>>(fixture: B) {
    let store = fixture.store();
    let mut link = over(1);
    open_alert(&mut link);
    let old = [entry(1, fixture.now(), "opened")];
    let saved = store.save(&link, &old, Revision(0)).await;
    let revision = saved.expect("the store saves");
    fixture.advance(OLDER).await;
    let young = [entry(1, fixture.now(), "changed")];
    let saved = store.save(&link, &young, revision).await;
    saved.expect("the store saves");
    prune_all(&store, fixture.now(), 100).await;

    assert_eq!(words(&store, 1).await, ["changed"]);
    assert_eq!(load(&store, 1).await, Some(link));
}

pub async fn what_happened_before_is_not_told_of_an_alert_that_begins_anew_after_its_age<
    B: StoreFixture<Store: Keeps>,
>(
    fixture: B,
) {
    let store = fixture.store();
    let old = [entry(1, fixture.now(), "opened")];
    let saved = store.save(&over(1), &old, Revision(0)).await;
    saved.expect("the store saves");
    fixture.advance(OLDER).await;
    let young = [entry(1, fixture.now(), "found_by_key")];
    let saved = store.save(&over(1), &young, Revision(0)).await;
    saved.expect("the store saves");

    assert_eq!(words(&store, 1).await, ["found_by_key"]);
}

pub async fn many_links_are_read_at_once<B: StoreFixture<Store: Keeps>>(fixture: B) {
    let store = fixture.store();
    for id in 1..=120 {
        save_new(&store, &over(id)).await;
    }
    let asked: BTreeSet<AlertId> = (2..=400).map(AlertId::new).collect();

    let many = store.load_many(&asked).await.expect("the store loads");

    let found: BTreeMap<u64, Link> = many.into_iter().map(|it| (it.alert.get(), it)).collect();
    let expected: BTreeMap<u64, Link> = (2..=120).map(|id| (id, over(id))).collect();
    assert_eq!(found, expected);
    let none = store.load_many(&BTreeSet::new()).await;
    assert_eq!(none.expect("the store loads"), []);
}

pub async fn entries_of_the_index_are_removed_by_name<B: StoreFixture<Store: Keeps>>(fixture: B) {
    let store = fixture.store();
    let entries = |ids: std::ops::RangeInclusive<u64>| -> BTreeMap<AlertId, QueuedState> {
        let entry = |id| (AlertId::new(id), QueuedState::new(id * 7, at(1)));
        ids.map(entry).collect()
    };
    let remove = |ids: Vec<u64>| {
        let store = store.clone();
        async move {
            let ids: BTreeSet<AlertId> = ids.into_iter().map(AlertId::new).collect();
            let removed = store.remove_from_index(&ids).await;
            removed.expect("the store removes");
        }
    };
    let saved = store.save_index(&entries(1..=60)).await;
    saved.expect("the store saves");

    remove(vec![]).await;
    remove(vec![3, 999]).await;
    remove((26..=60).collect()).await;

    let mut expected = entries(1..=25);
    expected.remove(&AlertId::new(3));
    assert_eq!(store.load_index().await.expect("the store loads"), expected);

    remove((1..=25).collect()).await;
    assert_eq!(
        store.load_index().await.expect("the store loads"),
        BTreeMap::new()
    );
    let saved = store.save_index(&entries(3..=3)).await;
    saved.expect("the store saves");
    assert_eq!(
        store.load_index().await.expect("the store loads"),
        entries(3..=3)
    );
}

pub async fn what_polls_found_out_is_kept_with_an_entry<B: StoreFixture<Store: Keeps>>(fixture: B) {
    let store = fixture.store();
    let found = [
        SinceQueued::Nothing,
        SinceQueued::InSync,
        SinceQueued::Unlisted(at(5)),
    ];
    let entries: BTreeMap<AlertId, QueuedState> = (1..)
        .map(AlertId::new)
        .zip(found)
        .map(|(id, since_then)| {
            let state = QueuedState {
                since_then,
                ..QueuedState::new(u64::MAX, at(1))
            };
            (id, state)
        })
        .collect();
    let saved = store.save_index(&entries).await;
    saved.expect("the store saves");
    assert_eq!(store.load_index().await.expect("the store loads"), entries);

    let anew: BTreeMap<AlertId, QueuedState> = entries
        .keys()
        .map(|id| (*id, QueuedState::new(1, at(2))))
        .collect();
    let saved = store.save_index(&anew).await;
    saved.expect("the store saves");
    assert_eq!(store.load_index().await.expect("the store loads"), anew);
}

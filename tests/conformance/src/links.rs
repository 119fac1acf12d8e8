//! Cases for [`Links`].

use halogard_app::ports::{LinkFilter, Links, Revision};
use halogard_domain::Link;
use halogard_domain::ids::{AlertId, TicketId};
use halogard_domain::link::{AttemptEnd, Claim, NamedFields, NoteClaim, RefusedWrite, WriteKind};
use halogard_domain::policy::ParkReason;

use crate::fixture::{StoreFixture, at_once};
use crate::optimistic_concurrency::{NEW, assert_conflict};
use crate::samples::{alert, at, full_link};

/// Tries an adapter of `Links`.
#[macro_export]
macro_rules! links {
    ($fixture:ident) => {
        $crate::cases! {
            $fixture, links:
            an_alert_without_a_save_has_no_link,
            the_first_save_creates_the_link,
            a_second_creation_is_a_conflict,
            a_link_that_was_never_created_cannot_be_changed,
            each_save_needs_the_newest_revision,
            a_conflict_changes_nothing,
            of_writers_at_once_exactly_one_wins_each_revision,
            every_field_of_a_link_is_kept,
            a_long_description_is_kept,
            current_and_earlier_tickets_know_their_alert,
            a_ticket_taken_off_its_link_has_no_owner,
            a_merged_ticket_has_every_alert_that_names_it,
            an_alert_that_leaves_a_merged_ticket_takes_no_other_along,
            a_hundred_alerts_of_one_ticket_are_all_its_owners,
            owners_who_join_at_once_are_all_there,
            a_refused_save_moves_no_ticket,
            each_filter_lists_what_it_names,
            a_link_leaves_a_list_when_its_reason_is_gone,
            a_link_that_waits_again_is_listed_again,
            a_thousand_links_are_listed_page_by_page,
            links_survive_a_restart,
        }
    };
}

/// The stored link of alert `id`, which is there, and its revision.
pub(crate) async fn loaded(links: &impl Links, id: u64) -> (Link, Revision) {
    let found = links.load(AlertId::new(id)).await.expect("the store loads");
    let stored = found.expect("the link is there");
    (stored.value, stored.revision)
}

/// Whose ticket `id` is.
pub(crate) async fn owners(links: &impl Links, id: u64) -> Vec<u64> {
    let owners = links.owners(TicketId::new(id)).await;
    let owners = owners.expect("the store looks");
    owners.into_iter().map(AlertId::get).collect()
}

/// The alerts that `filter` lists, all in one page.
pub(crate) async fn listed(links: &impl Links, filter: LinkFilter) -> Vec<u64> {
    let page = links.list(filter, None, 5000).await;
    let page = page.expect("the store lists");
    page.iter().map(|link| link.alert.get()).collect()
}

/// A link that waits, for no reason but the one `set` gives.
pub(crate) fn link_with(id: u64, set: impl FnOnce(&mut Link)) -> Link {
    let mut link = Link::new(AlertId::new(id));
    set(&mut link);
    link
}

pub async fn an_alert_without_a_save_has_no_link<B: StoreFixture<Store: Links>>(bench: B) {
    let links = bench.store();

    let found = links.load(AlertId::new(1)).await.expect("the store loads");

    assert_eq!(found, None);
    assert_eq!(owners(&links, 1).await, [0; 0]);
    assert_eq!(listed(&links, LinkFilter::All).await, [0; 0]);
}

pub async fn the_first_save_creates_the_link<B: StoreFixture<Store: Links>>(bench: B) {
    let links = bench.store();
    let link = Link::new(AlertId::new(1));

    let saved = links
        .save(&link, &[], NEW)
        .await
        .expect("no other writer saved");

    assert!(saved > NEW);
    assert_eq!(loaded(&links, 1).await, (link, saved));
}

pub async fn a_second_creation_is_a_conflict<B: StoreFixture<Store: Links>>(bench: B) {
    let links = bench.store();
    let link = Link::new(AlertId::new(1));
    links
        .save(&link, &[], NEW)
        .await
        .expect("no other writer saved");

    assert_conflict(links.save(&link, &[], NEW).await);
}

pub async fn a_link_that_was_never_created_cannot_be_changed<B: StoreFixture<Store: Links>>(
    bench: B,
) {
    let links = bench.store();

    assert_conflict(links.save(&full_link(1), &[], Revision(1)).await);

    let found = links.load(AlertId::new(1)).await.expect("the store loads");
    assert_eq!(found, None);
}

pub async fn each_save_needs_the_newest_revision<B: StoreFixture<Store: Links>>(bench: B) {
    let links = bench.store();
    let mut link = Link::new(AlertId::new(1));
    let mut revision = NEW;
    for recurrence in 1..=5 {
        link.recurrence = recurrence;
        let next = links
            .save(&link, &[], revision)
            .await
            .expect("it is the newest");
        assert!(next > revision);
        assert_conflict(links.save(&link, &[], revision).await);
        revision = next;
    }

    assert_conflict(links.save(&link, &[], Revision(revision.0 + 1)).await);
    assert_eq!(loaded(&links, 1).await, (link, revision));
}

pub async fn a_conflict_changes_nothing<B: StoreFixture<Store: Links>>(bench: B) {
    let links = bench.store();
    let ours = full_link(1);
    let first = links
        .save(&ours, &[], NEW)
        .await
        .expect("no other writer saved");
    let second = links
        .save(&ours, &[], first)
        .await
        .expect("it is the newest");

    let theirs = Link::new(AlertId::new(1));
    assert_conflict(links.save(&theirs, &[], first).await);

    assert_eq!(loaded(&links, 1).await, (ours, second));
    assert_eq!(listed(&links, LinkFilter::Parked).await, [1]);
}

pub async fn of_writers_at_once_exactly_one_wins_each_revision<B: StoreFixture<Store: Links>>(
    bench: B,
) {
    let links = bench.store();
    let mut revision = NEW;
    for _ in 0..10 {
        let outcomes = at_once((1..=16).map(|writer| {
            let links = links.clone();
            async move {
                let link = link_with(1, |link| link.recurrence = writer);
                (writer, links.save(&link, &[], revision).await)
            }
        }))
        .await;

        let (won, lost): (Vec<_>, Vec<_>) =
            outcomes.into_iter().partition(|(_, saved)| saved.is_ok());
        assert_eq!(won.len(), 1, "one of sixteen wins");
        for (_, outcome) in lost {
            assert_conflict(outcome);
        }
        let (link, stored) = loaded(&links, 1).await;
        assert_eq!(link.recurrence, won[0].0, "what the winner wrote is there");
        revision = stored;
    }
}

pub async fn every_field_of_a_link_is_kept<B: StoreFixture<Store: Links>>(bench: B) {
    let links = bench.store();
    let full = full_link(1);
    links
        .save(&full, &[], NEW)
        .await
        .expect("no other writer saved");
    assert_eq!(loaded(&links, 1).await.0, full);

    let bare = Link::new(AlertId::new(2));
    links
        .save(&bare, &[], NEW)
        .await
        .expect("no other writer saved");
    assert_eq!(loaded(&links, 2).await.0, bare);
}

pub async fn a_long_description_is_kept<B: StoreFixture<Store: Links>>(bench: B) {
    let links = bench.store();
    let link = link_with(1, |link| {
        let mut seen = alert(AlertId::new(1));
        seen.description = "äx".repeat(10_000);
        link.observed_alert = Some(seen);
    });

    links
        .save(&link, &[], NEW)
        .await
        .expect("20,000 characters fit");

    assert_eq!(loaded(&links, 1).await.0, link);
}

pub async fn current_and_earlier_tickets_know_their_alert<B: StoreFixture<Store: Links>>(bench: B) {
    let links = bench.store();
    let mut link = link_with(1, |link| link.attach(TicketId::new(100)));
    let revision = links
        .save(&link, &[], NEW)
        .await
        .expect("no other writer saved");
    assert_eq!(owners(&links, 100).await, [1]);

    link.begin_next_ticket();
    link.attach(TicketId::new(200));
    links
        .save(&link, &[], revision)
        .await
        .expect("it is the newest");

    assert_eq!(owners(&links, 100).await, [1], "an earlier ticket");
    assert_eq!(owners(&links, 200).await, [1], "the current ticket");
    assert_eq!(owners(&links, 1).await, [0; 0], "an alert is not a ticket");
}

pub async fn a_ticket_taken_off_its_link_has_no_owner<B: StoreFixture<Store: Links>>(bench: B) {
    let links = bench.store();
    let mut link = link_with(1, |link| link.attach(TicketId::new(100)));
    let revision = links
        .save(&link, &[], NEW)
        .await
        .expect("no other writer saved");

    link.ticket = None;
    links
        .save(&link, &[], revision)
        .await
        .expect("it is the newest");
    assert_eq!(owners(&links, 100).await, [0; 0]);

    let other = link_with(2, |link| link.attach(TicketId::new(100)));
    links
        .save(&other, &[], NEW)
        .await
        .expect("no other writer saved");
    assert_eq!(owners(&links, 100).await, [2], "the ticket moved over");
}

pub async fn a_merged_ticket_has_every_alert_that_names_it<B: StoreFixture<Store: Links>>(
    bench: B,
) {
    let links = bench.store();
    let stays = link_with(7, |link| link.attach(TicketId::new(100)));
    let mut merged = link_with(3, |link| link.attach(TicketId::new(200)));
    let mut earlier = link_with(5, |link| link.attach(TicketId::new(100)));
    for link in [&stays, &earlier] {
        links
            .save(link, &[], NEW)
            .await
            .expect("no other writer saved");
    }
    let first = links
        .save(&merged, &[], NEW)
        .await
        .expect("no other writer saved");
    assert_eq!(owners(&links, 100).await, [5, 7]);

    merged.follow_merge(TicketId::new(100));
    links
        .save(&merged, &[], first)
        .await
        .expect("it is the newest");
    earlier.begin_next_ticket();
    let (_, revision) = loaded(&links, 5).await;
    links
        .save(&earlier, &[], revision)
        .await
        .expect("it is the newest");

    assert_eq!(owners(&links, 100).await, [3, 5, 7], "in order, each once");
    assert_eq!(owners(&links, 200).await, [3], "the merged ticket too");
}

pub async fn an_alert_that_leaves_a_merged_ticket_takes_no_other_along<
    B: StoreFixture<Store: Links>,
>(
    bench: B,
) {
    let links = bench.store();
    for id in 1..=3 {
        let link = link_with(id, |link| link.attach(TicketId::new(100)));
        links
            .save(&link, &[], NEW)
            .await
            .expect("no other writer saved");
    }

    let (mut link, revision) = loaded(&links, 2).await;
    link.ticket = None;
    let revision = links
        .save(&link, &[], revision)
        .await
        .expect("it is the newest");
    assert_eq!(owners(&links, 100).await, [1, 3]);

    link.attach(TicketId::new(100));
    links
        .save(&link, &[], revision)
        .await
        .expect("it is the newest");
    assert_eq!(owners(&links, 100).await, [1, 2, 3], "it came back");
    // A save that is refused takes nothing away and adds nothing.
    let late = Link::new(AlertId::new(3));
    assert_conflict(links.save(&late, &[], NEW).await);
    assert_eq!(owners(&links, 100).await, [1, 2, 3]);
}

pub async fn a_hundred_alerts_of_one_ticket_are_all_its_owners<B: StoreFixture<Store: Links>>(
    bench: B,
) {
    let links = bench.store();
    for id in (1..=100).rev() {
        let link = link_with(id, |link| link.attach(TicketId::new(100)));
        links
            .save(&link, &[], NEW)
            .await
            .expect("no other writer saved");
    }

    let all: Vec<u64> = (1..=100).collect();
    assert_eq!(owners(&links, 100).await, all);
    drop(links);
    let bench = bench.reopen().await;
    assert_eq!(owners(&bench.store(), 100).await, all);
}

pub async fn owners_who_join_at_once_are_all_there<B: StoreFixture<Store: Links>>(bench: B) {
    let links = bench.store();
    let saved = at_once((1..=16).map(|id| {
        let links = links.clone();
        async move {
            let link = link_with(id, |link| link.attach(TicketId::new(100)));
            links.save(&link, &[], NEW).await
        }
    }))
    .await;

    assert!(saved.iter().all(Result::is_ok), "{saved:?}");
    assert_eq!(owners(&links, 100).await, (1..=16).collect::<Vec<u64>>());
}

pub async fn a_refused_save_moves_no_ticket<B: StoreFixture<Store: Links>>(bench: B) {
    let links = bench.store();
    let link = link_with(1, |link| link.attach(TicketId::new(100)));
    links
        .save(&link, &[], NEW)
        .await
        .expect("no other writer saved");

    let late = link_with(1, |link| link.attach(TicketId::new(200)));
    assert_conflict(links.save(&late, &[], NEW).await);

    assert_eq!(owners(&links, 100).await, [1]);
    assert_eq!(owners(&links, 200).await, [0; 0]);
}

/// Links of which each is on a list of its own: 1 rests, 2 is parked, 3 refused, 4 claimed, 5 in
/// doubt, 6 is being noted.
fn one_of_each() -> [Link; 6] {
    let since = at(1);
    [
        link_with(1, |link| link.attach(TicketId::new(100))),
        link_with(2, |link| link.parked = Some(ParkReason::Unmapped)),
        link_with(3, |link| {
            link.refused.push(RefusedWrite {
                write: WriteKind::Open,
                fields: NamedFields::NONE,
                message: "Please fill in the category".to_owned(),
                policy_fingerprint: 1,
                ticket_changed_at: None,
                at: since,
                retry_at: None,
                not_carried_out: 0,
            });
        }),
        link_with(4, |link| {
            link.acquire_claim("a", since);
        }),
        link_with(5, |link| {
            link.claim = Claim::InDoubt {
                since,
                searched_at: Some(at(16)),
                end: AttemptEnd::RolledBack,
            };
        }),
        link_with(6, |link| {
            let until = at(91);
            link.note_claim = Some(NoteClaim {
                text_hash: 1,
                until,
            });
        }),
    ]
}

pub async fn each_filter_lists_what_it_names<B: StoreFixture<Store: Links>>(bench: B) {
    let links = bench.store();
    for link in one_of_each() {
        links
            .save(&link, &[], NEW)
            .await
            .expect("no other writer saved");
    }

    assert_eq!(listed(&links, LinkFilter::All).await, [1, 2, 3, 4, 5, 6]);
    assert_eq!(listed(&links, LinkFilter::Parked).await, [2]);
    assert_eq!(listed(&links, LinkFilter::Refused).await, [3]);
    assert_eq!(listed(&links, LinkFilter::Waiting).await, [2, 3, 5]);
    assert_eq!(listed(&links, LinkFilter::Claimed).await, [4, 5, 6]);
}

pub async fn a_link_leaves_a_list_when_its_reason_is_gone<B: StoreFixture<Store: Links>>(bench: B) {
    let links = bench.store();
    for mut link in one_of_each() {
        let revision = links
            .save(&link, &[], NEW)
            .await
            .expect("no other writer saved");
        link.attach(TicketId::new(link.alert.get() + 1000));
        links
            .save(&link, &[], revision)
            .await
            .expect("it is the newest");
    }

    assert_eq!(listed(&links, LinkFilter::All).await, [1, 2, 3, 4, 5, 6]);
    for filter in [
        LinkFilter::Parked,
        LinkFilter::Refused,
        LinkFilter::Waiting,
        LinkFilter::Claimed,
    ] {
        assert_eq!(listed(&links, filter).await, [0; 0], "{filter:?}");
    }
}

pub async fn a_link_that_waits_again_is_listed_again<B: StoreFixture<Store: Links>>(bench: B) {
    let links = bench.store();
    let mut revision = NEW;
    for waits in [true, false, true, true, false, false, true] {
        let link = link_with(1, |link| {
            link.parked = waits.then_some(ParkReason::Unmapped);
        });
        let saved = links.save(&link, &[], revision).await;
        revision = saved.expect("it is the newest");
        // A save of a worker that has read an older state changes nothing, whatever it says.
        let late = link_with(1, |link| {
            link.parked = (!waits).then_some(ParkReason::Unmapped);
        });
        assert_conflict(links.save(&late, &[], Revision(revision.0 - 1)).await);
        let expected: &[u64] = if waits { &[1] } else { &[] };
        assert_eq!(listed(&links, LinkFilter::Parked).await, expected);
    }
}

pub async fn a_thousand_links_are_listed_page_by_page<B: StoreFixture<Store: Links>>(bench: B) {
    let links = bench.store();
    // Written out of order, and of lengths that sort wrongly as text.
    for id in (1..=1000_u64).rev() {
        let link = link_with(id, |link| {
            link.parked = id.is_multiple_of(3).then_some(ParkReason::Unmapped);
        });
        links
            .save(&link, &[], NEW)
            .await
            .expect("no other writer saved");
    }

    for (filter, step) in [(LinkFilter::All, 1), (LinkFilter::Parked, 3)] {
        let mut seen = Vec::new();
        let mut after = None;
        loop {
            let page = links.list(filter, after, 64).await;
            let page = page.expect("the store lists");
            assert!(page.len() <= 64, "at most what was asked for");
            let Some(last) = page.last() else { break };
            after = Some(last.alert);
            seen.extend(page.iter().map(|link| link.alert.get()));
        }
        let expected: Vec<_> = (1..=1000_u64).filter(|id| id % step == 0).collect();
        assert_eq!(seen, expected, "{filter:?}: each once, by alert");
    }
}

pub async fn links_survive_a_restart<B: StoreFixture<Store: Links>>(bench: B) {
    let full = full_link(1);
    let saved = bench.store().save(&full, &[], NEW).await;
    let saved = saved.expect("no other writer saved");

    let bench = bench.reopen().await;

    let links = bench.store();
    assert_eq!(loaded(&links, 1).await, (full, saved));
    assert_eq!(owners(&links, 1_000_001).await, [1]);
}

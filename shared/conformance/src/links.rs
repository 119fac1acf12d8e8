//! Cases for [`Links`].

use halogard_app::ports::{LinkFilter, Links, Revision, SaveError};
use halogard_domain::Link;
use halogard_domain::ids::{AlertId, TicketId};
use halogard_domain::link::{Claim, Refused, Write};
use halogard_domain::policy::ParkReason;

use crate::bench::{Bench, at_once};
use crate::fixtures::{alert, at, full_link};

/// Tries an adapter of `Links`.
#[macro_export]
macro_rules! links {
    ($bench:ident) => {
        $crate::cases! {
            $bench, links:
            an_alert_nobody_wrote_about_has_no_link,
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
            a_refused_save_moves_no_ticket,
            each_filter_lists_what_it_names,
            a_link_leaves_a_list_when_its_reason_is_gone,
            a_thousand_links_are_listed_page_by_page,
            links_survive_a_restart,
        }
    };
}

/// Never written.
const NEW: Revision = Revision(0);

/// The stored link of alert `id`, which is there, and its revision.
async fn loaded(links: &impl Links, id: u64) -> (Link, Revision) {
    let found = links.load(AlertId::new(id)).await.expect("the store loads");
    let stored = found.expect("the link is there");
    (stored.value, stored.revision)
}

/// Whose ticket `id` is.
async fn owner(links: &impl Links, id: u64) -> Option<u64> {
    let owner = links.owner(TicketId::new(id)).await;
    owner.expect("the store looks").map(AlertId::get)
}

/// The alerts that `filter` lists, all in one page.
async fn listed(links: &impl Links, filter: LinkFilter) -> Vec<u64> {
    let page = links.list(filter, None, 5000).await;
    let page = page.expect("the store lists");
    page.iter().map(|link| link.alert.get()).collect()
}

/// Asserts that a save lost against somebody else's.
#[track_caller]
fn assert_conflict(outcome: Result<Revision, SaveError>) {
    assert!(
        matches!(outcome, Err(SaveError::Conflict)),
        "a conflict, not {outcome:?}"
    );
}

/// A link that waits, for no reason but the one `set` gives.
fn link_with(id: u64, set: impl FnOnce(&mut Link)) -> Link {
    let mut link = Link::new(AlertId::new(id));
    set(&mut link);
    link
}

#[expect(missing_docs, reason = "the name is the sentence")]
pub async fn an_alert_nobody_wrote_about_has_no_link<B: Bench<Store: Links>>(bench: B) {
    let links = bench.store();
    let found = links.load(AlertId::new(1)).await.expect("the store loads");
    assert_eq!(found, None);
    assert_eq!(owner(&links, 1).await, None);
    assert_eq!(listed(&links, LinkFilter::All).await, [0; 0]);
}

#[expect(missing_docs, reason = "the name is the sentence")]
pub async fn the_first_save_creates_the_link<B: Bench<Store: Links>>(bench: B) {
    let links = bench.store();
    let link = Link::new(AlertId::new(1));
    let saved = links.save(&link, NEW).await.expect("nobody else wrote");
    assert!(saved > NEW);
    assert_eq!(loaded(&links, 1).await, (link, saved));
}

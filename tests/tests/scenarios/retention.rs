//! What is old goes, and nothing that matters goes with it.

use std::time::Duration;

use halogard_app::ports::{Clock as _, Links as _, Pruning as _};
use halogard_domain::Retention;
use halogard_domain::ids::AlertId;
use halogard_tests::{Scenario, Setup};

use crate::{DANA, with_ticket};

const DAY: Duration = Duration::from_secs(24 * 3600);

/// A HaloPSA whose search finds closed tickets: there is nothing else to find one by without its link.
fn finding_closed_tickets() -> Setup {
    Setup::managed().fixing(&["search-open-only"])
}

/// Lets the link of `alert`, which is over, expire and be deleted.
///
/// The store is in use all the time: one that was away for a year adopts the tickets it finds. So the link is
/// saved under an age that is over, and not a year simulated minute by minute.
async fn expire(bundle: &mut Scenario, alert: i64) {
    bundle.time.advance(DAY * 40);
    bundle.run_for(Duration::from_secs(2 * 3600)).await;
    let store = bundle.process().store.clone();
    let stored = store
        .load(AlertId::new(alert.unsigned_abs()))
        .await
        .unwrap();
    let stored = stored.unwrap();
    store.set_retention(Retention {
        links: Duration::ZERO,
        ..Retention::default()
    });
    let saved = store.save(&stored.value, &[], stored.revision).await;
    saved.unwrap();
    store.set_retention(Retention::default());
    assert_eq!(store.prune(bundle.time.now(), 100).await.unwrap(), 1);
    assert_eq!(bundle.link(alert).await, None);
}

#[tokio::test]
async fn an_alert_that_opens_again_after_its_link_was_deleted_gets_its_ticket_back() {
    let mut bundle = Scenario::start(finding_closed_tickets()).await;
    let (alert, ticket) = with_ticket(&mut bundle).await;
    bundle.liongard.close(alert).unwrap();
    bundle.run_until_quiet().await;
    expire(&mut bundle, alert).await;

    bundle.liongard.reopen(alert).unwrap();
    bundle.conclude().await;

    let found = bundle.only_ticket(alert);
    assert_eq!((found.id, found.closed), (ticket, false));
    assert_eq!(bundle.halo.stats().creates.len(), 1);
}

#[tokio::test]
async fn of_several_tickets_the_latest_counts_after_the_link_was_deleted() {
    let mut bundle = Scenario::start(finding_closed_tickets()).await;
    let (alert, first) = with_ticket(&mut bundle).await;
    bundle.liongard.clear_condition(alert).unwrap();
    bundle.halo.close_ticket(first, DANA).unwrap();
    bundle.run_until_quiet().await;
    bundle.time.advance(DAY * 9);
    bundle.liongard.reopen(alert).unwrap();
    bundle.run_until_quiet().await;
    let second = bundle.ticket_of(alert).unwrap().id;
    bundle.liongard.clear_condition(alert).unwrap();
    bundle.halo.close_ticket(second, DANA).unwrap();
    bundle.run_until_quiet().await;
    expire(&mut bundle, alert).await;

    bundle.liongard.reopen(alert).unwrap();
    bundle.run_until_quiet().await;

    // A technician closed it long ago: the third ticket, and not a second one under the key of the second.
    let link = bundle.link(alert).await.unwrap();
    assert_eq!(link.recurrence, 3);
    assert_eq!(
        link.earlier_tickets.last().map(|id| id.get()),
        Some(second.unsigned_abs())
    );
    assert_eq!(bundle.halo.stats().creates.len(), 3);
    bundle.run_for(DAY).await;
    assert_eq!(bundle.halo.stats().creates.len(), 3);
}

#[tokio::test]
async fn a_ticket_that_people_touch_after_its_link_was_deleted_is_linked_again() {
    let mut bundle = Scenario::managed().await;
    let (alert, ticket) = with_ticket(&mut bundle).await;
    bundle.liongard.close(alert).unwrap();
    bundle.run_until_quiet().await;
    expire(&mut bundle, alert).await;

    bundle
        .halo
        .add_note(ticket, DANA, "for the record")
        .unwrap();
    bundle.conclude().await;

    let link = bundle.link(alert).await.unwrap();
    assert_eq!(link.ticket.map(|id| id.get()), Some(ticket.unsigned_abs()));
    assert!(bundle.only_ticket(alert).closed);
    assert_eq!(bundle.halo.stats().creates.len(), 1);
}

#[tokio::test]
async fn what_is_open_is_still_followed_after_years() {
    let mut bundle = Scenario::managed().await;
    let (alert, ticket) = with_ticket(&mut bundle).await;
    for _ in 0..3 {
        bundle.time.advance(DAY * 366);
        bundle.run_for(Duration::from_secs(2 * 3600)).await;
    }
    assert!(bundle.link(alert).await.is_some());

    bundle.liongard.close(alert).unwrap();
    bundle.conclude().await;

    assert!(bundle.halo.ticket(ticket).unwrap().closed);
}

//! Many writers at once, and writers that are late.

mod support;

use std::collections::BTreeSet;

use futures_util::future::join_all;
use halogard_app::ports::{Links, Records, Revision, SaveError, Swap};
use halogard_conformance::{ManualClock, StoreFixture as _};
use halogard_domain::Link;
use halogard_domain::budget::Ledger;
use halogard_domain::ids::{AlertId, TicketId};
use halogard_domain::record::Singleton;
use support::{DynamoDbFixture, store};

/// Writers at once.
const WRITERS: usize = 16;

/// Changes each of them makes.
const CHANGES: u32 = 10;

/// A store of its own for each writer, as processes have.
fn stores(fixture: &DynamoDbFixture) -> Vec<halogard_aws::Store<ManualClock>> {
    let one = || store(&fixture.account, &fixture.endpoint, fixture.clock.clone());
    (0..WRITERS).map(|_| one()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_a_hundred_and_sixty_changes_by_sixteen_writers_none_is_lost() {
    let fixture = DynamoDbFixture::fresh().await;
    let alert = AlertId::new(1);
    let mut first = Link::new(alert);
    first.recurrence = 0;
    fixture
        .store()
        .save(&first, &[], Revision(0))
        .await
        .unwrap();
    let writers: Vec<_> = stores(&fixture)
        .into_iter()
        .map(|store| {
            tokio::spawn(async move {
                let mut conflicts = 0_u32;
                for _ in 0..CHANGES {
                    loop {
                        let mut stored = store.load(alert).await.unwrap().unwrap();
                        stored.value.recurrence += 1;
                        match store.save(&stored.value, &[], stored.revision).await {
                            Ok(_) => break,
                            Err(SaveError::Conflict) => conflicts += 1,
                            Err(SaveError::Store(error)) => panic!("{error}"),
                        }
                    }
                }
                conflicts
            })
        })
        .collect();
    let mut conflicts = 0;
    for writer in writers {
        conflicts += writer.await.unwrap();
    }

    let stored = fixture.store().load(alert).await.unwrap().unwrap();
    assert_eq!(stored.value.recurrence, 160);
    assert_eq!(stored.revision, Revision(161));
    assert!(conflicts > 0, "the writers met");
    println!("160 changes, {conflicts} conflicts");
}

#[tokio::test]
async fn a_lost_swap_brings_the_newer_ledger_along() {
    let fixture = DynamoDbFixture::fresh().await;
    let (store, proxy) = fixture.through().await;
    let empty = store.load_record::<Ledger>(&Singleton).await.unwrap();
    assert_eq!(empty.revision, Revision(0));
    fixture
        .store()
        .swap_record(&Singleton, &Ledger::default(), Revision(0))
        .await
        .unwrap();
    proxy.requests();

    let swapped = store
        .swap_record(&Singleton, &Ledger::default(), Revision(0))
        .await
        .unwrap();

    let newest = fixture
        .store()
        .load_record::<Ledger>(&Singleton)
        .await
        .unwrap();
    assert_eq!(swapped, Swap::Conflict(newest));
    assert_eq!(proxy.counts(), [("PutItem".to_owned(), 1)]);
}

#[tokio::test]
async fn a_ledger_that_was_taken_away_is_empty_again() {
    let fixture = DynamoDbFixture::fresh().await;

    let swapped = fixture
        .store()
        .swap_record(&Singleton, &Ledger::default(), Revision(7))
        .await;

    assert!(matches!(swapped.unwrap(), Swap::Conflict(stored) if stored.revision == Revision(0)));
}

#[tokio::test]
async fn every_link_that_names_a_ticket_owns_it() {
    let fixture = DynamoDbFixture::fresh().await;
    let store = fixture.store();
    let ticket = TicketId::new(100);
    let mut earlier = Link::new(AlertId::new(1));
    earlier.earlier_tickets = vec![ticket];
    let mut current = Link::new(AlertId::new(2));
    current.attach(ticket);
    store.save(&earlier, &[], Revision(0)).await.unwrap();
    let owners = store.owners(ticket).await.unwrap();
    assert_eq!(owners, BTreeSet::from([AlertId::new(1)]));

    store.save(&current, &[], Revision(0)).await.unwrap();

    let owners = store.owners(ticket).await.unwrap();
    assert_eq!(owners, BTreeSet::from([AlertId::new(1), AlertId::new(2)]));
}

#[tokio::test]
async fn a_ticket_that_came_back_is_owned_again() {
    let fixture = DynamoDbFixture::fresh().await;
    let store = fixture.store();
    let ticket = TicketId::new(100);
    let mut link = Link::new(AlertId::new(1));
    let mut revision = Revision(0);
    for is_attached in [true, false, true, false, true] {
        link.ticket = is_attached.then_some(ticket);
        revision = store.save(&link, &[], revision).await.unwrap();
        let owners = store.owners(ticket).await.unwrap();
        assert_eq!(!owners.is_empty(), is_attached);
    }
}

#[tokio::test]
async fn a_link_that_names_the_same_tickets_is_saved_with_one_write() {
    let fixture = DynamoDbFixture::fresh().await;
    let (store, proxy) = fixture.through().await;
    let mut link = Link::new(AlertId::new(1));
    link.attach(TicketId::new(100));
    let revision = store.save(&link, &[], Revision(0)).await.unwrap();
    assert_eq!(proxy.counts(), [("UpdateItem".to_owned(), 2)]);

    let revision = store.save(&link, &[], revision).await.unwrap();
    assert_eq!(proxy.counts(), [("UpdateItem".to_owned(), 1)]);

    // Another process has read the link and so knows as much.
    let (other, proxy) = fixture.through().await;
    other.load(link.alert).await.unwrap();
    other.save(&link, &[], revision).await.unwrap();
    let both = [("GetItem".to_owned(), 1), ("UpdateItem".to_owned(), 1)];
    assert_eq!(proxy.counts(), both);
}

#[tokio::test]
async fn tickets_of_one_batch_are_indexed_together() {
    let fixture = DynamoDbFixture::fresh().await;
    let (store, proxy) = fixture.through().await;
    let links: Vec<_> = (0..50)
        .map(|n| {
            let mut link = Link::new(AlertId::new(7000 + 3 * n));
            link.attach(TicketId::new(100_020 + n));
            link
        })
        .collect();

    let saves = links.iter().map(|link| store.save(link, &[], Revision(0)));
    for saved in join_all(saves).await {
        saved.unwrap();
    }

    // One for the first caller, two for the blocks of all others.
    assert_eq!(proxy.counts(), [("UpdateItem".to_owned(), 50 + 3)]);
    for link in &links {
        let owners = fixture.store().owners(link.ticket.unwrap()).await.unwrap();
        assert_eq!(owners, BTreeSet::from([link.alert]));
    }
}

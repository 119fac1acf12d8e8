//! Long lists, large items, and what is forgotten.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use aws_sdk_dynamodb::types::AttributeValue;
use halogard_app::ports::{
    ErrorCode, Journal, JournalEntry, LeaseOutcome, Leases, LinkFilter, Links, Notifications,
    PortError, Pruning as _, Records as _, Revision, SaveError,
};
use halogard_aws::Store;
use halogard_conformance::{ManualClock, StoreFixture as _};
use halogard_domain::config_history::ConfigText;
use halogard_domain::ids::{AlertId, EnvironmentId, TicketId};
use halogard_domain::message::Notification;
use halogard_domain::policy::ParkReason;
use halogard_domain::{Alert, FailureClass, Link, Slug, Timestamp};
use support::{DynamoDbFixture, Fault};
use tokio::sync::Notify;

fn alert(id: u64, description: String) -> Alert {
    Alert {
        id: AlertId::new(id),
        number: None,
        environment: EnvironmentId::new(31),
        environment_name: String::new(),
        name: "Active Directory | New admin".to_owned(),
        description,
        priority: Slug::new("high"),
        status: Slug::new("new"),
        inspector: None,
        inspector_alias: None,
        rule: None,
        launchpoint: None,
        system: None,
        native_ticket: None,
        visible: true,
        raised_at: Timestamp::from_millis(1),
        changed_at: Timestamp::from_millis(1),
        observed_at: Timestamp::from_millis(1),
        page: None,
    }
}

/// A link of about `bytes` bytes.
fn link(id: u64, bytes: usize) -> Link {
    let mut link = Link::new(AlertId::new(id));
    link.observed_alert = Some(alert(id, "x".repeat(bytes)));
    link
}

/// 1000 links of 4 KB; those from the 900th on are parked.
async fn thousand(store: &Store<ManualClock>) {
    for id in 1..=1000 {
        let mut link = link(id, 4000);
        link.parked = (id >= 900).then_some(ParkReason::Unmapped);
        store.save(&link, &[], Revision(0)).await.unwrap();
    }
}

fn ids(links: &[Link]) -> Vec<u64> {
    links.iter().map(|link| link.alert.get()).collect()
}

#[tokio::test]
async fn a_list_of_several_megabytes_is_read_whole() {
    let fixture = DynamoDbFixture::fresh().await;
    thousand(&fixture.store()).await;
    let (store, proxy) = fixture.through().await;

    let all = store.list(LinkFilter::All, None, 5000).await.unwrap();
    assert_eq!(ids(&all), (1..=1000).collect::<Vec<_>>());
    let pages = proxy.requests().len();
    assert!(pages >= 4, "4 MB are more than {pages} pages");

    // Those that wait have a list of their own.
    let parked = store.list(LinkFilter::Parked, None, 5000).await.unwrap();
    assert_eq!(ids(&parked), (900..=1000).collect::<Vec<_>>());
    let seen = proxy.requests();
    let queries = seen.iter().filter(|(operation, _)| operation == "Query");
    let partitions: BTreeSet<_> = queries
        .map(|(_, body)| body["ExpressionAttributeValues"][":pk"]["S"].to_string())
        .collect();
    assert_eq!(partitions, ["\"waiting_link\"".to_owned()].into());

    let after = Some(AlertId::new(950));
    let some = store.list(LinkFilter::Parked, after, 7).await.unwrap();
    assert_eq!(ids(&some), (951..=957).collect::<Vec<_>>());
    let last = Some(AlertId::new(1000));
    assert_eq!(store.list(LinkFilter::All, last, 7).await.unwrap(), []);
    assert_eq!(store.list(LinkFilter::All, None, 0).await.unwrap(), []);
}

/// The keys of the partition `pk`.
async fn keys_of(fixture: &DynamoDbFixture, pk: &str) -> Vec<String> {
    let items = fixture.everything().await;
    let items = items.iter().filter(|item| item["pk"].as_s().unwrap() == pk);
    items
        .map(|item| item["sk"].as_s().unwrap().clone())
        .collect()
}

#[tokio::test]
async fn a_wait_that_another_worker_ended_leaves_no_entry_for_good() {
    let fixture = DynamoDbFixture::fresh().await;
    let mut waiting = link(7586, 10);
    waiting.parked = Some(ParkReason::Unmapped);
    let first = fixture
        .store()
        .save(&waiting, &[], Revision(0))
        .await
        .unwrap();
    // It has not seen the link waiting, so it does not know of the entry.
    let (other, _proxy) = fixture.through().await;
    other.save(&link(7586, 10), &[], first).await.unwrap();
    assert_eq!(keys_of(&fixture, "waiting_link").await.len(), 1);

    let parked = fixture.store().list(LinkFilter::Parked, None, 10).await;

    assert_eq!(parked.unwrap(), []);
    let left = keys_of(&fixture, "waiting_link").await;
    assert!(left.is_empty(), "{left:?}");
}

#[tokio::test]
async fn a_late_end_of_a_wait_takes_no_later_wait_from_the_list() {
    let fixture = DynamoDbFixture::fresh().await;
    let (slow, proxy) = fixture.through().await;
    let store = fixture.store();
    let mut waiting = link(7586, 10);
    waiting.parked = Some(ParkReason::Unmapped);
    let first = slow.save(&waiting, &[], Revision(0)).await.unwrap();
    let passes = Arc::new(Notify::new());
    proxy.inject([Fault::None, Fault::Delayed(Arc::clone(&passes))]);
    let ending = tokio::spawn(async move { slow.save(&link(7586, 10), &[], first).await });
    let second = loop {
        let stored = store.load(AlertId::new(7586)).await.unwrap().unwrap();
        if stored.revision > first {
            break stored.revision;
        }
    };
    store.save(&waiting, &[], second).await.unwrap();
    passes.notify_one();
    ending.await.unwrap().unwrap();

    let parked = store.list(LinkFilter::Parked, None, 10).await.unwrap();

    assert_eq!(ids(&parked), [7586]);
}

#[tokio::test]
async fn tickets_of_expired_links_leave_the_index_and_others_stay() {
    let fixture = DynamoDbFixture::fresh().await;
    let store = fixture.store();
    for id in 1..=3 {
        let mut link = link(id, 10);
        link.ticket = Some(TicketId::new(1000 + id));
        store.save(&link, &[], Revision(0)).await.unwrap();
    }
    // As DynamoDB deletes what has expired.
    let third = format!("{:020}", 3);
    let deleted = fixture.dynamodb().delete_item().table_name(support::TABLE);
    let deleted = deleted.key("pk", AttributeValue::S("link".to_owned()));
    let deleted = deleted.key("sk", AttributeValue::S(third)).send().await;
    deleted.unwrap();
    assert_eq!(store.prune(fixture.now(), 10).await.unwrap(), 0);
    fixture.advance(Duration::from_secs(366 * 86_400)).await;
    let early = store.prune(fixture.now(), 10).await.unwrap();
    assert_eq!(early, 0, "two days of margin");
    fixture.advance(Duration::from_secs(3 * 86_400)).await;

    assert_eq!(store.prune(fixture.now(), 10).await.unwrap(), 1);

    assert_eq!(store.prune(fixture.now(), 10).await.unwrap(), 0);
    for id in 1..=2 {
        let owners = store.owners(TicketId::new(1000 + id)).await.unwrap();
        assert_eq!(owners, [AlertId::new(id)].into());
    }
    let blocks = fixture.everything().await;
    let blocks = blocks
        .iter()
        .find(|item| item["pk"].as_s().unwrap() == "ticket_owner");
    assert!(!blocks.unwrap().contains_key("1003"));
}

#[tokio::test]
async fn a_list_reads_no_more_than_it_was_asked_for() {
    let fixture = DynamoDbFixture::fresh().await;
    thousand(&fixture.store()).await;
    let (store, proxy) = fixture.through().await;

    let page = store.list(LinkFilter::All, None, 50).await.unwrap();

    assert_eq!(page.len(), 50);
    let seen = proxy.requests();
    assert_eq!(seen.len(), 1);
    assert_eq!(seen[0].1["Limit"], 50);
}

#[tokio::test]
async fn a_link_too_large_for_the_table_is_refused_and_named() {
    let fixture = DynamoDbFixture::fresh().await;
    let fits = link(7586, 400_000);
    fixture.store().save(&fits, &[], Revision(0)).await.unwrap();
    let stored = fixture.store().load(fits.alert).await.unwrap().unwrap();
    assert_eq!(stored.value, fits);

    let outcome = fixture
        .store()
        .save(&link(7586, 410_000), &[], Revision(1))
        .await;

    let Err(SaveError::Store(error)) = outcome else {
        panic!("{outcome:?}");
    };
    assert_eq!(error.class, FailureClass::Permanent);
    assert_eq!(error.code, ErrorCode::StoreTooLarge);
    let said = error.chain();
    assert!(
        said.contains("alert 7586") && said.contains("Liongard"),
        "{said}"
    );
    let stored = fixture.store().load(fits.alert).await.unwrap().unwrap();
    assert_eq!(
        stored.value, fits,
        "the last one that fitted is still there"
    );
}

#[tokio::test]
async fn a_config_too_large_for_the_table_is_refused_and_named() {
    let fixture = DynamoDbFixture::fresh().await;
    let text = "#".repeat(420_000);
    let key = ConfigText::key(&text);
    let config = ConfigText {
        text: Some(text),
        expires_at: None,
    };

    let store = fixture.store();
    let outcome = store.save_record(key.as_str(), &config, Revision(0)).await;

    assert!(
        matches!(
            &outcome,
            Err(SaveError::Store(PortError {
                code: ErrorCode::StoreTooLarge,
                ..
            }))
        ),
        "{outcome:?}"
    );
}

fn seconds(item: &support::Item, attribute: &str) -> i64 {
    item[attribute].as_n().unwrap().parse().unwrap()
}

#[tokio::test]
async fn a_notification_is_forgotten_though_its_items_are_still_there() {
    let fixture = DynamoDbFixture::fresh().await;
    let store = fixture.store();
    let notification = Notification {
        delivery: Some("d".repeat(5000)),
        content: "c".to_owned(),
        event: None,
        object: None,
        kind: "unknown".to_owned(),
    };
    let now = fixture.now();
    store.record(&notification, now).await.unwrap();
    let memory = Store::<ManualClock>::MEMORY;
    let forgotten = now.plus(memory).plus(Duration::from_millis(1));

    assert!(
        store
            .is_known(&notification, now.plus(memory))
            .await
            .unwrap()
    );
    assert!(!store.is_known(&notification, forgotten).await.unwrap());

    let items = fixture.everything().await;
    let signs: Vec<_> = items
        .iter()
        .filter(|item| item.contains_key("expires"))
        .collect();
    assert_eq!((items.len(), signs.len()), (3, 2), "the count stays");
    for sign in signs {
        let expires = seconds(sign, "expires") * 1000;
        assert!(
            expires > forgotten.as_millis(),
            "not cleared away too early"
        );
    }
}

#[tokio::test]
async fn a_right_that_ran_out_is_free_though_its_item_is_still_there() {
    let fixture = DynamoDbFixture::fresh().await;
    let store = fixture.store();
    let until = fixture.now().plus(Duration::from_secs(90));
    store.acquire_lease("creates", "a", until).await.unwrap();
    let item = fixture.everything().await.remove(0);
    assert!(seconds(&item, "expires") * 1000 > until.as_millis());

    fixture.advance(Duration::from_secs(90)).await;

    assert_eq!(fixture.everything().await, [item]);
    let taken = store.acquire_lease("creates", "b", until).await.unwrap();
    assert_eq!(taken, LeaseOutcome::Acquired);
}

#[tokio::test]
async fn what_happened_in_one_moment_is_written_at_once() {
    let fixture = DynamoDbFixture::fresh().await;
    let (store, proxy) = fixture.through().await;
    let entry = |alert: Option<u64>, what: &str| JournalEntry {
        at: Timestamp::from_millis(1_767_600_000_005),
        alert: alert.map(AlertId::new),
        ticket: None,
        event: what.to_owned(),
        cause: "poll".to_owned(),
        detail: None,
    };
    let entries = [entry(Some(1), "received"), entry(Some(1), "opened")];
    let others = [entry(Some(2), "received"), entry(None, "started")];

    store
        .append(&[&entries[..], &others[..]].concat())
        .await
        .unwrap();

    assert_eq!(proxy.counts(), [("UpdateItem".to_owned(), 3)]);
    assert_eq!(store.journal(AlertId::new(1), 10).await.unwrap(), entries);
    let keys: BTreeSet<_> = fixture
        .everything()
        .await
        .iter()
        .map(|item| item["pk"].as_s().unwrap().clone())
        .collect();
    assert_eq!(
        keys,
        ["journal", "journal#1", "journal#2"]
            .map(str::to_owned)
            .into()
    );
}

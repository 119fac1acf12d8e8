//! What is kept of an alert, and what keeping it costs: the figures of ADR 5.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::collections::BTreeMap;

use aws_sdk_dynamodb::types::AttributeValue;
use futures_util::future::join_all;
use halogard_app::ports::{
    AlertIndex, JournalEntry, Leases, Links, Notifications, QueuedState, Revision,
};
use halogard_conformance::StoreFixture as _;
use halogard_conformance::usual_records::{usual_alert, usual_ticket};
use halogard_domain::ids::{AlertId, HaloClientId, PriorityId, StatusId, TicketId, TicketTypeId};
use halogard_domain::link::{Base, OpeningSnapshot};
use halogard_domain::message::Notification;
use halogard_domain::ticket::Ticket;
use halogard_domain::{Alert, Link, Slug, Timestamp};
use serde_json::Value;
use support::{DynamoDbFixture, Item};

/// Bytes of one write unit.
const UNIT: usize = 1024;

const NOW: Timestamp = Timestamp::from_millis(1_767_600_000_007);

fn alert() -> Alert {
    usual_alert(AlertId::new(7586), NOW)
}

fn ticket() -> Ticket {
    usual_ticket(TicketId::new(424_242), AlertId::new(7586), NOW)
}

/// The link while its ticket is being opened.
fn claimed() -> Link {
    let mut link = Link::new(AlertId::new(7586));
    link.opening = Some(OpeningSnapshot::of(
        &alert(),
        HaloClientId::new(17),
        TicketTypeId::new(5),
    ));
    link.observed_alert = Some(alert());
    link.acquire_claim("0123456789abcdef", NOW);
    link
}

/// The link once its ticket is open and both sides agree.
fn agreed() -> Link {
    let mut link = claimed();
    link.attach(ticket().id);
    link.observed_ticket = Some(ticket());
    link.base = Some(Base {
        alert_closed: false,
        alert_status: Slug::new("new"),
        alert_priority: Slug::new("high"),
        alert_text: alert().text_hash(),
        ticket_status: StatusId::new(1),
        ticket_closed: None,
        ticket_priority: Some(PriorityId::new(2)),
    });
    link
}

fn entry(what: &str) -> JournalEntry {
    JournalEntry {
        at: NOW,
        alert: Some(AlertId::new(7586)),
        ticket: Some(ticket().id),
        event: what.to_owned(),
        cause: "poll".to_owned(),
        detail: None,
    }
}

/// Bytes of an item, by DynamoDB's own rules.
fn bytes(item: &Item) -> usize {
    let members = item.iter();
    members
        .map(|(name, value)| name.len() + value_bytes(value))
        .sum()
}

/// Bytes of one value: text as it is, numbers two digits to the byte, lists and what is in them a
/// little more.
fn value_bytes(value: &AttributeValue) -> usize {
    let digits = |number: &String| number.len().div_ceil(2) + 1;
    match value {
        AttributeValue::S(text) => text.len(),
        AttributeValue::N(number) => digits(number),
        AttributeValue::Bool(_) => 1,
        AttributeValue::Ss(texts) => texts.iter().map(String::len).sum(),
        AttributeValue::Ns(numbers) => numbers.iter().map(digits).sum(),
        AttributeValue::L(values) => {
            3 + values
                .iter()
                .map(|value| 1 + value_bytes(value))
                .sum::<usize>()
        }
        other => panic!("no size known for {other:?}"),
    }
}

/// What was written to the items of one partition.
#[derive(Clone, Copy, Debug, Default)]
struct Cost {
    writes: usize,
    /// Of 1 KB, as DynamoDB counts them: by the size an item has in the end.
    units: usize,
    /// Bytes of the largest item.
    largest: usize,
}

/// What the requests in `seen` cost, by partition.
async fn cost(bench: &DynamoDbFixture, seen: &[(String, Value)]) -> BTreeMap<String, Cost> {
    let mut costs = BTreeMap::new();
    add_cost(&mut costs, bench, seen).await;
    costs
}

/// Adds what the requests in `seen` cost.
async fn add_cost(
    costs: &mut BTreeMap<String, Cost>,
    bench: &DynamoDbFixture,
    seen: &[(String, Value)],
) {
    let items: BTreeMap<_, _> = bench
        .everything()
        .await
        .iter()
        .map(|item| {
            let part = |name: &str| item[name].as_s().unwrap().clone();
            ((part("pk"), part("sk")), bytes(item))
        })
        .collect();
    for (operation, body) in seen {
        let key = match operation.as_str() {
            "PutItem" => &body["Item"],
            "UpdateItem" | "DeleteItem" => &body["Key"],
            _ => continue,
        };
        let part = |name: &str| key[name]["S"].as_str().unwrap().to_owned();
        // What was deleted was small.
        let size = items.get(&(part("pk"), part("sk"))).copied().unwrap_or(1);
        let kind = part("pk").split('#').next().unwrap().to_owned();
        let cost = costs.entry(kind).or_default();
        cost.writes += 1;
        cost.units += size.div_ceil(UNIT);
        cost.largest = cost.largest.max(size);
    }
}

/// Writes and write units of all partitions.
fn sum(costs: &BTreeMap<String, Cost>) -> (usize, usize) {
    let writes = costs.values().map(|cost| cost.writes).sum();
    let units = costs.values().map(|cost| cost.units).sum();
    (writes, units)
}

/// What a batch of alerts that become tickets costs: the calls of poll and reconciliations.
async fn raised(count: u64) -> BTreeMap<String, Cost> {
    let bench = DynamoDbFixture::fresh().await;
    let (store, proxy) = bench.through().await;
    let ids = || (0..count).map(|n| AlertId::new(7586 + n));
    let indexed = QueuedState::new(alert().fingerprint(), NOW);
    let index = ids().map(|id| (id, indexed)).collect();
    store.save_index(&index).await.unwrap();
    let mut claims = Vec::new();
    for id in ids() {
        store.load(id).await.unwrap();
        let link = Link {
            alert: id,
            ..claimed()
        };
        claims.push(store.save(&link, &[], Revision(0)).await.unwrap());
    }
    let mut seen = proxy.requests();
    let mut costs = cost(&bench, &seen).await;
    let until = bench.now().plus(halogard_domain::link::CLAIM_TTL);
    store
        .acquire_lease("opening", "worker", until)
        .await
        .unwrap();
    store.release_lease("opening", "worker").await.unwrap();
    let looks = ids().zip(claims).map(|(id, revision)| {
        let store = store.clone();
        let ticket = TicketId::new(424_242 + id.get());
        let link = Link {
            alert: id,
            ticket: Some(ticket),
            ..agreed()
        };
        async move { store.save(&link, &[entry("opened")], revision).await }
    });
    for saved in join_all(looks).await {
        saved.unwrap();
    }
    // The webhook about our own ticket changes nothing, and is not remembered.
    let opened = proxy.requests();
    add_cost(&mut costs, &bench, &opened).await;
    seen.extend(opened);
    let reads = seen.iter().filter(|(operation, _)| operation == "GetItem");
    assert_eq!(u64::try_from(reads.count()).unwrap(), count, "a read each");
    costs
}

#[tokio::test]
async fn an_alert_that_becomes_a_ticket_costs_six_writes() {
    let costs = raised(1).await;

    let (writes, units) = sum(&costs);
    println!("an alert becomes a ticket: {writes} writes, {units} units\n{costs:#?}");
    assert_eq!(writes, 6, "index, claim, right twice, ticket, link");
    assert!(units <= 10, "{units} write units");
    assert!(
        costs["link"].largest <= 4 * UNIT,
        "a usual link fits into four write units, its journal with it"
    );
    assert!(
        costs
            .iter()
            .all(|(kind, cost)| kind == "link" || cost.largest <= UNIT)
    );
}

#[tokio::test]
async fn a_batch_of_fifty_alerts_costs_at_most_three_writes_each() {
    let costs = raised(50).await;

    let (writes, units) = sum(&costs);
    println!("fifty alerts become tickets: {writes} writes, {units} units\n{costs:#?}");
    assert!(writes <= 3 * 50, "{writes} writes");
    assert!(units <= 7 * 50, "{units} write units");
    assert!(
        costs
            .iter()
            .all(|(kind, cost)| kind == "link" || cost.largest <= UNIT)
    );
}

#[tokio::test]
async fn a_webhook_that_changed_something_costs_three_write_units() {
    let bench = DynamoDbFixture::fresh().await;
    let (store, proxy) = bench.through().await;
    let notification = Notification {
        delivery: Some("2f1d6c1e-6a0a-4d0c-8f7e-0f3a1c9b7d55".to_owned()),
        content: "9a1c5e0b44d1f2c3".to_owned(),
        event: Some("Ticket Changed".to_owned()),
        object: Some(424_242),
        kind: "ticket_changed".to_owned(),
    };

    store.is_known(&notification, NOW).await.unwrap();
    store.record(&notification, NOW).await.unwrap();

    let costs = cost(&bench, &proxy.requests()).await;
    println!("{costs:#?}");
    assert_eq!(sum(&costs), (3, 3));
}

#[tokio::test]
async fn a_long_story_costs_half_a_write_unit_an_entry_at_the_most() {
    let bench = DynamoDbFixture::fresh().await;
    let (store, proxy) = bench.through().await;
    let mut revision = store.save(&agreed(), &[], Revision(0)).await.unwrap();
    proxy.requests();
    for _ in 0..60 {
        let entries = [entry("fields_set")];
        revision = store.save(&agreed(), &entries, revision).await.unwrap();
    }

    let costs = cost(&bench, &proxy.requests()).await;
    println!("{costs:#?}");
    let (_, units) = sum(&costs);
    let links_alone = 60 * 4;
    assert!(units <= links_alone + 60 / 2, "{units} write units");
}

#[tokio::test]
async fn index_entries_that_follow_each_other_share_a_write_unit() {
    let bench = DynamoDbFixture::fresh().await;
    let (store, proxy) = bench.through().await;
    let indexed = QueuedState::new(u64::MAX, NOW);
    let first = 4_000_000_000;
    let entries = (first..first + 10_000).map(|id| (AlertId::new(id), indexed));
    store.save_index(&entries.collect()).await.unwrap();

    let costs = cost(&bench, &proxy.requests()).await;
    println!("ten thousand index entries: {costs:#?}");
    assert_eq!(sum(&costs), (400, 400));
    let one = [(AlertId::new(first + 7), indexed)].into();
    store.save_index(&one).await.unwrap();
    assert_eq!(sum(&cost(&bench, &proxy.requests()).await), (1, 1));
}

#[tokio::test]
async fn runs_of_a_busy_inspector_fit_into_one_write_unit() {
    use halogard_app::ports::Records as _;
    use halogard_domain::runs::{RunTarget, Runs};
    let bench = DynamoDbFixture::fresh().await;
    let (store, proxy) = bench.through().await;
    let mut runs = Runs::default();
    for id in 0..50 {
        runs.request(AlertId::new(10_000 + id));
    }

    store
        .save_record(&RunTarget::HaloPsa, &runs, Revision(0))
        .await
        .unwrap();

    let costs = cost(&bench, &proxy.requests()).await;
    println!("{costs:#?}");
    assert_eq!(costs["inspector_run"].units, 1);
}

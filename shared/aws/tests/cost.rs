//! What is kept of an alert, and what keeping it costs: the figures of ADR 5.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::collections::BTreeMap;

use halogard_app::ports::{
    AlertIndex, Entry, Indexed, Journal, Leases, Links, Notifications, Revision,
};
use halogard_conformance::Bench as _;
use halogard_domain::ids::{
    AlertId, EnvironmentId, HaloClientId, LaunchpointId, PriorityId, StatusId, TicketId,
    TicketTypeId,
};
use halogard_domain::link::{Base, Claim, Opening};
use halogard_domain::message::Notification;
use halogard_domain::ticket::{Fate, Hands, Ticket};
use halogard_domain::{Alert, Link, Timestamp, Word};
use serde_json::Value;
use support::InTable;

/// Bytes of one write unit.
const UNIT: usize = 1024;

const NOW: Timestamp = Timestamp::from_millis(1_767_600_000_007);

/// An alert as they come: a text of 900 characters.
fn alert() -> Alert {
    Alert {
        id: AlertId::new(7586),
        number: Some("T20260105.00001".to_owned()),
        environment: EnvironmentId::new(8801),
        environment_name: "Example Manufacturing Ltd".to_owned(),
        name: "Active Directory | Privileged Users: New Admin Account Added".to_owned(),
        description: "A user was added to a privileged group. ".repeat(23),
        priority: Word::new("high"),
        status: Word::new("new"),
        inspector: Some("active-directory-inspector".to_owned()),
        inspector_alias: Some("Active Directory".to_owned()),
        rule: Some("Privileged Users: New Admin Account Added".to_owned()),
        launchpoint: Some(LaunchpointId::new(7701)),
        system: Some("dc01.example.local".to_owned()),
        native_ticket: None,
        visible: true,
        raised_at: NOW,
        changed_at: NOW,
        seen_at: NOW,
        page: Some("https://us1.app.liongard.com/#/alerts/7586".to_owned()),
    }
}

fn ticket() -> Ticket {
    Ticket {
        id: TicketId::new(424_242),
        client: HaloClientId::new(17),
        ticket_type: TicketTypeId::new(21),
        status: StatusId::new(1),
        priority: Some(PriorityId::new(2)),
        summary: "Active Directory | Privileged Users: New Admin Account Added [LG-7586]"
            .to_owned(),
        assigned: Some(true),
        changed_at: NOW,
        seen_at: NOW,
        fate: Fate::Present,
        hands: Hands::Untouched { as_of: NOW },
    }
}

/// The link while its ticket is being opened.
fn claimed() -> Link {
    let mut link = Link::new(AlertId::new(7586));
    link.opening = Some(Opening::of(&alert()));
    link.alert_seen = Some(alert());
    link.claim = Claim::Held {
        since: NOW,
        until: NOW,
    };
    link
}

/// The link once its ticket is open and both sides agree.
fn agreed() -> Link {
    let mut link = claimed();
    link.attach(ticket().id);
    link.ticket_seen = Some(ticket());
    link.base = Some(Base {
        alert_closed: false,
        alert_status: Word::new("new"),
        alert_priority: Word::new("high"),
        alert_text: alert().text_digest(),
        ticket_status: StatusId::new(1),
        ticket_closed: None,
        ticket_priority: Some(PriorityId::new(2)),
    });
    link
}

fn told(what: &str) -> Entry {
    Entry {
        at: NOW,
        alert: Some(AlertId::new(7586)),
        ticket: Some(ticket().id),
        what: what.to_owned(),
        cause: "poll".to_owned(),
        detail: None,
    }
}

/// Bytes of an item, by DynamoDB's own rules.
fn bytes(item: &Value) -> usize {
    let members = item.as_object().unwrap();
    members
        .iter()
        .map(|(name, value)| name.len() + value_bytes(value))
        .sum()
}

/// Bytes of one value: text as it is, numbers two digits to the byte, lists and what is in them a
/// little more.
fn value_bytes(value: &Value) -> usize {
    let (kind, value) = value.as_object().unwrap().iter().next().unwrap();
    let texts = |values: &Value| -> usize {
        values
            .as_array()
            .unwrap()
            .iter()
            .map(|text| text.as_str().unwrap().len())
            .sum()
    };
    match kind.as_str() {
        "S" => value.as_str().unwrap().len(),
        "N" => value.as_str().unwrap().len().div_ceil(2) + 1,
        "BOOL" => 1,
        "SS" => texts(value),
        "L" => {
            3 + value
                .as_array()
                .unwrap()
                .iter()
                .map(|value| 1 + value_bytes(value))
                .sum::<usize>()
        }
        other => panic!("no size known for {other}"),
    }
}

/// Items that a request writes as a whole.
fn written((operation, body): &(String, Value)) -> Vec<Value> {
    match operation.as_str() {
        "PutItem" => vec![body["Item"].clone()],
        "BatchWriteItem" => {
            let tables = body["RequestItems"].as_object().unwrap().values();
            let requests = tables.flat_map(|table| table.as_array().unwrap());
            requests
                .map(|request| request["PutRequest"]["Item"].clone())
                .collect()
        }
        // One entry in a list, with a name for the write.
        "UpdateItem" => {
            let mut item = body["Key"].clone();
            let values = &body["ExpressionAttributeValues"];
            if let Some(added) = values.get(":added") {
                item["entries"] = added.clone();
                item["writes"] = values[":writes"].clone();
            } else {
                item["times"] = values[":one"].clone();
            }
            vec![item]
        }
        "DeleteItem" => vec![body["Key"].clone()],
        _ => Vec::new(),
    }
}

/// Adds up what `seen` wrote: by partition, the largest item and all write units.
fn ledger(seen: &[(String, Value)]) -> BTreeMap<String, (usize, usize)> {
    let mut kinds = BTreeMap::<String, (usize, usize)>::new();
    for item in seen.iter().flat_map(written) {
        let pk = item["pk"]["S"].as_str().unwrap();
        let kind = pk.split('#').next().unwrap().to_owned();
        let (largest, units) = kinds.entry(kind).or_default();
        *largest = (*largest).max(bytes(&item));
        *units += bytes(&item).div_ceil(UNIT);
    }
    kinds
}

#[tokio::test]
async fn an_alert_that_becomes_a_ticket_costs_ten_write_units_at_the_most() {
    let bench = InTable::fresh().await;
    let (store, between) = bench.through().await;
    let indexed = Indexed {
        face: alert().face_digest(),
        queued_at: NOW,
    };
    let alert_id = AlertId::new(7586);
    store
        .save_index(&[(alert_id, indexed)].into())
        .await
        .unwrap();
    store.load(alert_id).await.unwrap();
    let until = bench.now().plus(halogard_domain::link::CLAIM_LIFE);
    store.take_lease("creates", "worker", until).await.unwrap();
    let revision = store.save(&claimed(), Revision(0)).await.unwrap();
    store.release_lease("creates", "worker").await.unwrap();
    store.save(&agreed(), revision).await.unwrap();
    store.append(&[told("opened")]).await.unwrap();

    let seen = between.seen();
    let cost = ledger(&seen);
    println!("an alert becomes a ticket (partition: largest item in bytes, write units)");
    println!("{cost:#?}");
    let reads = seen
        .iter()
        .filter(|(operation, _)| operation == "GetItem")
        .count();
    assert_eq!(reads, 1);
    let units: usize = cost.values().map(|(_, units)| units).sum();
    println!("{units} write units, {} requests", seen.len());
    assert!(units <= 10, "{units} write units");
    assert!(
        cost["link"].0 <= 3 * UNIT,
        "a usual link fits into three write units"
    );
    assert!(
        cost.iter()
            .all(|(kind, (largest, _))| kind == "link" || *largest <= UNIT)
    );
}

#[tokio::test]
async fn a_webhook_that_changes_nothing_costs_three_write_units() {
    let bench = InTable::fresh().await;
    let (store, between) = bench.through().await;
    let notification = Notification {
        delivery: Some("2f1d6c1e-6a0a-4d0c-8f7e-0f3a1c9b7d55".to_owned()),
        content: "9a1c5e0b44d1f2c3".to_owned(),
        event: Some("Ticket Changed".to_owned()),
        object: Some(424_242),
        kind: "ticket_changed".to_owned(),
    };

    store.is_known(&notification, NOW).await.unwrap();
    store.record(&notification, NOW).await.unwrap();

    let cost = ledger(&between.seen());
    println!("{cost:#?}");
    let units: usize = cost.values().map(|(_, units)| units).sum();
    assert_eq!(units, 3);
}

#[tokio::test]
async fn ten_thousand_index_entries_are_one_megabyte_at_the_most() {
    let bench = InTable::fresh().await;
    let (store, between) = bench.through().await;
    let indexed = Indexed {
        face: u64::MAX,
        queued_at: NOW,
    };
    let entries = (1..=25).map(|id| (AlertId::new(id), indexed)).collect();
    store.save_index(&entries).await.unwrap();

    let (largest, units) = ledger(&between.seen())["index"];

    println!("an index entry takes {largest} bytes");
    assert_eq!(units, 25);
    assert!(largest <= 100);
}

#[tokio::test]
async fn runs_of_a_busy_inspector_fit_into_one_write_unit() {
    use halogard_app::ports::RunStates as _;
    use halogard_domain::runs::{RunTarget, Runs};
    let bench = InTable::fresh().await;
    let (store, between) = bench.through().await;
    let mut runs = Runs::default();
    for id in 0..50 {
        runs.ask(AlertId::new(10_000 + id));
    }

    store
        .save_runs(RunTarget::HaloPsa, &runs, Revision(0))
        .await
        .unwrap();

    let cost = ledger(&between.seen());
    println!("{cost:#?}");
    assert_eq!(cost["runs"].1, 1);
}

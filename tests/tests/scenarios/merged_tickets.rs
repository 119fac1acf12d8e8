//! Tickets that technicians merge: several alerts have one ticket.

use std::time::Duration;

use halogard_domain::pair_status::PairStatus;
use halogard_domain::storm::StormPolicy;
use halogard_simulator::halopsa::TicketSpec;
use halogard_simulator::liongard::AlertChange;
use halogard_tests::{Scenario, Setup, WebhookDelivery};

use crate::{DANA, HALO_INSPECTOR, RUBEN, news, with_ticket};

/// Two alerts of one customer with their tickets, the first one's merged into the second one's.
struct Merged {
    bundle: Scenario,
    guest: i64,
    guest_ticket: i64,
    host: i64,
    ticket: i64,
}

/// A HaloPSA that says into which ticket another one was merged.
fn naming_merges() -> Setup {
    Setup::managed().fixing(&["no-merged-into", "reserved-words"])
}

/// A bundle that closes tickets even if people worked on them, with the given webhooks.
fn always_closing(webhook_delivery: WebhookDelivery) -> Setup {
    Setup {
        webhook_delivery,
        template: "close = \"always\"".to_owned(),
        ..naming_merges()
    }
}

async fn merged(setup: Setup) -> Merged {
    let mut bundle = Scenario::start(setup).await;
    let (guest, guest_ticket) = with_ticket(&mut bundle).await;
    let host = bundle.raise(0, "MFA Disabled");
    bundle.run_until_quiet().await;
    bundle.run_until_writes_land().await;
    let ticket = bundle.only_ticket(host).id;
    bundle
        .halo
        .merge_ticket(guest_ticket, ticket, DANA)
        .unwrap();
    bundle.excuse(guest);
    bundle.run_until_quiet().await;
    Merged {
        bundle,
        guest,
        guest_ticket,
        host,
        ticket,
    }
}

/// Every way webhooks arrive.
const DELIVERIES: [WebhookDelivery; 3] = [
    WebhookDelivery::Prompt,
    WebhookDelivery::TwiceInReverse,
    WebhookDelivery::Never,
];

#[tokio::test]
async fn a_merged_ticket_is_closed_when_all_its_alerts_are_over() {
    for delivery in DELIVERIES {
        for guest_first in [true, false] {
            let mut it = merged(always_closing(delivery)).await;
            let (first, last) = if guest_first {
                (it.guest, it.host)
            } else {
                (it.host, it.guest)
            };
            it.bundle.liongard.close(first).unwrap();
            it.bundle.excuse(it.host);
            it.bundle.run_until_quiet().await;
            assert!(!it.bundle.halo.ticket(it.ticket).unwrap().closed);
            let notes = it.bundle.our_notes(it.ticket);
            assert!(
                notes
                    .last()
                    .unwrap()
                    .contains("Liongard closed this alert (closed)"),
                "{notes:#?}"
            );
            it.bundle.liongard.close(last).unwrap();
            it.bundle.conclude().await;
            assert!(it.bundle.halo.ticket(it.ticket).unwrap().closed);
            for alert in [it.guest, it.host] {
                let status = it.bundle.pair_status(alert).await;
                assert_eq!(
                    status,
                    Some(PairStatus::InSync),
                    "guest first: {guest_first}"
                );
            }
        }
    }
}

#[tokio::test]
async fn two_alerts_that_end_at_once_close_their_merged_ticket_once() {
    let mut it = merged(always_closing(WebhookDelivery::Prompt)).await;
    it.bundle.liongard.close(it.guest).unwrap();
    it.bundle.liongard.close(it.host).unwrap();
    it.bundle.conclude().await;
    let closed = it.bundle.halo.ticket(it.ticket).unwrap();
    assert!(closed.closed);
    let closings = closed
        .actions
        .iter()
        .filter(|action| action.new_status == 9 && action.outcome == "Changed Status");
    assert_eq!(closings.count(), 1, "{:#?}", closed.actions);
}

#[tokio::test]
async fn a_merged_ticket_counts_as_worked_on() {
    let mut it = merged(naming_merges()).await;
    it.bundle.excuse(it.host);
    for alert in [it.host, it.guest] {
        it.bundle.liongard.close(alert).unwrap();
    }
    it.bundle.conclude().await;
    assert!(!it.bundle.halo.ticket(it.ticket).unwrap().closed);
    let notes = it.bundle.our_notes(it.ticket);
    assert_eq!(notes.len(), 2, "one for each alert: {notes:#?}");
}

#[tokio::test]
async fn closing_a_merged_ticket_runs_the_inspectors_of_all_its_alerts() {
    for delivery in DELIVERIES {
        let mut it = merged(Setup {
            webhook_delivery: delivery,
            ..naming_merges()
        })
        .await;
        // Of another system, so that each needs a run of its own.
        let own = it.bundle.alert(it.guest).launchpoint_id;
        for alert in [it.guest, it.host] {
            it.bundle.liongard.clear_condition(alert).unwrap();
        }
        it.bundle.halo.close_ticket(it.ticket, RUBEN).unwrap();
        it.bundle.conclude().await;
        for alert in [it.guest, it.host] {
            assert!(it.bundle.alert(alert).closed, "{delivery:?}");
            let status = it.bundle.pair_status(alert).await;
            assert_eq!(status, Some(PairStatus::InSync), "{delivery:?}");
        }
        assert!(it.bundle.runs_of(own) >= 1);
        assert!(it.bundle.runs_of(HALO_INSPECTOR) >= 1);
    }
}

#[tokio::test]
async fn changes_of_both_alerts_are_noted_and_set_no_field() {
    let mut it = merged(naming_merges()).await;
    let before = it.bundle.halo.ticket(it.ticket).unwrap();
    it.bundle
        .liongard
        .change(it.guest, news("6 accounts now", "Low"))
        .unwrap();
    let only_priority = AlertChange {
        priority: Some("High".to_owned()),
        ..AlertChange::default()
    };
    it.bundle.liongard.change(it.host, only_priority).unwrap();
    it.bundle.conclude().await;
    let after = it.bundle.halo.ticket(it.ticket).unwrap();
    assert_eq!(
        (after.priority_id, after.status_id),
        (before.priority_id, before.status_id)
    );
    let notes = it.bundle.our_notes(it.ticket);
    assert_eq!(notes.len(), 2, "{notes:#?}");
    assert!(notes.iter().any(|note| note.contains("6 accounts now")));
    assert!(notes.iter().any(|note| note.contains("priority high")));
}

#[tokio::test]
async fn an_alert_that_returns_reopens_the_merged_ticket_for_itself_only() {
    let mut it = merged(always_closing(WebhookDelivery::Prompt)).await;
    for alert in [it.guest, it.host] {
        it.bundle.liongard.close(alert).unwrap();
    }
    it.bundle.run_until_quiet().await;
    assert!(it.bundle.halo.ticket(it.ticket).unwrap().closed);
    let runs = it.bundle.runs_of(HALO_INSPECTOR);

    it.bundle.liongard.reopen(it.guest).unwrap();
    it.bundle.excuse(it.host);
    it.bundle.conclude().await;
    let ticket = it.bundle.halo.ticket(it.ticket).unwrap();
    assert!(!ticket.closed);
    let reopened = it.bundle.our_notes(it.ticket);
    let raised = reopened
        .iter()
        .filter(|note| note.contains("raised this alert again"));
    assert_eq!(raised.count(), 1, "{reopened:#?}");
    assert_eq!(
        it.bundle.runs_of(HALO_INSPECTOR),
        runs,
        "no person did that"
    );
    assert_eq!(
        it.bundle.pair_status(it.host).await,
        Some(PairStatus::InSync)
    );

    it.bundle.liongard.close(it.guest).unwrap();
    it.bundle.conclude().await;
    assert!(it.bundle.halo.ticket(it.ticket).unwrap().closed);
}

#[tokio::test]
async fn a_merge_that_is_undone_gives_each_alert_its_ticket_back() {
    for delivery in DELIVERIES {
        let mut it = merged(always_closing(delivery)).await;
        it.bundle
            .liongard
            .change(it.guest, news("6 accounts now", "Low"))
            .unwrap();
        it.bundle.run_until_quiet().await;
        it.bundle
            .halo
            .unmerge_ticket(it.guest_ticket, RUBEN)
            .unwrap();
        it.bundle.run_until_quiet().await;
        let link = it.bundle.link(it.guest).await.unwrap();
        assert_eq!(
            link.ticket.map(|id| id.get()),
            Some(it.guest_ticket.unsigned_abs())
        );
        assert_eq!(it.bundle.link(it.host).await.unwrap().co_owners, None);

        it.bundle.liongard.close(it.host).unwrap();
        it.bundle.conclude().await;
        assert!(it.bundle.halo.ticket(it.ticket).unwrap().closed);
        assert!(!it.bundle.halo.ticket(it.guest_ticket).unwrap().closed);
        it.bundle.liongard.close(it.guest).unwrap();
        it.bundle.conclude().await;
        assert!(it.bundle.halo.ticket(it.guest_ticket).unwrap().closed);
    }
}

#[tokio::test]
async fn merges_are_followed_in_a_chain() {
    let mut it = merged(always_closing(WebhookDelivery::Prompt)).await;
    let third = it.bundle.raise(0, "Disk Full");
    it.bundle.run_until_quiet().await;
    let last = it.bundle.only_ticket(third).id;
    it.bundle.halo.merge_ticket(it.ticket, last, DANA).unwrap();
    it.bundle.excuse(it.host);
    it.bundle.run_until_quiet().await;
    for alert in [it.guest, it.host, third] {
        let link = it.bundle.link(alert).await.unwrap();
        assert_eq!(link.ticket.map(|id| id.get()), Some(last.unsigned_abs()));
        assert_eq!(link.co_owners.unwrap().alerts().count(), 2);
    }
    it.bundle.excuse(third);
    for (alert, is_last) in [(third, false), (it.guest, false), (it.host, true)] {
        it.bundle.liongard.close(alert).unwrap();
        it.bundle.conclude().await;
        assert_eq!(it.bundle.halo.ticket(last).unwrap().closed, is_last);
    }
}

#[tokio::test]
async fn a_ticket_of_another_customer_gets_no_note_about_the_alert() {
    let mut bundle = Scenario::start(always_closing(WebhookDelivery::Prompt)).await;
    let (alert, own) = with_ticket(&mut bundle).await;
    let into = TicketSpec {
        client_id: 18,
        tickettype_id: 6,
        summary: "Printer offline".to_owned(),
        details: "On the second floor".to_owned(),
    };
    let into = bundle.halo.log_ticket(DANA, &into).unwrap();
    bundle.halo.merge_ticket(own, into, DANA).unwrap();
    bundle.excuse(alert);
    bundle.run_until_quiet().await;
    let writes = bundle.writes();
    bundle
        .liongard
        .change(alert, news("6 accounts now", "Low"))
        .unwrap();
    bundle.run_until_quiet().await;
    bundle.liongard.close(alert).unwrap();
    bundle.conclude().await;
    assert_eq!(bundle.writes(), writes);
    assert!(bundle.our_notes(into).is_empty());
    assert!(!bundle.halo.ticket(into).unwrap().closed);
    let journal = bundle.journal(alert).await;
    let found = journal.iter().filter(|it| *it == "merged_across_clients");
    assert_eq!(found.count(), 1, "{journal:?}");
    assert!(bundle.logs.text().contains("another client"));
}

#[tokio::test]
async fn a_ticket_merged_into_another_customers_and_back_misses_no_change() {
    let mut bundle = Scenario::start(naming_merges()).await;
    let (alert, own) = with_ticket(&mut bundle).await;
    let into = TicketSpec {
        client_id: 18,
        tickettype_id: 6,
        summary: "Printer offline".to_owned(),
        details: "On the second floor".to_owned(),
    };
    let into = bundle.halo.log_ticket(DANA, &into).unwrap();
    bundle.halo.merge_ticket(own, into, DANA).unwrap();
    bundle.run_until_quiet().await;
    bundle
        .liongard
        .change(alert, news("6 accounts now", "Low"))
        .unwrap();
    bundle.run_until_quiet().await;
    bundle.halo.unmerge_ticket(own, DANA).unwrap();
    bundle.conclude().await;
    let notes = bundle.our_notes(own);
    assert!(
        notes.iter().any(|note| note.contains("6 accounts now")),
        "{notes:#?}"
    );
    assert!(bundle.our_notes(into).is_empty());
}

#[tokio::test]
async fn the_ticket_of_a_storm_that_is_merged_is_closed_with_the_storm_and_the_other_alert() {
    let setup = Setup {
        storms: Some(StormPolicy {
            tickets_max: 1,
            ..StormPolicy::default()
        }),
        ..always_closing(WebhookDelivery::Prompt)
    };
    let mut bundle = Scenario::start(setup).await;
    let alerts: Vec<i64> = (0..4).map(|_| bundle.raise(0, "Disk full")).collect();
    let host = bundle.raise(0, "MFA Disabled");
    bundle.run_until_quiet().await;
    let ticket = bundle.only_ticket(host).id;
    let storm = bundle.halo.tickets();
    let storm = storm.iter().find(|it| it.summary.contains("Storm: "));
    bundle
        .halo
        .merge_ticket(storm.unwrap().id, ticket, DANA)
        .unwrap();
    for alert in alerts.iter().chain([&host]) {
        bundle.excuse(*alert);
    }
    bundle.run_until_quiet().await;
    // The alerts of the storm end one by one, the leader first.
    bundle.liongard.close(host).unwrap();
    for alert in &alerts {
        bundle.run_for(Duration::from_secs(3_600)).await;
        assert!(!bundle.halo.ticket(ticket).unwrap().closed);
        bundle.liongard.close(*alert).unwrap();
    }
    bundle.conclude().await;
    assert!(bundle.halo.ticket(ticket).unwrap().closed);
}

#[tokio::test]
async fn a_crash_at_any_moment_of_a_merge_closes_nothing_too_early() {
    for crash_after in 1..10 {
        let mut bundle = Scenario::start(always_closing(WebhookDelivery::Prompt)).await;
        let (guest, guest_ticket) = with_ticket(&mut bundle).await;
        let host = bundle.raise(0, "MFA Disabled");
        bundle.run_until_quiet().await;
        bundle.run_until_writes_land().await;
        let ticket = bundle.only_ticket(host).id;
        bundle
            .halo
            .merge_ticket(guest_ticket, ticket, DANA)
            .unwrap();
        bundle.excuse(guest);
        bundle.excuse(host);
        for _ in 0..crash_after {
            bundle.step().await;
            bundle.crash().await;
        }
        bundle.run_until_quiet().await;
        bundle.liongard.close(host).unwrap();
        for _ in 0..crash_after {
            bundle.step().await;
            bundle.crash().await;
        }
        bundle.run_until_quiet().await;
        assert!(!bundle.halo.ticket(ticket).unwrap().closed, "{crash_after}");
        bundle.liongard.close(guest).unwrap();
        bundle.conclude().await;
        assert!(bundle.halo.ticket(ticket).unwrap().closed, "{crash_after}");
    }
}

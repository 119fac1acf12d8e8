//! Tickets that a technician deletes or merges.

use std::time::Duration;

use halogard_domain::pair_status::PairStatus;
use halogard_domain::policy::Mode;
use halogard_simulator::halopsa::TicketSpec;
use halogard_simulator::{Fault, FaultRate};
use halogard_tests::{Scenario, Setup, WebhookDelivery};
use tracing::Level;

use crate::{DANA, news, with_ticket};

#[tokio::test]
async fn a_deleted_ticket_stays_deleted_until_its_alert_was_over_and_is_back() {
    let mut bundle = Scenario::managed().await;
    let (alert, ticket) = with_ticket(&mut bundle).await;
    bundle.excuse(alert);
    bundle.halo.delete_ticket(ticket, DANA).unwrap();
    bundle
        .liongard
        .change(alert, news("6 accounts now", "Low"))
        .unwrap();
    bundle.conclude().await;
    assert!(bundle.tickets_of(alert).is_empty());
    assert_eq!(
        bundle.pair_status(alert).await,
        Some(PairStatus::TicketDeleted)
    );
    bundle.liongard.close(alert).unwrap();
    bundle.conclude().await;
    assert!(bundle.tickets_of(alert).is_empty());
    bundle.liongard.reopen(alert).unwrap();
    bundle.conclude().await;
    let second = bundle.only_ticket(alert);
    assert!(second.summary.contains(&format!("[LG-{alert}-2.")));
}

#[tokio::test]
async fn an_unreported_deletion_is_found_when_the_ticket_is_written_to() {
    let setup = Setup {
        webhook_delivery: WebhookDelivery::Never,
        ..Setup::managed()
    };
    let mut bundle = Scenario::start(setup).await;
    let (alert, ticket) = with_ticket(&mut bundle).await;
    bundle.excuse(alert);
    bundle.halo.delete_ticket(ticket, DANA).unwrap();
    bundle.run_until_quiet().await;
    bundle
        .liongard
        .change(alert, news("6 accounts now", "Low"))
        .unwrap();
    bundle.conclude().await;
    assert_eq!(
        bundle.pair_status(alert).await,
        Some(PairStatus::TicketDeleted)
    );
}

#[tokio::test]
async fn an_unreported_deletion_is_noticed_within_a_day_whatever_lists_hold() {
    let dialects = [
        "reference",
        "deleted-included",
        "closed-only-on-request",
        "worst",
    ];
    for dialect in dialects {
        let setup = Setup {
            webhook_delivery: WebhookDelivery::Never,
            poll_interval: Duration::from_secs(900),
            sweep_interval: Duration::from_secs(900),
            level: Level::ERROR,
            ..Setup::speaking(Mode::Managed, dialect.parse().unwrap())
        };
        let mut bundle = Scenario::start(setup).await;
        let (alert, ticket) = with_ticket(&mut bundle).await;
        let (other, kept) = with_ticket(&mut bundle).await;
        bundle.excuse(alert);
        bundle.halo.delete_ticket(ticket, DANA).unwrap();
        bundle.run_for(Duration::from_secs(25 * 3_600 + 900)).await;
        let deleted = Some(PairStatus::TicketDeleted);
        assert_eq!(bundle.pair_status(alert).await, deleted, "{dialect}");
        assert_eq!(bundle.only_ticket(other).id, kept, "{dialect}");
    }
}

#[tokio::test]
async fn a_merged_ticket_is_followed_to_the_one_that_carries_on() {
    let mut bundle = Scenario::start(Setup::managed().fixing(&["no-merged-into"])).await;
    let (alert, ticket) = with_ticket(&mut bundle).await;
    let into = TicketSpec {
        client_id: 17,
        tickettype_id: 6,
        summary: "Everything about the old accounts".to_owned(),
        details: "Collected here".to_owned(),
    };
    let into = bundle.halo.log_ticket(DANA, &into).unwrap();
    bundle.halo.merge_ticket(ticket, into, DANA).unwrap();
    bundle.excuse(alert);
    bundle.conclude().await;
    let link = bundle.link(alert).await.unwrap();
    assert_eq!(link.ticket.map(|id| id.get()), Some(into.unsigned_abs()));
    bundle.liongard.close(alert).unwrap();
    bundle.conclude().await;
    let notes = bundle.our_notes(into);
    assert_eq!(notes.len(), 1, "said where the work goes on: {notes:#?}");
    assert!(!bundle.halo.ticket(into).unwrap().closed);
}

#[tokio::test]
async fn tickets_merged_in_a_circle_end_the_story() {
    let mut bundle = Scenario::start(Setup::managed().fixing(&["no-merged-into"])).await;
    let (first, one) = with_ticket(&mut bundle).await;
    let second = bundle.raise(0, "MFA Disabled");
    bundle.run_until_quiet().await;
    let other = bundle.only_ticket(second).id;
    bundle.halo.merge_ticket(one, other, DANA).unwrap();
    bundle.run_until_quiet().await;
    bundle.halo.merge_ticket(other, one, DANA).unwrap();
    bundle.excuse(first);
    bundle.excuse(second);
    bundle.conclude().await;
}

#[tokio::test]
async fn a_proxys_404_ends_nothing() {
    let mut bundle = Scenario::managed().await;
    let (alert, ticket) = with_ticket(&mut bundle).await;
    let away = FaultRate {
        fault: Fault::Gateway404Html,
        probability: 1.0,
        route: None,
    };
    bundle.halo.faults().set_random(vec![away]);
    bundle.halo.add_note(ticket, DANA, "On it").unwrap();
    bundle
        .liongard
        .change(alert, news("6 accounts now", "Low"))
        .unwrap();
    bundle.run_for(Duration::from_secs(1_800)).await;
    assert_ne!(
        bundle.pair_status(alert).await,
        Some(PairStatus::TicketDeleted)
    );
    bundle.halo.faults().clear();
    bundle.conclude().await;
    assert!(bundle.dead_letters().await.is_empty());
    let notes = bundle.our_notes(ticket);
    assert!(notes.iter().any(|it| it.contains("6 accounts now")));
}

#[tokio::test]
async fn a_ticket_deleted_by_mistake_and_restored_is_followed_again() {
    for delivery in [WebhookDelivery::Prompt, WebhookDelivery::Never] {
        for after in [60, 1_800] {
            let setup = Setup {
                webhook_delivery: delivery,
                ..Setup::managed()
            };
            let mut bundle = Scenario::start(setup).await;
            let (alert, ticket) = with_ticket(&mut bundle).await;
            bundle.excuse(alert);
            bundle.halo.delete_ticket(ticket, DANA).unwrap();
            bundle
                .liongard
                .change(alert, news("6 accounts now", "Low"))
                .unwrap();
            bundle.run_for(Duration::from_secs(after)).await;
            bundle.halo.restore_ticket(ticket, DANA).unwrap();
            bundle.conclude().await;
            let link = bundle.link(alert).await.unwrap();
            assert_eq!(link.terminal_reason, None, "{delivery:?}, {after} s");
            let notes = bundle.our_notes(ticket);
            assert!(notes.iter().any(|it| it.contains("6 accounts now")));
            bundle.liongard.close(alert).unwrap();
            bundle.conclude().await;
            assert_eq!(bundle.only_ticket(alert).id, ticket);
        }
    }
}

#[tokio::test]
async fn an_alert_that_returns_finds_its_restored_ticket() {
    let setup = Setup {
        webhook_delivery: WebhookDelivery::Never,
        ..Setup::managed()
    };
    let mut bundle = Scenario::start(setup).await;
    let (alert, ticket) = with_ticket(&mut bundle).await;
    bundle.excuse(alert);
    bundle.halo.delete_ticket(ticket, DANA).unwrap();
    bundle.liongard.close(alert).unwrap();
    bundle.conclude().await;
    bundle.halo.restore_ticket(ticket, DANA).unwrap();
    bundle.liongard.reopen(alert).unwrap();
    bundle.conclude().await;
    assert_eq!(bundle.only_ticket(alert).id, ticket, "none beside it");
}

#[tokio::test]
async fn a_ticket_that_is_restored_beside_its_successor_is_reported() {
    for delivery in [WebhookDelivery::Prompt, WebhookDelivery::Never] {
        // A restored ticket has a new time of change; without one a list does not show that it is back.
        let mut bundle = Scenario::start(Setup {
            webhook_delivery: delivery,
            ..Setup::managed().fixing(&["rows-without-last-update"])
        })
        .await;
        let (alert, first) = with_ticket(&mut bundle).await;
        bundle.halo.delete_ticket(first, DANA).unwrap();
        bundle.run_for(Duration::from_secs(900)).await;
        bundle.liongard.close(alert).unwrap();
        bundle.run_for(Duration::from_secs(900)).await;
        bundle.liongard.reopen(alert).unwrap();
        bundle.run_for(Duration::from_secs(900)).await;
        let second = bundle.only_ticket(alert).id;
        assert_ne!(second, first);
        bundle.halo.restore_ticket(first, DANA).unwrap();
        bundle.run_for(Duration::from_secs(900)).await;
        let journal = bundle.journal(alert).await;
        let reported = journal.iter().filter(|it| *it == "duplicate_ticket");
        assert_eq!(reported.count(), 1, "{delivery:?}: {journal:?}");
        let link = bundle.link(alert).await.unwrap();
        assert_eq!(link.ticket.unwrap().get(), second.unsigned_abs());
    }
}

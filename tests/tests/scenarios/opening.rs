//! An alert opens a ticket, and its changes reach it.

use std::time::Duration;

use halogard_app::dialect::{ProbeWhen, dialect};
use halogard_app::ports::Clock as _;
use halogard_domain::pair_status::PairStatus;
use halogard_simulator::halopsa::{TeamReference, TicketEdit};
use halogard_simulator::world::status_ids;
use halogard_tests::{Component, Scenario, Setup, WebhookDelivery};
use http::Method;
use serde_json::Value;

use crate::{DANA, HALO_INSPECTOR, news, with_ticket, word};

#[tokio::test]
async fn an_alert_becomes_one_ticket_as_the_template_has_it() {
    let mut bundle = Scenario::managed().await;
    let (alert, ticket) = with_ticket(&mut bundle).await;
    let ticket = bundle.halo.ticket(ticket).unwrap();
    assert_eq!(ticket.client_id, 17);
    assert_eq!(
        (ticket.tickettype_id, ticket.status_id),
        (5, status_ids::NEW)
    );
    assert_eq!(
        (ticket.priority_id, ticket.team.as_str()),
        (1, "Service Desk")
    );
    assert_eq!(bundle.writes(), 1, "one request wrote, one time");
    assert_eq!(bundle.pair_status(alert).await, Some(PairStatus::InSync));
    let calls = bundle.requests.to(Component::HaloPsa);
    let create = calls
        .iter()
        .find(|call| call.method == Method::POST && call.target.starts_with("/api/Tickets"))
        .unwrap();
    let body: Value = serde_json::from_slice(&create.body).unwrap();
    insta::assert_snapshot!("create", serde_json::to_string_pretty(&body).unwrap());
    bundle.conclude().await;
}

#[tokio::test]
async fn a_changed_alert_changes_the_priority_and_is_noted_once() {
    let mut bundle = Scenario::managed().await;
    let (alert, ticket) = with_ticket(&mut bundle).await;
    bundle
        .liongard
        .change(alert, news("5 accounts now", "Low"))
        .unwrap();
    bundle.run_until_quiet().await;
    assert_eq!(bundle.halo.ticket(ticket).unwrap().priority_id, 4);
    let notes = bundle.our_notes(ticket);
    assert_eq!(notes.len(), 1, "{notes:#?}");
    assert!(notes[0].contains("5 accounts now"), "{notes:#?}");
    assert_eq!(bundle.writes(), 3, "a create, a change and a note");
    bundle.conclude().await;
}

#[tokio::test]
async fn changes_between_two_polls_make_one_note() {
    let mut bundle = Scenario::managed().await;
    let (alert, ticket) = with_ticket(&mut bundle).await;
    for count in 2..9 {
        let text = format!("{count} accounts");
        bundle
            .liongard
            .change(alert, news(&text, "Critical"))
            .unwrap();
    }
    bundle.run_until_quiet().await;
    let notes = bundle.our_notes(ticket);
    assert_eq!(notes.len(), 1, "{notes:#?}");
    assert!(notes[0].contains("8 accounts"), "{notes:#?}");
    bundle.conclude().await;
}

#[tokio::test]
async fn a_priority_that_a_person_chose_is_kept_whatever_liongard_says() {
    let mut bundle = Scenario::managed().await;
    let (alert, ticket) = with_ticket(&mut bundle).await;
    let choice = TicketEdit {
        priority_id: Some(3),
        ..TicketEdit::default()
    };
    bundle.halo.change_ticket(ticket, DANA, choice).unwrap();
    bundle
        .liongard
        .change(alert, news("more accounts", "Critical"))
        .unwrap();
    bundle.conclude().await;
    assert_eq!(bundle.halo.ticket(ticket).unwrap().priority_id, 3);
    bundle
        .liongard
        .change(alert, news("many accounts", "Low"))
        .unwrap();
    bundle.conclude().await;
    assert_eq!(bundle.halo.ticket(ticket).unwrap().priority_id, 3);
}

#[tokio::test]
async fn what_was_written_comes_back_as_news_and_is_written_once() {
    use WebhookDelivery::{Never, Prompt, TwiceInReverse};
    let mut cases = 0;
    for webhook_delivery in [Prompt, TwiceInReverse, Never] {
        // As an SLA or a technician does, after each of our writes.
        for rewritten in [None, Some(3), Some(4)] {
            let mut bundle = Scenario::start(Setup {
                webhook_delivery,
                ..Setup::managed()
            })
            .await;
            let (alert, ticket) = with_ticket(&mut bundle).await;
            let mut writes = bundle.writes();
            for (text, priority) in [("more accounts", "Critical"), ("many accounts", "High")] {
                bundle.liongard.change(alert, news(text, priority)).unwrap();
                bundle.run_until_quiet().await;
                let change = TicketEdit {
                    priority_id: rewritten,
                    ..TicketEdit::default()
                };
                bundle.halo.change_ticket(ticket, DANA, change).unwrap();
                bundle.run_until_quiet().await;
                let of_this_change = bundle.writes() - writes;
                assert!(
                    (1..=2).contains(&of_this_change),
                    "{webhook_delivery:?} {rewritten:?}: {of_this_change} writes for a note and a priority"
                );
                writes = bundle.writes();
                bundle.run_for(Duration::from_secs(7_200)).await;
                assert_eq!(
                    bundle.writes(),
                    writes,
                    "{webhook_delivery:?} {rewritten:?}"
                );
                cases += 1;
            }
            assert_eq!(bundle.runs_of(HALO_INSPECTOR), 0, "no status has changed");
            if let Some(priority) = rewritten {
                assert_eq!(bundle.halo.ticket(ticket).unwrap().priority_id, priority);
            }
        }
    }
    println!("{cases} cases");
}

#[tokio::test]
async fn an_unknown_word_closes_nothing() {
    let mut bundle = Scenario::managed().await;
    let (alert, ticket) = with_ticket(&mut bundle).await;
    bundle
        .liongard
        .change(alert, word("Triaged by Robot"))
        .unwrap();
    bundle.conclude().await;
    assert!(!bundle.halo.ticket(ticket).unwrap().closed);
    bundle
        .liongard
        .change(alert, word("Closed - Incomplete"))
        .unwrap();
    bundle.conclude().await;
    assert!(bundle.halo.ticket(ticket).unwrap().closed);
}

#[tokio::test]
async fn a_known_word_sets_the_mapped_status() {
    let mut bundle = Scenario::managed().await;
    let (alert, ticket) = with_ticket(&mut bundle).await;
    bundle.liongard.change(alert, word("In Progress")).unwrap();
    bundle.conclude().await;
    let status = bundle.halo.ticket(ticket).unwrap().status_id;
    assert_eq!(status, status_ids::IN_PROGRESS);
}

#[tokio::test]
async fn a_hidden_alert_opens_no_ticket_and_closes_none() {
    let mut bundle = Scenario::managed().await;
    let (seen, ticket) = with_ticket(&mut bundle).await;
    let hidden = bundle.raise(1, "Noise");
    bundle.liongard.hide_alert(hidden).unwrap();
    bundle.liongard.hide_alert(seen).unwrap();
    bundle.conclude().await;
    assert!(bundle.tickets_of(hidden).is_empty());
    assert!(!bundle.halo.ticket(ticket).unwrap().closed);
}

#[tokio::test]
async fn an_alert_that_clears_before_the_first_poll_needs_no_ticket() {
    let mut bundle = Scenario::managed().await;
    bundle.run_until_quiet().await;
    let alert = bundle.raise(0, "A moment's trouble");
    bundle.liongard.close(alert).unwrap();
    bundle.conclude().await;
    assert!(bundle.tickets_of(alert).is_empty());
    assert_eq!(bundle.writes(), 0);
}

#[tokio::test]
async fn a_storm_of_alerts_gets_a_ticket_each() {
    let mut bundle = Scenario::managed().await;
    let alerts: Vec<i64> = (0..80)
        .map(|number| bundle.raise(number % 6, &format!("Rule {number}")))
        .collect();
    bundle.conclude().await;
    for alert in alerts {
        bundle.only_ticket(alert);
    }
    assert_eq!(bundle.writes(), 80);
}

#[tokio::test]
async fn a_ticket_gets_its_team_where_halopsa_passes_over_names() {
    for by_id_only in [false, true] {
        let mut setup = Setup::managed().fixing(&["team-by-id"]);
        if by_id_only {
            setup.halo.team_reference = TeamReference::IdOnly;
        }
        let mut bundle = Scenario::start(setup).await;
        let mut policy = bundle.setup.policy();
        let template = policy.templates.get_mut("default").unwrap();
        template.team = Some("Projects".to_owned());
        bundle.set_policy(policy);
        // As a start, or the first cycle of a function, does.
        let parts = &bundle.process().use_cases;
        let now = bundle.time.now();
        let when = ProbeWhen::Outdated;
        let known = dialect(&parts.desk, &parts.liongard, &parts.store, when, now);
        Box::pin(known).await.unwrap();
        // A later process, such as another function, learns it from the store.
        bundle.crash().await;
        let alert = bundle.raise(0, "Stale Privileged Accounts");
        bundle.run_until_quiet().await;
        assert_eq!(bundle.only_ticket(alert).team, "Projects", "{by_id_only}");
        bundle.conclude().await;
    }
}

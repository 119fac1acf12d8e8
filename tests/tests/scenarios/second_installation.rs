//! Two installations on one HaloPSA, with the same application and the same prefix.

use std::time::Duration;

use halogard_domain::continuity::{PROBATION, Rival, StoreContinuity};
use halogard_domain::record::Singleton;
use halogard_simulator::SimHaloSettings;
use halogard_simulator::halopsa::TicketView;
use halogard_tests::scenario::Process;
use halogard_tests::{Scenario, Setup, WebhookDelivery};
use tempfile::TempDir;
use tracing::Level;

use crate::news;

/// A bundle without webhooks, whose HaloPSA lists new tickets `lag` seconds late.
async fn first(lag: u64) -> Scenario {
    let setup = Setup::managed();
    Scenario::start(Setup {
        halo: SimHaloSettings {
            list_lag: Duration::from_secs(lag),
            ..setup.halo
        },
        webhook_delivery: WebhookDelivery::Never,
        level: Level::INFO,
        ..setup
    })
    .await
}

/// Both installations work for this many minutes; `second_first` says which begins each.
async fn run_both(bundle: &mut Scenario, second: &Process, minutes: u32, second_first: bool) {
    for _ in 0..minutes {
        if second_first {
            second.work_through().await;
        }
        bundle.run_for(Duration::from_secs(60)).await;
        if !second_first {
            second.work_through().await;
        }
    }
}

/// What `process` knows of another installation.
async fn rival_of(process: &Process) -> Option<Rival> {
    use halogard_app::ports::Records as _;
    let stored = process
        .store
        .load_record::<StoreContinuity>(&Singleton)
        .await;
    stored.unwrap().value.rival
}

fn tickets_of(bundle: &Scenario, alert: i64) -> Vec<TicketView> {
    bundle.tickets_of(alert)
}

#[tokio::test]
async fn a_second_installation_is_noticed_before_the_first_duplicate() {
    for lag in [0, 60, 240] {
        for second_first in [false, true] {
            let mut bundle = first(lag).await;
            let earlier = bundle.raise(0, "Before the second installation");
            bundle.run_until_quiet().await;
            bundle.run_for(Duration::from_secs(900)).await;
            let folder = TempDir::new().unwrap();
            let second = bundle.second_installation(&folder).await;
            run_both(&mut bundle, &second, 45, second_first).await;
            let mut alerts = vec![earlier];
            for customer in 1..4 {
                alerts.push(bundle.raise(customer, "While both run"));
                run_both(&mut bundle, &second, 30, second_first).await;
            }
            for alert in &alerts {
                let tickets = tickets_of(&bundle, *alert);
                assert_eq!(tickets.len(), 1, "lag {lag}, {second_first}: {tickets:#?}");
            }
            assert_eq!(bundle.halo.stats().creates.len(), alerts.len());
            let rival = rival_of(&second).await.expect("the second one noticed");
            assert!(rival.installation.is_some());
            assert_eq!(rival_of(bundle.process()).await, None);
            let logs = bundle.logs.text();
            assert!(logs.contains("second_installation"), "{logs}");

            // The first one is switched off for good, and the config of the second one says so.
            let mut policy = bundle.setup.policy();
            policy.former_installations = vec![rival.installation.unwrap().to_string()];
            second.use_cases.set_policy(policy);
            let alone = bundle.raise(4, "Only one runs");
            for _ in 0..40 {
                bundle.time.advance(Duration::from_secs(60));
                second.work_through().await;
            }
            assert_eq!(tickets_of(&bundle, alone).len(), 1);
            for alert in &alerts {
                assert_eq!(tickets_of(&bundle, *alert).len(), 1);
            }
        }
    }
}

#[tokio::test]
async fn of_two_that_start_together_one_stops_after_the_first_alert() {
    let mut bundle = first(60).await;
    let folder = TempDir::new().unwrap();
    bundle.time.advance(Duration::from_millis(5));
    let second = bundle.second_installation(&folder).await;
    run_both(&mut bundle, &second, 10, false).await;
    let raced = bundle.raise(0, "The race");
    run_both(&mut bundle, &second, 30, false).await;
    assert!(tickets_of(&bundle, raced).len() <= 2);
    let before = bundle.halo.stats().creates.len();
    for customer in 1..5 {
        let alert = bundle.raise(customer, "After the race");
        run_both(&mut bundle, &second, 20, customer % 2 == 0).await;
        assert_eq!(tickets_of(&bundle, alert).len(), 1, "{customer}");
    }
    assert_eq!(bundle.halo.stats().creates.len(), before + 4);
    let known = [rival_of(bundle.process()).await, rival_of(&second).await];
    let ids: Vec<_> = known.iter().flatten().map(|it| &it.installation).collect();
    assert_eq!(ids.len(), 2, "each knows the other: {known:?}");
    assert_ne!(ids[0], ids[1]);
}

#[tokio::test]
async fn a_lost_store_without_a_rival_opens_after_its_probation() {
    let mut bundle = first(0).await;
    bundle.raise(0, "Before");
    bundle.run_until_quiet().await;
    bundle.run_for(Duration::from_secs(900)).await;
    bundle.lose_the_store().await;
    bundle.run_for(Duration::from_secs(60)).await;
    let alert = bundle.raise(1, "After");
    let is_open = |bundle: &Scenario| bundle.ticket_of(alert).is_some();
    let within = PROBATION + Duration::from_secs(400);
    bundle.run_until("it has a ticket", within, is_open).await;
    let next = bundle.raise(2, "Later");
    let is_open = |bundle: &Scenario| bundle.ticket_of(next).is_some();
    let within = Duration::from_secs(130);
    bundle
        .run_until("it has a ticket at once", within, is_open)
        .await;
    assert_eq!(rival_of(bundle.process()).await, None);
    bundle.conclude().await;
}

#[tokio::test]
async fn each_change_is_written_once_by_the_installation_that_opened_the_ticket() {
    for second_first in [false, true] {
        let mut bundle = first(0).await;
        bundle.raise(0, "Before the second installation");
        bundle.run_until_quiet().await;
        bundle.run_for(Duration::from_secs(900)).await;
        let folder = TempDir::new().unwrap();
        let second = bundle.second_installation(&folder).await;
        run_both(&mut bundle, &second, 45, second_first).await;
        let alert = bundle.raise(1, "While both run");
        run_both(&mut bundle, &second, 30, second_first).await;
        let ticket = tickets_of(&bundle, alert)[0].id;
        bundle
            .liongard
            .change(alert, news("worse", "Critical"))
            .unwrap();
        run_both(&mut bundle, &second, 30, second_first).await;
        let shown = bundle.halo.ticket(ticket).unwrap();
        let notes = shown.actions.iter().filter(|it| it.note.contains("worse"));
        assert_eq!(notes.count(), 1, "{second_first}: {shown:#?}");
        bundle.liongard.close(alert).unwrap();
        run_both(&mut bundle, &second, 30, second_first).await;
        assert!(bundle.halo.ticket(ticket).unwrap().closed);
        assert_eq!(tickets_of(&bundle, alert).len(), 1);
    }
}

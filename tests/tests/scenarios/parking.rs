//! Alerts without a mapping are parked, and released once the operator maps them.

use halogard_domain::pair_status::PairStatus;
use halogard_domain::policy::ParkReason;
use halogard_tests::{Scenario, Setup};

use crate::news;

#[tokio::test]
async fn an_unmapped_alert_waits_and_is_released_when_it_is_mapped() {
    let setup = Setup {
        unmapped: [8801].into(),
        ..Setup::managed()
    };
    let mut bundle = Scenario::start(setup.clone()).await;
    let alert = bundle.raise(0, "Stale Privileged Accounts");
    let other = bundle.raise(1, "Stale Privileged Accounts");
    bundle.conclude().await;
    assert!(
        bundle.tickets_of(alert).is_empty(),
        "never a default client"
    );
    let parked = Some(PairStatus::Parked(ParkReason::Unmapped));
    assert_eq!(bundle.pair_status(alert).await, parked);
    bundle.only_ticket(other);
    let mapped = Setup {
        unmapped: [].into(),
        ..setup
    };
    bundle.set_policy(mapped.policy());
    bundle.conclude().await;
    assert_eq!(bundle.only_ticket(alert).client_id, 17);
    assert_eq!(bundle.pair_status(alert).await, Some(PairStatus::InSync));
}

#[tokio::test]
async fn a_parked_alert_that_is_over_is_released_to_nothing() {
    let setup = Setup {
        unmapped: [8801].into(),
        ..Setup::managed()
    };
    let mut bundle = Scenario::start(setup.clone()).await;
    let alert = bundle.raise(0, "Stale Privileged Accounts");
    bundle.run_until_quiet().await;
    bundle.liongard.close(alert).unwrap();
    bundle.run_until_quiet().await;
    bundle.set_policy(Setup::managed().policy());
    bundle.conclude().await;
    assert_eq!(bundle.writes(), 0);
}

#[tokio::test]
async fn a_pair_whose_mapping_is_taken_away_rests_and_catches_up() {
    let mut bundle = Scenario::managed().await;
    let alert = bundle.raise(0, "Stale Privileged Accounts");
    bundle.run_until_quiet().await;
    let ticket = bundle.only_ticket(alert).id;
    let without = Setup {
        unmapped: [8801].into(),
        ..Setup::managed()
    };
    bundle.set_policy(without.policy());
    bundle
        .liongard
        .change(alert, news("9 accounts now", "Low"))
        .unwrap();
    bundle.conclude().await;
    assert_eq!(bundle.writes(), 1, "an unmapped alert writes nothing");
    bundle.set_policy(Setup::managed().policy());
    bundle.conclude().await;
    assert_eq!(bundle.halo.ticket(ticket).unwrap().priority_id, 4);
    assert_eq!(bundle.our_notes(ticket).len(), 1);
}

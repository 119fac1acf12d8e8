//! Observe mode: both sides are read and compared, and nothing is ever written to either.

use halogard_domain::Policy;
use halogard_domain::pair_status::PairStatus;
use halogard_domain::policy::Mode;
use halogard_simulator::liongard::NativeTicketing;
use halogard_tests::{Scenario, Setup};

use crate::{DANA, news};

/// The config of `setup`, observing.
fn observing(setup: &Setup) -> Policy {
    Policy {
        mode: Mode::Observe,
        ..setup.policy()
    }
}

/// What both vendors were asked to do: writes at HaloPSA, and inspector runs.
fn asked(bundle: &Scenario) -> (u64, usize) {
    let runs = bundle.liongard.stats().ad_hoc_runs;
    (bundle.writes(), runs.values().sum())
}

#[tokio::test]
async fn tickets_of_liongards_own_ticketing_are_linked_and_compared_without_a_write() {
    let mut setup = Setup::native().fixing(&["foreign-external-id"]);
    setup.liongard.native_ticketing = Some(NativeTicketing {
        drifts: true,
        ..NativeTicketing::default()
    });
    let policy = observing(&setup);
    let mut bundle = Scenario::start(setup).await;
    bundle.set_policy(policy);
    let alerts = [0, 1, 2].map(|customer| bundle.raise(customer, "Stale Privileged Accounts"));
    bundle.run_until_quiet().await;
    for alert in alerts {
        assert_eq!(bundle.pair_status(alert).await, Some(PairStatus::InSync));
    }
    let [changed, closed, left] = alerts;
    bundle
        .liongard
        .change(changed, news("9 accounts now", "Low"))
        .unwrap();
    bundle.liongard.close(closed).unwrap();
    let ticket = bundle.only_ticket(left).id;
    bundle.halo.close_ticket(ticket, DANA).unwrap();
    bundle.run_until_quiet().await;
    let statuses = [
        (changed, PairStatus::InSync),
        (closed, PairStatus::LeftToTechnician),
        (left, PairStatus::ResolvedInPsaOnly),
    ];
    for (alert, expected) in statuses {
        assert_eq!(bundle.pair_status(alert).await, Some(expected));
    }
    assert_eq!(asked(&bundle), (0, 0));
}

#[tokio::test]
async fn an_installation_that_begins_to_observe_leaves_its_own_tickets_alone() {
    let mut bundle = Scenario::managed().await;
    let alerts = [0, 1, 2].map(|customer| bundle.raise(customer, "Stale Privileged Accounts"));
    bundle.run_until_quiet().await;
    let before = asked(&bundle);
    assert_eq!(before.0, 3);
    let policy = observing(&bundle.setup);
    bundle.set_policy(policy);
    bundle.run_until_quiet().await;
    bundle.liongard.close(alerts[0]).unwrap();
    bundle
        .liongard
        .change(alerts[1], news("9 accounts now", "Low"))
        .unwrap();
    let ticket = bundle.only_ticket(alerts[2]).id;
    bundle.halo.close_ticket(ticket, DANA).unwrap();
    bundle.raise(3, "raised while it observes");
    bundle.run_until_quiet().await;
    bundle.crash().await;
    bundle.run_until_quiet().await;
    assert_eq!(asked(&bundle), before, "nothing more was asked");
}

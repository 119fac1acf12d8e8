//! Alerts without a mapping are parked, and released once the operator maps them.

use halogard_domain::Policy;
use halogard_domain::ids::{EnvironmentId, HaloClientId, StatusId, TicketTypeId};
use halogard_domain::pair_status::PairStatus;
use halogard_domain::policy::{Mode, ParkReason};
use halogard_tests::{Scenario, Setup};

use crate::{news, with_ticket};

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
async fn an_unmapped_alert_of_liongards_own_ticketing_waits_visibly_and_is_linked_when_it_is_mapped()
 {
    let setup = Setup {
        unmapped: [8801].into(),
        ..Setup::native().fixing(&["foreign-external-id"])
    };
    let mut bundle = Scenario::start(setup.clone()).await;
    let alert = bundle.raise(0, "Stale Privileged Accounts");
    let over = bundle.raise(0, "MFA Disabled");
    bundle.run_until_quiet().await;
    bundle.liongard.close(over).unwrap();
    bundle.conclude().await;
    let parked = Some(PairStatus::Parked(ParkReason::Unmapped));
    assert_eq!(bundle.pair_status(alert).await, parked);
    assert_eq!(bundle.pair_status(over).await, Some(PairStatus::InSync));
    let mapped = Setup {
        unmapped: [].into(),
        ..setup
    };
    bundle.set_policy(mapped.policy());
    bundle.run_for(std::time::Duration::from_secs(300)).await;
    let link = bundle.link(alert).await.unwrap();
    let ticket = bundle.only_ticket(alert).id.unsigned_abs();
    assert_eq!(link.ticket.map(|id| id.get()), Some(ticket));
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

/// Ways in which a changed config may leave the open ticket of an alert of environment 8801.
fn changed_configs() -> Vec<(&'static str, Policy)> {
    let unmapped = Setup {
        unmapped: [8801].into(),
        ..Setup::managed()
    };
    let environment = EnvironmentId::new(8801);
    let mut other_client = Setup::managed().policy();
    let mapping = other_client.environments.get_mut(&environment).unwrap();
    mapping.client = HaloClientId::new(99);
    let mut other_template = Setup::managed().policy();
    let mut template = other_template.templates["default"].clone();
    template.name = "projects".to_owned();
    template.ticket_type = TicketTypeId::new(11);
    template.statuses.closed = StatusId::new(8);
    template.statuses.also_closed.clear();
    let mapping = other_template.environments.get_mut(&environment).unwrap();
    mapping.template = Some("projects".to_owned());
    other_template.templates = [("projects".to_owned(), template)].into();
    for other in other_template.environments.values_mut() {
        other.template = Some("projects".to_owned());
    }
    let mut native = Setup::managed().policy();
    native.mode = Mode::Native;
    vec![
        ("unmapped", unmapped.policy()),
        ("another client", other_client),
        ("another template", other_template),
        ("native mode", native),
    ]
}

#[tokio::test]
async fn an_open_ticket_is_followed_to_its_end_as_it_was_opened() {
    for (what, changed) in changed_configs() {
        for restarted in [false, true] {
            let mut bundle = Scenario::managed().await;
            let (alert, ticket) = with_ticket(&mut bundle).await;
            bundle.set_policy(changed.clone());
            bundle.run_until_quiet().await;
            if restarted {
                bundle.crash().await;
            }
            let left = "open_tickets_of_former_config\":1";
            let log = bundle.logs.text();
            assert!(
                log.contains(left) || log.contains("open_tickets_of_former_config=1"),
                "{what}"
            );

            bundle
                .liongard
                .change(alert, news("9 accounts now", "Low"))
                .unwrap();
            bundle.run_until_quiet().await;
            let seen = bundle.halo.ticket(ticket).unwrap();
            assert_eq!((seen.priority_id, seen.client_id), (4, 17), "{what}");
            assert_eq!(bundle.our_notes(ticket).len(), 1, "{what}");

            bundle.liongard.close(alert).unwrap();
            bundle.conclude().await;
            assert!(bundle.halo.ticket(ticket).unwrap().closed, "{what}");
            assert_eq!(bundle.only_ticket(alert).id, ticket, "{what}");
        }
    }
}

#[tokio::test]
async fn a_technician_who_closes_a_ticket_of_a_former_config_is_followed() {
    for (what, changed) in changed_configs() {
        let mut bundle = Scenario::managed().await;
        let alert = bundle.raise(0, "Stale Privileged Accounts");
        bundle.run_until_quiet().await;
        let ticket = bundle.only_ticket(alert).id;
        bundle.set_policy(changed);
        bundle.run_until_quiet().await;
        bundle.liongard.clear_condition(alert).unwrap();
        bundle.halo.close_ticket(ticket, crate::DANA).unwrap();
        bundle.conclude().await;
        assert!(bundle.alert(alert).closed, "{what}");
    }
}

#[tokio::test]
async fn an_alert_that_returns_after_its_mapping_went_waits_for_one() {
    let mut bundle = Scenario::managed().await;
    let alert = bundle.raise(0, "Stale Privileged Accounts");
    bundle.run_until_quiet().await;
    let ticket = bundle.only_ticket(alert).id;
    let without = Setup {
        unmapped: [8801].into(),
        ..Setup::managed()
    };
    bundle.set_policy(without.policy());
    bundle.run_until_quiet().await;
    bundle.liongard.close(alert).unwrap();
    bundle.run_until_quiet().await;
    assert!(bundle.halo.ticket(ticket).unwrap().closed);
    bundle.liongard.reopen(alert).unwrap();
    bundle.excuse(alert);
    bundle.run_until_quiet().await;
    let parked = Some(PairStatus::Parked(ParkReason::Unmapped));
    assert_eq!(bundle.pair_status(alert).await, parked);
    bundle.set_policy(Setup::managed().policy());
    bundle.conclude().await;
    assert!(!bundle.only_ticket(alert).closed, "nothing is opened twice");
}

//! Day one: alerts that are open before their customers' alerts get tickets.

use halogard_app::ports::{Lane, Records as _, Revision, WorkSink as _};
use halogard_domain::Policy;
use halogard_domain::config_history::ConfigInForce;
use halogard_domain::ids::{AlertId, EnvironmentId};
use halogard_domain::message::{Cause, Message};
use halogard_domain::pair_status::PairStatus;
use halogard_domain::policy::ParkReason;
use halogard_domain::record::Singleton;
use halogard_domain::start::{TicketsFor, UNDECIDED_MAX};
use halogard_operations::day_one;
use halogard_tests::{Scenario, Setup};

/// More alerts than get tickets without a word of the operator.
const MANY: i64 = UNDECIDED_MAX as i64 + 5;

const UNDECIDED: Option<PairStatus> = Some(PairStatus::Parked(ParkReason::StartUndecided));

/// The config with this choice.
fn choosing(choice: Option<TicketsFor>) -> Policy {
    Policy {
        tickets_for: choice,
        ..Setup::managed().policy()
    }
}

/// A bundle with this choice, before its first poll.
async fn before_the_first_poll(choice: Option<TicketsFor>) -> Scenario {
    let mut bundle = Scenario::managed().await;
    bundle.set_policy(choosing(choice));
    bundle
}

/// Raises this many alerts, in turn at each of the six customers.
fn raise(bundle: &Scenario, count: i64) -> Vec<i64> {
    let raise = |number| bundle.raise(number % 6, &format!("Rule {number}"));
    (0..count).map(raise).collect()
}

/// How many of `alerts` have a ticket.
fn with_ticket(bundle: &Scenario, alerts: &[i64]) -> usize {
    let alerts = alerts.iter();
    alerts
        .filter(|alert| !bundle.tickets_of(**alert).is_empty())
        .count()
}

/// Asks for the ticket of an alert, as `resync` does.
async fn request_ticket(bundle: &Scenario, alert: i64) {
    let id = AlertId::new(u64::try_from(alert).unwrap());
    let message = Message::reconcile_alert(id, Cause::TicketRequested);
    let store = &bundle.process().store;
    store.send(Lane::Urgent, &[message.into()]).await.unwrap();
}

#[tokio::test]
async fn many_open_alerts_wait_for_a_choice_while_all_other_work_goes_on() {
    let mut bundle = before_the_first_poll(None).await;
    let alerts = raise(&bundle, MANY);
    bundle.run_until_quiet().await;
    assert_eq!(with_ticket(&bundle, &alerts), 0);
    assert_eq!(bundle.pair_status(alerts[0]).await, UNDECIDED);
    assert!(bundle.logs.text().contains("start_undecided"));

    let new = bundle.raise(2, "raised after the start");
    bundle.crash().await;
    bundle.run_until_quiet().await;
    bundle.only_ticket(new);
    assert_eq!(
        with_ticket(&bundle, &alerts),
        0,
        "a restart chooses nothing"
    );
    request_ticket(&bundle, alerts[1]).await;
    bundle.run_until_quiet().await;
    assert_eq!(with_ticket(&bundle, &alerts), 1);

    bundle.set_policy(choosing(Some(TicketsFor::All)));
    bundle.conclude().await;
    for alert in alerts {
        bundle.only_ticket(alert);
    }
}

#[tokio::test]
async fn a_few_open_alerts_get_tickets_without_a_choice() {
    let mut bundle = before_the_first_poll(None).await;
    let alerts = raise(&bundle, i64::from(UNDECIDED_MAX));
    bundle.conclude().await;
    assert_eq!(with_ticket(&bundle, &alerts), alerts.len());
}

#[tokio::test]
async fn alerts_of_before_are_watched_and_get_a_ticket_when_they_return_or_on_request() {
    let mut bundle = before_the_first_poll(Some(TicketsFor::NewAlerts)).await;
    let alerts = raise(&bundle, 3);
    bundle.run_until_quiet().await;
    assert_eq!(with_ticket(&bundle, &alerts), 0);
    for alert in &alerts {
        let status = bundle.pair_status(*alert).await;
        assert_eq!(status, Some(PairStatus::WatchedOnly));
    }

    request_ticket(&bundle, alerts[0]).await;
    bundle.liongard.close(alerts[1]).unwrap();
    bundle.run_until_quiet().await;
    bundle.only_ticket(alerts[0]);
    bundle.liongard.reopen(alerts[1]).unwrap();
    let new = bundle.raise(0, "raised after the start");
    bundle.run_until_quiet().await;
    bundle.only_ticket(alerts[1]);
    bundle.only_ticket(new);
    assert!(bundle.tickets_of(alerts[2]).is_empty());
    bundle.excuse(alerts[2]);
    bundle.conclude().await;
}

#[tokio::test]
async fn a_customer_that_is_mapped_later_has_a_day_one_of_its_own() {
    for (count, choice, tickets) in [
        (MANY, None, 0),
        (i64::from(UNDECIDED_MAX), None, UNDECIDED_MAX as usize),
        (2, Some(TicketsFor::NewAlerts), 0),
        (MANY, Some(TicketsFor::All), MANY as usize),
    ] {
        let setup = Setup {
            unmapped: [8801].into(),
            ..Setup::managed()
        };
        let mut bundle = Scenario::start(setup.clone()).await;
        let all = |choice| Policy {
            tickets_for: choice,
            ..setup.policy()
        };
        bundle.set_policy(all(choice));
        let rule = |number| format!("Rule {number}");
        let alerts: Vec<i64> = (0..count).map(|it| bundle.raise(0, &rule(it))).collect();
        bundle.run_until_quiet().await;
        assert_eq!(with_ticket(&bundle, &alerts), 0);

        bundle.set_policy(choosing(choice));
        bundle.run_until_quiet().await;
        let found = with_ticket(&bundle, &alerts);
        assert_eq!(found, tickets, "{count} alerts, {choice:?}");
        let new = bundle.raise(0, "raised after the mapping");
        bundle.run_until_quiet().await;
        bundle.only_ticket(new);
    }
}

#[tokio::test]
async fn a_customer_that_is_set_aside_at_the_start_is_not_new_when_its_mapping_is_mended() {
    let configured = choosing(Some(TicketsFor::NewAlerts));
    let mut bundle = Scenario::managed().await;
    let config = ConfigInForce {
        policy: Some(configured.clone()),
        versions: Vec::new(),
    };
    let store = &bundle.process().store;
    let saved = store.save_record(&Singleton, &config, Revision::default());
    saved.await.unwrap();
    let mut reduced = configured.clone();
    reduced.environments.remove(&EnvironmentId::new(8801));
    bundle.set_policy(reduced);
    bundle.run_until_quiet().await;
    bundle.time.advance(std::time::Duration::from_secs(60));
    let waiting = bundle.raise(0, "raised while the mapping has a problem");
    bundle.run_until_quiet().await;
    assert!(bundle.tickets_of(waiting).is_empty());
    bundle.set_policy(configured);
    bundle.conclude().await;
    bundle.only_ticket(waiting);
}

#[tokio::test]
async fn a_pilot_begins_while_the_other_customers_are_watched() {
    let mut bundle = Scenario::managed().await;
    let mut policy = choosing(Some(TicketsFor::NewAlerts));
    let pilot = EnvironmentId::new(8801);
    policy.tickets_for_customer.insert(pilot, TicketsFor::All);
    bundle.set_policy(policy);
    let alerts = raise(&bundle, 12);
    bundle.run_until_quiet().await;
    assert_eq!(with_ticket(&bundle, &alerts), 2);
    bundle.only_ticket(alerts[0]);
    bundle.only_ticket(alerts[6]);
}

#[tokio::test]
async fn alerts_raised_since_a_day_get_tickets_and_older_ones_are_watched() {
    let mut bundle = Scenario::managed().await;
    let old = bundle.raise(0, "before that day");
    let since =
        halogard_app::ports::Clock::now(&bundle.time).plus(std::time::Duration::from_secs(3600));
    bundle.set_policy(choosing(Some(TicketsFor::Since(since))));
    bundle.run_until_quiet().await;
    assert!(bundle.tickets_of(old).is_empty());
    bundle.time.advance(std::time::Duration::from_secs(7200));
    let young = bundle.raise(0, "since that day");
    bundle.run_until_quiet().await;
    bundle.only_ticket(young);
    assert!(bundle.tickets_of(old).is_empty());
}

#[tokio::test]
async fn the_preview_says_what_the_first_poll_does_and_writes_nothing() {
    for (choice, opened, undecided, watched) in [
        (None, 0, MANY as usize, 0),
        (Some(TicketsFor::All), MANY as usize, 0, 0),
        (Some(TicketsFor::NewAlerts), 0, 0, MANY as usize),
    ] {
        let mut bundle = before_the_first_poll(choice).await;
        let alerts = raise(&bundle, MANY);
        let now = halogard_app::ports::Clock::now(&bundle.time);
        let process = bundle.process();
        let (store, liongard) = (&process.store, &process.use_cases.liongard);
        let seen = day_one::preview(store, liongard, &choosing(choice), now).await;
        let seen = seen.unwrap();
        assert_eq!(seen.would_open, opened, "{seen:?}");
        assert_eq!(seen.undecided, undecided, "{seen:?}");
        assert_eq!(seen.must_choose, undecided > 0, "{seen:?}");
        let of_customers: usize = seen.customers.iter().map(|it| it.watched).sum();
        assert_eq!(
            (of_customers, seen.customers.len()),
            (watched, 6),
            "{seen:?}"
        );
        assert_eq!(bundle.writes(), 0);
        bundle.run_until_quiet().await;
        assert_eq!(with_ticket(&bundle, &alerts), opened);
    }
}

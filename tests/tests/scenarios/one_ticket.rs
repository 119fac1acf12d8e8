//! Exactly one ticket for an alert: when answers are lost, lists lag, and the store is older than
//! HaloPSA's tickets.

use std::collections::BTreeMap;
use std::time::Duration;

use halogard_app::ports::Clock as _;
use halogard_domain::budget::Limit;
use halogard_domain::ids::{EnvironmentId, SiteId};
use halogard_domain::link::{CLAIM_LEFT_MIN, CLAIM_TTL, IN_DOUBT_MAX};
use halogard_domain::policy::Mode;
use halogard_simulator::halopsa::{ArrayFailure, TitleRule};
use halogard_simulator::{Fault, SimHaloSettings};
use halogard_tests::driver::POLL_INTERVAL;
use halogard_tests::{CaseMatrix, Component, CrashTiming, Scenario, Setup, WebhookDelivery};
use tracing::Level;

/// A scenario whose HaloPSA lists new tickets `lag` after they were made.
async fn lagging(lag: Duration, webhook_delivery: WebhookDelivery) -> Scenario {
    let setup = Setup::managed();
    Scenario::start(Setup {
        halo: SimHaloSettings {
            list_lag: lag,
            ..setup.halo
        },
        webhook_delivery,
        level: Level::INFO,
        ..setup
    })
    .await
}

#[test]
fn a_claim_outlives_the_longest_call_that_it_guards() {
    let call = halogard_http::HttpClientSettings::default().write_timeout;
    assert!(CLAIM_LEFT_MIN >= call + Duration::from_secs(10));
    // What is left of a new claim for a token and a permit.
    assert!(CLAIM_TTL - CLAIM_LEFT_MIN >= call + Limit::LEASE_AHEAD);
}

/// Keys that are in more than one ticket.
fn keys_in_two_tickets(bundle: &Scenario) -> Vec<String> {
    let mut tickets: BTreeMap<String, usize> = BTreeMap::new();
    for ticket in bundle.halo.tickets() {
        let key = ticket.summary.split(']').next().unwrap_or_default();
        *tickets.entry(key.to_owned()).or_default() += 1;
    }
    let twice = tickets.into_iter().filter(|(_, count)| *count > 1);
    twice.map(|(key, _)| key).collect()
}

#[test]
fn a_lost_answer_opens_no_second_ticket_however_far_lists_lag() {
    let mut grid = CaseMatrix::new("a lost answer, lists that lag 0 to 300 s");
    for lag in (0..=300).step_by(20) {
        for fault in [Fault::DropResponse, Fault::Gateway504AfterEffect] {
            let label = format!("{fault:?}, {lag} s");
            grid.case(&label, async {
                let lag = Duration::from_secs(lag);
                let mut bundle = lagging(lag, WebhookDelivery::Never).await;
                bundle.run_until_quiet().await;
                bundle.halo.faults().next("POST /Tickets", fault);
                let alert = bundle.raise(0, "Disk full");
                bundle.conclude().await;
                bundle.only_ticket(alert);
            });
        }
    }
    grid.finish();
}

/// `alerts` are raised at once, and HaloPSA's database ends the first `times` requests for their tickets.
async fn with_database_errors(mut setup: Setup, fault: Fault, lag: u64, alerts: i64, times: u64) {
    setup.halo.list_lag = Duration::from_secs(lag);
    setup.webhook_delivery = WebhookDelivery::Never;
    let mut bundle = Scenario::start(setup).await;
    bundle.raise(0, "Long ago");
    bundle.run_until_quiet().await;
    bundle.run_for(Duration::from_secs(600)).await;
    let before = bundle.halo.tickets().len();
    for _ in 0..times {
        bundle.halo.faults().next("POST /Tickets", fault.clone());
    }
    let alerts: Vec<i64> = (0..alerts)
        .map(|number| bundle.raise(number, "Disk full"))
        .collect();
    // A poll, and twenty seconds for each error.
    let within = POLL_INTERVAL + Duration::from_secs(20) * u32::try_from(times).unwrap();
    bundle.run_for(within).await;
    for alert in &alerts {
        let link = bundle.link(*alert).await.unwrap();
        assert!(link.ticket.is_some(), "after {within:?}: {:?}", link.claim);
    }
    bundle.run_for(Duration::from_secs(3600)).await;
    assert_eq!(bundle.halo.tickets().len(), before + alerts.len());
    // What is checked at the end finds tickets by their titles.
    if bundle.setup.halo.title_rule.is_none() {
        bundle.conclude().await;
    }
}

#[test]
fn a_database_error_delays_a_ticket_by_seconds_and_opens_no_second_one() {
    let mut grid = CaseMatrix::new("deadlocks and time-outs of HaloPSA's database");
    for fault in [
        Fault::Deadlock,
        Fault::DeadlockAfterEffect,
        Fault::Status500,
        Fault::Status500AfterEffect,
    ] {
        for lag in [0, 120, 300] {
            for (alerts, times) in [(1, 1), (1, 3), (6, 1)] {
                let label = format!("{fault:?} × {times}, {alerts} alerts, lists lag {lag} s");
                let setup = Setup::managed();
                let case = with_database_errors(setup, fault.clone(), lag, alerts, times);
                grid.case(&label, case);
            }
        }
    }
    grid.finish();
}

#[test]
fn a_database_error_opens_no_second_ticket_where_titles_are_replaced() {
    let mut grid = CaseMatrix::new("deadlocks of HaloPSA's database, replaced titles");
    for fault in [Fault::Deadlock, Fault::DeadlockAfterEffect] {
        for lag in [0, 120, 300] {
            let mut setup = Setup::managed();
            setup.halo.title_rule = Some(TitleRule {
                title: "Monitoring alert".to_owned(),
                can_be_skipped: false,
            });
            let case = with_database_errors(setup, fault.clone(), lag, 1, 1);
            grid.case(&format!("{fault:?}, lists lag {lag} s"), case);
        }
    }
    grid.finish();
}

/// Six alerts are raised at once, one of them for a site that HaloPSA does not know.
async fn with_a_refused_record(array_failure: ArrayFailure, lag: u64, refused: usize) {
    let setup = Setup::managed();
    let mut policy = setup.policy();
    let environment = 8801 + u64::try_from(refused).unwrap();
    let environment = EnvironmentId::new(environment);
    let mapped = policy.environments.get_mut(&environment).unwrap();
    mapped.site = Some(SiteId::new(999_999));
    let mut bundle = Scenario::start(Setup {
        halo: SimHaloSettings {
            list_lag: Duration::from_secs(lag),
            array_failure,
            ..setup.halo.clone()
        },
        webhook_delivery: WebhookDelivery::Never,
        level: Level::INFO,
        ..setup
    })
    .await;
    bundle.raise(1, "Long ago");
    bundle.run_until_quiet().await;
    bundle.run_for(Duration::from_secs(600)).await;
    bundle.set_policy(policy);
    let alerts: Vec<i64> = (0..6)
        .map(|number| bundle.raise(number, "Disk full"))
        .collect();
    bundle.expects_dead_letters = true;
    bundle.excuse(alerts[refused]);
    bundle.run_until_quiet().await;
    assert_eq!(keys_in_two_tickets(&bundle), [""; 0]);
    let has_ticket = |alert: &&i64| bundle.ticket_of(**alert).is_some();
    assert_eq!(alerts.iter().filter(has_ticket).count(), 5);
    bundle.conclude().await;
}

#[test]
fn a_refused_array_opens_no_second_ticket_however_far_lists_lag() {
    let mut grid = CaseMatrix::new("a refused array, lists that lag");
    for array_failure in [ArrayFailure::NothingKept, ArrayFailure::EarlierKept] {
        for lag in [0, 60, 240] {
            for refused in [0, 3, 5] {
                let label = format!("{array_failure:?}, {lag} s, record {refused}");
                grid.case(&label, with_a_refused_record(array_failure, lag, refused));
            }
        }
    }
    grid.finish();
}

#[test]
fn a_crash_at_any_request_opens_no_second_ticket_however_far_lists_lag() {
    let mut grid = CaseMatrix::new("a crash at each request, lists that lag");
    for lag in [0, 30, 120, 240] {
        for ordinal in 1..=6 {
            for moment in [CrashTiming::Before, CrashTiming::After] {
                let label = format!("{moment:?} request {ordinal}, {lag} s");
                grid.case(&label, async {
                    let lag = Duration::from_secs(lag);
                    let mut bundle = lagging(lag, WebhookDelivery::Never).await;
                    bundle.run_until_quiet().await;
                    let before = bundle.crash_points.count(Component::HaloPsa);
                    let alert = bundle.raise(0, "Disk full");
                    bundle
                        .crash_points
                        .arm(Component::HaloPsa, before + ordinal, moment);
                    bundle.conclude().await;
                    bundle.only_ticket(alert);
                });
            }
        }
    }
    grid.finish();
}

/// A backup is made, `alerts` get tickets `since_backup` seconds later, and the backup is put back.
async fn restore_a_backup(
    webhook_delivery: WebhookDelivery,
    alerts: i64,
    since_backup: u64,
    lag: u64,
) {
    let mut bundle = lagging(Duration::from_secs(lag), webhook_delivery).await;
    let earlier = bundle.raise(0, "Before the backup");
    bundle.run_until_quiet().await;
    let backup = bundle.back_up().await;
    bundle.run_for(Duration::from_secs(since_backup)).await;
    let alerts: Vec<i64> = (0..alerts)
        .map(|number| bundle.raise(number % 6, &format!("Rule {number}")))
        .collect();
    let all_open = |bundle: &Scenario| bundle.halo.tickets().len() == alerts.len() + 1;
    let within = Duration::from_secs(600);
    bundle.run_until("all are open", within, all_open).await;
    bundle.restore(&backup).await;
    bundle.liongard.close(earlier).unwrap();
    bundle.conclude().await;
    assert_eq!(keys_in_two_tickets(&bundle), [""; 0]);
    for alert in &alerts {
        bundle.only_ticket(*alert);
    }
    assert!(bundle.only_ticket(earlier).closed);
}

#[test]
fn a_restored_backup_opens_no_second_ticket() {
    let mut grid = CaseMatrix::new("a restored backup");
    for webhook_delivery in [WebhookDelivery::Prompt, WebhookDelivery::Never] {
        for (alerts, since_backup, lag) in [(1, 70, 0), (20, 70, 0), (20, 3600, 60), (20, 900, 240)]
        {
            let label = format!("{alerts} alerts, {since_backup} s, lists lag {lag} s");
            let case = restore_a_backup(webhook_delivery, alerts, since_backup, lag);
            grid.case(&label, case);
        }
    }
    // More than a sweep reads at once.
    let case = restore_a_backup(WebhookDelivery::Never, 310, 70, 0);
    grid.case("310 alerts", case);
    grid.finish();
}

#[test]
fn a_lost_store_opens_no_second_ticket_however_far_lists_lag() {
    let mut grid = CaseMatrix::new("a lost store, lists that lag");
    for lag in [0, 30, 120, 240] {
        grid.case(&format!("{lag} s"), async {
            let lag = Duration::from_secs(lag);
            let mut bundle = lagging(lag, WebhookDelivery::Never).await;
            let earlier = bundle.raise(0, "Long ago");
            bundle.run_until_quiet().await;
            bundle.run_for(Duration::from_secs(600)).await;
            let newest = bundle.raise(1, "A moment ago");
            let is_open = |bundle: &Scenario| bundle.halo.tickets().len() == 2;
            let within = Duration::from_secs(120);
            bundle.run_until("both are open", within, is_open).await;
            bundle.lose_the_store().await;
            bundle.conclude().await;
            bundle.only_ticket(earlier);
            bundle.only_ticket(newest);
        });
    }
    grid.finish();
}

#[tokio::test]
async fn a_restored_backup_holds_back_no_alert_that_is_new() {
    let mut bundle = lagging(Duration::ZERO, WebhookDelivery::Never).await;
    bundle.run_until_quiet().await;
    let backup = bundle.back_up().await;
    bundle.run_for(Duration::from_secs(3600)).await;
    bundle.raise(0, "Lost with the store");
    bundle.run_until_quiet().await;
    bundle.restore(&backup).await;
    bundle.run_for(Duration::from_secs(70)).await;
    let new = bundle.raise(1, "Raised after the restart");
    let is_open = |bundle: &Scenario| bundle.ticket_of(new).is_some();
    let within = Duration::from_secs(130);
    bundle.run_until("it has a ticket", within, is_open).await;
    bundle.conclude().await;
}

/// A backup is put back; an alert is raised `after` seconds later, when it may still be one that was raised before by
/// a clock that is ahead, and is to have its ticket when a sweep can show that it had none.
async fn raise_soon_after_a_restore(poll_interval: u64, after: u64) {
    let setup = Setup::managed();
    let mut bundle = Scenario::start(Setup {
        poll_interval: Duration::from_secs(poll_interval),
        webhook_delivery: WebhookDelivery::Never,
        level: Level::INFO,
        ..setup
    })
    .await;
    bundle.run_until_quiet().await;
    let backup = bundle.back_up().await;
    bundle.run_for(Duration::from_secs(3600)).await;
    let lost = bundle.raise(0, "Lost with the store");
    bundle.run_until_quiet().await;
    let restored_at = bundle.time.now();
    bundle.restore(&backup).await;
    bundle.run_for(Duration::from_secs(after)).await;
    let new = bundle.raise(1, "Raised after the restart");
    let due = IN_DOUBT_MAX + Duration::from_secs(poll_interval + 15);
    let within = due.saturating_sub(bundle.time.now().since(restored_at));
    let is_open = |bundle: &Scenario| bundle.ticket_of(new).is_some();
    bundle.run_until("it has a ticket", within, is_open).await;
    bundle.conclude().await;
    bundle.only_ticket(lost);
}

#[test]
fn an_alert_that_is_raised_right_after_a_restore_waits_no_longer_than_a_sweep_needs() {
    let mut grid = CaseMatrix::new("an alert is raised right after a restore");
    for poll_interval in [2, 5, 10, 60] {
        for after in [0, 30, 55] {
            let label = format!("a poll each {poll_interval} s, raised after {after} s");
            grid.case(&label, raise_soon_after_a_restore(poll_interval, after));
        }
    }
    grid.finish();
}

#[tokio::test]
async fn a_restored_backup_opens_no_second_ticket_where_lists_have_no_times() {
    let dialect = "rows-without-last-update".parse().unwrap();
    let setup = Setup {
        webhook_delivery: WebhookDelivery::Never,
        ..Setup::speaking(Mode::Managed, dialect)
    };
    let mut bundle = Scenario::start(setup).await;
    bundle.run_until_quiet().await;
    // No ticket had ever been listed when the copy was made.
    let backup = bundle.back_up().await;
    bundle.run_for(Duration::from_secs(3600)).await;
    let alert = bundle.raise(0, "Lost with the store");
    bundle.run_until_quiet().await;
    bundle.restore(&backup).await;
    bundle.run_for(Duration::from_secs(1200)).await;
    bundle.conclude().await;
    bundle.only_ticket(alert);
}

#[tokio::test]
async fn a_restart_delays_no_ticket() {
    let mut bundle = lagging(Duration::ZERO, WebhookDelivery::Never).await;
    bundle.run_until_quiet().await;
    let alert = bundle.raise(0, "Raised before the restart");
    bundle.crash().await;
    let is_open = |bundle: &Scenario| bundle.ticket_of(alert).is_some();
    let within = Duration::from_secs(60);
    bundle.run_until("it has a ticket", within, is_open).await;
    bundle.conclude().await;
}

//! Which alert gets which template, and runs that several pairs request.

mod support;

use std::collections::BTreeSet;
use std::time::Duration;

use halogard_domain::ids::{AlertId, EnvironmentId, LaunchpointId};
use halogard_domain::policy::{Mode, ParkReason, Pattern, Policy, Rule, Template};
use halogard_domain::runs::{FAILURES_MAX, NextRun, Runs};
use halogard_domain::{Alert, Slug};
use support::{alert, at, policy};

fn with_rules(rules: Vec<Rule>) -> Policy {
    let mut policy = policy(Mode::Managed);
    let base = policy.templates["default"].clone();
    for name in ["security", "gold"] {
        policy.templates.insert(
            name.into(),
            Template {
                name: name.into(),
                ..base.clone()
            },
        );
    }
    policy.rules = rules;
    policy
}

#[test]
fn the_first_rule_that_matches_wins() {
    let security = Rule {
        inspector: Some(Pattern::new("active-*")),
        priorities: BTreeSet::from([Slug::new("critical")]),
        template: Some("security".into()),
        ..Rule::default()
    };
    let gold = Rule {
        group: Some("gold".into()),
        template: Some("gold".into()),
        ..Rule::default()
    };
    let elsewhere = Rule {
        environments: BTreeSet::from([EnvironmentId::new(1)]),
        template: Some("security".into()),
        ..Rule::default()
    };
    let by_name = Rule {
        rule: Some(Pattern::new("*stale*")),
        template: Some("security".into()),
        ..Rule::default()
    };
    let low = Alert {
        priority: Slug::new("low"),
        ..alert()
    };
    let rows = [
        (vec![security.clone(), gold.clone()], alert(), "security"),
        (vec![gold.clone(), security.clone()], alert(), "gold"),
        (vec![security.clone(), gold], low.clone(), "gold"),
        (vec![security], low, "default"),
        (vec![elsewhere], alert(), "default"),
        (vec![by_name], alert(), "security"),
    ];
    for (rules, alert, expected) in rows {
        let policy = with_rules(rules);
        assert_eq!(policy.choose(&alert).unwrap().1.name, expected);
    }
}

#[test]
fn an_alert_without_a_template_says_why() {
    let mut policy = policy(Mode::Managed);
    policy
        .environments
        .get_mut(&EnvironmentId::new(8801))
        .unwrap()
        .template = None;
    assert_eq!(policy.choose(&alert()).unwrap_err(), ParkReason::NoTemplate);
    policy.environments.clear();
    assert_eq!(policy.choose(&alert()).unwrap_err(), ParkReason::Unmapped);
}

#[test]
fn the_first_request_starts_a_run_at_once_and_later_ones_share_one() {
    let interval = Duration::from_secs(60);
    let mut runs = Runs::default();
    assert_eq!(runs.next(at(0), interval), NextRun::Idle);
    runs.request(AlertId::new(1));
    assert_eq!(runs.next(at(0), interval), NextRun::Start);
    runs.start(LaunchpointId::new(501), None, at(0));
    runs.request(AlertId::new(2));
    runs.request(AlertId::new(3));
    assert_eq!(runs.next(at(1), interval), NextRun::CheckProgress);
    assert_eq!(runs.succeed(), BTreeSet::from([AlertId::new(1)]));
    assert_eq!(runs.next(at(20), interval), NextRun::StartAt(at(60)));
    assert_eq!(runs.next(at(60), interval), NextRun::Start);
    runs.start(LaunchpointId::new(501), None, at(60));
    assert_eq!(
        runs.succeed(),
        BTreeSet::from([AlertId::new(2), AlertId::new(3)])
    );
    assert_eq!(runs.next(at(61), interval), NextRun::Idle);
}

#[test]
fn a_failed_run_is_repeated_and_in_the_end_its_alerts_are_returned() {
    let interval = Duration::from_secs(60);
    let mut runs = Runs::default();
    runs.request(AlertId::new(1));
    for failure in 1..FAILURES_MAX {
        runs.start(LaunchpointId::new(501), None, at(i64::from(failure) * 60));
        assert_eq!(runs.fail(), BTreeSet::new());
        assert!(runs.requested);
    }
    runs.start(LaunchpointId::new(501), None, at(600));
    assert_eq!(runs.fail(), BTreeSet::from([AlertId::new(1)]));
    assert_eq!(runs.next(at(700), interval), NextRun::Idle);
}

#[test]
fn a_run_that_is_blocked_is_asked_for_again_until_the_other_has_ended() {
    use halogard_domain::runs::{BLOCKED_MAX, BLOCKED_RETRY_INTERVAL, NextRun, Runs};
    let alert = halogard_domain::ids::AlertId::new(7586);
    let interval = std::time::Duration::from_secs(60);
    let mut runs = Runs::default();
    runs.request(alert);
    let began = at(0);
    assert_eq!(runs.next(began, interval), NextRun::Start);

    assert!(runs.block(began).is_empty());
    let again = began.plus(BLOCKED_RETRY_INTERVAL);
    assert_eq!(runs.next(began, interval), NextRun::StartAt(again));
    assert_eq!(runs.next(again, interval), NextRun::Start);
    assert!(runs.waiting.contains(&alert), "it still waits");

    // It has ended: the run is ours, and the next refusal begins anew.
    runs.start(halogard_domain::ids::LaunchpointId::new(500), None, again);
    assert_eq!(runs.blocked, None);
    assert!(runs.succeed().contains(&alert));

    // It never ends.
    runs.request(alert);
    assert!(runs.block(again).is_empty());
    let given_up = runs.block(again.plus(BLOCKED_MAX));
    assert!(given_up.contains(&alert));
    assert!(!runs.is_busy());
}

#[test]
fn an_alert_that_the_operator_wants_no_ticket_for_waits_for_nothing() {
    let mut policy = policy(Mode::Managed);
    policy.rules.insert(0, Rule::default());
    assert_eq!(
        policy.choose(&alert()).unwrap_err(),
        ParkReason::NotTicketed
    );
    policy.environments.clear();
    assert_eq!(policy.choose(&alert()).unwrap_err(), ParkReason::Unmapped);
    policy.ignored_environments.insert(alert().environment);
    assert_eq!(policy.choose(&alert()).unwrap_err(), ParkReason::Ignored);
    for (reason, is_chosen) in [
        (ParkReason::Unmapped, false),
        (ParkReason::NoTemplate, false),
        (ParkReason::Ignored, true),
        (ParkReason::NotTicketed, true),
    ] {
        assert_eq!(reason.is_chosen(), is_chosen, "{reason:?}");
    }
}

#[test]
fn a_run_is_followed_ever_more_rarely_until_it_is_given_up() {
    use halogard_domain::runs::{RUN_TIMEOUT, progress_interval};
    let (mut age, mut checks, mut last) = (Duration::ZERO, 0, Duration::ZERO);
    while age <= RUN_TIMEOUT {
        let interval = progress_interval(age);
        assert!(interval >= last, "{interval:?} after {last:?}");
        last = interval;
        age += interval;
        checks += 1;
    }
    // On AWS each check is a copy of a message.
    assert!(checks <= 40, "{checks} checks");
    assert_eq!(progress_interval(Duration::ZERO), Duration::from_secs(5));
}

//! The scheduled comparison of both sides, step by step, over a store and vendors that are said to be so.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::sync::atomic::Ordering;
use std::time::Duration;

use halogard_app::ports::{
    AlertIndex as _, Links as _, NamedValues as _, QueuedState, Records as _, Revision, keys,
};
use halogard_domain::ids::{AlertId, EnvironmentId, StatusId, TicketId};
use halogard_domain::pause::{Pause, PauseScope, Pauses};
use halogard_domain::policy::{AppliedPolicy, ParkReason};
use halogard_domain::record::Singleton;
use halogard_domain::schedule::{Cadence, Schedule};
use halogard_domain::verification::{DifferenceKind, Verification, VerificationResult};
use halogard_domain::{Alert, Link, Policy, Ticket, Timestamp};
use halogard_operations::status::current_problems;
use halogard_operations::verify::scheduled::{ScheduledVerification, VerificationStep};
use halogard_sqlite::Store;
use tempfile::TempDir;

use support::vendors::{ListedAlerts, Tickets};
use support::{NOW, StoppedClock, alert, before, empty_store, pair, policy};

/// Both sides, and a store that knows every alert but those that are added later.
struct Sides {
    store: Store<StoppedClock>,
    source: ListedAlerts,
    desk: Tickets,
    policy: Policy,
    _folder: TempDir,
}

impl Sides {
    /// A store whose first poll was two hours ago.
    async fn new(links: &[Link]) -> Self {
        let (store, folder) = empty_store();
        let policy = policy();
        let first_poll = before(7200).as_millis();
        store
            .set_value(keys::FIRST_POLL_AT, first_poll)
            .await
            .unwrap();
        store
            .set_value(keys::LAST_COMPLETE_POLL_AT, before(1).as_millis())
            .await
            .unwrap();
        let digest = i64::from_ne_bytes(policy.fingerprint().to_ne_bytes());
        store.set_value(keys::APPLIED_POLICY, digest).await.unwrap();
        let applied = AppliedPolicy {
            policy: Some(policy.clone()),
        };
        let key = AppliedPolicy::key(policy.fingerprint());
        let saved = store.save_record(key.as_str(), &applied, Revision::default());
        saved.await.unwrap();
        for link in links {
            store.save(link, &[], Revision::default()).await.unwrap();
            let known = link.observed_alert.as_ref().unwrap();
            let queued = QueuedState::new(known.fingerprint(), before(3600));
            store
                .save_index(&[(link.alert, queued)].into())
                .await
                .unwrap();
        }
        let alerts = links.iter().filter_map(|it| it.observed_alert.clone());
        let tickets = links.iter().filter_map(|it| it.observed_ticket.clone());
        Self {
            source: ListedAlerts(alerts.collect()),
            desk: Tickets::of(tickets),
            store,
            policy,
            _folder: folder,
        }
    }

    async fn advance(&self, now: Timestamp) -> VerificationStep {
        let verification = ScheduledVerification {
            source: &self.source,
            desk: &self.desk,
        };
        let step = verification.advance(&self.store, &self.policy, now);
        step.await.unwrap()
    }

    /// Steps until the comparison has ended.
    async fn compare(&self, now: Timestamp) -> VerificationResult {
        for _ in 0..100 {
            match self.advance(now).await {
                VerificationStep::Advanced => {}
                VerificationStep::Ended(result) => return result,
                VerificationStep::NotDue => panic!("no comparison is due"),
            }
        }
        panic!("the comparison does not end")
    }

    fn ticket(&mut self, id: u64) -> &mut Ticket {
        self.desk.0.get_mut(&TicketId::new(id)).unwrap()
    }

    fn alert(&mut self, id: u64) -> &mut Alert {
        let mut alerts = self.source.0.iter_mut();
        alerts.find(|alert| alert.id == AlertId::new(id)).unwrap()
    }
}

fn pairs(ids: std::ops::RangeInclusive<u64>) -> Vec<Link> {
    ids.map(|id| pair(id, "new", 1, &policy())).collect()
}

/// A way in which the sides come to differ, and what the comparison makes of it.
struct Case {
    name: &'static str,
    happens: fn(&mut Sides),
    found: Option<DifferenceKind>,
}

#[tokio::test]
async fn each_way_to_differ_is_counted_by_its_kind_unless_it_is_explained_or_young() {
    let cases = [
        Case {
            name: "nothing",
            happens: |_| {},
            found: None,
        },
        Case {
            name: "the ticket is deleted in HaloPSA",
            happens: |sides| {
                sides.desk.0.remove(&TicketId::new(1002));
            },
            found: Some(DifferenceKind::OnlyLiongard),
        },
        Case {
            name: "the alert is closed and the ticket is not",
            happens: |sides| {
                sides.alert(2).status = halogard_domain::Slug::new("closed");
            },
            found: Some(DifferenceKind::Differs),
        },
        Case {
            name: "the alert closed a minute ago",
            happens: |sides| {
                let alert = sides.alert(2);
                alert.status = halogard_domain::Slug::new("closed");
                alert.changed_at = before(60);
            },
            found: None,
        },
        Case {
            name: "the ticket is closed and the alert is not",
            happens: |sides| sides.ticket(1002).status = StatusId::new(9),
            found: Some(DifferenceKind::Differs),
        },
        Case {
            name: "the ticket was closed a minute ago",
            happens: |sides| {
                let ticket = sides.ticket(1002);
                ticket.status = StatusId::new(9);
                ticket.changed_at = before(60);
            },
            found: None,
        },
        Case {
            name: "an alert that no poll has queued",
            happens: |sides| sides.source.0.push(alert(70, "new")),
            found: Some(DifferenceKind::OnlyLiongard),
        },
        Case {
            name: "an alert of an environment that is not mapped",
            happens: |sides| {
                sides.source.0.push(Alert {
                    environment: EnvironmentId::new(9),
                    ..alert(70, "new")
                });
            },
            found: None,
        },
        Case {
            name: "a closed alert that no poll knows any longer",
            happens: |sides| sides.source.0.push(alert(70, "closed")),
            found: None,
        },
    ];
    for case in cases {
        let mut sides = Sides::new(&pairs(1..=3)).await;
        (case.happens)(&mut sides);
        let result = sides.compare(NOW).await;
        let expected: Vec<_> = case.found.map(|kind| (kind, 1)).into_iter().collect();
        let found: Vec<_> = result.tally.differences.into_iter().collect();
        assert_eq!(found, expected, "{}", case.name);
        assert_eq!(result.tally.pairs, 3, "{}", case.name);
    }
}

#[tokio::test]
async fn what_an_operator_has_paused_is_no_difference() {
    for (scope, expected) in [
        (PauseScope::Alert(AlertId::new(2)), 0),
        (PauseScope::Customer(EnvironmentId::new(8801)), 0),
        (PauseScope::Alert(AlertId::new(3)), 1),
    ] {
        let mut sides = Sides::new(&pairs(1..=3)).await;
        sides.alert(2).status = halogard_domain::Slug::new("closed");
        let pauses = Pauses {
            pauses: vec![Pause {
                scope,
                since: before(60),
                from: None,
                until: None,
                reason: None,
            }],
        };
        let saved = sides
            .store
            .save_record(&Singleton, &pauses, Revision::default());
        saved.await.unwrap();
        let result = sides.compare(NOW).await;
        assert_eq!(result.tally.count(), expected, "{scope:?}");
    }
}

#[tokio::test]
async fn a_comparison_begins_when_it_is_due_and_no_vendor_is_paused() {
    let mut sides = Sides::new(&pairs(1..=3)).await;
    let hour = Duration::from_secs(3600);
    assert!(matches!(
        sides.advance(NOW).await,
        VerificationStep::Ended(_)
    ));
    let later = NOW.plus(23 * hour);
    assert_eq!(sides.advance(later).await, VerificationStep::NotDue);
    let due = NOW.plus(24 * hour);
    let pauses = Pauses {
        pauses: vec![Pause {
            scope: PauseScope::All,
            since: before(60),
            from: None,
            until: Some(due.plus(hour)),
            reason: None,
        }],
    };
    let saved = sides
        .store
        .save_record(&Singleton, &pauses, Revision::default());
    saved.await.unwrap();
    assert_eq!(sides.advance(due).await, VerificationStep::NotDue);
    let resumed = due.plus(hour);
    let unscheduled = Schedule {
        verify: None,
        health_report: None,
    };
    let scheduled = std::mem::replace(&mut sides.policy.schedule, unscheduled);
    assert_eq!(sides.advance(resumed).await, VerificationStep::NotDue);
    sides.policy.schedule = Schedule {
        verify: Some(Cadence::Weekly),
        ..scheduled
    };
    assert_eq!(sides.advance(resumed).await, VerificationStep::NotDue);
    sides.policy.schedule = scheduled;
    assert!(matches!(
        sides.advance(resumed).await,
        VerificationStep::Ended(_)
    ));
}

#[tokio::test]
async fn a_new_store_is_not_compared_in_its_first_hour() {
    let sides = Sides::new(&[]).await;
    let first_poll = before(1800).as_millis();
    sides
        .store
        .set_value(keys::FIRST_POLL_AT, first_poll)
        .await
        .unwrap();
    assert_eq!(sides.advance(NOW).await, VerificationStep::NotDue);
}

/// 4,500 pairs, each with a ticket: three steps, and a request for each hundred tickets.
#[tokio::test]
async fn thousands_of_pairs_are_compared_in_steps_that_any_process_may_make() {
    let sides = Sides::new(&pairs(1..=4_500)).await;
    let mut steps = 0;
    let result = loop {
        steps += 1;
        // Each call reads how far the comparison is from the store.
        match sides.advance(NOW).await {
            VerificationStep::Advanced => {}
            VerificationStep::Ended(result) => break result,
            VerificationStep::NotDue => panic!("it is under way"),
        }
        let stored = sides.store.load_record::<Verification>(&Singleton).await;
        let pass = stored.unwrap().value.pass.unwrap();
        assert_eq!(pass.tally.pairs, steps * 2_000);
    };
    assert_eq!((steps, result.tally.pairs), (3, 4_500));
    assert_eq!((result.tally.requests, result.tally.count()), (45, 0));
}

#[tokio::test]
async fn only_requests_that_halopsa_has_answered_are_counted() {
    let sides = Sides::new(&pairs(1..=450)).await;
    sides.desk.1.store(3, Ordering::Relaxed);
    let verification = ScheduledVerification {
        source: &sides.source,
        desk: &sides.desk,
    };
    for _ in 0..3 {
        let step = verification.advance(&sides.store, &sides.policy, NOW).await;
        assert!(step.is_err(), "{step:?}");
    }

    let result = sides.compare(NOW).await;

    assert_eq!((result.tally.pairs, result.tally.requests), (450, 5));
}

/// Lists that show too little of their tickets make each of them a request of its own, a hundred in a step.
#[tokio::test]
async fn a_step_reads_no_more_than_a_hundred_tickets_singly() {
    let mut sides = Sides::new(&pairs(1..=250)).await;
    for ticket in sides.desk.0.values_mut() {
        ticket.summary.clear();
    }
    for expected in [100, 200] {
        assert_eq!(sides.advance(NOW).await, VerificationStep::Advanced);
        let stored = sides.store.load_record::<Verification>(&Singleton).await;
        let pass = stored.unwrap().value.pass.unwrap();
        assert_eq!(pass.tally.pairs, expected);
    }
    let VerificationStep::Ended(result) = sides.advance(NOW).await else {
        panic!("there are fifty left");
    };
    assert_eq!(result.tally.pairs, 250);
}

#[tokio::test]
async fn what_differs_is_a_problem_of_the_status_until_a_later_comparison_finds_nothing() {
    let mut sides = Sides::new(&pairs(1..=3)).await;
    sides.alert(2).status = halogard_domain::Slug::new("closed");
    sides.compare(NOW).await;
    let found = async |sides: &Sides, now| {
        let problems = current_problems(&sides.store, now).await.unwrap();
        let mut problems = problems.into_iter();
        problems.find(|it| it.cause == "differences")
    };
    let problem = found(&sides, NOW).await.unwrap();
    assert!(
        problem.what.starts_with("1 pair differs") && problem.what.contains("alert 2"),
        "{problem:?}"
    );
    sides.alert(2).status = halogard_domain::Slug::new("new");
    let tomorrow = NOW.plus(Duration::from_secs(24 * 3600));
    sides.compare(tomorrow).await;
    assert_eq!(found(&sides, tomorrow).await, None);
}

#[tokio::test]
async fn an_alert_of_day_one_that_waits_for_a_choice_is_no_difference() {
    let mut undecided = Link::new(AlertId::new(5));
    undecided.observed_alert = Some(alert(5, "new"));
    undecided.parked = Some(ParkReason::StartUndecided);
    let sides = Sides::new(&[undecided]).await;
    assert_eq!(sides.compare(NOW).await.tally.count(), 0);
}

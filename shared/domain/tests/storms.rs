//! Do storms share tickets, count who shares them, and come to an end?

mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use halogard_domain::ids::{AlertId, EnvironmentId, LaunchpointId};
use halogard_domain::pair_status::{PairStatus, pair_status};
use halogard_domain::plan::Step;
use halogard_domain::policy::Mode;
use halogard_domain::runs::RunTarget;
use halogard_domain::storm::{LISTED_MAX, MEMBERS_MAX, Membership, StormKey, StormPolicy, Storms};
use halogard_domain::ticket::HumanActivity;
use halogard_domain::{Alert, Slug, Ticket};
use proptest::prelude::*;
use support::{CLOSED, Desk, alert, at, policy};

/// Two tickets in 15 minutes; calm after an hour; a note each half hour.
fn two_tickets() -> StormPolicy {
    StormPolicy {
        tickets_max: 2,
        ..StormPolicy::default()
    }
}

/// Another alert of the same rule and customer.
fn other(id: u64) -> Alert {
    Alert {
        id: AlertId::new(id),
        number: Some(format!("T{id}")),
        system: Some(format!("server <{id}>")),
        launchpoint: Some(LaunchpointId::new(id)),
        ..alert()
    }
}

/// The same alert, over.
fn over(alert: &Alert) -> Alert {
    Alert {
        status: Slug::new("closed"),
        ..alert.clone()
    }
}

/// Where `alert` stands, as one word.
fn word(place: &Membership) -> String {
    match place {
        Membership::Ungrouped => "alone".to_owned(),
        Membership::Leader(_) => "leads".to_owned(),
        Membership::Member { leader, open } => format!("joined {leader} {open}"),
    }
}

#[test]
fn the_third_alert_leads_and_later_ones_join_it() {
    let mut storms = Storms::default();
    let mut place = |id, seconds| word(&storms.assign(&other(id), &two_tickets(), at(seconds)));
    assert_eq!(place(1, 0), "alone");
    assert_eq!(place(2, 1), "alone");
    assert_eq!(place(3, 2), "leads");
    assert_eq!(place(4, 3), "joined 3 true");
    assert_eq!(place(2, 4), "alone", "asked again");
    assert_eq!(place(3, 4), "leads", "asked again");
    assert_eq!(place(4, 4), "joined 3 true", "asked again");
}

#[test]
fn alerts_far_apart_are_no_storm() {
    let mut storms = Storms::default();
    for id in 0..20 {
        let now = at(i64::try_from(id).unwrap() * 15 * 60 / 2);
        assert_eq!(
            storms.assign(&other(id), &two_tickets(), now),
            Membership::Ungrouped
        );
    }
}

#[test]
fn rules_and_customers_are_counted_apart() {
    let key = StormKey::of(&other(1));
    assert_eq!(StormKey::of(&other(2)), key);
    let elsewhere = Alert {
        environment: EnvironmentId::new(1),
        ..other(1)
    };
    let another_rule = Alert {
        rule: Some("Another".to_owned()),
        ..other(1)
    };
    let nameless = Alert {
        rule: None,
        ..other(1)
    };
    for alert in [elsewhere, another_rule, nameless] {
        assert_ne!(StormKey::of(&alert), key);
    }
}

#[test]
fn a_storm_that_was_calm_for_an_hour_is_over() {
    let mut storms = Storms::default();
    for id in 1..=4 {
        storms.assign(&other(id), &two_tickets(), at(0));
    }
    let place = storms.assign(&other(5), &two_tickets(), at(3_599));
    assert_eq!(word(&place), "joined 3 true");
    let place = storms.assign(&other(6), &two_tickets(), at(2 * 3_600));
    assert_eq!(word(&place), "alone");
    assert!(storms.group(AlertId::new(3)).unwrap().is_closed());
}

#[test]
fn who_is_over_is_counted_and_who_comes_back_is_open_again() {
    let mut storms = Storms::default();
    let policy = two_tickets();
    for id in 1..=5 {
        storms.assign(&other(id), &policy, at(0));
    }
    let leader = AlertId::new(3);
    let summary = |storms: &Storms| {
        let summary = storms.group(leader).unwrap().summary();
        (summary.joined, summary.open)
    };
    assert_eq!(summary(&storms), (2, 2));
    for _ in 0..2 {
        let place = storms.assign(&over(&other(4)), &policy, at(1));
        assert_eq!(word(&place), "joined 3 false");
        assert_eq!(summary(&storms), (2, 1));
    }
    assert_eq!(
        word(&storms.assign(&other(4), &policy, at(2))),
        "joined 3 true"
    );
    assert_eq!(summary(&storms), (2, 2));

    storms.assign(&over(&other(4)), &policy, at(3));
    storms.group_mut(leader).unwrap().close();
    assert_eq!(
        word(&storms.assign(&other(5), &policy, at(4))),
        "joined 3 true"
    );
    let back = storms.assign(&other(4), &policy, at(5));
    assert_eq!(
        word(&back),
        "leads",
        "its group is over: it is counted anew"
    );
    assert_eq!(summary(&storms), (1, 1));
}

#[test]
fn a_full_crowd_takes_in_nobody() {
    let mut storms = Storms::default();
    let policy = two_tickets();
    let members = u64::try_from(MEMBERS_MAX).unwrap();
    for id in 0..members + 3 {
        storms.assign(&other(id), &policy, at(0));
    }
    let summary = storms.group(AlertId::new(2)).unwrap().summary();
    assert_eq!(summary.joined, members);
    assert_eq!(summary.listed.len(), LISTED_MAX);
    let next = storms.assign(&other(members + 3), &policy, at(0));
    assert_eq!(word(&next), "leads");
}

#[test]
fn a_leader_is_sent_for_once() {
    let mut storms = Storms::default();
    for id in 1..=4 {
        storms.assign(&other(id), &two_tickets(), at(0));
    }
    let group = storms.group_mut(AlertId::new(3)).unwrap();
    assert!(group.request_leader(at(0)));
    assert!(!group.request_leader(at(2 * 3_600 - 1)));
    assert!(group.request_leader(at(2 * 3_600)), "the message got lost");
    assert!(group.leader_arrived());
    assert!(!group.leader_arrived());
    assert!(group.request_leader(at(2 * 3_600)));
}

/// The desk of an alert that leads a crowd of `others`.
fn leading(others: u64) -> Desk {
    let mut policy = policy(Mode::Managed);
    policy.storms = Some(StormPolicy {
        tickets_max: 0,
        ..StormPolicy::default()
    });
    let mut desk = Desk::new(policy);
    desk.link.observe_alert(alert());
    desk.settle(at(1));
    join(&mut desk, 0..others, at(2));
    desk
}

/// Lets alerts join the crowd of `desk`, or tells what became of them.
fn join(desk: &mut Desk, others: std::ops::Range<u64>, now: halogard_domain::Timestamp) {
    let policy = desk.policy.storms.clone().unwrap_or_default();
    for id in others {
        desk.storms.assign(&other(id), &policy, now);
    }
    desk.observe_group();
}

#[test]
fn the_ticket_of_a_leader_says_that_it_stands_for_many() {
    let desk = leading(0);
    let opened = desk.done.iter().find_map(|step| match step {
        Step::Open(ticket) => Some(ticket),
        _ => None,
    });
    let ticket = opened.expect("a ticket");
    assert!(
        ticket.summary.starts_with("[LG-7586] Storm: "),
        "{}",
        ticket.summary
    );
    assert!(ticket.details_html.contains("Many alerts of this rule"));
}

#[test]
fn a_crowd_is_counted_in_a_note_when_that_is_due() {
    let mut desk = leading(3);
    let due = at(1).plus(Duration::from_secs(30 * 60));
    assert_eq!(desk.plan(at(60)).last(), Some(&Step::Wait(due)));
    let steps = desk.plan(due);
    let Some(Step::AddSummaryNote(html)) = steps.first() else {
        panic!("{steps:?}");
    };
    assert!(
        html.contains("3 more alerts of this rule, 3 of them open."),
        "{html}"
    );
    assert!(html.contains("<li>T0 server &lt;0&gt;</li>"), "{html}");
    desk.settle(due);
    assert_eq!(desk.plan(due), [], "told once");

    join(&mut desk, 3..40, due);
    let steps = desk.plan(due.plus(Duration::from_secs(30 * 60)));
    let Some(Step::AddSummaryNote(html)) = steps.first() else {
        panic!("{steps:?}");
    };
    assert!(html.contains("<p>And 15 more.</p>"), "{html}");
}

#[test]
fn notes_on_one_ticket_are_capped() {
    let mut desk = leading(0);
    desk.policy.storms.as_mut().unwrap().notes_max = 3;
    for turn in 1..=5 {
        let now = at(turn * 3_600);
        join(&mut desk, 0..u64::try_from(turn).unwrap(), now);
        desk.settle(now);
        desk.link.observe_alert(Alert {
            description: format!("text {turn}"),
            changed_at: now,
            ..alert()
        });
        desk.settle(now);
    }
    let notes: Vec<&String> = desk
        .done
        .iter()
        .filter_map(|step| match step {
            Step::AddNote(html) | Step::AddSummaryNote(html) => Some(html),
            _ => None,
        })
        .collect();
    assert_eq!(notes.len(), 3);
    let last = "further changes are not noted here";
    let says_so: Vec<bool> = notes.iter().map(|html| html.contains(last)).collect();
    assert_eq!(says_so, [false, false, true]);
}

#[test]
fn the_ticket_of_a_crowd_is_closed_when_all_of_it_is_over() {
    let mut desk = leading(2);
    desk.link.observe_alert(Alert {
        changed_at: at(10),
        ..over(&alert())
    });
    let closes = |desk: &Desk| {
        let steps = desk.plan(at(20));
        steps
            .iter()
            .any(|step| matches!(step, Step::Close(_) | Step::CheckActivity))
    };
    assert!(!closes(&desk), "two are open");
    assert_eq!(
        pair_status(&desk.link, &desk.policy, at(20)),
        PairStatus::InSync
    );

    let policy = desk.policy.storms.clone().unwrap();
    for id in 0..2 {
        desk.storms.assign(&over(&other(id)), &policy, at(20));
    }
    desk.observe_group();
    assert!(closes(&desk));
    desk.settle(at(20));
    assert_eq!(desk.ticket.as_ref().unwrap().status, CLOSED);
    assert!(desk.storms.group(alert().id).unwrap().is_closed());
    assert_eq!(
        pair_status(&desk.link, &desk.policy, at(21)),
        PairStatus::InSync
    );
    let said = desk.done.iter().find_map(|step| match step {
        Step::Close(change) => change.closure_note.clone(),
        _ => None,
    });
    assert_eq!(
        said.as_deref(),
        Some("Liongard reports this alert (closed) and 2 more as over.")
    );
}

#[test]
fn a_person_who_closes_the_ticket_has_every_inspector_look() {
    let mut desk = leading(2);
    let closed = Ticket {
        status: CLOSED,
        changed_at: at(30),
        activity: HumanActivity::Seen,
        ..desk.ticket.clone().unwrap()
    };
    desk.ticket = Some(closed.clone());
    desk.link.observe_ticket(closed);
    let steps = desk.plan(at(31));
    let Some(Step::RequestInspections(targets)) = steps.first() else {
        panic!("{steps:?}");
    };
    let expected: BTreeSet<RunTarget> = [0, 1]
        .map(|id| RunTarget::Launchpoint(LaunchpointId::new(id)))
        .into_iter()
        .chain(alert().launchpoint.map(RunTarget::Launchpoint))
        .chain([RunTarget::HaloPsa])
        .collect();
    assert_eq!(targets.iter().copied().collect::<BTreeSet<_>>(), expected);
    desk.settle(at(31));
    assert!(desk.storms.group(alert().id).unwrap().is_closed());
}

#[test]
fn a_leader_that_is_over_before_its_ticket_opens_it_for_the_others() {
    let mut policy = policy(Mode::Managed);
    policy.storms = Some(StormPolicy {
        tickets_max: 0,
        ..StormPolicy::default()
    });
    for (others, opened) in [(0, 0), (1, 1)] {
        let mut desk = Desk::new(policy.clone());
        desk.link.observe_alert(alert());
        let storms = desk.policy.storms.clone().unwrap();
        desk.link.membership = Some(desk.storms.assign(&alert(), &storms, at(1)));
        join(&mut desk, 0..others, at(1));
        desk.link.observe_alert(Alert {
            changed_at: at(2),
            ..over(&alert())
        });
        desk.settle(at(3));
        assert_eq!(desk.opened, opened, "{others} others");
        if others == 0 {
            assert!(desk.storms.group(alert().id).unwrap().is_closed());
        }
    }
}

/// What may happen to one of a few alerts.
fn happenings() -> impl Strategy<Value = Vec<(u64, bool, i64)>> {
    prop::collection::vec((0..12_u64, any::<bool>(), 0..2_000_i64), 1..80)
}

proptest! {
    #[test]
    fn nobody_is_counted_twice_or_forgotten(happenings in happenings(), repeat in any::<bool>()) {
        let policy = two_tickets();
        let mut storms = Storms::default();
        let mut places: BTreeMap<u64, Membership> = BTreeMap::new();
        let mut now = 0;
        for (id, open, pause) in happenings {
            now += pause;
            let state = if open { other(id) } else { over(&other(id)) };
            // As a link does: whoever is over and has no place needs none.
            let joined = matches!(places.get(&id), Some(Membership::Member { .. }));
            if !open && !joined {
                places.remove(&id);
                continue;
            }
            if open && matches!(places.get(&id), Some(Membership::Ungrouped | Membership::Leader(_))) {
                continue;
            }
            let mut place = storms.assign(&state, &policy, at(now));
            if repeat {
                let again = storms.assign(&state, &policy, at(now));
                prop_assert_eq!(word(&place), word(&again));
                place = again;
            }
            places.insert(id, place);
        }
        let mut counted: BTreeMap<AlertId, (u64, u64)> = BTreeMap::new();
        for place in places.values() {
            if let Membership::Member { leader, open } = place {
                let (joined, are_open) = counted.entry(*leader).or_default();
                *joined += 1;
                *are_open += u64::from(*open);
            }
        }
        for (leader, expected) in counted {
            let summary = storms.group(leader).expect("it is remembered").summary();
            prop_assert_eq!((summary.joined, summary.open), expected, "led by {}", leader);
        }
    }
}

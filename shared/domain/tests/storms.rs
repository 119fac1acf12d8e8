//! Alerts of a storm share tickets, are counted, and get tickets of their own again when it is
//! over.

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
use support::{CLOSED, PairHarness, alert, at, policy};

/// Two tickets in 15 minutes; the storm is over after an hour without new members; a summary note
/// every half hour.
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

/// The same alert, closed.
fn closed(alert: &Alert) -> Alert {
    Alert {
        status: Slug::new("closed"),
        ..alert.clone()
    }
}

/// The membership as one word.
fn role(place: &Membership) -> String {
    match place {
        Membership::Ungrouped => "ungrouped".to_owned(),
        Membership::Leader(_) => "leader".to_owned(),
        Membership::Member { leader, open } => format!("member of {leader} {open}"),
    }
}

#[test]
fn the_third_alert_leads_and_later_ones_join_it() {
    let mut storms = Storms::default();
    let mut place = |id, seconds| role(&storms.assign(&other(id), &two_tickets(), at(seconds)));
    assert_eq!(place(1, 0), "ungrouped");
    assert_eq!(place(2, 1), "ungrouped");
    assert_eq!(place(3, 2), "leader");
    assert_eq!(place(4, 3), "member of 3 true");
    assert_eq!(place(2, 4), "ungrouped", "asked again");
    assert_eq!(place(3, 4), "leader", "asked again");
    assert_eq!(place(4, 4), "member of 3 true", "asked again");
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
fn a_storm_without_new_members_for_an_hour_is_over() {
    let mut storms = Storms::default();
    for id in 1..=4 {
        storms.assign(&other(id), &two_tickets(), at(0));
    }
    let place = storms.assign(&other(5), &two_tickets(), at(3_599));
    assert_eq!(role(&place), "member of 3 true");
    let place = storms.assign(&other(6), &two_tickets(), at(2 * 3_600));
    assert_eq!(role(&place), "ungrouped");
    assert!(storms.group(AlertId::new(3)).unwrap().is_closed());
}

#[test]
fn closed_members_are_counted_and_reopened_members_are_open_again() {
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
        let place = storms.assign(&closed(&other(4)), &policy, at(1));
        assert_eq!(role(&place), "member of 3 false");
        assert_eq!(summary(&storms), (2, 1));
    }
    assert_eq!(
        role(&storms.assign(&other(4), &policy, at(2))),
        "member of 3 true"
    );
    assert_eq!(summary(&storms), (2, 2));

    storms.assign(&closed(&other(4)), &policy, at(3));
    storms.group_mut(leader).unwrap().close();
    assert_eq!(
        role(&storms.assign(&other(5), &policy, at(4))),
        "member of 3 true"
    );
    let back = storms.assign(&other(4), &policy, at(5));
    assert_eq!(
        role(&back),
        "leader",
        "its group is closed: it is assigned anew"
    );
    assert_eq!(summary(&storms), (1, 1));
}

#[test]
fn a_full_group_accepts_no_member() {
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
    assert_eq!(role(&next), "leader");
}

#[test]
fn a_leader_is_requested_once() {
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

/// The pair of an alert that leads a group of `others`.
fn leading(others: u64) -> PairHarness {
    let mut policy = policy(Mode::Managed);
    policy.storms = Some(StormPolicy {
        tickets_max: 0,
        ..StormPolicy::default()
    });
    let mut pair = PairHarness::new(policy);
    pair.link.observe_alert(alert());
    pair.converge(at(1));
    join(&mut pair, 0..others, at(2));
    pair
}

/// Lets alerts join the group of `pair`, or updates the group with their state.
fn join(pair: &mut PairHarness, others: std::ops::Range<u64>, now: halogard_domain::Timestamp) {
    let policy = pair.policy.storms.clone().unwrap_or_default();
    for id in others {
        pair.storms.assign(&other(id), &policy, now);
    }
    pair.observe_group();
}

#[test]
fn the_ticket_of_a_leader_says_that_it_stands_for_a_group() {
    let pair = leading(0);
    let opened = pair.executed.iter().find_map(|step| match step {
        Step::Open(ticket) => Some(ticket),
        _ => None,
    });
    let ticket = opened.expect("a ticket");
    assert!(ticket.summary.starts_with("Storm: "), "{}", ticket.summary);
    assert!(ticket.details_html.contains("Many alerts of this rule"));
}

#[test]
fn a_group_is_counted_in_a_note_when_that_is_due() {
    let mut pair = leading(3);
    let due = at(1).plus(Duration::from_secs(30 * 60));
    assert_eq!(pair.plan(at(60)).last(), Some(&Step::Wait(due)));
    assert_eq!(pair.plan(due), [Step::RefreshTicket], "before the note");
    pair.link.ticket_as_of = Some(due);
    let steps = pair.plan(due);
    let Some(Step::AddSummaryNote(html)) = steps.first() else {
        panic!("{steps:?}");
    };
    assert!(
        html.contains("3 more alerts of this rule, 3 of them open."),
        "{html}"
    );
    assert!(html.contains("<li>T0 server &lt;0&gt;</li>"), "{html}");
    pair.converge(due);
    assert_eq!(pair.plan(due), [], "added once");

    join(&mut pair, 3..40, due);
    let later = due.plus(Duration::from_secs(30 * 60));
    pair.link.ticket_as_of = Some(later);
    let steps = pair.plan(later);
    let Some(Step::AddSummaryNote(html)) = steps.first() else {
        panic!("{steps:?}");
    };
    assert!(html.contains("<p>And 15 more.</p>"), "{html}");
}

#[test]
fn notes_on_one_ticket_are_capped() {
    let mut pair = leading(0);
    pair.policy.storms.as_mut().unwrap().notes_max = 3;
    for turn in 1..=5 {
        let now = at(turn * 3_600);
        join(&mut pair, 0..u64::try_from(turn).unwrap(), now);
        pair.converge(now);
        pair.link.observe_alert(Alert {
            description: format!("text {turn}"),
            changed_at: now,
            observed_at: now,
            ..alert()
        });
        pair.converge(now);
    }
    let notes: Vec<&String> = pair
        .executed
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
fn the_ticket_of_a_group_is_closed_when_all_its_alerts_are_closed() {
    let mut pair = leading(2);
    pair.link.observe_alert(Alert {
        changed_at: at(10),
        ..closed(&alert())
    });
    let closes = |pair: &PairHarness| {
        let steps = pair.plan(at(20));
        steps
            .iter()
            .any(|step| matches!(step, Step::Close(_) | Step::CheckActivity))
    };
    assert!(!closes(&pair), "two are open");
    assert_eq!(
        pair_status(&pair.link, &pair.policy, at(20)),
        PairStatus::InSync
    );

    let policy = pair.policy.storms.clone().unwrap();
    for id in 0..2 {
        pair.storms.assign(&closed(&other(id)), &policy, at(20));
    }
    pair.observe_group();
    assert!(closes(&pair));
    pair.converge(at(20));
    assert_eq!(pair.ticket.as_ref().unwrap().status, CLOSED);
    assert!(pair.storms.group(alert().id).unwrap().is_closed());
    assert_eq!(
        pair_status(&pair.link, &pair.policy, at(21)),
        PairStatus::InSync
    );
    let said = pair.executed.iter().find_map(|step| match step {
        Step::Close(change) => change.closure_note.clone(),
        _ => None,
    });
    assert_eq!(
        said.as_deref(),
        Some("Liongard closed this alert (closed) and 2 others.")
    );
}

#[test]
fn closing_the_ticket_of_a_group_runs_every_inspector() {
    let mut pair = leading(2);
    let closed = Ticket {
        status: CLOSED,
        changed_at: at(30),
        activity: HumanActivity::Seen,
        ..pair.ticket.clone().unwrap()
    };
    pair.ticket = Some(closed.clone());
    pair.link.observe_ticket(closed);
    let steps = pair.plan(at(31));
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
    pair.converge(at(31));
    assert!(pair.storms.group(alert().id).unwrap().is_closed());
}

#[test]
fn a_leader_that_is_closed_before_its_ticket_is_opened_opens_it_for_the_others() {
    let mut policy = policy(Mode::Managed);
    policy.storms = Some(StormPolicy {
        tickets_max: 0,
        ..StormPolicy::default()
    });
    for (others, opened) in [(0, 0), (1, 1)] {
        let mut pair = PairHarness::new(policy.clone());
        pair.link.observe_alert(alert());
        let storms = pair.policy.storms.clone().unwrap();
        pair.link.membership = Some(pair.storms.assign(&alert(), &storms, at(1)));
        join(&mut pair, 0..others, at(1));
        pair.link.observe_alert(Alert {
            changed_at: at(2),
            ..closed(&alert())
        });
        pair.converge(at(3));
        assert_eq!(pair.opened, opened, "{others} others");
        if others == 0 {
            assert!(pair.storms.group(alert().id).unwrap().is_closed());
        }
    }
}

/// Any history of a few alerts: which one, whether it is open, and when.
fn history() -> impl Strategy<Value = Vec<(u64, bool, i64)>> {
    prop::collection::vec((0..12_u64, any::<bool>(), 0..2_000_i64), 1..80)
}

proptest! {
    #[test]
    fn no_alert_is_counted_twice_or_forgotten(history in history(), repeat in any::<bool>()) {
        let policy = two_tickets();
        let mut storms = Storms::default();
        let mut places: BTreeMap<u64, Membership> = BTreeMap::new();
        let mut now = 0;
        for (id, open, pause) in history {
            now += pause;
            let state = if open { other(id) } else { closed(&other(id)) };
            // As a link does: an alert that is closed and belongs to no group is not assigned. A
            // leader stays one.
            match places.get(&id) {
                Some(Membership::Leader(_)) => continue,
                Some(Membership::Member { .. }) => {}
                Some(Membership::Ungrouped) | None if open => {}
                Some(Membership::Ungrouped) | None => {
                    places.remove(&id);
                    continue;
                }
            }
            if let Some(Membership::Ungrouped) = places.get(&id) {
                continue;
            }
            let mut place = storms.assign(&state, &policy, at(now));
            if repeat {
                let again = storms.assign(&state, &policy, at(now));
                prop_assert_eq!(role(&place), role(&again));
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

#[test]
fn an_alert_never_leads_a_second_group_while_members_of_the_first_name_it() {
    let mut storms = Storms::default();
    let place = |storms: &mut Storms, id, seconds| {
        role(&storms.assign(&other(id), &two_tickets(), at(seconds)))
    };
    for (id, expected) in [
        (1, "ungrouped"),
        (2, "ungrouped"),
        (3, "leader"),
        (4, "member of 3 true"),
    ] {
        assert_eq!(place(&mut storms, id, 1), expected);
    }
    // A technician closes the ticket of the group; the leader's alert is over and returns in
    // another storm of the rule.
    storms.group_mut(AlertId::new(3)).unwrap().close();
    let later = 3_600;
    assert_eq!(place(&mut storms, 5, later), "ungrouped");
    assert_eq!(place(&mut storms, 6, later), "ungrouped");
    assert_eq!(place(&mut storms, 3, later), "ungrouped");
    assert_eq!(place(&mut storms, 7, later), "leader");
    assert_eq!(place(&mut storms, 4, later), "member of 3 true");
    assert_eq!(place(&mut storms, 8, later), "member of 7 true");
    let group = storms.group(AlertId::new(3)).unwrap();
    assert_eq!(group.summary().joined, 1, "it counts its own member only");
}

/// Storms of one rule, each with a leader and one member, an hour and more apart.
fn storms_of(count: u64) -> (Storms, Vec<AlertId>) {
    let mut storms = Storms::default();
    let mut leaders = Vec::new();
    for (storm, seconds) in (0..count).zip((0..).step_by(10_000)) {
        for number in 0..4 {
            let id = storm * 10 + number;
            let place = storms.assign(&other(id), &two_tickets(), at(seconds));
            if matches!(place, Membership::Leader(_)) {
                leaders.push(AlertId::new(id));
            }
        }
    }
    (storms, leaders)
}

#[test]
fn a_group_with_an_open_alert_is_never_discarded() {
    let (mut storms, leaders) = storms_of(8);
    assert_eq!(leaders.len(), 8);
    let late =
        |storms: &mut Storms, id| role(&storms.assign(&other(id), &two_tickets(), at(200_000)));
    // Eight groups with open alerts: further alerts get tickets of their own, however many there are.
    for id in 900..960 {
        assert_eq!(late(&mut storms, id), "ungrouped");
    }
    assert!(leaders.iter().all(|leader| storms.group(*leader).is_some()));
    // The third one is resolved, and makes room.
    storms.assign(&closed(&other(23)), &two_tickets(), at(200_000));
    assert_eq!(late(&mut storms, 960), "leader");
    let kept = leaders
        .iter()
        .filter(|leader| storms.group(**leader).is_some());
    assert_eq!(kept.count(), 7);
    assert!(storms.has_discarded(leaders[2]));
    assert!(!storms.has_discarded(leaders[1]));
    assert!(
        !Storms::default().has_discarded(leaders[2]),
        "a lost record says nothing"
    );
}

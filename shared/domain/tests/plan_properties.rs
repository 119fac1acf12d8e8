//! The plan's rules hold for any order, any repetition and any state.

#![allow(
    clippy::expect_used,
    reason = "a test stops at what it did not expect, in its helpers too"
)]

mod support;

use halogard_domain::ids::{PriorityId, StatusId, TicketId};
use halogard_domain::link::{AttemptEnd, Claim, PendingInspection, TerminalReason};
use halogard_domain::plan::Step;
use halogard_domain::policy::{ClosePolicy, Fallback, Mode, ReopenTable};
use halogard_domain::storm::StormPolicy;
use halogard_domain::ticket::{Existence, HumanActivity};
use halogard_domain::{Alert, Link, Slug, Ticket, plan};
use proptest::prelude::*;
use support::{CLOSED, OPEN, PairHarness, TICKET, alert, at, policy, ticket};

/// An event on either side.
#[derive(Clone, Debug)]
enum Event {
    Alert {
        status: &'static str,
        priority: &'static str,
        text: u8,
    },
    DeskStatus(u64),
    DeskPriority(u64),
    DeskTouch,
    DeskDelete,
}

fn event() -> impl Strategy<Value = Event> {
    let status = prop_oneof![
        Just("New"),
        Just("In Progress"),
        Just("Closed - Complete"),
        Just("Resolved"),
        Just("Frobnicated"),
        Just(""),
    ];
    let priority = prop_oneof![Just("critical"), Just("low"), Just("whatever")];
    prop_oneof![
        6 => (status, priority, 0..3_u8)
            .prop_map(|(status, priority, text)| Event::Alert { status, priority, text }),
        4 => prop_oneof![Just(1), Just(2), Just(3), Just(8), Just(9)].prop_map(Event::DeskStatus),
        1 => (1..5_u64).prop_map(Event::DeskPriority),
        2 => Just(Event::DeskTouch),
        1 => Just(Event::DeskDelete),
    ]
}

fn any_policy() -> impl Strategy<Value = halogard_domain::Policy> {
    let mode = prop_oneof![Just(Mode::Managed), Just(Mode::Native)];
    let close = prop_oneof![
        Just(ClosePolicy::Untouched),
        Just(ClosePolicy::Always),
        Just(ClosePolicy::Never)
    ];
    let reopen = prop_oneof![
        Just(ReopenTable::default()),
        Just(ReopenTable {
            rules: vec![],
            fallback: Fallback::NewTicket
        }),
        Just(ReopenTable {
            rules: vec![],
            fallback: Fallback::Leave
        }),
    ];
    let storms = prop_oneof![
        Just(None),
        Just(Some(StormPolicy::default())),
        // Every alert leads a group.
        Just(Some(StormPolicy {
            tickets_max: 0,
            notes_max: 2,
            ..StormPolicy::default()
        })),
    ];
    (mode, close, reopen, storms).prop_map(|(mode, close, reopen, storms)| {
        let mut policy = policy(mode);
        policy.storms = storms;
        let template = policy.templates.get_mut("default").expect("the template");
        template.close = close;
        template.reopen = reopen;
        policy
    })
}

/// Applies `event` at second `now`, and reports it to the link.
fn apply(pair: &mut PairHarness, event: &Event, now: i64) {
    match event {
        Event::Alert {
            status,
            priority,
            text,
        } => pair.link.observe_alert(Alert {
            status: Slug::new(status),
            priority: Slug::new(priority),
            description: format!("text {text}"),
            native_ticket: (pair.policy.mode == Mode::Native).then_some(TICKET),
            changed_at: at(now),
            observed_at: at(now),
            ..alert()
        }),
        Event::DeskTouch => pair.person_worked = true,
        Event::DeskStatus(_) | Event::DeskPriority(_) | Event::DeskDelete => {
            let Some(ticket) = pair.ticket.as_mut() else {
                return;
            };
            match event {
                Event::DeskStatus(status) => ticket.status = StatusId::new(*status),
                Event::DeskPriority(priority) => ticket.priority = Some(PriorityId::new(*priority)),
                _ => ticket.existence = Existence::Deleted,
            }
            pair.person_worked = true;
            ticket.changed_at = at(now);
            ticket.observed_at = at(now);
            pair.link.observe_ticket(ticket.clone());
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, ..ProptestConfig::default() })]

    #[test]
    fn planning_after_executing_yields_no_steps(
        policy in any_policy(),
        events in prop::collection::vec(event(), 1..12),
    ) {
        let mut pair = PairHarness::new(policy);
        if pair.policy.mode == Mode::Native {
            pair.ticket = Some(ticket(OPEN, 0));
        }
        for (index, event) in events.iter().enumerate() {
            // Far apart, so that no grace period and no attempt in doubt is still running.
            let now = 10_000 * (i64::try_from(index).unwrap() + 1);
            apply(&mut pair, event, now);
            pair.converge(at(now + 5_000));
            prop_assert_eq!(pair.plan(at(now + 5_001)), vec![]);
            if let Some(ticket) = pair.ticket.clone() {
                // Our own write comes back as a change.
                pair.link.observe_ticket(Ticket { activity: HumanActivity::Unknown, ..ticket });
                prop_assert_eq!(pair.plan(at(now + 5_002)), vec![]);
            }
        }
        let recurrences = pair.link.recurrence;
        prop_assert!(pair.opened <= recurrences, "{} tickets for {} turns", pair.opened, recurrences);
    }

    #[test]
    fn an_unknown_status_never_closes_a_ticket(
        policy in any_policy(),
        word in "[A-Za-z -]{0,12}",
        before in prop_oneof![Just(OPEN), Just(StatusId::new(2))],
        activity in prop_oneof![Just(HumanActivity::Unknown), Just(HumanActivity::None { as_of: at(1_000_000) }), Just(HumanActivity::Seen)],
    ) {
        let unknown = Alert { status: Slug::new(&word), changed_at: at(50), ..alert() };
        prop_assume!(!unknown.is_closed());
        let link = support::linked(&policy);
        let ticket = Ticket { activity, ..ticket(before, 60) };
        let steps = plan(&link, Some(&unknown), Some(&ticket), &policy, at(1_000_000));
        let closes = steps.iter().any(|step| matches!(step, Step::Close(_)));
        prop_assert!(!closes, "{steps:?}");
    }

    #[test]
    fn the_order_in_which_reports_arrive_does_not_matter(
        reports in prop::collection::vec((0..4_i64, 0..4_i64, 0..3_usize, 0..3_u8), 1..8),
        shuffle in any::<prop::sample::Index>(),
        repeat in any::<prop::sample::Index>(),
    ) {
        let words = ["New", "Closed", "In Progress"];
        let alerts: Vec<Alert> = reports.iter().map(|(changed, seen, word, text)| Alert {
            status: Slug::new(words[*word]),
            description: format!("{text}"),
            changed_at: at(*changed),
            observed_at: at(*seen),
            ..alert()
        }).collect();
        let tickets: Vec<Ticket> = reports.iter().map(|(changed, seen, status, activity)| Ticket {
            observed_at: at(*seen),
            activity: [HumanActivity::Unknown, HumanActivity::None { as_of: at(5) }, HumanActivity::Seen][usize::from(*activity)],
            ..ticket([OPEN, CLOSED, StatusId::new(2)][*status], *changed)
        }).collect();
        let merged = |order: &[usize]| {
            let mut link = Link::new(alert().id);
            link.ticket = Some(TICKET);
            for index in order {
                link.observe_alert(alerts[*index].clone());
                link.observe_ticket(tickets[*index].clone());
            }
            (link.observed_alert, link.observed_ticket)
        };
        let order: Vec<usize> = (0..alerts.len()).collect();
        let mut other = order.clone();
        other.rotate_left(shuffle.index(order.len()));
        other.reverse();
        other.push(repeat.index(order.len()));
        prop_assert_eq!(merged(&order), merged(&other));
    }

    #[test]
    fn no_state_makes_the_plan_panic_or_an_observer_write(
        policy in any_policy(),
        status in "\\PC{0,20}",
        ticket_status in any::<u64>(),
        times in (any::<i64>(), any::<i64>(), any::<i64>()),
        claim in 0..3_u8, existence in 0..3_u8, ended in 0..4_u8,
        has_ticket in any::<bool>(), saw_ticket in any::<bool>(), has_base in any::<bool>(),
        name in "\\PC{0,300}",
    ) {
        let (first, second, now) = times;
        let time = halogard_domain::Timestamp::from_millis;
        let alert = Alert {
            status: Slug::new(&status), name, changed_at: time(first), observed_at: time(second), ..alert()
        };
        let ticket = Ticket {
            existence: [Existence::Present, Existence::Deleted, Existence::MergedInto(TicketId::new(7))][usize::from(existence)],
            changed_at: time(second),
            ..ticket(StatusId::new(ticket_status), 0)
        };
        let mut link = if has_base { support::linked(&policy) } else { Link::new(alert.id) };
        link.ticket = has_ticket.then_some(TICKET);
        link.claim = match claim {
            0 => Claim::Free,
            1 => Claim::Held { holder: String::new(), number: 1, since: time(first), until: time(second) },
            _ => Claim::InDoubt { since: time(second), searched_at: has_base.then_some(time(first)), end: AttemptEnd::Unknown },
        };
        link.terminal_reason = [None, Some(TerminalReason::NotNeeded), Some(TerminalReason::TicketDeleted), Some(TerminalReason::TicketDeletedAlertClosed)][usize::from(ended)];
        link.pending_inspection = has_base.then_some(PendingInspection { requested_at: time(first), requested: u32::MAX, completed: 0 });
        let seen = saw_ticket.then_some(&ticket);
        let steps = plan(&link, Some(&alert), seen, &policy, time(now));
        prop_assert!(steps.len() <= 4, "{steps:?}");
        prop_assert_eq!(plan(&link, None, seen, &policy, time(now)), vec![]);
        let observing = halogard_domain::Policy { mode: Mode::Observe, ..policy };
        let steps = plan(&link, Some(&alert), seen, &observing, time(now));
        let only_reads = |step: &Step| {
            matches!(
                step,
                Step::Adopt(_) | Step::ReadTicket | Step::Resume | Step::Wait(_) | Step::SetBase(_) | Step::Finish(_)
            )
        };
        prop_assert!(steps.iter().all(only_reads), "{steps:?}");
    }
}

//! Is every row of the decision right?

mod support;

use std::time::Duration;

use halogard_domain::ids::{EnvironmentId, PriorityId, TechnicianId, TicketId};
use halogard_domain::link::{
    Claim, IN_DOUBT_SETTLE, OpeningSnapshot, RefusedWrite, TerminalReason, WriteKind,
};
use halogard_domain::pair_status::{PairStatus, pair_status};
use halogard_domain::plan::Step;
use halogard_domain::policy::{
    ClosePolicy, ClosedBy, Fallback, Mode, ParkReason, ReopenRule, ReopenTable, ReopenWhen,
};
use halogard_domain::runs::RunTarget;
use halogard_domain::ticket::{Existence, HumanActivity};
use halogard_domain::{Alert, Link, Slug, Ticket, plan};
use support::{
    CLOSED, Desk, IN_PROGRESS, OPEN, RESOLVED, TICKET, alert, alert_with, at, linked, policy,
    ticket,
};

/// The names of the steps of a plan.
fn names(steps: &[Step]) -> Vec<&'static str> {
    steps
        .iter()
        .map(|step| match step {
            Step::AssignGroup => "take place",
            Step::AddSummaryNote(_) => "digest",
            Step::CloseGroup => "end crowd",
            Step::Claim => "claim",
            Step::FindByKey => "find",
            Step::Open(_) => "open",
            Step::Adopt(_) => "adopt",
            Step::ReadTicket => "read ticket",
            Step::CheckActivity => "read hands",
            Step::SetFields(_) => "set fields",
            Step::AddNote(_) => "note",
            Step::Close(_) => "close",
            Step::Reopen(..) => "reopen",
            Step::BeginNextTicket => "renew",
            Step::RequestInspections(_) => "run",
            Step::Park(_) => "park",
            Step::Wait(_) => "wait",
            Step::SetBase(_) => "agree",
            Step::Finish(_) => "finish",
        })
        .collect()
}

/// One side as a row of the table says it.
struct Row {
    what: &'static str,
    mode: Mode,
    alert: Alert,
    ticket: Ticket,
    expected: &'static [&'static str],
}

fn untouched(ticket: Ticket) -> Ticket {
    Ticket {
        activity: HumanActivity::None { as_of: at(1_000) },
        ..ticket
    }
}

fn touched(ticket: Ticket) -> Ticket {
    Ticket {
        activity: HumanActivity::Seen,
        ..ticket
    }
}

#[test]
fn every_change_since_both_were_open_has_its_answer() {
    let managed = |what, alert, ticket, expected| Row {
        what,
        mode: Mode::Managed,
        alert,
        ticket,
        expected,
    };
    let native = |what, alert, ticket, expected| Row {
        what,
        mode: Mode::Native,
        alert,
        ticket,
        expected,
    };
    let low = Alert {
        priority: Slug::new("low"),
        ..alert_with("New", 50)
    };
    let reworded = Alert {
        description: "3 accounts".into(),
        ..alert_with("New", 50)
    };
    let other_priority = Ticket {
        priority: Some(PriorityId::new(2)),
        ..ticket(OPEN, 60)
    };
    let gone = Ticket {
        existence: Existence::Deleted,
        ..ticket(OPEN, 60)
    };
    let merged = Ticket {
        existence: Existence::MergedInto(TicketId::new(99)),
        ..ticket(OPEN, 60)
    };
    let rows = [
        managed("nothing changed", alert(), ticket(OPEN, 1), &[]),
        managed("our own write comes back", alert(), ticket(OPEN, 90), &[]),
        managed(
            "alert over, hands unknown",
            alert_with("Closed - Complete", 50),
            ticket(OPEN, 60),
            &["read hands"],
        ),
        managed(
            "alert over, untouched",
            alert_with("Closed - Complete", 50),
            untouched(ticket(OPEN, 60)),
            &["close", "agree"],
        ),
        managed(
            "alert over, touched",
            alert_with("Closed - Complete", 50),
            touched(ticket(OPEN, 60)),
            &["note", "agree"],
        ),
        managed(
            "alert over, touched, in progress",
            alert_with("Resolved", 50),
            touched(ticket(IN_PROGRESS, 60)),
            &["note", "run", "agree"],
        ),
        managed(
            "both over",
            alert_with("Closed", 50),
            ticket(CLOSED, 60),
            &["agree"],
        ),
        managed(
            "ticket closed",
            alert(),
            ticket(CLOSED, 60),
            &["run", "agree"],
        ),
        managed(
            "ticket closed by another closed status",
            alert(),
            ticket(RESOLVED, 60),
            &["run", "agree"],
        ),
        managed(
            "ticket taken into work",
            alert(),
            ticket(IN_PROGRESS, 60),
            &["run", "agree"],
        ),
        managed(
            "unknown word",
            alert_with("Frobnicated", 50),
            ticket(OPEN, 60),
            &["agree"],
        ),
        managed(
            "unknown word, ticket closed",
            alert_with("Frobnicated", 50),
            ticket(CLOSED, 60),
            &["run", "agree"],
        ),
        managed(
            "mapped word",
            alert_with("In Progress", 50),
            ticket(OPEN, 60),
            &["set fields", "agree"],
        ),
        managed(
            "mapped word, a person chose a status",
            alert_with("In Progress", 50),
            ticket(halogard_domain::ids::StatusId::new(3), 60),
            &["run", "agree"],
        ),
        managed(
            "priority lowered",
            low.clone(),
            ticket(OPEN, 60),
            &["set fields", "agree"],
        ),
        managed(
            "priority lowered, a person chose one",
            low.clone(),
            other_priority,
            &["agree"],
        ),
        managed(
            "text changed",
            reworded.clone(),
            ticket(OPEN, 60),
            &["note", "agree"],
        ),
        managed(
            "text changed, ticket closed",
            reworded.clone(),
            ticket(CLOSED, 60),
            &["run", "agree"],
        ),
        managed("ticket deleted", alert(), gone.clone(), &["finish"]),
        managed("ticket merged", alert(), merged, &["adopt"]),
        native("nothing changed", alert(), ticket(OPEN, 1), &[]),
        native(
            "alert over, still its own ticketing's turn",
            alert_with("Closed", 50),
            untouched(ticket(OPEN, 60)),
            &["wait"],
        ),
        native(
            "ticket closed",
            alert(),
            ticket(CLOSED, 60),
            &["run", "agree"],
        ),
        native(
            "ticket taken into work",
            alert(),
            ticket(IN_PROGRESS, 60),
            &["run", "agree"],
        ),
        native(
            "both over",
            alert_with("Closed", 50),
            ticket(CLOSED, 60),
            &["agree"],
        ),
        native("text changed", reworded, ticket(OPEN, 60), &["agree"]),
        native("priority lowered", low, ticket(OPEN, 60), &["agree"]),
        native("ticket deleted", alert(), gone, &["finish"]),
    ];
    for row in rows {
        let policy = policy(row.mode);
        let link = linked(&policy);
        let steps = plan(&link, Some(&row.alert), Some(&row.ticket), &policy, at(100));
        assert_eq!(names(&steps), row.expected, "{:?}: {}", row.mode, row.what);
    }
}

#[test]
fn native_drift_is_repaired_once_its_own_ticketing_had_its_time() {
    let policy = policy(Mode::Native);
    let link = linked(&policy);
    let over = alert_with("Closed", 50);
    let still_open = untouched(ticket(OPEN, 60));
    let due = at(50).plus(policy.native_grace);
    assert_eq!(
        plan(&link, Some(&over), Some(&still_open), &policy, at(100)),
        [Step::Wait(due)]
    );
    let steps = plan(&link, Some(&over), Some(&still_open), &policy, due);
    assert_eq!(names(&steps), ["close", "agree"]);
}

#[test]
fn a_new_alert_is_claimed_before_it_is_opened() {
    let policy = policy(Mode::Managed);
    let steps = plan(
        &Link::new(alert().id),
        Some(&alert()),
        None,
        &policy,
        at(10),
    );
    let [Step::Claim, Step::Open(ticket)] = &steps[..] else {
        panic!("{steps:?}")
    };
    assert_eq!(ticket.client.get(), 17);
    assert_eq!(ticket.priority, Some(PriorityId::new(1)));
    assert_eq!(ticket.status, OPEN);
    assert!(
        ticket.summary.starts_with("[LG-7586] "),
        "{}",
        ticket.summary
    );
}

#[test]
fn an_alert_without_a_ticket_has_its_answer() {
    let elsewhere = Alert {
        environment: EnvironmentId::new(9999),
        ..alert()
    };
    let hidden = Alert {
        visible: false,
        ..alert()
    };
    let native_linked = Alert {
        native_ticket: Some(TICKET),
        ..alert()
    };
    let rows: [(&str, Mode, &Alert, &[&str]); 8] = [
        ("new", Mode::Managed, &alert(), &["claim", "open"]),
        (
            "unknown word counts as open",
            Mode::Managed,
            &alert_with("Frobnicated", 1),
            &["claim", "open"],
        ),
        (
            "over before a ticket was needed",
            Mode::Managed,
            &alert_with("Closed", 1),
            &["finish"],
        ),
        ("unmapped", Mode::Managed, &elsewhere, &["park"]),
        ("hidden", Mode::Managed, &hidden, &[]),
        (
            "a ticket of Liongard's own is not ours to use",
            Mode::Managed,
            &native_linked,
            &["claim", "open"],
        ),
        ("native, no ticket yet", Mode::Native, &alert(), &[]),
        (
            "native, with its ticket",
            Mode::Native,
            &native_linked,
            &["adopt"],
        ),
    ];
    for (what, mode, alert, expected) in rows {
        let steps = plan(
            &Link::new(alert.id),
            Some(alert),
            None,
            &policy(mode),
            at(10),
        );
        assert_eq!(names(&steps), expected, "{mode:?}: {what}");
    }
}

#[test]
fn an_attempt_in_doubt_is_looked_for_and_never_simply_repeated() {
    let policy = policy(Mode::Managed);
    let mut link = Link::new(alert().id);
    link.observe_alert(alert());
    link.claim = Claim::InDoubt { since: at(10) };
    let settled = at(10).plus(IN_DOUBT_SETTLE);
    assert_eq!(
        plan(&link, Some(&alert()), None, &policy, at(11)),
        [Step::Wait(settled)]
    );
    assert_eq!(
        plan(&link, Some(&alert()), None, &policy, settled),
        [Step::FindByKey]
    );
    link.claim = Claim::Held {
        since: at(10),
        until: at(100),
    };
    assert_eq!(
        plan(&link, Some(&alert()), None, &policy, at(50)),
        [Step::Wait(at(100))]
    );
    assert_eq!(
        plan(&link, Some(&alert()), None, &policy, at(100)),
        [Step::FindByKey]
    );
    // Even when the alert is over by now: the ticket may be there and must be closed.
    let over = alert_with("Closed", 60);
    assert_eq!(
        plan(&link, Some(&over), None, &policy, at(100)),
        [Step::FindByKey]
    );
}

#[test]
fn a_persons_choice_of_long_ago_is_not_overruled() {
    let policy = policy(Mode::Managed);
    let mut link = linked(&policy);
    let chosen = Ticket {
        priority: Some(PriorityId::new(2)),
        ..ticket(IN_PROGRESS, 20)
    };
    let base = link.base.as_mut().unwrap();
    base.ticket_priority = chosen.priority;
    base.ticket_status = chosen.status;
    let later = Alert {
        priority: Slug::new("low"),
        ..alert_with("In Progress", 50)
    };
    let steps = plan(&link, Some(&later), Some(&chosen), &policy, at(100));
    assert_eq!(names(&steps), ["agree"]);
}

#[test]
fn a_change_while_the_answer_was_lost_is_told_on_the_ticket_that_is_found() {
    let policy = policy(Mode::Managed);
    let mut link = Link::new(alert().id);
    link.opening = Some(OpeningSnapshot::of(&alert()));
    link.attach(TICKET);
    let changed = Alert {
        description: "3 accounts".into(),
        priority: Slug::new("low"),
        ..alert_with("New", 50)
    };
    let steps = plan(
        &link,
        Some(&changed),
        Some(&ticket(OPEN, 1)),
        &policy,
        at(100),
    );
    assert_eq!(names(&steps), ["set fields", "note", "agree"]);
}

#[test]
fn a_parked_alert_waits_and_is_opened_once_it_is_mapped() {
    let mut desk = Desk::new(policy(Mode::Managed));
    let mapping = desk
        .policy
        .environments
        .remove(&EnvironmentId::new(8801))
        .unwrap();
    desk.link.observe_alert(alert());
    desk.settle(at(1));
    assert_eq!(desk.link.parked, Some(ParkReason::Unmapped));
    assert_eq!(
        pair_status(&desk.link, &desk.policy, at(1)),
        PairStatus::Parked(ParkReason::Unmapped)
    );
    assert_eq!(desk.plan(at(2)), []);
    desk.policy
        .environments
        .insert(mapping.environment, mapping);
    desk.settle(at(3));
    assert_eq!(desk.opened, 1);
}

#[test]
fn close_policy_decides_together_with_whose_hands_were_on_the_ticket() {
    let known_at = |seconds| HumanActivity::None { as_of: at(seconds) };
    let rows = [
        (ClosePolicy::Untouched, known_at(100), "close"),
        (ClosePolicy::Untouched, known_at(40), "close"),
        (ClosePolicy::Untouched, known_at(39), "read hands"),
        (ClosePolicy::Untouched, HumanActivity::Seen, "note"),
        (ClosePolicy::Untouched, HumanActivity::Unknown, "read hands"),
        (ClosePolicy::Always, HumanActivity::Unknown, "close"),
        (ClosePolicy::Always, HumanActivity::Seen, "close"),
        (ClosePolicy::Never, known_at(39), "note"),
        (ClosePolicy::Never, HumanActivity::Unknown, "note"),
    ];
    for (close, activity, expected) in rows {
        let mut policy = policy(Mode::Managed);
        let link = linked(&policy);
        policy.templates.get_mut("default").unwrap().close = close;
        let ticket = Ticket {
            activity,
            ..ticket(OPEN, 60)
        };
        let steps = plan(
            &link,
            Some(&alert_with("Closed", 50)),
            Some(&ticket),
            &policy,
            at(100),
        );
        assert_eq!(names(&steps)[0], expected, "{close:?} {activity:?}");
    }
}

#[test]
fn only_a_ticket_known_to_be_unassigned_is_given_to_the_closing_technician() {
    let technician = TechnicianId::new(12);
    for (assigned, expected) in [
        (Some(false), Some(technician)),
        (Some(true), None),
        (None, None),
    ] {
        let mut policy = policy(Mode::Managed);
        let link = linked(&policy);
        let template = policy.templates.get_mut("default").unwrap();
        template.closing_technician = Some(technician);
        let ticket = Ticket {
            assigned,
            ..untouched(ticket(OPEN, 60))
        };
        let alert = alert_with("Closed", 50);
        let steps = plan(&link, Some(&alert), Some(&ticket), &policy, at(100));
        let Some(Step::Close(change)) = steps.first() else {
            panic!("{steps:?}");
        };
        assert_eq!(change.technician, expected);
    }
}

#[test]
fn reopening_is_decided_by_the_table() {
    let day = 24 * 60 * 60;
    let never = ReopenTable {
        rules: vec![ReopenRule {
            closing_status: None,
            closed_by: None,
            reopen: ReopenWhen::Never,
        }],
        fallback: Fallback::Leave,
    };
    let wont_fix = ReopenTable {
        rules: vec![
            ReopenRule {
                closing_status: Some(RESOLVED),
                closed_by: None,
                reopen: ReopenWhen::Never,
            },
            ReopenRule {
                closing_status: None,
                closed_by: None,
                reopen: ReopenWhen::Within(Duration::from_secs(3600)),
            },
        ],
        fallback: Fallback::NewTicket,
    };
    let rows = [
        (
            "ours, long ago",
            ReopenTable::default(),
            ClosedBy::Halogard,
            CLOSED,
            400 * day,
            "reopen",
        ),
        (
            "a person's, this week",
            ReopenTable::default(),
            ClosedBy::HaloPsa,
            CLOSED,
            6 * day,
            "reopen",
        ),
        (
            "a person's, long ago",
            ReopenTable::default(),
            ClosedBy::HaloPsa,
            CLOSED,
            8 * day,
            "renew",
        ),
        (
            "never, leave",
            never,
            ClosedBy::Halogard,
            CLOSED,
            10,
            "agree",
        ),
        (
            "won't-fix status",
            wont_fix.clone(),
            ClosedBy::HaloPsa,
            RESOLVED,
            10,
            "renew",
        ),
        (
            "other status within the hour",
            wont_fix.clone(),
            ClosedBy::HaloPsa,
            CLOSED,
            3600,
            "reopen",
        ),
        (
            "other status after the hour",
            wont_fix,
            ClosedBy::HaloPsa,
            CLOSED,
            3601,
            "renew",
        ),
    ];
    for (what, table, closer, status, age, expected) in rows {
        let mut policy = policy(Mode::Managed);
        policy.templates.get_mut("default").unwrap().reopen = table;
        let mut link = linked(&policy);
        let base = link.base.as_mut().unwrap();
        base.alert_closed = true;
        base.ticket_status = status;
        base.ticket_closed = Some(halogard_domain::link::Closure {
            by: closer,
            at: at(100),
        });
        let back = alert_with("New", 100 + age);
        let steps = plan(
            &link,
            Some(&back),
            Some(&ticket(status, 100)),
            &policy,
            at(100 + age),
        );
        assert_eq!(names(&steps)[0], expected, "{what}");
    }
}

#[test]
fn an_alert_that_is_back_after_its_ticket_was_given_up_gets_the_next_one() {
    let mut desk = Desk::new(policy(Mode::Managed));
    desk.policy.templates.get_mut("default").unwrap().reopen = ReopenTable {
        rules: Vec::new(),
        fallback: Fallback::NewTicket,
    };
    desk.link.observe_alert(alert());
    desk.settle(at(1));
    desk.link.observe_alert(alert_with("Closed", 50));
    desk.settle(at(51));
    desk.link.observe_alert(alert_with("New", 100));
    desk.settle(at(101));
    assert_eq!((desk.opened, desk.link.recurrence), (2, 2));
    assert_eq!(desk.link.earlier_tickets, [TICKET]);
    assert_eq!(desk.link.key(&desk.policy).to_string(), "LG-7586-2");
}

#[test]
fn a_refused_write_is_not_repeated_until_what_led_to_it_changes() {
    let mut policy = policy(Mode::Managed);
    let mut link = Link::new(alert().id);
    link.refused = Some(RefusedWrite {
        write: WriteKind::Open,
        message: "Details is mandatory".into(),
        policy_fingerprint: policy.fingerprint(),
        ticket_changed_at: None,
        at: at(5),
    });
    assert_eq!(plan(&link, Some(&alert()), None, &policy, at(10)), []);
    assert_eq!(pair_status(&link, &policy, at(10)), PairStatus::Refused);
    let next_day = at(24 * 3600);
    assert_eq!(
        names(&plan(&link, Some(&alert()), None, &policy, next_day)),
        ["claim", "open"]
    );
    policy.templates.get_mut("default").unwrap().team = Some("Projects".into());
    assert_eq!(
        names(&plan(&link, Some(&alert()), None, &policy, at(10))),
        ["claim", "open"]
    );
}

#[test]
fn a_refused_priority_does_not_keep_the_note_back() {
    let policy = policy(Mode::Managed);
    let mut link = linked(&policy);
    let seen = ticket(OPEN, 60);
    link.observed_ticket = Some(seen.clone());
    link.refused = Some(RefusedWrite {
        write: WriteKind::SetFields,
        message: "no".into(),
        policy_fingerprint: policy.fingerprint(),
        ticket_changed_at: Some(seen.changed_at),
        at: at(70),
    });
    let alert = Alert {
        priority: Slug::new("low"),
        description: "more".into(),
        ..alert_with("New", 50)
    };
    assert_eq!(
        names(&plan(&link, Some(&alert), Some(&seen), &policy, at(80))),
        ["note", "agree"]
    );
}

#[test]
fn a_closed_ticket_has_liongard_look_and_the_difference_is_shown_until_it_follows() {
    let mut desk = Desk::new(policy(Mode::Managed));
    desk.link.observe_alert(alert());
    desk.settle(at(1));
    desk.link.observe_ticket(ticket(CLOSED, 50));
    desk.settle(at(51));
    let own = RunTarget::Launchpoint(alert().launchpoint.unwrap());
    assert!(
        desk.done
            .contains(&Step::RequestInspections(vec![RunTarget::HaloPsa, own]))
    );
    assert_eq!(
        pair_status(&desk.link, &desk.policy, at(51)),
        PairStatus::AwaitingLiongard
    );
    desk.link.pending_inspection.as_mut().unwrap().completed = 2;
    assert_eq!(desk.plan(at(60)), []);
    assert_eq!(
        pair_status(&desk.link, &desk.policy, at(60)),
        PairStatus::ResolvedInPsaOnly
    );
    desk.link.observe_alert(alert_with("Closed", 70));
    desk.settle(at(71));
    assert_eq!(
        pair_status(&desk.link, &desk.policy, at(71)),
        PairStatus::InSync
    );
    assert_eq!(desk.link.pending_inspection, None);
}

#[test]
fn native_mode_runs_only_the_inspector_that_knows_its_tickets() {
    let policy = policy(Mode::Native);
    let link = linked(&policy);
    let steps = plan(
        &link,
        Some(&alert()),
        Some(&ticket(CLOSED, 60)),
        &policy,
        at(100),
    );
    assert_eq!(steps[0], Step::RequestInspections(vec![RunTarget::HaloPsa]));
}

#[test]
fn a_deleted_ticket_is_not_replaced_until_the_alert_was_over_and_is_back() {
    let mut desk = Desk::new(policy(Mode::Managed));
    desk.link.observe_alert(alert());
    desk.settle(at(1));
    desk.link.observe_ticket(Ticket {
        existence: Existence::Deleted,
        ..ticket(OPEN, 50)
    });
    desk.settle(at(51));
    assert_eq!(
        pair_status(&desk.link, &desk.policy, at(51)),
        PairStatus::TicketDeleted
    );
    desk.link.observe_alert(Alert {
        description: "still".into(),
        ..alert_with("New", 60)
    });
    desk.settle(at(61));
    assert_eq!(desk.opened, 1);
    desk.link.observe_alert(alert_with("Closed", 70));
    desk.settle(at(71));
    assert_eq!(
        desk.link.terminal_reason,
        Some(TerminalReason::TicketDeletedAlertClosed)
    );
    desk.link.observe_alert(alert_with("New", 80));
    desk.settle(at(81));
    assert_eq!(desk.opened, 2);
}

#[test]
fn tickets_merged_in_a_circle_end_the_story() {
    let policy = policy(Mode::Managed);
    let mut link = linked(&policy);
    link.attach(TicketId::new(99));
    let back = Ticket {
        id: TicketId::new(99),
        existence: Existence::MergedInto(TICKET),
        ..ticket(OPEN, 70)
    };
    assert_eq!(
        plan(&link, Some(&alert()), Some(&back), &policy, at(80)),
        [Step::Finish(TerminalReason::TicketDeleted)]
    );
}

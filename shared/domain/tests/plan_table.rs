//! Tables of the plan's decisions.

mod support;

use std::time::Duration;

use halogard_domain::ids::{
    EnvironmentId, HaloClientId, PriorityId, TechnicianId, TicketId, TicketTypeId,
};
use halogard_domain::link::{
    AttemptEnd, Claim, IN_DOUBT_MAX, IN_DOUBT_SEARCHES, NamedFields, OpeningSnapshot,
    REFUSAL_RETRY_AFTER, ROLLED_BACK_SEARCH, RefusedWrite, TerminalReason, WriteKind,
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
    CLOSED, IN_PROGRESS, OPEN, PairHarness, RESOLVED, TICKET, alert, alert_with, at, linked,
    linked_as_of, policy, ticket,
};

/// The names of the steps of a plan.
fn names(steps: &[Step]) -> Vec<&'static str> {
    steps
        .iter()
        .map(|step| match step {
            Step::AssignGroup => "assign group",
            Step::AddSummaryNote(_) => "summary note",
            Step::CloseGroup => "close group",
            Step::FindByKey => "find by key",
            Step::Open(_) => "open",
            Step::Adopt(_) => "adopt",
            Step::FollowMerge(_) => "follow merge",
            Step::ReadTicket => "read ticket",
            Step::Resume => "resume",
            Step::RefreshTicket => "refresh ticket",
            Step::CheckActivity => "check activity",
            Step::RecordWork(_) => "record work",
            Step::RecordNotCarriedOut => "record not carried out",
            Step::FindCloser => "find closer",
            Step::SetFields(_) => "set fields",
            Step::AddNote(_) => "note",
            Step::Close(_) => "close",
            Step::Reopen(..) => "reopen",
            Step::BeginNextTicket => "begin next ticket",
            Step::RequestInspections(_) => "request inspections",
            Step::Park(_) => "park",
            Step::Wait(_) => "wait",
            Step::SetBase(_) => "set base",
            Step::Finish(_) => "finish",
        })
        .collect()
}

/// One row of the table.
struct Row {
    what: &'static str,
    mode: Mode,
    alert: Alert,
    ticket: Ticket,
    expected: &'static [&'static str],
}

fn untouched(ticket: Ticket) -> Ticket {
    Ticket {
        activity: HumanActivity::None { as_of: at(100) },
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
fn every_change_since_both_were_open_has_its_plan() {
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
        managed("our own write is observed", alert(), ticket(OPEN, 90), &[]),
        managed(
            "alert closed, activity unknown",
            alert_with("Closed - Complete", 50),
            ticket(OPEN, 60),
            &["check activity"],
        ),
        managed(
            "alert closed, untouched",
            alert_with("Closed - Complete", 50),
            untouched(ticket(OPEN, 60)),
            &["close", "set base"],
        ),
        managed(
            "alert closed, touched",
            alert_with("Closed - Complete", 50),
            touched(ticket(OPEN, 60)),
            &["note", "set base"],
        ),
        managed(
            "alert closed, touched, in progress",
            alert_with("Resolved", 50),
            touched(ticket(IN_PROGRESS, 60)),
            &["note", "request inspections", "set base"],
        ),
        managed(
            "both closed",
            alert_with("Closed", 50),
            ticket(CLOSED, 60),
            &["set base"],
        ),
        managed(
            "ticket closed",
            alert(),
            ticket(CLOSED, 60),
            &["request inspections", "set base"],
        ),
        managed(
            "ticket closed by another closed status",
            alert(),
            ticket(RESOLVED, 60),
            &["request inspections", "set base"],
        ),
        managed(
            "ticket taken into work",
            alert(),
            ticket(IN_PROGRESS, 60),
            &["request inspections", "set base"],
        ),
        managed(
            "unknown status",
            alert_with("Frobnicated", 50),
            ticket(OPEN, 60),
            &["set base"],
        ),
        managed(
            "unknown status, ticket closed",
            alert_with("Frobnicated", 50),
            ticket(CLOSED, 60),
            &["request inspections", "set base"],
        ),
        managed(
            "mapped status",
            alert_with("In Progress", 50),
            ticket(OPEN, 60),
            &["set fields", "set base"],
        ),
        managed(
            "mapped status, a person chose a status",
            alert_with("In Progress", 50),
            ticket(halogard_domain::ids::StatusId::new(3), 60),
            &["request inspections", "set base"],
        ),
        managed(
            "priority lowered",
            low.clone(),
            ticket(OPEN, 60),
            &["set fields", "set base"],
        ),
        managed(
            "priority lowered, a person chose one",
            low.clone(),
            other_priority,
            &["set base"],
        ),
        managed(
            "text changed",
            reworded.clone(),
            ticket(OPEN, 60),
            &["note", "set base"],
        ),
        managed(
            "text changed, ticket closed",
            reworded.clone(),
            ticket(CLOSED, 60),
            &["request inspections", "set base"],
        ),
        managed("ticket deleted", alert(), gone.clone(), &["finish"]),
        managed("ticket merged", alert(), merged, &["follow merge"]),
        native("nothing changed", alert(), ticket(OPEN, 1), &[]),
        native(
            "alert closed, within the native grace period",
            alert_with("Closed", 50),
            untouched(ticket(OPEN, 60)),
            &["wait"],
        ),
        native(
            "ticket closed",
            alert(),
            ticket(CLOSED, 60),
            &["request inspections", "set base"],
        ),
        native(
            "ticket taken into work",
            alert(),
            ticket(IN_PROGRESS, 60),
            &["request inspections", "set base"],
        ),
        native(
            "both closed",
            alert_with("Closed", 50),
            ticket(CLOSED, 60),
            &["set base"],
        ),
        native("text changed", reworded, ticket(OPEN, 60), &["set base"]),
        native("priority lowered", low, ticket(OPEN, 60), &["set base"]),
        native("ticket deleted", alert(), gone, &["finish"]),
    ];
    for row in rows {
        let policy = policy(row.mode);
        let link = linked_as_of(&policy, 100);
        let steps = plan(&link, Some(&row.alert), Some(&row.ticket), &policy, at(100));
        assert_eq!(names(&steps), row.expected, "{:?}: {}", row.mode, row.what);
    }
}

#[test]
fn native_drift_is_repaired_after_the_grace_period_of_liongards_ticketing() {
    let policy = policy(Mode::Native);
    let mut link = linked(&policy);
    let closed = alert_with("Closed", 50);
    let still_open = untouched(ticket(OPEN, 60));
    let due = at(50).plus(policy.native_grace);
    link.ticket_as_of = Some(due);
    assert_eq!(
        plan(&link, Some(&closed), Some(&still_open), &policy, at(100)),
        [Step::Wait(due)]
    );
    let still_open = Ticket {
        activity: HumanActivity::None { as_of: due },
        ..still_open
    };
    let steps = plan(&link, Some(&closed), Some(&still_open), &policy, due);
    assert_eq!(names(&steps), ["close", "set base"]);
}

#[test]
fn a_new_alert_is_opened_as_its_template_says() {
    let policy = policy(Mode::Managed);
    let steps = plan(
        &Link::new(alert().id),
        Some(&alert()),
        None,
        &policy,
        at(10),
    );
    let [Step::Open(ticket)] = &steps[..] else {
        panic!("{steps:?}")
    };
    assert_eq!(ticket.client.get(), 17);
    assert_eq!(ticket.priority, Some(PriorityId::new(1)));
    assert_eq!(ticket.status, OPEN);
    assert_eq!(
        ticket.summary,
        "Active Directory | Stale Privileged Accounts"
    );
}

#[test]
fn an_alert_without_a_ticket_has_its_plan() {
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
        ("new", Mode::Managed, &alert(), &["open"]),
        (
            "unknown status counts as open",
            Mode::Managed,
            &alert_with("Frobnicated", 1),
            &["open"],
        ),
        (
            "closed before a ticket was needed",
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
            &["open"],
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
fn a_search_that_finds_nothing_proves_nothing_while_lists_may_lag() {
    // HaloPSA goes on with a request for a minute, and lists show its ticket up to four minutes later. What its
    // database ended does not go on, and is read by number.
    for (end, seconds, is_proof) in [
        (AttemptEnd::Unknown, 0, false),
        (AttemptEnd::Unknown, 61, false),
        (AttemptEnd::Unknown, 240, false),
        (AttemptEnd::Unknown, 299, false),
        (AttemptEnd::Unknown, 300, true),
        (AttemptEnd::RolledBack, 0, false),
        (AttemptEnd::RolledBack, 14, false),
        (AttemptEnd::RolledBack, 15, true),
    ] {
        let searched_at = at(100 + seconds);
        assert_eq!(
            Claim::is_disproved(at(100), searched_at, end),
            is_proof,
            "{end:?}, {seconds} s"
        );
    }
}

#[test]
fn what_the_database_ended_is_searched_for_once_before_it_is_opened_again() {
    let policy = policy(Mode::Managed);
    let mut link = Link::new(alert().id);
    link.observe_alert(alert());
    let plan_at = |link: &Link, now| plan(link, Some(&alert()), None, &policy, now);
    link.claim = Claim::in_doubt_after(AttemptEnd::RolledBack, at(10));
    let due = at(10).plus(ROLLED_BACK_SEARCH);
    assert_eq!(plan_at(&link, at(11)), [Step::Wait(due)]);
    assert_eq!(plan_at(&link, due), [Step::FindByKey]);
    // That search failed, and the next one is as good.
    link.claim = Claim::InDoubt {
        since: at(10),
        searched_at: Some(due),
        end: AttemptEnd::RolledBack,
    };
    assert_eq!(
        plan_at(&link, due.plus(ROLLED_BACK_SEARCH)),
        [Step::FindByKey]
    );
}

#[test]
fn an_attempt_in_doubt_is_searched_for_and_never_simply_repeated() {
    let policy = policy(Mode::Managed);
    let mut link = Link::new(alert().id);
    link.observe_alert(alert());
    let plan_at = |link: &Link, now| plan(link, Some(&alert()), None, &policy, now);
    let mut searched_at = None;
    for delay in IN_DOUBT_SEARCHES {
        let since = at(10);
        let due = since.plus(delay);
        link.claim = Claim::InDoubt {
            since,
            searched_at,
            end: AttemptEnd::Unknown,
        };
        assert_eq!(plan_at(&link, at(11)), [Step::Wait(due)]);
        assert_eq!(plan_at(&link, due), [Step::FindByKey]);
        let is_proof = Claim::is_disproved(since, due, AttemptEnd::Unknown);
        assert_eq!(is_proof, delay == IN_DOUBT_MAX);
        searched_at = Some(due);
    }
    // A late search replaces all that were due before it.
    let late = at(10).plus(IN_DOUBT_MAX * 2);
    link.claim = Claim::in_doubt(at(10));
    assert_eq!(plan_at(&link, late), [Step::FindByKey]);
    assert!(Claim::is_disproved(at(10), late, AttemptEnd::Unknown));
    link.claim = Claim::Held {
        holder: "a".to_owned(),
        number: 1,
        since: at(10),
        until: at(100),
    };
    assert_eq!(
        plan(&link, Some(&alert()), None, &policy, at(50)),
        [Step::Wait(at(100))]
    );
    // The holder may have sent its request just before the claim expired.
    let due = at(100).plus(IN_DOUBT_SEARCHES[0]);
    assert_eq!(plan_at(&link, at(100)), [Step::Wait(due)]);
    assert_eq!(plan_at(&link, due), [Step::FindByKey]);
    // Even if the alert is closed by now: the ticket may exist and must be closed.
    let closed = alert_with("Closed", 60);
    assert_eq!(
        plan(&link, Some(&closed), None, &policy, due),
        [Step::FindByKey]
    );
}

#[test]
fn an_earlier_choice_of_a_person_is_not_overruled() {
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
    assert_eq!(names(&steps), ["set base"]);
}

#[test]
fn a_change_while_the_response_was_lost_is_noted_on_the_ticket_that_is_found() {
    let policy = policy(Mode::Managed);
    let mut link = Link::new(alert().id);
    link.opening = Some(OpeningSnapshot::of(
        &alert(),
        HaloClientId::new(17),
        TicketTypeId::new(5),
    ));
    link.attach(TICKET);
    link.ticket_as_of = Some(at(100));
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
    assert_eq!(names(&steps), ["set fields", "note", "set base"]);
}

#[test]
fn a_parked_alert_waits_and_is_opened_once_it_is_mapped() {
    let mut pair = PairHarness::new(policy(Mode::Managed));
    let mapping = pair
        .policy
        .environments
        .remove(&EnvironmentId::new(8801))
        .unwrap();
    pair.link.observe_alert(alert());
    pair.converge(at(1));
    assert_eq!(pair.link.parked, Some(ParkReason::Unmapped));
    assert_eq!(
        pair_status(&pair.link, &pair.policy, at(1)),
        PairStatus::Parked(ParkReason::Unmapped)
    );
    assert_eq!(pair.plan(at(2)), []);
    pair.policy
        .environments
        .insert(mapping.environment, mapping);
    pair.converge(at(3));
    assert_eq!(pair.opened, 1);
}

#[test]
fn close_policy_and_human_activity_decide_together() {
    let known_at = |seconds| HumanActivity::None { as_of: at(seconds) };
    let rows = [
        (ClosePolicy::Untouched, known_at(100), "close"),
        (ClosePolicy::Untouched, known_at(40), "close"),
        (ClosePolicy::Untouched, known_at(39), "check activity"),
        (ClosePolicy::Untouched, HumanActivity::Seen, "note"),
        (
            ClosePolicy::Untouched,
            HumanActivity::Unknown,
            "check activity",
        ),
        (ClosePolicy::Always, HumanActivity::Unknown, "close"),
        (ClosePolicy::Always, HumanActivity::Seen, "close"),
        (ClosePolicy::Never, known_at(39), "note"),
        (ClosePolicy::Never, HumanActivity::Unknown, "note"),
    ];
    for (close, activity, expected) in rows {
        let mut policy = policy(Mode::Managed);
        let link = linked_as_of(&policy, 100);
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

/// A category, a team or a client that a person has set leaves no note.
#[test]
fn notes_without_a_person_are_no_reason_to_close_a_ticket_whose_state_is_old() {
    let policy = policy(Mode::Managed);
    for (known_until, expected) in [
        (85, "close"),
        (84, "refresh ticket"),
        (40, "refresh ticket"),
    ] {
        let link = linked_as_of(&policy, known_until);
        let ticket = untouched(ticket(OPEN, 30));
        let alert = alert_with("Closed", 50);
        let steps = plan(&link, Some(&alert), Some(&ticket), &policy, at(100));
        assert_eq!(names(&steps)[0], expected, "known until {known_until}");
    }
}

#[test]
fn only_a_ticket_known_to_be_unassigned_is_assigned_to_the_closing_technician() {
    let technician = TechnicianId::new(12);
    for (assigned, expected) in [
        (Some(false), Some(technician)),
        (Some(true), None),
        (None, None),
    ] {
        let mut policy = policy(Mode::Managed);
        let link = linked_as_of(&policy, 100);
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
            ClosedBy::Technician,
            CLOSED,
            6 * day,
            "reopen",
        ),
        (
            "a person's, long ago",
            ReopenTable::default(),
            ClosedBy::Technician,
            CLOSED,
            8 * day,
            "begin next ticket",
        ),
        (
            "a rule's, long ago",
            ReopenTable::default(),
            ClosedBy::Automation,
            CLOSED,
            400 * day,
            "reopen",
        ),
        (
            "of whom is not known, this week",
            ReopenTable::default(),
            ClosedBy::HaloPsa,
            CLOSED,
            6 * day,
            "reopen",
        ),
        (
            "of whom is not known, long ago",
            ReopenTable::default(),
            ClosedBy::HaloPsa,
            CLOSED,
            8 * day,
            "find closer",
        ),
        (
            "of whom is not known, and it does not matter",
            wont_fix.clone(),
            ClosedBy::HaloPsa,
            CLOSED,
            3601,
            "begin next ticket",
        ),
        (
            "never, leave",
            never,
            ClosedBy::Halogard,
            CLOSED,
            10,
            "set base",
        ),
        (
            "won't-fix status",
            wont_fix.clone(),
            ClosedBy::Technician,
            RESOLVED,
            10,
            "begin next ticket",
        ),
        (
            "other status within the hour",
            wont_fix.clone(),
            ClosedBy::Technician,
            CLOSED,
            3600,
            "reopen",
        ),
        (
            "other status after the hour",
            wont_fix,
            ClosedBy::Technician,
            CLOSED,
            3601,
            "begin next ticket",
        ),
    ];
    for (what, table, closer, status, age, expected) in rows {
        let mut policy = policy(Mode::Managed);
        policy.templates.get_mut("default").unwrap().reopen = table;
        let mut link = linked_as_of(&policy, 100 + age);
        let base = link.base.as_mut().unwrap();
        base.alert_closed = true;
        base.ticket_status = status;
        base.ticket_closed = Some(halogard_domain::link::Closure {
            by: closer,
            at: at(100),
        });
        let reopened = alert_with("New", 100 + age);
        let steps = plan(
            &link,
            Some(&reopened),
            Some(&ticket(status, 100)),
            &policy,
            at(100 + age),
        );
        assert_eq!(names(&steps)[0], expected, "{what}");
    }
}

#[test]
fn an_alert_that_is_open_again_after_the_reopen_limit_gets_the_next_ticket() {
    let mut pair = PairHarness::new(policy(Mode::Managed));
    pair.policy.templates.get_mut("default").unwrap().reopen = ReopenTable {
        rules: Vec::new(),
        fallback: Fallback::NewTicket,
    };
    pair.link.observe_alert(alert());
    pair.converge(at(1));
    pair.link.observe_alert(alert_with("Closed", 50));
    pair.converge(at(51));
    pair.link.observe_alert(alert_with("New", 100));
    pair.converge(at(101));
    assert_eq!((pair.opened, pair.link.recurrence), (2, 2));
    assert_eq!(pair.link.earlier_tickets, [TICKET]);
    assert_eq!(pair.link.key(&pair.policy).to_string(), "LG-7586-2");
}

#[test]
fn a_refused_write_is_not_repeated_until_what_led_to_it_changes() {
    let mut policy = policy(Mode::Managed);
    let mut link = Link::new(alert().id);
    link.refused.push(RefusedWrite {
        write: WriteKind::Open,
        fields: NamedFields::NONE,
        message: "Details is mandatory".into(),
        policy_fingerprint: policy.fingerprint(),
        ticket_changed_at: None,
        at: at(5),
        retry_at: Some(at(5).plus(REFUSAL_RETRY_AFTER)),
        not_carried_out: 0,
    });
    assert_eq!(plan(&link, Some(&alert()), None, &policy, at(10)), []);
    assert_eq!(pair_status(&link, &policy, at(10)), PairStatus::Refused);
    let next_day = at(24 * 3600);
    assert_eq!(
        names(&plan(&link, Some(&alert()), None, &policy, next_day)),
        ["open"]
    );
    policy.templates.get_mut("default").unwrap().team = Some("Projects".into());
    assert_eq!(
        names(&plan(&link, Some(&alert()), None, &policy, at(10))),
        ["open"]
    );
}

#[test]
fn a_refused_priority_does_not_block_the_note() {
    let policy = policy(Mode::Managed);
    let mut link = linked_as_of(&policy, 80);
    let seen = ticket(OPEN, 60);
    link.observed_ticket = Some(seen.clone());
    link.refused.push(RefusedWrite {
        write: WriteKind::SetFields,
        fields: NamedFields::PRIORITY,
        message: "no".into(),
        policy_fingerprint: policy.fingerprint(),
        ticket_changed_at: Some(seen.changed_at),
        at: at(70),
        retry_at: Some(at(70).plus(REFUSAL_RETRY_AFTER)),
        not_carried_out: 0,
    });
    let alert = Alert {
        priority: Slug::new("low"),
        description: "more".into(),
        ..alert_with("New", 50)
    };
    assert_eq!(
        names(&plan(&link, Some(&alert), Some(&seen), &policy, at(80))),
        ["note", "set base"]
    );
}

#[test]
fn a_closed_ticket_requests_inspections_and_the_difference_is_shown_until_liongard_follows() {
    let mut pair = PairHarness::new(policy(Mode::Managed));
    pair.link.observe_alert(alert());
    pair.converge(at(1));
    pair.link.observe_ticket(ticket(CLOSED, 50));
    pair.converge(at(51));
    let own = RunTarget::Launchpoint(alert().launchpoint.unwrap());
    assert!(
        pair.executed
            .contains(&Step::RequestInspections(vec![RunTarget::HaloPsa, own]))
    );
    assert_eq!(
        pair_status(&pair.link, &pair.policy, at(51)),
        PairStatus::AwaitingLiongard
    );
    pair.link.pending_inspection.as_mut().unwrap().completed = 2;
    assert_eq!(pair.plan(at(60)), []);
    assert_eq!(
        pair_status(&pair.link, &pair.policy, at(60)),
        PairStatus::ResolvedInPsaOnly
    );
    pair.link.observe_alert(alert_with("Closed", 70));
    pair.converge(at(71));
    assert_eq!(
        pair_status(&pair.link, &pair.policy, at(71)),
        PairStatus::InSync
    );
    assert_eq!(pair.link.pending_inspection, None);
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
fn a_deleted_ticket_is_not_replaced_until_the_alert_was_closed_and_is_open_again() {
    let mut pair = PairHarness::new(policy(Mode::Managed));
    pair.link.observe_alert(alert());
    pair.converge(at(1));
    let deleted = Ticket {
        existence: Existence::Deleted,
        ..ticket(OPEN, 50)
    };
    pair.link.observe_ticket(deleted.clone());
    pair.ticket = Some(deleted);
    pair.converge(at(51));
    assert_eq!(
        pair_status(&pair.link, &pair.policy, at(51)),
        PairStatus::TicketDeleted
    );
    pair.link.observe_alert(Alert {
        description: "still".into(),
        ..alert_with("New", 60)
    });
    pair.converge(at(61));
    assert_eq!(pair.opened, 1);
    pair.link.observe_alert(alert_with("Closed", 70));
    pair.converge(at(71));
    assert_eq!(
        pair.link.terminal_reason,
        Some(TerminalReason::TicketDeletedAlertClosed)
    );
    pair.link.observe_alert(alert_with("New", 80));
    pair.converge(at(81));
    assert_eq!(pair.opened, 2);
}

#[test]
fn tickets_merged_in_a_circle_end_the_pair() {
    let policy = policy(Mode::Managed);
    let mut link = linked(&policy);
    link.follow_merge(TicketId::new(99));
    let reopened = Ticket {
        id: TicketId::new(99),
        existence: Existence::MergedInto(TICKET),
        ..ticket(OPEN, 70)
    };
    assert_eq!(
        plan(&link, Some(&alert()), Some(&reopened), &policy, at(80)),
        [Step::Finish(TerminalReason::TicketDeleted)]
    );
}

/// The alert with another priority and text, changed at `seconds`.
fn escalated(status: &str, seconds: i64) -> Alert {
    Alert {
        priority: Slug::new("Low"),
        description: "9 privileged accounts".into(),
        ..alert_with(status, seconds)
    }
}

/// The changes of `executed` that were written to the ticket: its priorities and notes.
fn written(pair: &PairHarness) -> (Vec<Option<PriorityId>>, usize) {
    let priorities = pair.executed.iter().filter_map(|step| match step {
        Step::SetFields(change) => Some(change.priority),
        _ => None,
    });
    let notes = |step: &&Step| matches!(step, Step::AddNote(_));
    (
        priorities.collect(),
        pair.executed.iter().filter(notes).count(),
    )
}

#[test]
fn alert_changes_that_come_with_a_reopening_or_while_the_ticket_is_closed_are_written() {
    let low = Some(PriorityId::new(4));
    // The alert changes before the ticket is closed in HaloPSA, while it is closed, or with its reopening.
    for changed_at in [50, 55, 60] {
        let mut pair = PairHarness::new(policy(Mode::Managed));
        pair.link.observe_alert(alert());
        pair.converge(at(1));
        for (status, seconds) in [(CLOSED, 50), (CLOSED, 55), (OPEN, 60)] {
            if seconds == changed_at {
                pair.link.observe_alert(escalated("New", seconds));
            }
            let seen = Ticket {
                status,
                changed_at: at(seconds),
                observed_at: at(seconds),
                ..pair.ticket.clone().unwrap()
            };
            pair.ticket = Some(seen.clone());
            pair.link.observe_ticket(seen);
            pair.converge(at(seconds));
        }
        assert_eq!(written(&pair), (vec![low], 1), "changed at {changed_at}");
        assert_eq!(pair.plan(at(70)), []);
    }
}

#[test]
fn a_priority_that_comes_with_a_reopened_alert_is_written() {
    let mut pair = PairHarness::new(policy(Mode::Managed));
    pair.link.observe_alert(alert());
    pair.converge(at(1));
    pair.link.observe_alert(alert_with("Closed", 50));
    pair.converge(at(50));
    pair.link.observe_alert(escalated("New", 60));
    pair.converge(at(60));
    // The note of the reopening contains the new text.
    assert_eq!(written(&pair), (vec![Some(PriorityId::new(4))], 0));
    assert_eq!(pair.plan(at(70)), []);
}

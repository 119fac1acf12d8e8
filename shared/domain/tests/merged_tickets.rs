//! Tickets that people merge: several alerts have one ticket.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test stops at what it did not expect, in its helpers too"
)]

mod support;

use halogard_domain::co_owners::CoOwners;
use halogard_domain::ids::{AlertId, HaloClientId, StatusId, TicketId};
use halogard_domain::policy::{ClosePolicy, Mode};
use halogard_domain::runs::RunTarget;
use halogard_domain::ticket::Existence;
use halogard_domain::{Alert, Link, Policy, Slug, Step, Ticket, plan};
use support::{CLOSED, OPEN, TICKET, alert, alert_with, at, linked, policy, ticket};

/// The ticket that remains.
const INTO: TicketId = TicketId::new(9999);

/// Another alert of it.
const OTHER: AlertId = AlertId::new(7587);

/// The name of a step.
fn name(step: &Step) -> &'static str {
    match step {
        Step::AddNote(_) => "note",
        Step::BeginNextTicket => "begin next ticket",
        Step::Close(_) => "close",
        Step::FollowMerge(_) => "follow merge",
        Step::Finish(_) => "finish",
        Step::ReadTicket => "read ticket",
        Step::Reopen(..) => "reopen",
        Step::RequestInspections(_) => "request inspections",
        Step::SetBase(_) => "set base",
        Step::SetFields(_) => "set fields",
        other => panic!("{other:?} was not expected"),
    }
}

/// Who had the ticket first, and who shares it.
#[derive(Clone, Copy, Debug)]
enum Role {
    /// No other alert has the ticket, which a person opened.
    AloneInAnother,
    /// The ticket was this alert's own; the other one was merged into it.
    Own { other_open: bool },
    /// This alert's ticket was merged into that of the other one.
    Guest { other_open: bool },
    /// The same, and the ticket is another customer's.
    OtherClient,
}

/// A pair in sync, whose ticket is one that people merged.
fn merged(policy: &Policy, role: Role) -> (Link, Ticket) {
    let mut link = linked(policy);
    let co_owners = |other_open: bool, closes| CoOwners {
        open: other_open.then_some(OTHER).into_iter().collect(),
        closed: (!other_open).then_some(OTHER).into_iter().collect(),
        closes,
    };
    if !matches!(role, Role::Own { .. }) {
        link.follow_merge(INTO);
    }
    link.co_owners = match role {
        Role::AloneInAnother => None,
        Role::Own { other_open } => Some(co_owners(other_open, true)),
        Role::Guest { other_open } => Some(co_owners(other_open, false)),
        Role::OtherClient => Some(co_owners(true, false)),
    };
    let mut seen = Ticket {
        id: link.ticket.unwrap(),
        ..ticket(OPEN, 60)
    };
    if matches!(role, Role::OtherClient) {
        seen.client = HaloClientId::new(666);
    }
    link.observe_ticket(seen.clone());
    // Both agree first: nothing of what follows is left over from the merge.
    let agreed = plan(&link, Some(&alert()), Some(&seen), policy, at(61));
    for step in agreed {
        match step {
            Step::SetBase(base) => link.base = Some(base),
            other => panic!("{role:?}: {other:?}"),
        }
    }
    (link, seen)
}

/// The plan for `alert` and a ticket in `status`.
fn names(link: &Link, alert: &Alert, seen: &Ticket, policy: &Policy) -> Vec<&'static str> {
    let current = Link {
        ticket_as_of: Some(at(2_000)),
        ..link.clone()
    };
    let steps = plan(&current, Some(alert), Some(seen), policy, at(2_000));
    steps.iter().map(name).collect()
}

/// What it is about, the alert's role, when tickets are closed, the alert, the ticket's status, and the
/// steps that follow.
type Row<'a> = (
    &'a str,
    Role,
    ClosePolicy,
    &'a Alert,
    StatusId,
    &'a [&'a str],
);

#[test]
fn each_change_of_one_alert_of_a_merged_ticket_leads_to_its_steps() {
    let alone = Role::AloneInAnother;
    let own_and_open = Role::Own { other_open: true };
    let own_and_closed = Role::Own { other_open: false };
    let guest_and_open = Role::Guest { other_open: true };
    let guest_and_closed = Role::Guest { other_open: false };
    let other_client = Role::OtherClient;
    let always = ClosePolicy::Always;
    let untouched = ClosePolicy::Untouched;
    let over = alert_with("Closed", 100);
    let changed = Alert {
        priority: Slug::new("low"),
        description: "3 accounts".into(),
        ..alert_with("In Progress", 100)
    };
    let raised = Alert {
        priority: Slug::new("low"),
        ..alert_with("New", 100)
    };
    let rows: &[Row<'_>] = &[
        // The alert is closed.
        (
            "a person's ticket is never closed",
            alone,
            always,
            &over,
            OPEN,
            &["note", "set base"],
        ),
        (
            "nor by the default",
            alone,
            untouched,
            &over,
            OPEN,
            &["note", "set base"],
        ),
        (
            "not while another is open",
            own_and_open,
            always,
            &over,
            OPEN,
            &["note", "set base"],
        ),
        (
            "closed with the last one",
            own_and_closed,
            always,
            &over,
            OPEN,
            &["close", "set base"],
        ),
        (
            "a merge is a person's work",
            own_and_closed,
            untouched,
            &over,
            OPEN,
            &["note", "set base"],
        ),
        (
            "the guest leaves it to the host",
            guest_and_closed,
            always,
            &over,
            OPEN,
            &["note", "set base"],
        ),
        (
            "the guest and another open",
            guest_and_open,
            always,
            &over,
            OPEN,
            &["note", "set base"],
        ),
        (
            "no word to another customer",
            other_client,
            always,
            &over,
            OPEN,
            &[],
        ),
        // The alert changes.
        (
            "a field of a shared ticket",
            own_and_open,
            always,
            &raised,
            OPEN,
            &["note", "set base"],
        ),
        (
            "text and fields, one note",
            guest_and_open,
            always,
            &changed,
            OPEN,
            &["note", "set base"],
        ),
        (
            "not to another customer",
            other_client,
            always,
            &changed,
            OPEN,
            &[],
        ),
        // A person closes the ticket.
        (
            "each asks for itself",
            guest_and_open,
            always,
            &alert(),
            CLOSED,
            &["request inspections", "set base"],
        ),
        (
            "the host too",
            own_and_open,
            always,
            &alert(),
            CLOSED,
            &["request inspections", "set base"],
        ),
        (
            "of another customer as well",
            other_client,
            always,
            &alert(),
            CLOSED,
            &["request inspections", "set base"],
        ),
        (
            "there is nothing to ask for",
            own_and_open,
            always,
            &over,
            CLOSED,
            &["set base"],
        ),
    ];
    for (what, role, close, alert, status, expected) in rows {
        let mut policy = policy(Mode::Managed);
        policy.templates.get_mut("default").unwrap().close = *close;
        let (mut link, seen) = merged(&policy, *role);
        let seen = Ticket {
            status: *status,
            changed_at: at(90),
            observed_at: at(90),
            ..seen
        };
        link.observe_ticket(seen.clone());
        assert_eq!(
            names(&link, alert, &seen, &policy),
            *expected,
            "{what}: {role:?}"
        );
    }
}

#[test]
fn an_alert_that_is_closed_never_reopens_the_ticket_for_another() {
    let policy = policy(Mode::Managed);
    let (mut link, seen) = merged(&policy, Role::Own { other_open: false });
    let closed = Ticket {
        status: CLOSED,
        changed_at: at(90),
        observed_at: at(90),
        ..seen
    };
    link.observe_ticket(closed.clone());
    let over = alert_with("Closed", 80);
    link.observe_alert(over.clone());
    let Some(Step::SetBase(base)) = plan(&link, Some(&over), Some(&closed), &policy, at(100)).pop()
    else {
        panic!("both are over");
    };
    link.base = Some(base);

    // The other alert is open again; it is the one to reopen the ticket.
    link.co_owners.as_mut().unwrap().closed.clear();
    link.co_owners.as_mut().unwrap().open.insert(OTHER);
    assert_eq!(names(&link, &over, &closed, &policy), ["set base"]);

    // This one is, too.
    let back = alert_with("New", 1_900);
    assert_eq!(
        names(&link, &back, &closed, &policy),
        ["reopen", "set base"]
    );
}

#[test]
fn an_alert_whose_ticket_went_to_another_customer_gets_a_ticket_of_its_own_when_it_returns() {
    let policy = policy(Mode::Managed);
    let (mut link, seen) = merged(&policy, Role::OtherClient);
    link.co_owners = None;
    let closed = Ticket {
        status: CLOSED,
        changed_at: at(90),
        observed_at: at(90),
        ..seen
    };
    link.observe_ticket(closed.clone());
    let over = alert_with("Closed", 80);
    let steps = plan(&link, Some(&over), Some(&closed), &policy, at(100));
    let Some(Step::SetBase(base)) = steps.into_iter().next_back() else {
        panic!("both are over");
    };
    link.base = Some(base);

    let back = alert_with("New", 1_900);
    assert_eq!(names(&link, &back, &closed, &policy), ["begin next ticket"]);
}

#[test]
fn a_person_who_closes_a_shared_ticket_starts_the_inspectors_of_open_alerts_only() {
    let policy = policy(Mode::Managed);
    let (mut link, seen) = merged(&policy, Role::Own { other_open: true });
    let closed = Ticket {
        status: CLOSED,
        changed_at: at(90),
        observed_at: at(90),
        ..seen
    };
    link.observe_ticket(closed.clone());
    let steps = plan(&link, Some(&alert()), Some(&closed), &policy, at(100));
    let own = RunTarget::Launchpoint(alert().launchpoint.unwrap());
    assert_eq!(
        steps[0],
        Step::RequestInspections(vec![RunTarget::HaloPsa, own])
    );
}

#[test]
fn merges_are_followed_in_chains_and_end_in_a_circle() {
    let policy = policy(Mode::Managed);
    let mut link = linked(&policy);
    let [second, third] = [TicketId::new(5000), TicketId::new(5001)];
    for (from, into) in [(TICKET, second), (second, third)] {
        let merged = Ticket {
            id: from,
            existence: Existence::MergedInto(into),
            ..ticket(CLOSED, 60)
        };
        let steps = plan(&link, Some(&alert()), Some(&merged), &policy, at(61));
        assert_eq!(steps, [Step::FollowMerge(into)]);
        link.follow_merge(into);
    }
    assert_eq!(link.merged_tickets, [TICKET, second]);
    assert_eq!(link.earlier_tickets, [TICKET, second]);
    for back in [TICKET, second] {
        let circle = Ticket {
            id: third,
            existence: Existence::MergedInto(back),
            ..ticket(CLOSED, 60)
        };
        assert_eq!(names(&link, &alert(), &circle, &policy), ["finish"]);
    }
}

#[test]
fn the_ticket_of_a_recurrence_may_be_merged_into_an_earlier_one() {
    let policy = policy(Mode::Managed);
    let mut link = linked(&policy);
    link.begin_next_ticket();
    link.observe_alert(alert());
    link.attach(INTO);
    let merged = Ticket {
        id: INTO,
        existence: Existence::MergedInto(TICKET),
        ..ticket(CLOSED, 60)
    };
    assert_eq!(names(&link, &alert(), &merged, &policy), ["follow merge"]);
    link.follow_merge(TICKET);
    assert_eq!(link.ticket, Some(TICKET));
    assert_eq!(link.earlier_tickets, [INTO]);
}

#[test]
fn a_merge_that_is_undone_leads_back_and_may_be_made_again() {
    let mut link = linked(&policy(Mode::Managed));
    let text = link.base.as_ref().unwrap().alert_text;
    let second = TicketId::new(5000);
    link.follow_merge(second);
    link.follow_merge(INTO);
    assert!(!link.undo_merge(TicketId::new(1)), "it was never merged");
    assert!(link.undo_merge(second));
    assert_eq!(
        (link.ticket, link.merged_tickets.clone()),
        (Some(second), vec![TICKET])
    );
    assert!(link.undo_merge(TICKET));
    assert_eq!(
        (link.ticket, link.merged_tickets.clone()),
        (Some(TICKET), vec![])
    );
    assert_eq!(
        link.opening.as_ref().unwrap().text,
        text,
        "what the ticket is known to show"
    );
    link.follow_merge(INTO);
    assert_eq!(link.merged_tickets, [TICKET]);
}

#[test]
fn of_all_alerts_of_a_ticket_exactly_one_closes_it() {
    // Which of three alerts were merged in, in every combination.
    for merged_in in 0..8_u64 {
        let links: Vec<Link> = (0..3)
            .map(|number| {
                let mut link = Link::new(AlertId::new(number));
                let was_merged = merged_in & (1 << number) != 0;
                link.attach(if was_merged {
                    TicketId::new(number + 1)
                } else {
                    INTO
                });
                if was_merged {
                    link.follow_merge(INTO);
                }
                link
            })
            .collect();
        let closers = links.iter().filter(|link| {
            let co_owners = CoOwners::of(link, &links).unwrap();
            assert_eq!(co_owners.alerts().count(), 2);
            co_owners.closes
        });
        let expected = usize::from(merged_in != 0b111);
        assert_eq!(
            closers.count(),
            expected,
            "{merged_in:03b}: none if it is a person's"
        );
    }
}

/// The notes of the plan for `alert` and an open ticket.
fn notes(link: &Link, alert: &Alert, seen: &Ticket, policy: &Policy) -> Vec<String> {
    let current = Link {
        ticket_as_of: Some(at(2_000)),
        ..link.clone()
    };
    let steps = plan(&current, Some(alert), Some(seen), policy, at(2_000));
    let html = |step| match step {
        Step::AddNote(html) => Some(html),
        _ => None,
    };
    steps.into_iter().filter_map(html).collect()
}

#[test]
fn the_closing_of_one_alert_of_a_merged_ticket_is_said_as_such() {
    let policy = policy(Mode::Managed);
    let over = alert_with("Closed", 100);
    for (role, stays) in [
        (Role::Own { other_open: true }, "for the other alerts"),
        (Role::Guest { other_open: true }, "for the other alerts"),
        (
            Role::Guest { other_open: false },
            "No alert of this ticket is open",
        ),
    ] {
        let (link, seen) = merged(&policy, role);
        let notes = notes(&link, &over, &seen, &policy);
        assert_eq!(notes.len(), 1, "{role:?}: {notes:?}");
        assert!(notes[0].contains("closed this alert (closed)"), "{notes:?}");
        assert!(notes[0].contains(stays), "{role:?}: {notes:?}");
        assert!(notes[0].contains(&over.name), "{notes:?}");
    }
}

#[test]
fn an_alert_whose_closing_was_noted_says_nothing_more_when_another_ticket_is_merged_into_its_own() {
    let mut policy = policy(Mode::Managed);
    for template in policy.templates.values_mut() {
        template.close = ClosePolicy::Never;
    }
    let over = alert_with("Closed", 100);
    let mut link = linked(&policy);
    let seen = ticket(OPEN, 60);
    link.observe_ticket(seen.clone());
    let current = Link {
        ticket_as_of: Some(at(2_000)),
        ..link.clone()
    };
    let left_open = plan(&current, Some(&over), Some(&seen), &policy, at(2_000));
    assert_eq!(
        left_open.iter().map(name).collect::<Vec<_>>(),
        ["note", "set base"]
    );
    for step in left_open {
        if let Step::SetBase(base) = step {
            link.base = Some(base);
        }
    }
    link.observe_alert(over.clone());
    // People merge the ticket of an open alert into it; then that alert closes, too.
    for other_open in [true, false] {
        link.co_owners = Some(CoOwners {
            open: other_open.then_some(OTHER).into_iter().collect(),
            closed: (!other_open).then_some(OTHER).into_iter().collect(),
            closes: true,
        });
        assert_eq!(notes(&link, &over, &seen, &policy), [""; 0], "{other_open}");
    }
}

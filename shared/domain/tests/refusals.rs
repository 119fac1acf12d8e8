//! Refusals: what counts as one, and how long it is remembered.

mod support;

use halogard_domain::ids::PriorityId;
use halogard_domain::link::{NamedFields, RefusedWrite, TerminalReason, WriteKind};
use halogard_domain::plan::Step;
use halogard_domain::policy::Mode;
use halogard_domain::ticket::{Existence, TicketChange};
use halogard_domain::{Alert, Link, Policy, Slug, Ticket, plan};

use support::{CLOSED, IN_PROGRESS, OPEN, RESOLVED, alert_with, at, linked_as_of, policy, ticket};

#[test]
fn an_answer_is_overtaken_where_each_member_shows_another_value_than_before() {
    let priority = |number| Some(PriorityId::new(number));
    // What was asked for, what the answer shows, and whether another has decided. The ticket was open, priority 1.
    let cases = [
        (None, Some(4), OPEN, 3, true),
        (None, Some(4), OPEN, 1, false),
        (None, Some(4), CLOSED, 1, false),
        (None, Some(4), CLOSED, 3, true),
        (Some(IN_PROGRESS), None, RESOLVED, 1, true),
        (Some(IN_PROGRESS), None, CLOSED, 3, true),
        (Some(IN_PROGRESS), None, OPEN, 1, false),
        (Some(IN_PROGRESS), None, OPEN, 3, false),
        (Some(IN_PROGRESS), Some(4), IN_PROGRESS, 3, true),
        (Some(IN_PROGRESS), Some(4), IN_PROGRESS, 1, false),
        (Some(IN_PROGRESS), Some(4), CLOSED, 1, false),
        (Some(IN_PROGRESS), Some(4), CLOSED, 3, true),
    ];
    for (status, asked, shown_status, shown, expected) in cases {
        let change = TicketChange {
            status,
            priority: asked.and_then(priority),
            ..TicketChange::of(&ticket(OPEN, 0))
        };
        let answer = Ticket {
            priority: priority(shown),
            ..ticket(shown_status, 10)
        };
        let case = format!("{status:?} {asked:?} {shown_status} {shown}");
        assert!(change.contradicted_by(&answer).is_some(), "{case}");
        assert_eq!(change.is_overtaken_by(&answer), expected, "{case}");
    }
    let unknown = TicketChange {
        priority: priority(4),
        ..TicketChange::of(&Ticket {
            priority: None,
            ..ticket(OPEN, 0)
        })
    };
    assert!(
        !unknown.is_overtaken_by(&ticket(OPEN, 10)),
        "nothing is known of before"
    );
}

#[test]
fn a_read_after_an_accepted_change_shows_what_was_there_before_or_what_it_will_show() {
    let priority = |number| Some(PriorityId::new(number));
    // What was asked for, what a read shows, and what is expected. The ticket was open, priority 1.
    let cases = [
        (Some(CLOSED), None, (OPEN, 1), (CLOSED, 1)),
        (Some(CLOSED), None, (CLOSED, 1), (CLOSED, 1)),
        (Some(CLOSED), None, (IN_PROGRESS, 1), (IN_PROGRESS, 1)),
        (None, Some(4), (OPEN, 1), (OPEN, 4)),
        (None, Some(4), (OPEN, 3), (OPEN, 3)),
        (None, Some(4), (IN_PROGRESS, 1), (IN_PROGRESS, 4)),
        (Some(IN_PROGRESS), Some(4), (OPEN, 1), (IN_PROGRESS, 4)),
        (Some(IN_PROGRESS), Some(4), (CLOSED, 1), (CLOSED, 4)),
    ];
    for (status, asked, (read_status, read_priority), expected) in cases {
        let change = TicketChange {
            status,
            priority: asked.and_then(priority),
            ..TicketChange::of(&ticket(OPEN, 0))
        };
        let read = Ticket {
            priority: priority(read_priority),
            ..ticket(read_status, 10)
        };
        let case = format!("{status:?} {asked:?} {read_status} {read_priority}");
        let shown = change.expected_after(read.clone());
        assert_eq!(shown.status, expected.0, "{case}");
        assert_eq!(shown.priority, priority(expected.1), "{case}");
        let lags = (shown.status, shown.priority) != (read.status, read.priority);
        assert_eq!(shown.is_dated, !lags, "{case}: no time of its own");
        assert_eq!(shown.changed_at, read.changed_at, "{case}");
        let deleted = Ticket {
            existence: Existence::Deleted,
            ..read
        };
        assert_eq!(change.expected_after(deleted.clone()), deleted, "{case}");
    }
}

/// HaloPSA refuses to change the priority of the ticket of `link`, with `message`.
fn refusal(link: &Link, policy: &Policy, message: &str) -> RefusedWrite {
    RefusedWrite {
        write: WriteKind::SetFields,
        fields: NamedFields::PRIORITY,
        message: message.to_owned(),
        policy_fingerprint: policy.fingerprint(),
        ticket_changed_at: link.observed_ticket.as_ref().map(|seen| seen.changed_at),
        at: at(20),
        retry_at: Some(at(20_000)),
        not_carried_out: 0,
    }
}

/// A pair whose alert has become less urgent, and whose ticket HaloPSA refuses to change.
fn refused(policy: &Policy) -> Link {
    let mut link = linked_as_of(policy, 20);
    link.observe_alert(Alert {
        priority: Slug::new("low"),
        ..alert_with("New", 10)
    });
    let refused = refusal(&link, policy, "no");
    link.record_refusal(refused);
    link
}

#[test]
fn a_refusal_is_forgotten_once_its_write_is_no_longer_wanted() {
    let policy = policy(Mode::Managed);
    let forgets = |link: &Link| {
        let mut link = link.clone();
        link.drop_lapsed_refusals(&policy, at(30));
        link.refused.is_empty()
    };
    let wanted = refused(&policy);
    assert!(!forgets(&wanted), "the priority is still to be lowered");

    let shown = |change: fn(&mut Ticket)| {
        let mut link = refused(&policy);
        // The time of change is as before: only what is shown says that nothing is wanted.
        link.observed_ticket.as_mut().map(change);
        link
    };
    let done = shown(|it| it.priority = Some(PriorityId::new(4)));
    assert!(forgets(&done), "a person did it");
    let overruled = shown(|it| it.priority = Some(PriorityId::new(2)));
    assert!(forgets(&overruled), "a person chose another one");
    let mut deleted = shown(|it| {
        it.existence = Existence::Deleted;
        it.observed_at = at(30);
    });
    deleted.terminal_reason = Some(TerminalReason::TicketDeleted);
    assert!(forgets(&deleted), "there is no ticket");
    let mut as_before = refused(&policy);
    as_before.observe_alert(alert_with("New", 25));
    assert!(forgets(&as_before), "the alert is as urgent as before");
}

#[test]
fn a_refused_field_holds_up_no_other_and_fields_refused_together_are_written_one_by_one() {
    let (none, both) = (NamedFields::NONE, NamedFields::BOTH);
    let (status, priority) = (NamedFields::STATUS, NamedFields::PRIORITY);
    // What was refused, what the alert has changed, and what is written.
    let cases = [
        (vec![], both, both),
        (vec![status], both, priority),
        (vec![priority], both, status),
        (vec![status, priority], both, none),
        (vec![both], both, priority),
        (vec![both], status, status),
        (vec![both], priority, priority),
        (vec![both, priority], both, status),
        (vec![both, status], both, priority),
        (vec![both, status, priority], both, none),
        (vec![status], status, none),
        (vec![status], priority, priority),
        // Stored by a version that did not know the fields.
        (vec![none], both, none),
    ];
    let policy = policy(Mode::Managed);
    for (refused, changed, written) in cases {
        let mut link = linked_as_of(&policy, 20);
        let as_it_was = alert_with("New", 10);
        link.observe_alert(Alert {
            priority: Slug::new(if changed.priority {
                "low"
            } else {
                as_it_was.priority.as_str()
            }),
            ..alert_with(if changed.status { "In Progress" } else { "New" }, 10)
        });
        for fields in &refused {
            let refused = RefusedWrite {
                fields: *fields,
                ..refusal(&link, &policy, "no")
            };
            link.record_refusal(refused);
        }
        let case = format!("{refused:?} {changed:?}");
        assert_eq!(link.refused.len(), refused.len(), "{case}");
        let seen = (link.observed_alert.clone(), link.observed_ticket.clone());
        let steps = plan(&link, seen.0.as_ref(), seen.1.as_ref(), &policy, at(30));
        let change = steps.iter().find_map(|step| match step {
            Step::SetFields(change) => Some(NamedFields::of(WriteKind::SetFields, change)),
            _ => None,
        });
        assert_eq!(change.unwrap_or(none), written, "{case}");
        // What is not written stays to be written.
        let base = steps.iter().find_map(|step| match step {
            Step::SetBase(base) => Some(base),
            _ => None,
        });
        let base = base.cloned().or(link.base).expect("a base");
        let waits = (
            changed.status && base.alert_status.as_str() == "new",
            changed.priority && base.alert_priority == as_it_was.priority,
        );
        let left = (
            changed.status && !written.status,
            changed.priority && !written.priority,
        );
        assert_eq!(waits, left, "{case}");
    }
}

#[test]
fn a_refusal_is_the_same_whatever_numbers_it_names() {
    let policy = policy(Mode::Managed);
    let mut link = linked_as_of(&policy, 20);
    let said = "Ticket 4242 is locked by request 00-4bf92f at 10:04:31";
    let refused = refusal(&link, &policy, said);
    link.record_refusal(refused);
    let fields = NamedFields::PRIORITY;
    for (message, is_known) in [
        (said, true),
        ("Ticket 77 is locked by request 00-77aa1b at 16:04:31", true),
        ("Ticket 4242 is deleted", false),
        ("", false),
    ] {
        let known = link.has_refusal(WriteKind::SetFields, fields, message);
        assert_eq!(known, is_known, "{message}");
    }
    assert!(!link.has_refusal(WriteKind::SetFields, NamedFields::STATUS, said));
    assert!(!link.has_refusal(WriteKind::Close, NamedFields::NONE, said));
}

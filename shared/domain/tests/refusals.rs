//! Refusals: what counts as one, and how long it is remembered.

mod support;

use halogard_domain::ids::PriorityId;
use halogard_domain::link::{RefusedWrite, TerminalReason, WriteKind};
use halogard_domain::policy::Mode;
use halogard_domain::ticket::{Existence, TicketChange};
use halogard_domain::{Alert, Link, Policy, Slug, Ticket};

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

/// A pair whose alert has become less urgent, and whose ticket HaloPSA refuses to change.
fn refused(policy: &Policy) -> Link {
    let mut link = linked_as_of(policy, 20);
    link.observe_alert(Alert {
        priority: Slug::new("low"),
        ..alert_with("New", 10)
    });
    link.record_refusal(RefusedWrite {
        write: WriteKind::SetFields,
        message: "no".to_owned(),
        policy_fingerprint: policy.fingerprint(),
        ticket_changed_at: link.observed_ticket.as_ref().map(|seen| seen.changed_at),
        at: at(20),
        retry_at: Some(at(20_000)),
        not_carried_out: 0,
    });
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

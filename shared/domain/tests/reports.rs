//! Which of several reports about a ticket or an alert is believed.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::time::Duration;

use halogard_domain::ids::PriorityId;
use halogard_domain::link::{REPORT_DISORDER_MAX, WRITE_AGE_MAX, WRITE_VISIBLE_WITHIN};
use halogard_domain::policy::Mode;
use halogard_domain::ticket::{Premise, TicketChange};
use halogard_domain::{Link, Ticket, Timestamp};
use proptest::prelude::*;
use support::{CLOSED, IN_PROGRESS, OPEN, TICKET, alert, alert_with, at, policy, ticket};

/// A link that knows `seen` of its ticket.
fn knowing(seen: Ticket) -> Link {
    let mut link = Link::new(alert().id);
    link.attach(TICKET);
    link.observe_ticket(seen);
    link
}

/// The ticket in `status`, changed at `changed_at` by HaloPSA's clock and reported at `observed_at`.
fn report(status: halogard_domain::ids::StatusId, changed_at: i64, observed_at: i64) -> Ticket {
    Ticket {
        observed_at: at(observed_at),
        ..ticket(status, changed_at)
    }
}

fn status_of(link: &Link) -> halogard_domain::ids::StatusId {
    link.observed_ticket.as_ref().unwrap().status
}

#[test]
fn a_read_made_later_wins_over_an_earlier_time_of_change() {
    // Written by a server whose clock is five seconds fast, then closed through one that is right.
    for earlier_by in [0, 1, 59, 600, 86_400] {
        let mut link = knowing(report(OPEN, 105, 100));
        link.observe_current_ticket(report(CLOSED, 105 - earlier_by, 200));
        assert_eq!(status_of(&link), CLOSED, "{earlier_by} s earlier");
        assert_eq!(link.ticket_as_of, Some(at(200)));
    }
    // A read that began before the report arrived is not a later one.
    let mut link = knowing(report(OPEN, 105, 100));
    link.observe_current_ticket(report(CLOSED, 104, 99));
    assert_eq!(status_of(&link), OPEN);
}

#[test]
fn a_read_wins_over_what_was_seen_while_our_clock_was_ahead() {
    for ahead in [61, 3_600, 365 * 86_400] {
        let mut link = knowing(report(OPEN, 90, 100 + ahead));
        link.observe_current_ticket(report(CLOSED, 95, 100));
        assert_eq!(status_of(&link), CLOSED, "{ahead} s");
        assert!(link.is_ticket_current(at(100)), "{ahead} s");
    }
}

#[test]
fn a_report_that_is_a_little_older_and_differs_is_decided_by_a_read() {
    let disorder = i64::try_from(REPORT_DISORDER_MAX.as_secs()).unwrap();
    let link = knowing(report(OPEN, 500, 500));
    let rows = [
        ("newer", report(CLOSED, 501, 501), false, true),
        (
            "same time, another state",
            report(CLOSED, 500, 501),
            true,
            true,
        ),
        (
            "same time, same state",
            report(OPEN, 500, 501),
            false,
            false,
        ),
        (
            "a little older, same state",
            report(OPEN, 499, 501),
            false,
            false,
        ),
        ("a little older", report(CLOSED, 499, 501), true, true),
        (
            "just within the limit",
            report(CLOSED, 500 - disorder, 501),
            true,
            true,
        ),
        ("too old", report(CLOSED, 499 - disorder, 501), false, false),
        (
            "another priority",
            Ticket {
                priority: Some(PriorityId::new(4)),
                ..report(OPEN, 499, 501)
            },
            true,
            true,
        ),
        (
            "a priority that is not reported",
            Ticket {
                priority: None,
                ..report(OPEN, 499, 501)
            },
            false,
            false,
        ),
    ];
    for (what, report, in_doubt, news) in rows {
        assert_eq!(link.is_in_doubt(&report), in_doubt, "{what}");
        assert_eq!(link.is_news(&report), news, "{what}");
    }
    // The state that our own write replaced comes back late, and is known.
    let mut link = knowing(report(OPEN, 490, 490));
    link.observe_current_ticket(report(CLOSED, 500, 500));
    assert!(!link.is_in_doubt(&report(OPEN, 490, 520)));
}

#[test]
fn a_read_that_does_not_show_our_write_yet_is_not_believed_for_a_while() {
    let visible = i64::try_from(WRITE_VISIBLE_WITHIN.as_secs()).unwrap();
    for (after, expected) in [(1, CLOSED), (visible, CLOSED), (visible + 1, OPEN)] {
        let mut link = knowing(report(OPEN, 490, 490));
        link.observe_current_ticket(report(CLOSED, 500, 500));
        link.observe_current_ticket(report(OPEN, 490, 500 + after));
        assert_eq!(status_of(&link), expected, "{after} s after the write");
        assert!(link.is_ticket_current(at(500 + after)));
    }
}

#[test]
fn a_time_of_change_in_the_future_freezes_no_pair() {
    let far = 4_000_000_000;
    // Ticket: a later report, a read, and a row that was put right are all believed.
    let mut link = knowing(report(OPEN, far, 100));
    assert!(link.is_news(&report(CLOSED, 150, 200)));
    link.observe_ticket(report(CLOSED, 150, 200));
    assert_eq!(status_of(&link), CLOSED);
    let mut link = knowing(report(OPEN, far, 100));
    link.observe_current_ticket(report(IN_PROGRESS, far, 200));
    assert_eq!(status_of(&link), IN_PROGRESS);
    // The same odd row again is not news.
    let link = knowing(report(OPEN, far, 100));
    assert!(!link.is_news(&report(OPEN, far, 400)));
    // Alert.
    let mut link = Link::new(alert().id);
    link.observe_alert(halogard_domain::Alert {
        observed_at: at(100),
        ..alert_with("New", far)
    });
    link.observe_alert(alert_with("Closed", 150));
    assert!(link.observed_alert.unwrap().is_closed());
}

#[test]
fn what_is_known_of_a_ticket_is_good_for_a_write_for_a_short_time() {
    let limit = WRITE_AGE_MAX;
    // A webhook that comes late says what was true when the ticket changed.
    let late = knowing(report(OPEN, 100, 400));
    assert_eq!(late.ticket_as_of, Some(at(100)));
    let link = knowing(report(OPEN, 100, 100));
    let rows = [
        (at(100), true),
        (at(100).plus(limit), true),
        (at(100).plus(limit + Duration::from_millis(1)), false),
        (at(100).minus(Duration::from_secs(60)), true),
        // The clock was set back.
        (at(100).minus(Duration::from_secs(61)), false),
    ];
    for (now, current) in rows {
        assert_eq!(link.is_ticket_current(now), current, "{now}");
    }
    let mut link = link;
    assert!(link.mark_ticket_outdated(TICKET));
    assert!(
        !link.is_ticket_current(at(100)),
        "a list shows a newer change"
    );
    assert!(!link.mark_ticket_outdated(TICKET));
    link.observe_ticket(report(OPEN, 100, 101));
    assert!(!link.is_ticket_current(at(101)), "the old state once more");
    link.observe_current_ticket(report(CLOSED, 99, 102));
    assert!(link.is_ticket_current(at(102)));
}

#[test]
fn an_answer_that_does_not_show_what_was_asked_for_says_so() {
    let before = ticket(OPEN, 1);
    let none = TicketChange::of(&before);
    let status = TicketChange {
        status: Some(CLOSED),
        ..none.clone()
    };
    let both = TicketChange {
        priority: Some(PriorityId::new(4)),
        ..status.clone()
    };
    let shows = |status, priority| Ticket {
        status,
        priority,
        ..before.clone()
    };
    let (one, four) = (Some(PriorityId::new(1)), Some(PriorityId::new(4)));
    let rows = [
        (&none, shows(CLOSED, four), None),
        (&status, shows(CLOSED, one), None),
        (
            &status,
            shows(OPEN, one),
            Some("the status stayed 1 instead of 9"),
        ),
        (&both, shows(CLOSED, four), None),
        (
            &both,
            shows(CLOSED, one),
            Some("the priority stayed 1 instead of 4"),
        ),
        (
            &both,
            shows(CLOSED, None),
            Some("the priority stayed unset instead of 4"),
        ),
        (
            &both,
            shows(OPEN, one),
            Some("the status stayed 1 instead of 9 and the priority stayed 1 instead of 4"),
        ),
    ];
    for (change, answer, expected) in rows {
        let expected = expected.map(|it| format!("HaloPSA accepted the change, but {it}"));
        assert_eq!(change.contradicted_by(&answer), expected, "{change:?}");
    }
}

#[test]
fn a_premise_holds_while_the_ticket_shows_the_same_and_no_later_change() {
    let before = ticket(OPEN, 1);
    let premise = Premise::of(&before);
    let rows = [
        (before.clone(), true),
        (ticket(OPEN, 0), true),
        // Someone has changed something else since, or added a note.
        (ticket(OPEN, 90), false),
        (ticket(CLOSED, 1), false),
        (
            Ticket {
                assigned: None,
                ..before.clone()
            },
            true,
        ),
        (
            Ticket {
                priority: Some(PriorityId::new(2)),
                ..before.clone()
            },
            false,
        ),
        (
            Ticket {
                assigned: Some(false),
                ..before.clone()
            },
            false,
        ),
        (
            Ticket {
                existence: halogard_domain::ticket::Existence::Deleted,
                ..before
            },
            false,
        ),
    ];
    for (ticket, holds) in rows {
        assert_eq!(premise.holds_for(&ticket), holds, "{ticket:?}");
    }
}

proptest! {
    /// Whatever was reported before and however odd its time: a read made now is what is known.
    #[test]
    fn after_a_read_the_ticket_is_known_as_it_was_read(
        reports in prop::collection::vec((any::<i32>(), 0..1_000_i64, 0..3_usize), 0..6),
        changed_at in 0..10_000_i64,
    ) {
        let statuses = [OPEN, CLOSED, IN_PROGRESS];
        let mut link = Link::new(alert().id);
        link.attach(TICKET);
        for (changed_at, observed_at, status) in reports {
            link.observe_ticket(report(statuses[status], i64::from(changed_at), observed_at));
        }
        // Long enough after everything to be visible.
        let read = report(CLOSED, changed_at, 5_000);
        link.observe_current_ticket(read.clone());
        prop_assert_eq!(link.observed_ticket.as_ref().map(|it| (it.status, it.changed_at)), Some((CLOSED, read.changed_at)));
        prop_assert!(link.is_ticket_current(at(5_000)));
    }

    /// A plan writes to a ticket only if it is known as of a moment ago.
    #[test]
    fn no_plan_writes_to_a_ticket_that_may_have_changed(
        age in 0..100_000_i64, status in 0..3_usize, word in 0..4_usize, text in 0..2_u8, closed in any::<bool>(),
    ) {
        let policy = policy(Mode::Managed);
        let mut link = support::linked(&policy);
        let now = at(200_000);
        link.ticket_as_of = Some(now.minus(Duration::from_secs(age.unsigned_abs())));
        if closed {
            link.base.as_mut().unwrap().alert_closed = true;
        }
        let alert = halogard_domain::Alert {
            description: format!("text {text}"),
            ..alert_with(["New", "Closed", "In Progress", "Frobnicated"][word], 50)
        };
        let ticket = ticket([OPEN, CLOSED, IN_PROGRESS][status], 60);
        let steps = halogard_domain::plan(&link, Some(&alert), Some(&ticket), &policy, now);
        let writes = steps.iter().any(halogard_domain::plan::Step::writes_ticket);
        prop_assert!(!writes || link.is_ticket_current(now), "{age} s: {steps:?}");
    }
}

/// Times saturate, so that no report can make the arithmetic overflow.
#[test]
fn the_ends_of_time_are_put_in_order_too() {
    for changed_at in [i64::MIN, i64::MAX] {
        let odd = Ticket {
            changed_at: Timestamp::from_millis(changed_at),
            ..ticket(OPEN, 100)
        };
        let mut link = knowing(odd);
        link.observe_ticket(report(CLOSED, 150, 200));
        assert_eq!(status_of(&link), CLOSED, "{changed_at}");
    }
}

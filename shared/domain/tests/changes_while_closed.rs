//! Changes of an alert that come while its ticket is closed, or together with a closing or a reopening, are
//! written once the ticket is open.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use halogard_domain::ids::{PriorityId, StatusId};
use halogard_domain::plan::Step;
use halogard_domain::policy::Mode;
use halogard_domain::{Alert, Slug, Ticket};
use support::{CLOSED, IN_PROGRESS, OPEN, PairHarness, RESOLVED, alert, alert_with, at, policy};

/// What changes of the alert.
#[derive(Clone, Copy, Debug)]
struct Changes {
    text: bool,
    priority: bool,
    status: bool,
}

impl Changes {
    /// Every combination in which something changes.
    fn all() -> impl Iterator<Item = Self> {
        (1..8_u8).map(|bits| Self {
            text: bits & 1 != 0,
            priority: bits & 2 != 0,
            status: bits & 4 != 0,
        })
    }

    /// `before` with these changes, at `seconds`.
    fn of(self, before: &Alert, seconds: i64) -> Alert {
        let mut changed = Alert {
            changed_at: at(seconds),
            observed_at: at(seconds),
            ..before.clone()
        };
        if self.text {
            changed.description = "9 privileged accounts".into();
        }
        if self.priority {
            changed.priority = Slug::new("low");
        }
        if self.status && !before.is_closed() {
            changed.status = Slug::new("In Progress");
        }
        changed
    }
}

/// The open alert with its ticket.
fn pair() -> PairHarness {
    let mut pair = PairHarness::new(policy(Mode::Managed));
    pair.link.observe_alert(alert());
    pair.converge(at(1));
    pair.executed.clear();
    pair
}

/// A person sets the ticket's status; a webhook reports it.
fn set_status(pair: &mut PairHarness, status: StatusId, seconds: i64) {
    let seen = Ticket {
        status,
        changed_at: at(seconds),
        observed_at: at(seconds),
        ..pair.ticket.clone().unwrap()
    };
    pair.ticket = Some(seen.clone());
    pair.link.observe_ticket(seen);
}

/// How often the new text, the new priority and the new status were written.
fn written(pair: &PairHarness) -> (usize, usize, usize) {
    let count = |matches: &dyn Fn(&Step) -> bool| {
        let executed = pair.executed.iter();
        executed.filter(|step| matches(step)).count()
    };
    let texts = count(&|step| match step {
        Step::AddNote(html) | Step::Reopen(_, html) => html.contains("9 privileged accounts"),
        _ => false,
    });
    let priorities = count(&|step| match step {
        Step::SetFields(change) => change.priority == Some(PriorityId::new(4)),
        _ => false,
    });
    let statuses = count(&|step| match step {
        Step::SetFields(change) => change.status == Some(IN_PROGRESS),
        _ => false,
    });
    (texts, priorities, statuses)
}

fn assert_written_once(pair: &PairHarness, changes: Changes, when: &str) {
    let expected = (
        usize::from(changes.text),
        usize::from(changes.priority),
        usize::from(changes.status),
    );
    assert_eq!(written(pair), expected, "{changes:?} {when}");
    assert_eq!(pair.plan(at(1_000)), [], "{changes:?} {when}");
    let ticket = pair.ticket.as_ref().unwrap();
    let status = if changes.status { IN_PROGRESS } else { OPEN };
    assert_eq!(ticket.status, status, "{changes:?} {when}");
}

#[test]
fn around_a_closing_and_a_reopening_by_a_person() {
    let moments = [
        (49, "before the closing is known"),
        (50, "with the closing"),
        (55, "while it is closed"),
        (60, "with the reopening"),
        (65, "after it"),
    ];
    for closing_status in [CLOSED, RESOLVED] {
        for changes in Changes::all() {
            for (changed_at, when) in moments {
                let mut pair = pair();
                for second in [49, 50, 55, 60, 65] {
                    if second == changed_at {
                        pair.link.observe_alert(changes.of(&alert(), second));
                    }
                    match second {
                        // The report of the closing comes with the next reconciliation of the pair.
                        49 => continue,
                        50 => set_status(&mut pair, closing_status, second),
                        60 => set_status(&mut pair, OPEN, second),
                        _ => {}
                    }
                    pair.converge(at(second));
                    let is_open = second >= 60;
                    assert!(is_open || written(&pair) == (0, 0, 0), "{changes:?} {when}");
                }
                assert_written_once(&pair, changes, when);
            }
        }
    }
}

#[test]
fn around_a_closing_and_a_reopening_of_the_alert() {
    let moments = [
        (50, "with the closing"),
        (55, "while both are closed"),
        (60, "with the reopening"),
        (65, "after it"),
    ];
    for changes in Changes::all() {
        for (changed_at, when) in moments {
            let mut pair = pair();
            let mut seen = alert();
            for (second, status) in [(50, "Closed"), (55, "Closed"), (60, "New"), (65, "New")] {
                seen = Alert {
                    description: seen.description.clone(),
                    priority: seen.priority.clone(),
                    ..alert_with(status, second)
                };
                if second >= changed_at {
                    seen = changes.of(&seen, second);
                }
                pair.link.observe_alert(seen.clone());
                pair.converge(at(second));
                let is_open = second >= 60;
                assert!(is_open || written(&pair) == (0, 0, 0), "{changes:?} {when}");
            }
            assert_written_once(&pair, changes, when);
        }
    }
}

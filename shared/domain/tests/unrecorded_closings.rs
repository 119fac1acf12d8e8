//! A ticket that we closed, a process that stopped before it recorded that, and an alert that came back before the
//! message was processed once more.

mod support;

use halogard_domain::Alert;
use halogard_domain::plan::Step;
use halogard_domain::policy::{ClosedBy, Mode};
use support::{CLOSED, OPEN, PairHarness, alert, at, linked, policy, ticket};

/// A pair that agreed when both were open; its ticket was closed at second 242, and the link does not know.
fn closed_unrecorded(closer: ClosedBy) -> PairHarness {
    let mut pair = PairHarness::new(policy(Mode::Managed));
    pair.link = linked(&pair.policy);
    pair.closer = closer;
    pair.ticket = Some(ticket(CLOSED, 242));
    pair
}

/// The closed ticket is reported.
fn report_ticket(pair: &mut PairHarness) {
    if let Some(report) = pair.ticket.clone() {
        pair.link.observe_ticket(report);
    }
}

/// The alert as it is after it was closed and came back at second 480.
fn returned() -> Alert {
    Alert {
        changed_at: at(480),
        observed_at: at(481),
        ..alert()
    }
}

fn is_open(pair: &PairHarness) -> bool {
    pair.ticket.as_ref().is_some_and(|it| it.status == OPEN)
}

fn closers_asked_for(pair: &PairHarness) -> usize {
    let steps = pair.executed.iter();
    steps.filter(|step| **step == Step::FindCloser).count()
}

#[test]
fn a_ticket_that_we_closed_unrecorded_is_reopened_when_its_alert_is_back() {
    let mut pair = closed_unrecorded(ClosedBy::Halogard);
    pair.link.observe_alert(returned());
    report_ticket(&mut pair);
    pair.converge(at(485));
    assert!(is_open(&pair), "{:?}", pair.executed);
}

#[test]
fn the_same_where_the_closing_was_reported_before_the_alert_came_back() {
    let mut pair = closed_unrecorded(ClosedBy::Halogard);
    report_ticket(&mut pair);
    pair.converge(at(245));
    assert!(!is_open(&pair), "the alert is not known to be back");
    assert_eq!(
        closers_asked_for(&pair),
        0,
        "nothing speaks against a person"
    );
    pair.link.observe_alert(returned());
    pair.converge(at(485));
    assert!(is_open(&pair), "{:?}", pair.executed);
}

#[test]
fn what_someone_else_closed_stays_closed_whatever_the_alert_does_and_is_asked_about_once() {
    for closer in [ClosedBy::Technician, ClosedBy::Automation] {
        let mut pair = closed_unrecorded(closer);
        pair.link.observe_alert(returned());
        report_ticket(&mut pair);
        pair.converge(at(485));
        pair.link.observe_alert(Alert {
            changed_at: at(600),
            observed_at: at(601),
            ..returned()
        });
        pair.converge(at(605));
        assert!(!is_open(&pair), "{closer:?}: {:?}", pair.executed);
        assert_eq!(closers_asked_for(&pair), 1, "{closer:?}");
    }
}

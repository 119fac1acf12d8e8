//! A change that HaloPSA accepted: what later reports say about it, and what follows.

mod support;

use std::time::Duration;

use halogard_domain::ids::PriorityId;
use halogard_domain::link::{Evidence, NOT_CARRIED_OUT_PAUSES, WRITE_VISIBLE_WITHIN, WriteKind};
use halogard_domain::pair_status::{PairStatus, pair_status};
use halogard_domain::plan::Step;
use halogard_domain::policy::Mode;
use halogard_domain::ticket::TicketChange;
use halogard_domain::write_result::WriteResult;
use halogard_domain::{Alert, Link, Policy, Slug, Ticket, plan};

use support::{CLOSED, OPEN, alert, at, linked, policy, ticket};

/// When our change is answered.
const ANSWERED: i64 = 100;

/// After this time reads no longer lag.
fn settled() -> i64 {
    ANSWERED + i64::try_from(WRITE_VISIBLE_WITHIN.as_secs()).unwrap_or(i64::MAX)
}

/// A priority of the ticket.
fn priority(id: u64) -> Option<PriorityId> {
    Some(PriorityId::new(id))
}

/// The ticket with this priority, as a report of `seen` shows it that says it changed at `changed`.
fn shows(id: u64, changed: i64, seen: i64) -> Ticket {
    Ticket {
        priority: priority(id),
        observed_at: at(seen),
        ..ticket(OPEN, changed)
    }
}

/// A pair whose alert became Low, and whose ticket was given priority 4 in place of 1. HaloPSA's answer shows
/// `changed` as the time of change.
fn lowered(policy: &Policy, changed: i64) -> Link {
    let mut link = linked(policy);
    let known = Ticket {
        observed_at: at(60),
        ..ticket(OPEN, 60)
    };
    link.observe_current_ticket(known.clone());
    link.observe_alert(Alert {
        priority: Slug::new("low"),
        changed_at: at(90),
        observed_at: at(90),
        ..alert()
    });
    let change = TicketChange {
        priority: priority(4),
        ..TicketChange::of(&known)
    };
    carry_out(&mut link, policy, &change, shows(4, changed, ANSWERED));
    link
}

/// Makes `change`, to which HaloPSA answers with `answer`, and what the plan does after it.
fn carry_out(link: &mut Link, policy: &Policy, change: &TicketChange, answer: Ticket) {
    let now = answer.observed_at;
    let accepted = link.accepted_change(WriteKind::SetFields, change, &answer, now);
    link.apply(&WriteResult::Changed {
        accepted: Box::new(accepted),
        ticket: answer,
    });
    let seen = (link.observed_alert.clone(), link.observed_ticket.clone());
    for step in plan(link, seen.0.as_ref(), seen.1.as_ref(), policy, now) {
        if let Step::SetBase(base) = step {
            link.agree(base);
        }
    }
}

/// The plan for the pair as it is.
fn planned(link: &Link, policy: &Policy, now: i64) -> Vec<Step> {
    let (alert, ticket) = (link.observed_alert.as_ref(), link.observed_ticket.as_ref());
    plan(link, alert, ticket, policy, at(now))
}

#[test]
fn what_a_report_says_about_an_accepted_change() {
    let policy = policy(Mode::Managed);
    let link = lowered(&policy, 99);
    let accepted = link.accepted.clone();
    let accepted = accepted.unwrap_or_else(|| panic!("a change that was accepted"));
    let (early, late) = (ANSWERED + 1, settled());
    let undated = |report| Ticket {
        is_dated: false,
        ..report
    };
    let gone = Ticket {
        existence: halogard_domain::ticket::Existence::Deleted,
        ..shows(1, 60, late)
    };
    let rows = [
        ("what was asked for", shows(4, 99, early), "shown"),
        ("the same, late", shows(4, 99, late), "shown"),
        (
            "the same after another change",
            shows(4, 300, late),
            "shown",
        ),
        ("before", shows(1, 60, early), "early"),
        ("before, with our time", shows(1, 99, early), "early"),
        ("before, still", shows(1, 60, late), "not carried out"),
        (
            "before, still, with our time",
            shows(1, 99, late),
            "not carried out",
        ),
        ("set back by a person", shows(1, 100, early), "overtaken"),
        (
            "set back by a person, late",
            shows(1, 200, late),
            "overtaken",
        ),
        ("another priority", shows(2, 60, late), "overtaken"),
        ("another priority, newer", shows(2, 200, early), "overtaken"),
        ("before, undated", undated(shows(1, early, early)), "early"),
        (
            "before, still, undated",
            undated(shows(1, late, late)),
            "not carried out",
        ),
        (
            "another, undated",
            undated(shows(2, late, late)),
            "overtaken",
        ),
        ("deleted", gone, "overtaken"),
    ];
    for (name, report, expected) in rows {
        let said = match accepted.evidence(&report) {
            Evidence::Shown => "shown",
            Evidence::Early => "early",
            Evidence::NotCarriedOut(_) => "not carried out",
            Evidence::Overtaken => "overtaken",
        };
        assert_eq!(said, expected, "{name}");
    }
}

#[test]
fn an_answer_with_a_later_time_of_change_costs_no_further_read() {
    let policy = policy(Mode::Managed);
    let link = lowered(&policy, 99);
    for now in [ANSWERED, ANSWERED + 60, settled(), settled() + 86_400] {
        assert_eq!(planned(&link, &policy, now), [], "at {now}");
    }
}

#[test]
fn an_answer_without_a_later_time_of_change_is_read_once_reads_no_longer_lag() {
    let policy = policy(Mode::Managed);
    let link = lowered(&policy, 60);
    let wait = Step::Wait(at(settled()));
    assert_eq!(planned(&link, &policy, ANSWERED), [wait]);
    assert_eq!(planned(&link, &policy, settled()), [Step::ReadTicket]);
    // Landed, early or late.
    for (changed, seen) in [(61, ANSWERED + 30), (290, 300), (450, 460)] {
        let mut link = link.clone();
        link.observe_ticket(shows(4, changed, seen));
        assert_eq!(link.accepted, None);
        assert_eq!(planned(&link, &policy, seen + 300), []);
    }
}

#[test]
fn a_change_that_is_not_carried_out_is_made_again_with_growing_pauses_then_waits() {
    let policy = policy(Mode::Managed);
    let mut link = lowered(&policy, 60);
    let mut now = settled();
    for attempt in 0..=NOT_CARRIED_OUT_PAUSES.len() {
        link.observe_current_ticket(shows(1, 60, now));
        assert_eq!(planned(&link, &policy, now), [Step::RecordNotCarriedOut]);
        let refused = link.not_carried_out(&policy, at(now));
        let refused = refused.unwrap_or_else(|| panic!("attempt {attempt}"));
        assert!(
            refused
                .message
                .contains("the priority stayed 1 instead of 4")
        );
        link.apply(&WriteResult::NotCarriedOut(refused.clone()));
        assert_eq!(planned(&link, &policy, now + 60), [], "attempt {attempt}");
        assert_eq!(pair_status(&link, &policy, at(now)), PairStatus::Refused);
        let Some(retry_at) = refused.retry_at else {
            assert_eq!(attempt, NOT_CARRIED_OUT_PAUSES.len());
            break;
        };
        let pause = NOT_CARRIED_OUT_PAUSES.get(attempt);
        assert_eq!(Some(&retry_at.since(at(now))), pause);
        assert!(!link.has_refusal_to_retry(retry_at.minus(Duration::from_secs(1))));
        assert!(link.has_refusal_to_retry(retry_at));
        now = retry_at.as_millis() / 1000 - at(0).as_millis() / 1000;
        // Its state is known; the change is wanted again.
        link.observe_current_ticket(shows(1, 60, now));
        let steps = planned(&link, &policy, now);
        let Some(Step::SetFields(change)) = steps.first() else {
            panic!("attempt {attempt}: {steps:?}");
        };
        assert_eq!(change.priority, priority(4));
        let change = change.clone();
        carry_out(&mut link, &policy, &change, shows(4, 60, now));
        now += i64::try_from(WRITE_VISIBLE_WITHIN.as_secs()).unwrap_or(i64::MAX);
    }
    // No time lifts it, another config does.
    let month = now + 30 * 86_400;
    assert_eq!(planned(&link, &policy, month), []);
    let other = Policy {
        key_prefix: "ACME".into(),
        ..policy
    };
    link.observe_current_ticket(shows(1, 60, month));
    assert!(matches!(
        planned(&link, &other, month).first(),
        Some(Step::SetFields(_))
    ));
}

#[test]
fn a_person_who_sets_it_back_wins() {
    let policy = policy(Mode::Managed);
    for answered_with in [60, 99] {
        for seen in [ANSWERED + 5, settled(), settled() + 3600] {
            let mut link = lowered(&policy, answered_with);
            link.observe_current_ticket(shows(1, seen - 1, seen));
            assert_eq!(link.accepted, None, "seen at {seen}");
            let steps = planned(&link, &policy, seen);
            assert!(!steps.iter().any(Step::writes_ticket), "{steps:?}");
        }
    }
}

#[test]
fn a_closing_that_is_not_carried_out_is_wanted_again() {
    let policy = policy(Mode::Managed);
    let mut link = linked(&policy);
    let known = ticket(OPEN, 60);
    link.observe_current_ticket(known.clone());
    link.observe_alert(Alert {
        status: Slug::new("closed"),
        changed_at: at(90),
        observed_at: at(90),
        ..alert()
    });
    let change = TicketChange {
        status: Some(CLOSED),
        ..TicketChange::of(&known)
    };
    let answer = Ticket {
        observed_at: at(ANSWERED),
        ..ticket(CLOSED, 60)
    };
    let accepted = link.accepted_change(WriteKind::Close, &change, &answer, at(ANSWERED));
    link.apply(&WriteResult::Changed {
        accepted: Box::new(accepted),
        ticket: answer,
    });
    let read = Ticket {
        observed_at: at(settled()),
        ..known
    };
    link.observe_current_ticket(read);
    let refused = link.not_carried_out(&policy, at(settled()));
    let refused = refused.unwrap_or_else(|| panic!("it was not carried out"));
    link.apply(&WriteResult::NotCarriedOut(refused));
    let base = link.base.clone().unwrap_or_else(|| panic!("a base"));
    assert_eq!((base.alert_closed, base.ticket_closed), (false, None));
    assert_eq!(base.ticket_status, OPEN);
}

//! A change that HaloPSA accepted: what later reports say about it, and what follows.

mod support;

use std::time::Duration;

use halogard_domain::ids::{HaloClientId, NoteId, PriorityId, TechnicianId, TicketTypeId};
use halogard_domain::link::{Evidence, NOT_CARRIED_OUT_PAUSES, WRITE_VISIBLE_WITHIN, WriteKind};
use halogard_domain::pair_status::{PairStatus, pair_status};
use halogard_domain::plan::Step;
use halogard_domain::policy::Mode;
use halogard_domain::ticket::{
    Assignment, Handling, NoteAuthor, TicketChange, TicketNote, TicketNotes,
};
use halogard_domain::write_result::WriteResult;
use halogard_domain::{Alert, Link, Policy, Slug, Ticket, plan};

use support::{CLOSED, IN_PROGRESS, OPEN, alert, at, linked, policy, ticket};

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
    lowered_to(policy, shows(4, changed, ANSWERED))
}

/// The same with the whole of the answer.
fn lowered_to(policy: &Policy, answer: Ticket) -> Link {
    let mut link = linked(policy);
    let known = Ticket {
        observed_at: at(60),
        handling: answer.handling.clone(),
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
    carry_out(&mut link, policy, &change, answer);
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
            Evidence::Unseen { .. } => "unseen",
            Evidence::Overtaken => "overtaken",
        };
        assert_eq!(said, expected, "{name}");
    }
}

/// What else someone may do to a ticket, and `ticket` once it is done.
fn another_change(number: usize, ticket: Ticket) -> Option<(&'static str, Ticket)> {
    let filed = |handling| Ticket {
        handling,
        ..ticket.clone()
    };
    let known = ticket.handling.clone();
    Some(match number {
        0 => (
            "assigned",
            filed(Handling {
                assignment: Some(Assignment::To(TechnicianId::new(12))),
                ..known
            }),
        ),
        1 => (
            "another team",
            filed(Handling {
                team: Some("Projects".into()),
                ..known
            }),
        ),
        2 => (
            "another category",
            filed(Handling {
                category: Some("Security>Access".into()),
                ..known
            }),
        ),
        3 => (
            "another client",
            Ticket {
                client: HaloClientId::new(19),
                ..ticket
            },
        ),
        4 => (
            "another type",
            Ticket {
                ticket_type: TicketTypeId::new(6),
                ..ticket
            },
        ),
        5 => (
            "another title",
            Ticket {
                summary: "[LG-7586] Dana looks into it".into(),
                ..ticket
            },
        ),
        6 => (
            "another status",
            Ticket {
                status: IN_PROGRESS,
                ..ticket
            },
        ),
        _ => return None,
    })
}

/// The ticket as [`shows`] has it, and what it is filed under.
fn filed(id: u64, changed: i64, seen: i64) -> Ticket {
    Ticket {
        handling: Handling {
            assignment: Some(Assignment::Unassigned),
            team: Some("Service Desk".into()),
            category: Some("Security".into()),
        },
        ..shows(id, changed, seen)
    }
}

#[test]
fn a_dropped_change_is_made_again_though_someone_has_changed_something_else_since() {
    let policy = policy(Mode::Managed);
    let mut cases = 0;
    for seen in [ANSWERED + 5, settled(), settled() + 3600] {
        for number in 0.. {
            let now = seen.max(settled());
            let Some((name, report)) = another_change(number, filed(1, seen - 1, seen)) else {
                break;
            };
            let mut link = lowered_to(&policy, filed(4, 60, ANSWERED));
            link.observe_current_ticket(report.clone());
            assert!(!link.needs_notes_about_accepted(), "{name}, seen at {seen}");
            if now > seen {
                let steps = planned(&link, &policy, seen);
                assert!(!steps.iter().any(Step::writes_ticket), "{name}: {steps:?}");
            }
            assert_eq!(
                planned(&link, &policy, now),
                [Step::RecordNotCarriedOut],
                "{name}, seen at {seen}"
            );
            let refused = link.not_carried_out(&policy, at(now));
            let refused = refused.unwrap_or_else(|| panic!("{name}, seen at {seen}"));
            let retry_at = refused.retry_at.map(|it| it.since(at(now)));
            assert_eq!(retry_at, NOT_CARRIED_OUT_PAUSES.first().copied());
            link.apply(&WriteResult::NotCarriedOut(refused));
            let base = link.base.clone().unwrap_or_else(|| panic!("a base"));
            assert_eq!(base.alert_priority, Slug::new("Critical"), "{name}");
            cases += 1;
        }
    }
    assert_eq!(cases, 21);
}

#[test]
fn a_dropped_change_is_noticed_however_far_halopsas_clock_is_ahead() {
    let policy = policy(Mode::Managed);
    for ahead in [0, 59, 61, 600, 86_400] {
        let changed = 60 + ahead;
        let mut link = linked(&policy);
        let known = shows(1, changed, 60);
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
        carry_out(&mut link, &policy, &change, shows(4, changed, ANSWERED));
        let wait = Step::Wait(at(settled()));
        assert_eq!(planned(&link, &policy, ANSWERED), [wait], "{ahead} s");
        link.observe_current_ticket(shows(1, changed, settled()));
        let steps = planned(&link, &policy, settled());
        assert_eq!(steps, [Step::RecordNotCarriedOut], "{ahead} s");
        // A person's act is later by the same clock.
        let mut link = lowered_to(&policy, shows(4, 99 + ahead, ANSWERED));
        link.observe_current_ticket(shows(1, 200 + ahead, settled()));
        assert_eq!(link.accepted, None, "{ahead} s");
    }
}

#[test]
fn an_answer_that_shows_a_later_time_of_change_proves_the_change() {
    let policy = policy(Mode::Managed);
    for number in 0.. {
        let Some((name, report)) = another_change(number, filed(1, settled(), settled())) else {
            break;
        };
        let mut link = lowered_to(&policy, filed(4, 99, ANSWERED));
        link.observe_current_ticket(report);
        assert_eq!(link.accepted, None, "{name}: the priority is a person's");
    }
}

#[test]
fn an_entry_of_the_time_of_change_says_that_the_change_was_no_priority() {
    let policy = policy(Mode::Managed);
    let changed = settled() + 50;
    let mut link = lowered_to(&policy, filed(4, 60, ANSWERED));
    link.observe_current_ticket(filed(1, changed, changed + 5));
    assert!(link.needs_notes_about_accepted());
    for (written, may_be_undone) in [
        (vec![], true),
        (vec![None, Some(0)], true),
        (vec![Some(changed - 3), Some(changed + 3)], true),
        (vec![Some(0), Some(changed)], false),
        (vec![Some(changed - 2)], false),
        (vec![Some(changed + 2)], false),
    ] {
        let entry = |written: &Option<i64>| TicketNote {
            id: NoteId::new(2),
            author: NoteAuthor::Person,
            text: String::new(),
            status_after: None,
            written_at: written.map(at),
        };
        let notes = TicketNotes {
            notes: written.iter().map(entry).collect(),
            is_whole: true,
        };
        assert_eq!(
            link.may_have_been_undone(&notes, &policy.machine_applications),
            may_be_undone,
            "{written:?}"
        );
    }
}

#[test]
fn a_former_priority_that_no_one_chose_is_no_sign_of_work() {
    let policy = policy(Mode::Managed);
    let mut link = lowered_to(&policy, filed(4, 99, ANSWERED));
    link.observe_current_ticket(filed(4, 99, settled()));
    let mut now = settled();
    // The alert changes once more; HaloPSA drops that, and a person assigns the ticket.
    link.observe_alert(Alert {
        priority: Slug::new("medium"),
        changed_at: at(now),
        observed_at: at(now),
        ..alert()
    });
    let known = link.observed_ticket.clone();
    let known = known.unwrap_or_else(|| panic!("a ticket"));
    let change = TicketChange {
        priority: priority(3),
        ..TicketChange::of(&known)
    };
    carry_out(&mut link, &policy, &change, filed(3, 99, now));
    now += 10;
    let note_worthy = Ticket {
        summary: "[LG-7586] Dana looks into it".into(),
        ..filed(4, now, now)
    };
    link.observe_current_ticket(note_worthy);
    let steps = planned(&link, &policy, now);
    let is_work = |step: &Step| matches!(step, Step::RecordWork(_));
    assert!(!steps.iter().any(is_work), "{steps:?}");
}

#[test]
fn a_priority_that_is_dropped_beside_a_status_that_lands_is_made_again() {
    let policy = policy(Mode::Managed);
    let mut link = linked(&policy);
    let known = Ticket {
        observed_at: at(60),
        ..ticket(OPEN, 60)
    };
    link.observe_current_ticket(known.clone());
    link.observe_alert(Alert {
        priority: Slug::new("low"),
        status: Slug::new("in progress"),
        changed_at: at(90),
        observed_at: at(90),
        ..alert()
    });
    let change = TicketChange {
        priority: priority(4),
        status: Some(IN_PROGRESS),
        ..TicketChange::of(&known)
    };
    let answer = Ticket {
        status: IN_PROGRESS,
        ..shows(4, 99, ANSWERED)
    };
    carry_out(&mut link, &policy, &change, answer);
    let read = Ticket {
        status: IN_PROGRESS,
        ..shows(1, 99, settled())
    };
    link.observe_current_ticket(read);
    assert_eq!(
        planned(&link, &policy, settled()),
        [Step::RecordNotCarriedOut]
    );
    let refused = link.not_carried_out(&policy, at(settled()));
    let refused = refused.unwrap_or_else(|| panic!("it was not carried out"));
    assert_eq!(
        refused.message,
        "HaloPSA accepted the change, but the priority stayed 1 instead of 4"
    );
    link.apply(&WriteResult::NotCarriedOut(refused));
    let base = link.base.clone().unwrap_or_else(|| panic!("a base"));
    assert_eq!(base.alert_priority, Slug::new("Critical"));
    assert_eq!(
        (base.alert_status, base.ticket_status),
        (Slug::new("in progress"), IN_PROGRESS)
    );
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
            // The answer proves the change, or nothing else explains that the ticket has changed.
            let none = TicketNotes::default();
            let machines = &policy.machine_applications;
            let is_persons = link.accepted.is_none() || link.may_have_been_undone(&none, machines);
            assert!(is_persons, "seen at {seen}");
            assert_eq!(answered_with == 99, link.accepted.is_none());
            link.accepted = None;
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

/// Both clocks were ahead when HaloPSA answered, and are put right: the answer lies in the future, and so does
/// what it shows. The first report that shows the change ends the doubt.
#[test]
fn an_answer_that_was_seen_under_a_clock_ahead_is_not_read_for_ever() {
    let policy = policy(Mode::Managed);
    for ahead in [120, 3_600, 365 * 86_400] {
        // HaloPSA's answer shows no later time of change than was known: what became of it is doubtful.
        let mut link = lowered(&policy, 60);
        let now = ANSWERED - ahead;
        link.correct_times(at(now));
        for read in 0..3 {
            let steps = planned(&link, &policy, now + read);
            let is_read = steps.contains(&Step::ReadTicket);
            assert!(!is_read, "{ahead} s ahead: {steps:?}");
            link.observe_current_ticket(shows(4, 60, now + read));
        }
        assert_eq!(planned(&link, &policy, now + 3), [], "{ahead} s ahead");
    }
}

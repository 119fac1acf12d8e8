//! Which changes of a ticket count as work of a person.

mod support;

use halogard_domain::ids::{HaloClientId, PriorityId, TechnicianId, TicketTypeId};
use halogard_domain::link::WriteKind;
use halogard_domain::plan::{Step, plan};
use halogard_domain::policy::Mode;
use halogard_domain::sweep_cursor::INDEX_LAG_MAX;
use halogard_domain::ticket::{Assignment, Handling, HumanActivity, TicketChange};
use halogard_domain::work::{InitialState, RULES_SETTLE, WorkSign};
use halogard_domain::write_result::WriteResult;
use halogard_domain::{Alert, Link, Slug, Ticket};
use support::{CLOSED, OPEN, TICKET, alert, alert_with, at, policy, ticket};

/// A ticket that waits in its team.
fn unassigned(seconds: i64) -> Ticket {
    Ticket {
        handling: handling(Some(Assignment::Unassigned)),
        assigned: Some(false),
        ..ticket(OPEN, seconds)
    }
}

fn handling(assignment: Option<Assignment>) -> Handling {
    Handling {
        assignment,
        team: Some("Service Desk".into()),
        category: Some("Security>Change".into()),
    }
}

fn to(technician: u64) -> Handling {
    handling(Some(Assignment::To(TechnicianId::new(technician))))
}

/// The link of an alert whose ticket was opened at second 0 and looked like `opened`.
fn linked(opened: Ticket) -> Link {
    let policy = policy(Mode::Managed);
    let mut link = Link::new(alert().id);
    link.observe_alert(alert());
    link.apply(&WriteResult::Opened {
        recurrence: 1,
        ticket: opened,
    });
    for step in plan(
        &link,
        Some(&alert()),
        link.observed_ticket.as_ref(),
        &policy,
        at(1),
    ) {
        if let Step::SetBase(base) = step {
            link.agree(base);
        }
    }
    link
}

/// What follows when the ticket looks like `now`.
fn sign(link: &mut Link, now: Ticket) -> Option<WorkSign> {
    let policy = policy(Mode::Managed);
    let seen_at = now.observed_at;
    link.observe_current_ticket(now);
    let (alert, ticket) = (link.observed_alert.as_ref(), link.observed_ticket.as_ref());
    match plan(link, alert, ticket, &policy, seen_at).as_slice() {
        [Step::RecordWork(sign)] => Some(*sign),
        _ => None,
    }
}

#[test]
fn a_person_takes_a_ticket_in_hand_by_assigning_or_filing_it() {
    let later = unassigned(60);
    let rows = [
        ("nothing", later.clone(), None),
        (
            "assigned",
            Ticket {
                handling: to(12),
                ..later.clone()
            },
            Some(WorkSign::Assigned),
        ),
        (
            "another priority",
            Ticket {
                priority: Some(PriorityId::new(2)),
                ..later.clone()
            },
            Some(WorkSign::Priority),
        ),
        (
            "another team",
            Ticket {
                handling: Handling {
                    team: Some("Projects".into()),
                    ..later.handling.clone()
                },
                ..later.clone()
            },
            Some(WorkSign::Team),
        ),
        (
            "another type",
            Ticket {
                ticket_type: TicketTypeId::new(6),
                ..later.clone()
            },
            Some(WorkSign::Type),
        ),
        (
            "another category",
            Ticket {
                handling: Handling {
                    category: Some("Network".into()),
                    ..later.handling.clone()
                },
                ..later.clone()
            },
            Some(WorkSign::Category),
        ),
        (
            "another client",
            Ticket {
                client: HaloClientId::new(18),
                ..later.clone()
            },
            Some(WorkSign::Client),
        ),
        (
            "a thin report",
            Ticket {
                handling: Handling::default(),
                priority: None,
                ..later.clone()
            },
            None,
        ),
        (
            "names in other letters",
            Ticket {
                handling: Handling {
                    team: Some(" service desk".into()),
                    ..later.handling.clone()
                },
                ..later
            },
            None,
        ),
    ];
    for (what, now, expected) in rows {
        assert_eq!(sign(&mut linked(unassigned(0)), now), expected, "{what}");
    }
}

#[test]
fn a_ticket_that_changes_hands_between_technicians_is_worked_on_and_a_cleared_one_is_not() {
    let opened = |assignment| Ticket {
        handling: assignment,
        ..ticket(OPEN, 0)
    };
    let unassigned = handling(Some(Assignment::Unassigned));
    for (before, now, expected) in [
        (to(12), to(13), Some(WorkSign::Assigned)),
        (to(12), to(12), None),
        // HaloPSA clears the assignment with some changes of the status.
        (to(12), unassigned.clone(), None),
        (handling(None), to(12), None),
        (unassigned, handling(None), None),
    ] {
        let now = Ticket {
            handling: now,
            ..ticket(OPEN, 60)
        };
        assert_eq!(sign(&mut linked(opened(before)), now), expected);
    }
}

#[test]
fn what_halopsas_rules_do_with_a_new_ticket_is_no_work() {
    let settle = i64::try_from(RULES_SETTLE.as_secs()).unwrap();
    // Without a date of its own an answer, and a report, counts from when it was seen.
    for (answer_is_dated, report_is_dated) in
        [(true, true), (true, false), (false, true), (false, false)]
    {
        for (seconds, expected) in [
            (0, None),
            (settle, None),
            (settle + 1, Some(WorkSign::Assigned)),
        ] {
            let what = format!("{answer_is_dated}, {report_is_dated}, {seconds}");
            let mut link = linked(Ticket {
                is_dated: answer_is_dated,
                ..unassigned(0)
            });
            let assigned = Ticket {
                handling: to(13),
                is_dated: report_is_dated,
                ..unassigned(seconds)
            };
            assert_eq!(sign(&mut link, assigned), expected, "{what}");
            // And then a person takes it.
            let taken = Ticket {
                handling: to(12),
                is_dated: report_is_dated,
                ..unassigned(300)
            };
            assert_eq!(sign(&mut link, taken), Some(WorkSign::Assigned), "{what}");
        }
    }
}

#[test]
fn a_priority_that_the_alert_has_or_had_is_no_persons() {
    let low = Alert {
        priority: Slug::new("low"),
        ..alert_with("New", 50)
    };
    for (alert, priority, expected) in [
        (low.clone(), 4, None),
        (low.clone(), 1, None),
        (low, 2, Some(WorkSign::Priority)),
        (alert_with("New", 50), 4, Some(WorkSign::Priority)),
    ] {
        let mut link = linked(unassigned(0));
        link.observe_alert(alert);
        let now = Ticket {
            priority: Some(PriorityId::new(priority)),
            ..unassigned(60)
        };
        assert_eq!(sign(&mut link, now), expected, "{priority}");
    }
}

#[test]
fn the_technician_that_our_closing_assigns_has_not_worked_on_it() {
    let mut link = linked(unassigned(0));
    let closed = Ticket {
        handling: to(12),
        status: CLOSED,
        ..unassigned(60)
    };
    let change = TicketChange {
        status: Some(CLOSED),
        ..TicketChange::of(&unassigned(0))
    };
    let accepted = link.accepted_change(WriteKind::Close, &change, &closed, at(60));
    link.apply(&WriteResult::Changed {
        accepted: Box::new(accepted),
        ticket: closed,
    });
    let reopened = Ticket {
        handling: to(12),
        ..unassigned(120)
    };
    assert_eq!(sign(&mut link, reopened), None);
    let taken = Ticket {
        handling: to(13),
        ..unassigned(180)
    };
    assert_eq!(sign(&mut link, taken), Some(WorkSign::Assigned));
}

#[test]
fn an_assignment_of_ours_is_no_persons_however_our_request_ended() {
    for (technician, expected) in [(12, None), (13, Some(WorkSign::Assigned))] {
        let mut link = linked(unassigned(0));
        link.expect_assignment(TechnicianId::new(12));
        let assigned = Ticket {
            handling: to(technician),
            ..unassigned(60)
        };
        assert_eq!(sign(&mut link, assigned), expected);
    }
    // It did not take effect.
    let mut link = linked(unassigned(0));
    link.expect_assignment(TechnicianId::new(12));
    assert_eq!(sign(&mut link, unassigned(60)), None);
}

#[test]
fn a_ticket_whose_opening_was_not_seen_is_compared_with_what_was_asked_for() {
    let as_asked = Ticket {
        handling: Handling {
            assignment: Some(Assignment::Unassigned),
            ..Handling::default()
        },
        ..ticket(OPEN, 60)
    };
    let assigned = Ticket {
        handling: to(12),
        ..as_asked.clone()
    };
    for (now, expected) in [(as_asked, None), (assigned, Some(WorkSign::Assigned))] {
        let mut link = linked(unassigned(0));
        link.initial = None;
        assert_eq!(sign(&mut link, now), expected);
    }
}

#[test]
fn a_title_that_a_person_rewrites_is_work_whether_it_keeps_the_key_or_not() {
    let opened = unassigned(0).summary;
    let appended = format!("{opened} - asked the owner");
    // What no letter or digit says may be the form of a list.
    let marked = format!("{opened} !!");
    let known = [
        (opened.as_str(), None),
        ("[LG-7586] Active Directory | Stale", None),
        ("[LG-7586]  ACTIVE directory  |  stale", None),
        ("", None),
        (
            "Called: [LG-7586] Active Directory | Stale Privileged Accounts",
            Some(WorkSign::Title),
        ),
        (
            "[LG-7586] Active Directory is being rebuilt",
            Some(WorkSign::Title),
        ),
        ("Accounts of the branch office", Some(WorkSign::Title)),
        (appended.as_str(), Some(WorkSign::Title)),
        (marked.as_str(), None),
    ];
    // Of a ticket that was found the first title is not known: ours begin with the key.
    let found = [
        (opened.as_str(), None),
        ("[LG-7586] Active Directory is being rebuilt", None),
        ("** [LG-7586] Active Directory", None),
        ("", None),
        ("Called: [LG-7586] Active Directory", Some(WorkSign::Title)),
        (appended.as_str(), None),
    ];
    let known = known.map(|row| (row, true)).into_iter();
    for ((title, expected), is_known) in known.chain(found.map(|row| (row, false))) {
        let mut link = linked(unassigned(0));
        link.key = Some(link.next_key(&policy(Mode::Managed)));
        if !is_known {
            link.initial = None;
        }
        let renamed = Ticket {
            summary: title.to_owned(),
            handling: Handling::default(),
            ..unassigned(60)
        };
        assert_eq!(sign(&mut link, renamed), expected, "{title}, {is_known}");
    }
}

#[test]
fn a_list_that_cuts_titles_hides_no_words_that_a_person_adds() {
    let mut link = linked(unassigned(0));
    link.key = Some(link.next_key(&policy(Mode::Managed)));
    let whole = unassigned(0).summary;
    let titled = |summary: &str, seconds| Ticket {
        summary: summary.to_owned(),
        handling: Handling::default(),
        ..unassigned(seconds)
    };
    // Right after the opening, and later.
    assert_eq!(sign(&mut link, titled(&whole[..30], 5)), None);
    assert_eq!(sign(&mut link, titled(&whole, 60)), None);
    assert_eq!(sign(&mut link, titled(&whole[..30], 70)), None);
    let added = titled(&format!("{whole}, see the wiki"), 80);
    assert_eq!(sign(&mut link, added), Some(WorkSign::Title));
}

#[test]
fn a_title_that_liongards_own_ticketing_gave_is_no_persons() {
    let mut link = linked(unassigned(0));
    link.key = None;
    let renamed = Ticket {
        summary: "Updated: Stale Privileged Accounts".to_owned(),
        ..unassigned(60)
    };
    assert_eq!(sign(&mut link, renamed), None);
}

#[test]
fn a_ticket_in_a_persons_hands_stays_open_when_its_alert_closes() {
    let policy = policy(Mode::Managed);
    let untouched = |ticket: Ticket| Ticket {
        activity: HumanActivity::None { as_of: at(100) },
        observed_at: at(100),
        ..ticket
    };
    for (work, closes) in [(None, true), (Some(WorkSign::Assigned), false)] {
        let mut link = linked(unassigned(0));
        link.work = work;
        link.observe_alert(alert_with("Closed", 50));
        link.observe_current_ticket(untouched(unassigned(60)));
        let (alert, ticket) = (link.observed_alert.as_ref(), link.observed_ticket.as_ref());
        let steps = plan(&link, alert, ticket, &policy, at(100));
        let closing = steps.iter().any(|step| matches!(step, Step::Close(_)));
        assert_eq!(closing, closes, "{steps:?}");
    }
    // It was seen once; another report changes nothing about that.
    let mut link = linked(unassigned(0));
    link.work = Some(WorkSign::Assigned);
    assert_eq!(sign(&mut link, unassigned(200)), None);
    assert_eq!(link.work, Some(WorkSign::Assigned));
}

#[test]
fn the_state_right_after_the_opening_is_kept() {
    let link = linked(unassigned(0));
    assert_eq!(link.ticket, Some(TICKET));
    assert_eq!(link.initial, Some(InitialState::of(&unassigned(0))));
}

/// What a person does to a ticket.
type Edit = fn(&mut Ticket);

#[test]
fn a_ticket_that_was_just_found_is_closed_only_after_a_settled_read() {
    let policy = policy(Mode::Managed);
    let found_at = 1000;
    let found = Ticket {
        observed_at: at(found_at),
        priority: Some(PriorityId::new(1)),
        ..unassigned(900)
    };
    let mut link = linked(unassigned(0));
    let key = link.key(&policy);
    link.ticket = None;
    link.adopt(key, &found);
    link.observe_alert(Alert {
        status: Slug::new("closed"),
        changed_at: at(found_at),
        observed_at: at(found_at),
        ..alert()
    });
    let settled = found_at + i64::try_from(INDEX_LAG_MAX.as_secs()).unwrap_or(i64::MAX);
    let planned = |link: &Link, now| {
        let seen = link.observed_ticket.as_ref();
        plan(link, link.observed_alert.as_ref(), seen, &policy, at(now))
    };
    let untouched = |link: &mut Link, now| {
        if let Some(seen) = &mut link.observed_ticket {
            seen.activity = HumanActivity::None { as_of: at(now) };
        }
    };
    untouched(&mut link, found_at + 1);
    assert_eq!(planned(&link, found_at + 1), [Step::Wait(at(settled))]);
    untouched(&mut link, settled);
    assert_eq!(planned(&link, settled), [Step::ReadTicket]);
    let read = Ticket {
        observed_at: at(settled),
        ..found
    };
    // What the technician did in the second in which it was found, a list did not show.
    let edits: [(&str, Edit); 3] = [
        ("priority", |it| it.priority = Some(PriorityId::new(2))),
        ("assigned", |it| it.handling = to(12)),
        ("client", |it| it.client = HaloClientId::new(18)),
    ];
    for (name, edit) in edits {
        let mut link = link.clone();
        let mut edited = Ticket {
            changed_at: at(found_at),
            ..read.clone()
        };
        edit(&mut edited);
        link.observe_current_ticket(edited);
        assert!(
            matches!(planned(&link, settled)[..], [Step::RecordWork(_)]),
            "{name}"
        );
    }
    link.observe_current_ticket(read);
    untouched(&mut link, settled);
    assert!(matches!(planned(&link, settled)[..], [Step::Close(_), ..]));
}

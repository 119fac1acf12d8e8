//! What an open ticket shows otherwise than its alert: each field, and each reason.

mod support;

use halogard_domain::ids::{HaloClientId, PriorityId, StatusId, TechnicianId, TicketTypeId};
use halogard_domain::plan::{DifferenceCause, PairField, Step, field_differences, plan};
use halogard_domain::policy::Mode;
use halogard_domain::storm::StormPolicy;
use halogard_domain::ticket::Assignment;
use halogard_domain::work::InitialState;
use halogard_domain::{Alert, Link, LinkKey, Policy, Slug, Ticket};

use support::{CLOSED, IN_PROGRESS, OPEN, alert, at, linked, policy, ticket};

/// A pair that agreed at second 1, its ticket opened by Halogard.
fn pair(policy: &Policy) -> (Link, Alert, Ticket) {
    let mut link = linked(policy);
    link.key = Some(LinkKey {
        prefix: policy.key_prefix.clone(),
        alert: alert().id,
        recurrence: 1,
    });
    let ticket = ticket(OPEN, 1);
    link.initial = Some(InitialState::of(&ticket));
    (link, alert(), ticket)
}

/// The fields that differ, each with its cause.
fn found(
    link: &Link,
    alert: &Alert,
    ticket: &Ticket,
    policy: &Policy,
) -> Vec<(PairField, DifferenceCause)> {
    let differences = field_differences(link, alert, ticket, policy, at(100));
    differences.iter().map(|it| (it.field, it.cause)).collect()
}

#[test]
fn a_pair_that_agrees_shows_no_difference() {
    let policy = policy(Mode::Managed);
    let (link, alert, ticket) = pair(&policy);
    assert_eq!(found(&link, &alert, &ticket, &policy), []);
}

#[test]
fn every_field_that_differs_is_named_with_its_cause() {
    use DifferenceCause::{ChangedInHaloPsa, NotWritten, OpenedElsewhere, SinceOpening};
    let mut policy = policy(Mode::Managed);
    if let Some(template) = policy.templates.get_mut("default") {
        template.team = Some("Service Desk".into());
        template.technician = Some(TechnicianId::new(5));
    }
    type Change = fn(&mut Link, &mut Alert, &mut Ticket);
    let cases: [(&str, PairField, DifferenceCause, Change); 14] = [
        (
            "the title was rewritten",
            PairField::Title,
            ChangedInHaloPsa,
            |_, _, ticket| {
                ticket.summary = "Accounts, please look".into();
            },
        ),
        (
            "Liongard's status has changed",
            PairField::Status,
            NotWritten,
            |_, alert, _| {
                alert.status = Slug::new("In Progress");
            },
        ),
        (
            "a person set another status",
            PairField::Status,
            ChangedInHaloPsa,
            |_, alert, ticket| {
                alert.status = Slug::new("In Progress");
                ticket.status = StatusId::new(3);
            },
        ),
        (
            "Liongard's priority has changed",
            PairField::Priority,
            NotWritten,
            |_, alert, _| {
                alert.priority = Slug::new("low");
            },
        ),
        (
            "a person set another priority",
            PairField::Priority,
            ChangedInHaloPsa,
            |_, _, ticket| {
                ticket.priority = Some(PriorityId::new(2));
            },
        ),
        (
            "HaloPSA chose the priority",
            PairField::Priority,
            SinceOpening,
            |link, _, ticket| {
                ticket.priority = Some(PriorityId::new(2));
                link.initial = Some(InitialState::of(ticket));
            },
        ),
        (
            "HaloPSA gave it to another client",
            PairField::Client,
            OpenedElsewhere,
            |link, _, ticket| {
                ticket.client = HaloClientId::new(18);
                link.initial = Some(InitialState::of(ticket));
            },
        ),
        (
            "a person moved it",
            PairField::Client,
            ChangedInHaloPsa,
            |_, _, ticket| {
                ticket.client = HaloClientId::new(18);
            },
        ),
        (
            "a person changed its type",
            PairField::Type,
            ChangedInHaloPsa,
            |_, _, ticket| {
                ticket.ticket_type = TicketTypeId::new(6);
            },
        ),
        (
            "a rule set its type",
            PairField::Type,
            SinceOpening,
            |link, _, ticket| {
                ticket.ticket_type = TicketTypeId::new(6);
                link.initial = Some(InitialState::of(ticket));
            },
        ),
        (
            "a person gave it to a team",
            PairField::Team,
            ChangedInHaloPsa,
            |_, _, ticket| {
                ticket.handling.team = Some("Projects".into());
            },
        ),
        (
            "a person assigned it",
            PairField::Technician,
            ChangedInHaloPsa,
            |_, _, ticket| {
                ticket.handling.assignment = Some(Assignment::To(TechnicianId::new(9)));
            },
        ),
        (
            "a person took the assignment away",
            PairField::Technician,
            ChangedInHaloPsa,
            |_, _, ticket| {
                ticket.handling.assignment = Some(Assignment::Unassigned);
            },
        ),
        (
            "the text has changed",
            PairField::Notes,
            NotWritten,
            |_, alert, _| {
                alert.description = "3 accounts".into();
            },
        ),
    ];
    for (case, field, cause, change) in cases {
        let (mut link, mut alert, mut ticket) = pair(&policy);
        change(&mut link, &mut alert, &mut ticket);
        assert_eq!(
            found(&link, &alert, &ticket, &policy),
            [(field, cause)],
            "{case}"
        );
    }
    let tested: Vec<PairField> = cases.iter().map(|(_, field, ..)| *field).collect();
    assert!(PairField::ALL.iter().all(|field| tested.contains(field)));
}

#[test]
fn what_is_the_same_in_another_form_is_no_difference() {
    let mut policy = policy(Mode::Managed);
    if let Some(template) = policy.templates.get_mut("default") {
        template.team = Some("Service Desk".into());
    }
    let (link, alert, mut ticket) = pair(&policy);
    ticket.handling.team = Some(" service desk ".into());
    // What a list does not show is unknown.
    ticket.priority = None;
    ticket.summary = String::new();
    assert_eq!(found(&link, &alert, &ticket, &policy), []);
}

#[test]
fn notes_that_the_config_no_longer_allows_are_explained() {
    let mut policy = policy(Mode::Managed);
    policy.storms = Some(StormPolicy {
        notes_max: 2,
        ..StormPolicy::default()
    });
    let (mut link, mut alert, ticket) = pair(&policy);
    link.note_count = 2;
    alert.description = "3 accounts".into();
    assert_eq!(
        found(&link, &alert, &ticket, &policy),
        [(PairField::Notes, DifferenceCause::NotesExhausted)]
    );
}

#[test]
fn closed_pairs_and_tickets_of_liongards_own_ticketing_are_not_held_to_the_template() {
    let managed = policy(Mode::Managed);
    let (link, alert, mut changed) = pair(&managed);
    changed.priority = Some(PriorityId::new(2));
    let closed = Ticket {
        status: CLOSED,
        ..changed.clone()
    };
    assert_eq!(found(&link, &alert, &closed, &managed), []);
    let native = policy(Mode::Native);
    assert_eq!(found(&linked(&native), &alert, &changed, &native), []);
}

/// What a plan would write is what is reported as not written, in every combination.
#[test]
fn a_difference_is_not_written_exactly_when_a_plan_would_write_it() {
    let policy = policy(Mode::Managed);
    let (statuses, priorities) = (
        ["New", "In Progress", "Escalated"],
        ["critical", "low", "high"],
    );
    let mut cases = 0;
    for former_status in statuses {
        for former_priority in priorities {
            for new_status in statuses {
                for new_priority in priorities {
                    for text in ["2 privileged accounts", "3 privileged accounts"] {
                        for shown_status in [OPEN, IN_PROGRESS, StatusId::new(3)] {
                            for shown_priority in [None, Some(1), Some(3), Some(4), Some(2)] {
                                let (mut link, mut alert, mut ticket) = pair(&policy);
                                if let Some(base) = &mut link.base {
                                    base.alert_status = Slug::new(former_status);
                                    base.alert_priority = Slug::new(former_priority);
                                }
                                alert.status = Slug::new(new_status);
                                alert.priority = Slug::new(new_priority);
                                if text.starts_with('3') {
                                    alert.description = text.to_owned();
                                }
                                ticket.status = shown_status;
                                ticket.priority = shown_priority.map(PriorityId::new);
                                // Priorities of people are work, which a plan records first.
                                link.work = Some(halogard_domain::work::WorkSign::Assigned);
                                link.ticket_as_of = Some(at(100));
                                link.observed_alert = Some(alert.clone());
                                link.observed_ticket = Some(ticket.clone());
                                let steps =
                                    plan(&link, Some(&alert), Some(&ticket), &policy, at(100));
                                let set = steps.iter().find_map(|step| match step {
                                    Step::SetFields(change) => Some(change.clone()),
                                    _ => None,
                                });
                                let noted = steps.iter().any(|it| matches!(it, Step::AddNote(_)));
                                let differences = found(&link, &alert, &ticket, &policy);
                                let missing = |field| {
                                    differences.contains(&(field, DifferenceCause::NotWritten))
                                };
                                let case = format!("{link:#?} {steps:#?} {differences:?}");
                                let status = set.as_ref().is_some_and(|it| it.status.is_some());
                                let priority = set.as_ref().is_some_and(|it| it.priority.is_some());
                                assert_eq!(missing(PairField::Status), status, "{case}");
                                // A priority that HaloPSA does not show is not compared.
                                let compared = priority && ticket.priority.is_some();
                                assert_eq!(missing(PairField::Priority), compared, "{case}");
                                assert_eq!(missing(PairField::Notes), noted, "{case}");
                                cases += 1;
                            }
                        }
                    }
                }
            }
        }
    }
    assert_eq!(cases, 3 * 3 * 3 * 3 * 2 * 3 * 5);
}

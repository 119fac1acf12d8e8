//! What a write led to enters the newest link, whatever another worker saved while it was under way.

mod support;

use halogard_domain::ids::{TechnicianId, TicketId};
use halogard_domain::link::{
    AttemptEnd, Base, Claim, NamedFields, NoteClaim, RefusedWrite, WriteKind,
};
use halogard_domain::policy::{ClosedBy, Mode};
use halogard_domain::ticket::TicketChange;
use halogard_domain::write_result::{ClaimId, PendingNote, WriteResult};
use halogard_domain::{Alert, Link, Slug, Ticket};

use support::{CLOSED, OPEN, TICKET, alert, at, linked, policy, ticket};

/// What another worker may save while a write is under way.
type Change = fn(&mut Link);

/// A link whose ticket is being opened, and the claim.
fn opening() -> (Link, ClaimId) {
    let mut link = Link::new(alert().id);
    link.observe_alert(alert());
    let claim = link.acquire_claim("a", at(10));
    (link, claim)
}

fn newer_alert(link: &mut Link) {
    link.observe_alert(Alert {
        description: "changed".into(),
        changed_at: at(50),
        observed_at: at(50),
        ..alert()
    });
}

fn requested_inspection(link: &mut Link) {
    link.pending_inspection = Some(halogard_domain::link::PendingInspection {
        requested_at: at(50),
        requested: 1,
        completed: 0,
    });
}

fn changes() -> [Change; 3] {
    [newer_alert, requested_inspection, |_| {}]
}

/// Checks that the results and another worker's change commute; returns the link with both.
fn commute(link: &Link, results: &[WriteResult], change: Change) -> Link {
    let mut first = link.clone();
    for result in results {
        first.apply(result);
    }
    change(&mut first);
    let mut second = link.clone();
    change(&mut second);
    for result in results {
        second.apply(result);
    }
    assert_eq!(first, second, "{results:?}");
    second
}

fn opened(id: u64) -> WriteResult {
    WriteResult::Opened {
        recurrence: 1,
        ticket: Ticket {
            id: TicketId::new(id),
            ..ticket(OPEN, 20)
        },
    }
}

#[test]
fn every_result_of_opening_commutes_with_a_concurrent_save() {
    let (link, claim) = opening();
    let mut cases = 0;
    for change in changes() {
        let known = commute(&link, &[opened(4242)], change);
        assert_eq!((known.ticket, &known.claim), (Some(TICKET), &Claim::Free));
        let known = commute(&link, &[WriteResult::NotOpened(claim.clone())], change);
        assert_eq!(known.claim, Claim::Free);
        for end in [AttemptEnd::Unknown, AttemptEnd::RolledBack] {
            let doubt = WriteResult::OpenInDoubt {
                claim: claim.clone(),
                since: at(40),
                end,
            };
            let known = commute(&link, &[doubt], change);
            assert_eq!(known.claim, Claim::in_doubt_after(end, at(40)));
        }
        cases += 4;
    }
    println!("{cases} cases");
}

#[test]
fn a_claim_that_was_taken_over_is_not_given_up_by_its_former_holder() {
    let (mut link, first) = opening();
    let second = link.acquire_claim("a", at(200));
    assert_ne!(first, second, "the same worker, another number");
    for late in [
        WriteResult::NotOpened(first.clone()),
        WriteResult::OpenInDoubt {
            claim: first.clone(),
            since: at(201),
            end: AttemptEnd::Unknown,
        },
    ] {
        let mut newest = link.clone();
        newest.apply(&late);
        assert_eq!(newest, link, "{late:?}");
    }
    assert!(!link.renew_claim(&first, at(202)));
    assert!(link.renew_claim(&second, at(202)));
}

#[test]
fn numbers_of_claims_are_never_used_twice() {
    let (mut link, first) = opening();
    link.apply(&opened(4242));
    link.begin_next_ticket();
    let second = link.acquire_claim("a", at(300));
    assert!(second.number > first.number);
}

#[test]
fn a_second_ticket_never_replaces_the_first() {
    let (mut link, _) = opening();
    link.apply(&opened(4242));
    let with_first = link.clone();
    link.apply(&opened(4242));
    assert_eq!(link, with_first, "applied again");
    link.apply(&opened(5000));
    assert_eq!(link.ticket, Some(TICKET));
    assert_eq!(
        link.earlier_tickets,
        [TicketId::new(5000)],
        "it stays known"
    );
}

#[test]
fn every_result_for_a_ticket_commutes_with_a_concurrent_save() {
    let policy = policy(Mode::Managed);
    let mut link = linked(&policy);
    let note = PendingNote {
        ticket: TICKET,
        text_hash: 7,
    };
    link.note_claim = Some(NoteClaim {
        text_hash: 7,
        until: at(100),
    });
    let changed = |write, status| {
        let answer = ticket(status, 60);
        let change = TicketChange {
            status: Some(status),
            ..TicketChange::of(&answer)
        };
        let accepted = link.accepted_change(write, &change, &answer, at(61));
        WriteResult::Changed {
            accepted: Box::new(accepted),
            ticket: answer,
        }
    };
    let refused = WriteResult::Refused(RefusedWrite {
        write: WriteKind::Close,
        fields: NamedFields::NONE,
        message: "no".into(),
        policy_fingerprint: 1,
        ticket_changed_at: None,
        at: at(61),
        retry_at: None,
        not_carried_out: 0,
    });
    let in_doubt = WriteResult::NoteInDoubt {
        note,
        since: at(61),
    };
    let results = [
        changed(WriteKind::SetFields, OPEN),
        changed(WriteKind::Close, CLOSED),
        changed(WriteKind::Reopen, OPEN),
        WriteResult::NoteAdded(note),
        WriteResult::NoteNotAdded(note),
        in_doubt,
        refused,
        WriteResult::AssignmentExpected {
            ticket: TICKET,
            technician: TechnicianId::new(12),
        },
    ];
    let mut cases = 0;
    for result in results {
        for change in changes() {
            commute(&link, std::slice::from_ref(&result), change);
            cases += 1;
        }
    }
    println!("{cases} cases");
    link.apply(&changed(WriteKind::Close, CLOSED));
    let closure = link.base.as_ref().and_then(|base| base.ticket_closed);
    assert_eq!(closure.map(|it| it.by), Some(ClosedBy::Halogard));
    link.apply(&WriteResult::NoteAdded(note));
    assert_eq!((link.note_claim, link.note_count), (None, 1));
}

#[test]
fn what_was_agreed_after_a_write_keeps_what_another_worker_agreed_on() {
    let policy = policy(Mode::Managed);
    let link = linked(&policy);
    let before = link.base.clone().unwrap_or_else(|| panic!("a base"));
    let agreed = WriteResult::Agreed {
        before: Some(before.clone()),
        after: Base {
            alert_text: 77,
            ..before.clone()
        },
    };
    let mut newest = link;
    newest.base = Some(Base {
        alert_priority: Slug::new("critical"),
        ..before.clone()
    });
    newest.apply(&agreed);
    let expected = Base {
        alert_text: 77,
        alert_priority: Slug::new("critical"),
        ..before
    };
    assert_eq!(newest.base, Some(expected));
}

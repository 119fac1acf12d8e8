//! Which tickets that carry a key are the alert's.

mod support;

use halogard_domain::adoption::{
    AdoptionVerdict, Candidate, Mismatch, OpenedBy, StoreHistory, judge,
};
use halogard_domain::ids::{HaloClientId, TicketId, TicketTypeId};
use halogard_domain::link::{
    Claim, EARLIER_TICKETS_MAX, NamedFields, OpeningSnapshot, REPORTED_TICKETS_MAX, RefusedWrite,
    UNRECOGNISED_MAX, WriteKind,
};
use halogard_domain::pair_status::{PairStatus, pair_status};
use halogard_domain::policy::{Mode, Policy};
use halogard_domain::ticket::Existence;
use halogard_domain::{Link, LinkKey, Ticket, plan};
use support::{CLOSED, OPEN, TICKET, alert, at, linked, policy, ticket};

const OURS: OpenedBy = OpenedBy::Us;
const OTHER: OpenedBy = OpenedBy::Other;

const OTHER_CLIENT: HaloClientId = HaloClientId::new(666);
const OTHER_TYPE: TicketTypeId = TicketTypeId::new(6);

/// An alert that is known and has no ticket.
fn unlinked() -> Link {
    let mut link = Link::new(alert().id);
    link.observe_alert(alert());
    link
}

/// A ticket that carries the key `LG-7586`, or that of a recurrence.
fn judged(
    link: &Link,
    ticket: &Ticket,
    recurrence: u32,
    is_proven: bool,
    opened_by: OpenedBy,
    history: StoreHistory,
) -> AdoptionVerdict {
    let key = LinkKey {
        prefix: "LG".into(),
        alert: alert().id,
        recurrence,
    };
    let candidate = Candidate {
        ticket,
        key: &key,
        is_proven,
        opened_by,
    };
    judge(link, &candidate, &policy(Mode::Managed), history)
}

#[test]
fn a_ticket_is_ours_by_proof_client_and_author_together() {
    use Mismatch::{NoProof, OpenedByOther, OpenedByUnknown};
    use StoreHistory::{Known, New};
    let at_home = ticket(OPEN, 1);
    let elsewhere = Ticket {
        client: OTHER_CLIENT,
        ..at_home.clone()
    };
    let retyped = Ticket {
        ticket_type: OTHER_TYPE,
        ..at_home.clone()
    };
    let not_ours = AdoptionVerdict::NotOurs;
    let client = || not_ours(Mismatch::OtherClient(OTHER_CLIENT));
    let kind = || not_ours(Mismatch::OtherType(OTHER_TYPE));
    let asked = AdoptionVerdict::AskWhoOpened;
    let rows = [
        // (ticket, proof, who opened it, history, verdict)
        (&at_home, true, OpenedBy::NotAsked, Known, asked),
        (&at_home, true, OURS, Known, AdoptionVerdict::Ours),
        (
            &at_home,
            true,
            OpenedBy::NotShown,
            Known,
            AdoptionVerdict::Ours,
        ),
        (&at_home, true, OTHER, Known, not_ours(OpenedByOther)),
        (
            &at_home,
            false,
            OpenedBy::NotAsked,
            Known,
            not_ours(NoProof),
        ),
        (&at_home, false, OURS, Known, not_ours(NoProof)),
        (&elsewhere, true, OpenedBy::NotAsked, Known, asked),
        (
            &elsewhere,
            true,
            OURS,
            Known,
            AdoptionVerdict::Moved(OTHER_CLIENT),
        ),
        (&elsewhere, true, OpenedBy::NotShown, Known, client()),
        (&elsewhere, true, OTHER, Known, not_ours(OpenedByOther)),
        (
            &elsewhere,
            false,
            OpenedBy::NotAsked,
            Known,
            not_ours(NoProof),
        ),
        (&retyped, true, OURS, Known, AdoptionVerdict::Ours),
        (&retyped, true, OpenedBy::NotShown, Known, kind()),
        // The secret of a store that was lost is lost with it: what our application opened is ours.
        (&at_home, false, OpenedBy::NotAsked, New, asked),
        (&at_home, false, OURS, New, AdoptionVerdict::Ours),
        (
            &at_home,
            false,
            OpenedBy::NotShown,
            New,
            not_ours(OpenedByUnknown),
        ),
        (&at_home, false, OTHER, New, not_ours(OpenedByOther)),
        (
            &elsewhere,
            false,
            OURS,
            New,
            AdoptionVerdict::Moved(OTHER_CLIENT),
        ),
        (&elsewhere, false, OpenedBy::NotShown, New, client()),
        (&at_home, true, OURS, New, AdoptionVerdict::Ours),
    ];
    for (number, (ticket, proof, opened_by, history, expected)) in rows.into_iter().enumerate() {
        let verdict = judged(&unlinked(), ticket, 1, proof, opened_by, history);
        assert_eq!(verdict, expected, "row {number}");
    }
}

#[test]
fn a_key_never_replaces_a_ticket_that_is_there() {
    let policy = policy(Mode::Managed);
    let open = linked(&policy);
    let with = |change: fn(&mut Ticket)| {
        let mut link = linked(&policy);
        change(link.observed_ticket.as_mut().expect("a ticket"));
        link
    };
    let closed = with(|seen| seen.status = CLOSED);
    let deleted = with(|seen| seen.existence = Existence::Deleted);
    let other = Ticket {
        id: TicketId::new(9999),
        ..ticket(OPEN, 1)
    };
    let has_ticket = AdoptionVerdict::NotOurs(Mismatch::HasTicket(TICKET));
    let rows = [
        (&open, 1, has_ticket),
        (&open, 2, has_ticket),
        (&open, 99, has_ticket),
        (&closed, 1, has_ticket),
        // The store is older than the world: the alert has got its next ticket since.
        (&closed, 2, AdoptionVerdict::Ours),
        (&deleted, 2, AdoptionVerdict::Ours),
    ];
    for (number, (link, recurrence, expected)) in rows.into_iter().enumerate() {
        let verdict = judged(link, &other, recurrence, true, OURS, StoreHistory::Known);
        assert_eq!(verdict, expected, "row {number}");
        if recurrence == 2 {
            let forged = judged(link, &other, 2, false, OURS, StoreHistory::Known);
            assert_ne!(forged, AdoptionVerdict::Ours, "row {number}");
        }
    }
}

#[test]
fn tickets_of_the_link_are_known_whatever_they_show() {
    let mut link = linked(&policy(Mode::Managed));
    link.earlier_tickets.push(TicketId::new(7));
    link.recurrence = 3;
    let own = ticket(OPEN, 1);
    let earlier = Ticket {
        id: TicketId::new(7),
        ..own.clone()
    };
    let forgotten = Ticket {
        id: TicketId::new(6),
        ..own.clone()
    };
    for (ticket, recurrence) in [(&own, 3), (&earlier, 1), (&forgotten, 2)] {
        let verdict = judged(&link, ticket, recurrence, false, OTHER, StoreHistory::Known);
        assert_eq!(verdict, AdoptionVerdict::Known, "{}", ticket.id);
    }
}

#[test]
fn an_unknown_alert_is_read_and_an_unmapped_one_adopts_what_we_opened() {
    let own = ticket(OPEN, 1);
    let unknown = Link::new(alert().id);
    let known = StoreHistory::Known;
    let verdict = judged(&unknown, &own, 1, true, OpenedBy::NotAsked, known);
    assert_eq!(verdict, AdoptionVerdict::AskAlert);
    // Costs no request.
    let verdict = judged(&unknown, &own, 1, false, OpenedBy::NotAsked, known);
    assert_eq!(verdict, AdoptionVerdict::NotOurs(Mismatch::NoProof));
    let key = LinkKey {
        prefix: "LG".into(),
        alert: alert().id,
        recurrence: 1,
    };
    let unmapped = Policy::empty(Mode::Managed);
    let rows = [
        (OpenedBy::NotAsked, AdoptionVerdict::AskWhoOpened),
        (OURS, AdoptionVerdict::Unmapped),
        (OTHER, AdoptionVerdict::NotOurs(Mismatch::OpenedByOther)),
        (
            OpenedBy::NotShown,
            AdoptionVerdict::NotOurs(Mismatch::NotMapped),
        ),
    ];
    for (is_proven, history) in [
        (true, known),
        (true, StoreHistory::New),
        (false, StoreHistory::New),
    ] {
        for (opened_by, expected) in rows {
            let candidate = Candidate {
                ticket: &own,
                key: &key,
                is_proven,
                opened_by,
            };
            let verdict = judge(&unlinked(), &candidate, &unmapped, history);
            assert_eq!(verdict, expected, "{opened_by:?}, {history:?}");
        }
    }
}

#[test]
fn an_attempt_in_doubt_is_compared_with_the_client_it_was_made_for() {
    let mut link = unlinked();
    link.claim = Claim::in_doubt(at(0));
    link.opening = Some(OpeningSnapshot::of(
        &alert(),
        OTHER_CLIENT,
        TicketTypeId::new(5),
    ));
    // The config maps the alert to client 17 by now.
    let rows = [
        (OTHER_CLIENT, AdoptionVerdict::Ours),
        (
            HaloClientId::new(17),
            AdoptionVerdict::Moved(HaloClientId::new(17)),
        ),
    ];
    for (client, expected) in rows {
        let found = Ticket {
            client,
            ..ticket(OPEN, 1)
        };
        let verdict = judged(&link, &found, 1, true, OURS, StoreHistory::Known);
        assert_eq!(verdict, expected);
    }
}

#[test]
fn a_link_keeps_the_key_its_ticket_was_requested_with() {
    let mut policy = policy(Mode::Managed);
    let mut link = unlinked();
    link.key = Some(link.next_key(&policy));
    link.attach(TICKET);
    policy.key_prefix = "ACME".into();
    assert_eq!(link.key(&policy).to_string(), "LG-7586");
    assert!(link.wrote_title("[LG-7586.k3f9xw] Disk", &policy));
    assert!(!link.wrote_title("[ACME-7586.k3f9xw] Disk", &policy));
    assert!(!link.wrote_title("Printer jams", &policy));
    link.replaced_title = Some("Monitoring alert".into());
    assert!(link.wrote_title("Monitoring alert", &policy));
    link.begin_next_ticket();
    assert_eq!(link.key(&policy).to_string(), "ACME-7586-2");
}

#[test]
fn a_link_names_a_bounded_number_of_tickets() {
    let mut link = unlinked();
    for id in 1..=100 {
        link.attach(TicketId::new(id));
        link.begin_next_ticket();
        link.report_ticket(TicketId::new(1000 + id));
    }
    assert_eq!(link.earlier_tickets.len(), EARLIER_TICKETS_MAX);
    assert_eq!(link.earlier_tickets.last(), Some(&TicketId::new(100)));
    assert_eq!(link.reported_tickets.len(), REPORTED_TICKETS_MAX);
    assert!(!link.report_ticket(TicketId::new(1100)), "reported before");
}

#[test]
fn no_ticket_is_requested_after_two_that_were_accepted_and_not_found() {
    let policy = policy(Mode::Managed);
    let mut link = unlinked();
    link.unrecognised = UNRECOGNISED_MAX;
    assert!(link.hides_its_tickets());
    link.record_refusal(RefusedWrite {
        write: WriteKind::Open,
        fields: NamedFields::NONE,
        message: "hidden".into(),
        policy_fingerprint: policy.fingerprint(),
        ticket_changed_at: None,
        at: at(1),
        retry_at: None,
        not_carried_out: 0,
    });
    let month = at(30 * 24 * 3600);
    assert_eq!(plan(&link, Some(&alert()), None, &policy, month), []);
    link.drop_lapsed_refusals(&policy, month);
    assert_eq!(pair_status(&link, &policy, month), PairStatus::Refused);
    let other = Policy {
        key_prefix: "ACME".into(),
        ..policy
    };
    assert!(!plan(&link, Some(&alert()), None, &other, month).is_empty());
    link.attach(TICKET);
    assert_eq!(link.unrecognised, 0);
}

//! Records with every field filled. Written out field by field, so that a field that is added to
//! the domain stops the build here and cannot be forgotten by a store.

use std::collections::BTreeSet;

use halogard_domain::alert::Alert;
use halogard_domain::co_owners::CoOwners;
use halogard_domain::ids::{
    AlertId, EnvironmentId, HaloClientId, LaunchpointId, PriorityId, StatusId, TechnicianId,
    TicketId, TicketTypeId,
};
use halogard_domain::key::InstallationId;
use halogard_domain::link::{
    AcceptedChange, Base, Claim, Closure, Link, NamedFields, NoteClaim, OpeningSnapshot,
    OtherMembers, PendingInspection, RefusedWrite, StateBefore, TerminalReason, WriteKind,
};
use halogard_domain::message::{Cause, Message, Notification};
use halogard_domain::missing::Missing;
use halogard_domain::policy::{ClosedBy, ParkReason};
use halogard_domain::start::Arrival;
use halogard_domain::storm::{GroupSummary, LeaderState, Membership};
use halogard_domain::ticket::{Assignment, Existence, Handling, HumanActivity, Ticket};
use halogard_domain::work::{FoundTicket, InitialState, WorkSign};
use halogard_domain::{LinkKey, Slug, Timestamp};

/// Some point in time, `seconds` after another.
pub fn at(seconds: i64) -> Timestamp {
    Timestamp::from_millis(1_767_600_000_000 + seconds * 1000 + 7)
}

/// Text with what trips stores up: quotes, line ends, a NUL, and characters of every length.
pub const AWKWARD: &str = "it's \"quoted\"\\ \r\n\t; DROP -- \u{0}ä €\u{10348} {\"$\":1} %_";

/// An alert with every field filled.
pub fn alert(id: AlertId) -> Alert {
    Alert {
        id,
        number: Some("T20260105.00001".to_owned()),
        environment: EnvironmentId::new(31),
        environment_name: "Müller & Söhne".to_owned(),
        name: "Active Directory | New admin".to_owned(),
        description: AWKWARD.to_owned(),
        priority: Slug::new("Critical"),
        status: Slug::new("In Progress"),
        inspector: Some("active-directory-inspector".to_owned()),
        inspector_alias: Some("Active Directory".to_owned()),
        rule: Some("New admin".to_owned()),
        launchpoint: Some(LaunchpointId::new(77)),
        system: Some("dc01".to_owned()),
        native_ticket: Some(TicketId::new(9001)),
        visible: false,
        raised_at: at(0),
        changed_at: at(60),
        observed_at: at(61),
        page: Some("https://example.test/alerts/1".to_owned()),
    }
}

/// A ticket with every field filled.
pub fn ticket(id: TicketId) -> Ticket {
    Ticket {
        id,
        client: HaloClientId::new(12),
        ticket_type: TicketTypeId::new(21),
        status: StatusId::new(9),
        priority: Some(PriorityId::new(3)),
        summary: AWKWARD.to_owned(),
        assigned: Some(true),
        changed_at: at(70),
        is_dated: true,
        observed_at: at(71),
        existence: Existence::MergedInto(TicketId::new(4243)),
        activity: HumanActivity::Seen,
        handling: Handling {
            assignment: Some(Assignment::To(TechnicianId::new(12))),
            team: Some(AWKWARD.to_owned()),
            category: Some("Security>Change".to_owned()),
        },
    }
}

/// A link with every field filled, of which `id` gives alert and ticket.
pub fn full_link(id: u64) -> Link {
    let alert_id = AlertId::new(id);
    let ticket_id = TicketId::new(id + 1_000_000);
    Link {
        alert: alert_id,
        recurrence: 3,
        key: Some(LinkKey {
            prefix: "FORMER".to_owned(),
            alert: alert_id,
            recurrence: 3,
        }),
        claim: Claim::Held {
            holder: "f00d".to_owned(),
            number: 4,
            since: at(1),
            until: at(91),
        },
        claim_count: 4,
        opening: Some(OpeningSnapshot {
            status: Slug::new("new"),
            priority: Slug::new("low"),
            text: u64::MAX - 3,
            client: Some(HaloClientId::new(17)),
            ticket_type: Some(TicketTypeId::new(5)),
        }),
        ticket: Some(ticket_id),
        earlier_tickets: vec![TicketId::new(id + 2_000_000), TicketId::new(id + 3_000_000)],
        policy: Some(u64::MAX - 4),
        merged_tickets: vec![TicketId::new(id + 3_000_000)],
        co_owners: Some(CoOwners {
            open: [AlertId::new(id + 4_000_000), AlertId::new(id + 5_000_000)].into(),
            closed: [AlertId::new(id + 6_000_000)].into(),
            closes: true,
        }),
        replaced_title: Some(AWKWARD.to_owned()),
        found_elsewhere: true,
        rival: InstallationId::parse("1kqkyn1m08de"),
        unrecognised: 1,
        reported_tickets: vec![TicketId::new(id + 4_000_000)],
        base: Some(Base {
            alert_closed: true,
            alert_status: Slug::new("closed"),
            alert_priority: Slug::new("high"),
            alert_text: u64::MAX,
            ticket_status: StatusId::new(9),
            ticket_closed: Some(Closure {
                by: ClosedBy::HaloPsa,
                at: at(50),
            }),
            ticket_priority: Some(PriorityId::new(3)),
        }),
        observed_alert: Some(alert(alert_id)),
        observed_ticket: Some(ticket(ticket_id)),
        missing: Some(Missing {
            since: at(75),
            read_again_at: at(375),
            alert_was_closed: true,
        }),
        ticket_as_of: Some(at(72)),
        superseded_change: Some(at(60)),
        accepted: Some(AcceptedChange {
            write: WriteKind::SetFields,
            status: Some(StatusId::new(2)),
            priority: None,
            answered_at: at(76),
            changed_at: at(75),
            believed_change: at(74),
            is_proved: true,
            is_doubtful: true,
            failures: 1,
            before: vec![StateBefore {
                status: StatusId::new(1),
                priority: Some(PriorityId::new(3)),
                base: None,
            }],
            answered: Box::new(OtherMembers {
                status: StatusId::new(2),
                client: HaloClientId::new(17),
                ticket_type: TicketTypeId::new(5),
                handling: Handling {
                    assignment: Some(Assignment::Unassigned),
                    team: Some(AWKWARD.to_owned()),
                    category: None,
                },
                title: Some(u64::MAX - 3),
            }),
        }),
        parked: Some(ParkReason::NoTemplate),
        arrival: Some(Arrival::BeforeStart { undecided: 26 }),
        refused: [WriteKind::SetFields, WriteKind::AddNote]
            .map(|write| RefusedWrite {
                write,
                fields: NamedFields::NONE,
                message: AWKWARD.to_owned(),
                policy_fingerprint: u64::MAX - 1,
                ticket_changed_at: Some(at(70)),
                at: at(80),
                retry_at: Some(at(90)),
                not_carried_out: 2,
            })
            .into(),
        unsettled_since: Some(at(74)),
        pending_inspection: Some(PendingInspection {
            requested_at: at(40),
            requested: 2,
            completed: 1,
        }),
        inspection_requested_at: Some(at(40)),
        note_claim: Some(NoteClaim {
            text_hash: u64::MAX - 2,
            until: Timestamp::from_millis(-1),
        }),
        note_count: u32::MAX,
        membership: Some(Membership::Leader(LeaderState {
            summary: GroupSummary {
                joined: 7,
                open: 5,
                listed: vec![AWKWARD.to_owned()],
                launchpoints: BTreeSet::from([LaunchpointId::new(77)]),
                closed: true,
            },
            joined_reported: 6,
            open_reported: 6,
            reported_at: at(75),
        })),
        initial: Some(InitialState::of(&ticket(ticket_id))),
        found: Some(FoundTicket {
            at: at(77),
            priority: Some(PriorityId::new(3)),
        }),
        work: Some(WorkSign::Assigned),
        terminal_reason: Some(TerminalReason::TicketDeletedAlertClosed),
    }
}

/// "Reconcile alert `id`."
pub fn reconcile_message(id: u64) -> Message {
    Message::reconcile_alert(AlertId::new(id), Cause::Poll)
}

/// A webhook with every field filled.
pub fn notification(delivery: &str, content: &str) -> Notification {
    Notification {
        delivery: Some(delivery.to_owned()),
        content: content.to_owned(),
        event: Some("Ticket Changed".to_owned()),
        object: Some(4242),
        kind: "ticket_changed".to_owned(),
    }
}

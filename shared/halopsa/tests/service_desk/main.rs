//! HaloPSA behind the desk's port: what is sent, which answer is believed, what failures mean.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test stops at what it did not expect, in its helpers too"
)]

mod changing;
mod failures;
mod finding;
mod notes;
mod notices;
mod opening;
#[allow(dead_code, reason = "each test file uses its part of the harness")]
#[path = "../support/mod.rs"]
mod support;

use std::time::Duration;

use halogard_app::ports::{
    BudgetError, Changes, PortError, Refusal, SearchWithin, ServiceDesk, TicketListing,
};
use halogard_domain::FailureClass::{self, InDoubt, Permanent, Throttled, Transient};
use halogard_domain::ids::{
    AlertId, CustomFieldId, HaloClientId, NoteId, OutcomeId, PriorityId, SiteId, StatusId,
    TechnicianId, TicketId, TicketTypeId,
};
use halogard_domain::key::{InstallationId, KeySecret, SignedKey};
use halogard_domain::ticket::{
    Assignment, Automation, Existence, Handling, HumanActivity, NewNote, NewTicket, NoteAuthor,
    Premise, TicketChange, TicketDraft, Validation,
};
use halogard_domain::{LinkKey, Ticket, Timestamp};
use halogard_http::TransportError;
use http::Response;
use serde_json::{Value, json};
use support::{AdmitAll, Harness, MORNING, answer, answer_with, answering, list};

const TICKET: TicketId = TicketId::new(4242);

/// 2026-05-02T09:00:41.043Z.
const CHANGED: Timestamp = Timestamp::from_millis(MORNING.as_millis() + 41_043);

/// The key of the ticket, with the proof that the desk knows nothing about.
fn key() -> SignedKey {
    KeySecret::new([7; 32]).sign(LinkKey {
        prefix: "LG".into(),
        alert: AlertId::new(7586),
        recurrence: 1,
    })
}

/// The title that is written.
fn title() -> String {
    format!("{} Disk", key().marker())
}

fn new_ticket() -> NewTicket {
    NewTicket {
        key: key(),
        installation: InstallationId::of(MORNING, &KeySecret::new([7; 32])),
        draft: TicketDraft {
            client: HaloClientId::new(17),
            site: Some(SiteId::new(31)),
            ticket_type: TicketTypeId::new(5),
            status: StatusId::new(1),
            priority: Some(PriorityId::new(2)),
            team: Some("Service Desk".into()),
            technician: None,
            category: Some("Security>Change".into()),
            summary: "Disk".into(),
            details_html: "<p>full</p>".into(),
            custom_fields: [(CustomFieldId::new(100), "Monitoring".to_owned())].into(),
            key_field: Some(CustomFieldId::new(101)),
            validation: Validation::Enforced,
            type_template: Automation::Skipped,
            ticket_rules: Automation::Skipped,
        },
    }
}

fn change() -> TicketChange {
    TicketChange {
        id: TICKET,
        status: Some(StatusId::new(9)),
        priority: None,
        technician: None,
        closure_note: None,
        premise: Premise {
            status: StatusId::new(1),
            priority: Some(PriorityId::new(2)),
            assigned: None,
            changed_at: None,
            as_of: MORNING,
        },
    }
}

/// Opens one ticket.
async fn open(harness: &Harness, ticket: &NewTicket) -> Result<Ticket, PortError> {
    let tickets = std::slice::from_ref(ticket);
    let mut answers = harness.desk().open(tickets, &AdmitAll).await;
    assert_eq!(answers.len(), 1);
    answers.remove(0)
}

/// Changes one ticket.
async fn change_one(harness: &Harness, change: &TicketChange) -> Result<Ticket, PortError> {
    let mut answers = harness.desk().change(std::slice::from_ref(change)).await;
    assert_eq!(answers.len(), 1);
    answers.remove(0)
}

/// Adds one note.
async fn add_note(harness: &Harness, note: &NewNote) -> Result<NoteId, PortError> {
    let mut answers = harness.desk().add_notes(std::slice::from_ref(note)).await;
    assert_eq!(answers.len(), 1);
    answers.remove(0)
}

/// A row of `id` that says everything, with this title.
fn row(id: u64, summary: &str) -> Value {
    json!({"id": id, "summary": summary, "client_id": 17, "tickettype_id": 5, "status_id": 1,
           "priority_id": 2, "last_update": "2026-05-02T09:00:41.043"})
}

/// [`row`] of our ticket without `members`.
fn row_without(members: &[&str]) -> Value {
    let mut row = row(4242, "[LG-7586] Disk");
    for member in members {
        row.as_object_mut().unwrap().remove(*member).unwrap();
    }
    row
}

/// [`row`] of our ticket with these members.
fn row_with(members: Value) -> Value {
    let mut row = row(4242, "[LG-7586] Disk");
    for (name, value) in members.as_object().unwrap() {
        row[name] = value.clone();
    }
    row
}

/// What [`row`] shows.
fn ticket(id: u64, summary: &str) -> Ticket {
    Ticket {
        id: TicketId::new(id),
        client: HaloClientId::new(17),
        ticket_type: TicketTypeId::new(5),
        status: StatusId::new(1),
        priority: Some(PriorityId::new(2)),
        summary: summary.into(),
        assigned: None,
        changed_at: CHANGED,
        observed_at: MORNING,
        is_dated: true,
        existence: Existence::Present,
        activity: HumanActivity::Unknown,
        handling: Handling::default(),
    }
}

//! Actions: HaloPSA's word for what is written on a ticket.

use halogard_domain::Timestamp;
use halogard_domain::ids::{NoteId, OutcomeId, StatusId, TechnicianId, TicketId};
use halogard_domain::render::plain_text;
use halogard_wire::values::{self, Lenient};
use serde::{Deserialize, Deserializer, Serialize};

use super::Row;

/// An action, as read. Its id counts within its ticket only; its guid is unique.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct ActionRow {
    /// The action, within its ticket; 1 is the opening entry.
    #[serde(deserialize_with = "values::required_id")]
    pub id: NoteId,
    /// Its ticket.
    #[serde(default, deserialize_with = "values::id")]
    pub ticket_id: Option<TicketId>,
    /// Who wrote it, by name.
    #[serde(default, deserialize_with = "values::text")]
    pub who: Option<String>,
    /// The agent who wrote it.
    #[serde(default, deserialize_with = "values::id")]
    pub who_agentid: Option<TechnicianId>,
    /// Its text.
    #[serde(default, deserialize_with = "values::text")]
    pub note: Option<String>,
    /// The same with markup, where that was asked for.
    #[serde(default, deserialize_with = "values::text")]
    pub note_html: Option<String>,
    /// What kind of author: 0 HaloPSA itself, 1 an agent, 2 a customer's contact.
    #[serde(default, deserialize_with = "lenient_integer")]
    pub who_type: Option<i64>,
    /// The status that the ticket had afterwards.
    #[serde(default, deserialize_with = "values::id")]
    pub new_status: Option<StatusId>,
    /// When it was written; a value of any other form is none.
    #[serde(default, rename = "datetime", deserialize_with = "lenient_time")]
    pub written_at: Option<Timestamp>,
    /// The display name of the application that wrote it. The agents' own web app is one.
    #[serde(default, deserialize_with = "values::text")]
    pub actionby_application_id: Option<String>,
    /// The agent on whose behalf it was written.
    #[serde(default, deserialize_with = "values::id")]
    pub actionby_agent_id: Option<TechnicianId>,
}

/// A whole number; a value of any other form is ignored.
fn lenient_integer<'de, D: Deserializer<'de>>(from: D) -> Result<Option<i64>, D::Error> {
    let read: Lenient<i64> = values::lenient(from, |json| values::integer(json))?;
    Ok(read.or_note("who_type", &mut Vec::new()))
}

/// A point in time; a value of any other form is none.
fn lenient_time<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Timestamp>, D::Error> {
    let read: Lenient<Timestamp> = values::lenient_timestamp(from)?;
    Ok(read.or_note("datetime", &mut Vec::new()))
}

impl Row for ActionRow {
    fn key(&self) -> u64 {
        self.id.get()
    }
}

/// Which outcome a new action has. One is required: without, HaloPSA answers 400.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub enum ActionOutcome {
    /// By id; 7 is "Internal Note" on a stock tenant.
    #[serde(rename = "outcome_id")]
    Id(OutcomeId),
    /// By name.
    #[serde(rename = "outcome")]
    Name(String),
}

/// An action to write.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ActionWrite {
    /// The ticket it is written on.
    pub ticket_id: TicketId,
    /// What kind of action it is.
    #[serde(flatten)]
    pub outcome: ActionOutcome,
    /// Its text without markup.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// The same, as HTML already made safe.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub note_html: Option<String>,
    /// Whether end users do not see it. Always sent.
    pub hiddenfromuser: bool,
    /// Whether HaloPSA mails it. Always sent: the outcome's own default may be to mail.
    pub sendemail: bool,
    /// The status the ticket gets with it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub new_status: Option<StatusId>,
    /// The agent the ticket gets with it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub new_agent: Option<TechnicianId>,
    /// The team the ticket gets with it, by name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub new_team: Option<String>,
    /// Whether the tenant's ticket rules are skipped.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dont_do_rules: Option<bool>,
}

impl ActionWrite {
    /// A note for technicians only, without an e-mail.
    #[must_use]
    pub fn internal(ticket_id: TicketId, outcome: ActionOutcome, note_html: String) -> Self {
        Self {
            ticket_id,
            outcome,
            note: Some(plain_text(&note_html)),
            note_html: Some(note_html),
            hiddenfromuser: true,
            sendemail: false,
            new_status: None,
            new_agent: None,
            new_team: None,
            dont_do_rules: None,
        }
    }
}

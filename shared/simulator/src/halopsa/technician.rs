//! What technicians and other integrations do, without spending requests of our limit.

use crate::error::SimError;
use crate::http_message::SimResponse;
use crate::world::status_ids;

use super::HaloPsa;
use super::state::{Author, HaloState};
use super::ticket_draft::TicketDraft;

/// A technician's change to a ticket; `None` leaves a member unchanged.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TicketEdit {
    /// New summary.
    pub summary: Option<String>,
    /// New description.
    pub details: Option<String>,
    /// New status.
    pub status_id: Option<i64>,
    /// New priority.
    pub priority_id: Option<i64>,
    /// New agent.
    pub agent_id: Option<i64>,
    /// New team, by name.
    pub team: Option<String>,
    /// New client.
    pub client_id: Option<i64>,
    /// New site.
    pub site_id: Option<i64>,
    /// New end user.
    pub user_id: Option<i64>,
    /// New ticket type.
    pub tickettype_id: Option<i64>,
    /// New category path.
    pub category: Option<String>,
}

/// A ticket as a person logs it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TicketSpec {
    /// The customer.
    pub client_id: i64,
    /// The ticket type.
    pub tickettype_id: i64,
    /// One line.
    pub summary: String,
    /// Plain text.
    pub details: String,
}

/// A ticket as another integration logs it.
#[derive(Clone, Debug, Default)]
pub(crate) struct IntegrationTicket {
    /// The integration, as `actionby_application_id` names it.
    pub(crate) application: String,
    /// The agent it works as.
    pub(crate) agent_id: i64,
    pub(crate) client_id: i64,
    /// The ticket type.
    pub(crate) tickettype_id: i64,
    /// One line.
    pub(crate) summary: String,
    /// Plain text.
    pub(crate) details: String,
}

impl HaloPsa {
    /// A technician logs a ticket; returns its number.
    ///
    /// # Errors
    ///
    /// [`SimError::NoSuchAgent`], or [`SimError::Refused`] when there is no such client or type.
    pub fn log_ticket(&self, by_agent: i64, ticket: &TicketSpec) -> Result<i64, SimError> {
        let now = self.clock.now_millis();
        let author = Author::person(by_agent);
        let item = super::ticket_rows::object(serde_json::json!({
            "client_id": ticket.client_id,
            "tickettype_id": ticket.tickettype_id,
            "summary": ticket.summary,
            "details": ticket.details,
        }));
        let mut state = self.state();
        state
            .world
            .service_desk
            .agent(by_agent)
            .ok_or(SimError::NoSuchAgent(by_agent))?;
        let written = state.write_tickets(&[item], &author, now);
        let written = written.map_err(|answer| SimError::Refused(text_of_body(&answer)))?;
        written
            .first()
            .map(|ticket| ticket.id)
            .ok_or(SimError::NoSuchTicket(0))
    }

    /// A technician changes a ticket.
    ///
    /// # Errors
    ///
    /// [`SimError::NoSuchTicket`], [`SimError::NoSuchStatus`], [`SimError::NoSuchAgent`], or
    /// [`SimError::Refused`] when a rule of the service desk forbids it.
    pub fn change_ticket(
        &self,
        id: i64,
        by_agent: i64,
        change: TicketEdit,
    ) -> Result<(), SimError> {
        let now = self.clock.now_millis();
        let author = Author::person(by_agent);
        let mut state = self.state();
        // A person chooses a team from a list, whatever a write over the API may name it by.
        let team = change.team.as_deref();
        let team = team.and_then(|name| state.world.service_desk.team(name));
        let team_id = team.map(|team| team.id);
        let category = change
            .category
            .map(|path| ("category_1".to_owned(), path.into()));
        let draft = TicketDraft {
            id: Some(id),
            site_id: change.site_id,
            user_id: change.user_id,
            tickettype_id: change.tickettype_id,
            loose: category.into_iter().collect(),
            summary: change.summary,
            details_html: change.details.clone(),
            details: change.details,
            status_id: change.status_id,
            priority_id: change.priority_id,
            agent_id: change.agent_id,
            team_id,
            client_id: change.client_id,
            ..TicketDraft::default()
        };
        state.change_as_technician(draft, &author, now)
    }

    /// A technician closes a ticket, and becomes its assignee if it has none.
    ///
    /// # Errors
    ///
    /// As [`Self::change_ticket`].
    pub fn close_ticket(&self, id: i64, by_agent: i64) -> Result<(), SimError> {
        let unassigned = self.ticket(id).is_some_and(|ticket| ticket.agent_id == 1);
        let change = TicketEdit {
            status_id: Some(status_ids::CLOSED),
            agent_id: unassigned.then_some(by_agent),
            ..TicketEdit::default()
        };
        self.change_ticket(id, by_agent, change)
    }

    /// A rule of HaloPSA closes a ticket by itself, whatever the assignment.
    ///
    /// # Errors
    ///
    /// [`SimError::NoSuchTicket`].
    pub fn close_by_rule(&self, id: i64) -> Result<(), SimError> {
        let now = self.clock.now_millis();
        let mut state = self.state();
        state.existing(id).ok_or(SimError::NoSuchTicket(id))?;
        let draft = TicketDraft {
            id: Some(id),
            status_id: Some(status_ids::CLOSED),
            ..TicketDraft::default()
        };
        state.write_ticket(draft, &Author::system(), now);
        Ok(())
    }

    /// An end user writes on a ticket, through the portal or by mail; returns the note's number.
    ///
    /// # Errors
    ///
    /// [`SimError::NoSuchTicket`].
    pub fn add_note_by_user(&self, id: i64, note: &str) -> Result<i64, SimError> {
        let number = self.add_note(id, 0, note)?;
        let mut state = self.state();
        let ticket = state.existing_mut(id).ok_or(SimError::NoSuchTicket(id))?;
        for action in ticket.actions.iter_mut().filter(|it| it.id == number) {
            action.by_user = true;
        }
        Ok(number)
    }

    /// A technician reopens a ticket.
    ///
    /// # Errors
    ///
    /// As [`Self::change_ticket`].
    pub fn reopen_ticket(&self, id: i64, by_agent: i64) -> Result<(), SimError> {
        let change = TicketEdit {
            status_id: Some(status_ids::IN_PROGRESS),
            ..TicketEdit::default()
        };
        self.change_ticket(id, by_agent, change)
    }

    /// A technician writes a note; returns its number within the ticket.
    ///
    /// # Errors
    ///
    /// [`SimError::NoSuchTicket`].
    pub fn add_note(&self, id: i64, by_agent: i64, note: &str) -> Result<i64, SimError> {
        let now = self.clock.now_millis();
        let author = Author::person(by_agent);
        let item = serde_json::json!({ "ticket_id": id, "outcome": "Note", "note": note });
        let item = super::ticket_rows::object(item);
        let written = self.state().write_actions(&[item], &author, now);
        let written = written.map_err(|_| SimError::NoSuchTicket(id))?;
        written
            .first()
            .map(|(_, action)| action.id)
            .ok_or(SimError::NoSuchTicket(id))
    }

    /// A technician deletes a ticket.
    ///
    /// # Errors
    ///
    /// [`SimError::NoSuchTicket`].
    pub fn delete_ticket(&self, id: i64, by_agent: i64) -> Result<(), SimError> {
        let now = self.clock.now_millis();
        let author = Author::person(by_agent);
        let mut state = self.state();
        state.existing(id).ok_or(SimError::NoSuchTicket(id))?;
        refused(&state.delete_ticket(id, &author, now))
    }

    /// A technician merges a ticket into another; the merged one is closed.
    ///
    /// # Errors
    ///
    /// [`SimError::NoSuchTicket`] for either.
    pub fn merge_ticket(&self, id: i64, into: i64, by_agent: i64) -> Result<(), SimError> {
        let now = self.clock.now_millis();
        let author = Author::person(by_agent);
        let mut state = self.state();
        state.existing(into).ok_or(SimError::NoSuchTicket(into))?;
        let ticket = state.existing_mut(id).ok_or(SimError::NoSuchTicket(id))?;
        ticket.merged_into_id = into;
        let draft = TicketDraft {
            id: Some(id),
            status_id: Some(status_ids::CLOSED),
            ..TicketDraft::default()
        };
        // Merging closes without asking who is assigned.
        state.write_ticket(draft, &author, now);
        Ok(())
    }

    /// A technician undoes a merge; the ticket is open again.
    ///
    /// # Errors
    ///
    /// [`SimError::NoSuchTicket`].
    pub fn unmerge_ticket(&self, id: i64, by_agent: i64) -> Result<(), SimError> {
        let now = self.clock.now_millis();
        let author = Author::person(by_agent);
        let mut state = self.state();
        let ticket = state.existing_mut(id).ok_or(SimError::NoSuchTicket(id))?;
        ticket.merged_into_id = 0;
        let draft = TicketDraft {
            id: Some(id),
            status_id: Some(status_ids::IN_PROGRESS),
            ..TicketDraft::default()
        };
        state.write_ticket(draft, &author, now);
        Ok(())
    }

    /// A technician restores a deleted ticket.
    ///
    /// # Errors
    ///
    /// [`SimError::NoSuchTicket`].
    pub fn restore_ticket(&self, id: i64, by_agent: i64) -> Result<(), SimError> {
        let now = self.clock.now_millis();
        let author = Author::person(by_agent);
        self.ticket(id).ok_or(SimError::NoSuchTicket(id))?;
        let draft = TicketDraft {
            id: Some(id),
            recover: true,
            ..TicketDraft::default()
        };
        self.state().write_ticket(draft, &author, now);
        Ok(())
    }

    /// Another integration logs a ticket; no request of the API limit is spent.
    pub(crate) fn log_integration_ticket(&self, ticket: IntegrationTicket) -> i64 {
        let now = self.clock.now_millis();
        let author = Author::application(ticket.application, ticket.agent_id);
        let draft = TicketDraft {
            client_id: Some(ticket.client_id),
            tickettype_id: Some(ticket.tickettype_id),
            summary: Some(ticket.summary),
            details: Some(ticket.details),
            ..TicketDraft::default()
        };
        self.state().write_ticket(draft, &author, now)
    }

    /// Another integration sets a ticket's status.
    pub(crate) fn set_integration_status(
        &self,
        id: i64,
        status_id: i64,
        application: &str,
        agent_id: i64,
    ) {
        let now = self.clock.now_millis();
        let author = Author::application(application.to_owned(), agent_id);
        let mut state = self.state();
        let differs = state
            .existing(id)
            .is_some_and(|ticket| ticket.status_id != status_id);
        if differs {
            let draft = TicketDraft {
                id: Some(id),
                status_id: Some(status_id),
                ..TicketDraft::default()
            };
            state.write_ticket(draft, &author, now);
        }
    }

    /// Whether a ticket was closed at that moment; `None` when it did not exist or is deleted.
    pub(crate) fn was_closed_at(&self, id: i64, millis: i64) -> Option<bool> {
        let state = self.state();
        let status = state.existing(id)?.status_at(millis)?;
        Some(state.world.service_desk.is_closed(status))
    }
}

impl HaloState {
    /// Validates and applies a technician's change.
    fn change_as_technician(
        &mut self,
        draft: TicketDraft,
        author: &Author,
        now: i64,
    ) -> Result<(), SimError> {
        let id = draft.id.unwrap_or(0);
        self.existing(id).ok_or(SimError::NoSuchTicket(id))?;
        if let Some(status) = draft.status_id {
            self.world
                .service_desk
                .status(status)
                .ok_or(SimError::NoSuchStatus(status))?;
        }
        for agent in [Some(author.agent_id), draft.agent_id]
            .into_iter()
            .flatten()
        {
            self.world
                .service_desk
                .agent(agent)
                .ok_or(SimError::NoSuchAgent(agent))?;
        }
        self.check_rules(&draft)
            .or_else(|answer| refused(&answer))?;
        self.write_ticket(draft, author, now);
        Ok(())
    }
}

/// The result of an action from the answer of the API.
fn refused(answer: &SimResponse) -> Result<(), SimError> {
    if answer.status.is_success() {
        return Ok(());
    }
    Err(SimError::Refused(text_of_body(answer)))
}

/// The text of an answer's body.
fn text_of_body(answer: &SimResponse) -> String {
    String::from_utf8_lossy(&answer.body).into_owned()
}

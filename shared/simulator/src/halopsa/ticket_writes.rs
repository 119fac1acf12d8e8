//! Creates and updates: what is asked for is checked whole, then done.

use serde_json::{Map, Value};

use crate::http_message::SimResponse;

use super::settings::{ArrayFailure, TeamReference};
use super::state::{Author, HaloState};
use super::ticket::{Action, SimTicket};
use super::ticket_draft::{NUMBERS, TicketDraft};
use super::ticket_fields::PostedItem;
use super::untriaged::{Landing, LateEffect};
use super::webhooks::event_numbers;

impl HaloState {
    /// Carries out a posted array and returns the tickets it touched, in order, as the answer shows them.
    ///
    /// # Errors
    ///
    /// The refusal of the first item that was refused; what is left of the items before it is a
    /// setting.
    pub(super) fn write_tickets(
        &mut self,
        posted: &[Map<String, Value>],
        author: &Author,
        now: i64,
    ) -> Result<Vec<SimTicket>, SimResponse> {
        let items: Vec<PostedItem> = posted
            .iter()
            .enumerate()
            .map(|(index, members)| PostedItem::new(index, members))
            .collect();
        // The model binder reads the whole body before the first rule runs.
        for item in &items {
            item.check_numbers(&NUMBERS)?;
            item.custom_fields()?;
            item.assets()?;
        }
        if self.settings.array_failure == ArrayFailure::EarlierKept {
            return items
                .iter()
                .map(|item| Ok(self.answered_write(self.checked(item)?, author, now)))
                .collect();
        }
        let drafts: Result<Vec<TicketDraft>, SimResponse> =
            items.iter().map(|item| self.checked(item)).collect();
        Ok(drafts?
            .into_iter()
            .map(|draft| self.answered_write(draft, author, now))
            .collect())
    }

    /// Applies a validated draft and returns the ticket as the answer shows it: with everything that was
    /// asked for, landed or not.
    fn answered_write(&mut self, draft: TicketDraft, author: &Author, now: i64) -> SimTicket {
        let lands = match draft.id {
            Some(id) => self.landing(id, author, now) == Landing::Now,
            None => true,
        };
        let id = self.write_ticket(draft.clone(), author, now);
        let mut shown = self.tickets.get(&id).cloned().unwrap_or_default();
        if !lands {
            self.overwrite(&mut shown, &draft);
        }
        shown
    }

    /// Applies a validated draft and emits its events.
    pub(super) fn write_ticket(&mut self, draft: TicketDraft, author: &Author, now: i64) -> i64 {
        match draft.id {
            Some(id) => {
                self.count_write(author, "ticket updated");
                self.keep_old_reading(id, author, now);
                let landing = self.landing(id, author, now);
                if landing == Landing::Now {
                    self.update_ticket(id, draft, author, now);
                    return id;
                }
                let (status, rest) = draft.split_status();
                if status.status_id.is_some() {
                    self.update_ticket(id, status, author, now);
                }
                if let Landing::At(due) = landing {
                    self.land_later(due, author, LateEffect::Ticket(rest));
                }
                id
            }
            None => {
                self.count_write(author, "ticket created");
                self.create_ticket(draft, author, now)
            }
        }
    }

    /// Logs a new ticket, with the tenant's defaults for what was not said.
    fn create_ticket(&mut self, draft: TicketDraft, author: &Author, now: i64) -> i64 {
        let id = self.next_ticket_id();
        let kind = self.type_of(&draft).cloned();
        let client_id = draft.client_id.unwrap_or(crate::world::MSP_CLIENT);
        let client = self
            .world
            .clients
            .iter()
            .find(|client| client.id == client_id);
        let mut ticket = SimTicket {
            id,
            client_id,
            site_id: client.map_or(0, |client| client.site_id),
            sla_id: 1,
            agent_id: 1,
            occurred_at: now,
            created_by: author.application.clone().unwrap_or_default(),
            ..SimTicket::default()
        };
        if let Some(kind) = kind {
            ticket.tickettype_id = kind.id;
            ticket.status_id = kind.initial_status;
            ticket.priority_id = kind.default_priority;
            ticket.team = kind.default_team;
        }
        self.overwrite(&mut ticket, &draft);
        let over_the_api = author.application.is_some();
        if let Some(rule) = &self.settings.title_rule
            && over_the_api
            && !(draft.skips_rules && rule.can_be_skipped)
        {
            rule.title.clone_into(&mut ticket.summary);
        }
        if let Some(rule) = self.settings.assignment_rule
            && over_the_api
            && draft.agent_id.is_none()
        {
            ticket.agent_id = rule.agent_id;
        }
        ticket.status_log.push((now, ticket.status_id));
        ticket.updated_at = now;
        let closed = self.world.service_desk.is_closed(ticket.status_id);
        if closed {
            ticket.closed_at = Some(now);
            ticket.has_been_closed = true;
        }
        ticket.actions.push(Action {
            note: ticket.details.clone(),
            note_given: true,
            note_html: ticket.details_html.clone(),
            outcome: "First User Email".to_owned(),
            new_status: ticket.status_id,
            ..self.action(1, author, now)
        });
        self.tickets.insert(id, ticket);
        self.creates.push(now);
        self.emit_ticket_event(event_numbers::NEW_TICKET, id, None, author, now);
        if closed {
            self.emit_ticket_event(event_numbers::TICKET_CLOSED, id, None, author, now);
        }
        id
    }

    /// Changes a ticket; a change of status leaves an action behind.
    pub(super) fn update_ticket(
        &mut self,
        id: i64,
        mut draft: TicketDraft,
        author: &Author,
        now: i64,
    ) {
        let by_api = author.application.is_some();
        if by_api && self.settings.keeps_status {
            draft.status_id = None;
        }
        let Some(mut ticket) = self.tickets.remove(&id) else {
            return;
        };
        let before = ticket.status_id;
        if draft.recover {
            ticket.deleted = false;
        }
        let filed = |ticket: &SimTicket| {
            let category = ticket.loose.get("category_1").cloned();
            let numbers = [
                ticket.client_id,
                ticket.tickettype_id,
                ticket.priority_id,
                ticket.agent_id,
            ];
            (
                numbers,
                ticket.team.clone(),
                category,
                ticket.summary.clone(),
            )
        };
        let filed_before = filed(&ticket);
        self.overwrite(&mut ticket, &draft);
        let by_person = author.application.is_none() && !author.is_system;
        ticket.edited_by_person |= by_person && filed(&ticket) != filed_before;
        ticket.updated_at = now;
        let after = ticket.status_id;
        let mut action_id = None;
        if after != before {
            if by_api && self.settings.status_change_unassigns && draft.agent_id.is_none() {
                ticket.agent_id = 1;
            }
            self.note_status(&mut ticket, now);
            let next = ticket.next_action_id();
            let action = Action {
                outcome_id: 4,
                outcome: "Changed Status".to_owned(),
                hidden_from_user: true,
                old_status: before,
                new_status: after,
                ..self.action(next, author, now)
            };
            action_id = Some(action.id);
            ticket.actions.push(action);
        }
        self.tickets.insert(id, ticket);
        self.emit_change_events(id, before, action_id, author, now);
    }

    /// Updates the closing date and the status history for a new status.
    pub(super) fn note_status(&self, ticket: &mut SimTicket, now: i64) {
        ticket.status_log.push((now, ticket.status_id));
        if self.world.service_desk.is_closed(ticket.status_id) {
            ticket.closed_at = Some(now);
            ticket.has_been_closed = true;
        } else if ticket.closed_at.take().is_some() {
            ticket.has_been_closed = self.settings.has_been_closed_after_reopen;
        }
    }

    /// An action with a number, an author and a time, and nothing said.
    pub(super) fn action(&mut self, id: i64, author: &Author, now: i64) -> Action {
        Action {
            id,
            guid: self.rng.guid(),
            agent_id: author.agent_id,
            application: author.application.clone().unwrap_or_default(),
            system: author.is_system,
            at: now,
            ..Action::default()
        }
    }

    /// The team a draft names, in a way that counts.
    pub(super) fn team_of(&self, draft: &TicketDraft) -> Option<&crate::world::Team> {
        let setup = &self.world.service_desk;
        let by_id = draft
            .team_id
            .and_then(|id| setup.teams.iter().find(|team| team.id == id));
        let by_name = draft
            .team
            .as_deref()
            .filter(|_| self.settings.team_reference == TeamReference::NameOrId)
            .and_then(|name| setup.team(name));
        by_id.or(by_name)
    }

    /// Replaces the ticket's members with a draft's.
    fn overwrite(&self, ticket: &mut SimTicket, draft: &TicketDraft) {
        let set = |slot: &mut i64, value: Option<i64>| *slot = value.unwrap_or(*slot);
        let put = |slot: &mut String, value: &Option<String>| {
            if let Some(value) = value {
                value.clone_into(slot);
            }
        };
        put(&mut ticket.summary, &draft.summary);
        put(&mut ticket.details, &draft.details);
        put(&mut ticket.details_html, &draft.details_html);
        set(&mut ticket.client_id, draft.client_id);
        set(&mut ticket.site_id, draft.site_id);
        set(&mut ticket.user_id, draft.user_id);
        set(&mut ticket.tickettype_id, draft.tickettype_id);
        set(&mut ticket.status_id, draft.status_id);
        set(&mut ticket.priority_id, draft.priority_id);
        set(&mut ticket.sla_id, draft.sla_id);
        set(&mut ticket.agent_id, draft.agent_id);
        set(&mut ticket.parent_id, draft.parent_id);
        // A team that does not exist is passed over in silence: teams go by name.
        if let Some(team) = self.team_of(draft) {
            team.name.clone_into(&mut ticket.team);
        }
        ticket
            .custom_fields
            .extend(draft.custom_fields.iter().cloned());
        if let Some(assets) = &draft.assets {
            assets.clone_into(&mut ticket.assets);
        }
        for (name, value) in &draft.loose {
            ticket.loose.insert(name.clone(), value.clone());
        }
    }
}

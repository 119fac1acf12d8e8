//! Creates and updates: what is asked for is checked whole, then done.

use serde_json::{Map, Value};

use crate::exchange::Answer;
use crate::world::TicketType;

use super::refusal;
use super::settings::ArrayFailure;
use super::state::{Author, HaloState};
use super::ticket::{Action, Ticket};
use super::ticket_fields::Item;
use super::webhooks::event_numbers;

/// Members that must be whole numbers wherever they turn up.
const NUMBERS: [&str; 15] = [
    "id",
    "client_id",
    "site_id",
    "user_id",
    "tickettype_id",
    "status_id",
    "priority_id",
    "sla_id",
    "agent_id",
    "parent_id",
    "impact",
    "urgency",
    "third_party_id",
    "source",
    "liongard_system_id",
];

/// Members that are stored as they come; anything else unknown is dropped.
const LOOSE: [&str; 19] = [
    "impact",
    "urgency",
    "source",
    "category_1",
    "category_2",
    "category_3",
    "category_4",
    "supplier_reference",
    "client_reference",
    "gfialerttype",
    "third_party_id",
    "third_party_id_string",
    "liongard_system_id",
    "closure_note",
    "users_name",
    "createdfrom_id",
    "user_email",
    "reportedby",
    "estimate",
];

/// What a write does; a `None` leaves things as they are.
#[derive(Clone, Debug, Default)]
pub(super) struct TicketDraft {
    /// The ticket to change; `None` logs a new one.
    pub(super) id: Option<i64>,
    /// New summary.
    pub(super) summary: Option<String>,
    /// New plain text.
    pub(super) details: Option<String>,
    /// New marked-up text.
    pub(super) details_html: Option<String>,
    /// New client.
    pub(super) client_id: Option<i64>,
    /// New site.
    pub(super) site_id: Option<i64>,
    /// New end user.
    pub(super) user_id: Option<i64>,
    /// New type.
    pub(super) tickettype_id: Option<i64>,
    /// New status.
    pub(super) status_id: Option<i64>,
    /// New priority.
    pub(super) priority_id: Option<i64>,
    /// New agreement.
    pub(super) sla_id: Option<i64>,
    /// New team.
    pub(super) team: Option<String>,
    /// New agent.
    pub(super) agent_id: Option<i64>,
    /// New parent.
    pub(super) parent_id: Option<i64>,
    /// Custom fields to set.
    pub(super) custom_fields: Vec<(i64, Value)>,
    /// Assets in place of those there are.
    pub(super) assets: Option<Vec<i64>>,
    /// Further members to store.
    pub(super) loose: Map<String, Value>,
    /// Whether a deleted ticket comes back.
    pub(super) recover: bool,
}

impl HaloState {
    /// Carries out a posted array and returns the tickets it touched, in order.
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
    ) -> Result<Vec<i64>, Answer> {
        let items: Vec<Item> = posted
            .iter()
            .enumerate()
            .map(|(index, members)| Item::new(index, members))
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
                .map(|item| Ok(self.write_ticket(self.checked(item)?, author, now)))
                .collect();
        }
        let drafts: Result<Vec<TicketDraft>, Answer> =
            items.iter().map(|item| self.checked(item)).collect();
        Ok(drafts?
            .into_iter()
            .map(|draft| self.write_ticket(draft, author, now))
            .collect())
    }

    /// What one item asks for, once it has passed every rule.
    fn checked(&self, item: &Item<'_>) -> Result<TicketDraft, Answer> {
        let draft = self.draft(item)?;
        if draft.id.is_some() {
            let named = draft.tickettype_id.is_some() && draft.client_id.is_some();
            if self.settings.strict_update && !named && !draft.recover {
                return Err(refusal::sentence(refusal::RECORD_NOT_FOUND));
            }
        } else if !item.flag("_novalidate") {
            self.check_mandatory(item, &draft)?;
        }
        self.check_references(&draft)?;
        self.check_rules(&draft)?;
        Ok(draft)
    }

    /// Reads one item.
    fn draft(&self, item: &Item<'_>) -> Result<TicketDraft, Answer> {
        // Zero and less mean "not set" in the vendor's own calls.
        let id = |name| {
            item.number(name)
                .map(|value| value.filter(|value| *value > 0))
        };
        let fields = item
            .custom_fields()?
            .into_iter()
            .filter_map(|(id, name, value)| {
                let field = self.world.desk.custom_field(id, name.as_deref())?;
                Some((field.id, value))
            });
        let loose = LOOSE.iter().filter_map(|name| {
            item.value(name)
                .map(|value| ((*name).to_owned(), value.clone()))
        });
        Ok(TicketDraft {
            id: id("id")?,
            summary: item.text("summary"),
            details: item.text("details"),
            details_html: item.text("details_html"),
            client_id: id("client_id")?,
            site_id: id("site_id")?,
            user_id: id("user_id")?,
            tickettype_id: id("tickettype_id")?,
            status_id: id("status_id")?,
            priority_id: id("priority_id")?,
            sla_id: id("sla_id")?,
            team: item.text("team").filter(|team| !team.is_empty()),
            agent_id: id("agent_id")?,
            parent_id: id("parent_id")?,
            custom_fields: fields.collect(),
            assets: item.assets()?,
            loose: loose.collect(),
            recover: item.flag("_recover"),
        })
    }

    /// The type a draft falls under.
    fn type_of(&self, draft: &TicketDraft) -> Option<&TicketType> {
        let known = draft
            .id
            .and_then(|id| self.living(id))
            .map(|ticket| ticket.tickettype_id);
        match draft.tickettype_id.or(known) {
            Some(id) => self.world.desk.ticket_type(id),
            None => self.world.desk.ticket_types.first(),
        }
    }

    /// Refuses a new ticket that lacks a mandatory field, and names the field.
    fn check_mandatory(&self, item: &Item<'_>, draft: &TicketDraft) -> Result<(), Answer> {
        let filled = |name: &str| match name {
            "details" => item.text("details").or_else(|| item.text("details_html")),
            other if other.starts_with("CF") => self
                .world
                .desk
                .custom_field(None, Some(other))
                .and_then(|field| draft.custom_fields.iter().find(|(id, _)| *id == field.id))
                .map(|(_, value)| {
                    value
                        .as_str()
                        .map_or_else(|| value.to_string(), str::to_owned)
                }),
            other => item.text(other),
        };
        let mandatory = self
            .type_of(draft)
            .map(|kind| kind.mandatory_fields.as_slice());
        let missing = mandatory
            .unwrap_or_default()
            .iter()
            .find(|name| filled(name).is_none_or(|text| text.trim().is_empty() || text == "null"));
        match missing {
            Some(name) => Err(refusal::sentence(&format!(
                "Please complete the mandatory field '{name}' before saving this Ticket."
            ))),
            None => Ok(()),
        }
    }

    /// Refuses references to what does not exist.
    fn check_references(&self, draft: &TicketDraft) -> Result<(), Answer> {
        let desk = &self.world.desk;
        let known = |there: bool, column: &str| {
            if there {
                Ok(())
            } else {
                Err(refusal::unknown_reference(column))
            }
        };
        if let Some(id) = draft.id {
            let there = self
                .tickets
                .get(&id)
                .is_some_and(|ticket| !ticket.deleted || draft.recover);
            if !there {
                return Err(refusal::sentence(refusal::RECORD_NOT_FOUND));
            }
        }
        let client = |id| self.world.clients.iter().any(|client| client.id == id);
        let site = |id| self.world.clients.iter().any(|client| client.site_id == id);
        known(draft.client_id.is_none_or(client), "Areaint")?;
        known(draft.site_id.is_none_or(site), "sitenumber")?;
        known(
            draft
                .tickettype_id
                .is_none_or(|id| desk.ticket_type(id).is_some()),
            "RequestTypeNew",
        )?;
        known(
            draft.status_id.is_none_or(|id| desk.status(id).is_some()),
            "Status",
        )?;
        known(
            draft
                .priority_id
                .is_none_or(|id| desk.priority(id).is_some()),
            "seriousness",
        )?;
        known(
            draft.agent_id.is_none_or(|id| desk.agent(id).is_some()),
            "Assignedtoint",
        )?;
        known(
            draft.parent_id.is_none_or(|id| self.living(id).is_some()),
            "FParentID",
        )
    }

    /// Refuses what a business rule forbids: an agent who takes no tickets, a type that may not be
    /// logged, a close with nobody assigned.
    pub(super) fn check_rules(&self, draft: &TicketDraft) -> Result<(), Answer> {
        let desk = &self.world.desk;
        if draft.id.is_none() && self.type_of(draft).is_some_and(|kind| !kind.can_create) {
            return Err(refusal::sentence(
                "You do not have permission to log Tickets of this Ticket Type.",
            ));
        }
        let agent = draft.agent_id.and_then(|id| desk.agent(id));
        if agent.is_some_and(|agent| agent.api_only || agent.disabled) {
            return Err(refusal::sentence(
                "This Agent cannot be assigned to Tickets.",
            ));
        }
        let ticket = draft.id.and_then(|id| self.living(id));
        let assigned = draft
            .agent_id
            .or(ticket.map(|ticket| ticket.agent_id))
            .unwrap_or(1);
        let was_closed = ticket.is_some_and(|ticket| desk.is_closed(ticket.status_id));
        let closes = draft.status_id.is_some_and(|status| desk.is_closed(status)) && !was_closed;
        if closes && assigned == 1 && self.settings.must_assign_to_close {
            return Err(refusal::sentence(refusal::ASSIGN_BEFORE_CLOSING));
        }
        Ok(())
    }

    /// Does what a checked draft says, and tells whoever listens.
    pub(super) fn write_ticket(&mut self, draft: TicketDraft, author: &Author, now: i64) -> i64 {
        match draft.id {
            Some(id) => {
                self.count_write(author, "ticket updated");
                self.update_ticket(id, draft, author, now);
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
        let mut ticket = Ticket {
            id,
            client_id,
            site_id: client.map_or(0, |client| client.site_id),
            sla_id: 1,
            agent_id: 1,
            occurred_at: now,
            created_by: author.application.clone().unwrap_or_default(),
            ..Ticket::default()
        };
        if let Some(kind) = kind {
            ticket.tickettype_id = kind.id;
            ticket.status_id = kind.initial_status;
            ticket.priority_id = kind.default_priority;
            ticket.team = kind.default_team;
        }
        self.overwrite(&mut ticket, &draft);
        ticket.status_log.push((now, ticket.status_id));
        ticket.updated_at = now;
        let closed = self.world.desk.is_closed(ticket.status_id);
        if closed {
            ticket.closed_at = Some(now);
            ticket.has_been_closed = true;
        }
        ticket.actions.push(Action {
            note: ticket.details.clone(),
            note_html: ticket.details_html.clone(),
            outcome: "First User Email".to_owned(),
            new_status: ticket.status_id,
            ..self.action(1, author, now)
        });
        self.tickets.insert(id, ticket);
        self.creates.push(now);
        self.announce_ticket(event_numbers::NEW_TICKET, id, None, author, now);
        if closed {
            self.announce_ticket(event_numbers::TICKET_CLOSED, id, None, author, now);
        }
        id
    }

    /// Changes a ticket; a change of status leaves an action behind.
    fn update_ticket(&mut self, id: i64, draft: TicketDraft, author: &Author, now: i64) {
        let Some(mut ticket) = self.tickets.remove(&id) else {
            return;
        };
        let before = ticket.status_id;
        if draft.recover {
            ticket.deleted = false;
        }
        self.overwrite(&mut ticket, &draft);
        ticket.updated_at = now;
        let after = ticket.status_id;
        let mut action_id = None;
        if after != before {
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
        self.announce_change(id, before, action_id, author, now);
    }

    /// Keeps the closing date and the status history in step with a new status.
    pub(super) fn note_status(&self, ticket: &mut Ticket, now: i64) {
        ticket.status_log.push((now, ticket.status_id));
        if self.world.desk.is_closed(ticket.status_id) {
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
            guid: self.dice.guid(),
            agent_id: author.agent_id,
            application: author.application.clone().unwrap_or_default(),
            at: now,
            ..Action::default()
        }
    }

    /// Puts a draft's members in place of the ticket's.
    fn overwrite(&self, ticket: &mut Ticket, draft: &TicketDraft) {
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
        if let Some(team) = draft
            .team
            .as_deref()
            .and_then(|name| self.world.desk.team(name))
        {
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

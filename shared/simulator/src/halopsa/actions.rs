//! Actions: notes and status steps, numbered within their ticket.

use serde_json::{Map, Value, json};

use crate::http_message::{Query, SimResponse};

use crate::world::status_ids;

use super::refusal;
use super::state::{Author, HaloState};
use super::ticket::Action;
use super::ticket_draft::TicketDraft;
use super::ticket_fields::PostedItem;
use super::untriaged::{Landing, LateEffect};

/// Members that must be integers wherever they occur.
const NUMBERS: [&str; 7] = [
    "id",
    "ticket_id",
    "outcome_id",
    "new_status",
    "new_agent",
    "new_priority",
    "who_agentid",
];

/// What one posted action asks for.
#[derive(Clone, Debug)]
pub(super) struct ActionDraft {
    /// The action to rewrite; `None` writes a new one.
    id: Option<i64>,
    ticket_id: i64,
    /// The outcome's id.
    outcome_id: i64,
    /// The outcome's name.
    outcome: String,
    /// Plain text.
    note: String,
    /// Whether it was sent as such; otherwise it was made from the markup.
    note_given: bool,
    /// The same with markup.
    note_html: String,
    /// Whether the customer does not see it.
    hidden_from_user: bool,
    /// What it changes on the ticket.
    change: TicketDraft,
}

impl HaloState {
    /// Carries out a posted array; returns ticket and action of each, in order, as the answer shows them.
    ///
    /// # Errors
    ///
    /// The refusal of the first item that was refused; nothing is done then.
    pub(super) fn write_actions(
        &mut self,
        posted: &[Map<String, Value>],
        author: &Author,
        now: i64,
    ) -> Result<Vec<(i64, Action)>, SimResponse> {
        let drafts: Result<Vec<ActionDraft>, SimResponse> = posted
            .iter()
            .enumerate()
            .map(|(index, members)| self.action_draft(&PostedItem::new(index, members)))
            .collect();
        Ok(drafts?
            .into_iter()
            .map(|draft| self.write_action(draft, author, now))
            .collect())
    }

    /// Reads and checks one item.
    fn action_draft(&self, item: &PostedItem<'_>) -> Result<ActionDraft, SimResponse> {
        item.check_numbers(&NUMBERS)?;
        let positive = |name| {
            item.number(name)
                .map(|value| value.filter(|value| *value > 0))
        };
        let ticket_id = positive("ticket_id")?.unwrap_or(0);
        let Some(ticket) = self.existing(ticket_id) else {
            return Err(refusal::sentence(refusal::RECORD_NOT_FOUND));
        };
        let id = positive("id")?;
        let known = id.map(|id| {
            let action = ticket.actions.iter().find(|action| action.id == id);
            action.ok_or_else(|| refusal::sentence(refusal::RECORD_NOT_FOUND))
        });
        let known = known.transpose()?;
        let (outcome_id, name) = (positive("outcome_id")?, item.text("outcome"));
        let outcome = self.world.service_desk.outcomes.iter().find(|outcome| {
            outcome_id.map_or_else(
                || {
                    name.as_deref()
                        .is_some_and(|name| outcome.name.eq_ignore_ascii_case(name))
                },
                |id| outcome.id == id,
            )
        });
        let (outcome_id, outcome, hidden) = match (outcome, known) {
            (Some(outcome), _) => (outcome.id, outcome.name.clone(), outcome.hidden_from_user),
            (None, Some(known)) => (
                known.outcome_id,
                known.outcome.clone(),
                known.hidden_from_user,
            ),
            (None, None) => return Err(refusal::sentence(refusal::OUTCOME_MISSING)),
        };
        let change = TicketDraft {
            id: Some(ticket_id),
            status_id: positive("new_status")?,
            agent_id: positive("new_agent")?,
            priority_id: positive("new_priority")?,
            team: item.text("new_team"),
            team_id: positive("new_team_id")?,
            ..TicketDraft::default()
        };
        if change
            .status_id
            .is_some_and(|status| self.world.service_desk.status(status).is_none())
        {
            return Err(refusal::unknown_reference("Status"));
        }
        self.check_rules(&change)?;
        Ok(ActionDraft {
            id,
            ticket_id,
            outcome_id,
            outcome,
            note_given: item.text("note").is_some(),
            note: item
                .text("note")
                .or_else(|| item.text("note_html"))
                .unwrap_or_default(),
            note_html: item
                .text("note_html")
                .or_else(|| item.text("note"))
                .unwrap_or_default(),
            hidden_from_user: item
                .value("hiddenfromuser")
                .and_then(Value::as_bool)
                .unwrap_or(hidden),
            change,
        })
    }

    /// Writes or rewrites one action and applies what it changes on the ticket.
    fn write_action(&mut self, draft: ActionDraft, author: &Author, now: i64) -> (i64, Action) {
        let ticket_id = draft.ticket_id;
        self.count_write(author, "action");
        self.keep_old_reading(ticket_id, author, now);
        let landing = self.landing(ticket_id, author, now);
        if landing == Landing::Now {
            return (ticket_id, self.land_action(draft, author, now));
        }
        let next = self.existing(ticket_id).map_or(1, |it| it.next_action_id());
        let shown = Action {
            note: draft.note.clone(),
            note_given: draft.note_given,
            note_html: draft.note_html.clone(),
            outcome_id: draft.outcome_id,
            outcome: draft.outcome.clone(),
            hidden_from_user: draft.hidden_from_user,
            ..self.action(next, author, now)
        };
        if draft.change.status_id.is_some() {
            let (status, _) = draft.change.clone().split_status();
            self.update_ticket(ticket_id, status, author, now);
        }
        if let Landing::At(due) = landing {
            self.land_later(due, author, LateEffect::Note(draft));
        }
        (ticket_id, shown)
    }

    /// Adds or rewrites the action, with what it changes on the ticket.
    pub(super) fn land_action(&mut self, draft: ActionDraft, author: &Author, now: i64) -> Action {
        let ticket_id = draft.ticket_id;
        let Some(mut ticket) = self.tickets.remove(&ticket_id) else {
            return Action::default();
        };
        let before = ticket.status_id;
        ticket.updated_at = now;
        let reopens = self.settings.note_reopens && self.world.service_desk.is_closed(before);
        let usual = if reopens { status_ids::NEW } else { before };
        ticket.status_id = draft.change.status_id.unwrap_or(usual);
        ticket.agent_id = draft.change.agent_id.unwrap_or(ticket.agent_id);
        ticket.priority_id = draft.change.priority_id.unwrap_or(ticket.priority_id);
        if let Some(team) = self.team_of(&draft.change) {
            team.name.clone_into(&mut ticket.team);
        }
        if ticket.status_id != before {
            self.note_status(&mut ticket, now);
        }
        let action = match draft
            .id
            .and_then(|id| ticket.actions.iter_mut().find(|action| action.id == id))
        {
            Some(known) => {
                known.note = draft.note;
                known.note_given = draft.note_given;
                known.note_html = draft.note_html;
                known.hidden_from_user = draft.hidden_from_user;
                known.clone()
            }
            None => {
                let id = ticket.next_action_id();
                let action = Action {
                    outcome_id: draft.outcome_id,
                    outcome: draft.outcome,
                    note: draft.note,
                    note_given: draft.note_given,
                    note_html: draft.note_html,
                    hidden_from_user: draft.hidden_from_user,
                    old_status: before,
                    new_status: ticket.status_id,
                    ..self.action(id, author, now)
                };
                ticket.actions.push(action.clone());
                action
            }
        };
        self.tickets.insert(ticket_id, ticket);
        self.emit_change_events(ticket_id, before, Some(action.id), author, now);
        action
    }

    /// `GET /Actions?ticket_id=`, newest first.
    pub(super) fn list_actions(&self, query: &Query, now: i64) -> SimResponse {
        let Some(ticket) = query.number("ticket_id").and_then(|id| self.existing(id)) else {
            return refusal::not_found(self.settings.missing_ticket_status);
        };
        let ticket = self.as_read(ticket, now);
        let count = query
            .number("count")
            .and_then(|count| usize::try_from(count).ok())
            .or(self.settings.unasked_actions_max);
        let found: Vec<&Action> = ticket
            .actions
            .iter()
            .rev()
            .filter(|action| !(query.flag("excludesys") && action.system))
            .filter(|action| !(query.flag("excludeprivate") && action.hidden_from_user))
            .collect();
        let rows: Vec<Value> = found
            .iter()
            .take(count.unwrap_or(usize::MAX))
            .map(|action| {
                Value::Object(self.action_row(ticket.id, action, query.flag("includehtmlnote")))
            })
            .collect();
        SimResponse::ok(
            &json!({ "ticket_id": ticket.id, "record_count": found.len(), "actions": rows }),
        )
    }

    /// `GET /Actions/{id}?ticket_id=`: the number alone names no action.
    pub(super) fn one_action(&self, id: i64, query: &Query) -> SimResponse {
        let ticket = query
            .number("ticket_id")
            .and_then(|ticket| self.existing(ticket));
        let action = ticket.and_then(|ticket| ticket.actions.iter().find(|action| action.id == id));
        match (ticket, action) {
            (Some(ticket), Some(action)) => {
                SimResponse::ok(&Value::Object(self.action_row(ticket.id, action, true)))
            }
            _ => refusal::not_found(self.settings.missing_ticket_status),
        }
    }

    /// `DELETE /Actions/{id}?ticket_id=`.
    pub(super) fn delete_action(&mut self, id: i64, query: &Query, now: i64) -> SimResponse {
        let status = self.settings.missing_ticket_status;
        let ticket = query
            .number("ticket_id")
            .and_then(|ticket| self.existing_mut(ticket));
        let Some(ticket) = ticket else {
            return refusal::not_found(status);
        };
        let before = ticket.actions.len();
        ticket.actions.retain(|action| action.id != id);
        if ticket.actions.len() == before {
            return refusal::not_found(status);
        }
        ticket.updated_at = now;
        SimResponse::ok(&json!({}))
    }
}

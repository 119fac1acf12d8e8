//! Tickets as JSON: the thin row of a list, the whole record of a detail.

use serde_json::{Map, Value, json};

use crate::wire_time;

use super::settings::ApplicationNames;
use super::state::HaloState;
use super::ticket::{Action, SimTicket};

/// HaloPSA's own web application, which people work with.
const WEB_APPLICATION: &str = "nethelpdesk-agent-web-application";

impl HaloState {
    /// A ticket as lists show it.
    pub(super) fn list_row(&self, ticket: &SimTicket) -> Map<String, Value> {
        let client = self.client_name(ticket.client_id);
        let mut row = object(json!({
            "id": ticket.id,
            "summary": ticket.summary,
            "client_id": ticket.client_id,
            "client_name": client,
            "site_id": ticket.site_id,
            "site_name": "Main",
            "user_id": ticket.user_id,
            "status_id": ticket.status_id,
            "tickettype_id": ticket.tickettype_id,
            "priority_id": ticket.priority_id,
            "sla_id": ticket.sla_id,
            "team": ticket.team,
            "agent_id": ticket.agent_id,
            "parent_id": ticket.parent_id,
            "dateoccurred": self.time_text(ticket.occurred_at),
            "last_update": self.time_text(ticket.updated_at),
            "lastactiondate": self.time_text_or_none(ticket.actions.last().map(|action| action.at)),
            "dateclosed": self.time_text_or_none(ticket.closed_at),
            "hasbeenclosed": self.has_been_closed(ticket),
            "merged_into_id": ticket.merged_into_id,
            "attachment_count": 0,
            "onhold": false,
        }));
        if !self.settings.tickets_have_merged_into {
            row.remove("merged_into_id");
        }
        for name in [
            "category_1",
            "category_2",
            "impact",
            "urgency",
            "third_party_id_string",
        ] {
            if let Some(value) = ticket.loose.get(name) {
                row.insert(name.to_owned(), value.clone());
            }
        }
        row
    }

    /// A ticket by itself; `all` adds what only `includedetails=true` brings.
    pub(super) fn detail(&self, ticket: &SimTicket, all: bool) -> Map<String, Value> {
        let mut record = self.list_row(ticket);
        record.extend(ticket.loose.clone());
        record.extend(object(json!({
            "details": ticket.details,
            "details_html": ticket.details_html,
            "deleted": ticket.deleted,
            "datecreated": self.time_text(ticket.occurred_at),
            "fixbydate": wire_time::HALO_NO_DATE,
            "startdate": wire_time::HALO_NO_DATE,
        })));
        if all {
            let agent = self
                .world
                .service_desk
                .agent(ticket.agent_id)
                .map(|agent| agent.name.as_str());
            let priority = self.world.service_desk.priority(ticket.priority_id);
            let assets: Vec<Value> = ticket.assets.iter().map(|id| json!({ "id": id })).collect();
            record.extend(object(json!({
                "customfields": self.custom_fields(ticket, None),
                "assets": assets,
                "attachments": [],
                "external_links": [],
                "agent_name": agent,
                "priority": priority.map(|row| json!({ "id": row.id, "priorityid": row.priority_id, "name": row.name })),
                "team_id": self.world.service_desk.team(&ticket.team).map(|team| team.id),
                "_canupdate": true,
                "_candelete": false,
            })));
            record.entry("closure_note").or_insert_with(|| json!(""));
        }
        record
    }

    /// A ticket's custom fields; only those with an id in `only`, where given.
    pub(super) fn custom_fields(&self, ticket: &SimTicket, only: Option<&[i64]>) -> Vec<Value> {
        let wanted = self
            .world
            .service_desk
            .custom_fields
            .iter()
            .filter(|field| only.is_none_or(|only| only.contains(&field.id)));
        let entry = |field: &crate::world::CustomField| {
            let value = ticket
                .custom_fields
                .get(&field.id)
                .cloned()
                .unwrap_or(Value::Null);
            json!({
                "id": field.id,
                "name": field.name,
                "label": field.label,
                "type": field.kind,
                "display": value.as_str().unwrap_or_default(),
                "value": value,
            })
        };
        wanted.map(entry).collect()
    }

    /// An action; markup only where asked for.
    pub(super) fn action_row(
        &self,
        ticket_id: i64,
        action: &Action,
        with_html: bool,
    ) -> Map<String, Value> {
        let agent = self
            .world
            .service_desk
            .agent(action.agent_id)
            .map(|agent| agent.name.as_str());
        let status = self
            .world
            .service_desk
            .status(action.new_status)
            .map(|status| status.name.as_str());
        let mut row = object(json!({
            "id": action.id,
            "ticket_id": ticket_id,
            "guid": action.guid,
            "outcome": action.outcome,
            "outcome_id": action.outcome_id,
            "who": agent,
            "who_type": match action {
                Action { system: true, .. } => 0,
                Action { by_user: true, .. } => 2,
                _ => 1,
            },
            "who_agentid": action.agent_id,
            "datetime": self.time_text(action.at),
            "actiondatecreated": self.time_text(action.at),
            "note": if action.note_given || self.settings.note_follows_markup { action.note.as_str() } else { "" },
            "hiddenfromuser": action.hidden_from_user,
            "old_status": action.old_status,
            "new_status": action.new_status,
            "new_status_name": status.unwrap_or_default(),
            "actionby_agent_id": action.agent_id,
            "actionby_application_id": self.application_shown(action),
            "actionby_user_id": 0,
            "timetaken": 0.0,
            "attachment_count": 0,
        }));
        if with_html {
            row.insert("note_html".to_owned(), json!(action.note_html));
        }
        row
    }

    /// What `actionby_application_id` of an action holds.
    fn application_shown<'a>(&'a self, action: &'a Action) -> &'a str {
        match self.settings.application_names {
            ApplicationNames::ClientIds => &action.application,
            ApplicationNames::DisplayNames if action.system => "",
            ApplicationNames::DisplayNames if action.application.is_empty() => WEB_APPLICATION,
            ApplicationNames::DisplayNames => {
                let mut known = self.settings.applications.iter();
                known
                    .find(|known| known.client_id == action.application)
                    .map_or(action.application.as_str(), |known| &known.display_name)
            }
        }
    }

    /// Whether a ticket is said to have been closed.
    pub(super) fn has_been_closed(&self, ticket: &SimTicket) -> Value {
        if self.settings.not_closed_is_null && !ticket.has_been_closed {
            return Value::Null;
        }
        json!(ticket.has_been_closed)
    }

    /// A time as tickets and actions show it.
    pub(super) fn time_text(&self, millis: i64) -> String {
        wire_time::halo(millis + self.settings.hours_from_utc * 3_600_000)
    }

    /// The same for a time that may not have come.
    fn time_text_or_none(&self, millis: Option<i64>) -> String {
        millis.map_or_else(
            || wire_time::HALO_NO_DATE.to_owned(),
            |millis| self.time_text(millis),
        )
    }

    /// A client's name.
    pub(super) fn client_name(&self, id: i64) -> &str {
        let client = self.world.clients.iter().find(|client| client.id == id);
        client.map_or("", |client| client.name.as_str())
    }

    /// Writes the row's ids as floating-point numbers in every n-th row, as set.
    pub(super) fn float_ids(&self, place: usize, row: &mut Map<String, Value>) {
        let every = self.settings.float_ids_every;
        if every == 0 || !(place + 1).is_multiple_of(every) {
            return;
        }
        for name in ["id", "client_id", "site_id", "status_id", "tickettype_id"] {
            if let Some(number) = row.get(name).and_then(Value::as_f64) {
                row.insert(name.to_owned(), json!(number));
            }
        }
    }
}

/// The members of a JSON object.
pub(super) fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(members) => members,
        _ => Map::new(),
    }
}

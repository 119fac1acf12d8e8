//! Events, and the webhooks that receive them.

use serde_json::{Map, Value, json};

use crate::wire_time;

use super::HaloPsa;
use super::state::{Author, HaloState};
use super::ticket_rows::object;
use super::webhooks::{PayloadSize, event_numbers, event_words};

/// One thing that happened.
struct ChangeEvent<'a> {
    /// The event's number.
    event: i64,
    /// The ticket, or the client, site, user or invoice.
    object_id: i64,
    /// The action that brought it about.
    action_id: Option<i64>,
    /// The agent who did it.
    author: &'a Author,
    now: i64,
}

impl HaloPsa {
    /// Fires an event that the simulator does not produce itself: a site, user or invoice
    /// that was created, updated or deleted.
    pub fn emit_event(&self, event: i64, object_id: i64) {
        let author = Author::person(12);
        let now = self.clock.now_millis();
        let change = ChangeEvent {
            event,
            object_id,
            action_id: None,
            author: &author,
            now,
        };
        self.state().emit(&change);
    }
}

impl HaloState {
    /// Emits an event about a ticket.
    pub(super) fn emit_ticket_event(
        &mut self,
        event: i64,
        ticket_id: i64,
        action_id: Option<i64>,
        author: &Author,
        now: i64,
    ) {
        if author.application.is_some() && !self.settings.webhook_forms.tells_of_api_writes {
            return;
        }
        self.emit(&ChangeEvent {
            event,
            object_id: ticket_id,
            action_id,
            author,
            now,
        });
    }

    /// Emits the vendor's several events for a change: one close is a status change, a close
    /// and an update.
    pub(super) fn emit_change_events(
        &mut self,
        ticket_id: i64,
        status_before: i64,
        action_id: Option<i64>,
        author: &Author,
        now: i64,
    ) {
        let Some(status) = self.existing(ticket_id).map(|ticket| ticket.status_id) else {
            return;
        };
        if status != status_before {
            self.emit_ticket_event(
                event_numbers::STATUS_CHANGED,
                ticket_id,
                action_id,
                author,
                now,
            );
            let (closed, was) = (
                self.world.service_desk.is_closed(status),
                self.world.service_desk.is_closed(status_before),
            );
            if closed && !was {
                self.emit_ticket_event(
                    event_numbers::TICKET_CLOSED,
                    ticket_id,
                    action_id,
                    author,
                    now,
                );
            }
        }
        self.emit_ticket_event(
            event_numbers::TICKET_UPDATED,
            ticket_id,
            action_id,
            author,
            now,
        );
    }

    /// Queues one delivery per notification row bound to the event.
    fn emit(&mut self, change: &ChangeEvent<'_>) {
        let bound: Vec<(i64, String, PayloadSize)> = self
            .notifications
            .iter()
            .filter(|row| row.event == change.event)
            .filter_map(|row| {
                let webhook = self
                    .webhooks
                    .get(&row.webhook_id)
                    .filter(|hook| hook.fires())?;
                let payload = self.settings.webhook_forms.payload;
                let payload = payload.unwrap_or_else(|| webhook.payload());
                Some((row.id, row.webhook_id.clone(), payload))
            })
            .collect();
        for (notification_id, webhook_id, size) in bound {
            let mut body = self.wrapper(change, &webhook_id, notification_id);
            self.add_objects(&mut body, change, size);
            self.queue_event(&webhook_id, change.event, body, change.now);
        }
    }

    /// The members every payload has.
    fn wrapper(
        &mut self,
        change: &ChangeEvent<'_>,
        webhook_id: &str,
        notification_id: i64,
    ) -> Map<String, Value> {
        let name = event_words(change.event, self.settings.webhook_forms.event_names);
        object(json!({
            "id": self.rng.guid(),
            "webhook_id": webhook_id,
            "notification_id": notification_id,
            "escmsg_id": self.rng.guid(),
            "event": name,
            "message": format!("{name}: ID {:07}.", change.object_id),
            "object_id": change.object_id,
            "agent_id": change.author.agent_id,
            "timestamp": wire_time::halo_webhook(change.now),
        }))
    }

    /// Adds the ticket and the action, as far as the payload's size allows.
    fn add_objects(
        &self,
        body: &mut Map<String, Value>,
        change: &ChangeEvent<'_>,
        size: PayloadSize,
    ) {
        let Some(ticket) = self.tickets.get(&change.object_id) else {
            return;
        };
        if size == PayloadSize::EventOnly || !event_numbers::is_about_a_ticket(change.event) {
            return;
        }
        let row = match size {
            PayloadSize::Full => self.detail(ticket, true),
            _ => object(json!({
                "id": ticket.id,
                "summary": ticket.summary,
                "status_id": ticket.status_id,
                "tickettype_id": ticket.tickettype_id,
                "client_id": ticket.client_id,
                "team_id": self.world.service_desk.team(&ticket.team).map(|team| team.id),
                "agent_id": ticket.agent_id,
                "priority_id": ticket.priority_id,
                "customfields": self.custom_fields(ticket, None),
                "hasbeenclosed": self.has_been_closed(ticket),
                "last_update": self.time_text(ticket.updated_at),
            })),
        };
        body.insert("ticket".to_owned(), Value::Object(row));
        let action = change
            .action_id
            .and_then(|id| ticket.actions.iter().find(|action| action.id == id))
            .filter(|_| size == PayloadSize::Full);
        if let Some(action) = action {
            let row = self.action_row(ticket.id, action, true);
            body.insert("action".to_owned(), Value::Object(row));
        }
    }
}

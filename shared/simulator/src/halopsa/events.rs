//! What happened, told to the webhooks that listen for it.

use serde_json::{Map, Value, json};

use crate::wire_time;

use super::HaloPsa;
use super::state::{Author, HaloState};
use super::ticket_rows::object;
use super::webhooks::{PayloadSize, event_name, event_numbers};

/// One thing that happened.
struct Happening<'a> {
    /// The event's number.
    event: i64,
    /// The ticket, or the client, site, user or invoice.
    object_id: i64,
    /// The action that brought it about.
    action_id: Option<i64>,
    /// The agent who did it.
    author: &'a Author,
    /// When.
    now: i64,
}

impl HaloPsa {
    /// Lets an event fire that comes from outside the simulated desk: a site, user or invoice
    /// that was created, updated or deleted.
    pub fn announce(&self, event: i64, object_id: i64) {
        let author = Author {
            agent_id: 12,
            application: None,
        };
        let now = self.clock.now_millis();
        let happening = Happening {
            event,
            object_id,
            action_id: None,
            author: &author,
            now,
        };
        self.state().tell(&happening);
    }
}

impl HaloState {
    /// Tells of something that happened to a ticket.
    pub(super) fn announce_ticket(
        &mut self,
        event: i64,
        ticket_id: i64,
        action_id: Option<i64>,
        author: &Author,
        now: i64,
    ) {
        self.tell(&Happening {
            event,
            object_id: ticket_id,
            action_id,
            author,
            now,
        });
    }

    /// Tells of a change in the vendor's several words: one close is a status change, a close
    /// and an update.
    pub(super) fn announce_change(
        &mut self,
        ticket_id: i64,
        status_before: i64,
        action_id: Option<i64>,
        author: &Author,
        now: i64,
    ) {
        let Some(status) = self.living(ticket_id).map(|ticket| ticket.status_id) else {
            return;
        };
        if status != status_before {
            self.announce_ticket(
                event_numbers::STATUS_CHANGED,
                ticket_id,
                action_id,
                author,
                now,
            );
            let (closed, was) = (
                self.world.desk.is_closed(status),
                self.world.desk.is_closed(status_before),
            );
            if closed && !was {
                self.announce_ticket(
                    event_numbers::TICKET_CLOSED,
                    ticket_id,
                    action_id,
                    author,
                    now,
                );
            }
        }
        self.announce_ticket(
            event_numbers::TICKET_UPDATED,
            ticket_id,
            action_id,
            author,
            now,
        );
    }

    /// Queues one delivery per notification row bound to the event.
    fn tell(&mut self, happening: &Happening<'_>) {
        let bound: Vec<(i64, String, PayloadSize)> = self
            .notifications
            .iter()
            .filter(|row| row.event == happening.event)
            .filter_map(|row| {
                let webhook = self
                    .webhooks
                    .get(&row.webhook_id)
                    .filter(|hook| hook.fires())?;
                Some((row.id, row.webhook_id.clone(), webhook.payload()))
            })
            .collect();
        for (notification_id, webhook_id, size) in bound {
            let mut body = self.wrapper(happening, &webhook_id, notification_id);
            self.add_objects(&mut body, happening, size);
            self.queue_event(&webhook_id, happening.event, body, happening.now);
        }
    }

    /// The members every payload has.
    fn wrapper(
        &mut self,
        happening: &Happening<'_>,
        webhook_id: &str,
        notification_id: i64,
    ) -> Map<String, Value> {
        let name = event_name(happening.event);
        object(json!({
            "id": self.dice.guid(),
            "webhook_id": webhook_id,
            "notification_id": notification_id,
            "escmsg_id": self.dice.guid(),
            "event": name,
            "message": format!("{name}: ID {:07}.", happening.object_id),
            "object_id": happening.object_id,
            "agent_id": happening.author.agent_id,
            "timestamp": wire_time::halo_webhook(happening.now),
        }))
    }

    /// Adds the ticket and the action, as far as the payload's size allows.
    fn add_objects(
        &self,
        body: &mut Map<String, Value>,
        happening: &Happening<'_>,
        size: PayloadSize,
    ) {
        let Some(ticket) = self.tickets.get(&happening.object_id) else {
            return;
        };
        if size == PayloadSize::EventOnly || !event_numbers::is_about_a_ticket(happening.event) {
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
                "team_id": self.world.desk.team(&ticket.team).map(|team| team.id),
                "agent_id": ticket.agent_id,
                "priority_id": ticket.priority_id,
                "customfields": self.custom_fields(ticket, None),
                "hasbeenclosed": ticket.has_been_closed,
                "last_update": wire_time::halo(ticket.updated_at),
            })),
        };
        body.insert("ticket".to_owned(), Value::Object(row));
        let action = happening
            .action_id
            .and_then(|id| ticket.actions.iter().find(|action| action.id == id))
            .filter(|_| size == PayloadSize::Full);
        if let Some(action) = action {
            let row = self.action_row(ticket.id, action, true);
            body.insert("action".to_owned(), Value::Object(row));
        }
    }
}

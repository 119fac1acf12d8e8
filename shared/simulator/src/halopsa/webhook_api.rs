//! `/Webhook`, `/Notification` and `/WebhookEvent`.

use serde_json::{Map, Value, json};

use crate::http_message::{Query, SimResponse};
use crate::wire_time;

use super::refusal;
use super::state::HaloState;
use super::webhooks::Webhook;

impl HaloState {
    /// `GET /Webhook`.
    pub(super) fn list_webhooks(&self, query: &Query) -> SimResponse {
        let wanted = query.number("type");
        let rows: Vec<Value> = self
            .webhooks
            .iter()
            .filter(|(_, webhook)| wanted.is_none_or(|kind| webhook.number("type") == kind))
            .map(|(id, _)| self.webhook_list_row(id))
            .collect();
        SimResponse::ok(&Value::Array(rows))
    }

    /// A definition as the list shows it.
    fn webhook_list_row(&self, id: &str) -> Value {
        let mut row = self.webhook_row(id, false);
        if let Some(members) = row.as_object_mut()
            && !self.settings.webhook_forms.list_shows_addresses
        {
            members.remove("url");
        }
        row
    }

    /// `GET /Webhook/{id}`.
    pub(super) fn one_webhook(&self, id: &str, query: &Query) -> SimResponse {
        if self.webhooks.contains_key(id) {
            SimResponse::ok(&self.webhook_row(id, query.flag("includedetails")))
        } else {
            refusal::not_found(404)
        }
    }

    /// A definition as it may be shown: without its secret, with its events where asked for.
    fn webhook_row(&self, id: &str, with_events: bool) -> Value {
        let mut row = self
            .webhooks
            .get(id)
            .map(|webhook| webhook.definition.clone())
            .unwrap_or_default();
        row.insert("basic_password".to_owned(), json!(""));
        row.remove("_test");
        if with_events {
            let events: Vec<Value> = self
                .notifications
                .iter()
                .filter(|bound| bound.webhook_id == id)
                .map(|bound| json!({ "id": bound.id, "eventno": bound.event, "name": super::webhooks::event_name(bound.event) }))
                .collect();
            row.insert("events".to_owned(), Value::Array(events));
        }
        Value::Object(row)
    }

    /// `POST /Webhook`: an id changes the definition it names, no id makes a new one.
    pub(super) fn write_webhooks(
        &mut self,
        posted: Vec<Map<String, Value>>,
        now: i64,
    ) -> Result<Vec<Value>, SimResponse> {
        let mut written = Vec::new();
        for mut members in posted {
            let test = members
                .remove("_test")
                .is_some_and(|flag| flag == json!(true));
            // Events are a view of the notification rows; writing them binds nothing.
            members.remove("events");
            let id = members
                .get("id")
                .and_then(Value::as_str)
                .filter(|id| !id.is_empty())
                .map(str::to_owned);
            let id = match id {
                Some(id) => {
                    let webhook = self
                        .webhooks
                        .get_mut(&id)
                        .ok_or_else(|| refusal::sentence(refusal::RECORD_NOT_FOUND))?;
                    if self.settings.webhook_forms.writes_replace {
                        *webhook = Webhook::new(&id, members);
                    } else {
                        webhook.definition.extend(members);
                    }
                    id
                }
                None => {
                    members.remove("id");
                    self.add_webhook(members)
                }
            };
            if test {
                self.queue_test(&id, now);
            }
            written.push(self.webhook_row(&id, true));
        }
        Ok(written)
    }

    /// `DELETE /Webhook/{id}`, its notification rows included.
    pub(super) fn delete_webhook(&mut self, id: &str) -> SimResponse {
        if self.webhooks.remove(id).is_none() {
            return refusal::not_found(404);
        }
        self.notifications.retain(|row| row.webhook_id != id);
        SimResponse::ok(&json!({}))
    }

    /// `GET /Notification?webhook_id=`.
    pub(super) fn list_notifications(&self, query: &Query) -> SimResponse {
        let wanted = query.text("webhook_id");
        let rows: Vec<Value> = self
            .notifications
            .iter()
            .filter(|row| wanted.is_none_or(|wanted| row.webhook_id == wanted))
            .map(|row| Value::Object(row.members.clone()))
            .collect();
        SimResponse::ok(&Value::Array(rows))
    }

    /// `POST /Notification`: numbers may come as text.
    pub(super) fn write_notifications(
        &mut self,
        posted: Vec<Map<String, Value>>,
    ) -> Result<Vec<Value>, SimResponse> {
        let mut written = Vec::new();
        for members in posted {
            let webhook_id = members
                .get("webhook_id")
                .and_then(Value::as_str)
                .unwrap_or_default()
                .to_owned();
            if !self.webhooks.contains_key(&webhook_id) {
                return Err(refusal::sentence(refusal::RECORD_NOT_FOUND));
            }
            let event = match members.get("eventno") {
                Some(Value::String(text)) => text.trim().parse().ok(),
                Some(value) => value.as_i64(),
                None => None,
            };
            let Some(event) = event else {
                return Err(refusal::sentence(
                    "Please select an Event for this Notification.",
                ));
            };
            let id = self.bind(&webhook_id, event, members);
            let row = self.notifications.iter().find(|row| row.id == id);
            written.extend(row.map(|row| Value::Object(row.members.clone())));
        }
        Ok(written)
    }

    /// `GET /WebhookEvent`: the delivery log, newest first.
    pub(super) fn list_deliveries(&self, query: &Query) -> SimResponse {
        let wanted = query.text("webhook_id");
        let positive = |name: &str| {
            query
                .number(name)
                .and_then(|number| usize::try_from(number).ok())
                .filter(|n| *n > 0)
        };
        let (page_no, page_size) = (
            positive("page_no").unwrap_or(1),
            positive("page_size").unwrap_or(50),
        );
        let found: Vec<_> = self
            .outbox
            .log
            .iter()
            .rev()
            .filter(|record| wanted.is_none_or(|wanted| record.webhook_id == wanted))
            .collect();
        let rows: Vec<Value> = found
            .iter()
            .skip((page_no - 1).saturating_mul(page_size))
            .take(page_size)
            .map(|record| {
                json!({
                    "id": record.id,
                    "webhook_id": record.webhook_id,
                    "timestamp": wire_time::halo(record.queued_at),
                    "status": i32::from(record.delivered),
                    "duration": record.duration_ms,
                    "requestbody": String::from_utf8_lossy(&record.body),
                    "responsestatus": record.response_status,
                    "responsebody": record.response_body,
                    "error": record.error,
                })
            })
            .collect();
        SimResponse::ok(&json!({
            "page_no": page_no, "page_size": page_size, "record_count": found.len(), "webhookevents": rows,
        }))
    }
}

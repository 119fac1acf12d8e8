//! Webhook deliveries: pending, batched, lost, duplicated, reordered, delivered.

use std::collections::BTreeMap;

use bytes::Bytes;
use serde::Serialize;
use serde_json::{Map, Value, json};

use crate::clock::whole_millis;

use super::HaloPsa;
use super::settings::WebhookForms;
use super::state::HaloState;
use super::webhooks::event_numbers;

/// A webhook call to be made now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutgoingDelivery {
    /// The delivery, as its record and the body's `id` (of the first event) name it.
    pub id: String,
    /// The webhook it belongs to.
    pub webhook_id: String,
    /// Where to send it.
    pub url: String,
    /// The HTTP method.
    pub method: http::Method,
    /// Headers, credentials included.
    pub headers: Vec<(String, String)>,
    /// The exact body; signatures cover these bytes.
    pub body: Bytes,
    /// 1 for the first attempt.
    pub attempt: u32,
}

/// The result of a delivery.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DeliveryResult {
    /// The receiver's status; `None` when there was no answer.
    pub status: Option<u16>,
    /// The receiver's answer.
    pub body: String,
    /// How long it took.
    pub duration_ms: u64,
    /// Why there was no answer.
    pub error: Option<String>,
}

impl DeliveryResult {
    /// An answer with this status.
    #[must_use]
    pub fn answered(status: u16) -> Self {
        Self {
            status: Some(status),
            ..Self::default()
        }
    }

    /// Whether the receiver accepted.
    #[must_use]
    pub fn is_success(&self) -> bool {
        self.status
            .is_some_and(|status| (200..300).contains(&status))
    }
}

/// One line of the delivery log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct DeliveryRecord {
    /// The delivery.
    pub id: String,
    /// Its webhook.
    pub webhook_id: String,
    /// When it was queued.
    pub queued_at: i64,
    /// Attempts made.
    pub attempts: u32,
    /// The last answer's status.
    pub response_status: Option<u16>,
    /// Whether any attempt was accepted.
    pub delivered: bool,
    /// Whether it was lost at random instead of being sent.
    pub lost: bool,
    /// The last error.
    pub error: Option<String>,
    /// The body.
    #[serde(skip)]
    pub body: Bytes,
    /// Duration of the last attempt.
    pub duration_ms: u64,
    /// The last answer's body.
    #[serde(skip)]
    pub response_body: String,
}

/// A delivery and when it is due.
#[derive(Clone, Debug)]
struct PendingDelivery {
    /// When to send it.
    due: i64,
    /// The delivery.
    id: String,
    /// Its webhook.
    webhook_id: String,
    /// The exact body.
    body: Bytes,
    /// Which attempt this is.
    attempt: u32,
}

/// A batch that still accepts events.
#[derive(Clone, Debug)]
struct OpenBatch {
    /// When it is sent at the latest.
    due: i64,
    /// It is sent at once when it holds this many events.
    events_max: u32,
    /// The events so far.
    events: Vec<Map<String, Value>>,
}

/// Pending deliveries and the delivery log.
#[derive(Debug, Default)]
pub(super) struct Outbox {
    /// Pending deliveries.
    pending: Vec<PendingDelivery>,
    /// Open batches by webhook and, if batched by kind, event.
    batches: BTreeMap<(String, i64), OpenBatch>,
    /// The delivery log, oldest first.
    pub(super) log: Vec<DeliveryRecord>,
    /// Failures since the last success, by webhook.
    failures_in_a_row: BTreeMap<String, u32>,
}

impl HaloPsa {
    /// Takes every delivery due at `now`, in order. The caller makes each one and reports it with
    /// [`Self::record_delivery`].
    #[must_use]
    pub fn take_due(&self, now: i64) -> Vec<OutgoingDelivery> {
        self.state().take_due(now)
    }

    /// When the next delivery is due, if any is waiting.
    #[must_use]
    pub fn next_delivery_due(&self) -> Option<i64> {
        let state = self.state();
        let outbox = &state.outbox;
        let batches = outbox.batches.values().map(|batch| batch.due);
        // A write that lands late sends its webhooks then.
        let late = state.late_writes.iter().map(|write| write.due);
        outbox
            .pending
            .iter()
            .map(|delivery| delivery.due)
            .chain(batches)
            .chain(late)
            .min()
    }

    /// Records the result of a delivery; a failure may be retried.
    pub fn record_delivery(&self, delivery: &OutgoingDelivery, result: &DeliveryResult) {
        let now = self.clock.now_millis();
        self.state().record_delivery(delivery, result, now);
    }

    /// The delivery log, oldest first.
    #[must_use]
    pub fn deliveries(&self) -> Vec<DeliveryRecord> {
        self.state().outbox.log.clone()
    }
}

impl HaloState {
    /// Queues one event for one webhook, in a batch where the webhook batches.
    pub(super) fn queue_event(
        &mut self,
        webhook_id: &str,
        event: i64,
        body: Map<String, Value>,
        now: i64,
    ) {
        let own = self
            .webhooks
            .get(webhook_id)
            .and_then(|webhook| webhook.batching());
        let Some(batching) = self.settings.webhook_forms.batching.or(own) else {
            let id = text_of(&body, "id");
            self.queue(webhook_id, &id, Value::Object(body).to_string().into(), now);
            return;
        };
        let kind = if batching.same_event_only { event } else { 0 };
        let batch = self
            .outbox
            .batches
            .entry((webhook_id.to_owned(), kind))
            .or_insert_with(|| OpenBatch {
                due: now + i64::from(batching.delay_seconds) * 1000,
                events_max: batching.events_max,
                events: Vec::new(),
            });
        batch.events.push(body);
        let full = batch.events_max > 0 && batch.events.len() >= batch.events_max as usize;
        if full {
            batch.due = now;
        }
        self.close_batches(now);
    }

    /// Queues a test delivery.
    pub(super) fn queue_test(&mut self, webhook_id: &str, now: i64) {
        let id = self.rng.guid();
        let body = json!({
            "id": id, "webhook_id": webhook_id, "notification_id": 0, "event": "webhook test",
            "message": "This is a test.", "object_id": 0, "agent_id": 0,
            "timestamp": crate::wire_time::halo_webhook(now),
        });
        self.queue(webhook_id, &id, body.to_string().into(), now);
    }

    /// Queues the batches that are due.
    fn close_batches(&mut self, now: i64) {
        let due: Vec<(String, i64)> = self
            .outbox
            .batches
            .iter()
            .filter(|(_, batch)| batch.due <= now)
            .map(|(key, _)| key.clone())
            .collect();
        for key in due {
            let Some(batch) = self.outbox.batches.remove(&key) else {
                continue;
            };
            let id = batch
                .events
                .first()
                .map(|event| text_of(event, "id"))
                .unwrap_or_default();
            let body = Value::Array(batch.events.into_iter().map(Value::Object).collect());
            self.queue(&key.0, &id, body.to_string().into(), batch.due.max(now));
        }
    }

    /// Queues a body, which may be lost, duplicated or delayed at random.
    fn queue(&mut self, webhook_id: &str, id: &str, body: Bytes, now: i64) {
        let behaviour = self.settings.delivery_behaviour.clone();
        let lost = self.rng.chance(behaviour.lost);
        self.outbox.log.push(DeliveryRecord {
            id: id.to_owned(),
            webhook_id: webhook_id.to_owned(),
            queued_at: now,
            attempts: 0,
            response_status: None,
            delivered: false,
            lost,
            error: None,
            body: body.clone(),
            duration_ms: 0,
            response_body: String::new(),
        });
        if lost {
            return;
        }
        let copies = if self.rng.chance(behaviour.duplicated) {
            2
        } else {
            1
        };
        for _ in 0..copies {
            let spread = whole_millis(behaviour.delay_max) - whole_millis(behaviour.delay_min);
            let mut due = now + whole_millis(behaviour.delay_min) + self.rng.up_to(spread);
            if self.rng.chance(behaviour.reordered) {
                due += whole_millis(behaviour.reorder_delay);
            }
            self.outbox.pending.push(PendingDelivery {
                due,
                id: id.to_owned(),
                webhook_id: webhook_id.to_owned(),
                body: body.clone(),
                attempt: 1,
            });
        }
    }

    /// Takes the due deliveries; those of removed or disabled webhooks are dropped.
    fn take_due(&mut self, now: i64) -> Vec<OutgoingDelivery> {
        self.close_batches(now);
        let all = std::mem::take(&mut self.outbox.pending);
        let (mut due, later): (Vec<_>, Vec<_>) = all.into_iter().partition(|one| one.due <= now);
        self.outbox.pending = later;
        due.sort_by_key(|one| one.due);
        let outgoing = due.into_iter().filter_map(|one| {
            let webhook = self
                .webhooks
                .get(&one.webhook_id)
                .filter(|webhook| webhook.fires())?;
            Some(OutgoingDelivery {
                id: one.id,
                webhook_id: one.webhook_id,
                url: address(webhook.text("url"), &self.settings.webhook_forms),
                method: self.settings.webhook_forms.method.clone(),
                headers: webhook.headers(&one.body, &self.settings.webhook_forms),
                body: one.body,
                attempt: one.attempt,
            })
        });
        outgoing.collect()
    }

    /// Logs a result, schedules a retry, and disables a failing webhook if so configured.
    fn record_delivery(&mut self, delivery: &OutgoingDelivery, result: &DeliveryResult, now: i64) {
        let behaviour = self.settings.delivery_behaviour.clone();
        let success = result.is_success();
        if let Some(record) = self
            .outbox
            .log
            .iter_mut()
            .rev()
            .find(|record| record.id == delivery.id && record.webhook_id == delivery.webhook_id)
        {
            record.attempts += 1;
            record.response_status = result.status;
            record.delivered |= success;
            record.error.clone_from(&result.error);
            record.duration_ms = result.duration_ms;
            record.response_body.clone_from(&result.body);
        }
        let failures = self
            .outbox
            .failures_in_a_row
            .entry(delivery.webhook_id.clone())
            .or_default();
        *failures = if success { 0 } else { *failures + 1 };
        let off =
            behaviour.auto_disable_attempts > 0 && *failures >= behaviour.auto_disable_attempts;
        if let Some(webhook) = self.webhooks.get_mut(&delivery.webhook_id) {
            webhook
                .definition
                .insert("last_status".to_owned(), json!(result.status));
            if off {
                webhook
                    .definition
                    .insert("disabled".to_owned(), json!(true));
            }
        }
        if !success && delivery.attempt <= behaviour.retries {
            self.outbox.pending.push(PendingDelivery {
                due: now + whole_millis(behaviour.retry_pause),
                id: delivery.id.clone(),
                webhook_id: delivery.webhook_id.clone(),
                body: delivery.body.clone(),
                attempt: delivery.attempt + 1,
            });
        }
    }

    /// Emits the event of a deleted ticket.
    pub(super) fn emit_deleted(&mut self, id: i64, author: &super::state::Author, now: i64) {
        self.emit_ticket_event(event_numbers::TICKET_DELETED, id, None, author, now);
    }
}

/// The address of a webhook as it is called.
fn address(url: &str, forms: &WebhookForms) -> String {
    let slash = if forms.trailing_slash && !url.ends_with('/') {
        "/"
    } else {
        ""
    };
    format!("{url}{slash}")
}

/// A text member of an event.
fn text_of(event: &Map<String, Value>, name: &str) -> String {
    event
        .get(name)
        .and_then(Value::as_str)
        .unwrap_or_default()
        .to_owned()
}

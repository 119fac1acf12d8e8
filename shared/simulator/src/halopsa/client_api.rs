//! The writes a caller can make, and how their results come back.

use http::StatusCode;
use serde_json::{Map, Value};

use crate::http_message::{SimRequest, SimResponse};

use super::HaloPsa;
use super::refusal;
use super::settings::SingleAnswer;
use super::state::{Author, HaloState};
use super::ticket_fields::posted;

impl HaloPsa {
    /// `POST /Tickets`. A create stays in flight for a while after its effect, so that a second
    /// one can run into it; a caller that gives up meanwhile has created all the same.
    pub(super) async fn post_tickets(&self, call: &SimRequest, author: &Author) -> SimResponse {
        let items = match posted(call) {
            Ok(items) => items,
            Err(refused) => return refused,
        };
        let creates = items.iter().any(is_new);
        let now = self.clock.now_millis();
        let (answer, in_flight_for) = {
            let mut state = self.state();
            if creates && state.creates_in_flight > 0 && state.settings.parallel_creates_fail {
                return refusal::number_race();
            }
            let answer = state.post_tickets(&items, call, author, now);
            if creates {
                state.creates_in_flight += 1;
            }
            (answer, state.settings.create_takes)
        };
        if creates {
            let in_flight = CreateInFlight(self);
            if in_flight_for.is_zero() {
                tokio::task::yield_now().await;
            } else {
                tokio::time::sleep(in_flight_for).await;
            }
            drop(in_flight);
        }
        answer
    }
}

/// A create under way; ends when dropped, however the caller leaves.
struct CreateInFlight<'a>(&'a HaloPsa);

impl Drop for CreateInFlight<'_> {
    fn drop(&mut self) {
        let mut state = self.0.state();
        state.creates_in_flight = state.creates_in_flight.saturating_sub(1);
    }
}

impl HaloState {
    /// Writes tickets and answers with them.
    fn post_tickets(
        &mut self,
        items: &[Map<String, Value>],
        call: &SimRequest,
        author: &Author,
        now: i64,
    ) -> SimResponse {
        let written = match self.write_tickets(items, author, now) {
            Ok(written) => written,
            Err(refused) => return refused,
        };
        let rows = written
            .iter()
            .map(|ticket| Value::Object(self.detail(ticket, true)))
            .collect();
        self.written(rows, call)
    }

    /// `POST /Actions`.
    pub(super) fn post_actions(
        &mut self,
        call: &SimRequest,
        author: &Author,
        now: i64,
    ) -> SimResponse {
        let written = posted(call).and_then(|items| self.write_actions(&items, author, now));
        let written = match written {
            Ok(written) => written,
            Err(refused) => return refused,
        };
        let rows = written
            .iter()
            .map(|(ticket_id, action)| Value::Object(self.action_row(*ticket_id, action, true)))
            .collect();
        self.written(rows, call)
    }

    /// `POST /Webhook`.
    pub(super) fn post_webhooks(&mut self, call: &SimRequest, now: i64) -> SimResponse {
        match posted(call).and_then(|items| self.write_webhooks(items, now)) {
            Ok(rows) => self.written(rows, call),
            Err(refused) => refused,
        }
    }

    /// `POST /Notification`.
    pub(super) fn post_notifications(&mut self, call: &SimRequest) -> SimResponse {
        match posted(call).and_then(|items| self.write_notifications(items)) {
            Ok(rows) => self.written(rows, call),
            Err(refused) => refused,
        }
    }

    /// `DELETE /Tickets/{id}`: the row stays, out of sight.
    pub(super) fn delete_ticket(&mut self, id: i64, author: &Author, now: i64) -> SimResponse {
        let Some(ticket) = self.existing_mut(id) else {
            return refusal::not_found(self.settings.missing_ticket_status);
        };
        ticket.deleted = true;
        ticket.updated_at = now;
        self.count_write(author, "ticket deleted");
        self.emit_deleted(id, author, now);
        SimResponse::ok(&serde_json::json!({}))
    }

    /// The results of a write: the last alone, unless all were asked for.
    fn written(&self, mut rows: Vec<Value>, call: &SimRequest) -> SimResponse {
        let status = StatusCode::from_u16(self.settings.write_status).unwrap_or(StatusCode::OK);
        if call.query.flag("returnall") && self.settings.honours_returnall {
            return SimResponse::json(status, &Value::Array(rows));
        }
        let last = rows.pop().unwrap_or(Value::Null);
        match self.settings.single_answer {
            SingleAnswer::Object => SimResponse::json(status, &last),
            SingleAnswer::ArrayOfOne => SimResponse::json(status, &Value::Array(vec![last])),
        }
    }
}

/// Whether an item makes something new rather than changing what is there.
fn is_new(members: &Map<String, Value>) -> bool {
    match members.get("id") {
        None | Some(Value::Null) => true,
        Some(Value::String(text)) => text.trim().is_empty() || text.trim() == "0",
        Some(value) => value.as_i64().is_some_and(|id| id <= 0),
    }
}

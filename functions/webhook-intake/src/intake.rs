//! Check, parse, queue, answer.

use std::sync::Arc;

use halogard_app::credentials::{Authenticators, Mismatch, RotatingAuthenticator, SecretReader};
use halogard_app::intake::{Rejection, WebhookRequest, accept_delivery};
use halogard_app::ports::{Clock, Lane, WorkSink};
use halogard_domain::message::Cause;
use halogard_domain::{Message, Timestamp};
use halogard_halopsa::webhook::{parse, response_to};
use halogard_runtime::MaskedToken;
use halogard_runtime::metrics::Metrics;
use tracing::{info, warn};

use crate::route::{Route, Sender};
use crate::{Event, FUNCTION, Reply, SettingsAuthenticators};

/// The function.
pub struct Intake<Q, R, C> {
    queues: Q,
    gate: RotatingAuthenticator<R, SettingsAuthenticators, C>,
    clock: C,
    /// Takes up what was counted.
    meter: fn(&Metrics, Timestamp),
}

impl<Q: WorkSink, R: SecretReader, C: Clock> Intake<Q, R, C> {
    /// Takes deliveries that `gate` lets in, and puts what they lead to into `queues`; `meter`
    /// takes up what was counted.
    pub const fn new(
        queues: Q,
        gate: RotatingAuthenticator<R, SettingsAuthenticators, C>,
        clock: C,
        meter: fn(&Metrics, Timestamp),
    ) -> Self {
        Self {
            queues,
            gate,
            clock,
            meter,
        }
    }

    /// The answer to a request. What it promises is done when this returns.
    pub async fn answer(&self, event: &Event) -> Reply {
        match Route::of(event.method(), event.path()) {
            Route::Delivery(sender, token) => self.delivery(sender, &token, event).await,
            Route::Health => Reply::healthy(),
            Route::WrongMethod(allowed) => Reply::wrong_method(allowed),
            Route::Nowhere => Reply::nowhere(),
        }
    }

    /// Takes a delivery in, and says what became of it.
    async fn delivery(&self, sender: Sender, token: &str, event: &Event) -> Reply {
        let began = self.clock.now();
        let mut first = None;
        let taken = self.take(sender, token, event, &mut first).await;
        let ended = self.clock.now();
        let answer = response_to(&taken);
        let token = MaskedToken::from(token);
        let duration_ms = u64::try_from(ended.since(began).as_millis()).unwrap_or(u64::MAX);
        let (sender, status) = (sender.name(), answer.status);
        let metrics = Metrics::new(FUNCTION);
        let metrics = match &taken {
            Ok(messages) => {
                let (delivery_id, ticket_id) = names(first.as_ref());
                info!(
                    sender, %token, status, messages, duration_ms, delivery_id, ticket_id,
                    outcome = "accepted", "took in a delivery"
                );
                // The zero is news too: the alarm looks at the share of refusals.
                metrics
                    .count("WebhooksAccepted", 1)
                    .count("WebhooksRefused", 0)
                    .count(
                        "WebhookMessages",
                        u64::try_from(*messages).unwrap_or(u64::MAX),
                    )
            }
            Err(Rejection::NotQueued(error)) => {
                warn!(
                    sender, %token, status, duration_ms,
                    error_type = error.error_type,
                    reason = error.chain(),
                    outcome = "failed", "a delivery could not be taken in"
                );
                metrics
            }
            Err(rejection) => {
                warn!(
                    sender, %token, status, duration_ms, reason = %rejection,
                    outcome = "refused", "turned a delivery away"
                );
                metrics.count("WebhooksRefused", 1)
            }
        };
        (self.meter)(&metrics, ended);
        answer.into()
    }

    /// Takes a delivery in. One that is refused is tried once more with a newer secret, where there
    /// may be one. `first` becomes the first message it led to.
    async fn take(
        &self,
        sender: Sender,
        token: &str,
        event: &Event,
        first: &mut Option<Message>,
    ) -> Result<usize, Rejection> {
        event.check_size()?;
        let doors = self.gate.doors().await.map_err(Rejection::NotQueued)?;
        let taken = self.take_through(&doors, sender, token, event, first).await;
        if !matches!(taken, Err(Rejection::NotAuthentic)) {
            return taken;
        }
        let doubt = if doors.matches_path(token) {
            Mismatch::Credential
        } else {
            Mismatch::Address
        };
        match self.gate.refreshed(&doors, doubt).await {
            Some(newer) => self.take_through(&newer, sender, token, event, first).await,
            None => taken,
        }
    }

    /// Takes a delivery in through `doors`. The address is checked before the body is touched.
    async fn take_through(
        &self,
        doors: &Arc<Authenticators>,
        sender: Sender,
        token: &str,
        event: &Event,
        first: &mut Option<Message>,
    ) -> Result<usize, Rejection> {
        if !doors.matches_path(token) {
            return Err(Rejection::NotAuthentic);
        }
        match sender {
            Sender::Liongard => {
                let poll = [Message::poll().into()];
                let sent = self.queues.send(Lane::Runs, &poll).await;
                sent.map(|()| 1).map_err(Rejection::NotQueued)
            }
            Sender::HaloPsa => {
                let body = event.body()?;
                let request = WebhookRequest {
                    path_token: token,
                    header: &|name| event.header(name),
                    body: &body,
                };
                let now = self.clock.now();
                accept_delivery(&self.queues, &doors.delivery, &request, |body| {
                    let messages = parse(body, now)?;
                    *first = messages.first().cloned();
                    Ok(messages)
                })
                .await
            }
        }
    }
}

/// The delivery and the ticket that `message` names, for the log.
fn names(message: Option<&Message>) -> (Option<&str>, Option<u64>) {
    match message {
        Some(Message::ReconcileTicket {
            ticket,
            cause: Cause::Webhook { notification },
            ..
        }) => (notification.delivery.as_deref(), Some(ticket.get())),
        Some(Message::RecordNotification { notification, .. }) => {
            (notification.delivery.as_deref(), None)
        }
        _ => (None, None),
    }
}

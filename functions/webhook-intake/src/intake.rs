//! Authenticate, parse, queue, answer.

use halogard_app::intake::{DeliveryOutcome, Rejection, enqueue};
use halogard_app::ports::{Clock, Lane, WorkSink};
use halogard_credentials::webhook_auth::{AuthError, Authenticator, SecretReader, WebhookRequest};
use halogard_domain::message::Cause;
use halogard_domain::{Message, Timestamp};
use halogard_halopsa::webhook::{FirstBodies, parse, response_to};
use halogard_runtime::MaskedToken;
use halogard_runtime::metrics::Metrics;
use tracing::{info, warn};

use crate::misaddressed::Misaddressed;
use crate::route::{Route, Sender};
use crate::{Event, FUNCTION, Reply};

/// The function.
pub struct Intake<Q, R, C> {
    queues: Q,
    authenticator: Authenticator<R, C>,
    clock: C,
    /// Which kinds of events have come.
    first_bodies: FirstBodies,
    /// Deliveries with a wrong token in their address.
    misaddressed: Misaddressed,
    /// Writes the metrics.
    meter: fn(&Metrics, Timestamp),
}

/// What was seen of a delivery, whatever becomes of it.
#[derive(Default)]
struct DeliverySummary {
    /// Whether the token in its address is wrong.
    is_misaddressed: bool,
    /// Its first message.
    first: Option<Message>,
}

impl<Q: WorkSink, R: SecretReader, C: Clock> Intake<Q, R, C> {
    /// Accepts deliveries that `authenticator` verifies, and puts their messages into `queues`; `meter`
    /// writes the metrics.
    pub const fn new(
        queues: Q,
        authenticator: Authenticator<R, C>,
        clock: C,
        meter: fn(&Metrics, Timestamp),
    ) -> Self {
        Self {
            queues,
            authenticator,
            clock,
            first_bodies: FirstBodies::new(),
            misaddressed: Misaddressed::new(),
            meter,
        }
    }

    /// The response to a request. What it promises is done when this returns.
    pub async fn answer(&self, event: &Event) -> Reply {
        match Route::of(event.method(), event.path()) {
            Route::Delivery(sender, token) => self.delivery(sender, &token, event).await,
            Route::Health => Reply::healthy(),
            Route::WrongMethod(allowed) => Reply::wrong_method(allowed),
            Route::Nowhere => Reply::nowhere(),
        }
    }

    /// Accepts or rejects a delivery, and logs and counts the result.
    async fn delivery(&self, sender: Sender, token: &str, event: &Event) -> Reply {
        let began = self.clock.now();
        let mut seen = DeliverySummary::default();
        let taken = self.accept(sender, token, event, &mut seen).await;
        let ended = self.clock.now();
        let answer = response_to(&taken);
        let token = MaskedToken::from(token);
        let duration_ms = u64::try_from(ended.since(began).as_millis()).unwrap_or(u64::MAX);
        let (sender, status) = (sender.name(), answer.status);
        let outcome = DeliveryOutcome::of(&taken).as_str();
        let metrics = Metrics::new(FUNCTION);
        let metrics = match &taken {
            Ok(messages) => {
                let (delivery_id, ticket_id) = names(seen.first.as_ref());
                info!(
                    sender, %token, status, messages, duration_ms, delivery_id, ticket_id,
                    outcome, "accepted a delivery"
                );
                // The zero is needed: the alarm computes the share of refusals.
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
                    error_type = error.code.as_str(),
                    reason = error.chain(),
                    outcome, "a delivery could not be queued"
                );
                metrics
            }
            Err(_) if seen.is_misaddressed => {
                let Some(deliveries) = self.misaddressed.add(ended) else {
                    return answer.into();
                };
                warn!(
                    sender, %token, status, deliveries,
                    outcome, "deliveries came with a wrong token in their address"
                );
                metrics.count("WebhooksMisaddressed", deliveries)
            }
            Err(rejection) => {
                warn!(
                    sender, %token, status, duration_ms, reason = %rejection,
                    outcome, "rejected a delivery"
                );
                metrics.count("WebhooksRefused", 1)
            }
        };
        (self.meter)(&metrics, ended);
        answer.into()
    }

    /// Authenticates a delivery and queues its messages. The path token is checked before the body is
    /// decoded.
    async fn accept(
        &self,
        sender: Sender,
        token: &str,
        event: &Event,
        seen: &mut DeliverySummary,
    ) -> Result<usize, Rejection> {
        event.check_size()?;
        let path = self.authenticator.verify_path(token).await;
        seen.is_misaddressed = matches!(path, Err(AuthError::NotAuthentic));
        let path = path?;
        match sender {
            Sender::Liongard => {
                let poll = [Message::poll().into()];
                let sent = self.queues.send(Lane::Runs, &poll).await;
                sent.map(|()| 1).map_err(Rejection::NotQueued)
            }
            Sender::HaloPsa => {
                let body = event.body()?;
                let request = WebhookRequest {
                    header: &|name| event.header(name),
                    header_names: &|| event.header_names(),
                    body: &body,
                };
                let verified = self.authenticator.verify(&path, &request).await?;
                let mut messages = parse(verified.body, self.clock.now())?;
                if let Some(first) = self.first_bodies.take(verified.body, &messages) {
                    info!(
                        kind = first.kind,
                        members = first.members,
                        "the first webhook of its kind; these are its members, without their values"
                    );
                    messages.push(first.into_message());
                }
                seen.first = messages.first().cloned();
                enqueue(&self.queues, messages).await
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

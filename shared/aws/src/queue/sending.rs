//! Messages on their way in, in as few calls as they fit in.

use std::time::Duration;

use aws_sdk_sqs::Client;
use aws_sdk_sqs::types::SendMessageBatchRequestEntry;
use halogard_app::ports::{Outgoing, PortError, deferred_until};
use halogard_domain::{FailureClass, Message, Timestamp};

use super::attributes::{MessageMetadata, allowed, size};
use super::calls::{BATCH_MAX, EncodedMessage};
use super::error::QueueError;
use crate::error::{AwsError, to_json};

/// Bytes of one message, and of all messages of one call, attributes included. Source: SQS API
/// reference, SendMessage and SendMessageBatch, "1 MiB (1,048,576 bytes)".
const CALL_BYTES_MAX: usize = 1_048_576;

/// Bytes kept free beside a body, so that a copy of it can say all that a copy ever has to: the
/// longest reason of a dead letter takes most of it.
pub const ATTRIBUTES_MAX: usize = 8 * 1024;

/// The longest body we send.
const BODY_BYTES_MAX: usize = CALL_BYTES_MAX - ATTRIBUTES_MAX;

/// How often what a call left out is sent, the first time included.
const ROUNDS_MAX: u32 = 3;

/// Pause before the second round; it doubles.
const FIRST_PAUSE: Duration = Duration::from_millis(100);

/// `outgoing` as it is sent at `now`. A message that is too large goes without its news: the worker
/// then looks for itself.
pub fn encode(outgoing: &Outgoing, now: Timestamp) -> Result<EncodedMessage, QueueError> {
    let mut body = body(&outgoing.message)?;
    if body.len() > BODY_BYTES_MAX {
        body = self::body(&outgoing.message.without_snapshot())?;
    }
    if body.len() > BODY_BYTES_MAX {
        return Err(QueueError::TooLarge {
            kind: kind(&outgoing.message),
            bytes: body.len(),
            most: BODY_BYTES_MAX,
        });
    }
    let not_before = outgoing
        .not_before
        .and_then(|time| deferred_until(time, now));
    let metadata = MessageMetadata {
        not_before,
        ..MessageMetadata::new(now)
    };
    Ok(EncodedMessage {
        body,
        attributes: metadata.attributes(),
        delay: not_before.unwrap_or(now).since(now),
    })
}

/// The message as it is on a queue.
fn body(message: &Message) -> Result<String, QueueError> {
    Ok(allowed(to_json("queue", message)?))
}

/// What a message asks for, for an error.
fn kind(message: &Message) -> &'static str {
    match message {
        Message::ReconcileAlert { .. } => "to reconcile an alert",
        Message::ReconcileTicket { .. } => "to reconcile a ticket",
        Message::AdvanceRun { .. } => "to see to a run",
        Message::Poll { .. } => "to poll",
        Message::RecordNotification { .. } => "to keep a notification",
        Message::KeepWebhookSample { .. } => "to keep the form of a webhook",
    }
}

/// `messages` in batches that one call takes, in their order.
fn batches(messages: Vec<EncodedMessage>) -> Vec<Vec<EncodedMessage>> {
    let mut batches: Vec<Vec<EncodedMessage>> = Vec::new();
    let mut bytes = 0;
    for message in messages {
        let more = message.body.len() + size(&message.attributes);
        match batches.last_mut() {
            Some(batch) if batch.len() < BATCH_MAX && bytes + more <= CALL_BYTES_MAX => {
                bytes += more;
                batch.push(message);
            }
            _ => {
                bytes = more;
                batches.push(vec![message]);
            }
        }
    }
    batches
}

/// What a call left out, and why, of one of them.
struct Unsent {
    messages: Vec<EncodedMessage>,
    why: AwsError,
}

/// The one queue that messages are sent to.
pub struct QueueTarget<'a> {
    /// The client of the queues' service.
    pub sqs: &'a Client,
    /// The queue's URL.
    pub queue: &'a str,
}

impl QueueTarget<'_> {
    /// Sends `messages`, in as few calls as they fit in.
    pub async fn send(&self, messages: &[Outgoing], now: Timestamp) -> Result<(), PortError> {
        let messages = messages
            .iter()
            .map(|outgoing| encode(outgoing, now))
            .collect::<Result<Vec<_>, QueueError>>()?;
        self.send_encoded(messages).await
    }

    /// Sends messages as they are, in as few calls as they fit in.
    pub async fn send_encoded(&self, messages: Vec<EncodedMessage>) -> Result<(), PortError> {
        for batch in batches(messages) {
            self.send_batch(batch).await?;
        }
        Ok(())
    }

    /// Sends one batch, and what the queue leaves out of it again. A message that is refused for what
    /// it is is not sent twice.
    async fn send_batch(&self, batch: Vec<EncodedMessage>) -> Result<(), PortError> {
        let all = batch.len();
        let mut rest = batch;
        let mut rounds = 1;
        let mut pause = FIRST_PAUSE;
        loop {
            let Some(left) = self.try_batch(rest).await? else {
                return Ok(());
            };
            if rounds == ROUNDS_MAX || left.why.class().0 == FailureClass::Permanent {
                return Err(PortError::from(QueueError::NotTaken {
                    left: left.messages.len(),
                    all,
                    rounds,
                    source: left.why,
                }));
            }
            rest = left.messages;
            rounds += 1;
            tokio::time::sleep(pause).await;
            pause *= 2;
        }
    }

    /// Sends one batch once.
    async fn try_batch(&self, mut batch: Vec<EncodedMessage>) -> Result<Option<Unsent>, PortError> {
        let mut call = self.sqs.send_message_batch().queue_url(self.queue);
        for (number, message) in batch.iter().enumerate() {
            let entry = SendMessageBatchRequestEntry::builder()
                .id(number.to_string())
                .message_body(&message.body)
                .delay_seconds(message.delay_seconds())
                .set_message_attributes(Some(message.attributes.clone()))
                .build()
                .map_err(|error| AwsError::invalid_request("SQS SendMessageBatch", error))?;
            call = call.entries(entry);
        }
        let answer = call
            .send()
            .await
            .map_err(|error| AwsError::of("SQS SendMessageBatch", error))?;
        // One that is in neither list may or may not have been accepted; twice does no harm.
        let taken = |number: usize| {
            let number = number.to_string();
            answer.successful().iter().any(|entry| entry.id() == number)
        };
        let mut number = 0;
        batch.retain(|_| {
            number += 1;
            !taken(number - 1)
        });
        if batch.is_empty() {
            return Ok(None);
        }
        // The gravest: one that is to blame itself, if there is one.
        let failed = answer
            .failed()
            .iter()
            .max_by_key(|entry| entry.sender_fault());
        let (code, message, theirs) = failed.map_or(("NoAnswer", None, false), |entry| {
            (entry.code(), entry.message(), entry.sender_fault())
        });
        let why = AwsError::refused("SQS SendMessageBatch", code, message, theirs);
        Ok(Some(Unsent {
            messages: batch,
            why,
        }))
    }
}

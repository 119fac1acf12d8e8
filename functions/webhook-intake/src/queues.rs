//! Where messages go: SQS, in as few calls as there are tens of messages.

use std::sync::Arc;
use std::time::Duration;

use halogard_app::ports::{Clock, Lane, Outgoing, PortError, WorkSink};
use halogard_domain::FailureClass;
use halogard_signed::{Access, CallError, Protocol, Service};
use serde::{Deserialize, Serialize};
use tokio::time::sleep;

/// Messages in one call, at most. Source: SQS, SendMessageBatch.
const BATCH_MESSAGES_MAX: usize = 10;

/// Bytes of one message, and of all messages of a call, at most. SQS takes 1 MiB; a quarter of it
/// leaves room for what their JSON takes in the request, and is what every region has always taken.
const BATCH_BYTES_MAX: usize = 256 * 1024;

/// Seconds for which SQS holds a message back, at most.
const DELAY_SECONDS_MAX: u64 = 900;

/// How often those messages of a batch are sent again that SQS did not take.
const ROUNDS_MAX: u32 = 3;

/// Pause before that.
const ROUND_PAUSE: Duration = Duration::from_millis(100);

/// The two lanes that intake fills.
pub struct Queues<C> {
    service: Service<C>,
    urgent: String,
    runs: String,
    clock: C,
}

/// A call.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Batch<'a> {
    queue_url: &'a str,
    entries: &'a [Entry],
}

/// A message in a call.
#[derive(Clone, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Entry {
    id: String,
    message_body: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    delay_seconds: Option<u64>,
}

/// What is used of the answer. A call that succeeds may have failed for some messages.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Outcome {
    #[serde(default)]
    successful: Vec<Taken>,
    #[serde(default)]
    failed: Vec<Refused>,
}

/// A message that was taken.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Taken {
    id: String,
}

/// A message that was not.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Refused {
    #[serde(default)]
    code: String,
    /// Whether sending it again is useless.
    #[serde(default)]
    sender_fault: bool,
}

impl<C: Clock + Clone> Queues<C> {
    /// The queues of these addresses. Opens nothing yet.
    pub fn new(access: &Arc<Access>, urgent: String, runs: String, clock: C) -> Self {
        Self {
            service: Service::new(access, "sqs", Protocol::Json10, clock.clone()),
            urgent,
            runs,
            clock,
        }
    }
}

impl<C: Clock> Queues<C> {
    /// The address of a lane's queue.
    fn queue(&self, lane: Lane) -> Result<&str, PortError> {
        match lane {
            Lane::Urgent => Ok(&self.urgent),
            Lane::Runs => Ok(&self.runs),
            Lane::Bulk => Err(PortError::new(FailureClass::Permanent, "queue.no_lane")
                .saying("webhooks never lead to bulk work")),
        }
    }

    /// `message` as SQS takes it; `place` tells it from others of its batch.
    fn entry(&self, place: usize, message: &Outgoing) -> Result<Entry, PortError> {
        let body = serde_json::to_string(&message.message).map_err(|error| {
            PortError::new(FailureClass::Permanent, "queue.unwritable").caused_by(error)
        })?;
        let body = fit_for_sqs(body);
        if body.len() > BATCH_BYTES_MAX {
            return Err(PortError::new(FailureClass::Permanent, "queue.too_large"));
        }
        let delay_seconds = message.not_before.map(|not_before| {
            let delay = not_before.since(self.clock.now());
            // Up to the next whole second: not before.
            delay.as_millis().div_ceil(1000)
        });
        let delay_seconds = delay_seconds
            .map(|seconds| {
                u64::try_from(seconds)
                    .ok()
                    .filter(|seconds| *seconds <= DELAY_SECONDS_MAX)
                    .ok_or_else(|| PortError::new(FailureClass::Permanent, "queue.too_late"))
            })
            .transpose()?;
        Ok(Entry {
            id: place.to_string(),
            message_body: body,
            delay_seconds,
        })
    }

    /// Sends at most ten messages in one call, and again those that were not taken.
    async fn send_batch(&self, queue_url: &str, mut entries: Vec<Entry>) -> Result<(), PortError> {
        for round in 0..ROUNDS_MAX {
            if round > 0 {
                sleep(ROUND_PAUSE * round).await;
            }
            let outcome = self.call(queue_url, &entries).await?;
            if let Some(refused) = outcome.failed.iter().find(|refused| refused.sender_fault) {
                return Err(PortError::new(FailureClass::Permanent, "queue.refused")
                    .saying(refused.code.clone()));
            }
            // Only what SQS says it took is taken.
            entries.retain(|entry| !outcome.successful.iter().any(|taken| taken.id == entry.id));
            if entries.is_empty() {
                return Ok(());
            }
        }
        Err(PortError::new(
            FailureClass::Transient,
            "queue.partly_taken",
        ))
    }

    async fn call(&self, queue_url: &str, entries: &[Entry]) -> Result<Outcome, PortError> {
        let body = serde_json::to_vec(&Batch { queue_url, entries }).map_err(|error| {
            PortError::new(FailureClass::Permanent, "queue.unwritable").caused_by(error)
        })?;
        let called = self.service.call("AmazonSQS.SendMessageBatch", body);
        let failed =
            |error: CallError| PortError::new(error.class(), "queue.unavailable").caused_by(error);
        let answer = called.await.map_err(failed)?;
        serde_json::from_slice(&answer).map_err(|_| failed(CallError::unreadable("sqs")))
    }
}

impl<C: Clock> WorkSink for Queues<C> {
    async fn send(&self, lane: Lane, messages: &[Outgoing]) -> Result<(), PortError> {
        let queue_url = self.queue(lane)?;
        let mut batch: Vec<Entry> = Vec::new();
        let mut bytes = 0;
        for message in messages {
            let entry = self.entry(batch.len(), message)?;
            let length = entry.message_body.len();
            if batch.len() == BATCH_MESSAGES_MAX || bytes + length > BATCH_BYTES_MAX {
                self.send_batch(queue_url, std::mem::take(&mut batch))
                    .await?;
                bytes = 0;
            }
            bytes += length;
            batch.push(entry);
        }
        if !batch.is_empty() {
            self.send_batch(queue_url, batch).await?;
        }
        Ok(())
    }
}

/// JSON text without the two characters that JSON allows and SQS refuses in a body.
fn fit_for_sqs(json: String) -> String {
    if !json.contains(['\u{fffe}', '\u{ffff}']) {
        return json;
    }
    json.replace('\u{fffe}', "\\ufffe")
        .replace('\u{ffff}', "\\uffff")
}

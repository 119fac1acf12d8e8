//! Processing an SQS event: each record on its own account, whatever the outcome of the others.

use std::time::Duration;

use aws_lambda_events::sqs::{BatchItemFailure, SqsBatchResponse, SqsMessage};
use halogard_app::outcome::Outcome;
use halogard_app::ports::{Clock as _, Delivery, Lane, PortError, WorkQueue as _};
use halogard_app::process::LaneWork;
use halogard_domain::Timestamp;
use tracing::{error, info, warn};

use crate::error::FunctionError;
use crate::instance::{FunctionReconciler, Instance, Invocation, NotReady};
use crate::metrics::InvocationMetrics;
use crate::platform::Platform;

/// How long messages are deferred when the function is not ready: no config, or wrong settings. An
/// operator has to act first, so there is no hurry; a minute is short enough not to be noticed.
const NOT_READY_PAUSE: Duration = Duration::from_secs(60);

/// The pause before messages are retried whose processing took longer than the invocation.
const TIMED_OUT_PAUSE: Duration = Duration::from_secs(60);

/// The event that is being processed.
struct RecordBatch<'a, P: Platform> {
    invocation: &'a Invocation<P>,
    answer: SqsBatchResponse,
    metrics: InvocationMetrics,
    /// Records that were deferred without an attempt.
    deferred: usize,
    /// Why the whole event is to be delivered again, if it is.
    failure: Option<FunctionError>,
}

/// The result of a batch as a whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum BatchOutcome {
    /// Its messages were processed, each with an outcome of its own.
    Processed,
    /// The function is not ready; every message waits.
    Deferred,
    /// Its processing took longer than the invocation.
    TimedOut,
}

impl BatchOutcome {
    /// The word in logs.
    const fn as_str(self) -> &'static str {
        match self {
            Self::Processed => "processed",
            Self::Deferred => "deferred",
            Self::TimedOut => "timed_out",
        }
    }
}

/// Deliveries of one lane that are processed concurrently, and the `messageId` of each record.
struct LaneBatch {
    lane: Lane,
    message_ids: Vec<Option<String>>,
    deliveries: Vec<Delivery>,
}

/// Processes `records`, which come from the queues of the lanes of `W`, and answers for each. The invocation ends
/// at `deadline`.
///
/// A message that was acknowledged, deferred, retried or dead-lettered is settled for good. So the answer
/// lists only the records that could not be settled.
///
/// When the function is not ready, for want of a config, a setting or a secret, all records are deferred
/// for a minute. The answer is then no error: after an error Lambda would keep the records in the queue
/// beside the deferred copies. A metric and a log line report it instead.
///
/// # Errors
///
/// The queue's settings are missing, or a record that is to stay in the queue has no id. All records
/// stay in the queue.
pub async fn process_batch<W: LaneWork, P: Platform>(
    instance: &Instance<P>,
    function: &'static str,
    records: Vec<SqsMessage>,
    deadline: Timestamp,
) -> Result<SqsBatchResponse, FunctionError> {
    let invocation = instance.begin(deadline).await?;
    let mut batch = RecordBatch {
        invocation: &invocation,
        answer: SqsBatchResponse::default(),
        metrics: InvocationMetrics::default(),
        deferred: 0,
        failure: None,
    };
    let count = records.len();
    let outcome = match &invocation.reconciler {
        Ok(reconciler) => {
            let batches = batch.receive(W::LANES, records, reconciler.batch_max).await;
            batch.process::<W>(reconciler, batches).await;
            BatchOutcome::Processed
        }
        Err(why) => {
            let batches = batch.receive(W::LANES, records, usize::MAX).await;
            batch.defer_all(why, batches).await;
            BatchOutcome::Deferred
        }
    };
    invocation.resources.release_permits().await;
    info!(
        records = count,
        deferred = batch.deferred,
        unsettled = batch.answer.batch_item_failures.len(),
        outcome = outcome.as_str(),
        "batch processed"
    );
    batch.write_metrics(function);
    match batch.failure {
        Some(failure) => Err(failure),
        None => Ok(batch.answer),
    }
}

impl<P: Platform> RecordBatch<'_, P> {
    /// Receives the records, in batches of one lane and at most `batch_max`, in order. A record that came
    /// before its time is deferred again.
    async fn receive(
        &mut self,
        lanes: &[Lane],
        records: Vec<SqsMessage>,
        batch_max: usize,
    ) -> Vec<LaneBatch> {
        let Invocation {
            platform,
            resources,
            ..
        } = self.invocation;
        let mut batches: Vec<LaneBatch> = Vec::new();
        for record in records {
            let arn = record.event_source_arn.as_deref().unwrap_or_default();
            let lane = resources.lanes.lane_of(arn);
            let Some(lane) = lane.filter(|lane| lanes.contains(lane)) else {
                error!(queue = arn, "this function does not process this queue");
                self.keep_in_queue(record.message_id);
                continue;
            };
            let message_id = record.message_id.clone();
            let delivery = match platform.receive(&resources.store, lane, record).await {
                Ok(Some(delivery)) => delivery,
                Ok(None) => {
                    self.deferred += 1;
                    continue;
                }
                Err(error) => {
                    self.settled(message_id, Err(error));
                    continue;
                }
            };
            match batches.last_mut() {
                Some(batch) if batch.lane == lane && batch.deliveries.len() < batch_max => {
                    batch.message_ids.push(message_id);
                    batch.deliveries.push(delivery);
                }
                _ => batches.push(LaneBatch {
                    lane,
                    message_ids: vec![message_id],
                    deliveries: vec![delivery],
                }),
            }
        }
        batches
    }

    /// Processes the batches one after another; defers what the time left does not allow.
    async fn process<W: LaneWork>(
        &mut self,
        reconciler: &FunctionReconciler<P>,
        batches: Vec<LaneBatch>,
    ) {
        let mut pause_until = None;
        for batch in batches {
            let now = reconciler.clock.now();
            match pause_until {
                Some(until) if until > now => self.defer(batch, until).await,
                _ if self.invocation.deadline.allows_start(now) => {
                    pause_until = self.process_one::<W>(reconciler, batch).await;
                }
                // At once: the next invocation has enough time.
                _ => self.defer(batch, now).await,
            }
        }
    }

    /// Processes one batch; says until when its lane pauses.
    async fn process_one<W: LaneWork>(
        &mut self,
        reconciler: &FunctionReconciler<P>,
        batch: LaneBatch,
    ) -> Option<Timestamp> {
        let LaneBatch {
            lane,
            message_ids,
            deliveries,
        } = &batch;
        let deadline = &self.invocation.deadline;
        deadline.set_lane(Some(*lane));
        let left = deadline.left(reconciler.clock.now());
        let processing = Box::pin(reconciler.process::<W>(*lane, deliveries));
        let Ok(results) = tokio::time::timeout(left, processing).await else {
            self.retry_timed_out(reconciler, batch).await;
            return Some(reconciler.clock.now());
        };
        let mut pause_until = None;
        for ((message_id, delivery), result) in message_ids.iter().zip(deliveries).zip(results) {
            if let Ok(processed) = &result {
                // A run that is followed does not wait for us.
                if processed.outcome != Outcome::RunInProgress {
                    let now = reconciler.clock.now();
                    self.metrics.note_age(*lane, now.since(delivery.sent_at));
                }
                self.metrics.count(&delivery.message, processed);
                pause_until = pause_until.max(processed.pause_until);
            }
            self.settled(message_id.clone(), result.map(drop));
        }
        pause_until
    }

    /// Retries messages whose processing took too long. Those that were settled before the time-out stay
    /// settled.
    async fn retry_timed_out(&mut self, reconciler: &FunctionReconciler<P>, batch: LaneBatch) {
        warn!(
            lane = batch.lane.name(),
            messages = batch.deliveries.len(),
            outcome = BatchOutcome::TimedOut.as_str(),
            "processing timed out; the messages will be retried"
        );
        let until = reconciler.clock.now().plus(TIMED_OUT_PAUSE);
        for (message_id, delivery) in batch.message_ids.into_iter().zip(batch.deliveries) {
            let age = reconciler.clock.now().since(delivery.sent_at);
            self.metrics.note_age(batch.lane, age);
            let retry = reconciler.store.retry(batch.lane, &delivery.receipt, until);
            self.settled(message_id, retry.await);
        }
    }

    /// Defers everything, and logs why.
    async fn defer_all(&mut self, why: &NotReady, batches: Vec<LaneBatch>) {
        self.metrics.count_not_ready(why);
        why.log();
        let until = self.invocation.resources.clock.now().plus(NOT_READY_PAUSE);
        for batch in batches {
            self.defer(batch, until).await;
        }
    }

    /// Defers messages that were not attempted.
    async fn defer(&mut self, batch: LaneBatch, until: Timestamp) {
        let resources = &self.invocation.resources;
        let (store, now) = (&resources.store, resources.clock.now());
        self.deferred += batch.deliveries.len();
        for delivery in &batch.deliveries {
            self.metrics
                .note_age(batch.lane, now.since(delivery.sent_at));
        }
        let receipts: Vec<_> = batch.deliveries.iter().map(|it| &*it.receipt).collect();
        let deferred = store.defer(batch.lane, &receipts, until).await;
        for message_id in batch.message_ids {
            self.settled(message_id, deferred.clone());
        }
    }

    /// Answers for a record: nothing when it was settled.
    fn settled(&mut self, message_id: Option<String>, result: Result<(), PortError>) {
        if let Err(error) = result {
            warn!(
                message_id = message_id.as_deref(),
                error_type = error.code.as_str(),
                reason = error.chain(),
                "message could not be settled; it will be redelivered"
            );
            self.keep_in_queue(message_id);
        }
    }

    /// Lists a record in the answer, so that it stays in the queue. A record without an id cannot be
    /// listed, and Lambda rejects an empty id: then all records stay.
    fn keep_in_queue(&mut self, message_id: Option<String>) {
        match message_id.filter(|id| !id.is_empty()) {
            Some(id) => {
                let mut failure = BatchItemFailure::default();
                failure.item_identifier = id;
                self.answer.batch_item_failures.push(failure);
            }
            None => self.failure = Some(FunctionError::MissingMessageId),
        }
    }

    /// Writes the metrics.
    fn write_metrics(&mut self, function: &'static str) {
        self.metrics.take_calls(&self.invocation.calls);
        let resources = &self.invocation.resources;
        let metrics = resources.with_budget(self.metrics.metrics(function));
        crate::telemetry::print(&metrics, resources.clock.now());
    }
}

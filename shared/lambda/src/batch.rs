//! Working off an SQS event: each record on its own account, whatever becomes of the others.

use std::time::Duration;

use aws_lambda_events::sqs::{BatchItemFailure, SqsBatchResponse, SqsMessage};
use halogard_app::ports::{Clock as _, Delivery, Lane, PortError, WorkQueue as _};
use halogard_domain::Timestamp;
use tracing::{error, info, warn};

use crate::error::FunctionError;
use crate::instance::{FunctionReconciler, Instance, Invocation, NotReady};
use crate::metrics::InvocationMetrics;
use crate::platform::{Platform, ReceivedRecord};

/// How long messages are given back for when nothing can be done with them now: no config, or wrong
/// settings. Somebody has to act first, so this is no hurry, and short enough not to be waited for.
const NOT_READY_PAUSE: Duration = Duration::from_secs(60);

/// Pause before the next try of work that took longer than the invocation.
const TIMED_OUT_PAUSE: Duration = Duration::from_secs(60);

/// The batch under way.
struct Batch<'a, P: Platform> {
    invocation: &'a Invocation<P>,
    answer: SqsBatchResponse,
    metrics: InvocationMetrics,
    /// Records given back without having been tried.
    given_back: usize,
    /// Why the whole batch is to be handed out again, if it is.
    failure: Option<FunctionError>,
}

/// A record in our hands.
struct InFlightRecord {
    id: Option<String>,
    lane: Lane,
    delivery: Delivery,
}

/// Works off `records`, which come from the queues of `lanes`, and answers for each. An invocation
/// ends at `deadline`.
///
/// Whatever is settled with the queue is settled for good: done, given back until a time, or buried.
/// So the answer lists only those records whose settling failed.
///
/// Records that nothing can be done with now, for want of a config, a setting or a secret, are given
/// back for a minute. The answer is then no error: after an error Lambda would leave the records in
/// the queue beside the copies that were given back. A metric and a log line tell instead.
///
/// # Errors
///
/// Not even the queue can be had, or the answer cannot name a record that is to stay; all records
/// stay in the queue.
pub async fn process_batch<P: Platform>(
    instance: &Instance<P>,
    function: &'static str,
    lanes: &[Lane],
    records: Vec<SqsMessage>,
    deadline: Timestamp,
) -> Result<SqsBatchResponse, FunctionError> {
    let invocation = instance.begin(deadline).await?;
    let mut batch = Batch {
        invocation: &invocation,
        answer: SqsBatchResponse::default(),
        metrics: InvocationMetrics::default(),
        given_back: 0,
        failure: None,
    };
    let count = records.len();
    let held = batch.receive(lanes, records).await;
    match &invocation.reconciler {
        Ok(reconciler) => batch.work(reconciler, held).await,
        Err(why) => batch.defer_all(why, held).await,
    }
    let resources = &invocation.resources;
    resources.hand_back().await;
    info!(
        records = count,
        given_back = batch.given_back,
        unsettled = batch.answer.batch_item_failures.len(),
        outcome = "processed",
        "batch processed"
    );
    batch.write_metrics(function);
    match batch.failure {
        Some(failure) => Err(failure),
        None => Ok(batch.answer),
    }
}

impl<P: Platform> Batch<'_, P> {
    /// Takes over the records that may be worked off now.
    async fn receive(&mut self, lanes: &[Lane], records: Vec<SqsMessage>) -> Vec<InFlightRecord> {
        let Invocation {
            platform,
            resources,
            ..
        } = self.invocation;
        let mut held = Vec::with_capacity(records.len());
        for record in records {
            let arn = record.event_source_arn.as_deref().unwrap_or_default();
            let lane = resources.lanes.lane_of(arn);
            let Some(lane) = lane.filter(|lane| lanes.contains(lane)) else {
                error!(queue = arn, "this function does not work off this queue");
                self.unsettled(record.message_id);
                continue;
            };
            let id = record.message_id.clone();
            match platform.receive(&resources.store, lane, record).await {
                Ok(ReceivedRecord::Ready(delivery)) => {
                    held.push(InFlightRecord { id, lane, delivery })
                }
                Ok(ReceivedRecord::TooEarly) => self.given_back += 1,
                Err(error) => self.settled(id, Err(error)),
            }
        }
        held
    }

    /// Works off what is held, in company as large as the bundle allows; what cannot be tried any
    /// more is given back.
    async fn work(&mut self, reconciler: &FunctionReconciler<P>, held: Vec<InFlightRecord>) {
        let mut pause_until = None;
        for (lane, batch) in batches(held, reconciler.batch_max) {
            let now = reconciler.clock.now();
            match pause_until {
                Some(until) if until > now => self.defer(batch, until).await,
                _ if self.invocation.deadline.allows_start(now) => {
                    pause_until = self.process_one_batch(reconciler, lane, batch).await;
                }
                // At once: the next invocation has time enough.
                _ => self.defer(batch, now).await,
            }
        }
    }

    /// Works off one company; says until when the lane rests.
    async fn process_one_batch(
        &mut self,
        reconciler: &FunctionReconciler<P>,
        lane: Lane,
        batch: Vec<InFlightRecord>,
    ) -> Option<Timestamp> {
        let (ids, deliveries): (Vec<_>, Vec<_>) = batch
            .into_iter()
            .map(|held| (held.id, held.delivery))
            .unzip();
        let deadline = &self.invocation.deadline;
        deadline.set_lane(Some(lane));
        let left = deadline.left(reconciler.clock.now());
        let work = Box::pin(reconciler.process(lane, &deliveries));
        let Ok(processed) = tokio::time::timeout(left, work).await else {
            self.retry_timed_out(reconciler, lane, ids, &deliveries)
                .await;
            return Some(reconciler.clock.now());
        };
        let mut pause_until = None;
        for ((id, delivery), processed) in ids.into_iter().zip(&deliveries).zip(processed) {
            if let Ok(processed) = &processed {
                self.metrics.count(&delivery.message, processed);
                pause_until = pause_until.max(processed.pause_until);
            }
            self.settled(id, processed.map(|_| ()));
        }
        pause_until
    }

    /// Leaves work that took too long for another try. What of it was settled meanwhile stays so.
    async fn retry_timed_out(
        &mut self,
        reconciler: &FunctionReconciler<P>,
        lane: Lane,
        ids: Vec<Option<String>>,
        deliveries: &[Delivery],
    ) {
        warn!(
            lane = lane.name(),
            messages = deliveries.len(),
            outcome = "timed_out",
            "processing timed out; the messages will be retried"
        );
        let until = reconciler.clock.now().plus(TIMED_OUT_PAUSE);
        for (id, delivery) in ids.into_iter().zip(deliveries) {
            let left = reconciler.store.retry(lane, &delivery.receipt, until).await;
            self.settled(id, left);
        }
    }

    /// Gives everything back for a while, and says why.
    async fn defer_all(&mut self, why: &NotReady, held: Vec<InFlightRecord>) {
        self.metrics.count_not_ready(why);
        why.log();
        let until = self.invocation.resources.clock.now().plus(NOT_READY_PAUSE);
        self.defer(held, until).await;
    }

    /// Gives records back untried.
    async fn defer(&mut self, untried: Vec<InFlightRecord>, until: Timestamp) {
        let resources = &self.invocation.resources;
        self.given_back += untried.len();
        for InFlightRecord { id, lane, delivery } in untried {
            let given = resources.store.defer(lane, &delivery.receipt, until).await;
            self.settled(id, given);
        }
    }

    /// Answers for a record: not at all when it is settled.
    fn settled(&mut self, id: Option<String>, settled: Result<(), PortError>) {
        if let Err(error) = settled {
            warn!(
                message_id = id.as_deref(),
                error_type = error.error_type,
                reason = error.chain(),
                "message could not be settled; it will be redelivered"
            );
            self.unsettled(id);
        }
    }

    /// Lists a record in the answer, so that it stays in the queue. One without an id cannot be
    /// listed, and an empty id would be taken for nonsense: then all of them stay.
    fn unsettled(&mut self, id: Option<String>) {
        match id.filter(|id| !id.is_empty()) {
            Some(id) => {
                let mut failure = BatchItemFailure::default();
                failure.item_identifier = id;
                self.answer.batch_item_failures.push(failure);
            }
            None => self.failure = Some(FunctionError::MissingMessageId),
        }
    }

    /// Writes the metrics.
    fn write_metrics(&self, function: &'static str) {
        let resources = &self.invocation.resources;
        let metrics = resources.with_budget(self.metrics.metrics(function));
        crate::telemetry::print(&metrics, resources.clock.now());
    }
}

/// Records in batches of one lane and at most `most`, in order.
fn batches(held: Vec<InFlightRecord>, most: usize) -> Vec<(Lane, Vec<InFlightRecord>)> {
    let mut batches: Vec<(Lane, Vec<InFlightRecord>)> = Vec::new();
    for record in held {
        match batches.last_mut() {
            Some((lane, batch)) if *lane == record.lane && batch.len() < most => {
                batch.push(record);
            }
            _ => batches.push((record.lane, vec![record])),
        }
    }
    batches
}

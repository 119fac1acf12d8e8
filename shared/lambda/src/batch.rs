//! Working off an SQS event: each record on its own account, whatever becomes of the others.

use std::time::Duration;

use aws_lambda_events::sqs::{BatchItemFailure, SqsBatchResponse, SqsMessage};
use halogard_app::ports::{Clock as _, Delivery, Lane, PortError, WorkQueue as _};
use halogard_domain::Timestamp;
use tracing::{error, info, warn};

use crate::error::FunctionError;
use crate::instance::{FunctionBundle, Instance, Invocation, NotReady};
use crate::platform::{Platform, TakenOver};
use crate::tally::Tally;

/// How long messages are given back for when nothing can be done with them now: no config, or wrong
/// settings. Somebody has to act first, so this is no hurry, and short enough not to be waited for.
const NOT_READY_PAUSE: Duration = Duration::from_secs(60);

/// Pause before the next try of work that took longer than the invocation.
const CUT_OFF_PAUSE: Duration = Duration::from_secs(60);

/// The batch under way.
struct Batch<'a, P: Platform> {
    invocation: &'a Invocation<P>,
    answer: SqsBatchResponse,
    tally: Tally,
    /// Records given back without having been tried.
    given_back: usize,
    /// Why the whole batch is to be handed out again, if it is.
    failure: Option<FunctionError>,
}

/// A record in our hands.
struct Held {
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
pub async fn work_off<P: Platform>(
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
        tally: Tally::default(),
        given_back: 0,
        failure: None,
    };
    let count = records.len();
    let held = batch.take_over(lanes, records).await;
    match &invocation.bundle {
        Ok(bundle) => batch.work(bundle, held).await,
        Err(why) => batch.put_off(why, held).await,
    }
    let ground = &invocation.ground;
    ground.hand_back().await;
    info!(
        records = count,
        given_back = batch.given_back,
        unsettled = batch.answer.batch_item_failures.len(),
        outcome = "worked_off",
        "worked off a batch"
    );
    batch.tell(function);
    match batch.failure {
        Some(failure) => Err(failure),
        None => Ok(batch.answer),
    }
}

impl<P: Platform> Batch<'_, P> {
    /// Takes over the records that may be worked off now.
    async fn take_over(&mut self, lanes: &[Lane], records: Vec<SqsMessage>) -> Vec<Held> {
        let Invocation {
            platform, ground, ..
        } = self.invocation;
        let mut held = Vec::with_capacity(records.len());
        for record in records {
            let arn = record.event_source_arn.as_deref().unwrap_or_default();
            let lane = ground.lanes.lane_of(arn);
            let Some(lane) = lane.filter(|lane| lanes.contains(lane)) else {
                error!(queue = arn, "this function does not work off this queue");
                self.unsettled(record.message_id);
                continue;
            };
            let id = record.message_id.clone();
            match platform.take_over(&ground.store, lane, record).await {
                Ok(TakenOver::Ready(delivery)) => held.push(Held { id, lane, delivery }),
                Ok(TakenOver::TooEarly) => self.given_back += 1,
                Err(error) => self.settled(id, Err(error)),
            }
        }
        held
    }

    /// Works off what is held, in company as large as the bundle allows; what cannot be tried any
    /// more is given back.
    async fn work(&mut self, bundle: &FunctionBundle<P>, held: Vec<Held>) {
        let mut rest_until = None;
        for (lane, company) in companies(held, bundle.together_max) {
            let now = bundle.clock.now();
            match rest_until {
                Some(until) if until > now => self.give_back(company, until).await,
                _ if self.invocation.watch.allows_work(now) => {
                    rest_until = self.work_company(bundle, lane, company).await;
                }
                // At once: the next invocation has time enough.
                _ => self.give_back(company, now).await,
            }
        }
    }

    /// Works off one company; says until when the lane rests.
    async fn work_company(
        &mut self,
        bundle: &FunctionBundle<P>,
        lane: Lane,
        company: Vec<Held>,
    ) -> Option<Timestamp> {
        let (ids, deliveries): (Vec<_>, Vec<_>) = company
            .into_iter()
            .map(|held| (held.id, held.delivery))
            .unzip();
        let watch = &self.invocation.watch;
        watch.work_for(Some(lane));
        let left = watch.left(bundle.clock.now());
        let work = Box::pin(bundle.work(lane, &deliveries));
        let Ok(worked) = tokio::time::timeout(left, work).await else {
            self.cut_off(bundle, lane, ids, &deliveries).await;
            return Some(bundle.clock.now());
        };
        let mut rest_until = None;
        for ((id, delivery), worked) in ids.into_iter().zip(&deliveries).zip(worked) {
            if let Ok(worked) = &worked {
                self.tally.count(&delivery.message, worked);
                rest_until = rest_until.max(worked.rest_until);
            }
            self.settled(id, worked.map(|_| ()));
        }
        rest_until
    }

    /// Leaves work that took too long for another try. What of it was settled meanwhile stays so.
    async fn cut_off(
        &mut self,
        bundle: &FunctionBundle<P>,
        lane: Lane,
        ids: Vec<Option<String>>,
        deliveries: &[Delivery],
    ) {
        warn!(
            lane = lane.name(),
            messages = deliveries.len(),
            outcome = "cut_off",
            "work took longer than the invocation; it is tried again"
        );
        let until = bundle.clock.now().plus(CUT_OFF_PAUSE);
        for (id, delivery) in ids.into_iter().zip(deliveries) {
            let left = bundle.store.retry(lane, &delivery.receipt, until).await;
            self.settled(id, left);
        }
    }

    /// Gives everything back for a while, and says why.
    async fn put_off(&mut self, why: &NotReady, held: Vec<Held>) {
        self.tally.put_off(why);
        why.tell();
        let until = self.invocation.ground.clock.now().plus(NOT_READY_PAUSE);
        self.give_back(held, until).await;
    }

    /// Gives records back untried.
    async fn give_back(&mut self, untried: Vec<Held>, until: Timestamp) {
        let ground = &self.invocation.ground;
        self.given_back += untried.len();
        for Held { id, lane, delivery } in untried {
            let given = ground.store.give_back(lane, &delivery.receipt, until).await;
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
                "a message could not be settled; it comes back"
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
            None => self.failure = Some(FunctionError::Nameless),
        }
    }

    /// Writes the metrics.
    fn tell(&self, function: &'static str) {
        let ground = &self.invocation.ground;
        let metrics = ground.with_budget(self.tally.metrics(function));
        crate::telemetry::print(&metrics, ground.clock.now());
    }
}

/// Records in companies of one lane and at most `most`, in order.
fn companies(held: Vec<Held>, most: usize) -> Vec<(Lane, Vec<Held>)> {
    let mut companies: Vec<(Lane, Vec<Held>)> = Vec::new();
    for record in held {
        match companies.last_mut() {
            Some((lane, company)) if *lane == record.lane && company.len() < most => {
                company.push(record);
            }
            _ => companies.push((record.lane, vec![record])),
        }
    }
    companies
}

//! Dispatches an event to a sync cycle or a batch.

use aws_lambda_events::sqs::SqsBatchResponse;
use halogard_app::cycle::CycleReport;
use halogard_app::process::RunWork;
use halogard_domain::Timestamp;
use halogard_lambda::{FunctionError, Instance, Platform, batch, cycle, deadline};
use lambda_runtime::LambdaEvent;
use serde::Serialize;

use crate::event::{Request, ScheduledEvent};
use crate::notices::NoticeRounds;
use crate::verification::Verifications;

/// The function's name in logs and metrics.
pub const FUNCTION: &str = "inspector-poll";

/// The response of the function.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub enum PollResponse {
    /// To the schedule, which ignores it; for a person who invokes the function.
    SyncCycle {
        /// Whether both sides were read to the end.
        complete: bool,
        /// The number of messages queued.
        queued: usize,
    },
    /// To the event source of the queue.
    Batch(SqsBatchResponse),
}

/// What an instance does after a sync cycle.
#[derive(Default)]
pub struct BesideCycles {
    notices: NoticeRounds,
    verifications: Verifications,
}

/// Handles `event`.
pub async fn handle<P: Platform>(
    instance: &Instance<P>,
    beside: &BesideCycles,
    event: LambdaEvent<ScheduledEvent>,
) -> Result<PollResponse, FunctionError> {
    let deadline = deadline(&event.context);
    answer(instance, beside, event.payload, deadline)
        .await
        .inspect_err(FunctionError::log)
}

/// The response to `event` in an invocation that ends at `deadline`.
async fn answer<P: Platform>(
    instance: &Instance<P>,
    beside: &BesideCycles,
    event: ScheduledEvent,
    deadline: Timestamp,
) -> Result<PollResponse, FunctionError> {
    match Request::try_from(event)? {
        Request::SyncCycle => {
            let cycle = cycle::run(instance, FUNCTION, deadline).await?;
            if cycle.is_some() {
                Box::pin(beside.verifications.advance(instance, deadline)).await;
            }
            Box::pin(beside.notices.send_due(instance, deadline)).await;
            let report = cycle.and_then(|cycle| cycle.report);
            Ok(PollResponse::SyncCycle {
                complete: report.is_some_and(CycleReport::is_complete),
                queued: report.map_or(0, CycleReport::queued),
            })
        }
        Request::Batch(records) => {
            batch::process_batch::<RunWork, _>(instance, FUNCTION, records, deadline)
                .await
                .map(PollResponse::Batch)
        }
    }
}

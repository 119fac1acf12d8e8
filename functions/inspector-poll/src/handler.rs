//! From an event to a round or a batch.

use aws_lambda_events::sqs::SqsBatchResponse;
use halogard_app::ports::Lane;
use halogard_domain::Timestamp;
use halogard_lambda::{FunctionError, Instance, Platform, batch, deadline, round};
use lambda_runtime::LambdaEvent;
use serde::Serialize;

use crate::event::{Call, Event};

/// The function's name in logs and metrics.
pub const FUNCTION: &str = "inspector-poll";

/// The lanes it works off.
const LANES: [Lane; 1] = [Lane::Runs];

/// What the function answers.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub enum Answer {
    /// To the schedule; nobody reads it but a person who calls the function by hand.
    Round {
        /// Whether both sides were read to the end.
        whole: bool,
        /// Messages the round led to.
        queued: usize,
    },
    /// To the queue.
    Batch(SqsBatchResponse),
}

/// Does what `event` asks for.
pub async fn handle<P: Platform>(
    instance: &Instance<P>,
    event: LambdaEvent<Event>,
) -> Result<Answer, FunctionError> {
    let deadline = deadline(&event.context);
    answer(instance, event.payload, deadline)
        .await
        .inspect_err(FunctionError::tell)
}

/// The answer to `event`, in an invocation that ends at `deadline`.
async fn answer<P: Platform>(
    instance: &Instance<P>,
    event: Event,
    deadline: Timestamp,
) -> Result<Answer, FunctionError> {
    match Call::try_from(event)? {
        Call::Round => {
            let rounded = round::make(instance, FUNCTION, deadline).await?;
            let round = rounded.and_then(|rounded| rounded.round);
            Ok(Answer::Round {
                whole: round.is_some_and(|round| round.is_whole()),
                queued: round.map_or(0, |round| round.queued()),
            })
        }
        Call::Batch(records) => batch::work_off(instance, FUNCTION, &LANES, records, deadline)
            .await
            .map(Answer::Batch),
    }
}

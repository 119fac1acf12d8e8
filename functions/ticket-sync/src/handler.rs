//! Processes the records of an event.

use aws_lambda_events::sqs::{SqsBatchResponse, SqsEvent};
use halogard_app::process::PairWork;
use halogard_lambda::{FunctionError, Instance, Platform, batch, deadline};
use lambda_runtime::LambdaEvent;

/// The function's name in logs and metrics.
pub const FUNCTION: &str = "ticket-sync";

/// Processes the records of an event, and answers for each of them.
pub async fn handle<P: Platform>(
    instance: &Instance<P>,
    event: LambdaEvent<SqsEvent>,
) -> Result<SqsBatchResponse, FunctionError> {
    let deadline = deadline(&event.context);
    let records = event.payload.records;
    batch::process_batch::<PairWork, _>(instance, FUNCTION, records, deadline)
        .await
        .inspect_err(FunctionError::log)
}

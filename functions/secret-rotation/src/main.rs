//! Puts the parts together and runs.

use halogard_lambda::telemetry;
use halogard_runtime::settings::variable;
use lambda_runtime::{Error, LambdaEvent, service_fn};
use secret_rotation::{FUNCTION, Function, RotationEvent, handle};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    telemetry::start(FUNCTION)?;
    let function = Function::new(variable)?;
    let function = &function;
    lambda_runtime::run(service_fn(async |event: LambdaEvent<RotationEvent>| {
        let answer = Box::pin(handle(function, event.payload)).await;
        answer.inspect_err(|error| tracing::error!(%error, "call failed"))
    }))
    .await
}

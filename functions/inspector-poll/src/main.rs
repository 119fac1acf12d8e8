//! `inspector-poll`: runs a sync cycle on a schedule, and processes the queue of inspector runs.

mod event;
mod handler;
mod notices;
mod verification;

use halogard_lambda::{Aws, Instance, telemetry};
use lambda_runtime::service_fn;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    telemetry::start(handler::FUNCTION)?;
    let instance = Instance::new(Aws::from_environment());
    let beside = handler::BesideCycles::default();
    // Boxed: the runtime moves the future, and this one is large.
    let handle = service_fn(|event| Box::pin(handler::handle(&instance, &beside, event)));
    lambda_runtime::run(handle).await
}

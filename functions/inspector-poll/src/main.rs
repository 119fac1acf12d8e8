//! `inspector-poll`: runs a sync cycle on a schedule, and processes the queue of inspector runs.

mod event;
mod handler;
mod notices;

use halogard_lambda::{Aws, Instance, telemetry};
use lambda_runtime::service_fn;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    telemetry::start(handler::FUNCTION)?;
    let instance = Instance::new(Aws::from_environment());
    let notices = notices::NoticeRounds::default();
    // Boxed: the runtime moves the future, and this one is large.
    let handle = service_fn(|event| Box::pin(handler::handle(&instance, &notices, event)));
    lambda_runtime::run(handle).await
}

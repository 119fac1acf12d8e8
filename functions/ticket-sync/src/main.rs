//! `ticket-sync`: processes the urgent and the bulk queue. It reconciles pairs, and is the only function
//! that writes HaloPSA's tickets.

mod handler;

use halogard_lambda::{Aws, Instance, telemetry};
use lambda_runtime::service_fn;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    telemetry::start(handler::FUNCTION)?;
    let instance = Instance::new(Aws::from_environment());
    // Boxed: the runtime moves the future, and this one is large.
    let handle = service_fn(|event| Box::pin(handler::handle(&instance, event)));
    lambda_runtime::run(handle).await
}

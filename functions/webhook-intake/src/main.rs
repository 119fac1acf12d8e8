//! Puts the parts together and runs.

use std::convert::Infallible;
use std::sync::Arc;

use halogard_app::keyring::Gate;
use halogard_domain::Timestamp;
use halogard_runtime::SystemClock;
use halogard_runtime::metrics::Metrics;
use halogard_runtime::telemetry::{function_level, init_function};
use halogard_signed::Access;
use lambda_runtime::{Error, LambdaEvent, service_fn};
use webhook_intake::{BySettings, Event, FUNCTION, Intake, Queues, SecretsManager, Settings};

// One thread: an instance takes one event at a time, and a second thread costs memory and start.
#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let level = function_level(variable("AWS_LAMBDA_LOG_LEVEL").as_deref());
    init_function(FUNCTION, level)?;
    let intake = match built() {
        Ok(intake) => intake,
        Err(error) => {
            tracing::error!(reason = %error, "the function cannot start");
            return Err(error);
        }
    };
    let intake = &intake;
    lambda_runtime::run(service_fn(async |event: LambdaEvent<Event>| {
        Ok::<_, Infallible>(intake.answer(&event.payload).await)
    }))
    .await
}

/// The function, built from the environment. Opens no connection: that waits for what needs it.
fn built() -> Result<Intake<Queues<SystemClock>, SecretsManager<SystemClock>, SystemClock>, Error> {
    let settings = Settings::read(variable)?;
    let access = Arc::new(Access::read(variable)?);
    let vault = SecretsManager::new(&access, settings.secret, SystemClock);
    let maker = BySettings::new(settings.webhook);
    let gate = Gate::new(vault, maker, SystemClock, settings.secret_life);
    let queues = Queues::new(&access, settings.urgent, settings.runs, SystemClock);
    Ok(Intake::new(queues, gate, SystemClock, print))
}

/// Prints what was counted, where Lambda takes it up.
fn print(metrics: &Metrics, at: Timestamp) {
    if let Err(error) = metrics.print(at.as_millis()) {
        tracing::warn!(reason = %error, "metrics could not be written");
    }
}

/// The environment variable `name`.
#[expect(
    clippy::disallowed_methods,
    reason = "the one place of this function that reads the environment"
)]
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

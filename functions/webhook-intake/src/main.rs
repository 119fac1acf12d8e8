//! `webhook-intake`: verifies webhooks and queues the work they lead to.

// The futures of the SDK are nested deeply.
#![recursion_limit = "256"]

use std::collections::BTreeMap;
use std::convert::Infallible;

use halogard_app::ports::Lane;
use halogard_aws::{AwsSettings, QueueSender, SecretsManager};
use halogard_credentials::webhook_auth::{Authenticator, VaultReader};
use halogard_domain::Timestamp;
use halogard_runtime::SystemClock;
use halogard_runtime::metrics::Metrics;
use halogard_runtime::settings::variable;
use halogard_runtime::telemetry::{function_level, init_function};
use lambda_runtime::{Error, LambdaEvent, service_fn};
use webhook_intake::{Event, FUNCTION, Intake, IntakeSettings};

// One thread: an instance handles one event at a time, and a second thread costs memory and start-up time.
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

/// The function over SQS and Secrets Manager.
type AwsIntake = Intake<QueueSender<SystemClock>, VaultReader<SecretsManager>, SystemClock>;

/// The function, built from the environment. It opens no connection: the first delivery does.
fn built() -> Result<AwsIntake, Error> {
    let settings = IntakeSettings::read(variable)?;
    let config = AwsSettings::read(variable)?.sdk_config();
    let reader = VaultReader::new(SecretsManager::new(&config), settings.secret);
    let authenticator = Authenticator::new(reader, SystemClock, settings.secret_ttl)
        .with_defaults(settings.webhook);
    let queue_urls = BTreeMap::from([(Lane::Urgent, settings.urgent), (Lane::Runs, settings.runs)]);
    let queues = QueueSender::new(&config, queue_urls, SystemClock);
    Ok(Intake::new(queues, authenticator, SystemClock, print))
}

/// Prints `metrics` to standard output, where CloudWatch reads them.
fn print(metrics: &Metrics, at: Timestamp) {
    if let Err(error) = metrics.print(at.as_millis()) {
        tracing::warn!(reason = %error, "metrics could not be written");
    }
}

//! Webhook intake, written the ordinary way: the SDK's defaults for configuration, TLS and roots, the
//! secret read at the start, and for each authentic delivery one message sent to SQS.

use std::env;

use aws_sdk_sqs::Client as Sqs;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use lambda_http::{Body, Error, Request, RequestExt as _, Response, run, service_fn, tracing};
use serde_json::{Value, json};
use sha2::Sha256;

/// Where SQS and the secret's values are kept between events.
struct Intake {
    sqs: Sqs,
    queue_url: String,
    path_token: String,
    signing_secret: String,
}

#[tokio::main]
async fn main() -> Result<(), Error> {
    tracing::init_default_subscriber();
    let config = aws_config::load_from_env().await;
    let secret = aws_sdk_secretsmanager::Client::new(&config)
        .get_secret_value()
        .secret_id(env::var("WEBHOOK_SECRET")?)
        .send()
        .await?;
    let secret: Value = serde_json::from_str(secret.secret_string().unwrap_or_default())?;
    let member = |name: &str| secret[name].as_str().unwrap_or_default().to_owned();
    let intake = Intake {
        sqs: Sqs::new(&config),
        queue_url: env::var("URGENT_QUEUE_URL")?,
        path_token: member("halopsa_webhook_token"),
        signing_secret: member("halopsa_webhook_secret"),
    };
    run(service_fn(|request| intake.take(request))).await
}

impl Intake {
    /// Checks a delivery, reads it, queues it, answers.
    async fn take(&self, request: Request) -> Result<Response<Body>, Error> {
        if !self.is_authentic(&request) {
            return answer(401, "unauthorized");
        }
        let Ok(delivery) = serde_json::from_slice::<Value>(request.body()) else {
            return answer(400, "not JSON");
        };
        let ticket = delivery.get("ticket").cloned().unwrap_or_default();
        let message = json!({
            "form": 1,
            "reconcile_ticket": { "ticket_id": delivery["object_id"], "said": ticket },
        });
        self.sqs
            .send_message()
            .queue_url(&self.queue_url)
            .message_body(message.to_string())
            .send()
            .await?;
        answer(200, "queued")
    }

    /// Whether path and signature are right.
    fn is_authentic(&self, request: &Request) -> bool {
        let path = request.raw_http_path();
        let token = path.rsplit('/').next().unwrap_or_default();
        let signature = request
            .headers()
            .get("x-halo-signature")
            .and_then(|value| STANDARD.decode(value.as_bytes()).ok());
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(self.signing_secret.as_bytes()) else {
            return false;
        };
        mac.update(request.body());
        token == self.path_token
            && signature.is_some_and(|signature| mac.verify_slice(&signature).is_ok())
    }
}

/// An answer with a small JSON body.
fn answer(status: u16, outcome: &str) -> Result<Response<Body>, Error> {
    Ok(Response::builder()
        .status(status)
        .header("content-type", "application/json")
        .body(json!({ "outcome": outcome }).to_string().into())?)
}

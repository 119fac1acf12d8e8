//! A queue worker, written the ordinary way: the SDK's defaults, both vendors' secrets read at the
//! start, and for each message one item read and one written.

use std::env;

use aws_lambda_events::event::sqs::{BatchItemFailure, SqsBatchResponse, SqsEvent, SqsMessage};
use aws_sdk_dynamodb::Client as Dynamo;
use aws_sdk_dynamodb::types::AttributeValue;
use lambda_runtime::{Error, LambdaEvent, run, service_fn, tracing};
use serde_json::Value;

/// Where the table and the clients are kept between events.
struct Worker {
    dynamo: Dynamo,
    table: String,
    _secrets: Vec<Value>,
}

#[tokio::main]
async fn main() -> Result<(), Error> {
    tracing::init_default_subscriber();
    let config = aws_config::load_from_env().await;
    let vault = aws_sdk_secretsmanager::Client::new(&config);
    let mut secrets = Vec::new();
    for name in ["HALOPSA_SECRET", "LIONGARD_SECRET"] {
        let secret = vault
            .get_secret_value()
            .secret_id(env::var(name)?)
            .send()
            .await?;
        secrets.push(serde_json::from_str(
            secret.secret_string().unwrap_or_default(),
        )?);
    }
    let worker = Worker {
        dynamo: Dynamo::new(&config),
        table: env::var("HALOGARD_TABLE")?,
        _secrets: secrets,
    };
    run(service_fn(|event| worker.work(event))).await
}

impl Worker {
    /// Works a batch; a message that fails is given back alone.
    async fn work(&self, event: LambdaEvent<SqsEvent>) -> Result<SqsBatchResponse, Error> {
        let mut failures = Vec::new();
        for message in &event.payload.records {
            if let Err(error) = self.look(message).await {
                tracing::error!(%error, "the message failed");
                let mut failure = BatchItemFailure::default();
                failure.item_identifier = message.message_id.clone().unwrap_or_default();
                failures.push(failure);
            }
        }
        let mut response = SqsBatchResponse::default();
        response.batch_item_failures = failures;
        Ok(response)
    }

    /// Reads the link of the message's alert and writes what the message says.
    async fn look(&self, message: &SqsMessage) -> Result<(), Error> {
        let body: Value = serde_json::from_str(message.body.as_deref().unwrap_or_default())?;
        let key = format!("link#{}", body["alert_id"]);
        let known = self
            .dynamo
            .get_item()
            .table_name(&self.table)
            .key("pk", AttributeValue::S(key.clone()))
            .key("sk", AttributeValue::S("link".to_owned()))
            .consistent_read(true)
            .send()
            .await?;
        let looks = known
            .item()
            .and_then(|item| item.get("looks")?.as_n().ok()?.parse::<u64>().ok())
            .unwrap_or_default();
        self.dynamo
            .put_item()
            .table_name(&self.table)
            .item("pk", AttributeValue::S(key))
            .item("sk", AttributeValue::S("link".to_owned()))
            .item("looks", AttributeValue::N((looks + 1).to_string()))
            .item("said", AttributeValue::S(body.to_string()))
            .send()
            .await?;
        Ok(())
    }
}

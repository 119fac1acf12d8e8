//! A scheduled poll, written the ordinary way: the SDK's and reqwest's defaults, both vendors' secrets read at the
//! start, and for each event one list from each vendor, state read and written, and one message sent. It calls the
//! store as often as `inspector-poll` does for its first event.

use std::env;

use aws_sdk_dynamodb::Client as Dynamo;
use aws_sdk_dynamodb::types::AttributeValue;
use aws_sdk_sqs::Client as Sqs;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use lambda_runtime::{Error, LambdaEvent, run, service_fn, tracing};
use serde_json::{Value, json};

/// Items that are read.
const LOADS: usize = 13;

/// Lists that are read.
const QUERIES: usize = 3;

/// Items that are written.
const SAVES: usize = 14;

/// Clients and credentials that are used by every event.
struct Poll {
    dynamo: Dynamo,
    sqs: Sqs,
    http: reqwest::Client,
    table: String,
    queue_url: String,
    halopsa: Value,
    liongard: Value,
}

#[tokio::main]
async fn main() -> Result<(), Error> {
    tracing::init_default_subscriber();
    let config = aws_config::load_from_env().await;
    let secrets = aws_sdk_secretsmanager::Client::new(&config);
    let poll = Poll {
        halopsa: secret(&secrets, "HALOPSA_SECRET").await?,
        liongard: secret(&secrets, "LIONGARD_SECRET").await?,
        dynamo: Dynamo::new(&config),
        sqs: Sqs::new(&config),
        http: reqwest::Client::new(),
        table: env::var("HALOGARD_TABLE")?,
        queue_url: env::var("BULK_QUEUE_URL")?,
    };
    run(service_fn(|event: LambdaEvent<Value>| poll.poll(event))).await
}

/// The secret that the variable `name` names.
async fn secret(client: &aws_sdk_secretsmanager::Client, name: &str) -> Result<Value, Error> {
    let secret = client
        .get_secret_value()
        .secret_id(env::var(name)?)
        .send()
        .await?;
    Ok(serde_json::from_str(
        secret.secret_string().unwrap_or_default(),
    )?)
}

impl Poll {
    /// Lists tickets and alerts, and queues what is new.
    async fn poll(&self, _: LambdaEvent<Value>) -> Result<Value, Error> {
        for item in 0..LOADS {
            self.load(item).await?;
        }
        for list in 0..QUERIES {
            self.list(list).await?;
        }
        let tickets = self.tickets().await?;
        let alerts = self.alerts().await?;
        let message = json!({ "alerts": alerts, "tickets": tickets.as_array().map(Vec::len) });
        self.sqs
            .send_message()
            .queue_url(&self.queue_url)
            .message_body(message.to_string())
            .send()
            .await?;
        for item in 0..SAVES {
            self.save(item).await?;
        }
        Ok(json!({ "queued": 1 }))
    }

    /// HaloPSA's latest tickets, after signing in.
    async fn tickets(&self) -> Result<Value, Error> {
        let base = env::var("HALOPSA_RESOURCE_URL")?;
        let member = |name: &str| self.halopsa[name].as_str().unwrap_or_default().to_owned();
        let tenant = env::var("HALOPSA_TENANT")?;
        let form = [
            ("grant_type", "client_credentials".to_owned()),
            ("client_id", member("halopsa_client_id")),
            ("client_secret", member("halopsa_client_secret")),
            ("scope", "read:tickets edit:tickets".to_owned()),
        ];
        let token: Value = self
            .http
            .post(format!("{base}/auth/token?tenant={tenant}"))
            .form(&form)
            .send()
            .await?
            .error_for_status()?
            .json()
            .await?;
        let list: Value = self
            .http
            .get(format!("{base}/api/Tickets?pageinate=true&page_size=100&page_no=1"))
            .bearer_auth(token["access_token"].as_str().unwrap_or_default())
            .send()
            .await?
            .error_for_status()?
            .json()
            .await?;
        Ok(list["tickets"].clone())
    }

    /// Liongard's alerts.
    async fn alerts(&self) -> Result<Value, Error> {
        let base = env::var("LIONGARD_URL")?;
        let member = |name: &str| self.liongard[name].as_str().unwrap_or_default();
        let key = STANDARD.encode(format!(
            "{}:{}",
            member("liongard_access_key_id"),
            member("liongard_access_key_secret")
        ));
        let answer = self
            .http
            .get(format!("{base}/api/v1/tasks"))
            .header("x-roar-api-key", key)
            .send()
            .await?;
        Ok(answer.error_for_status()?.json().await?)
    }

    /// Reads one item.
    async fn load(&self, item: usize) -> Result<(), Error> {
        self.dynamo
            .get_item()
            .table_name(&self.table)
            .key("pk", AttributeValue::S("poll".to_owned()))
            .key("sk", AttributeValue::S(item.to_string()))
            .consistent_read(true)
            .send()
            .await?;
        Ok(())
    }

    /// Reads one list.
    async fn list(&self, list: usize) -> Result<(), Error> {
        self.dynamo
            .query()
            .table_name(&self.table)
            .key_condition_expression("pk = :pk")
            .expression_attribute_values(":pk", AttributeValue::S(format!("list-{list}")))
            .send()
            .await?;
        Ok(())
    }

    /// Writes one item.
    async fn save(&self, item: usize) -> Result<(), Error> {
        self.dynamo
            .put_item()
            .table_name(&self.table)
            .item("pk", AttributeValue::S("poll".to_owned()))
            .item("sk", AttributeValue::S(item.to_string()))
            .item("polls", AttributeValue::N("1".to_owned()))
            .send()
            .await?;
        Ok(())
    }
}

//! The built function as Lambda runs it: the emulator is AWS, a stand-in of the Runtime API gives it
//! events, and both vendors are simulated. Used by the tests of the functions.
#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "a test stops at what it did not expect, in its helpers too"
)]
#![allow(dead_code, reason = "each test file uses its part of it")]

use std::collections::{BTreeMap, BTreeSet};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use aws_sdk_dynamodb::types::{
    AttributeDefinition, BillingMode, KeySchemaElement, KeyType, ScalarAttributeType,
};
use halogard_app::ports::{Clock as _, Lane, Outgoing, Records as _, Revision, WorkSink as _};
use halogard_aws::{AwsSettings, QueueUrls, Store, StoreNames};
use halogard_domain::Message;
use halogard_domain::config_history::ConfigInForce;
use halogard_domain::continuity::{Completeness, StoreContinuity};
use halogard_domain::record::Singleton;
use halogard_emulator::{Answer, Emulator, REGION, RuntimeApi, SECRET_ACCESS_KEY};
use halogard_runtime::SystemClock;
use halogard_simulator::halopsa::ApiApplication;
use halogard_simulator::liongard::{AccessKeySpec, AlertSpec};
use halogard_simulator::{
    HaloPsa, Liongard, ServerHandle, SimClock, SimHaloSettings, SimLiongardSettings,
    SystemSimClock, World, serve_on_loopback,
};
use serde_json::{Value, json};

/// The table's name.
const TABLE: &str = "halogard";

/// How long anything may take here: a debug build on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// What an invocation has.
const TIME_LEFT: Duration = Duration::from_secs(120);

/// AWS with a table, queues, secrets and a config, and both vendors.
pub struct Stack {
    /// The simulated HaloPSA.
    pub halo: HaloPsa,
    /// The simulated Liongard.
    pub liongard: Liongard,
    sqs: aws_sdk_sqs::Client,
    store: Store<SystemClock>,
    names: StoreNames,
    /// What the template sets.
    pub variables: BTreeMap<&'static str, String>,
    _servers: [ServerHandle; 2],
}

/// A function that runs.
pub struct Function {
    process: Child,
    api: Arc<RuntimeApi>,
}

impl Stack {
    /// Everything in an unused account.
    pub async fn deploy() -> Self {
        let emulator = Emulator::shared().await;
        let account = emulator.account();
        let mut variables = BTreeMap::from([
            ("AWS_REGION", REGION.to_owned()),
            ("AWS_ACCESS_KEY_ID", account.clone()),
            ("AWS_SECRET_ACCESS_KEY", SECRET_ACCESS_KEY.to_owned()),
            ("AWS_ENDPOINT_URL", emulator.endpoint()),
            ("HALOGARD_TABLE", TABLE.to_owned()),
        ]);
        let config = AwsSettings::read(|name| variables.get(name).cloned())
            .unwrap()
            .sdk_config();
        create_table(&aws_sdk_dynamodb::Client::new(&config)).await;
        let sqs = aws_sdk_sqs::Client::new(&config);
        let names = StoreNames {
            table: TABLE.to_owned(),
            queues: create_queues(&sqs, &mut variables).await,
        };
        let clock: Arc<dyn SimClock> = Arc::new(SystemSimClock);
        let world = World::sample(6);
        let halo = HaloPsa::new(
            SimHaloSettings {
                world: world.clone(),
                applications: vec![ApiApplication::sample()],
                ..SimHaloSettings::default()
            },
            Arc::clone(&clock),
            1,
        );
        let liongard = Liongard::new(
            SimLiongardSettings {
                world: world.clone(),
                access_keys: vec![AccessKeySpec::sample()],
                ..SimLiongardSettings::default()
            },
            clock,
            1,
        );
        liongard.connect(halo.clone());
        let servers = [
            serve_on_loopback(halo.router()).await.unwrap(),
            serve_on_loopback(liongard.router()).await.unwrap(),
        ];
        variables.insert("HALOPSA_RESOURCE_URL", servers[0].base_url());
        variables.extend(
            SimHaloSettings::default()
                .tenant
                .map(|tenant| ("HALOPSA_TENANT", tenant)),
        );
        variables.insert("LIONGARD_URL", servers[1].base_url());
        create_secrets(
            &aws_sdk_secretsmanager::Client::new(&config),
            &mut variables,
        )
        .await;
        let store = Store::new(&config, names.clone(), SystemClock);
        let text = world.config_text("managed", "", &BTreeSet::new());
        let config = halogard_config::parse("the test's config", &text).unwrap();
        let applied = ConfigInForce {
            policy: Some(config.policy),
            versions: Vec::new(),
        };
        let saved = store.save_record(&Singleton, &applied, Revision(0));
        saved.await.unwrap();
        // As after a sweep that found nothing unknown.
        let now = SystemClock.now();
        let continuity = StoreContinuity {
            began_at: now,
            seen_at: now,
            completeness: Completeness::Current,
            is_new: false,
            ..StoreContinuity::default()
        };
        let saved = store.save_record(&Singleton, &continuity, Revision(0));
        saved.await.unwrap();
        Self {
            halo,
            liongard,
            sqs,
            store,
            names,
            variables,
            _servers: servers,
        }
    }

    /// Raises an alert in Liongard; its id.
    pub fn alert(&self) -> u64 {
        let spec = AlertSpec::new(8801, "Domain Admins changed", "a member was added");
        u64::try_from(self.liongard.raise(&spec).unwrap()).unwrap()
    }

    /// The table and the queues.
    pub const fn store(&self) -> &Store<SystemClock> {
        &self.store
    }

    /// Puts a message on a lane.
    pub async fn send(&self, lane: Lane, message: Message) {
        self.store
            .send(lane, &[Outgoing::from(message)])
            .await
            .unwrap();
    }

    /// Receives what waits on a lane as the event that Lambda would make of it.
    pub async fn event(&self, lane: Lane) -> Value {
        let queue = &self.names.queues[&lane].work;
        let name = queue.rsplit('/').next().unwrap();
        let account = queue.rsplit('/').nth(1).unwrap();
        let received = self
            .sqs
            .receive_message()
            .queue_url(queue)
            .max_number_of_messages(10)
            .message_attribute_names("All")
            .message_system_attribute_names("All".into())
            .send()
            .await
            .unwrap();
        let records: Vec<Value> = received
            .messages()
            .iter()
            .map(|message| {
                let attributes = message.message_attributes().into_iter().flatten();
                let attributes: BTreeMap<_, _> = attributes
                    .map(|(name, value)| {
                        let text = value.string_value();
                        (
                            name,
                            json!({"stringValue": text, "dataType": value.data_type()}),
                        )
                    })
                    .collect();
                let system = message.attributes().into_iter().flatten();
                let system: BTreeMap<_, _> =
                    system.map(|(name, value)| (name.as_str(), value)).collect();
                json!({
                    "messageId": message.message_id(),
                    "receiptHandle": message.receipt_handle(),
                    "body": message.body(),
                    "attributes": system,
                    "messageAttributes": attributes,
                    "eventSource": "aws:sqs",
                    "eventSourceARN": format!("arn:aws:sqs:{REGION}:{account}:{name}"),
                    "awsRegion": REGION,
                })
            })
            .collect();
        json!({ "Records": records })
    }

    /// Starts the program at `path` as the function `name`.
    pub fn start(&self, path: &str, name: &str) -> Function {
        Function::start(path, name, &self.variables)
    }
}

impl Function {
    /// Starts the program at `path` as the function `name`, with these variables and no others.
    pub fn start(path: &str, name: &str, variables: &BTreeMap<&'static str, String>) -> Self {
        let api = RuntimeApi::start().unwrap();
        let process = Command::new(path)
            .env_clear()
            .envs(api.variables(name))
            .envs(variables)
            .stdin(Stdio::null())
            .spawn()
            .unwrap();
        let api = Arc::new(api);
        Self { process, api }
    }

    /// Passes the function an event and waits for its answer.
    pub async fn invoke(&self, event: &Value) -> Answer {
        let (api, event) = (Arc::clone(&self.api), event.to_string());
        tokio::task::spawn_blocking(move || api.invoke(&event, TIME_LEFT, PATIENCE))
            .await
            .unwrap()
            .expect("the function answers")
    }
}

impl Drop for Function {
    fn drop(&mut self) {
        // Failing means that it is gone already.
        drop(self.process.kill());
        drop(self.process.wait());
    }
}

/// The table as the template makes it.
async fn create_table(client: &aws_sdk_dynamodb::Client) {
    let mut table = client
        .create_table()
        .table_name(TABLE)
        .billing_mode(BillingMode::PayPerRequest);
    for (name, key_type) in [("pk", KeyType::Hash), ("sk", KeyType::Range)] {
        let attribute = AttributeDefinition::builder()
            .attribute_name(name)
            .attribute_type(ScalarAttributeType::S);
        let key = KeySchemaElement::builder()
            .attribute_name(name)
            .key_type(key_type);
        table = table
            .attribute_definitions(attribute.build().unwrap())
            .key_schema(key.build().unwrap());
    }
    table.send().await.unwrap();
}

/// The queues of every lane, named in `variables` as the template names them.
async fn create_queues(
    sqs: &aws_sdk_sqs::Client,
    variables: &mut BTreeMap<&'static str, String>,
) -> BTreeMap<Lane, QueueUrls> {
    let lanes = [
        (Lane::Urgent, "URGENT_QUEUE_URL", "URGENT_DEAD_LETTERS_URL"),
        (Lane::Bulk, "BULK_QUEUE_URL", "BULK_DEAD_LETTERS_URL"),
        (Lane::Runs, "RUNS_QUEUE_URL", "RUNS_DEAD_LETTERS_URL"),
    ];
    let mut queues = BTreeMap::new();
    for (lane, work, dead_letters) in lanes {
        let mut urls = Vec::new();
        for (variable, end) in [(work, ""), (dead_letters, "-dead")] {
            let name = format!("halogard-{}{end}", lane.name());
            let made = sqs.create_queue().queue_name(name).send().await.unwrap();
            let url = made.queue_url().unwrap().to_owned();
            variables.insert(variable, url.clone());
            urls.push(url);
        }
        let dead_letters = urls.pop();
        let work = urls.pop().unwrap();
        queues.insert(lane, QueueUrls { work, dead_letters });
    }
    queues
}

/// The secrets with the vendors' credentials, named in `variables`.
async fn create_secrets(
    vault: &aws_sdk_secretsmanager::Client,
    variables: &mut BTreeMap<&'static str, String>,
) {
    let (application, key) = (ApiApplication::sample(), AccessKeySpec::sample());
    let halo = json!({
        "halopsa_client_id": application.client_id,
        "halopsa_client_secret": application.client_secret,
    });
    let liongard = json!({
        "liongard_access_key_id": key.id,
        "liongard_access_key_secret": key.secret,
    });
    for (variable, name, value) in [
        ("HALOPSA_SECRET", "halogard/halopsa", halo),
        ("LIONGARD_SECRET", "halogard/liongard", liongard),
    ] {
        let made = vault
            .create_secret()
            .name(name)
            .secret_string(value.to_string())
            .send()
            .await
            .unwrap();
        variables.insert(variable, made.arn().unwrap().to_owned());
    }
}

//! Both vendors and the deployed stack between them.

use std::collections::BTreeMap;
use std::future::Future;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use halogard_app::ports::Records as _;
use halogard_aws::{AwsSettings, Store, StoreNames};
use halogard_domain::config_history::ConfigInForce;
use halogard_domain::record::Singleton;
use halogard_emulator::{Emulator, Options, REGION, SECRET_ACCESS_KEY};
use halogard_runtime::SystemClock;
use halogard_simulator::halopsa::{PayloadSize, WebhookAuth, WebhookSpec, deliver_webhooks};
use halogard_simulator::liongard::{AlertSpec, RunTimes};
use halogard_simulator::{
    HaloPsa, Liongard, ServerHandle, SimClock, SystemSimClock, serve_on_loopback,
};
use halogard_tests::Setup;
use halogard_tests::invariants::tickets_of;
use halogard_tests::setup::{APPLICATION, planted};
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::{Value, json};
use sha2::Sha256;

use crate::aws_cli::AwsCli;
use crate::binaries;

/// The longest wait for any condition. Queues of the emulator deliver within a second, and the
/// longest chain of messages in a test has a dozen links.
const DEADLINE: Duration = Duration::from_secs(60);

/// Pause between two checks.
const POLL_INTERVAL: Duration = Duration::from_millis(100);

/// What the stack is called.
pub const STACK: &str = "trial";

/// The machine's clock plus an offset that the test sets.
#[derive(Clone, Debug, Default)]
pub struct OffsetClock(Arc<AtomicI64>);

impl OffsetClock {
    /// From now on it is behind by so much.
    pub fn fall_behind(&self, by: Duration) {
        let millis = i64::try_from(by.as_millis()).unwrap();
        self.0.store(millis, Ordering::SeqCst);
    }
}

impl SimClock for OffsetClock {
    fn now_millis(&self) -> i64 {
        SystemSimClock.now_millis() - self.0.load(Ordering::SeqCst)
    }
}

/// Both vendors, the stack, and the aws that operate it.
pub struct Deployment {
    /// The simulated HaloPSA.
    pub halo: HaloPsa,
    /// The simulated Liongard.
    pub liongard: Liongard,
    /// Liongard's clock.
    pub liongard_clock: OffsetClock,
    /// Calls to AWS.
    pub aws: AwsCli,
    /// What the stack says of itself.
    pub outputs: BTreeMap<String, String>,
    /// What its resources are called.
    pub resources: BTreeMap<String, String>,
    /// Where functions are reached, without a slash at the end.
    pub address: String,
    /// What both vendors and the operator start from.
    pub setup: Setup,
    client: reqwest::Client,
    pub account: String,
    pub emulator: Emulator,
    _servers: [ServerHandle; 2],
}

impl Deployment {
    /// Deploys the stack in an account of its own, between vendors of its own, and fills its secrets.
    /// No config is applied yet.
    pub async fn deployed() -> Self {
        let world = Self::just_deployed().await;
        world.fill_secrets().await;
        world
    }

    /// The same with the secrets as the template makes them.
    pub async fn just_deployed() -> Self {
        let binaries = tokio::task::spawn_blocking(binaries::folder).await.unwrap();
        let mut setup = Setup::managed();
        setup.liongard.run_times = RunTimes {
            scheduled: Duration::from_millis(50),
            processing: Duration::from_millis(50),
            running: Duration::from_millis(200),
        };
        let clock: Arc<dyn SimClock> = Arc::new(SystemSimClock);
        let halo = HaloPsa::new(setup.halo.clone(), clock, setup.seed);
        let liongard_clock = OffsetClock::default();
        let beside: Arc<dyn SimClock> = Arc::new(liongard_clock.clone());
        let liongard = Liongard::new(setup.liongard.clone(), beside, setup.seed);
        liongard.connect(halo.clone());
        let servers = [
            serve_on_loopback(halo.router()).await.unwrap(),
            serve_on_loopback(liongard.router()).await.unwrap(),
        ];

        // One for each world: with it end the functions, before the vendors they would call.
        let emulator = Emulator::start(Options { auth: true }).await.unwrap();
        let account = emulator.account();
        let aws = AwsCli::new(&emulator, &account);
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        let order = json!({
            "template": root.join("template.yaml"),
            "binaries": binaries,
            "stack": STACK,
            "parameters": {
                "Architecture": if cfg!(target_arch = "aarch64") { "arm64" } else { "x86_64" },
                "ManagedRotation": "false",
                "HaloPsaResourceUrl": servers[0].base_url(),
                "HaloPsaTenant": setup.halo.tenant.clone().unwrap_or_default(),
                "LiongardUrl": servers[1].base_url(),
                "InspectorMinIntervalSeconds": "1",
                // The test starts each round itself, so that no scheduled one runs in between.
                "PollIntervalMinutes": "60",
            },
        });
        let made = aws.call("stack", "deploy", order).await;
        let names = |section: &Value| serde_json::from_value(section.clone()).unwrap();
        let outputs: BTreeMap<String, String> = names(&made["outputs"]);
        let resources = names(&made["resources"]);
        let id = outputs["WebhookUrl"]
            .trim_start_matches("https://")
            .split('.')
            .next()
            .unwrap_or_default();
        let address = format!("{}/_aws/lambda-url/{id}", emulator.endpoint());
        let client = halogard_http::reqwest_client(&halogard_http::HttpClientSettings::default());
        Self {
            halo,
            liongard,
            liongard_clock,
            aws,
            outputs,
            resources,
            address,
            setup,
            client: client.unwrap(),
            account,
            emulator,
            _servers: servers,
        }
    }

    /// The same with a config applied, one round made, and HaloPSA's webhook registered.
    pub async fn in_operation() -> Self {
        let world = Self::deployed().await;
        world.apply_config().await;
        world.register_webhook();
        assert_eq!(world.round().await, json!({"complete": true, "queued": 0}));
        world
    }

    /// Puts what the vendors gave into the secrets, as the operator does.
    async fn fill_secrets(&self) {
        let key = &self.setup.liongard.access_keys[0];
        let secrets = [
            (
                "HaloPsaSecretArn",
                json!({
                    "strategy": "halopsa-application",
                    "halopsa_client_id": APPLICATION,
                    "halopsa_client_secret": planted::CLIENT_SECRET,
                }),
            ),
            (
                "LiongardSecretArn",
                json!({
                    "strategy": "liongard-access-key",
                    "liongard_access_key_id": key.id,
                    "liongard_access_key_secret": key.secret,
                }),
            ),
            (
                "WebhookSecretArn",
                json!({
                    "strategy": "webhook",
                    "halopsa_webhook_token": planted::WEBHOOK_TOKEN,
                    "halopsa_webhook_secret": planted::WEBHOOK_SECRET,
                }),
            ),
        ];
        for (output, value) in secrets {
            let secret = &self.outputs[output];
            // What the template itself makes is of use: the token as it is there.
            let made = self.secret(secret).await;
            assert!(
                made["strategy"] == value["strategy"],
                "{output} holds {made}"
            );
            let arguments = json!({"SecretId": secret, "SecretString": value.to_string()});
            self.aws
                .call("secretsmanager", "put_secret_value", arguments)
                .await;
        }
    }

    /// The current value of a secret.
    pub async fn secret(&self, arn: &str) -> Value {
        self.secret_at(arn, "AWSCURRENT").await.unwrap()
    }

    /// The value of a secret in a stage, if there is one.
    pub async fn secret_at(&self, arn: &str, stage: &str) -> Option<Value> {
        let arguments = json!({"SecretId": arn, "VersionStage": stage});
        let read = self
            .aws
            .ask("secretsmanager", "get_secret_value", arguments);
        match read.await {
            Ok(read) => serde_json::from_str(read["SecretString"].as_str().unwrap()).unwrap(),
            Err(code) => {
                assert_eq!(code, "ResourceNotFoundException");
                None
            }
        }
    }

    /// Puts the operator's config in force.
    pub async fn apply_config(&self) {
        let store = self.store();
        let config = ConfigInForce {
            policy: Some(self.setup.policy()),
            versions: Vec::new(),
        };
        let known = store.load_record::<ConfigInForce>(&Singleton).await;
        let revision = known.unwrap().revision;
        let saved = store.save_record(&Singleton, &config, revision).await;
        saved.unwrap();
    }

    /// The stack's table, with the operator's access.
    pub fn store(&self) -> Store<SystemClock> {
        let values = self.access();
        let access = AwsSettings::read(|name| {
            let found = values.iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| value.clone())
        });
        let names = StoreNames {
            table: self.outputs["TableName"].clone(),
            ..StoreNames::default()
        };
        Store::new(&access.unwrap().sdk_config(), names, SystemClock)
    }

    /// Has HaloPSA send its webhooks, signed, to the stack.
    pub fn register_webhook(&self) {
        self.sign_webhooks_with(planted::WEBHOOK_SECRET);
        tokio::spawn(deliver_webhooks(self.halo.clone(), self.client.clone()));
    }

    /// Has HaloPSA sign its webhooks with `secret`, as a technician enters it.
    pub fn sign_webhooks_with(&self, secret: &str) {
        self.halo.remove_webhooks();
        let auth = WebhookAuth::Hmac {
            header: "X-Halo-Signature".to_owned(),
            secret: secret.to_owned(),
        };
        let url = format!(
            "{}/webhooks/halopsa/{}",
            self.address,
            planted::WEBHOOK_TOKEN
        );
        let id = self.halo.register_webhook(&WebhookSpec {
            payload: PayloadSize::Full,
            ..WebhookSpec::to(&url, auth)
        });
        self.halo.bind_all_events(&id).unwrap();
    }

    /// The environment variables that give the program the operator's access to AWS.
    pub fn access(&self) -> [(&'static str, String); 4] {
        [
            ("AWS_REGION", REGION.to_owned()),
            ("AWS_ACCESS_KEY_ID", self.account.clone()),
            ("AWS_SECRET_ACCESS_KEY", SECRET_ACCESS_KEY.to_owned()),
            ("AWS_ENDPOINT_URL", self.emulator.endpoint()),
        ]
    }

    /// Makes a round as the schedule does; what the function answers.
    pub async fn round(&self) -> Value {
        let (answer, failed) = self
            .invoke("InspectorPollName", &json!({"type":"sync_cycle"}))
            .await;
        assert!(!failed, "the round failed: {answer}");
        answer
    }

    /// Calls the function that `output` names; its answer, and whether that is a failure.
    pub async fn invoke(&self, output: &str, event: &Value) -> (Value, bool) {
        let arguments = json!({"FunctionName": self.outputs[output], "Payload": event.to_string()});
        let invoked = self.aws.call("lambda", "invoke", arguments).await;
        let answer = invoked["Payload"].as_str().unwrap_or_default();
        let answer = serde_json::from_str(answer).unwrap_or_else(|_| answer.into());
        (answer, !invoked["FunctionError"].is_null())
    }

    /// Has a function start anew at its next call.
    pub async fn start_anew(&self, output: &str) {
        let name = &self.outputs[output];
        let known = json!({"FunctionName": name});
        let known = self
            .aws
            .call("lambda", "get_function_configuration", known)
            .await;
        let memory = known["MemorySize"].as_u64().unwrap();
        let changed = json!({"FunctionName": name, "MemorySize": memory ^ 1});
        self.aws
            .call("lambda", "update_function_configuration", changed)
            .await;
        until("the function is up to date", async || {
            let asked = json!({"FunctionName": name});
            let known = self.aws.call("lambda", "get_function_configuration", asked);
            known.await["LastUpdateStatus"] == "Successful"
        })
        .await;
    }

    /// POSTs `body` with HaloPSA's signature to `path` of the public address; the status.
    pub async fn post_signed(&self, path: &str, body: &str, signature: &str) -> u16 {
        let url = format!("{}{path}", self.address);
        let request = self.client.post(url).body(body.to_owned());
        let sent = request.header("X-Halo-Signature", signature).send().await;
        sent.unwrap().status().as_u16()
    }

    /// POSTs `body` to `path` of the public address; the status.
    pub async fn post(&self, path: &str, body: &str) -> u16 {
        let url = format!("{}{path}", self.address);
        let sent = self.client.post(url).body(body.to_owned()).send().await;
        sent.unwrap().status().as_u16()
    }

    /// Liongard raises a critical alert for the first customer; returns its id.
    pub fn raise(&self, rule: &str) -> i64 {
        self.liongard
            .raise(&AlertSpec::new(8801, rule, planted::PERSON))
            .unwrap()
    }

    /// A new alert has its ticket a round later.
    pub async fn raise_and_await_ticket(&self, rule: &str) -> i64 {
        let alert = self.raise(rule);
        let round = self.round().await;
        assert_eq!(round["complete"], true, "{round}");
        let alert_now = || self.liongard.alert(alert).unwrap();
        until(&format!("{rule} has a ticket"), async || {
            tickets_of(&alert_now(), &self.halo.tickets()).len() == 1
        })
        .await;
        tickets_of(&alert_now(), &self.halo.tickets())[0].id
    }

    /// Sends a delivery of HaloPSA about a ticket without an alert, signed with `secret`; returns
    /// the status of the answer.
    pub async fn deliver_signed_with(&self, secret: &str) -> u16 {
        let body = json!({
            "id": "4f6b", "event": "Ticket Changed", "object_id": "4242",
            "timestamp": "2026-05-04T10:00:00Z",
        })
        .to_string();
        let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap();
        mac.update(body.as_bytes());
        let signature = STANDARD.encode(mac.finalize().into_bytes());
        let path = format!("/webhooks/halopsa/{}", planted::WEBHOOK_TOKEN);
        self.post_signed(&path, &body, &signature).await
    }

    /// Messages of the queue that `output` names: visible, in flight and delayed ones.
    pub async fn depth(&self, output: &str) -> u64 {
        let names = [
            "ApproximateNumberOfMessages",
            "ApproximateNumberOfMessagesNotVisible",
            "ApproximateNumberOfMessagesDelayed",
        ];
        let arguments = json!({"QueueUrl": self.outputs[output], "AttributeNames": names});
        let known = self
            .aws
            .call("sqs", "get_queue_attributes", arguments)
            .await;
        let numbers = names
            .iter()
            .filter_map(|name| known["Attributes"][*name].as_str());
        numbers.filter_map(|text| text.parse::<u64>().ok()).sum()
    }

    /// Everything the function has logged so far, one text for each event.
    pub async fn logs(&self, function: &str) -> Vec<String> {
        let arguments = json!({"logGroupName": format!("/aws/lambda/{STACK}-{function}")});
        let found = self.aws.call("logs", "filter_log_events", arguments).await;
        let events = found["events"].as_array().cloned().unwrap_or_default();
        let texts = events.iter().filter_map(|event| event["message"].as_str());
        texts.map(str::to_owned).collect()
    }
}

/// Waits until `ack` says so.
///
/// # Panics
///
/// When that takes longer than anything may.
pub async fn until<F: Future<Output = bool>>(what: &str, done: impl FnMut() -> F) {
    assert!(eventually(done).await, "it does not come about: {what}");
}

/// Whether `ack` says so within the time that anything may take.
pub async fn eventually<F: Future<Output = bool>>(mut done: impl FnMut() -> F) -> bool {
    let looks = DEADLINE.as_millis() / POLL_INTERVAL.as_millis();
    for _ in 0..looks {
        if done().await {
            return true;
        }
        tokio::time::sleep(POLL_INTERVAL).await;
    }
    false
}

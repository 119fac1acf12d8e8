//! The function that rotates, as it is deployed and as whom it runs: each step as Secrets Manager
//! calls it, each taken twice, while alerts go on becoming tickets.

use std::collections::BTreeMap;
use std::time::Duration;

use halogard_simulator::liongard::AccessKeySpec;
use halogard_tests::setup::{APPLICATION, planted};
use serde_json::{Value, json};

use crate::deployment::{Deployment, until};
use crate::topic::TopicSubscription;

/// The version that is rotated to: a token, as Secrets Manager wants them.
const NEXT: &str = "22222222-2222-4222-8222-222222222222";

/// A client secret that an operator has generated.
const GENERATED: &str = "planted-generated-secret-61d2";

/// A secret of the stack, and the function that rotates it.
pub struct Rotating<'a> {
    world: &'a Deployment,
    pub arn: String,
}

impl<'a> Rotating<'a> {
    /// Announces the next version of the secret that `output` names, as the schedule does.
    pub async fn announced(world: &'a Deployment, output: &str) -> Self {
        let name = json!({"FunctionName": world.outputs["SecretRotationName"]});
        let known = world.aws.call("lambda", "get_function_configuration", name);
        let function = known.await["FunctionArn"].clone();
        let arn = world.outputs[output].clone();
        let arguments = json!({
            "SecretId": arn, "ClientRequestToken": NEXT, "RotationLambdaARN": function,
        });
        let aws = &world.aws;
        aws.call("secretsmanager", "rotate_secret", arguments).await;
        Self { world, arn }
    }

    /// Takes a step; what the function answers, and whether that is a failure.
    pub async fn step(&self, step: &str) -> (Value, bool) {
        let event = json!({"Step": step, "SecretId": self.arn, "ClientRequestToken": NEXT});
        self.world.invoke("SecretRotationName", &event).await
    }

    /// Takes a step that does `outcome`.
    pub async fn does(&self, step: &str, outcome: &str) {
        let (answer, failed) = self.step(step).await;
        assert!(!failed, "{step}: {answer}");
        assert_eq!(answer, json!({"outcome": outcome}), "{step}");
    }

    /// Takes a step that does `first`, and `again` when it is repeated, which changes nothing.
    pub async fn does_once(&self, step: &str, first: &str, again: &str) {
        self.does(step, first).await;
        let before = self.versions().await;
        self.does(step, again).await;
        assert_eq!(self.versions().await, before, "{step}, repeated");
    }

    /// Takes a step that fails with `error_type`; brings the sentence.
    pub async fn fails(&self, step: &str, error_type: &str) -> String {
        let (answer, failed) = self.step(step).await;
        assert!(failed, "{step}: {answer}");
        assert_eq!(answer["errorType"], error_type, "{step}: {answer}");
        answer["errorMessage"].as_str().unwrap().to_owned()
    }

    /// The versions with their labels and values.
    pub async fn versions(&self) -> BTreeMap<String, (Vec<String>, Option<Value>)> {
        let aws = &self.world.aws;
        let asked = json!({"SecretId": self.arn});
        let known = aws.call("secretsmanager", "describe_secret", asked).await;
        let mut versions = BTreeMap::new();
        let labelled = known["VersionIdsToStages"].as_object();
        for (version, labels) in labelled.into_iter().flatten() {
            let mut labels: Vec<String> = serde_json::from_value(labels.clone()).unwrap();
            labels.sort();
            let value = self.world.secret_at(&self.arn, &labels[0]).await;
            versions.insert(version.clone(), (labels, value));
        }
        versions
    }

    /// The value in use.
    pub async fn current(&self) -> Value {
        self.world.secret(&self.arn).await
    }

    /// Whether the new version is the one in use.
    pub async fn is_turned(&self) -> bool {
        let versions = self.versions().await;
        let labels = versions.get(NEXT).map(|(labels, _)| labels.join(" "));
        labels.as_deref() == Some("AWSCURRENT")
    }

    /// Puts a value under the version that waits, as an operator does.
    pub async fn paste(&self, value: &Value) {
        let arguments = json!({
            "SecretId": self.arn,
            "ClientRequestToken": NEXT,
            "VersionStages": ["AWSPENDING"],
            "SecretString": value.to_string(),
        });
        let aws = &self.world.aws;
        aws.call("secretsmanager", "put_secret_value", arguments)
            .await;
    }

    /// The daily check of what was replaced.
    async fn delete_expired(&self) -> Value {
        let event = json!({"Step": "deleteExpired", "SecretId": self.arn});
        let (answer, failed) = self.world.invoke("SecretRotationName", &event).await;
        assert!(!failed, "{answer}");
        answer
    }
}

/// What the function logged has outcomes and metrics, and nothing that must not be there.
async fn expect_log_lines_without_secrets(world: &Deployment, made: &[&str]) {
    let lines = world.logs("secret-rotation").await;
    let said = |what: &str| lines.iter().any(|line| line.contains(what));
    let filed = format!("\"function\":\"{}\"", world.outputs["SecretRotationName"]);
    for what in ["\"outcome\":\"finished\"", "\"RotationFailed\":0", &filed] {
        assert!(said(what), "no log line has {what}: {lines:#?}");
    }
    for secret in planted::ALL.iter().chain(made) {
        assert!(!said(secret), "{secret} was logged");
    }
}

/// A mark in the stack's table.
async fn mark(world: &Deployment, name: &str) -> Option<String> {
    let key = json!({"pk": {"S": "value"}, "sk": {"S": "all"}});
    let asked = json!({"TableName": world.outputs["TableName"], "Key": key});
    let found = world.aws.call("dynamodb", "get_item", asked).await;
    let value = &found["Item"][format!("value:{name}")];
    value["N"].as_str().map(str::to_owned)
}

#[tokio::test]
async fn liongards_key_makes_its_successor_and_goes_when_its_overlap_is_over() {
    let world = Deployment::in_operation().await;
    let people = TopicSubscription::of(&world).await;
    let old = world.setup.liongard.access_keys[0].id.clone();
    let before = json!({"Step": "createSecret", "SecretId": world.outputs["LiongardSecretArn"], "ClientRequestToken": NEXT});
    let (off, failed) = world.invoke("SecretRotationName", &before).await;
    assert!(failed && off["errorType"] == "rotation.off", "{off}");
    assert_eq!(
        people.wait_for(1).await[0].subject,
        "Halogard: rotation-action-required"
    );

    let key = Rotating::announced(&world, "LiongardSecretArn").await;
    for (step, first, again) in [
        ("createSecret", "created", "already_pending"),
        ("setSecret", "nothing_to_do", "nothing_to_do"),
        ("testSecret", "tested", "tested"),
        ("finishSecret", "finished", "already_current"),
    ] {
        key.does_once(step, first, again).await;
        assert_eq!(world.liongard.valid_keys().len(), 2, "after {step}");
        world.raise_and_await_ticket(&format!("after {step}")).await;
    }
    assert!(key.is_turned().await);
    let current = key.current().await;
    let new = current["liongard_access_key_id"].as_str().unwrap();
    assert_eq!(world.liongard.valid_keys(), [old.as_str(), new]);
    let key_creation = format!("key_creation:{}", key.arn);
    assert_eq!(mark(&world, &key_creation).await.as_deref(), Some("0"));

    let daily =
        json!({"outcome": "cleaned_up", "deleted": 0, "remaining": 1, "expires_in_days": 89});
    assert_eq!(key.delete_expired().await, daily, "the overlap is not over");
    let mut shortened = current.clone();
    shortened["overlap_hours"] = json!(0);
    let arguments = json!({"SecretId": key.arn, "SecretString": shortened.to_string()});
    let aws = &world.aws;
    aws.call("secretsmanager", "put_secret_value", arguments)
        .await;
    assert_eq!(key.delete_expired().await, daily, "a caller still uses it");
    let messages = people.wait_for(1).await;
    assert_eq!(messages[0].subject, "Halogard: old-key-in-use");
    assert!(messages[0].text.contains(&old), "{}", messages[0].text);

    // Liongard reports no use of the key for two hours.
    world
        .liongard_clock
        .fall_behind(Duration::from_secs(2 * 3600));
    world.liongard.mark_key_used(&old);
    let deleted =
        json!({"outcome": "cleaned_up", "deleted": 1, "remaining": 0, "expires_in_days": 89});
    assert_eq!(key.delete_expired().await, deleted);
    assert_eq!(world.liongard.valid_keys(), [new]);
    let nothing =
        json!({"outcome": "cleaned_up", "deleted": 0, "remaining": 0, "expires_in_days": 89});
    assert_eq!(key.delete_expired().await, nothing);
    // Instances that hold the deleted key are refused, and read it again.
    world.raise_and_await_ticket("after the old key").await;
    assert_eq!(people.take().await, []);
    let secret = current["liongard_access_key_secret"].as_str().unwrap();
    expect_log_lines_without_secrets(&world, &[secret]).await;
    println!("liongard: 4 steps, each twice; 4 daily looks; 5 alerts became tickets");
}

#[tokio::test]
async fn halopsas_secret_needs_a_notified_person_and_a_pending_value_is_taken_up() {
    let world = Deployment::in_operation().await;
    let people = TopicSubscription::of(&world).await;
    let halo = Rotating::announced(&world, "HaloPsaSecretArn").await;
    let announced = halo.current().await;

    for _ in 0..2 {
        let sentence = halo.fails("createSecret", "rotation.action_required").await;
        let messages = people.wait_for(1).await;
        assert_eq!(messages[0].subject, "Halogard: rotation-action-required");
        for part in [APPLICATION, "View Applications", "press Save", &halo.arn] {
            assert!(sentence.contains(part), "{sentence}");
        }
        assert!(messages[0].text.contains(&sentence), "{}", messages[0].text);
        assert!(!halo.is_turned().await);
    }
    halo.fails("testSecret", "rotation.no_value").await;
    people.wait_for(1).await;
    world
        .raise_and_await_ticket("while a person is needed")
        .await;

    let mut next = announced.clone();
    next["halopsa_client_secret"] = json!(GENERATED);
    halo.paste(&next).await;
    halo.does_once("createSecret", "already_pending", "already_pending")
        .await;
    for step in ["testSecret", "finishSecret"] {
        let unsaved = halo.fails(step, "rotation.not_accepted").await;
        assert!(unsaved.contains("press Save"), "{unsaved}");
    }
    people.wait_for(2).await;
    assert_eq!(halo.current().await, announced, "never an untried value");

    // Save: the old secret ends at once, and with it here every token.
    world.halo.replace_secret(APPLICATION, GENERATED).unwrap();
    world.halo.expire_tokens();
    world
        .raise_and_await_ticket("between Save and the next step")
        .await;
    for (step, first, again) in [
        ("setSecret", "nothing_to_do", "nothing_to_do"),
        ("testSecret", "tested", "tested"),
        ("finishSecret", "finished", "already_current"),
    ] {
        halo.does_once(step, first, again).await;
    }
    assert!(halo.is_turned().await);
    for function in ["InspectorPollName", "TicketSyncName"] {
        world.start_anew(function).await;
    }
    world.raise_and_await_ticket("with the new secret").await;
    assert_eq!(people.take().await, []);
    expect_log_lines_without_secrets(&world, &[GENERATED]).await;
    println!(
        "halopsa: 2 sentences for a person, 2 untried values refused, 3 alerts became tickets"
    );
}

#[tokio::test]
async fn the_webhooks_secret_is_set_in_halopsa_and_both_values_let_deliveries_in() {
    let world = Deployment::in_operation().await;
    let people = TopicSubscription::of(&world).await;
    let ticket = world.raise_and_await_ticket("disk full").await;
    let webhook = Rotating::announced(&world, "WebhookSecretArn").await;
    webhook
        .does_once("createSecret", "created", "already_pending")
        .await;
    webhook.does_once("setSecret", "set", "set").await;
    let pending = world.secret_at(&webhook.arn, "AWSPENDING").await.unwrap();
    let new = pending["halopsa_webhook_secret"]
        .as_str()
        .unwrap()
        .to_owned();
    let old = planted::WEBHOOK_SECRET;
    assert_ne!(new, old);

    assert_eq!(world.deliver_signed_with(old).await, 200);
    until("a delivery with the pending value is let in", async || {
        world.deliver_signed_with(&new).await == 200
    })
    .await;
    webhook.does_once("testSecret", "tested", "tested").await;
    webhook
        .does_once("finishSecret", "finished", "already_current")
        .await;
    assert!(webhook.is_turned().await);
    for anew in [false, true] {
        if anew {
            world.start_anew("WebhookIntakeName").await;
        }
        assert_eq!(world.deliver_signed_with(&new).await, 200, "anew: {anew}");
        assert_eq!(world.deliver_signed_with(old).await, 200, "anew: {anew}");
        assert_eq!(
            world.deliver_signed_with("a stranger's").await,
            401,
            "anew: {anew}"
        );
    }

    // HaloPSA signs with the new secret: its own webhook closes the alert.
    let alert = world.liongard.alerts()[0].id;
    world.liongard.clear_condition(alert).unwrap();
    world.halo.close_ticket(ticket, 12).unwrap();
    until("the alert closes by webhook", async || {
        world.liongard.alert(alert).unwrap().closed
    })
    .await;
    assert_eq!(people.take().await, []);
    expect_log_lines_without_secrets(&world, &[&new]).await;
    println!("webhook: 4 steps, each twice; deliveries with both values let in throughout");
}

#[tokio::test]
async fn a_webhook_that_may_not_be_changed_by_api_is_entered_by_a_person() {
    let world = Deployment::in_operation().await;
    world.halo.change_settings(|settings| {
        let scopes = &mut settings.applications[0].scopes;
        scopes.retain(|scope| scope != "admin");
    });
    let people = TopicSubscription::of(&world).await;
    let webhook = Rotating::announced(&world, "WebhookSecretArn").await;
    webhook
        .does_once("createSecret", "created", "already_pending")
        .await;
    for _ in 0..2 {
        let sentence = webhook.fails("setSecret", "rotation.action_required").await;
        for part in [
            "Configuration → Integrations → Webhooks",
            "halopsa_webhook_secret",
            &webhook.arn,
        ] {
            assert!(sentence.contains(part), "{sentence}");
        }
        let messages = people.wait_for(1).await;
        assert_eq!(messages[0].subject, "Halogard: rotation-action-required");
        assert!(messages[0].text.contains(&sentence), "{}", messages[0].text);
    }
    let old = planted::WEBHOOK_SECRET;
    assert_eq!(world.deliver_signed_with(old).await, 200);

    let pending = world.secret_at(&webhook.arn, "AWSPENDING").await.unwrap();
    let new = pending["halopsa_webhook_secret"].as_str().unwrap();
    world.sign_webhooks_with(new);
    webhook.does("testSecret", "tested").await;
    // The event of events/lambda/rotation-finish.json, as the operator sends it.
    webhook
        .does_once("finishSecret", "finished", "already_current")
        .await;
    world.start_anew("WebhookIntakeName").await;
    assert_eq!(world.deliver_signed_with(new).await, 200);
    assert_eq!(world.deliver_signed_with(old).await, 200);
    println!("webhook by hand: asked twice, finished by the operator");
}

#[tokio::test]
async fn a_call_that_is_none_is_refused_by_what_is_wrong_with_it() {
    let world = Deployment::deployed().await;
    let secret = &world.outputs["LiongardSecretArn"];
    Rotating::announced(&world, "LiongardSecretArn").await;
    let unknown = "33333333-3333-4333-8333-333333333333";
    let cases = [
        (json!({}), "rotation.event", "Step"),
        (
            json!({"Step": "deleteSecret", "SecretId": secret, "ClientRequestToken": NEXT}),
            "rotation.event",
            "finishSecret",
        ),
        (
            json!({"Step": "createSecret", "SecretId": secret}),
            "rotation.event",
            "ClientRequestToken",
        ),
        (
            json!({"Step": "createSecret", "SecretId": secret, "ClientRequestToken": unknown}),
            "rotation.unknown_version",
            unknown,
        ),
        (
            json!({"Step": "createSecret", "SecretId": format!("{secret}x"), "ClientRequestToken": NEXT}),
            "rotation",
            "",
        ),
    ];
    for (event, error_type, word) in &cases {
        let (answer, failed) = world.invoke("SecretRotationName", event).await;
        let found = answer["errorType"].as_str().unwrap_or_default();
        assert!(failed && found.starts_with(error_type), "{event}: {answer}");
        let sentence = answer["errorMessage"].as_str().unwrap_or_default();
        assert!(sentence.contains(word), "{event}: {answer}");
    }
    let first = AccessKeySpec::sample().id;
    assert_eq!(world.liongard.valid_keys(), [first], "nothing was made");
    println!("rotation: {} calls refused", cases.len());
}

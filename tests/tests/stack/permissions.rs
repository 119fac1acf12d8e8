//! Every permission is needed: each statement is taken away in turn, and what it is for then fails.
//!
//! A statement is taken away through IAM, as an operator would who means well; the stack is not
//! deployed anew. What the emulator does not enforce is named, with what holds it instead.

use std::collections::{BTreeMap, BTreeSet};

use halogard_app::ports::{NamedValues as _, keys};
use halogard_tests::invariants::tickets_of;
use halogard_tests::setup::planted;
use serde_json::{Value, json};

use crate::deployment::{Deployment, eventually, until};
use crate::rotation::Rotating;
use crate::topic::TopicSubscription;

/// What Lambda, the schedule or Secrets Manager do in the name of a role. The emulator does it
/// without asking; the template's tests hold each of these to the event source, log group or target
/// that needs it.
const NOT_OURS: [(&str, &[&str]); 6] = [
    ("WebhookIntakeRole", &["WriteItsLog"]),
    (
        "InspectorPollRole",
        &["ReceiveRuns", "DeadLetterFailedCycles", "WriteItsLog"],
    ),
    (
        "TicketSyncRole",
        &["ReceiveUrgentWork", "ReceiveBulkWork", "WriteItsLog"],
    ),
    ("SecretRotationRole", &["WriteItsLog"]),
    (
        "SyncCycleScheduleRole",
        &["StartSyncCycles", "DeadLetterCyclesNotStarted"],
    ),
    (
        "CleanupScheduleRole",
        &["StartTheDailyCleanup", "DeadLetterCleanupsNotStarted"],
    ),
];

/// The inline policy of a role.
struct Policy<'a> {
    world: &'a Deployment,
    role: &'static str,
    name: String,
    document: Value,
    proved: BTreeSet<String>,
}

impl<'a> Policy<'a> {
    /// The policy of the role with this logical id.
    async fn of(world: &'a Deployment, role: &'static str) -> Self {
        let arguments = json!({"RoleName": world.resources[role]});
        let names = world.aws.call("iam", "list_role_policies", arguments).await;
        let name = names["PolicyNames"][0].as_str().unwrap().to_owned();
        let arguments = json!({"RoleName": world.resources[role], "PolicyName": name});
        let policy = world.aws.call("iam", "get_role_policy", arguments).await;
        let document = match &policy["PolicyDocument"] {
            Value::String(text) => serde_json::from_str(text).unwrap(),
            document => document.clone(),
        };
        Self {
            world,
            role,
            name,
            document,
            proved: BTreeSet::new(),
        }
    }

    /// Puts `document` in force.
    async fn put(&self, document: &Value) {
        let arguments = json!({
            "RoleName": self.world.resources[self.role],
            "PolicyName": self.name,
            "PolicyDocument": document.to_string(),
        });
        self.world
            .aws
            .call("iam", "put_role_policy", arguments)
            .await;
    }

    /// Takes the statement `sid` away for as long as `fails` takes.
    async fn without<F: Future<Output = ()>>(&mut self, sid: &str, fails: impl FnOnce() -> F) {
        let mut less = self.document.clone();
        let statements = less["Statement"].as_array_mut().unwrap();
        let before = statements.len();
        statements.retain(|statement| statement["Sid"] != sid);
        assert_eq!(statements.len() + 1, before, "{} has no {sid}", self.role);
        self.put(&less).await;
        fails().await;
        self.put(&self.document).await;
        self.proved.insert(sid.to_owned());
    }

    /// Takes one entry of a list in the statement `sid` away, of `Action` or of `Resource`, for as
    /// long as `fails` takes.
    async fn without_one<F: Future<Output = ()>>(
        &self,
        sid: &str,
        list: &str,
        entry: &str,
        fails: impl FnOnce() -> F,
    ) {
        let mut less = self.document.clone();
        let statements = less["Statement"].as_array_mut().unwrap();
        let mut statements = statements.iter_mut();
        let statement = statements.find(|it| it["Sid"] == sid).unwrap();
        let entries = statement[list].as_array_mut().unwrap();
        let before = entries.len();
        entries.retain(|it| it != entry);
        assert_eq!(entries.len() + 1, before, "{sid} has no {entry}");
        self.put(&less).await;
        fails().await;
        self.put(&self.document).await;
    }

    /// Every statement was taken away, or is named as one that the emulator does not enforce.
    fn conclude(self) {
        let named = NOT_OURS.into_iter();
        let named = named.filter(|(role, _)| *role == self.role);
        let mut left: BTreeSet<&str> = named.flat_map(|(_, sids)| sids.iter().copied()).collect();
        left.extend(self.proved.iter().map(String::as_str));
        let statements = self.document["Statement"].as_array().unwrap();
        let all: BTreeSet<&str> = statements
            .iter()
            .filter_map(|it| it["Sid"].as_str())
            .collect();
        assert_eq!(left, all, "{}", self.role);
        println!(
            "{}: {} of {} statements taken away in turn",
            self.role,
            self.proved.len(),
            all.len()
        );
    }
}

/// How often the function has said `words`.
async fn said(world: &Deployment, function: &str, words: &str) -> usize {
    let lines = world.logs(function).await;
    lines.iter().filter(|line| line.contains(words)).count()
}

/// Waits until `function` has said `words` once more than `before`.
async fn says(world: &Deployment, function: &str, words: &str, before: usize) {
    let what = format!("{function} says {words:?}");
    if !eventually(async || said(world, function, words).await > before).await {
        let lines = world.logs(function).await;
        let newest: Vec<&String> = lines.iter().rev().take(12).collect();
        panic!("it does not come about: {what}; it said {newest:#?}");
    }
}

/// Puts `body` on the queue that `output` names.
async fn send(world: &Deployment, output: &str, body: &Value) {
    let arguments = json!({"QueueUrl": world.outputs[output], "MessageBody": body.to_string()});
    world.aws.call("sqs", "send_message", arguments).await;
}

/// Sends what cannot be read, which is then dead-lettered; `letters` is where.
async fn poison(world: &Deployment, queue: &str, letters: &str) {
    let before = world.depth(letters).await;
    send(world, queue, &json!({"type": "poison"})).await;
    until("the poison is dead-lettered", async || {
        world.depth(letters).await > before
    })
    .await;
}

/// The same when it may not be dead-lettered: `function` says so.
async fn not_dead_lettered(world: &Deployment, queue: &str, function: &str) {
    const UNSETTLED: &str = "could not be settled";
    let before = said(world, function, UNSETTLED).await;
    send(world, queue, &json!({"type": "poison"})).await;
    says(world, function, UNSETTLED, before).await;
}

/// A delivery of HaloPSA, signed; the status of the answer.
async fn deliver(world: &Deployment) -> u16 {
    world.deliver_signed_with(planted::WEBHOOK_SECRET).await
}

#[tokio::test]
async fn webhook_intake_needs_every_permission_it_has() {
    let world = Deployment::deployed().await;
    let mut policy = Policy::of(&world, "WebhookIntakeRole").await;
    let wake_up = format!("/webhooks/liongard/{}", planted::WEBHOOK_TOKEN);

    assert_eq!(deliver(&world).await, 200);
    policy
        .without("QueueDeliveries", async || {
            assert_eq!(deliver(&world).await, 503)
        })
        .await;
    assert_eq!(world.post(&wake_up, "{}").await, 200);
    policy
        .without("RequestAPoll", async || {
            assert_eq!(world.post(&wake_up, "{}").await, 503)
        })
        .await;
    policy
        .without("ReadTheWebhookSecret", async || {
            world.start_anew("WebhookIntakeName").await;
            assert_eq!(deliver(&world).await, 503);
        })
        .await;
    world.start_anew("WebhookIntakeName").await;
    assert_eq!(deliver(&world).await, 200, "everything is as it was");
    policy.conclude();
    for role in ["SyncCycleScheduleRole", "CleanupScheduleRole"] {
        Policy::of(&world, role).await.conclude();
    }
}

#[tokio::test]
async fn inspector_poll_needs_every_permission_it_has() {
    const FUNCTION: &str = "inspector-poll";
    let world = Deployment::in_operation().await;
    let mut policy = Policy::of(&world, "InspectorPollRole").await;

    let broken_off = async || {
        let round = world.round().await;
        assert_eq!(round["complete"], false, "{round}");
    };
    world.raise("disk full");
    policy.without("QueueUrgentWork", broken_off).await;
    assert_eq!(world.round().await["complete"], true);
    for number in 0..60 {
        world.raise(&format!("storm {number}"));
    }
    policy.without("QueueBulkWork", broken_off).await;
    assert_eq!(world.round().await["complete"], true);

    poison(&world, "RunsQueueUrl", "RunsDeadLettersUrl").await;
    policy
        .without("DeadLetterRunsWithTheReason", async || {
            not_dead_lettered(&world, "RunsQueueUrl", FUNCTION).await
        })
        .await;
    policy
        .without("DiscardDeadLettersOfMendedPairs", async || {
            // As a quarter of an hour after the last check.
            let store = world.store();
            let checked = store.set_value(keys::DEAD_LETTERS_CHECKED_AT, 0);
            checked.await.unwrap();
            const FAILED: &str = r#""kind":"dead_letters""#;
            let before = said(&world, FUNCTION, FAILED).await;
            world.round().await;
            says(&world, FUNCTION, FAILED, before).await;
        })
        .await;
    // Two wake-ups in a row: the second comes too soon and is put back.
    policy
        .without("FollowRuns", async || {
            let before = said(&world, FUNCTION, "could not be settled").await;
            for _ in 0..2 {
                send(
                    &world,
                    "RunsQueueUrl",
                    &json!({"type": "poll", "version": 1}),
                )
                .await;
            }
            says(&world, FUNCTION, "could not be settled", before).await;
        })
        .await;

    let refused = |variable: &'static str| {
        let world = &world;
        async move || {
            world.start_anew("InspectorPollName").await;
            let (answer, failed) = world
                .invoke("InspectorPollName", &json!({"type":"sync_cycle"}))
                .await;
            let says = answer.to_string();
            assert!(failed && says.contains(variable), "{variable}: {answer}");
        }
    };
    policy
        .without("SignInToHaloPsa", refused("HALOPSA_SECRET"))
        .await;
    policy
        .without("SignInToLiongard", refused("LIONGARD_SECRET"))
        .await;
    world.start_anew("InspectorPollName").await;
    assert_eq!(world.round().await["complete"], true);
    policy.without("ReadAndWriteState", broken_off).await;
    policy
        .without("ReadTheConfig", async || {
            const UNREAD: &str = "the config could not be read";
            world.start_anew("InspectorPollName").await;
            let (answer, failed) = world
                .invoke("InspectorPollName", &json!({"type":"sync_cycle"}))
                .await;
            assert!(failed && answer.to_string().contains(UNREAD), "{answer}");
        })
        .await;
    assert_eq!(
        world.round().await["complete"],
        true,
        "everything is as it was"
    );
    policy.conclude();
}

#[tokio::test]
async fn ticket_sync_needs_every_permission_it_has() {
    const FUNCTION: &str = "ticket-sync";
    let world = Deployment::deployed().await;
    let mut policy = Policy::of(&world, "TicketSyncRole").await;
    let look = json!({
        "type": "reconcile_alert", "version": 1, "alert": 1, "cause": {"by": "operator"},
    });

    // Before a config is applied everything is put back.
    for (sid, queue) in [
        ("DeferUrgentWork", "UrgentQueueUrl"),
        ("DeferBulkWork", "BulkQueueUrl"),
    ] {
        policy
            .without(sid, async || {
                let before = said(&world, FUNCTION, "could not be settled").await;
                send(&world, queue, &look).await;
                says(&world, FUNCTION, "could not be settled", before).await;
            })
            .await;
    }
    for (sid, queue, letters) in [
        (
            "DeadLetterUrgentWorkWithTheReason",
            "UrgentQueueUrl",
            "UrgentDeadLettersUrl",
        ),
        (
            "DeadLetterBulkWorkWithTheReason",
            "BulkQueueUrl",
            "BulkDeadLettersUrl",
        ),
    ] {
        world.apply_config().await;
        world.start_anew("TicketSyncName").await;
        poison(&world, queue, letters).await;
        policy
            .without(sid, async || {
                not_dead_lettered(&world, queue, FUNCTION).await
            })
            .await;
    }

    let refused = |variable: &'static str| {
        let (world, look) = (&world, &look);
        async move || {
            let before = said(world, FUNCTION, variable).await;
            world.start_anew("TicketSyncName").await;
            send(world, "UrgentQueueUrl", look).await;
            says(world, FUNCTION, variable, before).await;
        }
    };
    policy
        .without("SignInToHaloPsa", refused("HALOPSA_SECRET"))
        .await;
    policy
        .without("SignInToLiongard", refused("LIONGARD_SECRET"))
        .await;
    policy
        .without("ReadTheConfig", async || {
            const UNREAD: &str = "config could not be read; not ready";
            let before = said(&world, FUNCTION, UNREAD).await;
            world.start_anew("TicketSyncName").await;
            send(&world, "UrgentQueueUrl", &look).await;
            says(&world, FUNCTION, UNREAD, before).await;
        })
        .await;
    world.start_anew("TicketSyncName").await;
    world.round().await;
    policy
        .without("ReadAndWritePairsAndBudget", async || {
            let before = said(&world, FUNCTION, "message will be retried").await;
            world.raise("not claimed");
            world.round().await;
            says(&world, FUNCTION, "message will be retried", before).await;
        })
        .await;

    let alert = world.raise("disk full");
    world.round().await;
    let tickets = || tickets_of(&world.liongard.alert(alert).unwrap(), &world.halo.tickets());
    until("the alert has a ticket", async || !tickets().is_empty()).await;
    let ticket = tickets().remove(0).id;
    policy
        .without("RequestRuns", async || {
            let before = said(&world, FUNCTION, "message will be retried").await;
            world.halo.close_ticket(ticket, 12).unwrap();
            let look = json!({
                "type": "reconcile_ticket", "version": 1, "ticket": ticket, "cause": {"by": "operator"},
            });
            send(&world, "UrgentQueueUrl", &look).await;
            says(&world, FUNCTION, "message will be retried", before).await;
        })
        .await;
    policy.conclude();
}

#[tokio::test]
async fn secret_rotation_needs_every_permission_it_has() {
    const SECRETS: &str = "RotateTheThreeSecrets";
    let world = Deployment::in_operation().await;
    let people = TopicSubscription::of(&world).await;
    let mut policy = Policy::of(&world, "SecretRotationRole").await;
    let key = Rotating::announced(&world, "LiongardSecretArn").await;
    let halo = Rotating::announced(&world, "HaloPsaSecretArn").await;
    let webhook = Rotating::announced(&world, "WebhookSecretArn").await;

    // Each of the secrets: two are read before any step, the third is what the step is about.
    for (secret, step, error_type) in [
        (&key, "createSecret", "rotation.set_up"),
        (&halo, "createSecret", "rotation.set_up"),
        (&webhook, "createSecret", "rotation.store"),
    ] {
        policy
            .without_one(SECRETS, "Resource", &secret.arn, async || {
                drop(secret.fails(step, error_type).await)
            })
            .await;
    }
    for (action, error_type) in [
        ("secretsmanager:DescribeSecret", "rotation.store"),
        ("secretsmanager:GetSecretValue", "rotation.set_up"),
        ("secretsmanager:PutSecretValue", "rotation.store"),
    ] {
        policy
            .without_one(SECRETS, "Action", action, async || {
                drop(key.fails("createSecret", error_type).await)
            })
            .await;
    }
    let keys = || world.liongard.valid_keys().len();
    assert_eq!(keys(), 2, "one was made and could not be stored");
    policy
        .without("RecordKeysBeingCreated", async || {
            drop(key.fails("createSecret", "rotation.store").await)
        })
        .await;
    key.does("createSecret", "created").await;
    assert_eq!(keys(), 2, "the forgotten one is deleted");
    policy
        .without_one(
            SECRETS,
            "Action",
            "secretsmanager:UpdateSecretVersionStage",
            async || drop(key.fails("finishSecret", "rotation.store").await),
        )
        .await;
    policy
        .without(SECRETS, async || {
            drop(key.fails("finishSecret", "rotation.set_up").await)
        })
        .await;
    key.does("finishSecret", "finished").await;

    // A new topic allows every principal of its account; with this policy only those whose role allows it.
    let topic = &world.outputs["NotificationTopicArn"];
    let alarms_only = json!({
        "Version": "2012-10-17",
        "Statement": [{
            "Effect": "Allow",
            "Principal": {"Service": "cloudwatch.amazonaws.com"},
            "Action": "sns:Publish",
            "Resource": topic,
        }],
    });
    let arguments = json!({
        "TopicArn": topic, "AttributeName": "Policy", "AttributeValue": alarms_only.to_string(),
    });
    world
        .aws
        .call("sns", "set_topic_attributes", arguments)
        .await;
    people.take().await;
    halo.fails("createSecret", "rotation.action_required").await;
    people.wait_for(1).await;
    policy
        .without("NotifyTheOperator", async || {
            const UNSENT: &str = "a notice could not be sent";
            halo.fails("createSecret", "rotation.action_required").await;
            says(&world, "secret-rotation", UNSENT, 0).await;
            assert_eq!(people.take().await, []);
        })
        .await;
    let value = halo.current().await;
    halo.paste(&value).await;
    policy
        .without("TakeFromRequestBudgetAndRecordRotations", async || {
            let said = halo.fails("testSecret", "rotation.vendor").await;
            assert!(said.contains("DynamoDB"), "{said}");
        })
        .await;
    halo.does("testSecret", "tested").await;
    halo.does("finishSecret", "finished").await;
    policy.conclude();
}

#[test]
fn what_is_not_enforced_is_named_once() {
    let mut seen = BTreeMap::new();
    for (role, sids) in NOT_OURS {
        for sid in sids {
            assert!(seen.insert((role, sid), ()).is_none(), "{role} {sid}");
        }
    }
}

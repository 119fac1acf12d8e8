//! What cannot be read ends among the dead letters, with the reason, and holds up nothing.

use halogard_tests::invariants::tickets_of;
use serde_json::{Value, json};

use crate::deployment::{Deployment, until};

/// The letters of a dead-letter queue.
async fn letters(world: &Deployment, output: &str) -> Vec<Value> {
    let arguments = json!({
        "QueueUrl": world.outputs[output],
        "MessageAttributeNames": ["All"],
        "MaxNumberOfMessages": 10,
        "VisibilityTimeout": 0,
    });
    let received = world.aws.call("sqs", "receive_message", arguments).await;
    received["Messages"].as_array().cloned().unwrap_or_default()
}

#[tokio::test]
async fn an_unreadable_message_is_dead_lettered_with_the_reason_and_blocks_no_other() {
    let world = Deployment::in_operation().await;
    let lanes = [
        ("UrgentQueueUrl", "UrgentDeadLettersUrl"),
        ("BulkQueueUrl", "BulkDeadLettersUrl"),
        ("RunsQueueUrl", "RunsDeadLettersUrl"),
    ];
    for (queue, _) in lanes {
        let poison =
            json!({"QueueUrl": world.outputs[queue], "MessageBody": "{\"type\":\"poison\"}"});
        world.aws.call("sqs", "send_message", poison).await;
    }
    let alert = world.raise("disk full");
    world.round().await;

    for (queue, dead_letters) in lanes {
        until(dead_letters, async || world.depth(dead_letters).await == 1).await;
        let letters = letters(&world, dead_letters).await;
        assert_eq!(letters.len(), 1, "{letters:?}");
        assert_eq!(letters[0]["Body"], "{\"type\":\"poison\"}");
        let reason = letters[0]["MessageAttributes"]["reason"]["StringValue"].as_str();
        assert!(
            reason.is_some_and(|reason| reason.contains("JSON of another form")),
            "{queue}: {reason:?}"
        );
    }
    let tickets = || tickets_of(&world.liongard.alert(alert).unwrap(), &world.halo.tickets());
    until("the alert beside it has a ticket", async || {
        tickets().len() == 1
    })
    .await;
    println!(
        "poison: {} messages dead-lettered with a reason",
        lanes.len()
    );
}

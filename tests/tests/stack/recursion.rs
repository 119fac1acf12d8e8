//! Waiting work is a chain of copies, each of which invokes the function that sent it. Lambda takes such a chain for
//! an endless loop and stops it, unless the function allows it.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use halogard_tests::setup::planted;
use serde_json::{Value, json};

use crate::deployment::{Deployment, eventually};

/// What the first webhook of its kind puts into the queue: itself, and its form for the operator. Lambda hands them
/// over in one batch or in two.
const MESSAGES: u64 = 2;

/// Copies made of each message that waits for a config: forty minutes of waiting.
const COPIES: u64 = 40;

/// Invocations after which Lambda stops a chain.
const STOPPED_AFTER: u64 = 16;

/// How far the queues' clock is moved for each copy: more than a copy is delayed.
const STEP: Duration = Duration::from_secs(61);

/// More than a message is hidden that was received and not settled.
const HIDDEN: Duration = Duration::from_secs(1_801);

/// A stack without a config that has accepted one webhook, and the clock of its queues.
struct Waiting {
    world: Deployment,
    queue_time: Duration,
}

impl Waiting {
    async fn begin() -> Self {
        let world = Deployment::deployed().await;
        let status = world.deliver_signed_with(planted::WEBHOOK_SECRET).await;
        assert_eq!(status, 200);
        let queue_time = now();
        Self { world, queue_time }
    }

    /// Lets time pass in the queues.
    async fn pass(&mut self, by: Duration) {
        self.queue_time = (self.queue_time + by).max(now());
        let millis = i64::try_from(self.queue_time.as_millis()).unwrap();
        let (emulator, account) = (&self.world.emulator, &self.world.account);
        emulator.set_queue_time(account, millis).await.unwrap();
    }

    /// How many copies the worker has made, of all messages.
    async fn copies(&self) -> u64 {
        let logs = self.world.logs("ticket-sync").await;
        let lines = logs
            .iter()
            .filter_map(|line| serde_json::from_str(line).ok());
        lines.map(|line: Value| deferred(&line)).sum()
    }

    /// Waits until each message was put back `count` times; whether it was.
    async fn put_back(&self, count: u64) -> bool {
        eventually(async || self.copies().await >= MESSAGES * count).await
    }
}

/// How many messages a batch put back, by its line in the log.
fn deferred(line: &Value) -> u64 {
    if line["outcome"] != "deferred" {
        return 0;
    }
    line["deferred"].as_u64().unwrap()
}

/// The machine's time, since 1970.
#[expect(clippy::disallowed_methods, reason = "the clock of a real process")]
fn now() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap()
}

#[tokio::test]
async fn a_webhook_that_is_copied_forty_times_is_delivered_in_the_end() {
    let mut waiting = Waiting::begin().await;
    for copy in 1..=COPIES {
        assert!(waiting.put_back(copy).await, "copy {copy} was not made");
        waiting.pass(STEP).await;
    }
    waiting.world.apply_config().await;
    let mut delivered = false;
    for _ in 0..COPIES {
        waiting.pass(STEP).await;
        tokio::time::sleep(Duration::from_secs(2)).await;
        if waiting.world.depth("UrgentQueueUrl").await == 0 {
            delivered = true;
            break;
        }
    }
    assert!(delivered, "it still waits");
    assert_eq!(waiting.world.depth("UrgentDeadLettersUrl").await, 0);
    println!(
        "recursion: delivered after {} copies",
        waiting.copies().await / MESSAGES
    );
}

#[tokio::test]
async fn without_the_permission_the_chain_is_stopped_and_the_webhook_is_lost_to_the_dead_letters() {
    let mut waiting = Waiting::begin().await;
    let world = &waiting.world;
    let stopped = json!({
        "FunctionName": world.outputs["TicketSyncName"],
        "RecursiveLoop": "Terminate",
    });
    world
        .aws
        .call("lambda", "put_function_recursion_config", stopped)
        .await;
    for copy in 1..=STOPPED_AFTER {
        assert!(waiting.put_back(copy).await, "copy {copy} was not made");
        waiting.pass(STEP).await;
    }
    // Received, dropped and hidden, again and again.
    let mut dead_lettered = false;
    for _ in 0..2 * halogard_aws::RECEIVES_MAX {
        tokio::time::sleep(Duration::from_secs(2)).await;
        if waiting.world.depth("UrgentDeadLettersUrl").await == MESSAGES {
            dead_lettered = true;
            break;
        }
        waiting.pass(HIDDEN).await;
    }
    assert!(dead_lettered, "it was not dead-lettered");
    assert_eq!(waiting.copies().await, MESSAGES * STOPPED_AFTER);
}

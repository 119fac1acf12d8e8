//! The whole way of an alert, through everything that is deployed.

use halogard_tests::invariants::tickets_of;
use halogard_tests::setup::planted;
use serde_json::{Value, json};

use crate::deployment::{Deployment, eventually, until};

/// The technician who closes the ticket.
const TECHNICIAN: i64 = 12;

#[tokio::test]
async fn an_alert_becomes_a_ticket_and_a_closed_ticket_closes_the_alert() {
    let world = Deployment::deployed().await;

    assert_eq!(
        world.round().await,
        json!({"complete": false, "queued": 0}),
        "nothing is done before a config is applied"
    );
    world.apply_config().await;
    world.register_webhook();
    assert_eq!(world.round().await, json!({"complete": true, "queued": 0}));

    let alert = world.raise("disk full");
    let round = world.round().await;
    assert_eq!(round["complete"], true, "{round}");
    assert!(
        round["queued"].as_u64().is_some_and(|queued| queued > 0),
        "{round}"
    );
    let tickets = || tickets_of(&world.liongard.alert(alert).unwrap(), &world.halo.tickets());
    until("the alert has a ticket", async || !tickets().is_empty()).await;
    let ticket = tickets().remove(0);

    world.liongard.clear_condition(alert).unwrap();
    world.halo.close_ticket(ticket.id, TECHNICIAN).unwrap();
    let alert_now = || world.liongard.alert(alert).unwrap();
    until(
        "the webhook has the inspector run, and the alert closes",
        async || alert_now().closed,
    )
    .await;

    world.round().await;
    for queue in ["UrgentQueueUrl", "BulkQueueUrl", "RunsQueueUrl"] {
        let what = format!("nothing is left to do in {queue}");
        if !eventually(async || world.depth(queue).await == 0).await {
            let poll = world.logs("inspector-poll").await;
            let sync = world.logs("ticket-sync").await;
            panic!("it does not come about: {what}; {poll:#?} {sync:#?}");
        }
    }
    in_step(&world).await;
    expect_log_lines_without_secrets(&world).await;
}

/// What must hold at the end of every test: one ticket for each alert, both open or both closed, no
/// dead letter, no request too many.
async fn in_step(world: &Deployment) {
    let tickets = world.halo.tickets();
    for alert in world.liongard.alerts() {
        let own = tickets_of(&alert, &tickets);
        assert_eq!(own.len(), 1, "tickets of alert {}: {own:#?}", alert.id);
        assert_eq!(own[0].closed, alert.closed, "{:?}, {alert:?}", own[0]);
    }
    for queue in [
        "UrgentDeadLettersUrl",
        "BulkDeadLettersUrl",
        "RunsDeadLettersUrl",
        "ScheduleDeadLettersUrl",
    ] {
        assert_eq!(world.depth(queue).await, 0, "{queue}");
    }
    let traffic = world.halo.stats().traffic;
    assert!(
        traffic.window_max <= 450,
        "{} requests in a window",
        traffic.window_max
    );
    println!(
        "end to end: {} alerts in step, {} requests to HaloPSA",
        world.liongard.alerts().len(),
        traffic.window_max
    );
}

/// What the functions logged: outcomes and metrics, and nothing that must not be there.
async fn expect_log_lines_without_secrets(world: &Deployment) {
    let mut lines = Vec::new();
    for function in ["webhook-intake", "inspector-poll", "ticket-sync"] {
        lines.extend(world.logs(function).await);
    }
    let said = |what: &str| lines.iter().any(|line| line.contains(what));
    for what in [
        "\"outcome\":\"accepted\"",
        "\"actions\":\"opened\"",
        "\"TicketsOpened\":1",
        "\"WebhooksAccepted\":1",
        "\"PollLagSeconds\"",
        "\"NotConfigured\":1",
    ] {
        assert!(said(what), "no log line has {what}:\n{}", lines.join("\n"));
    }
    // As the alarms and the dashboard of this stack ask for it, and of no other.
    for function in ["WebhookIntakeName", "InspectorPollName", "TicketSyncName"] {
        let filed = format!("\"function\":\"{}\"", world.outputs[function]);
        let metrics = |line: &&String| line.contains("CloudWatchMetrics");
        let own = lines
            .iter()
            .filter(metrics)
            .any(|line| line.contains(&filed));
        assert!(own, "no metric is filed under {filed}");
    }
    for planted in planted::ALL {
        assert!(!said(planted), "{planted} was logged");
    }
    println!("end to end: {} log lines without a secret", lines.len());
}

#[tokio::test]
async fn the_schedule_starts_a_cycle_and_unauthenticated_requests_are_refused() {
    let world = Deployment::in_operation().await;

    let schedules = world
        .aws
        .call("scheduler", "list_schedules", json!({}))
        .await;
    let schedules = schedules["Schedules"]
        .as_array()
        .cloned()
        .unwrap_or_default();
    let is_of_rounds = |schedule: &&Value| schedule["Name"].to_string().contains("InspectorPoll");
    let of_rounds: Vec<&Value> = schedules.iter().filter(is_of_rounds).collect();
    assert_eq!(of_rounds.len(), 1, "{schedules:?}");
    let name = json!({"Name": of_rounds[0]["Name"]});
    let schedule = world.aws.call("scheduler", "get_schedule", name).await;
    let target: &Value = &schedule["Target"];
    assert_eq!(schedule["ScheduleExpression"], "rate(60 minutes)");
    assert_eq!(target["Input"], r#"{"type":"sync_cycle"}"#);
    let function = target["Arn"].as_str().unwrap_or_default();
    assert!(
        function.ends_with(&world.outputs["InspectorPollName"]),
        "{function}"
    );

    let right = format!("/webhooks/liongard/{}", planted::WEBHOOK_TOKEN);
    let cases = [
        ("/webhooks/halopsa/wrong-token-of-a-stranger", "{}", 401),
        ("/webhooks/liongard/wrong-token-of-a-stranger", "{}", 401),
        (
            &format!("/webhooks/halopsa/{}", planted::WEBHOOK_TOKEN),
            "{}",
            401,
        ),
        ("/webhooks", "{}", 404),
        (&right, "{}", 200),
    ];
    for (path, body, status) in cases {
        assert_eq!(world.post(path, body).await, status, "{path}");
    }
    println!("schedule: 1, strangers and friends: {}", cases.len());
}

//! Runs and what they bring about; native ticketing.

use std::time::Duration;

use halogard_simulator::liongard::{AlertSpec, NativeTicketing, RunResult};
use serde_json::{Value, json};

use crate::caller::{HaloHarness, LiongardHarness};

/// Both vendors, connected, with native ticketing.
async fn both(drifts: bool) -> (HaloHarness, LiongardHarness) {
    let tenant = HaloHarness::stock().await;
    let native = NativeTicketing {
        drifts,
        ..NativeTicketing::default()
    };
    let instance = LiongardHarness::by(tenant.clock.clone(), |settings| {
        settings.native_ticketing = Some(native)
    });
    instance.liongard.connect(tenant.halo.clone());
    (tenant, instance)
}

/// Asks for a run of one launchpoint.
async fn run(instance: &LiongardHarness, launchpoint: i64) {
    let answer = instance
        .post(
            "/v1/launchpoints/run",
            &json!({ "LaunchPoints": [launchpoint] }),
        )
        .await;
    assert_eq!(
        answer.json(),
        json!({ "results": [{ "ID": launchpoint }], "errors": [] })
    );
}

/// The newest timeline entry.
async fn newest(instance: &LiongardHarness) -> Value {
    instance
        .get("/v1/timeline/")
        .await
        .json()
        .as_array()
        .unwrap()
        .last()
        .unwrap()
        .clone()
}

#[tokio::test]
async fn a_run_goes_through_its_steps_by_the_clock() {
    let instance = LiongardHarness::stock();
    run(&instance, 500).await;
    let mut words = Vec::new();
    for seconds in [0, 2, 3, 25] {
        instance.clock.advance(Duration::from_secs(seconds));
        words.push(
            newest(&instance).await["Status"]
                .as_str()
                .unwrap()
                .to_owned(),
        );
    }
    assert_eq!(words, ["Scheduled", "Processing", "Running", "Completed"]);
    let entry = newest(&instance).await;
    assert_eq!(
        (&entry["AdHoc"], &entry["ExitCode"], &entry["Latest"]),
        (&json!(true), &json!(0), &json!(true))
    );
    assert_eq!(entry["FinishedAt"], "2026/01/05 08:01:11");
    assert_eq!(
        instance.get("/v1/launchpoints/500/").await.json()[0]["TotalAdHocRuns"],
        1
    );
}

#[tokio::test]
async fn a_get_runs_too_and_answers_with_the_launchpoints_number() {
    let instance = LiongardHarness::stock();
    assert_eq!(instance.get("/v1/launchpoints/501/run").await.json(), 501);
    assert_eq!(instance.get("/v1/launchpoints/77/run").await.status, 404);
    assert_eq!(instance.liongard.runs().len(), 1);
}

#[tokio::test]
async fn refused_runs_stand_beside_started_ones() {
    let instance = LiongardHarness::stock();
    let answer = instance
        .post(
            "/v1/launchpoints/run",
            &json!({ "LaunchPoints": [501, 77] }),
        )
        .await
        .json();
    assert_eq!(
        answer,
        json!({ "results": [{ "ID": 501 }], "errors": [{ "ID": 77, "Message": "Launchpoint not found" }] })
    );
}

#[tokio::test]
async fn a_run_may_fail_or_never_end() {
    let (tenant, instance) = both(false).await;
    let alert = instance
        .liongard
        .raise(&AlertSpec::new(8801, "Disk Full", ""))
        .unwrap();
    tenant
        .halo
        .close_ticket(
            instance.liongard.alert(alert).unwrap().external_id.unwrap(),
            12,
        )
        .unwrap();
    instance.liongard.set_next_run(RunResult::Fails);
    instance.liongard.set_next_run(RunResult::NeverFinishes);
    run(&instance, 500).await;
    tenant.clock.advance(Duration::from_secs(60));
    let failed = newest(&instance).await;
    assert_eq!(
        (&failed["Status"], &failed["ExitCode"]),
        (&json!("Failed"), &json!(1))
    );
    run(&instance, 500).await;
    tenant.clock.advance(Duration::from_secs(86_400));
    let endless = newest(&instance).await;
    assert_eq!(
        (&endless["Status"], &endless["FinishedAt"]),
        (&json!("Running"), &json!(null))
    );
    assert!(!instance.liongard.alert(alert).unwrap().closed);
}

#[tokio::test]
async fn the_halopsa_run_copies_closed_and_reopened_tickets() {
    let (tenant, instance) = both(false).await;
    let alert = instance
        .liongard
        .raise(&AlertSpec::new(8801, "Disk Full", ""))
        .unwrap();
    let ticket = instance.liongard.alert(alert).unwrap().external_id.unwrap();
    tenant.halo.close_ticket(ticket, 12).unwrap();
    run(&instance, 500).await;
    tenant.clock.advance(Duration::from_secs(29));
    assert!(!instance.liongard.alert(alert).unwrap().closed);
    tenant.clock.advance(Duration::from_secs(1));
    let row = instance.get("/v1/tasks/").await.json()[0].clone();
    assert_eq!(
        (&row["Status"]["Name"], &row["UpdatedOn"]),
        (
            &json!("Closed - Complete"),
            &json!("2026-01-05T08:01:11.043Z")
        )
    );
    tenant.halo.reopen_ticket(ticket, 12).unwrap();
    run(&instance, 500).await;
    tenant.clock.advance(Duration::from_secs(30));
    assert_eq!(
        instance.liongard.alert(alert).unwrap().status,
        "In Progress"
    );
}

#[tokio::test]
async fn a_run_sees_tickets_as_they_were_when_it_read_them() {
    let (tenant, instance) = both(false).await;
    let alert = instance
        .liongard
        .raise(&AlertSpec::new(8801, "Disk Full", ""))
        .unwrap();
    let ticket = instance.liongard.alert(alert).unwrap().external_id.unwrap();
    run(&instance, 500).await;
    tenant.clock.advance(Duration::from_secs(20));
    tenant.halo.close_ticket(ticket, 12).unwrap();
    tenant.clock.advance(Duration::from_secs(600));
    assert!(!instance.liongard.alert(alert).unwrap().closed);
}

#[tokio::test]
async fn an_alerts_own_run_closes_it_only_once_its_cause_is_gone() {
    let instance = LiongardHarness::stock();
    let alert = instance
        .liongard
        .raise(&AlertSpec::new(8801, "Disk Full", ""))
        .unwrap();
    let own = instance.liongard.alert(alert).unwrap().launchpoint_id;
    for (remedied, closed) in [(false, false), (true, true)] {
        if remedied {
            instance.liongard.clear_condition(alert).unwrap();
        }
        run(&instance, own).await;
        instance.clock.advance(Duration::from_secs(30));
        assert_eq!(instance.liongard.alert(alert).unwrap().closed, closed);
    }
}

#[tokio::test]
async fn native_ticketing_makes_the_ticket_and_spends_no_request_of_ours() {
    let (tenant, instance) = both(false).await;
    let alert = instance
        .liongard
        .raise(&AlertSpec::new(8802, "Disk Full", "98%"))
        .unwrap();
    let ticket = tenant
        .halo
        .ticket(instance.liongard.alert(alert).unwrap().external_id.unwrap())
        .unwrap();
    assert_eq!(
        (ticket.client_id, ticket.created_by.as_str()),
        (18, "Liongard")
    );
    assert_eq!(tenant.halo.stats().traffic.requests, 1);
    instance.liongard.close(alert).unwrap();
    assert!(tenant.halo.ticket(ticket.id).unwrap().closed);
    instance.liongard.reopen(alert).unwrap();
    assert!(!tenant.halo.ticket(ticket.id).unwrap().closed);
}

#[tokio::test]
async fn with_drift_a_closed_alert_leaves_its_ticket_open() {
    let (tenant, instance) = both(true).await;
    let alert = instance
        .liongard
        .raise(&AlertSpec::new(8801, "Disk Full", ""))
        .unwrap();
    let ticket = instance.liongard.alert(alert).unwrap().external_id.unwrap();
    instance.liongard.close(alert).unwrap();
    assert!(!tenant.halo.ticket(ticket).unwrap().closed);
    run(&instance, 500).await;
    tenant.clock.advance(Duration::from_secs(30));
    assert!(instance.liongard.alert(alert).unwrap().closed);
}

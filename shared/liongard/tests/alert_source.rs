//! Liongard behind the ports: alerts as the use cases see them, and inspectors that run again.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test stops at what it did not expect, in its helpers too"
)]

#[allow(dead_code, reason = "each test file uses its part of the harness")]
mod support;

use std::sync::Arc;
use std::time::Duration;

use halogard_app::ports::{
    AlertList, AlertListing, AlertSource, Clock, EnvironmentInfo, ErrorCode, Inspectors, PortError,
    Refusal, RunProgress,
};
use halogard_domain::FailureClass::{self, InDoubt, Permanent, Throttled, Transient};
use halogard_domain::alert::AlertState;
use halogard_domain::ids::{AlertId, EnvironmentId, LaunchpointId, RunId, TicketId};
use halogard_domain::runs::RunMark;
use halogard_domain::{Alert, Slug, Timestamp};
use halogard_http::TransportError;
use halogard_liongard::LiongardAlertSource;
use serde_json::{Value, json};
use support::alert::whole_alert;
use support::{Harness, Outcome, ScriptedTransport, answer, answer_with, redirect};

const ALERT: AlertId = AlertId::new(7586);
const LAUNCHPOINT: LaunchpointId = LaunchpointId::new(18700);

/// 2026-01-05T02:15:00.120Z, when [`whole_alert`] was raised.
const RAISED: Timestamp = Timestamp::from_millis(1_767_579_300_120);

const NOW: Timestamp = Timestamp::from_millis(1_767_600_000_000);

struct Still;

impl Clock for Still {
    fn now(&self) -> Timestamp {
        NOW
    }
}

/// A source whose Liongard answers so.
fn source(
    script: impl IntoIterator<Item = Outcome>,
) -> LiongardAlertSource<Arc<ScriptedTransport>, Still> {
    Harness::scripted(script).source(Still)
}

fn answering(body: &Value) -> LiongardAlertSource<Arc<ScriptedTransport>, Still> {
    source([answer(200, &body.to_string())])
}

/// [`whole_alert`] with these members.
fn with(members: Value) -> Value {
    let mut row = whole_alert();
    for (name, value) in members.as_object().unwrap() {
        row[name] = value.clone();
    }
    row
}

/// The whole list, in one piece.
async fn whole_list(source: &impl AlertSource) -> Result<AlertList, PortError> {
    let mut listing = source.list().await?;
    let mut all = AlertList::default();
    while let Some(part) = listing.next().await? {
        all.alerts.extend(part.alerts);
        all.unreadable.extend(part.unreadable);
        all.odd.extend(part.odd);
    }
    Ok(all)
}

/// The alert that `row` shows.
async fn alert_of(row: Value) -> Alert {
    let list = whole_list(&answering(&json!([row]))).await.unwrap();
    assert!(list.unreadable.is_empty(), "{:?}", list.unreadable);
    list.alerts.into_iter().next().expect("one alert")
}

#[tokio::test]
async fn a_whole_alert_is_read_member_by_member() {
    let expected = Alert {
        id: ALERT,
        number: Some("T20260105.00001".into()),
        environment: EnvironmentId::new(8801),
        environment_name: "Northwind Dental".into(),
        name: "Active Directory | Stale Privileged Accounts".into(),
        description: "2 accounts have not signed in for 90 days".into(),
        priority: Slug::new("critical"),
        status: Slug::new("new"),
        inspector: Some("active-directory-inspector".into()),
        inspector_alias: Some("Active Directory".into()),
        rule: Some("Stale Privileged Accounts".into()),
        launchpoint: Some(LAUNCHPOINT),
        system: Some("Northwind AD".into()),
        native_ticket: Some(TicketId::new(90412)),
        visible: true,
        raised_at: RAISED,
        changed_at: RAISED,
        observed_at: NOW,
        page: Some("https://us1.app.liongard.com/environments/8801".into()),
    };
    assert_eq!(alert_of(whole_alert()).await, expected);
    let read = answering(&json!([whole_alert()]))
        .read(ALERT)
        .await
        .unwrap();
    assert_eq!(read, Some(expected));
}

#[tokio::test]
async fn an_alert_that_never_changed_changed_when_it_was_raised() {
    let alert = alert_of(with(json!({"UpdatedOn": null}))).await;
    assert_eq!((alert.raised_at, alert.changed_at), (RAISED, RAISED));
}

#[tokio::test]
async fn an_alerts_times_are_read_in_both_forms() {
    let later = Timestamp::from_millis(1_767_579_305_000);
    for form in [
        "2026-01-05T02:15:05.000Z",
        "2026/01/05 02:15:05",
        "2026-01-05T02:15:05",
    ] {
        let alert = alert_of(with(json!({"UpdatedOn": form}))).await;
        assert_eq!(
            (alert.raised_at, alert.changed_at),
            (RAISED, later),
            "{form}"
        );
        let alert = alert_of(with(json!({"CreatedOn": form}))).await;
        assert_eq!(
            (alert.raised_at, alert.changed_at),
            (later, later),
            "{form}"
        );
    }
}

#[tokio::test]
async fn an_alert_without_its_first_time_was_raised_when_it_last_changed() {
    let row = with(json!({"CreatedOn": null, "UpdatedOn": "2026/01/05 02:15:05"}));
    let alert = alert_of(row).await;
    assert_eq!(alert.raised_at, Timestamp::from_millis(1_767_579_305_000));
    let alert = alert_of(with(json!({"CreatedOn": null, "UpdatedOn": null}))).await;
    assert_eq!(
        (alert.raised_at, alert.changed_at),
        (Timestamp::EPOCH, Timestamp::EPOCH)
    );
}

#[tokio::test]
async fn the_ticket_of_liongards_own_ticketing_is_a_number_in_any_form() {
    let ticket = Some(TicketId::new(90412));
    let rows = [
        (json!(90412), ticket),
        (json!("90412"), ticket),
        (json!(" 0090412 "), ticket),
        (json!(0), None),
        (json!("0"), None),
        (json!(""), None),
        (json!(null), None),
        (json!(-1), None),
        (json!("INC-90412"), None),
    ];
    for (form, expected) in rows {
        let alert = alert_of(with(json!({"ExternalID": form}))).await;
        assert_eq!(alert.native_ticket, expected, "{form}");
    }
}

#[tokio::test]
async fn a_hidden_alert_is_listed_as_hidden() {
    for (form, visible) in [
        (json!(false), false),
        (json!(0), false),
        (json!(true), true),
        (json!(null), true),
    ] {
        assert_eq!(
            alert_of(with(json!({"Visible": form}))).await.visible,
            visible,
            "{form}"
        );
    }
}

#[tokio::test]
async fn a_status_is_known_by_its_machine_word_before_its_name() {
    let rows = [
        (
            json!({"Name": "Closed - Complete", "Reserved": "closed"}),
            "closed",
            AlertState::Closed,
        ),
        (
            json!({"Name": "Closed - Complete"}),
            "closed_complete",
            AlertState::Closed,
        ),
        (json!("In Progress"), "in_progress", AlertState::Open),
        (
            json!({"Name": "Frobnicated"}),
            "frobnicated",
            AlertState::Unknown,
        ),
        (json!(null), "", AlertState::Unknown),
    ];
    for (form, word, state) in rows {
        let alert = alert_of(with(json!({"Status": form}))).await;
        assert_eq!(
            (alert.status.as_str(), alert.state()),
            (word, state),
            "{form}"
        );
    }
}

#[tokio::test]
async fn an_alert_that_says_little_is_still_one() {
    let alert = alert_of(json!({"ID": 7586, "Environment": {"ID": 8801}})).await;
    assert_eq!(alert.name, "Liongard alert 7586");
    assert_eq!(
        (alert.description.as_str(), alert.environment_name.as_str()),
        ("", "")
    );
    assert_eq!(
        (alert.inspector, alert.launchpoint, alert.native_ticket),
        (None, None, None)
    );
    assert!(alert.visible);
}

#[tokio::test]
async fn an_alert_belongs_to_the_customer_of_its_launchpoint_if_it_names_none() {
    for none in [
        json!(null),
        json!({"Name": "Northwind Dental"}),
        json!({"ID": 0}),
    ] {
        let row =
            with(json!({"Environment": none, "Launchpoint": {"ID": 18700, "EnvironmentID": 8802}}));
        assert_eq!(alert_of(row).await.environment, EnvironmentId::new(8802));
    }
}

#[tokio::test]
async fn an_environment_from_whichever_member_names_it_is_enough() {
    for members in [
        json!({"Environment": 8802, "Launchpoint": null}),
        json!({"Environment": "8802", "Launchpoint": null}),
        json!({"Environment": "Northwind", "Launchpoint": {"EnvironmentID": "8802"}}),
        json!({"Environment": [], "Launchpoint": {"ID": {}, "Environment": 8802}}),
        json!({"Environment": {"ID": {}}, "Launchpoint": {"ID": "x", "EnvironmentID": 8802}}),
        json!({"Environment": true, "Launchpoint": {"Environment": {"ID": 8802}}}),
    ] {
        let alert = alert_of(with(members.clone())).await;
        assert_eq!(alert.environment, EnvironmentId::new(8802), "{members}");
    }
}

#[tokio::test]
async fn no_odd_member_costs_an_alert_its_ticket() {
    let mut cases = 0;
    for member in [
        "CommonID",
        "Name",
        "Description",
        "Environment",
        "Priority",
        "Status",
        "Rule",
        "Inspector",
        "Launchpoint",
        "Timeline",
        "ExternalID",
        "Visible",
        "CreatedOn",
        "UpdatedOn",
    ] {
        for value in [
            json!("n/a"),
            json!("10.09.2021"),
            json!("2021/13/45 19:21:03"),
            json!(20_210_910),
            json!({"text": "planted"}),
            json!({"ID": "planted"}),
            json!([1]),
            json!(true),
            json!(1e30),
            json!(-1.5),
            json!("2099-01-01T00:00:00Z"),
            json!([[]]),
            json!({}),
            json!(9912),
            json!(""),
        ] {
            let mut row = with(json!({}));
            row[member] = value.clone();
            let list = whole_list(&answering(&json!([row]))).await.unwrap();
            assert_eq!(list.alerts.len(), 1, "{member}: {value}");
            let alert = &list.alerts[0];
            assert!(
                alert.changed_at <= NOW && alert.raised_at <= NOW,
                "{member}: {value}"
            );
            assert!(!alert.is_closed(), "{member}: {value}");
            assert!(!format!("{:?}", list.odd).contains("planted"));
            cases += 1;
        }
    }
    println!("{cases} odd members");
}

/// An alert that does not say whose it is.
fn without_environment() -> Value {
    with(json!({"Environment": null, "Launchpoint": {"ID": 18700}}))
}

#[tokio::test]
async fn an_alert_without_an_environment_is_reported_and_loses_no_other() {
    let other = with(json!({"ID": 7587}));
    let list = answering(&json!([without_environment(), other, {"ID": "x"}]));
    let list = whole_list(&list).await.unwrap();
    let ids: Vec<u64> = list.alerts.iter().map(|alert| alert.id.get()).collect();
    assert_eq!(ids, [7587]);
    assert_eq!(list.unreadable.len(), 2, "{:?}", list.unreadable);
    let without_environment = list.unreadable.iter().find(|place| place.contains("7586"));
    assert_eq!(
        without_environment.unwrap(),
        "alert 7586 at Environment.ID: it is missing"
    );
}

#[tokio::test]
async fn reading_an_alert_without_an_environment_is_an_error() {
    let error = answering(&json!([without_environment()]))
        .read(ALERT)
        .await
        .unwrap_err();
    assert_eq!(
        (error.class, error.code),
        (Permanent, ErrorCode::LiongardUnexpected)
    );
    assert_eq!(
        error.message.as_deref(),
        Some("alert 7586 at Environment.ID: it is missing")
    );
    assert!(
        error.chain().contains("Environment.ID"),
        "{}",
        error.chain()
    );
}

#[tokio::test]
async fn an_alert_liongard_does_not_know_is_none() {
    for outcome in [
        answer(200, "[]"),
        answer(200, "null"),
        answer(404, r#"{"message":"not found"}"#),
    ] {
        assert_eq!(source([outcome]).read(ALERT).await.unwrap(), None);
    }
    let error = answering(&json!([with(json!({"ID": 7587}))]))
        .read(ALERT)
        .await
        .unwrap_err();
    assert_eq!(
        error.code,
        ErrorCode::LiongardUnexpected,
        "another alert is not an answer"
    );
}

#[tokio::test]
async fn customers_are_listed_with_whether_they_are_in_use() {
    let rows = json!([
        {"ID": 8801, "Name": "Northwind Dental", "Status": 1, "Visible": true},
        {"ID": 8802, "Name": "Old Mill", "Status": 2},
        {"ID": 8803, "Status": 1, "Visible": false}
    ]);
    let info = |id, name: &str, active| EnvironmentInfo {
        id: EnvironmentId::new(id),
        name: name.into(),
        active,
        tier: None,
    };
    assert_eq!(
        answering(&rows).environments().await.unwrap(),
        [
            info(8801, "Northwind Dental", true),
            info(8802, "Old Mill", false),
            info(8803, "8803", false)
        ]
    );
}

#[tokio::test]
async fn the_inspector_of_halopsa_is_known_by_name_and_only_if_it_is_enabled() {
    let of = |id: u64, inspector: Value, enabled: Value| json!({"ID": id, "Inspector": inspector, "Enabled": enabled});
    let halo = || json!({"ID": 94, "Name": "halopsa-inspector", "Alias": "HaloPSA"});
    let rows = json!([
        of(1, halo(), json!(true)),
        of(2, halo(), json!(false)),
        of(
            3,
            json!({"ID": 13, "Name": "active-directory-inspector"}),
            json!(true)
        ),
        of(
            4,
            json!({"ID": 94, "Name": "another-inspector"}),
            json!(true)
        ),
        of(
            5,
            json!({"ID": 7, "Name": "halopsa-inspector"}),
            json!(null)
        ),
        of(6, json!(null), json!(true))
    ]);
    let found = answering(&rows).halo_launchpoints().await.unwrap();
    assert_eq!(found, [LaunchpointId::new(1), LaunchpointId::new(5)]);
    assert_eq!(answering(&json!([])).halo_launchpoints().await.unwrap(), []);
}

#[tokio::test]
async fn a_run_that_was_started_or_passed_over_is_followed() {
    for body in [
        json!({"results": [{"ID": 18700}], "errors": []}),
        json!({"results": [{"ID": 18700}]}),
        json!({"results": [], "errors": [{"ID": 5, "Message": "busy"}]}),
        json!({"results": [{"ID": 18700}], "errors": [{"Message": "something else"}]}),
    ] {
        let harness = Harness::scripted([answer(200, &body.to_string())]);
        harness.source(Still).run(LAUNCHPOINT).await.unwrap();
        assert_eq!(harness.only_sent().json(), json!({"LaunchPoints": [18700]}));
    }
}

#[tokio::test]
async fn a_run_that_liongard_did_not_start_is_refused_though_the_answer_is_a_success() {
    let rows = [
        (
            json!({"results": [], "errors": [{"ID": 18700, "Message": "The agent is offline"}]}),
            "The agent is offline",
        ),
        (
            json!({"results": [], "errors": [{"Message": "The agent is offline"}]}),
            "The agent is offline",
        ),
        (
            json!({"results": [{"ID": 5}], "errors": [{"ID": 18700}]}),
            "no reason given",
        ),
    ];
    for (body, message) in rows {
        let error = answering(&body).run(LAUNCHPOINT).await.unwrap_err();
        assert_eq!(
            (error.class, error.code),
            (Permanent, ErrorCode::LiongardRunRefused)
        );
        assert_eq!(error.message.as_deref(), Some(message));
    }
}

#[tokio::test]
async fn a_run_that_is_refused_because_one_is_under_way_says_so() {
    let rows = [
        ("Launchpoint is already running", true),
        ("This inspector is already in progress.", true),
        (
            "An inspection is currently running for this launchpoint",
            true,
        ),
        ("Launchpoint already queued", true),
        (
            "Launchpoint has already been scheduled: already scheduled for 10:00",
            true,
        ),
        ("A run in progress must end first", true),
        ("The agent is not running", false),
        ("Agent is not currently running", false),
        ("The agent is offline", false),
        ("Launchpoint is disabled", false),
        ("Launchpoint not found", false),
    ];
    for (message, expected) in rows {
        let expected = expected.then_some(Refusal::RunUnderWay);
        for body in [
            json!({"results": [], "errors": [{"ID": 18700, "Message": message}]}),
            json!({"errors": [{"Message": message}]}),
        ] {
            let error = answering(&body).run(LAUNCHPOINT).await.unwrap_err();
            assert_eq!(error.class, Permanent);
            assert_eq!(error.refusal, expected, "{message}");
        }
    }
}

#[tokio::test]
async fn a_run_with_a_page_for_an_answer_is_in_doubt() {
    for body in ["<html>", "{"] {
        let error = source([answer(200, body)])
            .run(LAUNCHPOINT)
            .await
            .unwrap_err();
        assert_eq!(
            (error.class, error.code),
            (InDoubt, ErrorCode::LiongardUnexpected),
            "{body}"
        );
    }
}

/// A run of the launchpoint with these members.
fn run(id: u64, members: Value) -> Value {
    let mut row =
        json!({"ID": id, "Launchpoint": {"ID": 18700}, "AdHoc": true, "Status": "Running"});
    for (name, value) in members.as_object().unwrap() {
        row[name] = value.clone();
    }
    row
}

/// A run that succeeded.
fn good(id: u64) -> Value {
    run(
        id,
        json!({"Status": "Completed", "ExitCode": 0, "FinishedAt": "2026/01/05 02:14:09"}),
    )
}

/// How the run asked for after `after` does, when these are listed.
async fn progress(rows: Value, after: Option<u64>) -> RunProgress {
    answering(&rows)
        .progress(LAUNCHPOINT, after.map(|run| RunMark::Run(RunId::new(run))))
        .await
        .unwrap()
}

#[tokio::test]
async fn the_newest_run_is_the_one_with_the_highest_number_scheduled_ones_included() {
    let rows = json!([
        good(11),
        run(13, json!({"AdHoc": false})),
        good(12),
        run(99, json!({"Launchpoint": {"ID": 5}}))
    ]);
    assert_eq!(
        answering(&rows).newest_run(LAUNCHPOINT).await.unwrap(),
        Some(RunMark::Run(RunId::new(13)))
    );
    assert_eq!(
        answering(&json!([])).newest_run(LAUNCHPOINT).await.unwrap(),
        None
    );
}

#[tokio::test]
async fn a_run_is_ours_if_it_is_newer_than_the_last_before() {
    assert_eq!(progress(json!([]), None).await, RunProgress::NotListed);
    assert_eq!(
        progress(json!([good(10), good(11)]), Some(11)).await,
        RunProgress::NotListed
    );
    assert_eq!(
        progress(json!([good(11)]), Some(10)).await,
        RunProgress::Succeeded
    );
    assert_eq!(
        progress(json!([good(11)]), None).await,
        RunProgress::Succeeded
    );
}

#[tokio::test]
async fn the_oldest_run_after_the_last_before_is_ours() {
    let rows = json!([run(13, json!({})), good(12), run(10, json!({}))]);
    assert_eq!(
        progress(rows.clone(), Some(11)).await,
        RunProgress::Succeeded
    );
    assert_eq!(progress(rows, Some(12)).await, RunProgress::InProgress);
}

#[tokio::test]
async fn a_scheduled_run_is_not_ours() {
    let scheduled = run(
        12,
        json!({"AdHoc": false, "Status": "Completed", "ExitCode": 0}),
    );
    assert_eq!(
        progress(json!([scheduled]), Some(11)).await,
        RunProgress::NotListed
    );
    assert_eq!(
        progress(json!([scheduled, run(13, json!({}))]), Some(11)).await,
        RunProgress::InProgress
    );
    // One that does not say may be ours.
    let silent = run(12, json!({"AdHoc": null, "Status": "Completed"}));
    assert_eq!(
        progress(json!([silent]), Some(11)).await,
        RunProgress::Succeeded
    );
}

#[tokio::test]
async fn a_run_that_ended_badly_says_how() {
    let ended = |members: Value| {
        let mut row = run(12, members);
        row["FinishedAt"] = json!("2026/01/05 02:14:09");
        json!([row])
    };
    let failed = |message: &str| RunProgress::Failed(message.into());
    let rows = [
        (
            json!({"ExitCode": 2, "ExitMessage": "cannot sign in"}),
            failed("exit code 2: cannot sign in"),
        ),
        (json!({"ExitCode": 2}), failed("exit code 2")),
        (json!({"Status": "Failed"}), failed("no exit code")),
        (
            json!({"Status": "Completed", "ExitCode": 1}),
            failed("exit code 1"),
        ),
        (json!({"Status": "Completed"}), RunProgress::Succeeded),
        (
            json!({"Status": "Whatever", "ExitCode": 0}),
            RunProgress::Succeeded,
        ),
    ];
    for (members, expected) in rows {
        assert_eq!(
            progress(ended(members.clone()), Some(11)).await,
            expected,
            "{members}"
        );
    }
}

/// How a read and a request for a run fail with the same outcome.
async fn both(outcome: impl Fn() -> Outcome) -> (PortError, PortError) {
    let read = whole_list(&source([outcome()])).await.unwrap_err();
    let write = source([outcome()]).run(LAUNCHPOINT).await.unwrap_err();
    (read, write)
}

/// The outcome of one request, as often as it is wanted.
type Makes = Box<dyn Fn() -> Outcome>;

/// One row of the table: what happens, and what the port makes of it for a read and a write.
type Row = (
    &'static str,
    Makes,
    FailureClass,
    FailureClass,
    ErrorCode,
    Option<Refusal>,
);

#[tokio::test]
async fn each_failure_has_its_class_its_error_code_and_its_refusal() {
    let slow = |seconds| Throttled {
        retry_after: Some(Duration::from_secs(seconds)),
    };
    let status = |status: u16| -> Makes { Box::new(move || answer(status, "")) };
    let rows: Vec<Row> = vec![
        (
            "400",
            status(400),
            Permanent,
            Permanent,
            ErrorCode::LiongardRefused,
            None,
        ),
        (
            "401",
            status(401),
            Permanent,
            Permanent,
            ErrorCode::LiongardCredential,
            Some(Refusal::Unauthorised),
        ),
        (
            "403",
            status(403),
            Permanent,
            Permanent,
            ErrorCode::LiongardRefused,
            Some(Refusal::Forbidden),
        ),
        (
            "404",
            status(404),
            Permanent,
            Permanent,
            ErrorCode::LiongardRefused,
            Some(Refusal::NotFound),
        ),
        (
            "429",
            status(429),
            Throttled { retry_after: None },
            Throttled { retry_after: None },
            ErrorCode::LiongardThrottled,
            None,
        ),
        (
            "429 with a pause",
            Box::new(|| answer_with(429, &[("retry-after", "7")], "")),
            slow(7),
            slow(7),
            ErrorCode::LiongardThrottled,
            None,
        ),
        (
            "500",
            status(500),
            Transient,
            InDoubt,
            ErrorCode::LiongardFailed,
            None,
        ),
        (
            "504",
            status(504),
            Transient,
            InDoubt,
            ErrorCode::LiongardFailed,
            None,
        ),
        (
            "no answer",
            Box::new(|| {
                Err(TransportError::NotSent {
                    reason: "refused".into(),
                })
            }),
            Transient,
            Transient,
            ErrorCode::LiongardUnreachable,
            None,
        ),
        (
            "no answer",
            Box::new(|| {
                Err(TransportError::NoAnswer {
                    reason: "timed out".into(),
                })
            }),
            Transient,
            InDoubt,
            ErrorCode::LiongardNoAnswer,
            None,
        ),
        (
            "too large",
            Box::new(|| Err(TransportError::TooLarge { limit_bytes: 9 })),
            Permanent,
            InDoubt,
            ErrorCode::LiongardNoAnswer,
            None,
        ),
        (
            "elsewhere",
            Box::new(|| redirect(302, "https://evil.example/")),
            Permanent,
            Permanent,
            ErrorCode::LiongardRedirected,
            None,
        ),
        (
            "a page",
            Box::new(|| answer(200, "<html>")),
            Permanent,
            InDoubt,
            ErrorCode::LiongardUnexpected,
            None,
        ),
        (
            "nothing",
            Box::new(|| answer(200, "")),
            Permanent,
            InDoubt,
            ErrorCode::LiongardUnexpected,
            None,
        ),
    ];
    for (what, outcome, read_class, write_class, code, refusal) in rows {
        let (read, write) = both(outcome).await;
        assert_eq!(
            (read.class, write.class),
            (read_class, write_class),
            "{what}"
        );
        for error in [read, write] {
            assert_eq!(error.code, code, "{what}");
            assert_eq!(error.refusal, refusal, "{what}");
            assert_eq!(error.retry_at, None, "{what}");
            assert!(error.source.is_some(), "{what}: the cause is kept");
        }
    }
}

#[tokio::test]
async fn liongards_message_is_passed_on_without_the_key() {
    let body = json!({"message": format!("no such role for {}", support::SECRET)}).to_string();
    let (read, write) = both(|| answer(403, &body)).await;
    for error in [read, write] {
        assert!(
            error
                .message
                .as_deref()
                .unwrap()
                .starts_with("no such role"),
            "{error}"
        );
        assert!(
            !error.chain().contains(support::SECRET),
            "{}",
            error.chain()
        );
        assert!(
            error.chain().contains("GET") || error.chain().contains("POST"),
            "{}",
            error.chain()
        );
    }
}

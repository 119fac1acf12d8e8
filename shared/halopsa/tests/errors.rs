//! From a response to what may follow it.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test stops at what it did not expect, in its helpers too"
)]

#[allow(dead_code, reason = "each test file uses its part of the harness")]
mod support;

use std::time::Duration;

use bytes::Bytes;
use halogard_app::ports::{BudgetError, PermitOutcome};
use halogard_domain::FailureClass::{self, InDoubt, Permanent, Throttled, Transient};
use halogard_domain::budget::RateRefusal;
use halogard_halopsa::{BodyProblem, Error};
use halogard_http::TransportError;
use http::Response;
use support::{Harness, MORNING, answer, answer_with};

type Outcome = Result<Response<Bytes>, TransportError>;

/// How a read fails when it gets `outcome`.
async fn read_failing(outcome: Outcome) -> Error {
    let harness = Harness::new();
    harness.next(outcome);
    let error = harness.client.agent_me().await.unwrap_err();
    harness.assert_all_settled();
    error
}

/// How a write fails when it gets `outcome`.
async fn write_failing(outcome: Outcome) -> Error {
    let harness = Harness::new();
    harness.next(outcome);
    let error = harness
        .client
        .post_tickets(&[Default::default()])
        .await
        .unwrap_err();
    harness.assert_all_settled();
    error
}

#[tokio::test]
async fn each_status_has_its_class_for_reads_and_for_writes() {
    let slow = Throttled { retry_after: None };
    let rows = [
        (400, Permanent, Permanent),
        (403, Permanent, Permanent),
        // Without a body: not HaloPSA's own answer.
        (404, Transient, InDoubt),
        (408, Transient, InDoubt),
        (409, Permanent, Permanent),
        (413, Permanent, Permanent),
        (429, slow, slow),
        (500, Transient, InDoubt),
        (502, Transient, InDoubt),
        (503, Transient, InDoubt),
        (504, Transient, InDoubt),
    ];
    for (status, read, write) in rows {
        assert_eq!(
            read_failing(Ok(answer(status, ""))).await.class(),
            read,
            "GET {status}"
        );
        assert_eq!(
            write_failing(Ok(answer(status, ""))).await.class(),
            write,
            "POST {status}"
        );
    }
}

/// An exception as HaloPSA serialises it.
fn exception(message: &str) -> String {
    serde_json::json!({"ClassName": "System.Exception", "Message": message, "HResult": -2_146_233_088_i64})
        .to_string()
}

#[tokio::test]
async fn a_refusal_that_says_that_it_passes_has_the_class_of_a_failure() {
    // Each with whether its database ended the work, so that nothing of it goes on.
    let passing = [
        (
            "Transaction (Process ID 71) was deadlocked on lock resources with another process and has been \
             chosen as the deadlock victim. Rerun the transaction.",
            true,
        ),
        (
            "Execution Timeout Expired.  The timeout period elapsed prior to completion of the operation or the \
             server is not responding.",
            true,
        ),
        ("Lock request time out period exceeded.", true),
        (
            "A transport-level error has occurred when receiving results from the server.",
            false,
        ),
        (
            "An existing connection was forcibly closed by the remote host.",
            false,
        ),
        (
            "The connection is broken and recovery is not possible.",
            false,
        ),
        (
            "Timeout expired. The timeout period elapsed prior to obtaining a connection from the pool. This may \
             have occurred because all pooled connections were in use and max pool size was reached.",
            true,
        ),
        (
            "A network-related or instance-specific error occurred while establishing a connection to SQL Server. \
             The server was not found or was not accessible.",
            false,
        ),
        ("The service is unavailable.", false),
        ("The wait operation timed out", false),
        ("Something went wrong. Please try again.", false),
        (
            "A database error occurred (2627) - Violation of PRIMARY KEY constraint 'PK_FAULTS'. Cannot insert \
             duplicate key in object 'dbo.FAULTS'.",
            true,
        ),
    ];
    for (message, is_rolled_back) in passing {
        for status in [400, 409, 500] {
            for body in [exception(message), format!("\"{message}\"")] {
                let read = read_failing(Ok(answer(status, &body))).await;
                assert_eq!(read.class(), Transient, "GET {status} {body}");
                // A create may have taken effect: it is looked for before it is repeated.
                let write = write_failing(Ok(answer(status, &body))).await;
                assert_eq!(write.class(), InDoubt, "POST {status} {body}");
            }
        }
        let answered = write_failing(Ok(answer(400, &exception(message)))).await;
        assert_eq!(answered.is_rolled_back(), is_rolled_back, "{message}");
        // A gateway that gave up waiting says nothing about the database, whatever it quotes.
        for other in [
            answer(504, &exception(message)),
            answer(500, &format!("<html>{message}</html>")),
        ] {
            assert!(
                !write_failing(Ok(other)).await.is_rolled_back(),
                "{message}"
            );
        }
        for status in [403, 404] {
            let refused = read_failing(Ok(answer(status, &exception(message)))).await;
            assert_ne!(refused.class(), Transient, "GET {status} {message}");
        }
    }
    let lasting = [
        "A database error occurred (515) - Cannot insert the value NULL into column 'Fcategory', table x",
        "A database error occurred (547) - The INSERT statement conflicted with the FOREIGN KEY constraint",
        "A database error occurred (2627) - Violation of PRIMARY KEY constraint 'PK_AREA'. Cannot insert \
         duplicate key in object 'dbo.AREA'.",
        "Please assign this Ticket these before closing it.",
        "Record not found",
        "You do not have access to this Action at the moment",
        "Please complete the mandatory field 'Connection' before saving this Ticket.",
    ];
    for message in lasting {
        for body in [exception(message), format!("\"{message}\"")] {
            let refused = write_failing(Ok(answer(400, &body))).await;
            assert_eq!(refused.class(), Permanent, "{body}");
        }
    }
}

#[tokio::test]
async fn each_missing_answer_has_its_class_for_reads_and_for_writes() {
    let not_sent = || {
        Err(TransportError::NotSent {
            reason: "refused".into(),
        })
    };
    let no_answer = || {
        Err(TransportError::NoAnswer {
            reason: "timed out".into(),
        })
    };
    let too_large = || Err(TransportError::TooLarge { limit_bytes: 1 });
    assert_eq!(read_failing(not_sent()).await.class(), Transient);
    assert_eq!(write_failing(not_sent()).await.class(), Transient);
    assert_eq!(read_failing(no_answer()).await.class(), Transient);
    assert_eq!(write_failing(no_answer()).await.class(), InDoubt);
    assert_eq!(read_failing(too_large()).await.class(), Permanent);
    assert_eq!(write_failing(too_large()).await.class(), InDoubt);
}

#[tokio::test]
async fn a_success_with_an_unusable_body_leaves_a_write_in_doubt() {
    let rows = [
        ("", BodyProblem::Empty),
        ("<html>", BodyProblem::Html),
        (r#"{"id":1"#, BodyProblem::NotJson),
        (r#"{"id":1}x"#, BodyProblem::NotJson),
        ("{}", BodyProblem::Missing),
        ("null", BodyProblem::Unexpected),
        (r#""done""#, BodyProblem::Unexpected),
        (r#"{"id":0}"#, BodyProblem::Unexpected),
    ];
    for (body, expected) in rows {
        for error in [
            read_failing(Ok(answer(200, body))).await,
            write_failing(Ok(answer(201, body))).await,
        ] {
            let Error::Body {
                method, problem, ..
            } = &error
            else {
                panic!("{body}: {error:?}")
            };
            assert_eq!(*problem, expected, "{method} {body}");
            let class = if method == "POST" { InDoubt } else { Permanent };
            assert_eq!(error.class(), class, "{method} {body}");
        }
    }
    assert_eq!(write_failing(Ok(answer(200, "[]"))).await.class(), InDoubt);
}

#[tokio::test]
async fn an_unusable_body_is_named_by_its_place_and_never_shown() {
    let rows = [
        (r#"{"planted":"an odd success"}"#, "tickets"),
        (r#"{"tickets":"planted"}"#, "tickets"),
    ];
    for (body, place) in rows {
        let harness = Harness::answering(&[body]);
        let error = harness
            .client
            .tickets(&Default::default())
            .await
            .unwrap_err();
        let Error::Body { path, .. } = &error else {
            panic!("{body}: {error:?}")
        };
        assert_eq!(path, place, "{body}");
        assert!(!format!("{error} {error:?}").contains("planted"), "{error}");
    }
}

#[tokio::test]
async fn an_unreadable_row_is_named_by_its_place_and_never_shown() {
    let rows = [
        (
            r#"{"record_count":4,"tickets":[{"id":1},{"id":2},{"id":3},{"summary":"planted"}]}"#,
            "row 3 at id: a needed member is missing",
        ),
        (
            r#"{"record_count":2,"tickets":[{"id":1},{"id":"planted"}]}"#,
            "row 1 at id: the value is of another kind",
        ),
        (
            r#"{"record_count":1,"tickets":[{"id":7,"summary":"planted","summary":"planted"}]}"#,
            "7 (row 0) at .: the value is of another kind",
        ),
        (
            r#"[{"id":1},{"id":null}]"#,
            "row 1 at id: the value is of another kind",
        ),
    ];
    for (body, named) in rows {
        let harness = Harness::answering(&[body]);
        let list = harness.client.tickets(&Default::default()).await.unwrap();
        let odd: Vec<String> = list.unreadable.iter().map(ToString::to_string).collect();
        assert_eq!(odd, [named]);
        assert!(!format!("{list:?}").contains("planted"), "{list:?}");
    }
}

#[tokio::test]
async fn a_pause_is_read_as_seconds_or_as_a_date_and_clamped() {
    let rows = [
        ("2.5", Some(2_500)),
        ("86400", Some(300_000)),
        ("soon", None),
        // The clock says 09:00:00, and the answer has no date of its own.
        ("Sat, 02 May 2026 09:00:40 GMT", Some(40_000)),
    ];
    for (text, millis) in rows {
        let error = write_failing(Ok(answer_with(429, "retry-after", text))).await;
        let retry_after = millis.map(Duration::from_millis);
        assert_eq!(error.class(), Throttled { retry_after }, "{text}");
    }
}

#[tokio::test]
async fn a_refusal_and_its_pause_are_reported_to_the_budget() {
    let harness = Harness::new();
    harness.next(Ok(answer_with(429, "retry-after", "7")));
    harness.client.agent_me().await.unwrap_err();
    harness.next(Ok(answer(503, "")));
    harness.client.agent_me().await.unwrap_err();
    let retry_after = Some(Duration::from_secs(7));
    let token = PermitOutcome::Completed;
    assert_eq!(
        *harness.budget.seen.lock().unwrap(),
        [
            token,
            PermitOutcome::RateLimited(RateRefusal {
                retry_after,
                ..RateRefusal::default()
            }),
            PermitOutcome::Completed
        ]
    );
}

#[tokio::test]
async fn a_redirect_is_a_mistake_in_the_settings_and_not_followed() {
    let error = read_failing(Ok(answer_with(
        301,
        "location",
        "https://other.example/api",
    )))
    .await;
    assert!(matches!(
        error,
        Error::Redirected {
            route: "/Agent/me",
            ..
        }
    ));
    assert_eq!(error.class(), Permanent);
    assert!(!error.to_string().contains("other.example"));
    assert_eq!(
        write_failing(Ok(answer_with(307, "location", "/api")))
            .await
            .class(),
        FailureClass::Permanent
    );
}

#[tokio::test]
async fn a_spent_budget_sends_nothing_and_says_until_when() {
    let harness = Harness::new();
    *harness.budget.refusal.lock().unwrap() = Some(BudgetError::Exhausted { until: MORNING });
    let error = harness
        .client
        .post_tickets(&[Default::default()])
        .await
        .unwrap_err();
    assert_eq!(error.retry_at(), Some(MORNING));
    assert_eq!(error.class(), Transient);
    assert!(harness.sent().is_empty() && harness.tokens().is_empty());
}

#[tokio::test]
async fn a_failing_budget_prevents_every_request() {
    let harness = Harness::new();
    *harness.budget.refusal.lock().unwrap() = Some(BudgetError::Store {
        reason: "gone".into(),
    });
    let error = harness.client.teams().await.unwrap_err();
    assert!(matches!(error, Error::BudgetStore { .. }));
    assert_eq!((error.class(), error.retry_at()), (Transient, None));
    assert!(harness.tokens().is_empty());
}

#[tokio::test]
async fn a_permit_that_cannot_be_settled_does_not_lose_the_answer_of_a_write() {
    let harness = Harness::answering(&[r#"{"id":7}"#]);
    *harness.budget.settle_fails.lock().unwrap() = true;
    let written = harness
        .client
        .post_tickets(&[Default::default()])
        .await
        .unwrap();
    assert_eq!(written[0].id.get(), 7);
}

#[tokio::test]
async fn only_halopsa_itself_says_that_a_ticket_does_not_exist() {
    let problem = r#"{"type":"https://tools.ietf.org/html/rfc9110#section-15.5.5","title":"Not Found","status":404}"#;
    let no_route = r#"{"Message":"No HTTP resource was found that matches the request URI."}"#;
    for (status, body, expected) in [
        (404, r#""Record not found""#, true),
        (
            404,
            r#"{"ClassName":"System.Exception","Message":"Ticket 4242 was not found"}"#,
            true,
        ),
        (404, problem, true),
        (404, "", false),
        (404, "<html><h1>404 Not Found</h1></html>", false),
        (404, "404 page not found", false),
        (404, r#"{"message":"Not Found"}"#, false),
        (
            404,
            r#"{"message":"no Route matched with those values"}"#,
            false,
        ),
        (
            404,
            r#"{"error":{"code":"404","message":"Resource not found"}}"#,
            false,
        ),
        (404, no_route, false),
        (404, r#""""#, false),
        (404, "null", false),
        (404, "[]", false),
        (404, "404", false),
        (410, r#""Record not found""#, false),
        (500, r#""Record not found""#, false),
        (400, r#""Record not found""#, true),
        (400, r#"{"Message":"Record not found."}"#, true),
        (
            400,
            r#""Please assign this Ticket these before closing it.""#,
            false,
        ),
        (403, "", false),
    ] {
        let error = read_failing(Ok(answer(status, body))).await;
        assert_eq!(error.is_not_found(), expected, "{status} {body}");
    }
}

#[tokio::test]
async fn an_error_holds_the_route_template_and_the_message() {
    let harness = Harness::new();
    let body = r#"{"Message":"Call dana@acme.example"}"#;
    harness.next(Ok(answer(400, body)));
    let id = "4242".parse().unwrap();
    let error = harness
        .client
        .ticket(id, Default::default())
        .await
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "HaloPSA answered GET /Tickets/{id} with 400 Bad Request; it said: Call [hidden]"
    );
}

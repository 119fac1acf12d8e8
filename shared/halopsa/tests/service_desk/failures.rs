//! What a failure is called, and what may follow it.

use super::*;
use halogard_app::ports::ErrorCode;

/// What a request brings.
type Outcome = Result<Response<bytes::Bytes>, TransportError>;

/// How a read, an opening and a change fail with the same outcome.
async fn failing(outcome: impl Fn() -> Outcome) -> [PortError; 3] {
    let harness = || {
        let harness = Harness::new();
        harness.next(outcome());
        // A 401 is repeated once.
        harness.next(outcome());
        harness
    };
    [
        harness().desk().read(TICKET).await.map(drop).unwrap_err(),
        open(&harness(), &new_ticket()).await.unwrap_err(),
        change_one(&harness(), &change()).await.unwrap_err(),
    ]
}

/// The outcome of one request, as often as it is wanted.
type Makes = Box<dyn Fn() -> Outcome>;

/// What happens, the classes of a read, an opening and a change, and what all three share.
type Row = (
    &'static str,
    Makes,
    [FailureClass; 3],
    ErrorCode,
    Option<Refusal>,
);

#[tokio::test]
async fn each_failure_has_its_class_its_error_code_and_its_refusal() {
    let status = |status: u16| -> Makes { Box::new(move || Ok(answer(status, ""))) };
    let slow = |seconds| Throttled {
        retry_after: Some(Duration::from_secs(seconds)),
    };
    let unnamed = Throttled { retry_after: None };
    let doubtful = [Transient, InDoubt, Transient];
    let lost = |error: fn() -> TransportError| -> Makes { Box::new(move || Err(error())) };
    let rows: Vec<Row> = vec![
        (
            "401 twice",
            status(401),
            [Permanent; 3],
            ErrorCode::HalopsaRefused,
            Some(Refusal::Unauthorised),
        ),
        (
            "403",
            status(403),
            [Permanent; 3],
            ErrorCode::HalopsaRefused,
            Some(Refusal::Forbidden),
        ),
        (
            "413",
            status(413),
            [Permanent; 3],
            ErrorCode::HalopsaRefused,
            None,
        ),
        (
            "429",
            status(429),
            [unnamed; 3],
            ErrorCode::HalopsaThrottled,
            None,
        ),
        (
            "429 with a pause",
            Box::new(|| Ok(answer_with(429, "retry-after", "7"))),
            [slow(7); 3],
            ErrorCode::HalopsaThrottled,
            None,
        ),
        (
            "408",
            status(408),
            doubtful,
            ErrorCode::HalopsaRefused,
            None,
        ),
        ("500", status(500), doubtful, ErrorCode::HalopsaFailed, None),
        ("502", status(502), doubtful, ErrorCode::HalopsaFailed, None),
        ("504", status(504), doubtful, ErrorCode::HalopsaFailed, None),
        (
            "no answer",
            lost(|| TransportError::NotSent {
                reason: "refused".into(),
            }),
            [Transient; 3],
            ErrorCode::HalopsaUnreachable,
            None,
        ),
        (
            "no answer",
            lost(|| TransportError::NoAnswer {
                reason: "timed out".into(),
            }),
            doubtful,
            ErrorCode::HalopsaNoAnswer,
            None,
        ),
        (
            "too large",
            lost(|| TransportError::TooLarge { limit_bytes: 9 }),
            [Permanent, InDoubt, Transient],
            ErrorCode::HalopsaNoAnswer,
            None,
        ),
        (
            "elsewhere",
            Box::new(|| Ok(answer_with(302, "location", "https://evil.example/"))),
            [Permanent; 3],
            ErrorCode::HalopsaRedirected,
            None,
        ),
        (
            "a page",
            Box::new(|| Ok(answer(200, "<html>"))),
            [Permanent, InDoubt, Transient],
            ErrorCode::HalopsaUnexpected,
            None,
        ),
        (
            "nothing",
            Box::new(|| Ok(answer(200, ""))),
            [Permanent, InDoubt, Transient],
            ErrorCode::HalopsaUnexpected,
            None,
        ),
    ];
    for (what, outcome, classes, code, refusal) in rows {
        let errors = failing(outcome).await;
        assert_eq!(
            errors.each_ref().map(|error| error.class),
            classes,
            "{what}"
        );
        for error in errors {
            assert_eq!(error.code, code, "{what}");
            assert_eq!(error.refusal, refusal, "{what}");
            assert_eq!(error.retry_at, None, "{what}");
            assert!(error.source.is_some(), "{what}: the cause is kept");
        }
    }
}

#[tokio::test]
async fn a_write_that_finds_no_record_says_so() {
    for outcome in [(404, "\"Record not found\""), (400, "\"Record not found\"")] {
        let harness = Harness::new();
        harness.next(Ok(answer(outcome.0, outcome.1)));
        let opened = open(&harness, &new_ticket()).await.unwrap_err();
        // The change, and the read that finds out whether the tenant only wants more members.
        harness.next(Ok(answer(outcome.0, outcome.1)));
        harness.next(Ok(answer(outcome.0, outcome.1)));
        let changed = change_one(&harness, &change()).await.unwrap_err();
        for error in [opened, changed] {
            assert_eq!(
                (error.class, error.refusal),
                (Permanent, Some(Refusal::NotFound))
            );
        }
    }
}

#[tokio::test]
async fn the_refusals_that_policy_handles_are_distinguished() {
    let missing = |names: &[&str]| {
        Some(Refusal::MissingFields(
            names.iter().map(|name| (*name).to_owned()).collect(),
        ))
    };
    let rows = [
        (
            "\"Please assign this Ticket these before closing it.\"",
            Some(Refusal::MustBeAssigned),
        ),
        (
            "\"Details and Category are required\"",
            missing(&["Details", "Category"]),
        ),
        (
            r#"{"ClassName":"System.Exception","Message":"A database error occurred (515) - Cannot insert the value NULL into column 'Fcategory', table x"}"#,
            missing(&["Fcategory"]),
        ),
        ("\"Please enter a Category\"", missing(&["Category"])),
        (
            "\"You do not have access to this Action at the moment\"",
            None,
        ),
        ("\"Please contact the administrator\"", None),
        ("", None),
    ];
    for (body, refusal) in rows {
        let harness = Harness::new();
        harness.next(Ok(answer(400, body)));
        let error = change_one(&harness, &change()).await.unwrap_err();
        assert_eq!(
            (error.class, error.code),
            (Permanent, ErrorCode::HalopsaRefused),
            "{body}"
        );
        assert_eq!(error.refusal, refusal, "{body}");
        assert_eq!(error.message.is_some(), !body.is_empty(), "{body}");
    }
}

#[tokio::test]
async fn each_reason_to_issue_no_token_has_its_word() {
    let rows = [
        (400, r#"{"error":"invalid_scope"}"#, ErrorCode::HalopsaScope),
        (
            400,
            r#"{"error":"invalid_client"}"#,
            ErrorCode::HalopsaCredential,
        ),
        (
            401,
            r#"{"error":"invalid_client"}"#,
            ErrorCode::HalopsaCredential,
        ),
        (
            400,
            r#"{"error":"unauthorized_client"}"#,
            ErrorCode::HalopsaCredential,
        ),
        (
            400,
            r#"{"error":"invalid_request","error_description":"Tenant not found"}"#,
            ErrorCode::HalopsaTenant,
        ),
        (401, "", ErrorCode::HalopsaCredential),
    ];
    for (status, body, code) in rows {
        let harness = Harness::new();
        harness.next_token(Ok(answer(status, body)));
        if code == ErrorCode::HalopsaTenant {
            // It is asked for once more, with the tenant in another place.
            harness.next_token(Ok(answer(status, body)));
        }
        let error = open(&harness, &new_ticket()).await.unwrap_err();
        assert_eq!((error.class, error.code), (Permanent, code), "{body}");
        assert_eq!(error.refusal, Some(Refusal::Unauthorised), "{body}");
        assert!(
            harness.sent().is_empty(),
            "nothing but the token was asked for"
        );
    }
}

#[tokio::test]
async fn a_failed_token_request_leaves_no_doubt_about_the_write() {
    let outcomes: [fn() -> Outcome; 4] = [
        || Ok(answer(503, "")),
        || {
            Err(TransportError::NoAnswer {
                reason: "timed out".into(),
            })
        },
        || {
            Err(TransportError::NotSent {
                reason: "refused".into(),
            })
        },
        || Ok(answer(429, "")),
    ];
    for outcome in outcomes {
        let harness = Harness::new();
        harness.next_token(outcome());
        let error = open(&harness, &new_ticket()).await.unwrap_err();
        assert!(!matches!(error.class, InDoubt | Permanent), "{error}");
    }
}

#[tokio::test]
async fn an_exhausted_budget_says_when_to_retry() {
    let until = MORNING.plus(Duration::from_secs(200));
    let harness = Harness::new();
    *harness.budget.refusal.lock().unwrap() = Some(BudgetError::Exhausted { until });
    let error = open(&harness, &new_ticket()).await.unwrap_err();
    assert_eq!(
        (error.class, error.code),
        (Transient, ErrorCode::BudgetExhausted)
    );
    assert_eq!(error.retry_at, Some(until));

    let reason = "disk full".to_owned();
    *harness.budget.refusal.lock().unwrap() = Some(BudgetError::Store { reason });
    let error = open(&harness, &new_ticket()).await.unwrap_err();
    assert_eq!(
        (error.class, error.code),
        (Transient, ErrorCode::BudgetStore)
    );
    assert_eq!(error.retry_at, None);
    assert!(error.chain().contains("disk full"), "{}", error.chain());
    assert!(harness.sent().is_empty());
}

#[tokio::test]
async fn halopsas_message_is_passed_on_without_secrets() {
    let harness = Harness::new();
    let body = format!(
        r#""Category is required; Authorization: Bearer {}""#,
        support::SECRET
    );
    harness.next(Ok(answer(400, &body)));
    let error = open(&harness, &new_ticket()).await.unwrap_err();
    assert!(
        error
            .message
            .as_deref()
            .unwrap()
            .starts_with("Category is required")
    );
    for text in [error.to_string(), error.chain(), format!("{error:?}")] {
        assert!(!text.contains(support::SECRET), "{text}");
        assert!(!text.contains("acme"), "{text}");
    }
}

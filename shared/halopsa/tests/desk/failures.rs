//! What a failure is called, and what may follow it.

use super::*;

/// What a request brings.
type Outcome = Result<Response<bytes::Bytes>, TransportError>;

/// How a read, an opening and a change fail with the same outcome.
async fn failing(outcome: impl Fn() -> Outcome) -> [PortError; 3] {
    let bench = || {
        let bench = Bench::new();
        bench.next(outcome());
        // A 401 is repeated once.
        bench.next(outcome());
        bench
    };
    [
        bench().desk().read(TICKET).await.map(drop).unwrap_err(),
        open(&bench(), &new_ticket()).await.unwrap_err(),
        change_one(&bench(), &change()).await.unwrap_err(),
    ]
}

/// The outcome of one request, as often as it is wanted.
type Makes = Box<dyn Fn() -> Outcome>;

/// What happens, the classes of a read, an opening and a change, and what all three share.
type Row = (
    &'static str,
    Makes,
    [FailureClass; 3],
    &'static str,
    Option<Refusal>,
);

#[tokio::test]
async fn each_failure_has_its_class_its_word_and_its_refusal() {
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
            "desk.refused",
            Some(Refusal::Unauthorised),
        ),
        (
            "403",
            status(403),
            [Permanent; 3],
            "desk.refused",
            Some(Refusal::Forbidden),
        ),
        ("413", status(413), [Permanent; 3], "desk.refused", None),
        ("429", status(429), [unnamed; 3], "desk.throttled", None),
        (
            "429 with a pause",
            Box::new(|| Ok(answer_with(429, "retry-after", "7"))),
            [slow(7); 3],
            "desk.throttled",
            None,
        ),
        ("408", status(408), doubtful, "desk.refused", None),
        ("500", status(500), doubtful, "desk.failed", None),
        ("502", status(502), doubtful, "desk.failed", None),
        ("504", status(504), doubtful, "desk.failed", None),
        (
            "nobody there",
            lost(|| TransportError::NotSent {
                reason: "refused".into(),
            }),
            [Transient; 3],
            "desk.unreachable",
            None,
        ),
        (
            "no answer",
            lost(|| TransportError::NoAnswer {
                reason: "timed out".into(),
            }),
            doubtful,
            "desk.no_answer",
            None,
        ),
        (
            "too large",
            lost(|| TransportError::TooLarge { limit_bytes: 9 }),
            [Permanent, InDoubt, Transient],
            "desk.no_answer",
            None,
        ),
        (
            "elsewhere",
            Box::new(|| Ok(answer_with(302, "location", "https://evil.example/"))),
            [Permanent; 3],
            "desk.redirected",
            None,
        ),
        (
            "a page",
            Box::new(|| Ok(answer(200, "<html>"))),
            [Permanent, InDoubt, Transient],
            "desk.unexpected",
            None,
        ),
        (
            "nothing",
            Box::new(|| Ok(answer(200, ""))),
            [Permanent, InDoubt, Transient],
            "desk.unexpected",
            None,
        ),
    ];
    for (what, outcome, classes, error_type, refusal) in rows {
        let errors = failing(outcome).await;
        assert_eq!(
            errors.each_ref().map(|error| error.class),
            classes,
            "{what}"
        );
        for error in errors {
            assert_eq!(error.error_type, error_type, "{what}");
            assert_eq!(error.refusal, refusal, "{what}");
            assert_eq!(error.retry_at, None, "{what}");
            assert!(error.source.is_some(), "{what}: the cause is kept");
        }
    }
}

#[tokio::test]
async fn a_write_that_finds_no_record_says_so() {
    for outcome in [(404, ""), (400, "\"Record not found\"")] {
        let bench = Bench::new();
        bench.next(Ok(answer(outcome.0, outcome.1)));
        let opened = open(&bench, &new_ticket()).await.unwrap_err();
        bench.next(Ok(answer(outcome.0, outcome.1)));
        let changed = change_one(&bench, &change()).await.unwrap_err();
        for error in [opened, changed] {
            assert_eq!(
                (error.class, error.refusal),
                (Permanent, Some(Refusal::NotFound))
            );
        }
    }
}

#[tokio::test]
async fn the_refusals_that_policy_answers_are_told_apart() {
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
        let bench = Bench::new();
        bench.next(Ok(answer(400, body)));
        let error = change_one(&bench, &change()).await.unwrap_err();
        assert_eq!(
            (error.class, error.error_type),
            (Permanent, "desk.refused"),
            "{body}"
        );
        assert_eq!(error.refusal, refusal, "{body}");
        assert_eq!(error.said.is_some(), !body.is_empty(), "{body}");
    }
}

#[tokio::test]
async fn each_reason_to_issue_no_token_has_its_word() {
    let rows = [
        (400, r#"{"error":"invalid_scope"}"#, "desk.scope"),
        (400, r#"{"error":"invalid_client"}"#, "desk.credential"),
        (401, r#"{"error":"invalid_client"}"#, "desk.credential"),
        (400, r#"{"error":"unauthorized_client"}"#, "desk.credential"),
        (
            400,
            r#"{"error":"invalid_request","error_description":"Tenant not found"}"#,
            "desk.tenant",
        ),
        (401, "", "desk.credential"),
    ];
    for (status, body, error_type) in rows {
        let bench = Bench::new();
        bench.next_token(Ok(answer(status, body)));
        let error = open(&bench, &new_ticket()).await.unwrap_err();
        assert_eq!(
            (error.class, error.error_type),
            (Permanent, error_type),
            "{body}"
        );
        assert_eq!(error.refusal, Some(Refusal::Unauthorised), "{body}");
        assert!(
            bench.sent().is_empty(),
            "nothing but the token was asked for"
        );
    }
}

#[tokio::test]
async fn a_token_that_cannot_be_asked_for_is_no_doubt_about_the_write() {
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
        let bench = Bench::new();
        bench.next_token(outcome());
        let error = open(&bench, &new_ticket()).await.unwrap_err();
        assert!(!matches!(error.class, InDoubt | Permanent), "{error}");
    }
}

#[tokio::test]
async fn a_budget_that_is_spent_says_when_to_come_back() {
    let until = MORNING.plus(Duration::from_secs(200));
    let bench = Bench::new();
    *bench.budget.refusal.lock().unwrap() = Some(BudgetError::Spent { until });
    let error = open(&bench, &new_ticket()).await.unwrap_err();
    assert_eq!((error.class, error.error_type), (Transient, "budget.spent"));
    assert_eq!(error.retry_at, Some(until));

    let reason = "disk full".to_owned();
    *bench.budget.refusal.lock().unwrap() = Some(BudgetError::Store { reason });
    let error = open(&bench, &new_ticket()).await.unwrap_err();
    assert_eq!((error.class, error.error_type), (Transient, "budget.store"));
    assert_eq!(error.retry_at, None);
    assert!(error.chain().contains("disk full"), "{}", error.chain());
    assert!(bench.sent().is_empty());
}

#[tokio::test]
async fn what_halopsa_said_is_passed_on_and_no_secret_with_it() {
    let bench = Bench::new();
    let body = format!(
        r#""Category is required; Authorization: Bearer {}""#,
        support::SECRET
    );
    bench.next(Ok(answer(400, &body)));
    let error = open(&bench, &new_ticket()).await.unwrap_err();
    assert!(
        error
            .said
            .as_deref()
            .unwrap()
            .starts_with("Category is required")
    );
    for text in [error.to_string(), error.chain(), format!("{error:?}")] {
        assert!(!text.contains(support::SECRET), "{text}");
        assert!(!text.contains("acme"), "{text}");
    }
}

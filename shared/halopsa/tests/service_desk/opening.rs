//! What is sent when a ticket is opened, and what counts as its answer.

use super::*;
use halogard_app::ports::ErrorCode;

/// Who has the ticket of [`new_ticket`] and what it is filed under.
fn requested() -> Handling {
    Handling {
        assignment: Some(Assignment::Unassigned),
        team: Some("Service Desk".into()),
        category: Some("Security>Change".into()),
    }
}

/// The last line of what is sent: the key, and the installation that opens the ticket.
fn reference() -> String {
    format!("Halogard {}/{}", key(), new_ticket().installation)
}

#[tokio::test]
async fn what_an_answer_shows_of_a_new_tickets_handling_counts() {
    let shown = row_with(json!({"agent_id": 13, "team": "Projects", "category_1": " "}));
    let harness = answering(&[json!([shown])]);
    let opened = open(&harness, &new_ticket()).await.unwrap();
    let expected = Handling {
        assignment: Some(Assignment::To(TechnicianId::new(13))),
        team: Some("Projects".into()),
        category: Some("Security>Change".into()),
    };
    assert_eq!(opened.handling, expected);
}

#[tokio::test]
async fn a_ticket_is_opened_with_everything_that_was_decided() {
    let harness = answering(&[json!([row(4242, "[LG-7586] Disk")])]);
    let opened = open(&harness, &new_ticket()).await.unwrap();
    // What the answer leaves out is as it was asked for.
    let expected = Ticket {
        handling: requested(),
        ..ticket(4242, "[LG-7586] Disk")
    };
    assert_eq!(opened, expected);
    let sent = harness.only_sent();
    assert_eq!(
        (sent.method.as_str(), sent.path.as_str()),
        ("POST", "/api/Tickets")
    );
    let reference = reference();
    assert_eq!(
        sent.json(),
        json!([{
            "tickettype_id": 5, "client_id": 17, "site_id": 31, "summary": title(),
            "details": format!("full\n{reference}"),
            "details_html": format!("<p>full</p><p>{reference}</p>"), "status_id": 1,
            "priority_id": 2, "team": "Service Desk", "category_1": "Security>Change",
            "customfields": [{"id": 100, "value": "Monitoring"}, {"id": 101, "value": key().to_string()}],
            "donotapplytemplateintheapi": true, "dont_do_rules": true
        }])
    );
    harness.assert_all_settled();
}

#[tokio::test]
async fn validation_is_skipped_only_when_configured() {
    let harness = answering(&[row(4242, "[LG-7586] Disk")]);
    let mut unchecked = new_ticket();
    unchecked.draft.validation = Validation::Skipped;
    open(&harness, &unchecked).await.unwrap();
    assert_eq!(harness.only_sent().json()[0]["_novalidate"], true);
}

#[tokio::test]
async fn rules_and_templates_apply_only_when_configured() {
    let harness = answering(&[row(4242, "[LG-7586] Disk")]);
    let mut automated = new_ticket();
    automated.draft.type_template = Automation::Applied;
    automated.draft.ticket_rules = Automation::Applied;
    open(&harness, &automated).await.unwrap();
    let sent = &harness.only_sent().json()[0];
    for name in ["donotapplytemplateintheapi", "dont_do_rules"] {
        assert_eq!(sent.get(name), None, "{name}");
    }
}

#[tokio::test]
async fn the_answer_to_an_opening_is_known_by_its_key_and_not_by_its_place() {
    let ours = || row(4242, "[LG-7586] Disk");
    let other = || row(4240, "[LG-75861] Disk");
    let answers = [
        json!([ours(), other(), row(4239, "Printer jams")]),
        json!([row(4239, "Printer jams"), other(), ours()]),
        json!([other(), ours()]),
        json!([ours()]),
        ours(),
        json!([row(4242, "Re: [LG-7586] Disk (escalated)")]),
    ];
    for body in answers {
        let harness = answering(std::slice::from_ref(&body));
        assert_eq!(
            open(&harness, &new_ticket()).await.unwrap().id,
            TICKET,
            "{body}"
        );
    }
}

#[tokio::test]
async fn a_single_answer_is_that_of_the_ticket_whatever_became_of_its_title() {
    let titles = [
        Value::Null,
        json!(""),
        json!("Monitoring alert"),
        json!("[XX-7586] Disk"),
        json!("LG-7586 Disk"),
    ];
    for title in titles {
        let harness = answering(&[row_with(json!({"summary": title}))]);
        let opened = open(&harness, &new_ticket()).await.unwrap();
        assert_eq!(opened.id, TICKET, "{title}");
    }
}

#[tokio::test]
async fn the_field_and_the_text_name_a_ticket_among_others() {
    let reference = reference();
    let marks = [
        json!({"customfields": [{"id": 101, "value": key().to_string()}]}),
        json!({"details": format!("full\n{reference}")}),
        json!({"details_html": format!("<p>full</p><p>{reference}</p>")}),
    ];
    for mark in marks {
        let mut ours = row_with(json!({"summary": "Monitoring alert"}));
        for (name, value) in mark.as_object().unwrap() {
            ours[name] = value.clone();
        }
        let harness = answering(&[json!([row(4240, "Printer jams"), ours])]);
        let opened = open(&harness, &new_ticket()).await.unwrap();
        assert_eq!(opened.id, TICKET, "{mark}");
    }
}

#[tokio::test]
async fn an_answer_to_an_opening_that_does_not_show_it_leaves_it_in_doubt() {
    let untitled = || row_with(json!({"summary": null}));
    let answers = [
        json!([row(4240, "[LG-75861] Disk")]),
        json!([row(4240, "[LG-7586-2] Disk")]),
        json!([untitled(), row(4240, "Printer jams")]),
        json!([untitled(), untitled()]),
    ];
    for body in answers {
        let harness = answering(std::slice::from_ref(&body));
        let error = open(&harness, &new_ticket()).await.unwrap_err();
        assert_eq!(
            (error.class, error.code),
            (InDoubt, ErrorCode::HalopsaUnrecognised),
            "{body}"
        );
    }
}

#[tokio::test]
async fn an_answer_to_an_opening_that_says_no_time_is_read_again() {
    let thin = json!([row_without(&["last_update"])]);
    let harness = answering(&[thin, row_with(json!({"status_id": 2}))]);
    let opened = open(&harness, &new_ticket()).await.unwrap();
    assert_eq!(
        (opened.status, opened.changed_at),
        (StatusId::new(2), CHANGED)
    );
    let sent = harness.sent();
    assert_eq!(sent[1].path, "/api/Tickets/4242");
    assert_eq!(sent[1].query_value("nocache"), Some("true"));
    harness.assert_all_settled();
}

#[tokio::test]
async fn a_failed_read_after_an_opening_does_not_fail_the_opening() {
    let failures = [
        Ok(answer(500, "")),
        Ok(answer(404, "")),
        Ok(answer(403, "")),
        Ok(answer(200, "{}")),
    ];
    for outcome in failures {
        let harness = answering(&[json!([{"id": 4242}])]);
        harness.next(outcome);
        let opened = open(&harness, &new_ticket()).await.unwrap();
        let expected = Ticket {
            // The moment of the answer, from which on the ten seconds of HaloPSA's rules count.
            changed_at: MORNING,
            is_dated: false,
            summary: opened.summary.clone(),
            handling: requested(),
            ..ticket(4242, "")
        };
        assert_eq!(opened, expected);
    }
}

/// HaloPSA, whose answers have no date, gives a new ticket the time `at`.
async fn desk_time_after_opening_at(at: Value, date: Option<&str>) -> Option<i64> {
    let mut opened = row(4242, "[LG-7586] Disk");
    opened["last_update"] = at;
    let harness = Harness::new();
    let mut response = answer(200, &json!([opened]).to_string());
    if let Some(date) = date {
        response.headers_mut().insert("date", date.parse().unwrap());
    }
    harness.next(Ok(response));
    let desk = harness.desk();
    desk.open(&[new_ticket()], &AdmitAll)
        .await
        .remove(0)
        .unwrap();
    let ahead = |theirs: Timestamp| theirs.as_millis() - MORNING.as_millis();
    desk.desk_time().map(ahead)
}

#[tokio::test]
async fn without_a_date_halopsas_clock_is_learnt_from_the_tickets_that_we_open() {
    const HOUR: i64 = 3_600_000;
    // It is 09:00:00 by our clock; a date has no parts of seconds.
    for (opened_at, date, expected) in [
        ("2026-05-02T09:00:00Z", None, Some(0)),
        ("2026-05-02T07:30:00Z", None, Some(-HOUR * 3 / 2 + 1_000)),
        ("2026-05-04T09:00:00Z", None, Some(48 * HOUR)),
        ("2099-05-02T09:00:00Z", None, None),
        // What an answer says counts more.
        (
            "2026-05-02T07:30:00Z",
            Some("Sat, 02 May 2026 09:00:07 GMT"),
            Some(7_000),
        ),
    ] {
        let learnt = desk_time_after_opening_at(json!(opened_at), date).await;
        assert_eq!(learnt, expected, "{opened_at} {date:?}");
    }
}

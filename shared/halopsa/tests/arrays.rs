//! Writes in arrays: one request for many records, matched by what they are about.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test stops at what it did not expect, in its helpers too"
)]

#[allow(dead_code, reason = "each test file uses its part of the harness")]
mod support;

use std::sync::Mutex;
use std::time::Duration;

use halogard_app::ports::{Admission, ErrorCode, OpeningGuard, Refusal, ServiceDesk as _};
use halogard_domain::FailureClass::{InDoubt, Permanent, Transient};
use halogard_domain::ids::{
    AlertId, CustomFieldId, HaloClientId, NoteId, OutcomeId, StatusId, TicketId, TicketTypeId,
};
use halogard_domain::key::{InstallationId, KeySecret};
use halogard_domain::ticket::{
    Automation, NewNote, NewTicket, Premise, TicketChange, TicketDraft, Validation,
};
use halogard_domain::{LinkKey, Timestamp};
use serde_json::{Value, json};
use support::{AdmitAll, Harness, MORNING, answer};

fn new_ticket(alert: u64) -> NewTicket {
    NewTicket {
        key: KeySecret::new([7; 32]).sign(LinkKey {
            prefix: "LG".into(),
            alert: AlertId::new(alert),
            recurrence: 1,
        }),
        installation: InstallationId::of(MORNING, &KeySecret::new([7; 32])),
        draft: TicketDraft {
            client: HaloClientId::new(17),
            site: None,
            ticket_type: TicketTypeId::new(5),
            status: StatusId::new(1),
            priority: None,
            team: None,
            technician: None,
            category: None,
            summary: "Disk".into(),
            details_html: "<p>full</p>".into(),
            custom_fields: [].into(),
            key_field: Some(CustomFieldId::new(101)),
            validation: Validation::Enforced,
            type_template: Automation::Skipped,
            ticket_rules: Automation::Skipped,
        },
    }
}

fn change(id: u64) -> TicketChange {
    TicketChange {
        id: TicketId::new(id),
        status: Some(StatusId::new(9)),
        priority: None,
        technician: None,
        closure_note: None,
        premise: Premise {
            status: StatusId::new(1),
            priority: None,
            assigned: None,
            changed_at: None,
            as_of: MORNING,
        },
    }
}

fn note(ticket: u64) -> NewNote {
    NewNote {
        ticket: TicketId::new(ticket),
        outcome: OutcomeId::new(7),
        html: format!("<p>x</p><p>Halogard LG-{ticket} ab</p>"),
        reference: format!("Halogard LG-{ticket} ab"),
    }
}

/// A ticket of alert `alert`, numbered 4000 and that.
fn row(alert: u64) -> Value {
    json!({"id": 4000 + alert, "summary": new_ticket(alert).summary(), "client_id": 17,
           "tickettype_id": 5, "status_id": 1, "last_update": "2026-05-02T09:00:41.043"})
}

fn list(rows: &[Value]) -> Value {
    json!({"record_count": rows.len(), "tickets": rows})
}

/// A harness with these answers: a status and a body each.
fn answering(answers: &[(u16, Value)]) -> Harness {
    let harness = Harness::new();
    for (status, body) in answers {
        harness.next(Ok(answer(*status, &body.to_string())));
    }
    harness
}

/// The numbers of the tickets that were opened, or why not.
async fn opened(
    harness: &Harness,
    alerts: std::ops::RangeInclusive<u64>,
) -> Vec<Result<u64, String>> {
    let tickets: Vec<_> = alerts.map(new_ticket).collect();
    let answers = harness.desk().open(&tickets, &AdmitAll).await;
    answers
        .into_iter()
        .map(|answer| match answer {
            Ok(ticket) => Ok(ticket.id.get()),
            Err(error) => Err(format!("{:?}", error.class)),
        })
        .collect()
}

/// The titles posted, request by request; a read posts none.
fn posted(harness: &Harness) -> Vec<Vec<String>> {
    let titles = |body: &[u8]| {
        let body: Value = serde_json::from_slice(body).unwrap_or_default();
        let items = body.as_array().cloned().unwrap_or_default();
        // Without the proof.
        let title = |item: &Value| {
            let title = item["summary"].as_str().unwrap_or_default();
            match (title.split_once('.'), title.split_once(']')) {
                (Some((key, _)), Some((_, rest))) => format!("{key}]{rest}"),
                _ => title.to_owned(),
            }
        };
        items.iter().map(title).collect()
    };
    harness
        .sent()
        .iter()
        .map(|sent| titles(&sent.body))
        .collect()
}

#[tokio::test]
async fn answers_in_another_order_are_matched_by_key() {
    let harness = answering(&[(201, json!([row(3), row(1), row(2)]))]);
    assert_eq!(
        opened(&harness, 1..=3).await,
        [Ok(4001), Ok(4002), Ok(4003)]
    );
    assert_eq!(harness.sent().len(), 1, "one request for all three");
}

#[tokio::test]
async fn an_answer_with_the_last_ticket_only_is_completed_by_one_search() {
    let harness = answering(&[(201, row(3)), (200, list(&[row(2), row(1)]))]);
    assert_eq!(
        opened(&harness, 1..=3).await,
        [Ok(4001), Ok(4002), Ok(4003)]
    );
    assert_eq!(harness.sent().len(), 2);
}

#[tokio::test]
async fn a_ticket_no_answer_shows_is_in_doubt_and_the_others_are_open() {
    let harness = answering(&[(201, json!([row(1)])), (200, list(&[row(1)]))]);
    let doubt = || Err(format!("{InDoubt:?}"));
    assert_eq!(opened(&harness, 1..=2).await, [Ok(4001), doubt()]);
}

/// The row of alert `alert` under a title that a rule of HaloPSA gave it.
fn renamed(alert: u64) -> Value {
    let mut row = row(alert);
    row["summary"] = json!("Monitoring alert");
    row
}

#[tokio::test]
async fn answers_without_titles_of_ours_are_matched_by_field_text_or_place() {
    let with = |alert: u64, name: &str, value: Value| {
        let mut row = renamed(alert);
        row[name] = value;
        row
    };
    let key = |alert: u64| new_ticket(alert).key.to_string();
    let field = |alert: u64| json!([{"id": 101, "value": key(alert)}]);
    let text = |alert: u64| json!(format!("<p>Halogard {}</p>", key(alert)));
    let answers = [
        // By what they say, in any order.
        json!([
            with(2, "customfields", field(2)),
            with(1, "customfields", field(1))
        ]),
        json!([
            with(2, "details_html", text(2)),
            with(1, "details", text(1))
        ]),
        json!([row(2), with(1, "customfields", field(1))]),
        // By their places.
        json!([renamed(1), renamed(2)]),
        json!([row(1), renamed(2)]),
    ];
    for body in answers {
        let harness = answering(&[(201, body.clone())]);
        assert_eq!(
            opened(&harness, 1..=2).await,
            [Ok(4001), Ok(4002)],
            "{body}"
        );
        assert_eq!(harness.sent().len(), 1, "{body}");
    }
}

#[tokio::test]
async fn places_count_for_nothing_where_anything_contradicts_them() {
    let with = |alert: u64, name: &str, value: u64| {
        let mut row = renamed(alert);
        row[name] = json!(value);
        row
    };
    let answers = [
        json!([renamed(2), renamed(1)]),
        json!([renamed(1), renamed(1)]),
        json!([renamed(1)]),
        json!([renamed(1), renamed(2), renamed(3)]),
        json!([with(1, "client_id", 18), renamed(2)]),
        json!([renamed(1), with(2, "tickettype_id", 6)]),
        json!([renamed(1), row(3)]),
    ];
    for body in answers {
        let harness = answering(&[(201, body.clone()), (200, list(&[]))]);
        let doubt = || Err(format!("{InDoubt:?}"));
        assert_eq!(opened(&harness, 1..=2).await, [doubt(), doubt()], "{body}");
    }
}

#[tokio::test]
async fn a_refused_array_is_halved_until_the_refused_ticket_stands_alone() {
    let harness = answering(&[
        (400, json!("Please complete the field Impact")),
        // None of the four exists.
        (200, list(&[])),
        (201, json!([row(1), row(2)])),
        (400, json!("Please complete the field Impact")),
        (200, list(&[row(1), row(2)])),
        (404, json!("Record not found")),
        (404, json!("Record not found")),
        (400, json!("Please complete the field Impact")),
        (201, json!([row(4)])),
    ]);

    let refused = || Err(format!("{Permanent:?}"));
    assert_eq!(
        opened(&harness, 1..=4).await,
        [Ok(4001), Ok(4002), refused(), Ok(4004)]
    );
    let sent = posted(&harness);
    assert_eq!(sent[0].len(), 4);
    assert_eq!(sent[2], ["[LG-1] Disk", "[LG-2] Disk"]);
    assert_eq!(sent[3], ["[LG-3] Disk", "[LG-4] Disk"]);
    assert_eq!(sent[7], ["[LG-3] Disk"]);
    assert_eq!(sent[8], ["[LG-4] Disk"]);
}

/// A guard that admits each request by what was admitted before, and keeps what it was asked for.
struct CountingGuard {
    asked: Mutex<Vec<Vec<u64>>>,
    /// Admits the ticket of this alert in the request with this number, counted from 0.
    admits: fn(usize, u64) -> bool,
    send_before: Timestamp,
}

impl CountingGuard {
    fn new(admits: fn(usize, u64) -> bool) -> Self {
        Self {
            asked: Mutex::default(),
            admits,
            send_before: MORNING.plus(Duration::from_secs(50)),
        }
    }

    fn asked(&self) -> Vec<Vec<u64>> {
        self.asked.lock().unwrap().clone()
    }
}

impl OpeningGuard for CountingGuard {
    async fn admit(&self, keys: &[&LinkKey]) -> Admission {
        let mut asked = self.asked.lock().unwrap();
        let request = asked.len();
        let alerts: Vec<u64> = keys.iter().map(|key| key.alert.get()).collect();
        let admitted = alerts.iter().map(|alert| (self.admits)(request, *alert));
        let admitted = admitted.collect();
        asked.push(alerts);
        Admission {
            admitted,
            send_before: self.send_before,
        }
    }
}

#[tokio::test]
async fn the_guard_is_asked_before_each_half_and_what_it_refuses_is_not_sent() {
    let harness = answering(&[
        (400, json!("Please complete the field Impact")),
        (200, list(&[])),
        (201, json!([row(1), row(2)])),
        // The right to open the fourth was lost meanwhile.
        (201, json!([row(3)])),
    ]);
    let guard = CountingGuard::new(|request, alert| request < 2 || alert != 4);
    let tickets: Vec<_> = (1..=4).map(new_ticket).collect();
    let answers = harness.desk().open(&tickets, &guard).await;
    let opened: Vec<_> = answers.iter().filter_map(|it| it.as_ref().ok()).collect();
    assert_eq!(opened.len(), 3);
    let lost = answers[3].as_ref().unwrap_err();
    assert_eq!(
        (lost.class, lost.code),
        (Transient, ErrorCode::ClaimExpired)
    );
    assert_eq!(guard.asked(), [vec![1, 2, 3, 4], vec![1, 2], vec![3, 4]]);
    assert_eq!(posted(&harness)[3], ["[LG-3] Disk"]);
}

#[tokio::test]
async fn nothing_is_sent_when_nothing_is_admitted() {
    let harness = Harness::new();
    let guard = CountingGuard::new(|_, _| false);
    let answers = harness.desk().open(&[new_ticket(1)], &guard).await;
    assert_eq!(
        answers[0].as_ref().unwrap_err().code,
        ErrorCode::ClaimExpired
    );
    assert!(harness.sent().is_empty());
    harness.assert_all_settled();
}

#[tokio::test]
async fn a_request_that_waited_too_long_for_its_permit_is_not_sent() {
    for (waited, is_sent) in [(0, true), (49, true), (50, false), (90, false)] {
        let harness = Harness::new();
        let guard = CountingGuard::new(|_, _| true);
        if is_sent {
            harness.next(Ok(answer(201, &json!([row(1)]).to_string())));
        }
        // A token takes the time that has passed until the request could be sent.
        harness.advance(Duration::from_secs(waited));
        let answers = harness.desk().open(&[new_ticket(1)], &guard).await;
        assert_eq!(answers[0].is_ok(), is_sent, "{waited} s");
        assert_eq!(harness.sent().len(), usize::from(is_sent), "{waited} s");
    }
}

#[tokio::test]
async fn what_a_refused_array_left_behind_is_not_opened_again() {
    let harness = answering(&[
        (400, json!("Please complete the field Impact")),
        // The two before the refused one were kept.
        (200, list(&[row(1), row(2)])),
        (404, json!("Record not found")),
        (404, json!("Record not found")),
        (400, json!("Please complete the field Impact")),
    ]);
    let refused = || Err(format!("{Permanent:?}"));
    assert_eq!(
        opened(&harness, 1..=3).await,
        [Ok(4001), Ok(4002), refused()]
    );
    assert_eq!(posted(&harness)[4], ["[LG-3] Disk"]);
}

#[tokio::test]
async fn what_a_refused_array_left_behind_is_found_although_lists_lag() {
    let harness = answering(&[
        (400, json!("Please complete the field Impact")),
        // The list ends before the array; a number was given to a ticket that is deleted.
        (200, list(&[row(0)])),
        (200, row(1)),
        (404, json!("Record not found")),
        (200, row(3)),
        (404, json!("Record not found")),
        (404, json!("Record not found")),
        (400, json!("Please complete the field Impact")),
    ]);
    let answers = opened(&harness, 1..=3).await;
    assert_eq!((&answers[0], &answers[2]), (&Ok(4001), &Ok(4003)));
    assert_eq!(posted(&harness)[7], ["[LG-2] Disk"]);
}

#[tokio::test]
async fn a_refused_array_is_in_doubt_when_unlisted_tickets_do_not_end() {
    let mut answers = vec![
        (400, json!("Please complete the field Impact")),
        (200, list(&[row(0)])),
    ];
    answers.extend((1..=80).map(|_| (200, row(900))));
    let harness = answering(&answers);
    let doubt = || Err(format!("{InDoubt:?}"));
    assert_eq!(opened(&harness, 1..=2).await, [doubt(), doubt()]);
}

#[tokio::test]
async fn if_the_state_after_a_refused_array_is_unknown_every_ticket_is_in_doubt() {
    let harness = answering(&[
        (400, json!("Please complete the field Impact")),
        (503, json!("later")),
    ]);
    let doubt = || Err(format!("{InDoubt:?}"));
    assert_eq!(opened(&harness, 1..=2).await, [doubt(), doubt()]);
}

#[tokio::test]
async fn a_credential_that_is_not_accepted_is_no_reason_to_halve() {
    // A 401 is repeated once, with another token.
    let harness = answering(&[(401, json!("")), (401, json!(""))]);
    let tickets: Vec<_> = (1..=3).map(new_ticket).collect();
    let answers = harness.desk().open(&tickets, &AdmitAll).await;
    assert_eq!(harness.sent().len(), 2);
    assert_eq!(answers.len(), 3);
    for answer in answers {
        assert_eq!(answer.unwrap_err().refusal, Some(Refusal::Unauthorised));
    }
}

#[tokio::test]
async fn changes_are_matched_by_ticket_and_a_missing_one_is_read() {
    let harness = answering(&[(201, json!([row(2), row(3)])), (200, row(1))]);
    let answers = harness
        .desk()
        .change(&[change(4001), change(4002), change(4003)])
        .await;
    let ids: Vec<_> = answers.into_iter().map(|it| it.unwrap().id.get()).collect();
    assert_eq!(ids, [4001, 4002, 4003]);
}

/// The row of a ticket that a person has set in progress.
fn taken(alert: u64) -> Value {
    let mut row = row(alert);
    row["status_id"] = json!(2);
    row
}

#[tokio::test]
async fn a_refused_array_of_changes_is_halved_and_each_half_is_looked_at_first() {
    let harness = answering(&[
        (400, json!("no")),
        (200, list(&[row(1), row(2)])),
        (201, json!([row(1)])),
        (200, list(&[row(2)])),
        (400, json!("no")),
    ]);
    let answers = harness.desk().change(&[change(4001), change(4002)]).await;
    assert_eq!(answers[0].as_ref().unwrap().id.get(), 4001);
    assert_eq!(answers[1].as_ref().unwrap_err().class, Permanent);
    assert_eq!(harness.sent().len(), 5);
    harness.assert_all_settled();
}

/// Halving takes longer than a person needs to take one of the tickets.
#[tokio::test]
async fn what_a_person_changes_between_two_halves_is_not_overruled() {
    let harness = answering(&[
        (400, json!("no")),
        (200, list(&[row(1), row(2), row(3), row(4)])),
        (201, json!([row(1), row(2)])),
        (200, list(&[row(3), taken(4)])),
        (201, json!([row(3)])),
        (200, taken(4)),
    ]);
    let changes = [change(4001), change(4002), change(4003), change(4004)];
    let answers = harness.desk().change(&changes).await;
    assert!(answers[..3].iter().all(Result::is_ok), "{answers:?}");
    let error = answers[3].as_ref().unwrap_err();
    assert!(
        matches!(&error.refusal, Some(Refusal::Outdated(now)) if now.status == StatusId::new(2)),
        "{error:?}"
    );
    harness.assert_all_settled();
}

#[tokio::test]
async fn a_deleted_ticket_of_a_refused_array_is_read_and_the_others_go_together() {
    let harness = answering(&[
        (400, json!("no")),
        (200, list(&[row(1), row(3), row(4)])),
        (201, json!([row(1), row(3), row(4)])),
        (
            404,
            json!({"ClassName": "System.Exception", "Message": "no such ticket"}),
        ),
    ]);
    let changes = [change(4001), change(4002), change(4003), change(4004)];
    let answers = harness.desk().change(&changes).await;
    let made: Vec<bool> = answers.iter().map(Result::is_ok).collect();
    assert_eq!(made, [true, false, true, true]);
    harness.assert_all_settled();
}

#[tokio::test]
async fn an_earlier_request_may_have_made_the_change() {
    let mut closed = row(1);
    closed["status_id"] = json!(9);
    let harness = answering(&[
        (400, json!("no")),
        (200, list(&[closed.clone(), row(2)])),
        (201, json!([closed])),
        (200, list(&[row(2)])),
        (201, json!([row(2)])),
    ]);
    let answers = harness.desk().change(&[change(4001), change(4002)]).await;
    assert!(answers.iter().all(Result::is_ok), "{answers:?}");
}

#[tokio::test]
async fn what_waited_too_long_is_looked_at_again_before_it_is_sent() {
    for (waited, shown, is_sent) in [
        (14, row(1), true),
        (15, row(1), true),
        (15, taken(1), false),
        (600, row(1), true),
    ] {
        let harness = Harness::new();
        let is_old = waited >= 15;
        if is_old {
            harness.next(Ok(answer(
                200,
                &list(std::slice::from_ref(&shown)).to_string(),
            )));
        }
        let last = match is_sent {
            true => answer(201, &json!([row(1)]).to_string()),
            false => answer(200, &shown.to_string()),
        };
        harness.next(Ok(last));
        harness.advance(Duration::from_secs(waited));
        let answers = harness.desk().change(&[change(4001)]).await;
        assert_eq!(answers[0].is_ok(), is_sent, "{waited} s");
        assert_eq!(harness.sent().len(), 1 + usize::from(is_old), "{waited} s");
        harness.assert_all_settled();
    }
}

#[tokio::test]
async fn notes_are_matched_by_ticket() {
    let rows = json!([{"id": 9, "ticket_id": 4002}, {"id": 5, "ticket_id": 4001}]);
    let harness = answering(&[(201, rows)]);
    let answers = harness.desk().add_notes(&[note(4001), note(4002)]).await;
    let ids: Vec<_> = answers.into_iter().map(Result::unwrap).collect();
    assert_eq!(ids, [NoteId::new(5), NoteId::new(9)]);
}

#[tokio::test]
async fn after_a_refused_array_of_notes_only_missing_ones_are_added_again() {
    let actions =
        |rows: Value| json!({"record_count": rows.as_array().unwrap().len(), "actions": rows});
    let kept = json!([{"id": 2, "ticket_id": 4001, "note": "x Halogard LG-4001 ab"}]);
    let harness = answering(&[
        (400, json!("no")),
        (200, actions(kept)),
        (200, json!({"id": 6, "name": "Agent"})),
        (200, actions(json!([]))),
        (201, json!([{"id": 3, "ticket_id": 4002}])),
    ]);
    let answers = harness.desk().add_notes(&[note(4001), note(4002)]).await;
    let ids: Vec<_> = answers.into_iter().map(Result::unwrap).collect();
    assert_eq!(ids, [NoteId::new(2), NoteId::new(3)]);
}

#[tokio::test]
async fn an_array_that_met_a_deadlock_is_not_taken_apart() {
    let deadlock = json!({"ClassName": "System.Exception", "Message":
        "Transaction (Process ID 71) was deadlocked on lock resources. Rerun the transaction."});
    for status in [400, 500] {
        let doubt = || Err(format!("{InDoubt:?}"));
        // The first of the two was committed before the deadlock, and lists lag.
        let harness = answering(&[
            (status, deadlock.clone()),
            (200, list(&[row(0)])),
            (200, row(1)),
            (404, json!("Record not found")),
            (404, json!("Record not found")),
        ]);
        let tickets: Vec<_> = (1..=2).map(new_ticket).collect();
        let mut answers = harness.desk().open(&tickets, &AdmitAll).await;
        let missing = answers.pop().unwrap().unwrap_err();
        assert_eq!(
            (missing.class, missing.refusal),
            (InDoubt, Some(Refusal::RolledBack)),
            "{status}"
        );
        assert_eq!(answers.pop().unwrap().unwrap().id.get(), 4001);
        // What was committed could not be read: no more is known than after a lost answer.
        let harness = answering(&[(status, deadlock.clone()), (503, json!("later"))]);
        let answers = harness.desk().open(&tickets, &AdmitAll).await;
        for answer in answers {
            let error = answer.unwrap_err();
            assert_eq!((error.class, error.refusal), (InDoubt, None));
        }
        let harness = answering(&[(504, deadlock.clone())]);
        assert_eq!(opened(&harness, 1..=2).await, [doubt(), doubt()]);

        let harness = answering(&[(status, deadlock.clone())]);
        let answers = harness.desk().change(&[change(4001), change(4002)]).await;
        for answer in answers {
            assert_eq!(
                answer.unwrap_err().class,
                Transient,
                "setting it again is safe"
            );
        }
        let harness = answering(&[(status, deadlock.clone())]);
        let answers = harness.desk().add_notes(&[note(4001), note(4002)]).await;
        for answer in answers {
            assert_eq!(answer.unwrap_err().class, InDoubt, "the note is looked for");
        }
    }
}

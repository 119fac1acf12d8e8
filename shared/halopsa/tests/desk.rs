//! HaloPSA behind the desk's port: what is sent, which answer is believed, what failures mean.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test stops at what it did not expect, in its helpers too"
)]

#[allow(dead_code, reason = "each test file uses its part of the bench")]
mod support;

use std::time::Duration;

use halogard_app::ports::{
    BudgetError, Changes, PortError, Refusal, SearchWithin, Sighting, TicketDesk,
};
use halogard_domain::FailureClass::{self, InDoubt, Permanent, Throttled, Transient};
use halogard_domain::ids::{
    AlertId, CustomFieldId, HaloClientId, NoteId, OutcomeId, PriorityId, SiteId, StatusId,
    TechnicianId, TicketId, TicketTypeId,
};
use halogard_domain::ticket::{
    Fate, Hands, NewNote, NewTicket, NoteAuthor, TicketChange, Validation,
};
use halogard_domain::{LinkKey, Ticket, Timestamp};
use halogard_transport::TransportError;
use http::Response;
use serde_json::{Value, json};
use support::{Bench, MORNING, answer, answer_with};

const TICKET: TicketId = TicketId::new(4242);

/// 2026-05-02T09:00:41.043Z.
const CHANGED: Timestamp = Timestamp::from_millis(MORNING.as_millis() + 41_043);

fn key() -> LinkKey {
    LinkKey {
        prefix: "LG".into(),
        alert: AlertId::new(7586),
        recurrence: 1,
    }
}

fn new_ticket() -> NewTicket {
    NewTicket {
        key: key(),
        client: HaloClientId::new(17),
        site: Some(SiteId::new(31)),
        ticket_type: TicketTypeId::new(5),
        status: StatusId::new(1),
        priority: Some(PriorityId::new(2)),
        team: Some("Service Desk".into()),
        technician: None,
        category: Some("Security>Change".into()),
        summary: "[LG-7586] Disk".into(),
        details_html: "<p>full</p>".into(),
        custom_fields: [(CustomFieldId::new(101), "LG-7586".to_owned())].into(),
        validation: Validation::Desk,
    }
}

fn change() -> TicketChange {
    TicketChange {
        id: TICKET,
        client: HaloClientId::new(17),
        ticket_type: TicketTypeId::new(5),
        status: StatusId::new(9),
        priority: None,
        technician: None,
        closure_note: None,
    }
}

/// Opens one ticket.
async fn open(bench: &Bench, ticket: &NewTicket) -> Result<Ticket, PortError> {
    let mut answers = bench.desk().open(std::slice::from_ref(ticket)).await;
    assert_eq!(answers.len(), 1);
    answers.remove(0)
}

/// Changes one ticket.
async fn change_one(bench: &Bench, change: &TicketChange) -> Result<Ticket, PortError> {
    let mut answers = bench.desk().change(std::slice::from_ref(change)).await;
    assert_eq!(answers.len(), 1);
    answers.remove(0)
}

/// Adds one note.
async fn add_note(bench: &Bench, note: &NewNote) -> Result<NoteId, PortError> {
    let mut answers = bench.desk().add_notes(std::slice::from_ref(note)).await;
    assert_eq!(answers.len(), 1);
    answers.remove(0)
}

/// A row of `id` that says everything, with this title.
fn row(id: u64, summary: &str) -> Value {
    json!({"id": id, "summary": summary, "client_id": 17, "tickettype_id": 5, "status_id": 1,
           "priority_id": 2, "last_update": "2026-05-02T09:00:41.043"})
}

/// [`row`] of our ticket without `members`.
fn row_without(members: &[&str]) -> Value {
    let mut row = row(4242, "[LG-7586] Disk");
    for member in members {
        row.as_object_mut().unwrap().remove(*member).unwrap();
    }
    row
}

/// [`row`] of our ticket with these members.
fn row_with(members: Value) -> Value {
    let mut row = row(4242, "[LG-7586] Disk");
    for (name, value) in members.as_object().unwrap() {
        row[name] = value.clone();
    }
    row
}

/// What [`row`] shows.
fn ticket(id: u64, summary: &str) -> Ticket {
    Ticket {
        id: TicketId::new(id),
        client: HaloClientId::new(17),
        ticket_type: TicketTypeId::new(5),
        status: StatusId::new(1),
        priority: Some(PriorityId::new(2)),
        summary: summary.into(),
        assigned: None,
        changed_at: CHANGED,
        seen_at: MORNING,
        fate: Fate::Present,
        hands: Hands::Unknown,
    }
}

fn list(rows: Value) -> Value {
    json!({"record_count": rows.as_array().unwrap().len(), "tickets": rows})
}

/// A bench whose next answers are successes with these bodies.
fn answering(bodies: &[Value]) -> Bench {
    let bench = Bench::new();
    for body in bodies {
        bench.next(Ok(answer(200, &body.to_string())));
    }
    bench
}

#[tokio::test]
async fn a_ticket_is_opened_with_everything_that_was_decided() {
    let bench = answering(&[json!([row(4242, "[LG-7586] Disk")])]);
    let opened = open(&bench, &new_ticket()).await.unwrap();
    assert_eq!(opened, ticket(4242, "[LG-7586] Disk"));
    let sent = bench.only_sent();
    assert_eq!(
        (sent.method.as_str(), sent.path.as_str()),
        ("POST", "/api/Tickets")
    );
    assert_eq!(
        sent.json(),
        json!([{
            "tickettype_id": 5, "client_id": 17, "site_id": 31, "summary": "[LG-7586] Disk",
            "details_html": "<p>full</p>", "status_id": 1, "priority_id": 2,
            "team": "Service Desk", "category_1": "Security>Change",
            "customfields": [{"id": 101, "value": "LG-7586"}]
        }])
    );
    bench.expect_all_accounted();
}

#[tokio::test]
async fn validation_is_skipped_only_when_the_operator_asked_for_it() {
    let bench = answering(&[row(4242, "[LG-7586] Disk")]);
    let unchecked = NewTicket {
        validation: Validation::Skipped,
        ..new_ticket()
    };
    open(&bench, &unchecked).await.unwrap();
    assert_eq!(bench.only_sent().json()[0]["_novalidate"], true);
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
        let bench = answering(std::slice::from_ref(&body));
        assert_eq!(
            open(&bench, &new_ticket()).await.unwrap().id,
            TICKET,
            "{body}"
        );
    }
}

#[tokio::test]
async fn a_single_answer_that_shows_no_title_is_that_of_the_ticket() {
    for none in [Value::Null, json!("")] {
        let bench = answering(&[row_with(json!({"summary": none}))]);
        let opened = open(&bench, &new_ticket()).await.unwrap();
        assert_eq!(opened.id, TICKET);
    }
}

#[tokio::test]
async fn an_answer_to_an_opening_that_does_not_show_it_leaves_it_in_doubt() {
    let untitled = || row_with(json!({"summary": null}));
    let answers = [
        json!([row(4240, "[LG-75861] Disk")]),
        json!([row(4240, "[LG-7586-2] Disk")]),
        json!([row(4240, "[XX-7586] Disk")]),
        json!([row(4240, "Printer jams")]),
        json!([untitled(), row(4240, "Printer jams")]),
        json!([untitled(), untitled()]),
    ];
    for body in answers {
        let bench = answering(std::slice::from_ref(&body));
        let error = open(&bench, &new_ticket()).await.unwrap_err();
        assert_eq!(
            (error.class, error.error_type),
            (InDoubt, "desk.unexpected"),
            "{body}"
        );
    }
}

#[tokio::test]
async fn an_answer_to_an_opening_that_says_no_time_is_read_again() {
    let thin = json!([row_without(&["last_update"])]);
    let bench = answering(&[thin, row_with(json!({"status_id": 2}))]);
    let opened = open(&bench, &new_ticket()).await.unwrap();
    assert_eq!(
        (opened.status, opened.changed_at),
        (StatusId::new(2), CHANGED)
    );
    let sent = bench.sent();
    assert_eq!(sent[1].path, "/api/Tickets/4242");
    assert_eq!(sent[1].ask("nocache"), Some("true"));
    bench.expect_all_accounted();
}

#[tokio::test]
async fn a_second_look_that_fails_does_not_make_an_opening_one() {
    let failures = [
        Ok(answer(500, "")),
        Ok(answer(404, "")),
        Ok(answer(403, "")),
        Ok(answer(200, "{}")),
    ];
    for outcome in failures {
        let bench = answering(&[json!([{"id": 4242}])]);
        bench.next(outcome);
        let opened = open(&bench, &new_ticket()).await.unwrap();
        let expected = Ticket {
            changed_at: Timestamp::EPOCH,
            summary: opened.summary.clone(),
            ..ticket(4242, "")
        };
        assert_eq!(opened, expected);
    }
}

#[tokio::test]
async fn a_change_always_names_the_four_members_that_identify_a_ticket() {
    let whole = TicketChange {
        priority: Some(PriorityId::new(3)),
        technician: Some(TechnicianId::new(12)),
        closure_note: Some("over".into()),
        ..change()
    };
    let rows = [
        (
            change(),
            json!({"id": 4242, "tickettype_id": 5, "client_id": 17, "status_id": 9}),
        ),
        (
            whole,
            json!({"id": 4242, "tickettype_id": 5, "client_id": 17, "status_id": 9,
                   "priority_id": 3, "agent_id": 12, "closure_note": "over"}),
        ),
    ];
    for (change, expected) in rows {
        let bench = answering(&[json!([row_with(json!({"status_id": 9}))])]);
        let changed = change_one(&bench, &change).await.unwrap();
        assert_eq!((changed.id, changed.status), (TICKET, StatusId::new(9)));
        assert_eq!(bench.only_sent().json(), json!([expected]));
    }
}

#[tokio::test]
async fn the_answer_to_a_change_is_known_by_its_number() {
    let body = json!([row(4240, "Printer jams"), row_with(json!({"status_id": 9}))]);
    let bench = answering(&[body]);
    let changed = change_one(&bench, &change()).await.unwrap();
    assert_eq!((changed.id, changed.status), (TICKET, StatusId::new(9)));
    bench.expect_all_accounted();
}

#[tokio::test]
async fn an_answer_about_another_ticket_leads_to_a_look_at_ours() {
    let bench = answering(&[
        json!([row(4240, "Printer jams")]),
        row_with(json!({"status_id": 9})),
    ]);
    let changed = change_one(&bench, &change()).await.unwrap();
    assert_eq!((changed.id, changed.status), (TICKET, StatusId::new(9)));
    assert_eq!(bench.sent()[1].path, "/api/Tickets/4242");
    bench.expect_all_accounted();

    let bench = answering(&[json!([row(4240, "Printer jams")])]);
    bench.next(Ok(answer(404, "")));
    let error = change_one(&bench, &change()).await.unwrap_err();
    assert_eq!(
        (error.class, error.refusal),
        (Permanent, Some(Refusal::NotFound))
    );
}

#[tokio::test]
async fn a_thin_answer_to_a_change_is_read_again() {
    let bench = answering(&[json!({"id": 4242}), row_with(json!({"status_id": 9}))]);
    let changed = change_one(&bench, &change()).await.unwrap();
    assert_eq!(
        (changed.status, changed.changed_at),
        (StatusId::new(9), CHANGED)
    );
    bench.expect_all_accounted();
    // And believed as far as it goes where it cannot be.
    let bench = answering(&[json!({"id": 4242})]);
    bench.next(Ok(answer(500, "")));
    let changed = change_one(&bench, &change()).await.unwrap();
    assert_eq!(
        (changed.status, changed.changed_at),
        (StatusId::new(9), Timestamp::EPOCH)
    );
}

#[tokio::test]
async fn a_ticket_is_read_past_the_cache() {
    let bench = answering(&[row(4242, "[LG-7586] Disk")]);
    let read = bench.desk().read(TICKET).await.unwrap();
    assert_eq!(read, Some(ticket(4242, "[LG-7586] Disk")));
    assert_eq!(bench.only_sent().ask("nocache"), Some("true"));
}

#[tokio::test]
async fn a_ticket_that_is_not_there_is_none_and_one_that_may_not_be_seen_an_error() {
    let gone = [
        answer(404, ""),
        answer(400, "\"Record not found\""),
        answer(404, "<html>"),
    ];
    for outcome in gone {
        let bench = Bench::new();
        bench.next(Ok(outcome));
        assert_eq!(bench.desk().read(TICKET).await.unwrap(), None);
    }
    for missing in ["status_id", "client_id", "tickettype_id"] {
        let bench = answering(&[row_without(&[missing])]);
        let error = bench.desk().read(TICKET).await.unwrap_err();
        assert_eq!(
            (error.class, error.error_type),
            (Permanent, "desk.unexpected"),
            "{missing}"
        );
    }
    let bench = Bench::new();
    bench.next(Ok(answer(403, "")));
    let error = bench.desk().read(TICKET).await.unwrap_err();
    assert_eq!(error.refusal, Some(Refusal::Forbidden));
}

#[tokio::test]
async fn a_ticket_says_what_became_of_it() {
    let rows = [
        (
            json!({"merged_into_id": 4250}),
            Fate::MergedInto(TicketId::new(4250)),
        ),
        (json!({"merged_into_id": 4242}), Fate::Present),
        (
            json!({"merged_into_id": 0, "deleted": false}),
            Fate::Present,
        ),
        (json!({"merged_into_id": -1, "deleted": true}), Fate::Gone),
        (
            json!({"merged_into_id": 4250, "deleted": true}),
            Fate::MergedInto(TicketId::new(4250)),
        ),
    ];
    for (members, fate) in rows {
        let bench = answering(&[row_with(members.clone())]);
        assert_eq!(
            bench.desk().read(TICKET).await.unwrap().unwrap().fate,
            fate,
            "{members}"
        );
    }
}

fn within(client: Option<u64>) -> SearchWithin {
    SearchWithin {
        client: client.map(HaloClientId::new),
        since: MORNING,
    }
}

#[tokio::test]
async fn a_ticket_is_looked_for_by_title_then_by_time_then_among_the_deleted() {
    let nothing = || list(json!([]));
    let bench = answering(&[nothing(), nothing(), nothing()]);
    let found = bench.desk().find(&key(), &within(Some(17))).await.unwrap();
    assert_eq!(found, []);
    let sent = bench.sent();
    assert_eq!(sent.len(), 3);
    assert!(sent.iter().all(|sent| sent.ask("nocache") == Some("true")));
    assert!(
        sent.iter()
            .all(|sent| sent.ask("includeclosed") == Some("true")),
        "closed ones too"
    );
    let asked = |name| sent.iter().map(|sent| sent.ask(name)).collect::<Vec<_>>();
    let marker = Some("[LG-7586]");
    assert_eq!(asked("search_summary"), [marker, None, marker]);
    assert_eq!(asked("client_id"), [None, Some("17"), None]);
    assert_eq!(
        asked("startdate"),
        [None, Some("2026-05-02T08:00:00.000Z"), None]
    );
    assert_eq!(
        asked("enddate"),
        [None, Some("2026-05-02T10:00:00.000Z"), None]
    );
    assert_eq!(asked("deleted"), [None, None, Some("true")]);
    bench.expect_all_accounted();
}

#[tokio::test]
async fn the_search_ends_where_something_was_found() {
    let ours = || list(json!([row(4242, "[LG-7586] Disk")]));
    let nothing = || list(json!([]));
    for before in 0..3 {
        let mut bodies = vec![nothing(); before];
        bodies.push(ours());
        let bench = answering(&bodies);
        let found = bench.desk().find(&key(), &within(Some(17))).await.unwrap();
        assert_eq!(found.len(), 1);
        // One that only the list of deleted ones shows is gone, whether its row says so or not.
        let fate = if before == 2 {
            Fate::Gone
        } else {
            Fate::Present
        };
        assert_eq!((found[0].id, found[0].fate), (TICKET, fate));
        bench.expect_all_accounted();
    }
}

#[tokio::test]
async fn without_a_client_the_list_by_time_is_left_out() {
    let bench = answering(&[list(json!([])), list(json!([]))]);
    bench.desk().find(&key(), &within(None)).await.unwrap();
    assert_eq!(bench.sent()[1].ask("deleted"), Some("true"));
    bench.expect_all_accounted();
}

#[tokio::test]
async fn only_the_exact_key_counts_and_the_oldest_ticket_comes_first() {
    let rows = json!([
        row(4250, "[LG-7586] Disk"),
        row(4240, "[LG-75861] Disk"),
        row(4242, "copy of [LG-7586] Disk"),
        row(4243, "[LG-7586-2] Disk"),
        row(4244, "[XLG-7586] Disk")
    ]);
    let bench = answering(&[list(rows)]);
    let found = bench.desk().find(&key(), &within(Some(17))).await.unwrap();
    let ids: Vec<u64> = found.iter().map(|ticket| ticket.id.get()).collect();
    assert_eq!(ids, [4242, 4250]);
}

#[tokio::test]
async fn a_row_too_thin_to_be_a_ticket_is_read_before_it_counts() {
    let thin = list(json!([{"id": 4242, "summary": "[LG-7586] Disk"}]));
    let bench = answering(&[thin, row(4242, "[LG-7586] Disk")]);
    let found = bench.desk().find(&key(), &within(Some(17))).await.unwrap();
    assert_eq!(found, [ticket(4242, "[LG-7586] Disk")]);
    bench.expect_all_accounted();
}

#[tokio::test]
async fn all_tickets_that_carry_a_key_of_ours_are_listed() {
    let rows = json!([
        row(4250, "[LG-9] Disk"),
        row(4241, "[LG-] Disk"),
        row(4242, "[LG-7586-3] Disk"),
        row(4243, "[LG-x] nothing of ours")
    ]);
    let bench = answering(&[list(rows)]);
    let marked = bench.desk().marked("LG").await.unwrap();
    let ids: Vec<u64> = marked.iter().map(|ticket| ticket.id.get()).collect();
    assert_eq!(ids, [4242, 4250]);
    assert_eq!(bench.only_sent().ask("search_summary"), Some("[LG-"));
}

#[tokio::test]
async fn a_list_that_is_shorter_than_its_count_is_no_news() {
    let page = |rows: Value| json!({"record_count": 3, "tickets": rows});
    let short = || [page(json!([row(4242, "[LG-7586] Disk")])), page(json!([]))];
    // Too short for a page, which is tried from its first page on.
    let [page_1, page_2] = short();
    let bench = answering(&[page_1.clone(), page_1, page_2]);
    let swept = bench.desk().changed_since(MORNING).await.unwrap_err();
    let bench = answering(&short());
    let found = bench.desk().find(&key(), &within(None)).await.unwrap_err();
    let bench = answering(&short());
    let marked = bench.desk().marked("LG").await.unwrap_err();
    for error in [swept, found, marked] {
        assert_eq!(
            (error.class, error.error_type),
            (Transient, "desk.short_list")
        );
        assert_eq!(error.said.as_deref(), Some("1 of 3 rows came"));
    }
    let bench = answering(&[json!({"record_count": 2, "actions": [{"id": 1}]})]);
    let error = bench.desk().notes(TICKET).await.unwrap_err();
    assert_eq!(
        (error.class, error.error_type),
        (Transient, "desk.short_list")
    );
}

#[tokio::test]
async fn a_sighting_says_as_much_as_its_row_does() {
    let rows = json!([
        row(4242, "[LG-7586] Disk"),
        {"id": 4243},
        {"id": 4244, "status_id": 1, "client_id": 17, "last_update": "2026-05-02T09:00:41.043"},
        // Everything but the time of its change: cannot be put in order, so it is no state.
        {"id": 4245, "status_id": 1, "client_id": 17, "tickettype_id": 5},
        {"id": 4246, "status_id": 1, "client_id": 17, "tickettype_id": 5, "last_update": "1900-01-01T00:00:00"},
        {"id": 4247, "status_id": 1, "client_id": 17, "tickettype_id": 5, "lastupdate": "2026-05-02T09:00:41.043"}
    ]);
    let bench = answering(&[list(rows)]);
    let Changes {
        sightings: seen,
        rest,
    } = bench.desk().changed_since(MORNING).await.unwrap();
    assert_eq!(rest, None);
    let thin = |id, changed_at| Sighting {
        id: TicketId::new(id),
        changed_at,
        ticket: None,
    };
    let whole = |ticket: Ticket| Sighting {
        id: ticket.id,
        changed_at: Some(ticket.changed_at),
        ticket: Some(ticket),
    };
    let untitled = Ticket {
        priority: None,
        ..ticket(4247, "")
    };
    assert_eq!(
        seen,
        [
            whole(ticket(4242, "[LG-7586] Disk")),
            thin(4243, None),
            thin(4244, Some(ticket(4244, "").changed_at)),
            thin(4245, None),
            thin(4246, None),
            whole(untitled)
        ]
    );
    let sent = bench.only_sent();
    assert_eq!(
        sent.ask("lastupdatefromdate"),
        Some("2026-05-02T09:00:00.000Z")
    );
    bench.expect_all_accounted();
}

#[tokio::test]
async fn a_note_is_for_technicians_only_and_brings_its_number() {
    let note = NewNote {
        ticket: TICKET,
        outcome: OutcomeId::new(7),
        html: "<p>x</p>".into(),
        reference: "Halogard LG-7586 00".into(),
    };
    for body in [json!({"id": 3, "ticket_id": 4242}), json!([{"id": 3}])] {
        let bench = answering(&[body]);
        assert_eq!(add_note(&bench, &note).await.unwrap(), NoteId::new(3));
        assert_eq!(
            bench.only_sent().json(),
            json!([{"ticket_id": 4242, "outcome_id": 7, "note_html": "<p>x</p>",
                    "hiddenfromuser": true, "sendemail": false}])
        );
    }
    for body in [json!({}), json!([])] {
        let bench = answering(&[body]);
        assert_eq!(add_note(&bench, &note).await.unwrap_err().class, InDoubt);
    }
}

/// Who wrote an action with these members, when our application acts as agent 40.
async fn author(members: Value) -> NoteAuthor {
    let mut action = json!({"id": 2, "ticket_id": 4242, "note": "x"});
    for (name, value) in members.as_object().unwrap() {
        action[name] = value.clone();
    }
    let actions = json!({"record_count": 1, "actions": [action]});
    let bench = answering(&[actions, json!({"id": 40, "name": "Halogard"})]);
    let notes = bench.desk().notes(TICKET).await.unwrap();
    bench.expect_all_accounted();
    notes[0].author
}

#[tokio::test]
async fn the_author_of_a_note_is_we_another_machine_or_a_person() {
    use NoteAuthor::{Machine, Ourselves, Person};
    let zero = "00000000-0000-0000-0000-000000000000";
    let rows = [
        (json!({"actionby_application_id": "our-app"}), Ourselves),
        (
            json!({"actionby_application_id": " OUR-APP ", "who": "Dana Ito", "who_agentid": 12}),
            Ourselves,
        ),
        (json!({"actionby_application_id": "their-app"}), Machine),
        (
            json!({"actionby_application_id": "their-app", "who": "Dana Ito", "who_agentid": 12}),
            Machine,
        ),
        (
            json!({"actionby_application_id": "their-app", "who_agentid": 40}),
            Machine,
        ),
        (
            json!({"actionby_application_id": zero, "who_agentid": 40}),
            Ourselves,
        ),
        (
            json!({"actionby_application_id": zero, "who_agentid": 12, "who": "Dana Ito"}),
            Person,
        ),
        (json!({"actionby_application_id": zero}), Machine),
        (
            json!({"actionby_application_id": "0", "who_agentid": 12}),
            Person,
        ),
        (
            json!({"actionby_application_id": "", "who_agentid": 12}),
            Person,
        ),
        (
            json!({"actionby_application_id": null, "who_agentid": 40, "who": "Halogard"}),
            Ourselves,
        ),
        (
            json!({"actionby_agent_id": 40, "who_agentid": 12, "who": "Dana Ito"}),
            Ourselves,
        ),
        (json!({"actionby_agent_id": 12, "who_agentid": 40}), Person),
        (
            json!({"actionby_agent_id": 0, "who_agentid": 40}),
            Ourselves,
        ),
        (json!({"who": "Dana Ito"}), Person),
        (json!({"who": "A Customer", "who_agentid": 0}), Person),
        (json!({"who": "A Customer", "who_agentid": 1}), Person),
        (json!({"who": "System"}), Machine),
        (json!({"who": " SYSTEM ", "who_agentid": 0}), Machine),
        (json!({"who": "", "who_agentid": -1}), Machine),
        (json!({"who": "System", "who_agentid": 12}), Person),
        // Agent 1 stands for "nobody".
        (json!({"who": "System", "who_agentid": 1}), Machine),
        (json!({"actionby_agent_id": 1}), Machine),
        (json!({}), Machine),
    ];
    for (members, expected) in rows {
        assert_eq!(author(members.clone()).await, expected, "{members}");
    }
}

#[tokio::test]
async fn whom_we_act_as_is_asked_once_and_notes_are_read_without_it() {
    let actions =
        || json!({"record_count": 1, "actions": [{"id": 2, "note": "x", "who_agentid": 40}]});
    let bench = answering(&[actions(), json!({"id": 40}), actions()]);
    let desk = bench.desk();
    for _ in 0..2 {
        assert_eq!(
            desk.notes(TICKET).await.unwrap()[0].author,
            NoteAuthor::Ourselves
        );
    }
    bench.expect_all_accounted();

    let bench = answering(&[actions()]);
    bench.next(Ok(answer(403, "")));
    bench.next(Ok(answer(200, &actions().to_string())));
    bench.next(Ok(answer(200, r#"{"id": 40}"#)));
    let desk = bench.desk();
    assert_eq!(
        desk.notes(TICKET).await.unwrap()[0].author,
        NoteAuthor::Person
    );
    assert_eq!(
        desk.notes(TICKET).await.unwrap()[0].author,
        NoteAuthor::Ourselves
    );
    bench.expect_all_accounted();
}

#[tokio::test]
async fn notes_come_with_their_numbers_and_texts() {
    let actions = json!({"record_count": 3, "actions": [
        {"id": 3, "ticket_id": 4242, "note": "third"},
        {"id": 1, "ticket_id": 4242},
        {"id": 9, "ticket_id": 4240, "note": "of another ticket"}
    ]});
    let bench = answering(&[actions, json!({"id": 40})]);
    let notes = bench.desk().notes(TICKET).await.unwrap();
    let shown: Vec<_> = notes
        .iter()
        .map(|note| (note.id.get(), note.text.as_str()))
        .collect();
    assert_eq!(shown, [(3, "third"), (1, "")]);
}

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

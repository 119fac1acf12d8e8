//! Notes, and who wrote them.

use super::*;

#[tokio::test]
async fn a_note_is_for_technicians_only_and_brings_its_number() {
    let note = NewNote {
        ticket: TICKET,
        outcome: OutcomeId::new(7),
        html: "<p>x</p>".into(),
        reference: "Halogard LG-7586 00".into(),
    };
    for body in [json!({"id": 3, "ticket_id": 4242}), json!([{"id": 3}])] {
        let harness = answering(&[body]);
        assert_eq!(add_note(&harness, &note).await.unwrap(), NoteId::new(3));
        assert_eq!(
            harness.only_sent().json(),
            json!([{"ticket_id": 4242, "outcome_id": 7, "note": "x", "note_html": "<p>x</p>",
                    "hiddenfromuser": true, "sendemail": false}])
        );
    }
    for body in [json!({}), json!([])] {
        let harness = answering(&[body]);
        assert_eq!(add_note(&harness, &note).await.unwrap_err().class, InDoubt);
    }
}

/// Who wrote an action with these members, when our application acts as agent 40.
async fn author(members: Value) -> NoteAuthor {
    let mut action = json!({"id": 2, "ticket_id": 4242, "note": "x"});
    for (name, value) in members.as_object().unwrap() {
        action[name] = value.clone();
    }
    let actions = json!({"record_count": 1, "actions": [action]});
    let harness = answering(&[actions, json!({"id": 40, "name": "Halogard"})]);
    let notes = harness.desk().notes(TICKET).await.unwrap();
    harness.assert_all_settled();
    notes.notes[0].author.clone()
}

fn application(name: &str) -> NoteAuthor {
    NoteAuthor::Application(name.into())
}

#[tokio::test]
async fn the_author_of_a_note_is_we_a_machine_or_may_be_a_person() {
    use NoteAuthor::{Automation, Halogard, Person};
    let zero = "00000000-0000-0000-0000-000000000000";
    let screen = "nethelpdesk-agent-web-application";
    let rows = [
        (json!({"actionby_application_id": "our-app"}), Halogard),
        (
            json!({"actionby_application_id": " OUR-APP ", "who": "Dana Ito", "who_agentid": 12}),
            Halogard,
        ),
        // Any application may be the one by means of which a person acts.
        (
            json!({"actionby_application_id": "Huntress", "who_type": 1}),
            application("Huntress"),
        ),
        (
            json!({"actionby_application_id": " Customer Portal ", "who_type": 2}),
            application("Customer Portal"),
        ),
        (
            json!({"actionby_application_id": "Huntress", "who_agentid": 40}),
            application("Huntress"),
        ),
        // HaloPSA's own screens are named as well.
        (
            json!({"actionby_application_id": screen, "who_type": 1, "who_agentid": 12}),
            Person,
        ),
        (
            json!({"actionby_application_id": screen, "who_type": 1, "who_agentid": 40}),
            Person,
        ),
        (json!({"actionby_application_id": screen}), Person),
        // HaloPSA itself.
        (json!({"who_type": 0}), Automation),
        (
            json!({"who_type": 0, "actionby_application_id": screen, "who_agentid": 12}),
            Automation,
        ),
        (
            json!({"who_type": "0", "who": "AI", "who_agentid": 12}),
            Automation,
        ),
        (json!({"who_type": 1, "who": "System"}), Person),
        (json!({"who_type": 2, "who": ""}), Person),
        // A customer's contact, whatever agent the entry was filed under.
        (
            json!({"who_type": 2, "who": "A Customer", "who_agentid": 40}),
            Person,
        ),
        (
            json!({"who_type": 2, "actionby_application_id": zero, "actionby_agent_id": 40}),
            Person,
        ),
        // A tenant that names no applications.
        (
            json!({"actionby_application_id": zero, "who_agentid": 40}),
            Halogard,
        ),
        (
            json!({"actionby_application_id": zero, "who_agentid": 12, "who": "Dana Ito"}),
            Person,
        ),
        (json!({"actionby_application_id": zero}), Automation),
        (
            json!({"actionby_application_id": "0", "who_agentid": 12}),
            Person,
        ),
        (
            json!({"actionby_application_id": "", "who_agentid": 12, "who_type": 1}),
            Person,
        ),
        (
            json!({"actionby_application_id": null, "who_agentid": 40, "who": "Halogard"}),
            Halogard,
        ),
        (
            json!({"actionby_agent_id": 40, "who_agentid": 12, "who": "Dana Ito"}),
            Halogard,
        ),
        (json!({"actionby_agent_id": 12, "who_agentid": 40}), Person),
        (json!({"actionby_agent_id": 0, "who_agentid": 40}), Halogard),
        (json!({"who": "Dana Ito"}), Person),
        (json!({"who": "A Customer", "who_agentid": 0}), Person),
        (json!({"who": "A Customer", "who_agentid": 1}), Person),
        (json!({"who": "System"}), Automation),
        (json!({"who": " SYSTEM ", "who_agentid": 0}), Automation),
        (json!({"who": "", "who_agentid": -1}), Automation),
        (json!({"who": "System", "who_agentid": 12}), Person),
        // Agent 1 means "unassigned".
        (json!({"who": "System", "who_agentid": 1}), Automation),
        (json!({"actionby_agent_id": 1}), Automation),
        (json!({}), Automation),
    ];
    for (members, expected) in rows {
        assert_eq!(author(members.clone()).await, expected, "{members}");
    }
}

/// The authors of the notes in the answer to `GET /Actions` with these rows, oldest first, when our
/// application acts as agent 40.
async fn authors_of(harness: &Harness, me: Option<&Value>, rows: &[Value]) -> Vec<NoteAuthor> {
    let actions = json!({"record_count": rows.len(), "actions": rows});
    harness.next(Ok(answer(200, &actions.to_string())));
    if let Some(me) = me {
        harness.next(Ok(answer(200, &me.to_string())));
    }
    let notes = harness.desk().notes(TICKET).await.unwrap();
    notes.notes.into_iter().map(|note| note.author).collect()
}

/// A row of `GET /Actions`.
fn action(id: u64, application: &str, agent: u64) -> Value {
    json!({"id": id, "ticket_id": 4242, "who_type": 1, "who_agentid": agent,
           "actionby_agent_id": agent, "actionby_application_id": application})
}

#[tokio::test]
async fn our_own_name_is_learnt_from_the_entry_that_opened_the_ticket() {
    use NoteAuthor::{Automation, Halogard, Person};
    let screen = "nethelpdesk-agent-web-application";
    let shared = json!({"id": 40});
    let for_api = json!({"id": 40, "isapiagent": true});
    let ours = action(1, "Halogard Sync", 40);
    let mut by_a_contact = action(2, "Customer Portal", 40);
    by_a_contact["who_type"] = json!(2);
    let rows: [(&Value, [Value; 2], [NoteAuthor; 2]); 8] = [
        (
            &shared,
            [ours.clone(), action(2, "halogard sync", 40)],
            [Halogard, Halogard],
        ),
        (
            &shared,
            [ours.clone(), action(2, screen, 12)],
            [Halogard, Person],
        ),
        // Another integration under our agent: unknown, so it may be a person's, unless no person can
        // sign in as this agent.
        (
            &shared,
            [ours.clone(), action(2, "Other", 40)],
            [Halogard, application("Other")],
        ),
        (
            &for_api,
            [ours.clone(), action(2, "Other", 40)],
            [Halogard, Automation],
        ),
        // A customer who answers by means of another integration under our agent.
        (
            &for_api,
            [ours.clone(), by_a_contact],
            [Halogard, application("Customer Portal")],
        ),
        // A person as our agent at the screen, and one where the tenant names none.
        (
            &shared,
            [ours.clone(), action(2, screen, 40)],
            [Halogard, Person],
        ),
        (&shared, [ours, action(2, "", 40)], [Halogard, Person]),
        // Of a ticket that a person opened nothing is learnt.
        (
            &shared,
            [action(1, screen, 40), action(2, screen, 12)],
            [Person, Person],
        ),
    ];
    for (me, rows, expected) in rows {
        let harness = Harness::new();
        let authors = authors_of(&harness, Some(me), &rows).await;
        assert_eq!(authors, expected, "{rows:?}");
    }
}

#[tokio::test]
async fn our_own_name_is_learnt_from_the_answer_to_a_note() {
    let screen = "nethelpdesk-agent-web-application";
    for (name, author) in [
        ("Halogard Sync", NoteAuthor::Halogard),
        (screen, NoteAuthor::Person),
    ] {
        let written = json!([{"id": 3, "ticket_id": 4242, "actionby_application_id": name}]);
        let harness = answering(&[written]);
        let desk = harness.desk();
        let note = NewNote {
            ticket: TICKET,
            outcome: OutcomeId::new(7),
            html: "<p>x</p>".into(),
            reference: "Halogard LG-7586 00".into(),
        };
        desk.add_notes(&[note]).await.remove(0).unwrap();
        let actions = json!({"record_count": 1, "actions": [action(2, name, 77)]});
        harness.next(Ok(answer(200, &actions.to_string())));
        harness.next(Ok(answer(403, "")));
        let notes = desk.notes(TICKET).await.unwrap().notes;
        assert_eq!(notes[0].author, author, "{name}");
    }
}

#[tokio::test]
async fn actions_that_did_not_all_come_are_judged_by_what_came() {
    let row = |id: u64| json!({"id": id, "ticket_id": 4242, "who_agentid": 40});
    for (ids, record_count, whole) in [
        (vec![1, 2, 3], 3, true),
        // The count is wrong: no number is missing.
        (vec![3, 2, 1], 9, true),
        (vec![3, 2], 3, false),
        (vec![4, 2, 1], 5, false),
    ] {
        let rows: Vec<_> = ids.iter().copied().map(row).collect();
        let actions = json!({"record_count": record_count, "actions": rows});
        let harness = answering(&[actions, json!({"id": 40})]);
        let notes = harness.desk().notes(TICKET).await.unwrap();
        assert_eq!((notes.notes.len(), notes.is_whole), (ids.len(), whole));
        assert_eq!(harness.sent()[0].query_value("count"), Some("1000"));
    }
}

#[tokio::test]
async fn a_note_in_the_answer_that_belongs_to_another_ticket_is_not_ours() {
    let harness = answering(&[
        json!([{"id": 3, "ticket_id": 4000}]),
        json!({"record_count": 0, "actions": []}),
        json!({"id": 40}),
    ]);
    let note = NewNote {
        ticket: TICKET,
        outcome: OutcomeId::new(7),
        html: "<p>x</p>".into(),
        reference: "Halogard LG-7586 00".into(),
    };
    assert_eq!(add_note(&harness, &note).await.unwrap_err().class, InDoubt);
}

#[tokio::test]
async fn the_acting_agent_is_read_once_and_notes_work_without_it() {
    let actions =
        || json!({"record_count": 1, "actions": [{"id": 2, "note": "x", "who_agentid": 40}]});
    let harness = answering(&[actions(), json!({"id": 40}), actions()]);
    let desk = harness.desk();
    for _ in 0..2 {
        assert_eq!(
            desk.notes(TICKET).await.unwrap().notes[0].author,
            NoteAuthor::Halogard
        );
    }
    harness.assert_all_settled();

    let harness = answering(&[actions()]);
    harness.next(Ok(answer(403, "")));
    harness.next(Ok(answer(200, &actions().to_string())));
    harness.next(Ok(answer(200, r#"{"id": 40}"#)));
    let desk = harness.desk();
    assert_eq!(
        desk.notes(TICKET).await.unwrap().notes[0].author,
        NoteAuthor::Person
    );
    assert_eq!(
        desk.notes(TICKET).await.unwrap().notes[0].author,
        NoteAuthor::Halogard
    );
    harness.assert_all_settled();
}

#[tokio::test]
async fn notes_come_with_their_numbers_and_texts() {
    let actions = json!({"record_count": 3, "actions": [
        {"id": 3, "ticket_id": 4242, "note": "third"},
        {"id": 1, "ticket_id": 4242},
        {"id": 9, "ticket_id": 4240, "note": "of another ticket"}
    ]});
    let harness = answering(&[actions, json!({"id": 40})]);
    let notes = harness.desk().notes(TICKET).await.unwrap();
    let shown: Vec<_> = notes
        .notes
        .iter()
        .map(|note| (note.id.get(), note.text.as_str()))
        .collect();
    assert_eq!(shown, [(3, "third"), (1, "")]);
}

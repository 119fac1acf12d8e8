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
            json!([{"ticket_id": 4242, "outcome_id": 7, "note_html": "<p>x</p>",
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
    notes[0].author
}

#[tokio::test]
async fn the_author_of_a_note_is_we_another_machine_or_a_person() {
    use NoteAuthor::{Halogard, Integration, Person};
    let zero = "00000000-0000-0000-0000-000000000000";
    let rows = [
        (json!({"actionby_application_id": "our-app"}), Halogard),
        (
            json!({"actionby_application_id": " OUR-APP ", "who": "Dana Ito", "who_agentid": 12}),
            Halogard,
        ),
        (json!({"actionby_application_id": "their-app"}), Integration),
        (
            json!({"actionby_application_id": "their-app", "who": "Dana Ito", "who_agentid": 12}),
            Integration,
        ),
        (
            json!({"actionby_application_id": "their-app", "who_agentid": 40}),
            Integration,
        ),
        (
            json!({"actionby_application_id": zero, "who_agentid": 40}),
            Halogard,
        ),
        (
            json!({"actionby_application_id": zero, "who_agentid": 12, "who": "Dana Ito"}),
            Person,
        ),
        (json!({"actionby_application_id": zero}), Integration),
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
        (json!({"who": "System"}), Integration),
        (json!({"who": " SYSTEM ", "who_agentid": 0}), Integration),
        (json!({"who": "", "who_agentid": -1}), Integration),
        (json!({"who": "System", "who_agentid": 12}), Person),
        // Agent 1 stands for "nobody".
        (json!({"who": "System", "who_agentid": 1}), Integration),
        (json!({"actionby_agent_id": 1}), Integration),
        (json!({}), Integration),
    ];
    for (members, expected) in rows {
        assert_eq!(author(members.clone()).await, expected, "{members}");
    }
}

#[tokio::test]
async fn the_acting_agent_is_read_once_and_notes_work_without_it() {
    let actions =
        || json!({"record_count": 1, "actions": [{"id": 2, "note": "x", "who_agentid": 40}]});
    let harness = answering(&[actions(), json!({"id": 40}), actions()]);
    let desk = harness.desk();
    for _ in 0..2 {
        assert_eq!(
            desk.notes(TICKET).await.unwrap()[0].author,
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
        desk.notes(TICKET).await.unwrap()[0].author,
        NoteAuthor::Person
    );
    assert_eq!(
        desk.notes(TICKET).await.unwrap()[0].author,
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
        .iter()
        .map(|note| (note.id.get(), note.text.as_str()))
        .collect();
    assert_eq!(shown, [(3, "third"), (1, "")]);
}

//! Whether the notes of a ticket show that a person has worked on it.

use halogard_domain::ids::NoteId;
use halogard_domain::ticket::{MachineApplications, NoteAuthor, TicketNote, TicketNotes};

fn note(id: u64, author: &NoteAuthor) -> TicketNote {
    TicketNote {
        id: NoteId::new(id),
        author: author.clone(),
        text: String::new(),
        status_after: None,
    }
}

fn application(name: &str) -> NoteAuthor {
    NoteAuthor::Application(name.into())
}

#[test]
fn only_what_is_known_to_be_a_machine_is_no_person() {
    use NoteAuthor::{Automation, Halogard, Person};
    let rows = [
        (Halogard, false),
        (Automation, false),
        (Person, true),
        (application("Customer Portal"), true),
        (application("Unheard Of"), true),
        (application("Huntress"), false),
        (application(" huntress "), false),
        (application("HUNTRESS"), false),
        (application("Huntress 2"), true),
        // Liongard's own ticketing needs no setting.
        (application("Liongard"), false),
    ];
    let machines = MachineApplications::with(["Huntress ".to_owned()]);
    for (author, is_person) in rows {
        assert_eq!(author.is_person(&machines), is_person, "{author:?}");
        for opener in [Halogard, Person, Automation] {
            let notes = vec![note(1, &opener), note(2, &Halogard), note(3, &author)];
            let notes = TicketNotes {
                notes,
                is_whole: true,
            };
            assert_eq!(notes.show_a_person(&machines), is_person, "{author:?}");
        }
    }
}

#[test]
fn the_entry_that_opened_the_ticket_and_its_application_are_no_work() {
    let machines = MachineApplications::default();
    let by_sync = application("PSA Sync");
    for (authors, is_whole, expected) in [
        (vec![NoteAuthor::Person], true, false),
        (vec![by_sync.clone(), by_sync.clone()], true, false),
        (vec![by_sync.clone(), application("Other")], true, true),
        (vec![NoteAuthor::Person, NoteAuthor::Person], true, true),
        // One of those that did not come may be a person's.
        (vec![by_sync.clone(), by_sync], false, true),
        (vec![], true, false),
    ] {
        let notes = (1..).zip(&authors).map(|(id, author)| note(id, author));
        let notes = TicketNotes {
            notes: notes.collect(),
            is_whole,
        };
        assert_eq!(notes.show_a_person(&machines), expected, "{authors:?}");
    }
}

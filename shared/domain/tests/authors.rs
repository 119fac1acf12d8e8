//! Whether the notes of a ticket show that a person has worked on it.

use halogard_domain::ids::{NoteId, StatusId};
use halogard_domain::policy::{ClosedBy, StatusMap};
use halogard_domain::ticket::{MachineApplications, NoteAuthor, TicketNote, TicketNotes};

fn note(id: u64, author: &NoteAuthor) -> TicketNote {
    TicketNote {
        id: NoteId::new(id),
        author: author.clone(),
        text: String::new(),
        status_after: None,
        written_at: None,
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

#[test]
fn who_closed_a_ticket_is_the_author_of_the_first_entry_that_left_it_closed() {
    use NoteAuthor::{Automation, Halogard, Person};
    let (open, closed, resolved) = (1, 9, 8);
    let statuses = StatusMap {
        open: StatusId::new(open),
        closed: StatusId::new(closed),
        also_closed: [StatusId::new(resolved)].into(),
        by_slug: std::collections::BTreeMap::new(),
    };
    let machines = MachineApplications::default();
    let rows = [
        (
            vec![(Halogard, open), (Automation, closed)],
            ClosedBy::Automation,
        ),
        (
            vec![(Halogard, open), (Person, closed)],
            ClosedBy::Technician,
        ),
        (
            vec![(Halogard, open), (Halogard, closed)],
            ClosedBy::Halogard,
        ),
        (
            vec![(Halogard, open), (application("Liongard"), closed)],
            ClosedBy::Automation,
        ),
        (
            vec![(Halogard, open), (application("Unheard Of"), closed)],
            ClosedBy::Technician,
        ),
        // A technician resolved it, and a rule closed it three days later.
        (
            vec![(Halogard, open), (Person, resolved), (Automation, closed)],
            ClosedBy::Technician,
        ),
        // A note on the closed ticket.
        (
            vec![(Halogard, open), (Automation, closed), (Person, closed)],
            ClosedBy::Automation,
        ),
        (
            vec![(Person, closed), (Halogard, open), (Automation, closed)],
            ClosedBy::Automation,
        ),
        (vec![(Halogard, open)], ClosedBy::Technician),
        (vec![], ClosedBy::Technician),
    ];
    for (entries, expected) in rows {
        let notes = (1..)
            .zip(&entries)
            .map(|(id, (author, status))| TicketNote {
                status_after: Some(StatusId::new(*status)),
                ..note(id, author)
            });
        // HaloPSA lists the newest first.
        let mut notes = TicketNotes {
            notes: notes.collect::<Vec<_>>().into_iter().rev().collect(),
            is_whole: true,
        };
        assert_eq!(notes.closer(&statuses, &machines), expected, "{entries:?}");
        notes.is_whole = false;
        assert_ne!(
            notes.closer(&statuses, &machines),
            ClosedBy::Automation,
            "an entry that did not come may be a person's"
        );
    }
}

//! Which row of an answer belongs to which ticket that was opened.

use std::collections::BTreeSet;

use halogard_domain::key::UnverifiedKey;
use halogard_domain::ticket::NewTicket;

use crate::wire::TicketRow;

/// By what a row is recognised, the strongest mark first.
const MARKS: [fn(&NewTicket, &TicketRow) -> bool; 3] = [in_title, in_field, in_details];

/// The row of each of `new` in the answer to the request that opened them, where it is recognised: by the
/// key in its title, in the custom field for it, or at the end of its text; a single row that answers a
/// single ticket; or else by its place, if nothing contradicts it. HaloPSA's rules and templates may
/// replace titles.
pub(super) fn rows_of<'r>(new: &[NewTicket], rows: &'r [TicketRow]) -> Vec<Option<&'r TicketRow>> {
    let mut places: Vec<Option<usize>> = vec![None; new.len()];
    for is_marked in MARKS {
        for (ticket, place) in new.iter().zip(0..) {
            if places[place].is_none() {
                places[place] = rows.iter().position(|row| is_marked(ticket, row));
            }
        }
    }
    if is_in_order(new, rows, &places) {
        places = (0..new.len()).map(Some).collect();
    }
    let row = |place: Option<usize>| place.and_then(|place| rows.get(place));
    places.into_iter().map(row).collect()
}

/// Whether the rows are those of `new` in the same order: as many, each once, in the order of their
/// numbers, no recognised one in another place, and no other one that contradicts its ticket.
fn is_in_order(new: &[NewTicket], rows: &[TicketRow], places: &[Option<usize>]) -> bool {
    let ids: BTreeSet<_> = rows.iter().map(|row| row.id).collect();
    let ascending = ids.into_iter().eq(rows.iter().map(|row| row.id));
    let agrees = |(place, (ticket, row)): (usize, (&NewTicket, &TicketRow))| match places[place] {
        Some(recognised) => recognised == place,
        None => contradicts_nothing(ticket, row, new.len()),
    };
    rows.len() == new.len() && ascending && new.iter().zip(rows).enumerate().all(agrees)
}

/// Whether a row without a mark may be that of `ticket`, one of `sent`. A single ticket may have been
/// given another client or type by a rule; of several, one might be taken for the other.
fn contradicts_nothing(ticket: &NewTicket, row: &TicketRow, sent: usize) -> bool {
    let no_other_key = keys_in(ticket, row).is_empty();
    let same_client = row.client_id.is_none_or(|it| it == ticket.draft.client);
    let same_type = row
        .tickettype_id
        .is_none_or(|it| it == ticket.draft.ticket_type);
    no_other_key && (sent == 1 || (same_client && same_type))
}

/// The keys with our prefix in the title of `row`.
fn keys_in(ticket: &NewTicket, row: &TicketRow) -> Vec<UnverifiedKey> {
    let title = row.summary.as_deref().unwrap_or_default();
    UnverifiedKey::all_in(title, &ticket.key.key.prefix)
}

fn in_title(ticket: &NewTicket, row: &TicketRow) -> bool {
    let keys = keys_in(ticket, row);
    keys.iter().any(|marked| marked.key == ticket.key.key)
}

fn in_field(ticket: &NewTicket, row: &TicketRow) -> bool {
    let field = ticket.draft.key_field;
    let text = field.and_then(|field| row.custom_text(field));
    text.is_some_and(|text| text == ticket.key.to_string())
}

fn in_details(ticket: &NewTicket, row: &TicketRow) -> bool {
    row.describes(&ticket.key.reference())
}

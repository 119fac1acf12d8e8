//! HaloPSA's tickets and reference data.

use std::collections::BTreeSet;
use std::future::Future;

use halogard_domain::ids::{CustomFieldId, HaloClientId, NoteId, TicketId, TicketTypeId};
use halogard_domain::key::{SignedKey, UnverifiedKey};
use halogard_domain::sweep_cursor::{ChangeRange, KeyedListPlace};
use halogard_domain::ticket::{NewNote, NewTicket, TicketChange, TicketNotes};
use halogard_domain::{LinkKey, Ticket, Timestamp};

use super::PortError;

/// HaloPSA's tickets. Every request takes a permit of the request budget.
pub trait ServiceDesk: Send + Sync {
    /// Tickets that one request can be asked for by their numbers.
    const LISTED_MAX: usize = 100;

    /// Finds every ticket that carries the key of `key`, or that of a later ticket of the same alert, open,
    /// closed or deleted, oldest first: in its title, in the custom field for it, or at the end of its text. Anyone can write a title, so a
    /// ticket that is found is not ours yet.
    ///
    /// Safe to repeat.
    fn find(
        &self,
        key: &SignedKey,
        within: &SearchWithin,
    ) -> impl Future<Output = Result<Vec<KeyedTicket>, PortError>> + Send;

    /// The page at `place` of the list of all tickets whose titles carry a key with `prefix`; the first page
    /// where there is no place yet. Usually one request. Safe to repeat, after any time.
    fn list_keyed(
        &self,
        prefix: &str,
        place: Option<&KeyedListPlace>,
    ) -> impl Future<Output = Result<KeyedPage, PortError>> + Send;

    /// The tickets whose text holds `text`, open or closed, by HaloPSA's own search; `None` where HaloPSA
    /// does not carry out such a search. Safe to repeat.
    fn find_in_texts(
        &self,
        text: &str,
    ) -> impl Future<Output = Result<Option<Vec<TicketListing>>, PortError>> + Send;

    /// Tickets that were opened at or after `since`, in any state, the newest first. Safe to repeat.
    fn opened_since(
        &self,
        since: Timestamp,
    ) -> impl Future<Output = Result<Vec<TicketListing>, PortError>> + Send;

    /// Reads a ticket with its text; `None` when there is no such ticket. Safe to repeat.
    fn read_texts(
        &self,
        id: TicketId,
    ) -> impl Future<Output = Result<Option<TicketTexts>, PortError>> + Send;

    /// Opens tickets with as few requests as possible; one answer for each, in order. A refused ticket does
    /// not prevent the others from being opened. Asks `guard` immediately before each request, and sends
    /// only what it admits; the answer to anything else is [`PortError::not_admitted`].
    ///
    /// Not safe to repeat: on `InDoubt` the ticket may exist.
    fn open(
        &self,
        tickets: &[NewTicket],
        guard: &impl OpeningGuard,
    ) -> impl Future<Output = Vec<Result<Ticket, PortError>>> + Send;

    /// Reads a ticket; a deleted or unknown one is reported as gone, not as an error. Safe to
    /// repeat.
    fn read(&self, id: TicketId) -> impl Future<Output = Result<Option<Ticket>, PortError>> + Send;

    /// Those of `ids` that a list shows and does not mark as deleted, each as its row shows it; asks for at most
    /// [`LISTED_MAX`] of them, with one request. What it leaves out may exist: only a read says. Safe to repeat.
    ///
    /// [`LISTED_MAX`]: Self::LISTED_MAX
    fn listed(
        &self,
        ids: &BTreeSet<TicketId>,
    ) -> impl Future<Output = Result<Vec<TicketListing>, PortError>> + Send;

    /// Whether the list of deleted tickets has the ticket, marked as deleted. Safe to repeat.
    fn is_marked_deleted(
        &self,
        id: TicketId,
    ) -> impl Future<Output = Result<bool, PortError>> + Send;

    /// The notes of a ticket, the opening entry included. Safe to repeat.
    fn notes(&self, id: TicketId) -> impl Future<Output = Result<TicketNotes, PortError>> + Send;

    /// Sets fields of tickets, with as few requests as possible; one answer for each, in order. Safe to
    /// repeat: a failure is `Transient` where another write would be in doubt.
    fn change(
        &self,
        changes: &[TicketChange],
    ) -> impl Future<Output = Vec<Result<Ticket, PortError>>> + Send;

    /// Adds notes with as few requests as possible; one answer for each, in order. Not safe to repeat.
    fn add_notes(
        &self,
        notes: &[NewNote],
    ) -> impl Future<Output = Vec<Result<NoteId, PortError>>> + Send;

    /// What the service desk's own clock shows now, by its last answer; `None` where it does not say.
    fn desk_time(&self) -> Option<Timestamp>;

    /// How many different rows of lists this process could not read and set aside.
    fn rows_set_aside(&self) -> usize {
        0
    }

    /// Tickets that changed at or after `since`: all of them if they fit into one answer, otherwise some of
    /// them and the range that remains. Tickets outside that range changed later. Safe to repeat.
    fn changed_since(
        &self,
        since: Timestamp,
    ) -> impl Future<Output = Result<Changes, PortError>> + Send;

    /// The next page of `range`, and what remains of it. Safe to repeat, after any time.
    fn next_page(
        &self,
        range: &ChangeRange,
    ) -> impl Future<Output = Result<Changes, PortError>> + Send;
}

/// Says which tickets may be opened now.
pub trait OpeningGuard: Send + Sync {
    /// Acquires or renews the right to open the tickets with `keys`. The caller sends those that are
    /// admitted at once, in one request, and repeats none of them without asking again.
    fn admit(&self, keys: &[&LinkKey]) -> impl Future<Output = Admission> + Send;
}

/// Which tickets may be opened now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Admission {
    /// Whether each of them may be sent, in order.
    pub admitted: Vec<bool>,
    /// A request that could not be sent before this time must not be sent any more.
    pub send_before: Timestamp,
}

/// One page of the list of all tickets that carry our key.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KeyedPage {
    /// Those whose titles carry a key. None of a first page that is to be read again as the last one.
    pub tickets: Vec<Ticket>,
    /// Where reading continues, if this was not all.
    pub rest: Option<KeyedListPlace>,
}

/// One page of a list of changes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Changes {
    /// Tickets, in no guaranteed order.
    pub listings: Vec<TicketListing>,
    /// What remains to be read, if anything.
    pub rest: Option<ChangeRange>,
    /// Rows that were used in part or not at all: odd values, and times in the future.
    pub set_aside: usize,
}

/// A ticket in a list. Lists have fewer fields than tickets, and which ones differs by tenant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TicketListing {
    /// The ticket.
    pub id: TicketId,
    /// When it last changed, if the list says so and that time has come.
    pub changed_at: Option<Timestamp>,
    /// The ticket as the row shows it, if the list has enough fields. Where the list does not say when it
    /// changed, its state cannot be put in order, and only its title and its client are of use.
    pub ticket: Option<Ticket>,
}

impl TicketListing {
    /// Its state, if that can be put in order.
    #[must_use]
    pub fn state(&self) -> Option<&Ticket> {
        self.ticket.as_ref().filter(|ticket| ticket.is_dated)
    }
}

/// A ticket and what is written in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TicketTexts {
    /// The ticket.
    pub ticket: Ticket,
    /// Its description, with or without markup.
    pub details: Vec<String>,
    /// The texts in its custom fields.
    pub fields: Vec<String>,
}

/// A ticket that carries a key, and the key as it carries it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyedTicket {
    /// The ticket.
    pub ticket: Ticket,
    /// The key, with the proof in the text. Not checked.
    pub key: UnverifiedKey,
}

/// Limits the search for the ticket of an attempt in doubt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SearchWithin {
    /// The client it was requested for, if known.
    pub client: Option<HaloClientId>,
    /// The type it was requested with, if known.
    pub ticket_type: Option<TicketTypeId>,
    /// The custom field that receives the key, if the config names one.
    pub key_field: Option<CustomFieldId>,
    /// The attempt was not made before this time.
    pub since: Timestamp,
    /// Whether tickets that lists do not show yet are read by their numbers as well: three requests or a few
    /// more.
    pub unlisted: bool,
}

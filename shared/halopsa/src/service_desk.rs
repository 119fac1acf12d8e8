//! The service desk: HaloPSA behind the port that the use cases know.

mod answers;
mod arrays;
mod authors;
mod changes;
mod finding;
mod notices;
mod recovery;
mod shortfalls;
mod teams;
mod tickets;

use std::collections::BTreeSet;
use std::sync::RwLock;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use halogard_app::OddRecords;
use halogard_app::ports::{
    Changes, Clock, ErrorCode, KeyedPage, KeyedTicket, OpeningGuard, PortError, RequestBudget,
    SearchWithin, ServiceDesk, TicketListing, TicketTexts,
};
use halogard_domain::ids::{NoteId, TicketId};
use halogard_domain::key::SignedKey;
use halogard_domain::sweep_cursor::{ChangeRange, KeyedListPlace};
use halogard_domain::ticket::{NewNote, NewTicket, TicketChange, TicketNotes};
use halogard_domain::{FailureClass, Ticket, Timestamp};
use halogard_http::Transport;
use halogard_wire::UnreadableRow;
use tokio::sync::OnceCell;

use self::authors::ActingAgent;
pub(crate) use self::recovery::TEXT_OF_NO_TICKET;
use self::shortfalls::Shortfalls;
use self::teams::TeamNumbers;
use crate::client::{Client, TicketDetail, TicketQuery};
use crate::wire::TicketRow;

/// How far before and after an attempt its ticket is looked for: clocks differ, gateways linger.
const SEARCH_SLACK: Duration = Duration::from_secs(3600);

/// The most pages of a list that has to be read in one go: forty thousand tickets, within the limit of one
/// window.
const PAGES_MAX: u32 = 400;

/// HaloPSA as a service desk.
pub struct HaloServiceDesk<T, B, C> {
    client: Client<T, B, C>,
    clock: C,
    /// The client id of our application: marks notes as ours.
    application: String,
    /// The agent we act as; asked for once, `None` where HaloPSA does not say.
    acting_as: OnceCell<Option<ActingAgent>>,
    /// The display names of our application, in small letters, as HaloPSA has shown them.
    own_names: RwLock<BTreeSet<String>>,
    /// Rows that could not be read, by name.
    odd_records: OddRecords,
    /// Whether lists hold closed tickets unasked.
    closed_check: changes::ClosedCheck,
    /// Lists that came shorter than HaloPSA counts.
    shortfalls: Shortfalls,
    /// The numbers of HaloPSA's teams, where they are known.
    teams: TeamNumbers,
    /// Whether this tenant was found to demand client, type and status with every change of a ticket.
    identity_demanded: AtomicBool,
}

impl<T: Transport, B: RequestBudget, C: Clock> HaloServiceDesk<T, B, C> {
    /// The desk behind `client`, whose application has the client id `application`.
    pub fn new(client: Client<T, B, C>, clock: C, application: String) -> Self {
        Self {
            client,
            clock,
            application,
            acting_as: OnceCell::new(),
            own_names: RwLock::default(),
            odd_records: OddRecords::of("HaloPSA's tickets"),
            closed_check: changes::ClosedCheck::default(),
            shortfalls: Shortfalls::default(),
            teams: TeamNumbers::default(),
            identity_demanded: AtomicBool::new(false),
        }
    }

    /// How a ticket is read as it is at this moment.
    const CURRENT_STATE: TicketDetail = TicketDetail {
        includedetails: false,
        nocache: true,
    };

    /// Whether changes must carry client, type and status.
    fn demands_identity(&self) -> bool {
        self.identity_demanded.load(Ordering::Relaxed)
    }

    /// This tenant refuses changes without client, type and status.
    fn learn_that_identity_is_demanded(&self) {
        if !self.identity_demanded.swap(true, Ordering::Relaxed) {
            tracing::info!(
                "HaloPSA demands client and type with every change of a ticket; each ticket is read before \
                 it is changed"
            );
        }
    }

    /// The numbers of HaloPSA's teams, where they are known.
    pub(crate) const fn team_numbers(&self) -> &TeamNumbers {
        &self.teams
    }

    /// Lists were seen to hold closed tickets unasked: that is checked again rarely.
    pub(crate) fn expect_closed_in_lists(&self) {
        self.closed_check.expect_nothing_new();
    }

    /// The client id of our application.
    pub(crate) fn application(&self) -> &str {
        &self.application
    }

    /// The client, for what is not the desk's business.
    pub fn client(&self) -> &Client<T, B, C> {
        &self.client
    }

    /// The time around `at`, which is one of our clock, in which HaloPSA may have dated what it did then: by
    /// its clock, or by ours where it does not report its own.
    fn around(&self, at: Timestamp) -> (Timestamp, Timestamp) {
        let clocks = self.client.both_clocks();
        let by_their_clock = match clocks.theirs {
            Some(theirs) if theirs < clocks.ours => at.minus(clocks.ours.since(theirs)),
            Some(theirs) => at.plus(theirs.since(clocks.ours)),
            None => at,
        };
        (
            at.min(by_their_clock).minus(SEARCH_SLACK),
            at.max(by_their_clock).plus(SEARCH_SLACK),
        )
    }

    /// Names the odd rows of a list; says how many there are.
    fn name_odd(&self, rows: &[TicketRow], unreadable: &[UnreadableRow]) -> usize {
        let in_part = rows.iter().filter_map(TicketRow::oddities);
        let whole = unreadable.iter().map(UnreadableRow::to_string);
        let places = in_part.chain(whole);
        self.odd_records
            .report(places.map(|place| format!("ticket {place}")))
    }

    /// Reads a ticket whose title its list does not show; `None` when its own answer does not show it
    /// either. A ticket that is gone has no title.
    async fn read_titled(&self, id: TicketId) -> Result<Option<Titled>, PortError> {
        match self.read_row(id).await? {
            Some(row) if row.hides_its_title() => Ok(None),
            Some(row) => Ok(row.to_ticket(self.clock.now()).map(Titled::Ticket)),
            None => Ok(Some(Titled::Gone)),
        }
    }

    /// The row of one ticket; `None` when there is no such ticket.
    async fn read_row(&self, id: TicketId) -> Result<Option<TicketRow>, PortError> {
        match self.client.ticket(id, Self::CURRENT_STATE).await {
            Ok(row) => Ok(Some(row)),
            Err(error) if error.is_not_found() => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// The ticket in the answer to the write that opened it, completed by what was written; read again when
    /// the answer does not say when it changed, since everything is ordered by that.
    async fn written(&self, row: &TicketRow, fallback: Ticket) -> Ticket {
        if row.last_update().is_none()
            && let Ok(Some(read)) = self.read(fallback.id).await
        {
            return read;
        }
        self.at_this_moment(tickets::fill_missing(row, fallback, self.clock.now()))
    }

    /// `ticket`, which HaloPSA has just shown. Where it does not say when it changed, that is the state of
    /// this moment, by the clock by which HaloPSA writes its times.
    fn at_this_moment(&self, ticket: Ticket) -> Ticket {
        if ticket.is_dated {
            return ticket;
        }
        Ticket {
            changed_at: self.client.both_clocks().of_the_desk(),
            ..ticket
        }
    }
}

impl<T: Transport, B: RequestBudget, C: Clock> ServiceDesk for HaloServiceDesk<T, B, C> {
    async fn find(
        &self,
        key: &SignedKey,
        within: &SearchWithin,
    ) -> Result<Vec<KeyedTicket>, PortError> {
        self.search(key, within).await
    }

    async fn list_keyed(
        &self,
        prefix: &str,
        place: Option<&KeyedListPlace>,
    ) -> Result<KeyedPage, PortError> {
        self.keyed_page(prefix, place).await
    }

    async fn find_in_texts(&self, text: &str) -> Result<Option<Vec<TicketListing>>, PortError> {
        self.search_texts(text).await
    }

    async fn opened_since(&self, since: Timestamp) -> Result<Vec<TicketListing>, PortError> {
        self.list_opened_since(since).await
    }

    async fn read_texts(&self, id: TicketId) -> Result<Option<TicketTexts>, PortError> {
        self.texts_of(id).await
    }

    async fn open(
        &self,
        tickets: &[NewTicket],
        guard: &impl OpeningGuard,
    ) -> Vec<Result<Ticket, PortError>> {
        self.open_array(tickets, guard).await
    }

    async fn read(&self, id: TicketId) -> Result<Option<Ticket>, PortError> {
        // What changes while the answer is on its way was not seen.
        let asked_at = self.clock.now();
        let Some(row) = self.read_row(id).await? else {
            return Ok(None);
        };
        match row.to_ticket(asked_at) {
            Some(ticket) => Ok(Some(self.at_this_moment(ticket))),
            None => Err(
                PortError::new(FailureClass::Permanent, ErrorCode::HalopsaUnexpected)
                    .with_message("the ticket shows no status, client or type to this agent"),
            ),
        }
    }

    async fn listed(&self, ids: &BTreeSet<TicketId>) -> Result<Vec<TicketListing>, PortError> {
        let query = TicketQuery {
            ticketids: ids.iter().copied().take(Self::LISTED_MAX).collect(),
            nocache: true,
            ..TicketQuery::default()
        };
        let asked_at = self.clock.now();
        let mut page = self.client.tickets_page(&query, 1).await?;
        page.rows.retain(|row| row.deleted != Some(true));
        let mut shown = self
            .changes(&page.rows, &page.unreadable, asked_at, None)
            .listings;
        shown.retain(|row| ids.contains(&row.id));
        Ok(shown)
    }

    async fn is_marked_deleted(&self, id: TicketId) -> Result<bool, PortError> {
        let query = TicketQuery {
            ticketids: vec![id],
            deleted: true,
            nocache: true,
            ..TicketQuery::default()
        };
        // The list may hold others as well, so the row's own mark counts.
        let page = self.client.tickets_page(&query, 1).await?;
        let mut rows = page.rows.iter();
        Ok(rows.any(|row| row.id == id && row.deleted == Some(true)))
    }

    async fn notes(&self, id: TicketId) -> Result<TicketNotes, PortError> {
        let actions = self.client.actions(id).await?;
        // Actions are numbered within their ticket, so they show themselves whether one is missing.
        let numbers: BTreeSet<u64> = actions.rows.iter().map(|row| row.id.get()).collect();
        let is_gapless = !numbers.is_empty() && numbers.iter().copied().eq(1..=actions.received);
        Ok(TicketNotes {
            is_whole: !actions.is_short() || is_gapless,
            notes: self.to_notes(&actions.rows).await,
        })
    }

    async fn change(&self, changes: &[TicketChange]) -> Vec<Result<Ticket, PortError>> {
        self.change_array(changes).await
    }

    async fn add_notes(&self, notes: &[NewNote]) -> Vec<Result<NoteId, PortError>> {
        self.add_note_array(notes).await
    }

    fn desk_time(&self) -> Option<Timestamp> {
        self.client.both_clocks().theirs
    }

    fn rows_set_aside(&self) -> usize {
        self.odd_records.named_count()
    }

    async fn changed_since(&self, since: Timestamp) -> Result<Changes, PortError> {
        self.first_page_of_changes(since).await
    }

    async fn next_page(&self, range: &ChangeRange) -> Result<Changes, PortError> {
        self.next_page_of_changes(range).await
    }
}

/// What reading a ticket for its title showed.
enum Titled {
    /// The ticket.
    Ticket(Ticket),
    /// There is no such ticket.
    Gone,
}

/// Fewer rows came than there are.
fn short(came: u64, of: u64) -> PortError {
    PortError::short_list().with_message(format!("{came} of {of} rows came"))
}

/// A write that was accepted, with an answer that does not show it.
fn unrecognised() -> PortError {
    PortError::new(FailureClass::InDoubt, ErrorCode::HalopsaUnrecognised)
        .with_message("the answer does not show what was written")
}

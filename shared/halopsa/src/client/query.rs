//! What can be asked of a list.

use halogard_domain::Timestamp;
use halogard_domain::ids::{CustomFieldId, HaloClientId, StatusId, TicketId, TicketTypeId};

use super::pages::PAGE_SIZE;
use super::request::{HaloRequest, iso};
use crate::wire::TicketRow;

/// Which tickets, named as HaloPSA's parameters are.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TicketQuery {
    /// Of this customer.
    pub client_id: Option<HaloClientId>,
    /// Of this type.
    pub requesttype_id: Option<TicketTypeId>,
    /// In this status.
    pub status_id: Option<StatusId>,
    /// These tickets; empty means any.
    pub ticketids: Vec<TicketId>,
    /// Changed at this time or later. Whether HaloPSA counts the moment itself is not known: let
    /// successive queries overlap by minutes.
    pub lastupdatefromdate: Option<Timestamp>,
    /// Changed at this time or earlier.
    pub lastupdatetodate: Option<Timestamp>,
    /// With this text in the title. Without `% _ [ ] ^`: HaloPSA may compare as SQL Server's `LIKE` does.
    pub search_summary: Option<String>,
    /// With this text in the description. Whether HaloPSA carries this out is not known: rows do not show
    /// what they were found by.
    pub search_details: Option<String>,
    /// This custom field in each row.
    pub include_custom_fields: Option<CustomFieldId>,
    /// Open, closed, or both.
    pub state: TicketState,
    /// Deleted tickets instead of existing ones.
    pub deleted: bool,
    /// Past HaloPSA's cache, which a read soon after a write needs.
    pub nocache: bool,
    /// The newest tickets first instead of last.
    pub newest_first: bool,
    /// Whether more requests must follow, or it was of no use: the first of several searches.
    pub begins_work: bool,
    /// The most pages read, of 100 rows each; `None` is [`TicketQuery::PAGES_MAX`].
    pub pages_max: Option<u32>,
}

/// Tickets by whether they are open.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TicketState {
    /// Open or closed. Asked for by saying nothing, which lists both; on a tenant that was found to hide closed
    /// tickets then, by naming both.
    #[default]
    Any,
    /// Open ones.
    Open,
    /// Closed ones.
    Closed,
}

impl TicketQuery {
    /// Rows asked for with one page.
    pub const PAGE_ROWS: u32 = PAGE_SIZE;

    /// The most pages read where the query does not say. More than 2,000 tickets in one poll is a
    /// filter that does not work, or a first run that should be cut by time.
    pub const PAGES_MAX: u32 = 20;

    /// Adds what is asked for to `call`, of a tenant that hides closed tickets unasked if `hides_closed`.
    ///
    /// Source of the form of `includeclosed`: the vendor's OpenAPI, "array of int, 1 = closed, 0 = not closed".
    pub(super) fn apply_to(&self, call: HaloRequest, hides_closed: bool) -> HaloRequest {
        let call = call
            .with_some("client_id", self.client_id)
            .with_some("requesttype_id", self.requesttype_id)
            .with_some("status_id", self.status_id)
            .with_list("ticketids", &self.ticketids)
            .with_some("lastupdatefromdate", self.lastupdatefromdate.map(iso))
            .with_some("lastupdatetodate", self.lastupdatetodate.map(iso))
            .with_some("search_summary", self.search_summary.as_ref())
            .with_some("search_details", self.search_details.as_ref())
            .with_some("include_custom_fields", self.include_custom_fields)
            .with_flag("orderdesc", self.newest_first)
            .with_flag("deleted", self.deleted)
            .with_flag("nocache", self.nocache);
        match self.state {
            TicketState::Any if hides_closed => call.with("includeclosed", "0,1"),
            TicketState::Any => call,
            TicketState::Open => call.with("open_only", true),
            TicketState::Closed => call.with("closed_only", true),
        }
    }

    /// Whether `row` matches the query as far as its members are present: an absent member matches
    /// everything.
    ///
    /// Compares customer, type, status, ids and texts. Not open or closed, which the tenant's statuses decide,
    /// nor times: a tenant that writes local times would lose every change.
    pub(super) fn matches(&self, row: &TicketRow) -> bool {
        matches_if_known(self.client_id, row.client_id)
            && matches_if_known(self.requesttype_id, row.tickettype_id)
            && matches_if_known(self.status_id, row.status_id)
            && (self.ticketids.is_empty() || self.ticketids.contains(&row.id))
            && if_both_known(
                self.search_summary.as_deref(),
                row.summary.as_deref(),
                holds,
            )
    }

    /// Whether `row` last changed within the times asked for, as far as both are known.
    pub(super) fn is_in_time(&self, row: &TicketRow) -> bool {
        let at = row.last_update();
        if_both_known(self.lastupdatefromdate, at, |from, at| at >= from)
            && if_both_known(self.lastupdatetodate, at, |to, at| at <= to)
    }
}

/// Whether `found` is what was `asked`, if both are known.
pub(super) fn matches_if_known<V: PartialEq>(asked: Option<V>, found: Option<V>) -> bool {
    if_both_known(asked, found, |asked, found| asked == found)
}

/// Whether `holds` of both, if both are known.
fn if_both_known<V>(asked: Option<V>, found: Option<V>, holds: impl Fn(V, V) -> bool) -> bool {
    match (asked, found) {
        (Some(asked), Some(found)) => holds(asked, found),
        _ => true,
    }
}

/// Whether `found` has `asked` in it, in any case.
fn holds(asked: &str, found: &str) -> bool {
    found.to_lowercase().contains(&asked.to_lowercase())
}

/// How much of one ticket.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TicketDetail {
    /// With custom fields, closure note and rights.
    pub includedetails: bool,
    /// Past HaloPSA's cache, which a read soon after a write needs.
    pub nocache: bool,
}

/// Which customers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ClientQuery {
    /// With this text.
    pub search: Option<String>,
    /// Those no longer served too.
    pub includeinactive: bool,
    /// Changed at this time or later.
    pub lastupdatefromdate: Option<Timestamp>,
}

impl ClientQuery {
    /// Adds what is asked for to `call`.
    pub(super) fn apply_to(&self, call: HaloRequest) -> HaloRequest {
        call.with_some("search", self.search.as_ref())
            .with("includeactive", true)
            .with_flag("includeinactive", self.includeinactive)
            .with_some("lastupdatefromdate", self.lastupdatefromdate.map(iso))
    }
}

/// Which types of ticket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TicketTypeChoice {
    /// All that exist.
    All,
    /// Those our agent may open tickets of.
    Creatable,
}

//! `GET /Tickets`: filters, order, pages. Unknown parameters are passed over.

use std::cmp::Ordering;

use serde_json::{Map, Value, json};

use crate::clock::whole_millis;
use crate::http_message::{Query, SimResponse};
use crate::wire_time;

use super::like;
use super::refusal;
use super::settings::{
    DateSearchSpelling, DeletedLists, IncludeClosed, SimHaloSettings, TitleSearch, UnaskedOrder,
};
use super::state::HaloState;
use super::ticket::SimTicket;

/// The agent of a ticket that is given to no one.
const UNASSIGNED_AGENT: i64 = 1;

impl HaloState {
    /// The list a query asks for.
    pub(super) fn list_tickets(&self, query: &Query, now: i64) -> SimResponse {
        let include_closed = match self.include_closed(query) {
            Ok(states) => states,
            Err(refused) => return refused,
        };
        let mut found: Vec<&SimTicket> = self
            .tickets
            .values()
            // One that was opened before the clock was set back is not new.
            .filter(|ticket| {
                ticket.occurred_at > now
                    || ticket.occurred_at <= now - whole_millis(self.settings.list_lag)
            })
            .map(|ticket| self.as_read(ticket, now))
            .filter(|ticket| self.is_wanted(ticket, query, &include_closed))
            .filter(|ticket| !self.is_hidden(ticket))
            .collect();
        sort(&mut found, query, &self.settings);
        let total = found.len();
        let paged = query.flag("pageinate") && !query.flag("ticketidonly");
        let (page_no, page_size) = self.page(query, total);
        let shown: Vec<&SimTicket> = if paged {
            found
                .into_iter()
                .skip((page_no - 1).saturating_mul(page_size))
                .take(page_size)
                .collect()
        } else {
            let count = query
                .number("count")
                .and_then(|count| usize::try_from(count).ok());
            found
                .into_iter()
                .take(count.unwrap_or(usize::MAX))
                .collect()
        };
        let rows: Vec<Value> = shown
            .into_iter()
            .enumerate()
            .map(|(place, ticket)| Value::Object(self.row_for(place, ticket, query)))
            .collect();
        let tickets = if rows.is_empty() && self.settings.empty_list_is_null {
            Value::Null
        } else {
            Value::Array(rows)
        };
        SimResponse::ok(&json!({
            "page_no": page_no,
            "page_size": page_size,
            "record_count": total + if total == 0 { 0 } else { self.settings.unseen_rows },
            "include_children": false,
            "columns": null,
            "tickets": tickets,
        }))
    }

    /// Whether the API's agent lacks the right to see the ticket in lists.
    fn is_hidden(&self, ticket: &SimTicket) -> bool {
        let odd = &self.settings.misconfigurations;
        match ticket.agent_id {
            UNASSIGNED_AGENT => odd.hides_unassigned,
            _ => odd.hides_others,
        }
    }

    /// Page and size in force.
    fn page(&self, query: &Query, total: usize) -> (usize, usize) {
        let at_least_one = |name: &str| {
            query
                .number(name)
                .and_then(|number| usize::try_from(number).ok())
                .filter(|n| *n > 0)
        };
        let size =
            at_least_one("page_size").unwrap_or(if query.flag("pageinate") { 50 } else { total });
        let most = self.settings.page_size_max.unwrap_or(usize::MAX);
        let size = if query.flag("pageinate") {
            size.min(most)
        } else {
            size
        };
        (at_least_one("page_no").unwrap_or(1), size)
    }

    /// One row, as thin as asked for.
    fn row_for(&self, place: usize, ticket: &SimTicket, query: &Query) -> Map<String, Value> {
        if query.flag("ticketidonly") {
            return Map::from_iter([("id".to_owned(), json!(ticket.id))]);
        }
        let mut row = self.list_row(ticket);
        if !self.settings.rows_have_last_update {
            row.remove("last_update");
        }
        if let Some(fields) = query.numbers("include_custom_fields") {
            row.insert(
                "customfields".to_owned(),
                json!(self.custom_fields(ticket, Some(&fields))),
            );
        }
        self.float_ids(place, &mut row);
        row
    }

    /// Whether a ticket passes every filter.
    fn is_wanted(&self, ticket: &SimTicket, query: &Query, states: &Asked) -> bool {
        self.state_is_wanted(ticket, query, states)
            && relations_are_wanted(ticket, query)
            && self.title_is_wanted(ticket, query)
            && self.text_is_wanted(ticket, query)
            && time_is_wanted(ticket, query, &self.settings)
    }

    /// The search in titles.
    fn title_is_wanted(&self, ticket: &SimTicket, query: &Query) -> bool {
        let wanted = query.text("search_summary").filter(|it| !it.is_empty());
        wanted.is_none_or(|wanted| {
            let (wanted, title) = (wanted.to_lowercase(), ticket.summary.to_lowercase());
            let closed = self.world.service_desk.is_closed(ticket.status_id);
            if closed && !self.settings.search_finds_closed {
                return false;
            }
            match self.settings.title_search {
                TitleSearch::Substring => title.contains(&wanted),
                TitleSearch::Like => like::matches(&format!("%{wanted}%"), &title),
            }
        })
    }

    /// What `includeclosed` asks for.
    ///
    /// # Errors
    ///
    /// The model binder's complaint about something else than a list of 0 and 1, where it is a list.
    fn include_closed(&self, query: &Query) -> Result<Asked, SimResponse> {
        let Some(text) = query.text("includeclosed").filter(|text| !text.is_empty()) else {
            return Ok(Asked::Nothing);
        };
        if self.settings.include_closed == IncludeClosed::Flag {
            let both = text.eq_ignore_ascii_case("true") || text.contains('1');
            return Ok(if both { Asked::Both } else { Asked::Nothing });
        }
        let items: Option<Vec<bool>> = text
            .split(',')
            .map(|item| match item.trim() {
                "0" => Some(false),
                "1" => Some(true),
                _ => None,
            })
            .collect();
        items.map(Asked::Only).ok_or_else(|| {
            refusal::model_state(
                "includeclosed",
                &format!("The value '{text}' is not valid."),
            )
        })
    }

    /// Open, closed, deleted.
    fn state_is_wanted(&self, ticket: &SimTicket, query: &Query, states: &Asked) -> bool {
        let closed = self.world.service_desk.is_closed(ticket.status_id);
        if let Asked::Only(states) = states
            && !states.contains(&closed)
        {
            return false;
        }
        let asked = *states != Asked::Nothing
            || query.flag("closed_only")
            || query.text("ticketids").is_some();
        let closed_fits = if query.flag("open_only") {
            !closed
        } else if query.flag("closed_only") {
            closed
        } else {
            !closed || asked || self.settings.lists_hold_closed
        };
        let deleted_fits = match self.settings.deleted_lists {
            DeletedLists::Only => ticket.deleted == query.flag("deleted"),
            DeletedLists::Included => query.flag("deleted") || !ticket.deleted,
        };
        closed_fits && deleted_fits
    }

    /// Searches: substrings, in any letter case.
    fn text_is_wanted(&self, ticket: &SimTicket, query: &Query) -> bool {
        let holds = |name: &str, texts: &[&str]| {
            query
                .text(name)
                .filter(|wanted| !wanted.is_empty())
                .is_none_or(|wanted| {
                    let wanted = wanted.to_lowercase();
                    texts
                        .iter()
                        .any(|text| text.to_lowercase().contains(&wanted))
                })
        };
        let loose = |name: &str| {
            ticket
                .loose
                .get(name)
                .and_then(Value::as_str)
                .unwrap_or_default()
        };
        let number = ticket.id.to_string();
        let ignored = !self.settings.searches_details;
        (ignored || holds("search_details", &[&ticket.details, &ticket.details_html]))
            && holds("search_supplier_reference", &[loose("supplier_reference")])
            && holds("client_ref", &[loose("client_reference")])
            && holds("search", &[&number, &ticket.summary, &ticket.details])
    }
}

/// What `includeclosed` asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Asked {
    /// It is not there.
    Nothing,
    /// Open and closed tickets.
    Both,
    /// Tickets that are closed, or are not.
    Only(Vec<bool>),
}

/// Ids and lists of ids.
fn relations_are_wanted(ticket: &SimTicket, query: &Query) -> bool {
    let one = |name: &str, value: i64| {
        // Zero and less mean "all" in the vendor's own calls.
        query
            .number(name)
            .is_none_or(|wanted| wanted <= 0 || wanted == value)
    };
    let many = |name: &str, value: i64| {
        query
            .numbers(name)
            .is_none_or(|wanted| wanted.is_empty() || wanted.contains(&value))
    };
    one("client_id", ticket.client_id)
        && one("site_id", ticket.site_id)
        && one("user_id", ticket.user_id)
        && one("agent_id", ticket.agent_id)
        && one("status_id", ticket.status_id)
        && one("parent_id", ticket.parent_id)
        && one("requesttype_id", ticket.tickettype_id)
        && one("search_id", ticket.id)
        && many("client_ids", ticket.client_id)
        && many("status", ticket.status_id)
        && many("priority", ticket.priority_id)
        && many("agent", ticket.agent_id)
        && many("requesttype", ticket.tickettype_id)
        && many("ticketids", ticket.id)
}

/// Last update, and either date of the life of a ticket.
fn time_is_wanted(ticket: &SimTicket, query: &Query, settings: &SimHaloSettings) -> bool {
    let bound = |name: &str| query.text(name).and_then(wire_time::parse);
    let asked = query.text("datesearch").map(str::to_lowercase);
    let asked = asked.filter(|asked| {
        settings.date_search == DateSearchSpelling::Any
            || ["dateoccurred", "datecleared", "dateclosed"].contains(&asked.as_str())
    });
    let dated = match asked.as_deref() {
        Some("datecleared" | "dateclosed") => ticket.closed_at,
        Some(_) => Some(ticket.occurred_at),
        None => None,
    };
    let within = dated.is_some_and(|at| {
        bound("startdate").is_none_or(|from| from <= at)
            && bound("enddate").is_none_or(|to| at <= to)
    });
    let date_fits = asked.is_none() || within;
    let until = bound("lastupdatetodate").filter(|_| settings.filters_update_until);
    date_fits
        && bound("lastupdatefromdate").is_none_or(|from| from <= ticket.updated_at)
        && until.is_none_or(|to| ticket.updated_at <= to)
}

/// Puts tickets in the order asked for; newest first when none is.
fn sort(tickets: &mut [&SimTicket], query: &Query, settings: &SimHaloSettings) {
    let order = query.text("order").unwrap_or_default().to_lowercase();
    let compare: fn(&SimTicket, &SimTicket) -> Ordering = match order.as_str() {
        "last_update" | "lastupdate" => {
            |a, b| a.updated_at.cmp(&b.updated_at).then(a.id.cmp(&b.id))
        }
        "dateoccurred" | "dateoccured" => {
            |a, b| a.occurred_at.cmp(&b.occurred_at).then(a.id.cmp(&b.id))
        }
        "summary" => |a, b| a.summary.cmp(&b.summary).then(a.id.cmp(&b.id)),
        _ => |a, b| a.id.cmp(&b.id),
    };
    let one = settings.one_is_true && query.text("orderdesc") == Some("1");
    let unasked = order.is_empty() && settings.unasked_order == UnaskedOrder::NewestFirst;
    let descending = query.flag("orderdesc") || one || unasked;
    tickets.sort_by(|a, b| {
        if descending {
            compare(b, a)
        } else {
            compare(a, b)
        }
    });
}

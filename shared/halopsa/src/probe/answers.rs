//! What the reads of a probe were answered with.

use halogard_app::ports::{Clock, RequestBudget};
use halogard_domain::Timestamp;
use halogard_http::Transport;
use halogard_wire::values;
use serde_json::Value;

use crate::client::{Client, JsonAnswer};
use crate::route::{self, HaloRoute};
use crate::service_desk::TEXT_OF_NO_TICKET;

/// A ticket number that no tenant has reached.
const NO_TICKET: u64 = 2_147_483_646;

/// A time before every change.
const LONG_AGO: &str = "1990-01-01T00:00:00.000Z";

/// A time when no ticket has been opened or changed yet.
const FAR_AHEAD: &str = "2199-01-01T00:00:00.000Z";

/// The end of that time.
const FARTHER_AHEAD: &str = "2199-12-31T00:00:00.000Z";

/// More rows than a page is documented to have.
const LARGE_PAGE: u64 = 150;

/// Rows of the first page.
const PAGE: u64 = 100;

/// How far after the newest change the next ones are asked for, in milliseconds.
const LATER_BY_MS: i64 = 30 * 60_000;

/// The shortest part of a title that is searched for, in characters.
const SEARCHED_CHARS_MIN: usize = 5;

/// The answers to the reads of one probe.
#[derive(Debug, Default)]
pub(super) struct DeskAnswers {
    /// The client id of our application.
    pub(super) application: String,
    /// The scopes that were asked for.
    pub(super) scopes: String,
    /// What HaloPSA's clock showed at the end.
    pub(super) theirs: Option<Timestamp>,
    /// Which build answers.
    pub(super) instance_info: JsonAnswer,
    /// Where tokens are issued.
    pub(super) auth_info: JsonAnswer,
    /// The settings of the tenant.
    pub(super) control: JsonAnswer,
    /// Our webhooks.
    pub(super) webhooks: JsonAnswer,
    /// The newest tickets first.
    pub(super) newest: JsonAnswer,
    /// The oldest first, one row.
    pub(super) oldest: JsonAnswer,
    /// No order asked for, one row.
    pub(super) unordered: JsonAnswer,
    /// `orderdesc=1`, one row.
    pub(super) descending_by_one: JsonAnswer,
    /// Closed tickets, the newest first.
    pub(super) closed: JsonAnswer,
    /// Open tickets, the newest first.
    pub(super) open: JsonAnswer,
    /// `includeclosed=true`.
    pub(super) include_closed_true: JsonAnswer,
    /// Opened at a time to come, by `datesearch`.
    pub(super) opened_in_the_future: JsonAnswer,
    /// Changed at a time to come.
    pub(super) changed_in_the_future: JsonAnswer,
    /// Changed before anything was.
    pub(super) changed_long_ago: JsonAnswer,
    /// With a text in the description that no ticket has.
    pub(super) search_details: JsonAnswer,
    /// Changed half an hour after the newest change that the first page shows; and that time.
    pub(super) changed_later: (JsonAnswer, Option<Timestamp>),
    /// A part of the title of the open sample.
    pub(super) search_part: JsonAnswer,
    /// The same with its first letter in brackets.
    pub(super) search_brackets: JsonAnswer,
    /// A part of the title of the closed sample, among closed tickets.
    pub(super) search_closed: JsonAnswer,
    /// The open sample in the list of deleted tickets.
    pub(super) deleted: JsonAnswer,
    /// A page of more rows than documented.
    pub(super) large_page: JsonAnswer,
    /// The last row by `record_count`; and that count.
    pub(super) last_row: (JsonAnswer, u64),
    /// A ticket that does not exist.
    pub(super) missing: JsonAnswer,
    /// The open sample by itself.
    pub(super) detail: JsonAnswer,
    /// What was written on the closed sample, without `count`.
    pub(super) actions_of_closed: JsonAnswer,
    /// The same of the open sample.
    pub(super) actions_of_open: JsonAnswer,
    /// A parameter of no meaning.
    pub(super) unknown_parameter: JsonAnswer,
}

impl DeskAnswers {
    /// Reads everything, one request after the other.
    pub(super) async fn read<T: Transport, B: RequestBudget, C: Clock>(
        client: &Client<T, B, C>,
        application: &str,
    ) -> Self {
        let mut seen = Self {
            application: application.to_owned(),
            scopes: client.scopes().to_owned(),
            ..Self::default()
        };
        let get = async |route: HaloRoute| client.observe(route, None, &[]).await;
        let list = async |rows: u64, query: &[(&'static str, String)]| {
            let mut asked = vec![
                ("pageinate", "true".to_owned()),
                ("page_size", rows.to_string()),
                ("page_no", "1".to_owned()),
            ];
            asked.extend(query.iter().cloned());
            client.observe(route::TICKETS, None, &asked).await
        };
        let newest_first = || vec![("order", "id".to_owned()), ("orderdesc", "true".to_owned())];
        let newest_with = |name: &'static str, value: &str| {
            let mut query = newest_first();
            query.push((name, value.to_owned()));
            query
        };
        seen.instance_info = get(route::INSTANCE_INFO).await;
        seen.auth_info = get(route::AUTH_INFO).await;
        seen.control = get(route::CONTROL).await;
        seen.webhooks = client
            .observe(route::WEBHOOKS, None, &[("type", "0".to_owned())])
            .await;
        seen.newest = list(PAGE, &newest_first()).await;
        seen.oldest = list(1, &[("order", "id".to_owned())]).await;
        seen.unordered = list(1, &[]).await;
        let by_one = [("order", "id".to_owned()), ("orderdesc", "1".to_owned())];
        seen.descending_by_one = list(1, &by_one).await;
        seen.unknown_parameter = list(1, &newest_with("halogard_probe", "1")).await;
        seen.closed = list(1, &newest_with("closed_only", "true")).await;
        seen.open = list(1, &newest_with("open_only", "true")).await;
        seen.include_closed_true = list(1, &newest_with("includeclosed", "true")).await;
        let dates = [
            ("datesearch", "dateoccured".to_owned()),
            ("startdate", FAR_AHEAD.to_owned()),
            ("enddate", FARTHER_AHEAD.to_owned()),
        ];
        seen.opened_in_the_future = list(1, &dates).await;
        let changed = |from: String| [("lastupdatefromdate", from)];
        seen.changed_in_the_future = list(1, &changed(FAR_AHEAD.to_owned())).await;
        let before = [("lastupdatetodate", LONG_AGO.to_owned())];
        seen.changed_long_ago = list(1, &before).await;
        let text = [("search_details", TEXT_OF_NO_TICKET.to_owned())];
        seen.search_details = list(1, &text).await;
        if let Some(from) = seen.newest_change().map(later) {
            let text = client.time_text(from);
            seen.changed_later = (list(PAGE, &changed(text)).await, Some(from));
        }
        if let Some(part) = seen.open_ticket().and_then(searched) {
            let search = |text: &str| newest_with("search_summary", text);
            let without_first: String = part.chars().skip(1).collect();
            seen.search_part = list(PAGE, &search(&without_first)).await;
            let first: String = part.chars().take(1).collect();
            let bracketed = format!("[{first}]{without_first}");
            seen.search_brackets = list(PAGE, &search(&bracketed)).await;
        }
        if let Some(part) = seen.closed_ticket().and_then(searched) {
            let mut query = newest_with("closed_only", "true");
            query.push(("search_summary", part));
            seen.search_closed = list(PAGE, &query).await;
        }
        if let Some(open) = seen.open_ticket().and_then(number) {
            let query = [
                ("deleted", "true".to_owned()),
                ("ticketids", open.to_string()),
            ];
            seen.deleted = list(PAGE, &query).await;
            seen.detail = client.observe(route::TICKET, Some(open), &[]).await;
            seen.actions_of_open = actions(client, open).await;
        }
        if let Some(closed) = seen.closed_ticket().and_then(number) {
            seen.actions_of_closed = actions(client, closed).await;
        }
        if seen.newest.count().is_some_and(|count| count > PAGE) {
            seen.large_page = list(LARGE_PAGE, &newest_first()).await;
        }
        if let Some(count) = seen.oldest.count().filter(|count| *count > 0) {
            let query = [
                ("pageinate", "true".to_owned()),
                ("page_size", "1".to_owned()),
                ("page_no", count.to_string()),
                ("order", "id".to_owned()),
            ];
            seen.last_row = (client.observe(route::TICKETS, None, &query).await, count);
        }
        seen.missing = client.observe(route::TICKET, Some(NO_TICKET), &[]).await;
        seen.theirs = client.both_clocks().theirs;
        seen
    }

    /// The open ticket that is read.
    pub(super) fn open_ticket(&self) -> Option<&Value> {
        let ticket = self.open.tickets()?.first().copied()?;
        let is_closed = ticket.get("hasbeenclosed") == Some(&Value::Bool(true));
        (!is_closed).then_some(ticket)
    }

    /// The closed ticket that is read.
    pub(super) fn closed_ticket(&self) -> Option<&Value> {
        let ticket = self.closed.tickets()?.first().copied()?;
        let is_closed = ticket.get("hasbeenclosed") == Some(&Value::Bool(true));
        is_closed.then_some(ticket)
    }

    /// The newest time of change on the first page.
    pub(super) fn newest_change(&self) -> Option<Timestamp> {
        self.changes().into_iter().max()
    }

    /// When the newest tickets were last changed, as their rows say.
    pub(super) fn changes(&self) -> Vec<Timestamp> {
        let rows = self.newest.tickets().unwrap_or_default();
        rows.into_iter().filter_map(changed_at).collect()
    }
}

/// What was written on `ticket`, as many as come unasked.
async fn actions<T: Transport, B: RequestBudget, C: Clock>(
    client: &Client<T, B, C>,
    ticket: u64,
) -> JsonAnswer {
    let query = [("ticket_id", ticket.to_string())];
    client.observe(route::ACTIONS, None, &query).await
}

/// Half an hour after `at`.
fn later(at: Timestamp) -> Timestamp {
    Timestamp::from_millis(at.as_millis().saturating_add(LATER_BY_MS))
}

/// The longest part of the title of `ticket` without a sign that a search might read as a wildcard.
fn searched(ticket: &Value) -> Option<String> {
    let title = ticket.get("summary")?.as_str()?;
    let parts = title.split(|c: char| !(c.is_ascii_alphanumeric() || c == ' '));
    let longest = parts.map(str::trim).max_by_key(|part| part.len())?;
    (longest.len() >= SEARCHED_CHARS_MIN).then(|| longest.to_owned())
}

/// The number of a record.
pub(super) fn number(record: &Value) -> Option<u64> {
    values::id(record.get("id")?.clone()).ok().flatten()
}

/// When a ticket of a list last changed.
pub(super) fn changed_at(ticket: &Value) -> Option<Timestamp> {
    let member = ticket
        .get("last_update")
        .or_else(|| ticket.get("lastupdate"))?;
    values::timestamp(member.clone()).ok().flatten()
}

impl JsonAnswer {
    /// The rows of a list of tickets; none where it comes as `null`.
    pub(super) fn tickets(&self) -> Option<Vec<&Value>> {
        self.rows("tickets")
    }

    /// The rows of a list that stands under `name`, or bare.
    pub(super) fn rows(&self, name: &str) -> Option<Vec<&Value>> {
        let Self::Json(body) = self else { return None };
        match body.get(name).unwrap_or(body) {
            Value::Array(rows) => Some(rows.iter().collect()),
            Value::Null => Some(Vec::new()),
            _ => None,
        }
    }

    /// The numbers of the tickets of a list.
    pub(super) fn numbers(&self) -> Option<Vec<u64>> {
        Some(self.tickets()?.into_iter().filter_map(number).collect())
    }

    /// How many rows there are by HaloPSA's count.
    pub(super) fn count(&self) -> Option<u64> {
        self.member("record_count")?.as_u64()
    }

    /// A member of an answer that is an object, or an array of one.
    pub(super) fn member(&self, name: &str) -> Option<&Value> {
        let Self::Json(body) = self else { return None };
        body.get(name).or_else(|| body.get(0)?.get(name))
    }

    /// The status of a refusal.
    pub(super) fn refused_with(&self) -> Option<u16> {
        match self {
            Self::Refused(status) => Some(status.as_u16()),
            _ => None,
        }
    }

    /// Whether it was a success.
    pub(super) const fn is_success(&self) -> bool {
        matches!(self, Self::Json(_))
    }
}

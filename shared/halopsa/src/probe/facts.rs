//! Every fact that HaloPSA's documents leave open, and what the answers of a probe say of it.

use std::time::Duration;

use halogard_domain::dialect::{REFERENCE, UncertainFact};
use serde_json::Value;

use super::answers::{DeskAnswers, changed_at, number};
use crate::client::JsonAnswer;
use crate::wire::InstanceInfo;

/// The name of a reading, and the same in words.
type Reading = (&'static str, &'static str);

/// One fact.
type Fact = UncertainFact<DeskAnswers>;

/// Only what is written shows it.
const A_WRITE: &str = "only a write shows it";

/// Only what is delivered shows it.
const A_DELIVERY: &str = "only a delivery shows it";

/// A fact that reads show.
const fn read(
    fact: &'static str,
    source: &'static str,
    judge: fn(&DeskAnswers) -> Option<Reading>,
    otherwise: &'static str,
) -> Fact {
    Fact {
        fact,
        source,
        judge: Some(judge),
        otherwise,
    }
}

/// A fact that reads do not show.
const fn not_read(fact: &'static str, source: &'static str, otherwise: &'static str) -> Fact {
    Fact {
        fact,
        source,
        judge: None,
        otherwise,
    }
}

/// The facts, in the order of `docs/dialects.md`.
pub(super) const FACTS: &[Fact] = &[
    read(
        "whether `/InstanceInfo` shows the build",
        "probe output of a live tenant",
        build,
        "no answer came",
    ),
    read(
        "what `actionby_application_id` holds",
        "two live sources against some clients",
        application_names,
        "an entry that an application wrote shows it",
    ),
    read(
        "how `includeclosed` is read",
        "the vendor's OpenAPI file against the name",
        include_closed,
        "no answer came",
    ),
    read(
        "whether a plain list holds closed tickets",
        "one live tenant",
        plain_list,
        "a closed ticket among the newest shows it",
    ),
    read(
        "how `datesearch` is spelt",
        "six public clients against the OpenAPI file",
        date_search,
        "there must be a ticket",
    ),
    read(
        "how `search_summary` compares",
        "not documented",
        search,
        "an open ticket with five letters or digits in a row in its title shows it",
    ),
    read(
        "whether `search_summary` finds closed tickets",
        "not documented",
        search_closed,
        "a closed ticket with five letters or digits in a row in its title shows it",
    ),
    not_read(
        "what becomes of writes to a ticket that has not been triaged",
        "a help-desk automation on one live tenant",
        A_WRITE,
    ),
    read(
        "how many actions a list holds without `count`",
        "not documented; clients send a count",
        actions,
        "a ticket with ten entries shows it",
    ),
    read(
        "what `record_count` counts",
        "one public client says that counts are wrong",
        record_count,
        "there must be a ticket",
    ),
    read(
        "what `orderdesc=1` means",
        "probe output of a live tenant",
        descending_by_one,
        "two tickets show it",
    ),
    read(
        "the order of a list when none is asked for",
        "two live tenants",
        unasked_order,
        "two tickets show it",
    ),
    read(
        "what `deleted=true` lists",
        "the vendor's API pages against the name",
        deleted,
        "an open ticket shows it",
    ),
    not_read(
        "the rate limit",
        "the vendor's policy, a quotation of it, and two clients differ",
        "only a refusal shows it; the request budget says which one it believes",
    ),
    not_read(
        "whether a change of status leaves the assignment",
        "a help-desk automation on one live tenant",
        A_WRITE,
    ),
    not_read(
        "how the answer to a write comes",
        "public clients read both forms",
        A_WRITE,
    ),
    not_read(
        "the status of a write that succeeded",
        "the OpenAPI file against live clients",
        A_WRITE,
    ),
    read(
        "how ids are written in lists",
        "seen by a public client",
        ids,
        "two tickets show it",
    ),
    not_read(
        "what an update must name",
        "one live tenant against six clients",
        A_WRITE,
    ),
    read(
        "how an empty list comes",
        "seen by a public client",
        empty_list,
        "a filter that nothing matches shows it",
    ),
    read(
        "the status of a ticket that is not there",
        "public clients handle both",
        missing,
        "no answer came",
    ),
    read(
        "whether a merged ticket says into which",
        "the OpenAPI file only",
        merged_into,
        "an open ticket shows it",
    ),
    read(
        "what `hasbeenclosed` is before a ticket is closed",
        "probe output of a live tenant",
        not_closed,
        "a ticket that was never closed shows it",
    ),
    read(
        "whether list rows have `last_update`",
        "columns of lists depend on a profile",
        last_update,
        "there must be a ticket",
    ),
    not_read(
        "when a new ticket appears in lists",
        "not documented",
        A_WRITE,
    ),
    not_read(
        "whether a read after a write shows it",
        "a help-desk automation on one live tenant",
        A_WRITE,
    ),
    not_read(
        "what the answer to an array holds",
        "one client relies on `returnall`",
        A_WRITE,
    ),
    not_read(
        "what is left of an array when one item is refused",
        "not documented",
        A_WRITE,
    ),
    not_read(
        "how a write names a team",
        "two public clients against two",
        A_WRITE,
    ),
    not_read(
        "whether `note` follows from `note_html`",
        "not documented; clients send both",
        A_WRITE,
    ),
    not_read(
        "whether `details_html` is kept when a ticket is created",
        "most clients send `details`",
        A_WRITE,
    ),
    not_read(
        "the sentence that refuses to close an unassigned ticket",
        "seen by one client",
        A_WRITE,
    ),
    read(
        "whether a ticket must be assigned to be closed",
        "a setting of the tenant",
        must_assign,
        "the credential may not see the setting",
    ),
    not_read(
        "whether a note reopens a closed ticket",
        "a setting of the ticket type",
        A_WRITE,
    ),
    not_read(
        "what `hasbeenclosed` is after a ticket was reopened",
        "not documented",
        A_WRITE,
    ),
    not_read(
        "whether two creates at a time collide",
        "one client saw it",
        A_WRITE,
    ),
    read(
        "the largest page",
        "the OpenAPI file against some clients",
        page_size,
        "more than a hundred tickets show it",
    ),
    read(
        "the zone of times without a zone",
        "four clients against one comment",
        zone,
        "a ticket that changed in the last minutes shows it",
    ),
    not_read(
        "the status of `invalid_client`",
        "reports leave it open",
        "only a wrong secret shows it",
    ),
    read(
        "whether a token request names a tenant",
        "a published workflow product",
        tenant,
        "no answer came",
    ),
    read(
        "the scope that webhook endpoints need",
        "no table of scopes is published",
        webhook_scope,
        "the credential has the scope `admin`, or is refused for another reason",
    ),
    not_read(
        "how a webhook can authenticate",
        "the vendor's guide against one product",
        A_DELIVERY,
    ),
    not_read(
        "how a webhook's signature is written",
        "one shipped product",
        A_DELIVERY,
    ),
    not_read(
        "the method of a webhook",
        "a choice in the webhook's settings",
        A_DELIVERY,
    ),
    not_read(
        "the address that a webhook calls",
        "not documented",
        A_DELIVERY,
    ),
    not_read(
        "what a webhook's body holds",
        "the vendor's guide knows several sizes",
        A_DELIVERY,
    ),
    not_read(
        "whether a webhook's events wait for each other",
        "the vendor's guide names batches",
        A_DELIVERY,
    ),
    not_read(
        "the names of events",
        "a public workflow product",
        A_DELIVERY,
    ),
    not_read(
        "whether a webhook switches itself off",
        "a setting in the vendor's guide",
        A_DELIVERY,
    ),
    not_read(
        "whether a failed delivery is repeated",
        "the guide knows no retry",
        A_DELIVERY,
    ),
    read(
        "whether unknown parameters are passed over",
        "four live sources",
        unknown_parameter,
        "no answer came",
    ),
];

/// How far apart times must be to be those of two zones.
const APART_MIN: Duration = Duration::from_secs(14 * 60);

/// Entries of a ticket from which on a list without `count` that holds all of them is a whole one.
const ACTIONS_MIN: usize = 10;

fn build(seen: &DeskAnswers) -> Option<Reading> {
    match &seen.instance_info {
        JsonAnswer::Json(body) => {
            let info = serde_json::from_value::<InstanceInfo>(body.clone()).ok();
            let shows = info.is_some_and(|info| info.build().is_some());
            Some(if shows {
                (REFERENCE, "it does")
            } else {
                ("no-instance-info", "it does not")
            })
        }
        JsonAnswer::Refused(status) if [401, 403, 404].contains(&status.as_u16()) => {
            Some(("no-instance-info", "it does not"))
        }
        JsonAnswer::Refused(_) | JsonAnswer::None => None,
    }
}

fn application_names(seen: &DeskAnswers) -> Option<Reading> {
    let answers = [&seen.actions_of_open, &seen.actions_of_closed];
    let rows = answers.iter().filter_map(|answer| answer.rows("actions"));
    let names: Vec<&str> = rows
        .flatten()
        .filter_map(|row| row.get("actionby_application_id")?.as_str())
        .filter(|name| !name.trim().is_empty())
        .collect();
    let is_id = |name: &&str| name.eq_ignore_ascii_case(&seen.application) || is_guid(name);
    match (names.iter().any(is_id), names.is_empty()) {
        (_, true) => None,
        (true, false) => Some(("application-ids", "client ids of applications")),
        (false, false) => Some((REFERENCE, "display names of applications")),
    }
}

/// Whether `text` has the form of a GUID.
fn is_guid(text: &str) -> bool {
    let digits = text.chars().filter(char::is_ascii_hexdigit).count();
    digits == 32 && text.len() == 36 && text.matches('-').count() == 4
}

fn include_closed(seen: &DeskAnswers) -> Option<Reading> {
    match &seen.include_closed_true {
        JsonAnswer::Refused(status) if status.as_u16() == 400 || status.is_server_error() => {
            Some((
                "closed-list-of-ints",
                "as a list of 0 and 1: `true` is refused",
            ))
        }
        JsonAnswer::Json(_) => Some((REFERENCE, "`true` is accepted")),
        _ => None,
    }
}

fn plain_list(seen: &DeskAnswers) -> Option<Reading> {
    let closed = number(seen.closed_ticket()?)?;
    let listed = seen.newest.numbers()?;
    if listed.contains(&closed) {
        return Some((REFERENCE, "it does"));
    }
    let oldest_listed = listed.iter().min()?;
    (*oldest_listed < closed).then_some((
        "closed-only-on-request",
        "only where closed tickets are asked for",
    ))
}

fn date_search(seen: &DeskAnswers) -> Option<Reading> {
    if seen.newest.numbers()?.is_empty() {
        return None;
    }
    let found = seen.opened_in_the_future.numbers()?;
    Some(if found.is_empty() {
        (REFERENCE, "`dateoccured` is understood")
    } else {
        ("datesearch-ignored", "`dateoccured` is passed over")
    })
}

fn search(seen: &DeskAnswers) -> Option<Reading> {
    let sample = number(seen.open_ticket()?)?;
    if !seen.search_part.numbers()?.contains(&sample) {
        return None;
    }
    Some(if seen.search_brackets.numbers()?.contains(&sample) {
        ("like-search", "brackets are a class of letters, as in SQL")
    } else {
        (REFERENCE, "a part of the title, letter for letter")
    })
}

fn search_closed(seen: &DeskAnswers) -> Option<Reading> {
    let closed = number(seen.closed_ticket()?)?;
    if seen.search_closed.numbers()?.contains(&closed) {
        return Some((REFERENCE, "it does"));
    }
    let open = number(seen.open_ticket()?)?;
    let finds_open = seen.search_part.numbers()?.contains(&open);
    finds_open.then_some(("search-open-only", "it finds open tickets only"))
}

fn actions(seen: &DeskAnswers) -> Option<Reading> {
    let answers = [&seen.actions_of_open, &seen.actions_of_closed];
    let lists = answers
        .iter()
        .filter_map(|answer| Some((answer.rows("actions")?.len(), answer.count()?)));
    let lists: Vec<(usize, u64)> = lists.collect();
    let is_short =
        |(rows, count): &(usize, u64)| u64::try_from(*rows).is_ok_and(|rows| rows < *count);
    if lists.iter().any(is_short) {
        return Some(("actions-capped", "fewer than there are"));
    }
    let is_long = |(rows, _): &(usize, u64)| *rows >= ACTIONS_MIN;
    lists
        .iter()
        .any(is_long)
        .then_some((REFERENCE, "all there are"))
}

fn record_count(seen: &DeskAnswers) -> Option<Reading> {
    let (answer, count) = &seen.last_row;
    let rows = answer.tickets()?;
    if !rows.is_empty() {
        return Some((REFERENCE, "the rows that are listed"));
    }
    // Fewer by now: one was deleted between the two reads.
    let is_still_counted = answer.count().is_some_and(|now| now >= *count);
    is_still_counted.then_some(("record-count-larger", "more rows than are listed"))
}

/// The number of the first row, and those of the newest and the oldest ticket where they differ.
fn first_of(answer: &JsonAnswer, seen: &DeskAnswers) -> Option<(u64, u64, u64)> {
    let first = |answer: &JsonAnswer| answer.numbers()?.first().copied();
    let (newest, oldest) = (first(&seen.newest)?, first(&seen.oldest)?);
    (oldest < newest).then_some((first(answer)?, newest, oldest))
}

fn descending_by_one(seen: &DeskAnswers) -> Option<Reading> {
    match first_of(&seen.descending_by_one, seen)? {
        (first, newest, _) if first >= newest => Some((REFERENCE, "the newest first")),
        (first, _, oldest) if first == oldest => {
            Some(("orderdesc-one-ascending", "the oldest first"))
        }
        _ => None,
    }
}

fn unasked_order(seen: &DeskAnswers) -> Option<Reading> {
    match first_of(&seen.unordered, seen)? {
        (first, newest, _) if first >= newest => Some((REFERENCE, "the newest first")),
        (first, _, oldest) if first == oldest => {
            Some(("unordered-oldest-first", "the oldest first"))
        }
        _ => None,
    }
}

fn deleted(seen: &DeskAnswers) -> Option<Reading> {
    let open = number(seen.open_ticket()?)?;
    let listed = seen.deleted.numbers()?;
    if listed.contains(&open) {
        return Some(("deleted-included", "deleted tickets beside the others"));
    }
    listed
        .is_empty()
        .then_some((REFERENCE, "deleted tickets alone"))
}

fn ids(seen: &DeskAnswers) -> Option<Reading> {
    let rows = seen.newest.tickets()?;
    let members = ["id", "client_id", "status_id", "tickettype_id"];
    let is_fraction = |row: &&Value| {
        let mut found = members.iter().filter_map(|name| row.get(*name));
        found.any(Value::is_f64)
    };
    if rows.iter().any(is_fraction) {
        return Some(("float-ids", "some as `3.0`"));
    }
    (rows.len() > 1).then_some((REFERENCE, "as whole numbers"))
}

fn empty_list(seen: &DeskAnswers) -> Option<Reading> {
    let answers = [&seen.changed_in_the_future, &seen.opened_in_the_future];
    let list = answers.iter().find_map(|answer| answer.member("tickets"));
    let lists = answers.iter().filter_map(|answer| answer.member("tickets"));
    match lists.clone().find(|list| list.is_null()).or(list)? {
        Value::Null => Some(("null-lists", "as `null`")),
        Value::Array(_) => lists
            .filter_map(Value::as_array)
            .any(Vec::is_empty)
            .then_some((REFERENCE, "as a list of nothing")),
        _ => None,
    }
}

fn missing(seen: &DeskAnswers) -> Option<Reading> {
    match seen.missing.refused_with()? {
        404 => Some((REFERENCE, "404")),
        400 => Some(("missing-400", "400")),
        _ => None,
    }
}

fn merged_into(seen: &DeskAnswers) -> Option<Reading> {
    if !seen.detail.is_success() {
        return None;
    }
    Some(if seen.detail.member("merged_into_id").is_some() {
        (REFERENCE, "there is a member for it")
    } else {
        ("no-merged-into", "there is no member for it")
    })
}

fn not_closed(seen: &DeskAnswers) -> Option<Reading> {
    let rows = seen.newest.tickets()?;
    let mut values = rows.iter().filter_map(|row| row.get("hasbeenclosed"));
    if values.clone().any(Value::is_null) {
        return Some(("not-closed-is-null", "`null`"));
    }
    values
        .any(|value| *value == Value::Bool(false))
        .then_some((REFERENCE, "`false`"))
}

fn last_update(seen: &DeskAnswers) -> Option<Reading> {
    let rows = seen.newest.tickets()?;
    if rows.is_empty() {
        return None;
    }
    Some(if rows.iter().any(|row| changed_at(row).is_some()) {
        (REFERENCE, "they have")
    } else {
        ("rows-without-last-update", "they have not")
    })
}

fn must_assign(seen: &DeskAnswers) -> Option<Reading> {
    let demands = match seen.control.member("mustassigntoclose")? {
        Value::Bool(demands) => *demands,
        Value::Number(number) => number.as_i64()? != 0,
        _ => return None,
    };
    Some(if demands {
        (REFERENCE, "it must")
    } else {
        ("close-unassigned", "it need not")
    })
}

fn page_size(seen: &DeskAnswers) -> Option<Reading> {
    let rows = seen.large_page.tickets()?.len();
    Some(if rows > 100 {
        ("any-page-size", "as large as asked for")
    } else {
        (REFERENCE, "a hundred rows")
    })
}

/// A row that changed before the time from which on it was asked for contradicts itself, unless its time is that
/// of another zone; and so does one that changes in the future.
fn zone(seen: &DeskAnswers) -> Option<Reading> {
    const LOCAL: Reading = ("local-times", "not UTC");
    let newest = seen.newest_change()?;
    let theirs = seen.theirs?;
    let (later, from) = &seen.changed_later;
    let earlier = |at: &_| from.is_some_and(|from| from.since(*at) >= APART_MIN);
    let times: Vec<_> = later
        .tickets()
        .unwrap_or_default()
        .into_iter()
        .filter_map(changed_at)
        .collect();
    // A filter that is passed over brings every ticket: those prove nothing.
    let is_filtered = seen
        .changed_in_the_future
        .numbers()
        .is_some_and(|found| found.is_empty());
    if is_filtered && !times.is_empty() && times.iter().all(earlier) {
        return Some(LOCAL);
    }
    if newest.since(theirs) >= APART_MIN {
        return Some(LOCAL);
    }
    (theirs.since(newest) < APART_MIN).then_some((REFERENCE, "UTC"))
}

fn tenant(seen: &DeskAnswers) -> Option<Reading> {
    if !seen.auth_info.is_success() {
        return None;
    }
    let named = seen.auth_info.member("tenant_id").and_then(Value::as_str);
    Some(if named.is_some_and(|name| !name.trim().is_empty()) {
        (REFERENCE, "it does")
    } else {
        ("no-tenant", "there is none to name")
    })
}

fn webhook_scope(seen: &DeskAnswers) -> Option<Reading> {
    let mut scopes = seen.scopes.split_whitespace();
    if scopes.any(|scope| scope == "admin" || scope.starts_with("all")) {
        return None;
    }
    match &seen.webhooks {
        JsonAnswer::Json(_) => Some(("webhooks-without-admin", "none beyond a token")),
        JsonAnswer::Refused(status) if status.as_u16() == 403 => {
            Some((REFERENCE, "another one than those for tickets"))
        }
        _ => None,
    }
}

fn unknown_parameter(seen: &DeskAnswers) -> Option<Reading> {
    match &seen.unknown_parameter {
        JsonAnswer::Json(_) => Some((REFERENCE, "they are")),
        JsonAnswer::Refused(status) if status.as_u16() == 400 => {
            Some(("unknown-parameters-refused", "they are refused"))
        }
        JsonAnswer::Refused(_) | JsonAnswer::None => None,
    }
}

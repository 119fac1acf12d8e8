//! Which reading of a fact the answers of a probe show, one function for each fact that reads can show.

use std::time::Duration;

use halogard_domain::Timestamp;
use halogard_domain::dialect::{NamedReading, REFERENCE};
use serde_json::Value;

use super::answers::{DeskAnswers, changed_at, number};
use crate::client::JsonAnswer;
use crate::wire::InstanceInfo;

/// How far apart times must be to be those of two zones.
const APART_MIN: Duration = Duration::from_secs(14 * 60);

/// No zone is further away from another one.
const ZONE_MAX: Duration = Duration::from_secs(26 * 3600);

/// Entries of a ticket from which on a list without `count` that holds all of them is a whole one.
const ACTIONS_MIN: usize = 10;

pub(super) fn build(seen: &DeskAnswers) -> Option<NamedReading> {
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

pub(super) fn application_names(seen: &DeskAnswers) -> Option<NamedReading> {
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

pub(super) fn include_closed(seen: &DeskAnswers) -> Option<NamedReading> {
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

pub(super) fn plain_list(seen: &DeskAnswers) -> Option<NamedReading> {
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

pub(super) fn date_search(seen: &DeskAnswers) -> Option<NamedReading> {
    let ignored = ("datesearch-ignored", "`dateoccured` is passed over");
    let found = &seen.opened_in_the_future;
    heeds(seen, found, ignored, "`dateoccured` is understood")
}

/// What finding nothing with a filter that no ticket matches says of it.
fn heeds(
    seen: &DeskAnswers,
    found: &JsonAnswer,
    ignored: NamedReading,
    heeded: &'static str,
) -> Option<NamedReading> {
    if seen.newest.numbers()?.is_empty() {
        return None;
    }
    Some(if found.numbers()?.is_empty() {
        (REFERENCE, heeded)
    } else {
        ignored
    })
}

pub(super) fn update_until(seen: &DeskAnswers) -> Option<NamedReading> {
    let ignored = ("update-until-ignored", "it is passed over");
    heeds(seen, &seen.changed_long_ago, ignored, "it does")
}

pub(super) fn search_details(seen: &DeskAnswers) -> Option<NamedReading> {
    let ignored = ("details-search-ignored", "it is passed over");
    heeds(seen, &seen.search_details, ignored, "it does")
}

pub(super) fn search(seen: &DeskAnswers) -> Option<NamedReading> {
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

pub(super) fn search_closed(seen: &DeskAnswers) -> Option<NamedReading> {
    let closed = number(seen.closed_ticket()?)?;
    if seen.search_closed.numbers()?.contains(&closed) {
        return Some((REFERENCE, "it does"));
    }
    let open = number(seen.open_ticket()?)?;
    let finds_open = seen.search_part.numbers()?.contains(&open);
    finds_open.then_some(("search-open-only", "it finds open tickets only"))
}

pub(super) fn actions(seen: &DeskAnswers) -> Option<NamedReading> {
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

pub(super) fn record_count(seen: &DeskAnswers) -> Option<NamedReading> {
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

pub(super) fn descending_by_one(seen: &DeskAnswers) -> Option<NamedReading> {
    match first_of(&seen.descending_by_one, seen)? {
        (first, newest, _) if first >= newest => Some((REFERENCE, "the newest first")),
        (first, _, oldest) if first == oldest => {
            Some(("orderdesc-one-ascending", "the oldest first"))
        }
        _ => None,
    }
}

pub(super) fn unasked_order(seen: &DeskAnswers) -> Option<NamedReading> {
    match first_of(&seen.unordered, seen)? {
        (first, newest, _) if first >= newest => Some((REFERENCE, "the newest first")),
        (first, _, oldest) if first == oldest => {
            Some(("unordered-oldest-first", "the oldest first"))
        }
        _ => None,
    }
}

pub(super) fn deleted(seen: &DeskAnswers) -> Option<NamedReading> {
    let open = number(seen.open_ticket()?)?;
    let listed = seen.deleted.numbers()?;
    if listed.contains(&open) {
        return Some(("deleted-included", "deleted tickets beside the others"));
    }
    listed
        .is_empty()
        .then_some((REFERENCE, "deleted tickets alone"))
}

pub(super) fn ids(seen: &DeskAnswers) -> Option<NamedReading> {
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

pub(super) fn empty_list(seen: &DeskAnswers) -> Option<NamedReading> {
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

pub(super) fn missing(seen: &DeskAnswers) -> Option<NamedReading> {
    match seen.missing.refused_with()? {
        404 => Some((REFERENCE, "404")),
        400 => Some(("missing-400", "400")),
        _ => None,
    }
}

pub(super) fn merged_into(seen: &DeskAnswers) -> Option<NamedReading> {
    if !seen.detail.is_success() {
        return None;
    }
    Some(if seen.detail.member("merged_into_id").is_some() {
        (REFERENCE, "there is a member for it")
    } else {
        ("no-merged-into", "there is no member for it")
    })
}

pub(super) fn not_closed(seen: &DeskAnswers) -> Option<NamedReading> {
    let rows = seen.newest.tickets()?;
    let mut values = rows.iter().filter_map(|row| row.get("hasbeenclosed"));
    if values.clone().any(Value::is_null) {
        return Some(("not-closed-is-null", "`null`"));
    }
    values
        .any(|value| *value == Value::Bool(false))
        .then_some((REFERENCE, "`false`"))
}

pub(super) fn last_update(seen: &DeskAnswers) -> Option<NamedReading> {
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

pub(super) fn must_assign(seen: &DeskAnswers) -> Option<NamedReading> {
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

pub(super) fn page_size(seen: &DeskAnswers) -> Option<NamedReading> {
    let rows = seen.large_page.tickets()?.len();
    Some(if rows > 100 {
        ("any-page-size", "as large as asked for")
    } else {
        (REFERENCE, "a hundred rows")
    })
}

/// A row that changed before the time from which on it was asked for contradicts itself, unless its time is that
/// of another zone; and so do rows that change in the future. One such row beside others may as well be odd, and
/// no zone explains a time that is further away than a day.
pub(super) fn zone(seen: &DeskAnswers) -> Option<NamedReading> {
    const LOCAL: NamedReading = ("local-times", "not UTC");
    let theirs = seen.theirs?;
    let changes = seen.changes();
    let (ahead, past): (Vec<Timestamp>, Vec<Timestamp>) = changes
        .iter()
        .filter(|at| at.since(theirs) < ZONE_MAX)
        .partition(|at| at.since(theirs) >= APART_MIN);
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
    if ahead.len() > 1 || ahead.len() == changes.len() && !ahead.is_empty() {
        return Some(LOCAL);
    }
    let newest = past.into_iter().max()?;
    (theirs.since(newest) < APART_MIN).then_some((REFERENCE, "UTC"))
}

pub(super) fn tenant(seen: &DeskAnswers) -> Option<NamedReading> {
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

pub(super) fn webhook_scope(seen: &DeskAnswers) -> Option<NamedReading> {
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

pub(super) fn unknown_parameter(seen: &DeskAnswers) -> Option<NamedReading> {
    match &seen.unknown_parameter {
        JsonAnswer::Json(_) => Some((REFERENCE, "they are")),
        JsonAnswer::Refused(status) if status.as_u16() == 400 => {
            Some(("unknown-parameters-refused", "they are refused"))
        }
        JsonAnswer::Refused(_) | JsonAnswer::None => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// The reading of a first page whose rows were changed so many minutes after HaloPSA's own time.
    fn zone_of(minutes: &[i64]) -> Option<&'static str> {
        let theirs = Timestamp::from_millis(1_795_276_800_000);
        let rows = minutes.iter().map(|minutes| {
            let at = Timestamp::from_millis(theirs.as_millis() + minutes * 60_000);
            json!({ "id": 1, "last_update": at.to_string() })
        });
        let tickets: Vec<Value> = rows.collect();
        let seen = DeskAnswers {
            theirs: Some(theirs),
            newest: JsonAnswer::Json(json!({ "tickets": tickets })),
            ..DeskAnswers::default()
        };
        zone(&seen).map(|(name, _)| name)
    }

    #[test]
    fn a_row_from_the_future_beside_others_does_not_prove_another_zone() {
        const FIFTY_YEARS: i64 = 50 * 365 * 24 * 60;
        let rows: [(&[i64], Option<&str>); 11] = [
            (&[-1, -500], Some(REFERENCE)),
            (&[-500], None),
            // Ten hours ahead.
            (&[599, 300, -3000], Some("local-times")),
            (&[599], Some("local-times")),
            // One odd row.
            (&[599, -1, -500], Some(REFERENCE)),
            (&[599, -500], None),
            // Times that no zone explains.
            (&[FIFTY_YEARS, -1], Some(REFERENCE)),
            (&[FIFTY_YEARS, FIFTY_YEARS, -500], None),
            (&[FIFTY_YEARS], None),
            (&[FIFTY_YEARS, 599, 300], Some("local-times")),
            (&[], None),
        ];
        for (minutes, expected) in rows {
            assert_eq!(zone_of(minutes), expected, "{minutes:?}");
        }
    }
}

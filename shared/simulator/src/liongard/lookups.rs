//! The lookup words of alerts: statuses and priorities.

use serde_json::{Value, json};

use super::settings::ReservedWords;

/// The status of an untouched alert.
pub(super) const NEW: &str = "New";

/// The status of an alert taken up again.
pub(super) const IN_PROGRESS: &str = "In Progress";

/// The status of an alert that is done.
pub(super) const CLOSED: &str = "Closed - Complete";

/// Statuses with their ids and machine words.
const STATUSES: [(i64, &str, &str); 5] = [
    (14, NEW, "new"),
    (15, IN_PROGRESS, "in progress"),
    (16, "Waiting", "waiting"),
    (17, CLOSED, "closed"),
    (18, "Closed - Incomplete", "closed"),
];

/// Priorities with their ids and machine words.
const PRIORITIES: [(i64, &str, &str); 4] = [
    (67, "Critical", "critical"),
    (68, "High", "high"),
    (69, "Medium", "medium"),
    (70, "Low", "low"),
];

/// A status as the API writes it; a word of no known status gets an id and no machine word.
pub(super) fn status(name: &str, words: ReservedWords) -> Value {
    let mut row = lookup("Status", &STATUSES, 190, name);
    if words == ReservedWords::Unrelated
        && let Some(reserved) = row.get_mut("Reserved").filter(|word| !word.is_null())
    {
        let own = match reserved.as_str() {
            Some("new") => "active",
            Some("in progress") => "wip",
            Some("closed") => "done",
            _ => "hold",
        };
        *reserved = json!(own);
    }
    row
}

/// A priority as the API writes it.
pub(super) fn priority(name: &str) -> Value {
    lookup("Priority", &PRIORITIES, 290, name)
}

/// Whether a status word means done.
pub(super) fn is_closed(name: &str) -> bool {
    name.to_lowercase().starts_with("closed")
}

/// A row of a lookup table.
fn lookup(table: &str, known: &[(i64, &str, &str)], unknown_id: i64, name: &str) -> Value {
    let found = known
        .iter()
        .find(|(_, word, _)| word.eq_ignore_ascii_case(name));
    let (id, name, reserved) = found.map_or((unknown_id, name, None), |(id, word, reserved)| {
        (*id, *word, Some(*reserved))
    });
    json!({
        "ID": id, "Entity": "Task", "Table": table, "Name": name, "Reserved": reserved, "Visible": true,
    })
}

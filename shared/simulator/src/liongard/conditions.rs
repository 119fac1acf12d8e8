//! `conditions[]`: filters on a path of a record, all of which must hold.

use serde_json::Value;

use crate::http_message::Query;
use crate::wire_time;

/// One condition.
pub(super) struct Condition {
    /// The steps to the member.
    path: Vec<String>,
    /// The operator, in lower case.
    operator: String,
    /// What the member is compared with.
    value: Value,
}

/// The conditions of a query; those that cannot be read are passed over.
pub(super) fn of(query: &Query) -> Vec<Condition> {
    let read = |text: &str| {
        let given: Value = serde_json::from_str(text).ok()?;
        Some(Condition {
            path: given
                .get("path")?
                .as_str()?
                .split('/')
                .map(str::to_owned)
                .collect(),
            operator: given.get("op")?.as_str()?.to_lowercase(),
            value: given.get("value")?.clone(),
        })
    };
    query.all("conditions[]").filter_map(read).collect()
}

/// Whether a record meets them all.
pub(super) fn all_match(conditions: &[Condition], record: &Value) -> bool {
    conditions.iter().all(|condition| condition.matches(record))
}

impl Condition {
    /// Whether a record meets this one; an unknown operator filters nothing.
    fn matches(&self, record: &Value) -> bool {
        let found = self
            .path
            .iter()
            .try_fold(record, |at, part| at.get(part))
            .unwrap_or(&Value::Null);
        let listed = || match &self.value {
            Value::Array(values) => values.iter().any(|value| same(found, value)),
            Value::String(text) => text
                .split(',')
                .any(|part| same(found, &Value::String(part.trim().to_owned()))),
            other => same(found, other),
        };
        let order = || Some(measure(found)?.total_cmp(&measure(&self.value)?));
        match self.operator.as_str() {
            "=" | "equals" | "is" => same(found, &self.value),
            "!=" | "not equals" | "is not" => !same(found, &self.value),
            "<" => order().is_some_and(std::cmp::Ordering::is_lt),
            "<=" => order().is_some_and(std::cmp::Ordering::is_le),
            ">" => order().is_some_and(std::cmp::Ordering::is_gt),
            ">=" => order().is_some_and(std::cmp::Ordering::is_ge),
            "in" => listed(),
            "not in" => !listed(),
            "like" => text(found).contains(text(&self.value).trim_matches('%')),
            "not like" => !text(found).contains(text(&self.value).trim_matches('%')),
            _ => true,
        }
    }
}

/// Equality across the several ways to write a value.
fn same(left: &Value, right: &Value) -> bool {
    left == right || (!left.is_null() && text(left) == text(right))
}

/// A value as lower-case text.
fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.to_lowercase(),
        Value::Null => String::new(),
        other => other.to_string(),
    }
}

/// A number, or a moment as its milliseconds.
fn measure(value: &Value) -> Option<f64> {
    match value {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => text
            .parse()
            .ok()
            .or_else(|| wire_time::parse(text).and_then(|millis| Value::from(millis).as_f64())),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// Whether `condition` lets a small record through.
    fn lets_through(condition: &str) -> bool {
        let record = json!({"ID": 7, "Name": "Alpha", "At": "2026/01/05 02:14:09", "Launchpoint": {"ID": 500}});
        let encoded: String = condition
            .bytes()
            .map(|byte| format!("%{byte:02X}"))
            .collect();
        all_match(
            &of(&Query::parse(&format!("conditions[]={encoded}"))),
            &record,
        )
    }

    #[test]
    fn each_operator_filters() {
        assert!(lets_through(
            r#"{"path":"Launchpoint/ID","op":"=","value":500}"#
        ));
        assert!(lets_through(
            r#"{"path":"Launchpoint/ID","op":"=","value":"500"}"#
        ));
        assert!(!lets_through(
            r#"{"path":"Launchpoint/ID","op":"!=","value":500}"#
        ));
        assert!(lets_through(r#"{"path":"ID","op":">","value":6}"#));
        assert!(lets_through(
            r#"{"path":"At","op":">=","value":"2026-01-05T00:00:00Z"}"#
        ));
        assert!(lets_through(r#"{"path":"ID","op":"in","value":[6,7]}"#));
        assert!(lets_through(
            r#"{"path":"Name","op":"like","value":"%alph%"}"#
        ));
        assert!(!lets_through(r#"{"path":"Gone","op":"=","value":1}"#));
    }

    #[test]
    fn what_cannot_be_read_filters_nothing() {
        assert!(lets_through("not json"));
        assert!(lets_through(r#"{"path":"ID","op":"resembles","value":1}"#));
    }
}

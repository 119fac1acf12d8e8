//! What differs between two config files, in the words of the files.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use toml::{Table, Value};

/// The lists whose elements are known by one of their keys: another order of them is not a difference.
const KEYED_LISTS: [(&str, &str); 1] = [("environments", "environment")];

/// A value that differs.
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ConfigDifference {
    /// Where it stands, as `templates.default.team` or `environments[8801].client`.
    pub path: String,
    /// The former value; `None` if there was none.
    pub before: Option<String>,
    /// The new value; `None` if there is none.
    pub after: Option<String>,
}

impl ConfigDifference {
    /// Whether a setting of the process differs, which takes effect with the next start and only on one machine.
    #[must_use]
    pub fn is_of_settings(&self) -> bool {
        self.path == SETTINGS || self.path.starts_with("settings.")
    }
}

/// The table of the settings of the process. They are not part of the policy.
const SETTINGS: &str = "settings";

/// What differs between two valid files, which hold no secret, in the order of the paths. Comments and the order of
/// customers are left out. A text that is not TOML counts as empty.
#[must_use]
pub fn differences(before: &str, after: &str) -> Vec<ConfigDifference> {
    let table = |text: &str| text.parse::<Table>().unwrap_or_default();
    let mut found = Vec::new();
    compare_tables(&table(before), &table(after), "", &mut found);
    found
}

fn compare_tables(before: &Table, after: &Table, path: &str, found: &mut Vec<ConfigDifference>) {
    let names: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    for name in names {
        let path = match path {
            "" => name.clone(),
            path => format!("{path}.{name}"),
        };
        compare(before.get(name), after.get(name), &path, found);
    }
}

fn compare(
    before: Option<&Value>,
    after: Option<&Value>,
    path: &str,
    found: &mut Vec<ConfigDifference>,
) {
    match (before, after) {
        (Some(before), Some(after)) if before == after => {}
        (Some(Value::Table(before)), Some(Value::Table(after))) => {
            compare_tables(before, after, path, found);
        }
        (before, after) => {
            let is_list = |value: Option<&Value>| value.is_none_or(Value::is_array);
            if is_list(before) && is_list(after) {
                let elements = |value: Option<&Value>| {
                    value.and_then(Value::as_array).cloned().unwrap_or_default()
                };
                compare_lists(&elements(before), &elements(after), path, found);
            } else {
                found.push(difference(path.to_owned(), before, after));
            }
        }
    }
}

fn compare_lists(before: &[Value], after: &[Value], path: &str, found: &mut Vec<ConfigDifference>) {
    let key = KEYED_LISTS.into_iter().find(|(name, _)| *name == path);
    if let Some((_, key)) = key {
        let (before, after) = (by_key(before, key), by_key(after, key));
        let known: BTreeSet<&u64> = before.keys().chain(after.keys()).collect();
        for id in known {
            let path = format!("{path}[{id}]");
            match (before.get(id), after.get(id)) {
                (Some(Value::Table(before)), Some(Value::Table(after))) => {
                    compare_tables(before, after, &path, found);
                }
                (before, after) => found.push(difference(path, before.copied(), after.copied())),
            }
        }
        return;
    }
    // The order matters, and what is inserted moves the others on: what both begin and end with is the same.
    let same = |pairs: &mut dyn Iterator<Item = (&Value, &Value)>| {
        pairs.take_while(|(before, after)| before == after).count()
    };
    let begin = same(&mut before.iter().zip(after));
    let (before_rest, after_rest) = (&before[begin..], &after[begin..]);
    let end = same(&mut before_rest.iter().rev().zip(after_rest.iter().rev()));
    let before = &before_rest[..before_rest.len() - end];
    let after = &after_rest[..after_rest.len() - end];
    for place in 0..before.len().max(after.len()) {
        let path = format!("{path}[{}]", begin + place + 1);
        compare(before.get(place), after.get(place), &path, found);
    }
}

/// The tables of a list by the number under `key`.
fn by_key<'v>(list: &'v [Value], key: &str) -> BTreeMap<u64, &'v Value> {
    let number = |element: &Value| u64::try_from(element.get(key)?.as_integer()?).ok();
    list.iter()
        .filter_map(|element| Some((number(element)?, element)))
        .collect()
}

fn difference(path: String, before: Option<&Value>, after: Option<&Value>) -> ConfigDifference {
    ConfigDifference {
        path,
        before: before.map(in_one_line),
        after: after.map(in_one_line),
    }
}

/// A value as it may be printed in a line.
fn in_one_line(value: &Value) -> String {
    match value {
        Value::Table(table) => {
            let members = table
                .iter()
                .map(|(name, value)| format!("{name} = {}", in_one_line(value)));
            format!("{{ {} }}", members.collect::<Vec<_>>().join(", "))
        }
        Value::Array(elements) => {
            let elements: Vec<String> = elements.iter().map(in_one_line).collect();
            format!("[{}]", elements.join(", "))
        }
        plain => plain.to_string(),
    }
}

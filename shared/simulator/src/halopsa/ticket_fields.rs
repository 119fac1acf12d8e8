//! Reads what a caller wants of a ticket or an action, as strictly as the vendor does.

use serde_json::{Map, Value};

use crate::http_message::{SimRequest, SimResponse};

use super::refusal;

/// One item of a posted array, and where it stands.
pub(super) struct PostedItem<'a> {
    /// Its place in the array.
    index: usize,
    /// Its members.
    members: &'a Map<String, Value>,
}

/// An entry of `customfields`.
pub(super) struct FieldEntry {
    /// The field's id.
    pub(super) id: Option<i64>,
    /// The field's API name.
    pub(super) name: Option<String>,
    /// The value to store.
    pub(super) value: Value,
}

/// The items of a POST body.
///
/// # Errors
///
/// The vendor's refusal when the body is not JSON, is not an array, or contains something other than objects.
pub(super) fn posted(call: &SimRequest) -> Result<Vec<Map<String, Value>>, SimResponse> {
    let Value::Array(items) = call.json().ok_or_else(refusal::unreadable)? else {
        return Err(refusal::array_required());
    };
    items
        .into_iter()
        .enumerate()
        .map(|(index, item)| match item {
            Value::Object(members) => Ok(members),
            _ => Err(refusal::model_state(
                &format!("[{index}]"),
                "Error converting value to the type of an object.",
            )),
        })
        .collect()
}

impl<'a> PostedItem<'a> {
    /// The item at `index`.
    pub(super) fn new(index: usize, members: &'a Map<String, Value>) -> Self {
        Self { index, members }
    }

    /// A member as it came; `null` counts as absent.
    pub(super) fn value(&self, name: &str) -> Option<&'a Value> {
        self.members.get(name).filter(|value| !value.is_null())
    }

    /// A text member; numbers are taken for their digits.
    pub(super) fn text(&self, name: &str) -> Option<String> {
        match self.value(name)? {
            Value::String(text) => Some(text.clone()),
            Value::Number(number) => Some(number.to_string()),
            _ => None,
        }
    }

    /// Whether a member is `true`.
    pub(super) fn flag(&self, name: &str) -> bool {
        match self.value(name) {
            Some(Value::Bool(flag)) => *flag,
            Some(Value::String(text)) => text.eq_ignore_ascii_case("true"),
            _ => false,
        }
    }

    /// A whole number: `5` and `"5"` are, `5.0`, `"5.0"` and text are not.
    ///
    /// # Errors
    ///
    /// The model binder's complaint, with the path.
    pub(super) fn number(&self, name: &str) -> Result<Option<i64>, SimResponse> {
        let Some(value) = self.value(name) else {
            return Ok(None);
        };
        let path = format!("[{}].{name}", self.index);
        whole_number(&path, value)
    }

    /// The members that carry a whole number under one of these names.
    ///
    /// # Errors
    ///
    /// As [`Self::number`], for the first that is not one.
    pub(super) fn check_numbers(&self, names: &[&str]) -> Result<(), SimResponse> {
        names
            .iter()
            .try_for_each(|name| self.number(name).map(|_| ()))
    }

    /// Entries of `customfields`.
    ///
    /// # Errors
    ///
    /// As [`Self::number`], for an entry's id.
    pub(super) fn custom_fields(&self) -> Result<Vec<FieldEntry>, SimResponse> {
        let Some(Value::Array(entries)) = self.value("customfields") else {
            return Ok(vec![]);
        };
        let entry = |(place, entry): (usize, &Value)| {
            let path = format!("[{}].customfields[{place}].id", self.index);
            let id = entry
                .get("id")
                .map_or(Ok(None), |id| whole_number(&path, id))?;
            let name = entry.get("name").and_then(Value::as_str).map(str::to_owned);
            let value = entry.get("value").cloned().unwrap_or(Value::Null);
            Ok(FieldEntry { id, name, value })
        };
        entries.iter().enumerate().map(entry).collect()
    }

    /// Asset ids; `None` when the member is absent.
    ///
    /// # Errors
    ///
    /// As [`Self::number`].
    pub(super) fn assets(&self) -> Result<Option<Vec<i64>>, SimResponse> {
        let Some(Value::Array(entries)) = self.value("assets") else {
            return Ok(None);
        };
        let asset = |(place, entry): (usize, &Value)| {
            let path = format!("[{}].assets[{place}].id", self.index);
            entry
                .get("id")
                .map_or(Ok(None), |id| whole_number(&path, id))
        };
        let ids: Result<Vec<Option<i64>>, SimResponse> =
            entries.iter().enumerate().map(asset).collect();
        Ok(Some(ids?.into_iter().flatten().collect()))
    }
}

/// A whole number at `path`, or the complaint about the value there.
fn whole_number(path: &str, value: &Value) -> Result<Option<i64>, SimResponse> {
    let complain = |what: String| {
        let complaint = format!(
            "{what}. Path '{path}', line 1, position {}.",
            12 + path.len()
        );
        Err(refusal::model_state(path, &complaint))
    };
    match value {
        Value::Null => Ok(None),
        Value::Number(number) => match number.as_i64() {
            Some(whole) => Ok(Some(whole)),
            None => complain(format!("Input string '{number}' is not a valid integer")),
        },
        Value::String(text) if text.trim().is_empty() => Ok(None),
        Value::String(text) => match text.trim().parse() {
            Ok(whole) => Ok(Some(whole)),
            Err(_) => complain(format!("Could not convert string to integer: {text}")),
        },
        other => complain(format!("Unexpected value for an integer: {other}")),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn whole_numbers_may_come_as_text_but_never_with_a_point() {
        let members =
            json!({"a": 5, "b": "5", "c": 5.0, "d": "5.0", "e": "five", "f": null, "g": ""});
        let item = PostedItem::new(0, members.as_object().unwrap());
        assert_eq!(item.number("a").unwrap(), Some(5));
        assert_eq!(item.number("b").unwrap(), Some(5));
        for refused in ["c", "d", "e"] {
            let answer = item.number(refused).unwrap_err();
            assert_eq!(answer.status, 400);
            assert!(String::from_utf8_lossy(&answer.body).contains(&format!("[0].{refused}")));
        }
        assert_eq!(item.number("f").unwrap(), None);
        assert_eq!(item.number("g").unwrap(), None);
    }
}

//! The file's shape as a JSON schema, for editors.

use serde_json::{Map, Value, json};

use crate::shape::{self, Key, KeyKind, Kind, NUMBER_MAX, Others, Table};

/// The JSON schema (draft 2020-12) of the config file.
///
/// Made from the same description that files are checked against. It says less than the check:
/// what depends on two places of the file is beyond a schema.
#[must_use]
pub fn schema() -> Value {
    let mut schema = of_table(&shape::file());
    schema["$schema"] = json!("https://json-schema.org/draft/2020-12/schema");
    schema["title"] = json!("Config file of Halogard");
    schema
}

fn of_table(table: &Table) -> Value {
    let properties: Map<_, _> = table.keys.iter().map(of_key).collect();
    let mut schema = json!({ "type": "object", "properties": properties });
    let required: Vec<_> = table.keys.iter().filter(|key| key.required).collect();
    if !required.is_empty() {
        schema["required"] = required.iter().map(|key| key.name.as_str()).collect();
    }
    match &table.others {
        Some(others) => with_others(&mut schema, others),
        None => schema["additionalProperties"] = json!(false),
    }
    schema
}

fn of_key(key: &Key) -> (String, Value) {
    (key.name.clone(), described(&key.kind, &key.meaning))
}

fn with_others(schema: &mut Value, others: &Others) {
    schema["additionalProperties"] = described(&others.kind, others.meaning);
    schema["propertyNames"] = match others.key {
        KeyKind::Name | KeyKind::Word => json!({ "pattern": r"\S" }),
        KeyKind::Id => json!({ "pattern": "^[1-9][0-9]*$" }),
    };
}

fn described(kind: &Kind, meaning: &str) -> Value {
    let mut schema = of_kind(kind);
    schema["description"] = json!(meaning);
    schema
}

fn of_kind(kind: &Kind) -> Value {
    match kind {
        Kind::Text => json!({ "type": "string", "pattern": r"\S" }),
        Kind::Code { chars_max } => {
            json!({ "type": "string", "pattern": format!("^[A-Z0-9]{{1,{chars_max}}}$") })
        }
        Kind::OneOf(choices) => json!({ "enum": choices }),
        Kind::Number {
            least,
            most: NUMBER_MAX,
        } => json!({ "type": "integer", "minimum": least }),
        Kind::Number { least, most } => {
            json!({ "type": "integer", "minimum": least, "maximum": most })
        }
        Kind::Switch => json!({ "type": "boolean" }),
        Kind::Chosen => json!({ "const": true }),
        Kind::List(each) => json!({ "type": "array", "items": of_kind(each) }),
        Kind::OneOrMore(each) => {
            let list = json!({ "type": "array", "items": of_kind(each) });
            json!({ "oneOf": [of_kind(each), list] })
        }
        Kind::Table(table) => of_table(table),
    }
}

//! The JSON schema of the config file, for editors.

use serde_json::{Map, Value, json};

use crate::spec::{self, FreeKeyKind, FreeKeys, KeySpec, NUMBER_MAX, TableSpec, ValueKind};

/// The JSON schema (draft 2020-12) of the config file.
///
/// Generated from the specification that files are checked against. It is less strict than the
/// check: a schema cannot express rules that involve two parts of the file.
#[must_use]
pub fn schema() -> Value {
    let mut schema = of_table(&spec::file());
    schema["$schema"] = json!("https://json-schema.org/draft/2020-12/schema");
    schema["title"] = json!("Config file of Halogard");
    schema
}

fn of_table(table: &TableSpec) -> Value {
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

fn of_key(key: &KeySpec) -> (String, Value) {
    (key.name.clone(), described(&key.kind, &key.meaning))
}

fn with_others(schema: &mut Value, others: &FreeKeys) {
    schema["additionalProperties"] = described(&others.kind, others.meaning);
    schema["propertyNames"] = match others.key {
        FreeKeyKind::Name | FreeKeyKind::Slug => json!({ "pattern": r"\S" }),
        FreeKeyKind::Id => json!({ "pattern": "^[1-9][0-9]*$" }),
    };
}

fn described(kind: &ValueKind, meaning: &str) -> Value {
    let mut schema = of_kind(kind);
    schema["description"] = json!(meaning);
    schema
}

fn of_kind(kind: &ValueKind) -> Value {
    match kind {
        ValueKind::Text => json!({ "type": "string", "pattern": r"\S" }),
        ValueKind::Code { chars_max } => {
            json!({ "type": "string", "pattern": format!("^[A-Z0-9]{{1,{chars_max}}}$") })
        }
        ValueKind::OneOf(choices) => json!({ "enum": choices }),
        ValueKind::Number {
            least,
            most: NUMBER_MAX,
        } => json!({ "type": "integer", "minimum": least }),
        ValueKind::Number { least, most } => {
            json!({ "type": "integer", "minimum": least, "maximum": most })
        }
        ValueKind::Boolean => json!({ "type": "boolean" }),
        ValueKind::AlwaysTrue => json!({ "const": true }),
        ValueKind::List(each) => json!({ "type": "array", "items": of_kind(each) }),
        ValueKind::OneOrMore(each) => {
            let list = json!({ "type": "array", "items": of_kind(each) });
            json!({ "oneOf": [of_kind(each), list] })
        }
        ValueKind::Table(table) => of_table(table),
    }
}

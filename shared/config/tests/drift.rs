//! The reader, the published schema and the starter file have the same keys.

use std::collections::BTreeSet;

use halogard_config::{parse, schema, starter};
use halogard_domain::policy::Mode;
use serde_json::Value;
use toml::Table;

/// The starter file with every example switched on.
fn everything() -> String {
    let on = |line: &str| match line.strip_prefix('#') {
        Some(example) if !example.starts_with(' ') || example.starts_with("  {") => {
            example.to_owned()
        }
        _ => line.to_owned(),
    };
    starter(Mode::Managed)
        .lines()
        .map(|line| on(line) + "\n")
        .collect()
}

/// Every named key of a schema, by its path. `*` means a free key or an element of a list.
fn keys_of_schema(schema: &Value, path: &str, keys: &mut BTreeSet<String>) {
    if let Some(properties) = schema["properties"].as_object() {
        for (name, inner) in properties {
            let path = format!("{path}/{name}");
            keys.insert(path.clone());
            keys_of_schema(inner, &path, keys);
        }
    }
    for inner in [&schema["additionalProperties"], &schema["items"]] {
        if inner.is_object() {
            keys_of_schema(inner, &format!("{path}/*"), keys);
        }
    }
}

/// Every key of a file, by its path in the schema.
fn keys_of_file(value: &toml::Value, schema: &Value, path: &str, keys: &mut BTreeSet<String>) {
    match value {
        toml::Value::Table(table) => {
            for (name, inner) in table {
                let known = &schema["properties"][name];
                let (inner_schema, path) = if known.is_object() {
                    let path = format!("{path}/{name}");
                    keys.insert(path.clone());
                    (known, path)
                } else {
                    let others = &schema["additionalProperties"];
                    assert!(others.is_object(), "the schema does not know {path}/{name}");
                    (others, format!("{path}/*"))
                };
                keys_of_file(inner, inner_schema, &path, keys);
            }
        }
        toml::Value::Array(list) if schema["items"].is_object() => {
            for element in list {
                keys_of_file(element, &schema["items"], &format!("{path}/*"), keys);
            }
        }
        _ => {}
    }
}

#[test]
fn the_published_schema_is_the_one_the_reader_has() {
    let published = include_str!("../../../docs/halogard.schema.json");
    let published: Value = serde_json::from_str(published).unwrap();
    assert_eq!(
        published,
        schema(),
        "run: cargo run -p halogard-config --example schema > docs/halogard.schema.json"
    );
}

#[test]
fn the_starter_file_with_every_example_enabled_is_valid() {
    let text = everything();
    let config = parse("starter", &text).unwrap_or_else(|problems| panic!("{problems}\n{text}"));
    assert_eq!(config.warnings, []);
    assert!(!config.settings.is_empty());
}

#[test]
fn the_starter_file_explains_exactly_the_keys_of_the_schema() {
    let file = toml::Value::Table(everything().parse::<Table>().unwrap());
    let mut in_starter = BTreeSet::new();
    keys_of_file(&file, &schema(), "", &mut in_starter);
    let mut in_schema = BTreeSet::new();
    keys_of_schema(&schema(), "", &mut in_schema);
    assert_eq!(in_starter, in_schema);
    assert!(in_schema.len() > 50, "too few: {}", in_schema.len());
}

#[test]
fn a_key_that_the_schema_requires_is_required_by_the_reader() {
    let least = parse("empty", "[templates.a]\n[[rules]]\n[[environments]]\n").unwrap_err();
    let said = least.to_string();
    let schema = schema();
    let template = &schema["properties"]["templates"]["additionalProperties"];
    let of = |key: &str| &schema["properties"][key]["items"]["required"];
    let lists = [
        &schema["required"],
        &template["required"],
        of("rules"),
        of("environments"),
    ];
    let required: Vec<&Value> = lists
        .iter()
        .flat_map(|list| list.as_array().unwrap())
        .collect();
    assert_eq!(required.len(), 7);
    for key in required
        .into_iter()
        .filter_map(Value::as_str)
        .filter(|key| *key != "templates")
    {
        assert!(said.contains(&format!("has no `{key}`")), "{key}: {said}");
    }
}

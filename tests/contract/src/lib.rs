#![doc = include_str!("../README.md")]
#![expect(
    clippy::unwrap_used,
    reason = "a test fails by panicking, in its support code too"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use serde_json::Value;

/// The compact list of a vendor's operations.
#[derive(Debug, serde::Deserialize)]
pub struct Contract {
    descriptions: Vec<Description>,
    /// The operations used.
    pub operations: Vec<Operation>,
}

/// One of the vendor's descriptions: its title, and the prefix that its paths have in the list.
#[derive(Debug, PartialEq, serde::Deserialize)]
struct Description {
    title: String,
    prefix: String,
}

/// The names one operation knows; a set that the list leaves out is `None`.
#[derive(Debug, PartialEq, serde::Deserialize)]
pub struct Operation {
    /// The HTTP method.
    pub method: String,
    /// The path, with its parameters in braces.
    pub path: String,
    /// The query parameters.
    pub query: BTreeSet<String>,
    /// The members of the body.
    pub body: Option<BTreeSet<String>>,
    /// The members of nested objects in the body.
    pub nested: Option<BTreeMap<String, BTreeSet<String>>>,
    /// The members of the answer.
    pub reply: Option<BTreeSet<String>>,
}

impl Operation {
    /// Whether the body knows a member called `name`.
    pub fn takes(&self, name: &str) -> bool {
        self.body.as_ref().is_some_and(|names| names.contains(name))
    }
}

impl Contract {
    /// Reads the list.
    ///
    /// # Panics
    ///
    /// When `text` is not such a list.
    pub fn read(text: &str) -> Self {
        serde_json::from_str(text).unwrap()
    }

    /// The operation that is listed as `method` and `path`.
    ///
    /// # Panics
    ///
    /// When there is none.
    pub fn operation(&self, method: &str, path: &str) -> &Operation {
        let found = self
            .operations
            .iter()
            .find(|listed| listed.method == method && listed.path == path);
        found.unwrap_or_else(|| panic!("{method} {path} is not listed"))
    }

    /// The operation that a request to `path` calls; a literal path wins over one with a parameter.
    pub fn operation_of(&self, method: &str, path: &str) -> Option<&Operation> {
        self.operations
            .iter()
            .filter(|listed| listed.method == method && fits(&listed.path, path))
            .min_by_key(|listed| listed.path.contains('{'))
    }

    /// The listed operations that are not among `used`.
    pub fn unused(&self, used: &[&Operation]) -> Vec<String> {
        let unused = self
            .operations
            .iter()
            .filter(|listed| !used.contains(listed));
        unused
            .map(|listed| format!("{} {}", listed.method, listed.path))
            .collect()
    }

    /// Compares the list with the vendor's own description `files`, in the order of its descriptions,
    /// in the folder that `HALOGARD_OPENAPI_DIR` names. Skipped without them.
    ///
    /// # Panics
    ///
    /// When the list differs from the descriptions.
    #[expect(clippy::print_stdout, reason = "a skipped check is reported")]
    pub fn expect_derived_from(&self, files: &[&str]) {
        let folder = std::env::var_os("HALOGARD_OPENAPI_DIR").map(PathBuf::from);
        let folder = folder.unwrap_or_default();
        let texts = files.iter().map(|file| std::fs::read(folder.join(file)));
        let Ok(texts) = texts.collect::<Result<Vec<_>, _>>() else {
            println!("skipped: HALOGARD_OPENAPI_DIR does not hold {files:?}");
            return;
        };
        let vendor: Vec<Value> = texts
            .iter()
            .map(|text| serde_json::from_slice(text).unwrap())
            .collect();
        assert_eq!(vendor.len(), self.descriptions.len());
        for (vendor, description) in vendor.iter().zip(&self.descriptions) {
            let text = |name: &str| vendor["info"][name].as_str().unwrap().to_owned();
            let title = format!("{} {}", text("title"), text("version"));
            assert_eq!(title, description.title);
        }
        for listed in &self.operations {
            let at = self
                .descriptions
                .iter()
                .position(|description| listed.path.starts_with(&description.prefix))
                .unwrap();
            let prefix = &self.descriptions[at].prefix;
            assert_eq!(&derived(&vendor[at], prefix, listed), listed);
        }
    }
}

/// Whether `path` is an instance of `template`.
fn fits(template: &str, path: &str) -> bool {
    let (template, path): (Vec<_>, Vec<_>) =
        (template.split('/').collect(), path.split('/').collect());
    template.len() == path.len()
        && template
            .iter()
            .zip(&path)
            .all(|(t, p)| t == p || (t.starts_with('{') && !p.is_empty()))
}

/// The operation of `listed`, read from the vendor's own description.
fn derived(vendor: &Value, prefix: &str, listed: &Operation) -> Operation {
    let path = listed.path.strip_prefix(prefix).unwrap();
    let found = &vendor["paths"][path][listed.method.to_lowercase()];
    assert!(
        found.is_object(),
        "{} {} is gone",
        listed.method,
        listed.path
    );
    let query = found["parameters"]
        .as_array()
        .into_iter()
        .flatten()
        .filter(|parameter| parameter["in"] == "query")
        .map(|parameter| parameter["name"].as_str().unwrap().to_owned())
        .collect();
    let body = &found["requestBody"];
    let own = &resolved(vendor, schema_in(body))["properties"];
    let nested = |(name, _)| (String::clone(name), names(vendor, &own[name.as_str()]));
    Operation {
        method: listed.method.clone(),
        path: listed.path.clone(),
        query,
        body: listed.body.as_ref().map(|_| members(vendor, body)),
        nested: listed
            .nested
            .as_ref()
            .map(|listed| listed.iter().map(nested).collect()),
        reply: listed
            .reply
            .as_ref()
            .map(|_| members(vendor, &found["responses"]["200"])),
    }
}

/// The schema of a body's JSON.
fn schema_in(content: &Value) -> &Value {
    &content["content"]["application/json"]["schema"]
}

/// The names in a body; in an envelope, those of the records in it too.
fn members(vendor: &Value, content: &Value) -> BTreeSet<String> {
    let schema = schema_in(content);
    let data = &resolved(vendor, schema)["properties"]["Data"];
    &names(vendor, schema) | &names(vendor, data)
}

/// The names of a record's members.
fn names(vendor: &Value, schema: &Value) -> BTreeSet<String> {
    let members = resolved(vendor, schema)["properties"].as_object();
    members
        .into_iter()
        .flat_map(|members| members.keys().cloned())
        .collect()
}

/// The schema of a record: references followed, a list taken for its items.
fn resolved<'a>(vendor: &'a Value, schema: &'a Value) -> &'a Value {
    if let Some(name) = schema["$ref"]
        .as_str()
        .and_then(|path| path.rsplit('/').next())
    {
        return resolved(vendor, &vendor["components"]["schemas"][name]);
    }
    if schema["type"] == "array" {
        return resolved(vendor, &schema["items"]);
    }
    schema
}

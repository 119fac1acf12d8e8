//! The template, expanded.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use serde_json::Value;

/// The template after the transform.
#[derive(Clone, Debug)]
pub struct Template {
    whole: Value,
}

/// The root of the workspace.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

impl Template {
    /// The template of this workspace; expanded once.
    pub fn of_the_workspace() -> &'static Self {
        static EXPANDED: OnceLock<Template> = OnceLock::new();
        EXPANDED.get_or_init(expand)
    }

    /// The same with something changed.
    pub fn broken(&self, change: fn(&mut Value)) -> Self {
        let mut broken = self.clone();
        change(&mut broken.whole);
        assert_ne!(broken.whole, self.whole, "the change changed nothing");
        broken
    }

    /// A whole section, such as `Parameters`.
    pub fn section(&self, name: &str) -> BTreeMap<&str, &Value> {
        let section = self.whole[name].as_object();
        let entries = section.into_iter().flatten();
        entries.map(|(key, value)| (key.as_str(), value)).collect()
    }

    /// `value`, or the default of the parameter that it refers to.
    pub fn with_default(&self, value: &Value) -> Value {
        let parameter = refers_to(value).map(|name| &self.whole["Parameters"][name]["Default"]);
        parameter.unwrap_or(value).clone()
    }

    /// Every resource of this type, by logical id, as its properties.
    pub fn of_type(&self, kind: &str) -> BTreeMap<&str, &Value> {
        let resources = self.section("Resources").into_iter();
        resources
            .filter(|(_, resource)| resource["Type"] == kind)
            .map(|(id, resource)| (id, &resource["Properties"]))
            .collect()
    }

    /// The type of the resource with this logical id.
    pub fn type_of(&self, id: &str) -> Option<&str> {
        self.whole["Resources"][id]["Type"].as_str()
    }

    /// A resource, with everything beside its properties.
    pub fn resource(&self, id: &str) -> &Value {
        &self.whole["Resources"][id]
    }

    /// The functions by the name of their folder: logical id and properties.
    pub fn functions(&self) -> BTreeMap<String, (&str, &Value)> {
        let resources = self.section("Resources").into_iter();
        resources
            .filter(|(_, resource)| resource["Type"] == "AWS::Lambda::Function")
            .map(|(id, resource)| {
                let binary = &resource["Metadata"]["BuildProperties"]["Binary"];
                let name = binary.as_str().unwrap_or(id).to_owned();
                (name, (id, &resource["Properties"]))
            })
            .collect()
    }

    /// The name of the folder of the function with this logical id.
    pub fn folder_of(&self, id: &str) -> Option<String> {
        let mut functions = self.functions().into_iter();
        let found = functions.find(|(_, (known, _))| *known == id);
        found.map(|(folder, _)| folder)
    }
}

/// The logical id that a `Ref` or `Fn::GetAtt` names. Where the table may be one that the stack does not own, the
/// stack's own.
pub fn refers_to(value: &Value) -> Option<&str> {
    let reference = value.as_object()?;
    if let Some(branches) = reference.get("Fn::If")
        && branches[0] == "HasOwnTable"
    {
        return refers_to(&branches[1]);
    }
    match reference.get("Ref") {
        Some(id) => id.as_str(),
        None => match reference.get("Fn::GetAtt")? {
            Value::Array(parts) => parts.first()?.as_str(),
            Value::String(path) => path.split('.').next(),
            _ => None,
        },
    }
}

/// One value or a list of them, as a list.
pub fn listed(value: &Value) -> Vec<&Value> {
    match value {
        Value::Array(values) => values.iter().collect(),
        Value::Null => Vec::new(),
        one => vec![one],
    }
}

/// The place in the template that `path` names, to break something there.
pub fn at<'a>(template: &'a mut Value, path: &str) -> &'a mut Value {
    let place = template.pointer_mut(path);
    place.unwrap_or_else(|| panic!("nothing at {path}"))
}

/// Takes away what `path` names.
pub fn take_away(template: &mut Value, path: &str) {
    let (parent, key) = path.rsplit_once('/').unwrap();
    match at(template, parent) {
        Value::Object(entries) => drop(entries.remove(key).unwrap()),
        Value::Array(values) => drop(values.remove(key.parse().unwrap())),
        other => panic!("nothing can be taken away from {other}"),
    }
}

/// Expands the template with the interpreter of the tests' own environment.
fn expand() -> Template {
    let python = halogard_emulator::python().unwrap();
    let expanded = Command::new(python)
        .arg(root().join("tests/template/expand.py"))
        .arg(root().join("template.yaml"))
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&expanded.stderr);
    assert!(expanded.status.success(), "{said}");
    Template {
        whole: serde_json::from_slice(&expanded.stdout).unwrap(),
    }
}

//! Adds customers to a config file and keeps everything else of it: comments, order, spelling.

use std::collections::BTreeSet;

use halogard_domain::ids::{EnvironmentId, HaloClientId, SiteId};
use toml_edit::{Array, ArrayOfTables, DocumentMut, InlineTable, Item, Table, Value, value};

/// Customers to add to a config file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CustomerEntries {
    /// Environments and their clients.
    pub mapped: Vec<CustomerEntry>,
    /// Environments that get no tickets.
    pub ignored: Vec<EnvironmentId>,
}

/// One customer to add.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CustomerEntry {
    /// The environment in Liongard.
    pub environment: EnvironmentId,
    /// The client in HaloPSA.
    pub client: HaloClientId,
    /// Both names, for the comment above the entry.
    pub names: Option<(String, String)>,
    /// The site.
    pub site: Option<SiteId>,
    /// The template when no rule matches.
    pub template: Option<String>,
    /// Its groups.
    pub groups: BTreeSet<String>,
    /// Whether other environments have the same client.
    pub is_shared: bool,
    /// Which of the alerts that wait get tickets, as the config says it; as `[start]` says when not given.
    pub tickets_for: Option<String>,
}

impl CustomerEntries {
    /// Whether there is nothing to add.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.mapped.is_empty() && self.ignored.is_empty()
    }
}

/// Why a text could not be changed.
#[derive(Debug, thiserror::Error)]
pub enum EditError {
    /// It is not TOML.
    #[error("the config file is not TOML")]
    Syntax(#[from] toml_edit::TomlError),
    /// A key has a value of another type.
    #[error("`{0}` is not a list")]
    NoList(&'static str),
    /// A key has a value of another type.
    #[error("`{0}` is not a table")]
    NoTable(&'static str),
}

/// `text` with `entries` added. Check the result with [`parse`](crate::parse) before it is written.
///
/// # Errors
///
/// [`EditError`] when `text` is not a config file.
pub fn with_customers(text: &str, entries: &CustomerEntries) -> Result<String, EditError> {
    let mut file: DocumentMut = text.parse()?;
    for entry in entries.mapped.iter().filter(|entry| entry.is_shared) {
        say_shared(&mut file, entry.client)?;
    }
    let mut at_end = String::new();
    if !entries.mapped.is_empty() {
        if file.contains_key("environments") && !ends_with_customers(text) {
            add_mapped(&mut file, &entries.mapped)?;
        } else {
            let mut section = DocumentMut::new();
            add_mapped(&mut section, &entries.mapped)?;
            at_end = section.to_string();
        }
    }
    if !entries.ignored.is_empty() {
        let ignored = file.entry("ignore").or_insert_with(|| value(Array::new()));
        let ignored = ignored.as_array_mut().ok_or(EditError::NoList("ignore"))?;
        for environment in &entries.ignored {
            ignored.push(number(environment.get()));
        }
    }
    Ok(appended(file.to_string(), &at_end))
}

/// Whether the last table of `text` is a customer. Comments after it belong to it.
fn ends_with_customers(text: &str) -> bool {
    let mut headings = text.lines().filter(|line| line.starts_with('['));
    let last = headings.next_back();
    last.is_some_and(|heading| heading.starts_with("[[environments]]"))
}

/// `text` and `section` after it: after the comments at its end as well, which may be commented keys of the table
/// before them.
fn appended(mut text: String, section: &str) -> String {
    let section = section.trim_start_matches('\n');
    if section.is_empty() {
        return text;
    }
    if !text.is_empty() {
        if !text.ends_with('\n') {
            text.push('\n');
        }
        text.push('\n');
    }
    text.push_str(section);
    text
}

/// `text` with these settings in `[settings]`, by their names in the file; existing ones are replaced.
///
/// # Errors
///
/// [`EditError`] when `text` is not a config file.
pub fn with_settings(text: &str, settings: &[(String, String)]) -> Result<String, EditError> {
    let mut file: DocumentMut = text.parse()?;
    let Some(table) = file.get_mut("settings") else {
        let values = settings
            .iter()
            .map(|(name, text)| (name.as_str(), value(text.as_str())));
        let mut section = DocumentMut::new();
        section.insert("settings", Item::Table(Table::from_iter(values)));
        return Ok(appended(file.to_string(), &section.to_string()));
    };
    let table = table
        .as_table_like_mut()
        .ok_or(EditError::NoTable("settings"))?;
    for (name, text) in settings {
        table.insert(name, value(text.as_str()));
    }
    Ok(file.to_string())
}

fn add_mapped(file: &mut DocumentMut, entries: &[CustomerEntry]) -> Result<(), EditError> {
    let customers = file
        .entry("environments")
        .or_insert_with(|| Item::ArrayOfTables(ArrayOfTables::new()));
    match customers {
        Item::ArrayOfTables(tables) => {
            for entry in entries {
                let mut table = Table::from_iter(members(entry));
                table.decor_mut().set_prefix(heading(entry));
                tables.push(table);
            }
            Ok(())
        }
        Item::Value(Value::Array(list)) => {
            for entry in entries {
                list.push(Value::InlineTable(InlineTable::from_iter(members(entry))));
            }
            Ok(())
        }
        _ => Err(EditError::NoList("environments")),
    }
}

/// Existing entries of `client` are marked as sharing it, too.
fn say_shared(file: &mut DocumentMut, client: HaloClientId) -> Result<(), EditError> {
    let Some(customers) = file.get_mut("environments") else {
        return Ok(());
    };
    let is_of = |found: Option<i64>| found.is_some_and(|id| u64::try_from(id) == Ok(client.get()));
    match customers {
        Item::ArrayOfTables(tables) => {
            for table in tables.iter_mut() {
                if is_of(table.get("client").and_then(Item::as_integer)) {
                    table.insert("shared", value(true));
                }
            }
            Ok(())
        }
        Item::Value(Value::Array(list)) => {
            let tables = list.iter_mut().filter_map(Value::as_inline_table_mut);
            for table in tables {
                if is_of(table.get("client").and_then(Value::as_integer)) {
                    table.insert("shared", Value::from(true));
                }
            }
            Ok(())
        }
        _ => Err(EditError::NoList("environments")),
    }
}

/// The keys of an entry, as far as they are needed.
fn members(entry: &CustomerEntry) -> Vec<(&'static str, Value)> {
    let mut members = vec![
        ("environment", number(entry.environment.get())),
        ("client", number(entry.client.get())),
    ];
    if let Some(site) = entry.site {
        members.push(("site", number(site.get())));
    }
    if let Some(template) = &entry.template {
        members.push(("template", Value::from(template.as_str())));
    }
    if !entry.groups.is_empty() {
        members.push(("groups", Value::Array(Array::from_iter(&entry.groups))));
    }
    if entry.is_shared {
        members.push(("shared", Value::from(true)));
    }
    if let Some(choice) = &entry.tickets_for {
        members.push(("tickets_for", Value::from(choice.as_str())));
    }
    members
}

/// A blank line, and a comment with both names.
fn heading(entry: &CustomerEntry) -> String {
    let Some((environment, client)) = &entry.names else {
        return "\n".to_owned();
    };
    let plain = |name: &str| -> String {
        let printable = name
            .chars()
            .map(|sign| if sign.is_control() { ' ' } else { sign });
        printable.collect()
    };
    format!("\n# {} is {}\n", plain(environment), plain(client))
}

/// An id as TOML writes it.
fn number(id: u64) -> Value {
    Value::from(i64::try_from(id).unwrap_or(i64::MAX))
}

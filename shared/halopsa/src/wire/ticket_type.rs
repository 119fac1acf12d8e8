//! Ticket types and the fields they ask for.

use halogard_domain::ids::TicketTypeId;
use halogard_wire::values;
use serde::Deserialize;

/// A type of ticket, from the list or, with its fields, by id.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct TicketTypeRow {
    /// The type.
    #[serde(deserialize_with = "values::required_id")]
    pub id: TicketTypeId,
    /// Its name.
    #[serde(default, deserialize_with = "values::text")]
    pub name: Option<String>,
    /// Whether our agent may open such tickets.
    #[serde(default, deserialize_with = "values::flag")]
    pub cancreate: Option<bool>,
    /// The SLA of its tickets unless the customer has another.
    #[serde(default, deserialize_with = "values::integer")]
    pub default_sla: Option<i64>,
    /// Its fields; in the detail only.
    #[serde(default, deserialize_with = "values::list")]
    pub fields: Vec<FieldRow>,
}

/// A field that a type of ticket shows.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct FieldRow {
    /// The field; system fields may have none.
    #[serde(default, deserialize_with = "values::id")]
    pub fieldid: Option<u64>,
    /// Its name on the form.
    #[serde(default, deserialize_with = "values::text")]
    pub fieldname: Option<String>,
    /// Whether it is shown under conditions only.
    #[serde(
        default,
        rename = "visibility_conditions",
        deserialize_with = "values::any_items"
    )]
    pub is_conditional: bool,
    /// What the field is.
    #[serde(default)]
    pub fieldinfo: Option<FieldInfo>,
}

/// What a field is.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct FieldInfo {
    /// The field, by which tickets carry a custom one.
    #[serde(default, deserialize_with = "values::id")]
    pub id: Option<u64>,
    /// Its API name; that of a custom field begins with `CF`.
    #[serde(default, deserialize_with = "values::text")]
    pub name: Option<String>,
    /// What people see.
    #[serde(default, deserialize_with = "values::text")]
    pub label: Option<String>,
    /// A hint that it must be filled in.
    #[serde(default, deserialize_with = "values::flag")]
    pub mandatory: Option<bool>,
    /// 0 text, 1 memo, 2 single select, and others.
    #[serde(default, rename = "type", deserialize_with = "values::integer")]
    pub kind: Option<i64>,
    /// The most characters; 0 for no limit.
    #[serde(default, deserialize_with = "values::integer")]
    pub characterlimit: Option<i64>,
    /// The options of a select.
    #[serde(default, deserialize_with = "values::list")]
    pub values: Vec<FieldOption>,
}

/// An option of a field.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct FieldOption {
    /// What people see.
    #[serde(default, deserialize_with = "values::text")]
    pub name: Option<String>,
}

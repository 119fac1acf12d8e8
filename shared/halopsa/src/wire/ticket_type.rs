//! Ticket types and the fields they ask for.

use halogard_domain::ids::{PriorityId, StatusId, TicketTypeId};
use serde::Deserialize;

use super::lenient;

/// A type of ticket, from the list or, with its fields, by id.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct TicketTypeRow {
    /// The type.
    #[serde(deserialize_with = "lenient::required_id")]
    pub id: TicketTypeId,
    /// Its name.
    #[serde(default, deserialize_with = "lenient::text")]
    pub name: Option<String>,
    /// Whether our agent may open such tickets.
    #[serde(default, deserialize_with = "lenient::flag")]
    pub cancreate: Option<bool>,
    /// Whether agents may choose it.
    #[serde(default, deserialize_with = "lenient::flag")]
    pub agentscanselect: Option<bool>,
    /// The priority given where none is sent.
    #[serde(default, deserialize_with = "lenient::id")]
    pub default_priority: Option<PriorityId>,
    /// The team given where none is sent, by name.
    #[serde(default, deserialize_with = "lenient::text")]
    pub default_team: Option<String>,
    /// The status of a new ticket.
    #[serde(default, deserialize_with = "lenient::id")]
    pub initial_status: Option<StatusId>,
    /// The status of a reopened one.
    #[serde(default, deserialize_with = "lenient::id")]
    pub reopenedstatus: Option<StatusId>,
    /// The status HaloPSA gives by itself after an agent's update.
    #[serde(default, deserialize_with = "lenient::id")]
    pub statusaftertechupdate: Option<StatusId>,
    /// Whether agents must fill fields in.
    #[serde(default, deserialize_with = "lenient::flag")]
    pub hasmandatorytechfields: Option<bool>,
    /// Whether its steps are ruled by a workflow, so that not every outcome can be used.
    #[serde(default, deserialize_with = "lenient::id")]
    pub workflow_id: Option<u64>,
    /// Whether every status is allowed.
    #[serde(default, deserialize_with = "lenient::flag")]
    pub allowall_status: Option<bool>,
    /// Its fields; in the detail only.
    #[serde(default, deserialize_with = "lenient::list")]
    pub fields: Vec<FieldRow>,
}

/// A field that a type of ticket shows.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct FieldRow {
    /// The field; system fields may have none.
    #[serde(default, deserialize_with = "lenient::id")]
    pub fieldid: Option<u64>,
    /// Its name on the form.
    #[serde(default, deserialize_with = "lenient::text")]
    pub fieldname: Option<String>,
    /// Hidden, optional or required on the agent's form for new tickets; which number means
    /// which is to be learnt on the tenant.
    #[serde(default, deserialize_with = "lenient::whole")]
    pub technew: Option<i64>,
    /// The same for the form of an existing ticket.
    #[serde(default, deserialize_with = "lenient::whole")]
    pub techdetail: Option<i64>,
    /// Whether it is shown under conditions only.
    #[serde(
        default,
        rename = "visibility_conditions",
        deserialize_with = "lenient::any_items"
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
    #[serde(default, deserialize_with = "lenient::id")]
    pub id: Option<u64>,
    /// Its API name; that of a custom field begins with `CF`.
    #[serde(default, deserialize_with = "lenient::text")]
    pub name: Option<String>,
    /// What people see.
    #[serde(default, deserialize_with = "lenient::text")]
    pub label: Option<String>,
    /// 0 text, 1 memo, 2 single select, 3 multi select, 4 date, 5 time, 6 checkbox, 10 rich text.
    #[serde(default, rename = "type", deserialize_with = "lenient::whole")]
    pub kind: Option<i64>,
    /// A hint that it must be filled in.
    #[serde(default, deserialize_with = "lenient::flag")]
    pub mandatory: Option<bool>,
    /// The longest text it takes, in characters.
    #[serde(default, deserialize_with = "lenient::whole")]
    pub characterlimit: Option<i64>,
    /// The options of a select.
    #[serde(default, deserialize_with = "lenient::list")]
    pub values: Vec<FieldValue>,
}

/// An option of a select.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct FieldValue {
    /// What a ticket carries.
    #[serde(default, deserialize_with = "lenient::id")]
    pub id: Option<u64>,
    /// What people see.
    #[serde(default, deserialize_with = "lenient::text")]
    pub name: Option<String>,
}

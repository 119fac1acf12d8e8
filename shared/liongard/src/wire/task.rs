//! Alerts, which Liongard's API calls tasks.

use halogard_domain::Timestamp;
use halogard_domain::ids::{AlertId, EnvironmentId, LaunchpointId, RunId};
use halogard_wire::values::{
    self, Lenient, flag, id, lenient_flag, lenient_id, lenient_text, lenient_timestamp,
    required_id, text, timestamp,
};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer};

use super::lookup::{EnvironmentRef, InspectorRef, LookupValue, RuleRef};

/// One alert.
///
/// `Version`, `CreatedBy` and the others Liongard sends are not read: they take too many forms,
/// and nothing here depends on them. Of the others each is read on its own: what is odd in one costs the
/// alert nothing else.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(from = "TaskMembers")]
pub struct TaskRow {
    /// Its number: the stable key.
    pub id: AlertId,
    /// The number people use, as `T20260105.00001`. No key.
    pub common_id: Option<String>,
    /// Usually inspector and rule, as `Active Directory | Stale Accounts`.
    pub name: Option<String>,
    /// The rendered text; may hold HTML.
    pub description: Option<String>,
    /// The customer.
    pub environment: Option<EnvironmentRef>,
    /// How urgent it is.
    pub priority: Option<LookupValue>,
    /// How it stands.
    pub status: Option<LookupValue>,
    /// The rule that raised it.
    pub rule: Option<RuleRef>,
    /// The kind of inspector that found it.
    pub inspector: Option<InspectorRef>,
    /// The launchpoint that found it.
    pub launchpoint: Option<LaunchpointRef>,
    /// The run that found it.
    pub timeline: Option<TimelineRef>,
    /// Most plausibly the ticket Liongard's own integration made. Absent when `fields[]` is used.
    pub external_id: Option<String>,
    /// Whether it is shown.
    pub visible: Option<bool>,
    /// When it was raised.
    pub created_on: Option<Timestamp>,
    /// When it was last changed; none until the first change.
    pub updated_on: Option<Timestamp>,
    /// Members whose values could not be read.
    pub odd: Vec<&'static str>,
}

/// The members of an alert, each read on its own.
#[derive(Deserialize)]
struct TaskMembers {
    #[serde(rename = "ID", deserialize_with = "required_id")]
    id: AlertId,
    #[serde(rename = "CommonID", default, deserialize_with = "lenient_text")]
    common_id: Lenient<String>,
    #[serde(rename = "Name", default, deserialize_with = "lenient_text")]
    name: Lenient<String>,
    #[serde(rename = "Description", default, deserialize_with = "lenient_text")]
    description: Lenient<String>,
    #[serde(
        rename = "Environment",
        default,
        deserialize_with = "lenient_environment"
    )]
    environment: Lenient<EnvironmentRef>,
    #[serde(rename = "Priority", default, deserialize_with = "lenient_named")]
    priority: Lenient<LookupValue>,
    #[serde(rename = "Status", default, deserialize_with = "lenient_named")]
    status: Lenient<LookupValue>,
    #[serde(rename = "Rule", default, deserialize_with = "lenient_record")]
    rule: Lenient<RuleRef>,
    #[serde(rename = "Inspector", default, deserialize_with = "lenient_record")]
    inspector: Lenient<InspectorRef>,
    #[serde(rename = "Launchpoint", default, deserialize_with = "lenient_record")]
    launchpoint: Lenient<LaunchpointRef>,
    #[serde(rename = "Timeline", default, deserialize_with = "lenient_record")]
    timeline: Lenient<TimelineRef>,
    #[serde(rename = "ExternalID", default, deserialize_with = "lenient_text")]
    external_id: Lenient<String>,
    #[serde(rename = "Visible", default, deserialize_with = "lenient_flag")]
    visible: Lenient<bool>,
    #[serde(rename = "CreatedOn", default, deserialize_with = "lenient_timestamp")]
    created_on: Lenient<Timestamp>,
    #[serde(rename = "UpdatedOn", default, deserialize_with = "lenient_timestamp")]
    updated_on: Lenient<Timestamp>,
}

impl From<TaskMembers> for TaskRow {
    fn from(read: TaskMembers) -> Self {
        let mut odd = Vec::new();
        let mut row = Self {
            id: read.id,
            common_id: read.common_id.or_note("CommonID", &mut odd),
            name: read.name.or_note("Name", &mut odd),
            description: read.description.or_note("Description", &mut odd),
            environment: read.environment.or_note("Environment", &mut odd),
            priority: read.priority.or_note("Priority", &mut odd),
            status: read.status.or_note("Status", &mut odd),
            rule: read.rule.or_note("Rule", &mut odd),
            inspector: read.inspector.or_note("Inspector", &mut odd),
            launchpoint: read.launchpoint.or_note("Launchpoint", &mut odd),
            timeline: read.timeline.or_note("Timeline", &mut odd),
            external_id: read.external_id.or_note("ExternalID", &mut odd),
            visible: read.visible.or_note("Visible", &mut odd),
            created_on: read.created_on.or_note("CreatedOn", &mut odd),
            updated_on: read.updated_on.or_note("UpdatedOn", &mut odd),
            odd: Vec::new(),
        };
        row.odd = odd;
        row
    }
}

fn lenient_named<'de, D: Deserializer<'de>>(from: D) -> Result<Lenient<LookupValue>, D::Error> {
    values::lenient(from, |json| values::named(json))
}

fn lenient_environment<'de, D: Deserializer<'de>>(
    from: D,
) -> Result<Lenient<EnvironmentRef>, D::Error> {
    values::lenient(from, |json| EnvironmentRef::deserialize_lenient(json))
}

/// An id, or none where it cannot be read.
pub(super) fn readable_id<'de, D: Deserializer<'de>, I: From<u64>>(
    from: D,
) -> Result<Option<I>, D::Error> {
    Ok(lenient_id(from)?.or_note("", &mut Vec::new()))
}

/// Text, or none where it cannot be read.
pub(super) fn readable_text<'de, D: Deserializer<'de>>(
    from: D,
) -> Result<Option<String>, D::Error> {
    Ok(lenient_text(from)?.or_note("", &mut Vec::new()))
}

/// A customer, or none where it cannot be read.
fn readable_environment<'de, D: Deserializer<'de>>(
    from: D,
) -> Result<Option<EnvironmentRef>, D::Error> {
    Ok(lenient_environment(from)?.or_note("", &mut Vec::new()))
}

fn lenient_record<'de, D, T>(from: D) -> Result<Lenient<T>, D::Error>
where
    D: Deserializer<'de>,
    T: DeserializeOwned,
{
    values::lenient(from, |json| Option::<T>::deserialize(json))
}

impl TaskRow {
    /// The customer's number, from whichever member names it.
    #[must_use]
    pub fn environment_id(&self) -> Option<EnvironmentId> {
        let id = |environment: &Option<EnvironmentRef>| environment.as_ref()?.id;
        let launchpoint = || {
            let launchpoint = self.launchpoint.as_ref()?;
            launchpoint
                .environment_id
                .or_else(|| id(&launchpoint.environment))
        };
        id(&self.environment).or_else(launchpoint)
    }

    /// What is odd about the alert, for the log; `None` when nothing is.
    #[must_use]
    pub fn oddities(&self) -> Option<String> {
        (!self.odd.is_empty()).then(|| format!("{} at {}", self.id, self.odd.join(", ")))
    }
}

/// A launchpoint, as other records embed it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub struct LaunchpointRef {
    /// Its number.
    #[serde(rename = "ID", default, deserialize_with = "readable_id")]
    pub id: Option<LaunchpointId>,
    /// What people see.
    #[serde(rename = "Alias", default, deserialize_with = "readable_text")]
    pub alias: Option<String>,
    /// The customer.
    #[serde(rename = "EnvironmentID", default, deserialize_with = "readable_id")]
    pub environment_id: Option<EnvironmentId>,
    /// The same, where it is embedded.
    #[serde(
        rename = "Environment",
        default,
        deserialize_with = "readable_environment"
    )]
    pub environment: Option<EnvironmentRef>,
}

/// A run, as an alert embeds it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub struct TimelineRef {
    /// Its number.
    #[serde(rename = "ID", default, deserialize_with = "id")]
    pub id: Option<RunId>,
    /// Its status when the alert was raised.
    #[serde(rename = "Status", default, deserialize_with = "text")]
    pub status: Option<String>,
    /// Whether it was requested.
    #[serde(rename = "AdHoc", default, deserialize_with = "flag")]
    pub ad_hoc: Option<bool>,
    /// When it ended.
    #[serde(rename = "FinishedAt", default, deserialize_with = "timestamp")]
    pub finished_at: Option<Timestamp>,
}

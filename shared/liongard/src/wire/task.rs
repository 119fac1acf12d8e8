//! Alerts, which Liongard's API calls tasks.

use halogard_domain::Timestamp;
use halogard_domain::ids::{AlertId, EnvironmentId, LaunchpointId, RunId};
use halogard_wire::values::{flag, id, named, required_id, text, timestamp};
use serde::Deserialize;

use super::lookup::{EnvironmentRef, InspectorRef, LookupValue, RuleRef};

/// One alert.
///
/// `Version`, `CreatedBy` and the others Liongard sends are not read: they take too many forms,
/// and nothing here depends on them.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct TaskRow {
    /// Its number: the stable key.
    #[serde(rename = "ID", deserialize_with = "required_id")]
    pub id: AlertId,
    /// The number people use, as `T20260105.00001`. No key.
    #[serde(rename = "CommonID", default, deserialize_with = "text")]
    pub common_id: Option<String>,
    /// Usually inspector and rule, as `Active Directory | Stale Accounts`.
    #[serde(rename = "Name", default, deserialize_with = "text")]
    pub name: Option<String>,
    /// The rendered text; may hold HTML.
    #[serde(rename = "Description", default, deserialize_with = "text")]
    pub description: Option<String>,
    /// The customer.
    #[serde(rename = "Environment", default)]
    pub environment: Option<EnvironmentRef>,
    /// How urgent it is.
    #[serde(rename = "Priority", default, deserialize_with = "named")]
    pub priority: Option<LookupValue>,
    /// Its status.
    #[serde(rename = "Status", default, deserialize_with = "named")]
    pub status: Option<LookupValue>,
    /// The rule that raised it.
    #[serde(rename = "Rule", default)]
    pub rule: Option<RuleRef>,
    /// The kind of inspector that found it.
    #[serde(rename = "Inspector", default)]
    pub inspector: Option<InspectorRef>,
    /// The launchpoint that found it.
    #[serde(rename = "Launchpoint", default)]
    pub launchpoint: Option<LaunchpointRef>,
    /// The run that found it.
    #[serde(rename = "Timeline", default)]
    pub timeline: Option<TimelineRef>,
    /// Most plausibly the ticket Liongard's own integration made. Absent when `fields[]` is used.
    #[serde(rename = "ExternalID", default, deserialize_with = "text")]
    pub external_id: Option<String>,
    /// Whether it is shown.
    #[serde(rename = "Visible", default, deserialize_with = "flag")]
    pub visible: Option<bool>,
    /// When it was raised.
    #[serde(rename = "CreatedOn", default, deserialize_with = "timestamp")]
    pub created_on: Option<Timestamp>,
    /// When it was last changed; none until the first change.
    #[serde(rename = "UpdatedOn", default, deserialize_with = "timestamp")]
    pub updated_on: Option<Timestamp>,
}

impl TaskRow {
    /// When it last changed, being raised included.
    #[must_use]
    pub fn changed_on(&self) -> Option<Timestamp> {
        self.updated_on.or(self.created_on)
    }

    /// The customer's number, from the alert or else from its launchpoint.
    #[must_use]
    pub fn environment_id(&self) -> Option<EnvironmentId> {
        let own = self
            .environment
            .as_ref()
            .and_then(|environment| environment.id);
        own.or_else(|| self.launchpoint.as_ref()?.environment_id)
    }
}

/// A launchpoint, as other records embed it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub struct LaunchpointRef {
    /// Its number.
    #[serde(rename = "ID", default, deserialize_with = "id")]
    pub id: Option<LaunchpointId>,
    /// What people see.
    #[serde(rename = "Alias", default, deserialize_with = "text")]
    pub alias: Option<String>,
    /// The customer.
    #[serde(rename = "EnvironmentID", default, deserialize_with = "id")]
    pub environment_id: Option<EnvironmentId>,
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

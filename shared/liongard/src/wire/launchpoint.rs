//! Launchpoints, and the kinds of inspectors they run.

use halogard_domain::Timestamp;
use halogard_domain::ids::{EnvironmentId, LaunchpointId};
use halogard_wire::values::{flag, id, integer, required_id, text, timestamp};
use serde::Deserialize;

use super::lookup::{EnvironmentRef, InspectorRef};

/// One configured inspector with its schedule.
///
/// `Config` is not read: it is the customer's set-up, and may name accounts and addresses.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct LaunchpointRow {
    /// Its number.
    #[serde(rename = "ID", deserialize_with = "required_id")]
    pub id: LaunchpointId,
    /// What people see.
    #[serde(rename = "Alias", default, deserialize_with = "text")]
    pub alias: Option<String>,
    /// What it runs.
    #[serde(rename = "Inspector", default)]
    pub inspector: Option<InspectorRef>,
    /// The customer, with its name.
    #[serde(rename = "Environment", default)]
    pub environment: Option<EnvironmentRef>,
    /// The customer's number alone. See [`LaunchpointRow::environment_id`].
    #[serde(rename = "EnvironmentID", default, deserialize_with = "id")]
    pub own_environment_id: Option<EnvironmentId>,
    /// Whether it runs at all.
    #[serde(rename = "Enabled", default, deserialize_with = "flag")]
    pub enabled: Option<bool>,
    /// Whether it is shown.
    #[serde(rename = "Visible", default, deserialize_with = "flag")]
    pub visible: Option<bool>,
    /// Its status, in Liongard's words; `Active` was observed.
    #[serde(rename = "Status", default, deserialize_with = "text")]
    pub status: Option<String>,
    /// How many runs were requested.
    #[serde(rename = "TotalAdHocRuns", default, deserialize_with = "integer")]
    pub total_ad_hoc_runs: Option<i64>,
    /// When a run was last requested.
    #[serde(rename = "LastAdHocRun", default, deserialize_with = "timestamp")]
    pub last_ad_hoc_run: Option<Timestamp>,
    /// When it last ran by its schedule.
    #[serde(rename = "LastScheduledRun", default, deserialize_with = "timestamp")]
    pub last_scheduled_run: Option<Timestamp>,
    /// When it runs next by its schedule.
    #[serde(rename = "NextScheduledFor", default, deserialize_with = "timestamp")]
    pub next_scheduled_for: Option<Timestamp>,
}

impl LaunchpointRow {
    /// The customer's number, whichever member holds it.
    #[must_use]
    pub fn environment_id(&self) -> Option<EnvironmentId> {
        let embedded = self
            .environment
            .as_ref()
            .and_then(|environment| environment.id);
        self.own_environment_id.or(embedded)
    }

    /// Whether it runs the inspector with this machine name, as `halopsa-inspector`.
    #[must_use]
    pub fn runs(&self, inspector_name: &str) -> bool {
        let name = self
            .inspector
            .as_ref()
            .and_then(|inspector| inspector.name.as_deref());
        name.is_some_and(|name| name.eq_ignore_ascii_case(inspector_name))
    }
}

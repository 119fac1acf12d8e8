//! How a tenant is set up: statuses, priorities, teams, outcomes, settings, addresses.

use halogard_domain::ids::{OutcomeId, PriorityId, StatusId, TeamId, TechnicianId};
use halogard_wire::values;
use serde::Deserialize;

/// Where tokens are issued, from `/AuthInfo`; the one answer that needs no token.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct AuthInfo {
    /// The authorisation server.
    #[serde(default, deserialize_with = "values::text")]
    pub auth_url: Option<String>,
    /// The tenant.
    #[serde(default, deserialize_with = "values::text")]
    pub tenant_id: Option<String>,
}

/// What HaloPSA says about itself, from `/InstanceInfo`, which needs no token. Which member holds the build is
/// not documented.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(transparent)]
pub struct InstanceInfo(serde_json::Value);

impl InstanceInfo {
    /// The build, such as `2.236.133`: the first text of digits and dots under a name with "build" or "version".
    #[must_use]
    pub fn build(&self) -> Option<&str> {
        let members = self.0.as_object()?.iter();
        let texts =
            members.filter_map(|(name, value)| Some((name.to_lowercase(), value.as_str()?)));
        let is_build = |text: &str| {
            text.contains('.')
                && text.len() <= 40
                && text.chars().all(|c| c.is_ascii_digit() || c == '.')
        };
        texts
            .filter(|(name, _)| name.contains("version") || name.contains("build"))
            .map(|(_, text)| text.trim())
            .find(|text| is_build(text))
    }
}

/// A ticket status.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct StatusRow {
    /// The status.
    #[serde(deserialize_with = "values::required_id")]
    pub id: StatusId,
    /// Its name.
    #[serde(default, deserialize_with = "values::text")]
    pub name: Option<String>,
}

/// A priority under one SLA: the same `priorityid` comes once per SLA.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct PriorityRow {
    /// What tickets carry as `priority_id`. The row's own `id` is a GUID and is not read.
    #[serde(deserialize_with = "values::required_id")]
    pub priorityid: PriorityId,
    /// Its name.
    #[serde(default, deserialize_with = "values::text")]
    pub name: Option<String>,
    /// Whether technicians do not see it.
    #[serde(default, deserialize_with = "values::flag")]
    pub ishidden: Option<bool>,
    /// The SLA it belongs to.
    #[serde(default, deserialize_with = "values::integer")]
    pub slaid: Option<i64>,
}

/// A team.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct TeamRow {
    /// The team.
    #[serde(default, deserialize_with = "values::id")]
    pub id: Option<TeamId>,
    /// Its name, by which tickets carry it.
    #[serde(default, deserialize_with = "values::text")]
    pub name: Option<String>,
    /// Whether it is no longer used.
    #[serde(default, deserialize_with = "values::flag")]
    pub inactive: Option<bool>,
    /// Whether it takes tickets.
    #[serde(default, deserialize_with = "values::flag")]
    pub forrequests: Option<bool>,
    /// The department it belongs to.
    #[serde(default, deserialize_with = "values::integer")]
    pub department_id: Option<i64>,
}

impl TeamRow {
    /// Its name and number, if it has both.
    pub(crate) fn numbered(&self) -> Option<(&str, TeamId)> {
        self.name.as_deref().zip(self.id)
    }
}

/// An application that may call the API. Its secret is not read.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct ApplicationRow {
    /// Its client id.
    #[serde(default, rename = "clientId", deserialize_with = "values::text")]
    pub client_id: Option<String>,
    /// Its name.
    #[serde(default, rename = "displayName", deserialize_with = "values::text")]
    pub display_name: Option<String>,
    /// The agent it acts as.
    #[serde(default, deserialize_with = "values::id")]
    pub loginas_agent_id: Option<TechnicianId>,
    /// Whether it may not be used.
    #[serde(default, deserialize_with = "values::flag")]
    pub inactive: Option<bool>,
    /// What it may ask for.
    #[serde(default, deserialize_with = "values::list")]
    pub scopes: Vec<ApplicationScopeRow>,
}

/// What an application may ask for.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct ApplicationScopeRow {
    /// The scope.
    #[serde(default, deserialize_with = "values::text")]
    pub name: Option<String>,
}

/// A category, its levels joined by `>`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct CategoryRow {
    /// The whole path.
    #[serde(default, deserialize_with = "values::text")]
    pub value: Option<String>,
}

/// An outcome: a kind of action.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct OutcomeRow {
    /// The outcome; system outcomes with negative numbers have none.
    #[serde(default, deserialize_with = "values::id")]
    pub id: Option<OutcomeId>,
    /// Its name.
    #[serde(default, deserialize_with = "values::text")]
    pub outcome: Option<String>,
    /// Whether it is not offered.
    #[serde(default, deserialize_with = "values::flag")]
    pub hidden: Option<bool>,
}

/// The tenant's settings that matter to us.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Control {
    /// Whether a ticket must be assigned before it is closed.
    #[serde(default, deserialize_with = "values::flag")]
    pub mustassigntoclose: Option<bool>,
    /// Whether HaloPSA's own Liongard integration is on.
    #[serde(default, deserialize_with = "values::flag")]
    pub halointegrator_liongard: Option<bool>,
}

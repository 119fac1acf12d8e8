//! How a tenant is set up: statuses, priorities, teams, outcomes, settings, addresses.

use halogard_domain::ids::{OutcomeId, PriorityId, StatusId};
use serde::Deserialize;

use super::{TeamId, lenient};

/// Where tokens are issued, from `/AuthInfo`; the one answer that needs no token.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct AuthInfo {
    /// The authorisation server.
    #[serde(default, deserialize_with = "lenient::text")]
    pub auth_url: Option<String>,
    /// The tenant.
    #[serde(default, deserialize_with = "lenient::text")]
    pub tenant_id: Option<String>,
}

/// A ticket status.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct StatusRow {
    /// The status.
    #[serde(deserialize_with = "lenient::required_id")]
    pub id: StatusId,
    /// Its name.
    #[serde(default, deserialize_with = "lenient::text")]
    pub name: Option<String>,
    /// Its short name.
    #[serde(default, deserialize_with = "lenient::text")]
    pub shortname: Option<String>,
    /// What kind it is; the numbers are not documented.
    #[serde(default, rename = "type", deserialize_with = "lenient::whole")]
    pub kind: Option<i64>,
    /// Its place in lists.
    #[serde(default, deserialize_with = "lenient::whole")]
    pub sequence: Option<i64>,
}

/// A priority under one SLA: the same `priorityid` comes once per SLA.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct PriorityRow {
    /// What tickets carry as `priority_id`. The row's own `id` is a GUID and is not read.
    #[serde(deserialize_with = "lenient::required_id")]
    pub priorityid: PriorityId,
    /// The SLA.
    #[serde(default, deserialize_with = "lenient::id")]
    pub slaid: Option<u64>,
    /// Its name.
    #[serde(default, deserialize_with = "lenient::text")]
    pub name: Option<String>,
    /// Whether technicians do not see it.
    #[serde(default, deserialize_with = "lenient::flag")]
    pub ishidden: Option<bool>,
}

/// A team.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct TeamRow {
    /// The team.
    #[serde(deserialize_with = "lenient::required_id")]
    pub id: TeamId,
    /// Its name, by which tickets carry it.
    #[serde(default, deserialize_with = "lenient::text")]
    pub name: Option<String>,
    /// Whether it is no longer used.
    #[serde(default, deserialize_with = "lenient::flag")]
    pub inactive: Option<bool>,
    /// Whether it works tickets, as opposed to projects or sales.
    #[serde(default, deserialize_with = "lenient::flag")]
    pub forrequests: Option<bool>,
}

/// An outcome: a kind of action.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct OutcomeRow {
    /// The outcome; system outcomes with negative numbers have none.
    #[serde(default, deserialize_with = "lenient::id")]
    pub id: Option<OutcomeId>,
    /// Its name.
    #[serde(default, deserialize_with = "lenient::text")]
    pub outcome: Option<String>,
    /// What its button says.
    #[serde(default, deserialize_with = "lenient::text")]
    pub buttonname: Option<String>,
    /// Whether it is not offered.
    #[serde(default, deserialize_with = "lenient::flag")]
    pub hidden: Option<bool>,
    /// The status it gives the ticket.
    #[serde(default, deserialize_with = "lenient::id")]
    pub newstatus: Option<StatusId>,
    /// Whether end users do not see it unless told otherwise.
    #[serde(default, deserialize_with = "lenient::flag")]
    pub hidefromuser: Option<bool>,
    /// Whether it demands a note.
    #[serde(default, deserialize_with = "lenient::flag")]
    pub mustaddnote: Option<bool>,
    /// Whether it demands an assigned agent.
    #[serde(default, deserialize_with = "lenient::flag")]
    pub mustassign: Option<bool>,
    /// When it mails; the numbers are not documented.
    #[serde(default, deserialize_with = "lenient::whole")]
    pub sendemail: Option<i64>,
}

/// The tenant's settings that matter to us.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Control {
    /// HaloPSA's version.
    #[serde(default, deserialize_with = "lenient::text")]
    pub app_version: Option<String>,
    /// Whether a ticket must be assigned before it is closed.
    #[serde(default, deserialize_with = "lenient::flag")]
    pub mustassigntoclose: Option<bool>,
    /// How ticket numbers are made. 0, the default, makes parallel creates collide; the number
    /// of "auto-incrementing key" is not documented.
    #[serde(default, deserialize_with = "lenient::whole")]
    pub nextfaultidcalculationmethod: Option<i64>,
    /// Whether HaloPSA's own Liongard integration is on.
    #[serde(default, deserialize_with = "lenient::flag")]
    pub halointegrator_liongard: Option<bool>,
}

//! Agents: HaloPSA's word for technicians, and for what our application acts as.

use halogard_domain::ids::{TechnicianId, TicketTypeId};
use halogard_wire::values;
use serde::Deserialize;

/// The agent of an unassigned ticket.
pub const UNASSIGNED_AGENT: TechnicianId = TechnicianId::new(1);

/// An agent, from the list or from `/Agent/me`. The list leaves the memberships out.
///
/// The e-mail address is not read: nothing here needs it.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct AgentRow {
    /// The agent.
    #[serde(deserialize_with = "values::required_id")]
    pub id: TechnicianId,
    /// Its name.
    #[serde(default, deserialize_with = "values::text")]
    pub name: Option<String>,
    /// Whether it exists for the API only: no person can sign in as it.
    #[serde(default, deserialize_with = "values::flag")]
    pub isapiagent: Option<bool>,
    /// Whether it may not sign in.
    #[serde(default, deserialize_with = "values::flag")]
    pub isdisabled: Option<bool>,
    /// Whether it may do everything.
    #[serde(default, deserialize_with = "values::flag")]
    pub is_admin: Option<bool>,
    /// Its first team.
    #[serde(default, deserialize_with = "values::text")]
    pub team: Option<String>,
    /// Its teams; of our own agent only.
    #[serde(default, deserialize_with = "values::list")]
    pub teams: Vec<TeamMembershipRow>,
    /// Its departments; of our own agent only.
    #[serde(default, deserialize_with = "values::list")]
    pub departments: Vec<DepartmentRow>,
    /// What it may do with each type of ticket; of our own agent only.
    #[serde(default, deserialize_with = "values::list")]
    pub tickettypes: Vec<TypeRightRow>,
}

/// A membership of a team, and what it lets the agent see.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct TeamMembershipRow {
    /// The team's name.
    #[serde(default, deserialize_with = "values::text")]
    pub team_name: Option<String>,
    /// Whether it sees the team's unassigned tickets.
    #[serde(default, deserialize_with = "values::flag")]
    pub unassigned_access: Option<bool>,
    /// Whether it sees the tickets of the team's other agents.
    #[serde(default, deserialize_with = "values::flag")]
    pub otheragent_access: Option<bool>,
}

/// A membership of a department.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct DepartmentRow {
    /// The department.
    #[serde(default, deserialize_with = "values::integer")]
    pub department_id: Option<i64>,
}

/// What an agent may do with a type of ticket.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct TypeRightRow {
    /// The type.
    #[serde(default, deserialize_with = "values::id")]
    pub tickettype_id: Option<TicketTypeId>,
    /// Whether it may open such tickets.
    #[serde(default, deserialize_with = "values::flag")]
    pub cancreate: Option<bool>,
    /// Whether it may change them.
    #[serde(default, deserialize_with = "values::flag")]
    pub canedit: Option<bool>,
}

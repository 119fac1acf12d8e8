//! Agents: HaloPSA's word for technicians, and for what our application acts as.

use std::fmt;

use halogard_domain::ids::{HaloClientId, TechnicianId, TicketTypeId};
use serde::Deserialize;

use super::lenient;

/// The agent that stands for "nobody" on tickets.
pub const UNASSIGNED_AGENT: TechnicianId = TechnicianId::new(1);

/// A team, by number. Tickets name teams by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TeamId(pub u64);

impl fmt::Display for TeamId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl lenient::WireId for TeamId {
    fn from_wire(value: u64) -> Self {
        Self(value)
    }
}

/// An agent, from the list or from `/Agent/me`. The list leaves the memberships out.
///
/// The e-mail address is not read: nothing here needs it.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct AgentRow {
    /// The agent.
    #[serde(deserialize_with = "lenient::required_id")]
    pub id: TechnicianId,
    /// Its name.
    #[serde(default, deserialize_with = "lenient::text")]
    pub name: Option<String>,
    /// Whether it may not sign in.
    #[serde(default, deserialize_with = "lenient::flag")]
    pub isdisabled: Option<bool>,
    /// Whether it is for the API only: no licence, and no tickets can be given to it.
    #[serde(default, deserialize_with = "lenient::flag")]
    pub isapiagent: Option<bool>,
    /// Whether it is an administrator.
    #[serde(default, deserialize_with = "lenient::flag")]
    pub is_admin: Option<bool>,
    /// Its default team, by name.
    #[serde(default, deserialize_with = "lenient::text")]
    pub team: Option<String>,
    /// The teams it belongs to.
    #[serde(default, deserialize_with = "lenient::list")]
    pub teams: Vec<AgentTeam>,
    /// What it may do with which type of ticket; empty means no restriction.
    #[serde(default, deserialize_with = "lenient::list")]
    pub tickettypes: Vec<AgentTicketType>,
    /// The customers it is restricted to; empty means no restriction.
    #[serde(default, deserialize_with = "lenient::list")]
    pub clients: Vec<AgentClient>,
}

/// A team an agent belongs to.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct AgentTeam {
    /// The team.
    #[serde(default, deserialize_with = "lenient::id")]
    pub team_id: Option<TeamId>,
    /// Its name.
    #[serde(default, deserialize_with = "lenient::text")]
    pub team_name: Option<String>,
    /// Whether the agent sees the team's unassigned tickets.
    #[serde(default, deserialize_with = "lenient::flag")]
    pub unassigned_access: Option<bool>,
    /// Whether the agent sees tickets of the team's other agents.
    #[serde(default, deserialize_with = "lenient::flag")]
    pub otheragent_access: Option<bool>,
}

/// What an agent may do with one type of ticket.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct AgentTicketType {
    /// The type.
    #[serde(default, deserialize_with = "lenient::id")]
    pub tickettype_id: Option<TicketTypeId>,
    /// Whether it may open such tickets.
    #[serde(default, deserialize_with = "lenient::flag")]
    pub cancreate: Option<bool>,
    /// Whether it may see them.
    #[serde(default, deserialize_with = "lenient::flag")]
    pub canview: Option<bool>,
    /// Whether it may change them.
    #[serde(default, deserialize_with = "lenient::flag")]
    pub canedit: Option<bool>,
}

/// A customer an agent is restricted to.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct AgentClient {
    /// The customer.
    #[serde(default, deserialize_with = "lenient::id")]
    pub client_id: Option<HaloClientId>,
}

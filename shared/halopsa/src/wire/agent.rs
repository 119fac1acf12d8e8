//! Agents: HaloPSA's word for technicians, and for what our application acts as.

use halogard_domain::ids::TechnicianId;
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
}

//! How the service desk is set up: statuses, types, priorities, people.

/// Ids of the sample tenant's ticket statuses.
pub mod status_ids {
    /// Just logged.
    pub const NEW: i64 = 1;
    /// Being worked on.
    pub const IN_PROGRESS: i64 = 2;
    /// Waiting for the customer.
    pub const WAITING: i64 = 3;
    /// Done, not yet archived; counts as closed.
    pub const RESOLVED: i64 = 8;
    /// Closed.
    pub const CLOSED: i64 = 9;
}

/// A ticket status.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Status {
    /// Its id.
    pub id: i64,
    /// Its name.
    pub name: String,
    /// Whether a ticket in it counts as closed.
    pub closed: bool,
}

/// A ticket type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TicketType {
    /// Its id.
    pub id: i64,
    /// Its name.
    pub name: String,
    /// Members a new ticket must bring: API names such as `category_1`, or `CF…` names.
    pub mandatory_fields: Vec<String>,
    /// Whether the API's agent may log it.
    pub can_create: bool,
    /// Status of a new ticket.
    pub initial_status: i64,
    /// Priority of a new ticket.
    pub default_priority: i64,
    /// Team of a new ticket.
    pub default_team: String,
}

/// A priority of one service level agreement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Priority {
    /// The row's GUID, which tickets do not use.
    pub id: String,
    /// The number tickets use.
    pub priority_id: i64,
    /// The agreement it belongs to.
    pub sla_id: i64,
    /// Its name.
    pub name: String,
    /// Whether it is out of use.
    pub hidden: bool,
}

/// A team.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Team {
    /// Its id.
    pub id: i64,
    /// Its name, by which tickets refer to it.
    pub name: String,
}

/// A technician, or the agent an API application works as.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Agent {
    /// Its id; 1 means "unassigned".
    pub id: i64,
    /// Its name.
    pub name: String,
    /// Its team.
    pub team: String,
    /// Whether it exists for the API only; such an agent is never given tickets.
    pub api_only: bool,
    /// Whether it may no longer work.
    pub disabled: bool,
}

/// An outcome, the kind of an action.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutcomeSpec {
    /// Its id.
    pub id: i64,
    /// Its name.
    pub name: String,
    /// Whether its actions are hidden from the customer.
    pub hidden_from_user: bool,
}

/// A custom field of tickets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CustomField {
    /// Its id.
    pub id: i64,
    /// Its API name, which starts with `CF`.
    pub name: String,
    /// What people read.
    pub label: String,
    /// Its type: 0 text, 1 memo, 2 single select and so on.
    pub kind: i64,
    /// The options of a select, from id 1.
    pub options: Vec<String>,
}

/// The whole set-up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServiceDeskSetup {
    /// Ticket statuses.
    pub statuses: Vec<Status>,
    /// Ticket types; the first is the default.
    pub ticket_types: Vec<TicketType>,
    /// Priorities of every agreement.
    pub priorities: Vec<Priority>,
    /// Teams.
    pub teams: Vec<Team>,
    /// Agents.
    pub agents: Vec<Agent>,
    /// Outcomes.
    pub outcomes: Vec<OutcomeSpec>,
    /// Custom fields.
    pub custom_fields: Vec<CustomField>,
    /// Categories of tickets, levels joined by `>`.
    pub categories: Vec<String>,
}

impl ServiceDeskSetup {
    /// A small tenant with the ids of a stock tenant.
    #[must_use]
    pub fn sample() -> Self {
        use status_ids::{CLOSED, IN_PROGRESS, NEW, RESOLVED, WAITING};
        let status = |id, name: &str, closed| Status {
            id,
            name: name.to_owned(),
            closed,
        };
        let team = |id, name: &str| Team {
            id,
            name: name.to_owned(),
        };
        let outcome = |id, name: &str, hidden_from_user| OutcomeSpec {
            id,
            name: name.to_owned(),
            hidden_from_user,
        };
        Self {
            statuses: vec![
                status(NEW, "New", false),
                status(IN_PROGRESS, "In Progress", false),
                status(WAITING, "Waiting on Customer", false),
                status(RESOLVED, "Resolved", true),
                status(CLOSED, "Closed", true),
            ],
            ticket_types: ticket_types(),
            priorities: priorities(),
            teams: vec![team(1, "Service Desk"), team(2, "Projects")],
            agents: agents(),
            outcomes: vec![
                outcome(4, "Changed Status", true),
                outcome(5, "Email User", false),
                outcome(7, "Internal Note", true),
                outcome(8, "Note", false),
                outcome(9, "Resolve", false),
                outcome(12, "Re-Assign", true),
            ],
            custom_fields: custom_fields(),
            categories: ["Infrastructure", "Infrastructure>Server", "Security"]
                .map(str::to_owned)
                .to_vec(),
        }
    }

    /// The status with this id.
    #[must_use]
    pub fn status(&self, id: i64) -> Option<&Status> {
        self.statuses.iter().find(|status| status.id == id)
    }

    /// Whether a ticket in this status counts as closed.
    #[must_use]
    pub fn is_closed(&self, status: i64) -> bool {
        self.status(status).is_some_and(|status| status.closed)
    }

    /// The ticket type with this id.
    #[must_use]
    pub fn ticket_type(&self, id: i64) -> Option<&TicketType> {
        self.ticket_types.iter().find(|kind| kind.id == id)
    }

    /// The agent with this id.
    #[must_use]
    pub fn agent(&self, id: i64) -> Option<&Agent> {
        self.agents.iter().find(|agent| agent.id == id)
    }

    /// The team with this name.
    #[must_use]
    pub fn team(&self, name: &str) -> Option<&Team> {
        self.teams
            .iter()
            .find(|team| team.name.eq_ignore_ascii_case(name))
    }

    /// Any priority row with this number.
    #[must_use]
    pub fn priority(&self, priority_id: i64) -> Option<&Priority> {
        self.priorities
            .iter()
            .find(|priority| priority.priority_id == priority_id)
    }

    /// The custom field with this id or API name.
    #[must_use]
    pub fn custom_field(&self, id: Option<i64>, name: Option<&str>) -> Option<&CustomField> {
        self.custom_fields.iter().find(|field| {
            id == Some(field.id) || name.is_some_and(|name| field.name.eq_ignore_ascii_case(name))
        })
    }
}

/// The sample's ticket types.
fn ticket_types() -> Vec<TicketType> {
    let kind = |id, name: &str, team: &str, can_create| TicketType {
        id,
        name: name.to_owned(),
        mandatory_fields: vec!["summary".to_owned()],
        can_create,
        initial_status: status_ids::NEW,
        default_priority: 3,
        default_team: team.to_owned(),
    };
    vec![
        kind(6, "Incident", "Service Desk", true),
        kind(5, "Alert", "Service Desk", true),
        kind(7, "Service Request", "Service Desk", true),
        kind(11, "Project Task", "Projects", false),
    ]
}

/// Four priorities under each of two agreements, and a hidden one.
fn priorities() -> Vec<Priority> {
    let names = ["Critical", "High", "Medium", "Low"];
    let row = |sla_id: i64, priority_id: i64, name: &str, hidden| Priority {
        id: format!(
            "5f1d{sla_id:04x}-7c2e-4b6a-9d{priority_id:02x}-{:012x}",
            sla_id * 977 + priority_id
        ),
        priority_id,
        sla_id,
        name: name.to_owned(),
        hidden,
    };
    let mut rows: Vec<Priority> = (1..=2)
        .flat_map(|sla| {
            (1..)
                .zip(names)
                .map(move |(number, name)| row(sla, number, name, false))
        })
        .collect();
    rows.push(row(2, 5, "Planned", true));
    rows
}

/// The "unassigned" agent, the integrations' agents and a few technicians.
fn agents() -> Vec<Agent> {
    let agent = |id, name: &str, team: &str, api_only, disabled| Agent {
        id,
        name: name.to_owned(),
        team: team.to_owned(),
        api_only,
        disabled,
    };
    vec![
        agent(1, "Unassigned", "", false, false),
        agent(3, "Halogard API", "Service Desk", true, false),
        agent(4, "Liongard API", "Service Desk", true, false),
        agent(12, "Dana Ito", "Service Desk", false, false),
        agent(13, "Ruben Castellanos", "Service Desk", false, false),
        agent(14, "Mirela Novak", "Projects", false, false),
        agent(15, "Left Lastyear", "Service Desk", false, true),
    ]
}

/// One field for a marker, one select, one free text.
fn custom_fields() -> Vec<CustomField> {
    let field = |id, name: &str, label: &str, kind, options: &[&str]| CustomField {
        id,
        name: name.to_owned(),
        label: label.to_owned(),
        kind,
        options: options.iter().map(|option| (*option).to_owned()).collect(),
    };
    vec![
        field(164, "CFAlertReference", "Alert reference", 0, &[]),
        field(
            165,
            "CFImpactArea",
            "Impact area",
            2,
            &["Identity", "Network", "Server"],
        ),
        field(166, "CFPurchaseOrder", "Purchase order", 0, &[]),
    ]
}

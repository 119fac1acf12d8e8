//! HaloPSA's reference data.

use std::collections::BTreeSet;
use std::future::Future;

use halogard_domain::ids::{
    CustomFieldId, EnvironmentId, HaloClientId, OutcomeId, PriorityId, SiteId, StatusId,
    TechnicianId, TicketTypeId,
};

use super::PortError;

/// HaloPSA's reference data, to check a config against.
pub trait ServiceDeskCatalog: Send + Sync {
    /// How an operator enables a disabled technician: the menu, where the adapter knows it.
    const ENABLE_TECHNICIAN: &'static str = "enable it";

    /// The technician the credential acts as, and that the credential works at all.
    fn identity(&self) -> impl Future<Output = Result<OwnAgent, PortError>> + Send;

    /// Ticket statuses.
    fn statuses(&self) -> impl Future<Output = Result<Vec<StatusInfo>, PortError>> + Send;

    /// The statuses that tickets of a type may have.
    fn allowed_statuses(
        &self,
        of: TicketTypeId,
    ) -> impl Future<Output = Result<BTreeSet<StatusId>, PortError>> + Send;

    /// Priorities by `priorityid`, one for each SLA.
    fn priorities(&self) -> impl Future<Output = Result<Vec<PriorityInfo>, PortError>> + Send;

    /// Ticket types.
    fn ticket_types(
        &self,
    ) -> impl Future<Output = Result<Vec<Named<TicketTypeId>>, PortError>> + Send;

    /// One ticket type with its fields; `None` when there is none.
    fn ticket_type(
        &self,
        id: TicketTypeId,
    ) -> impl Future<Output = Result<Option<TicketTypeInfo>, PortError>> + Send;

    /// Teams.
    fn teams(&self) -> impl Future<Output = Result<Vec<TeamInfo>, PortError>> + Send;

    /// Technicians.
    fn technicians(&self) -> impl Future<Output = Result<Vec<TechnicianInfo>, PortError>> + Send;

    /// The kinds of notes that tickets of a type may have.
    fn allowed_outcomes(
        &self,
        of: TicketTypeId,
    ) -> impl Future<Output = Result<BTreeSet<OutcomeId>, PortError>> + Send;

    /// Kinds of notes.
    fn outcomes(&self) -> impl Future<Output = Result<Vec<Named<OutcomeId>>, PortError>> + Send;

    /// Clients, inactive ones included.
    fn clients(&self) -> impl Future<Output = Result<Vec<ClientInfo>, PortError>> + Send;

    /// Sites of a client, or of every client; inactive ones included.
    fn sites(
        &self,
        of: Option<HaloClientId>,
    ) -> impl Future<Output = Result<Vec<SiteInfo>, PortError>> + Send;

    /// Custom fields of tickets.
    fn fields(&self) -> impl Future<Output = Result<Vec<TicketField>, PortError>> + Send;

    /// Categories of tickets, each with all its levels.
    fn categories(&self) -> impl Future<Output = Result<Vec<String>, PortError>> + Send;

    /// The applications that may call the API; `None` when the credential may not see them.
    fn applications(
        &self,
    ) -> impl Future<Output = Result<Option<Vec<ApplicationInfo>>, PortError>> + Send;

    /// The tenant's settings; `None` when the credential may not see them.
    fn tenant_settings(
        &self,
    ) -> impl Future<Output = Result<Option<TenantSettings>, PortError>> + Send;

    /// Outgoing webhooks; `None` when the credential may not see them.
    fn webhooks(&self) -> impl Future<Output = Result<Option<Vec<WebhookInfo>>, PortError>> + Send;

    /// The numbers of the events that make the webhook `id` fire; `None` when the credential may not see them.
    fn webhook_events(
        &self,
        id: &str,
    ) -> impl Future<Output = Result<Option<Vec<i64>>, PortError>> + Send;
}

/// The technician that the credential acts as.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnAgent {
    /// Its identity.
    pub id: TechnicianId,
    /// Its name.
    pub name: String,
    /// Whether it may act.
    pub active: bool,
    /// Whether no person can sign in as it, where the service desk says so.
    pub is_api_only: Option<bool>,
    /// Whether it may do everything, where the service desk says so.
    pub is_administrator: Option<bool>,
    /// Its teams; empty where the service desk does not say.
    pub teams: Vec<TeamMembership>,
    /// The numbers of its departments; empty where the service desk does not say.
    pub departments: BTreeSet<i64>,
    /// What it may do with each type of ticket; empty where the service desk does not say.
    pub ticket_types: Vec<TypeRight>,
}

/// A membership of a team.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TeamMembership {
    /// The team, by name.
    pub team: String,
    /// Whether the technician sees its unassigned tickets.
    pub sees_unassigned: Option<bool>,
    /// Whether the technician sees tickets of its other members.
    pub sees_others: Option<bool>,
}

/// What a technician may do with tickets of a type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TypeRight {
    /// The type.
    pub ticket_type: TicketTypeId,
    /// Whether such tickets may be opened.
    pub may_create: Option<bool>,
    /// Whether they may be changed.
    pub may_edit: Option<bool>,
}

/// A ticket status.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StatusInfo {
    /// Its identity.
    pub id: StatusId,
    /// Its name.
    pub name: String,
    /// Whether a ticket in it is closed; `None` when the service desk does not say.
    pub is_closed: Option<bool>,
}

/// A priority under one SLA.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PriorityInfo {
    /// Its identity, the same under every SLA.
    pub id: PriorityId,
    /// Its name.
    pub name: String,
    /// The SLA.
    pub sla: Option<i64>,
    /// Whether technicians see it.
    pub shown: bool,
}

/// A team.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TeamInfo {
    /// Its name, by which tickets carry it.
    pub name: String,
    /// Whether it is in use.
    pub active: bool,
    /// Whether it takes tickets.
    pub takes_tickets: bool,
    /// The number of its department, where the service desk says it.
    pub department: Option<i64>,
}

/// A technician.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TechnicianInfo {
    /// Its identity.
    pub id: TechnicianId,
    /// Its name.
    pub name: String,
    /// Whether it may act.
    pub active: bool,
    /// Whether no person can sign in as it.
    pub is_api_only: bool,
    /// Its team.
    pub team: Option<String>,
}

/// A custom field of tickets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TicketField {
    /// Its identity.
    pub id: CustomFieldId,
    /// Its name.
    pub name: String,
    /// What it holds; `None` for what only the service desk knows how to read.
    pub kind: Option<FieldKind>,
    /// The most characters.
    pub characters_max: Option<i64>,
    /// The options of a select.
    pub options: Vec<String>,
}

/// What a custom field holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FieldKind {
    /// Any text.
    Text,
    /// One of its options.
    Select,
}

/// Settings of the whole service desk.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TenantSettings {
    /// Whether a ticket must be assigned before it may be closed.
    pub must_assign_to_close: Option<bool>,
    /// Whether the service desk's own integration with the source of alerts is on.
    pub has_own_integration: Option<bool>,
}

/// An outgoing webhook. Its address may hold a token.
#[derive(Clone, PartialEq, Eq)]
pub struct WebhookInfo {
    /// How the service desk names it in requests.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Where it sends to.
    pub url: String,
    /// Whether it sends.
    pub active: bool,
}

/// A record with a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Named<Id> {
    /// Its identity.
    pub id: Id,
    /// Its name, for messages to people.
    pub name: String,
    /// Whether it may be used.
    pub active: bool,
}

/// A customer, seen from the service desk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientInfo {
    /// The customer.
    pub id: HaloClientId,
    /// The customer's name.
    pub name: String,
    /// Whether it is in use.
    pub active: bool,
    /// The environment that the service desk keeps with it.
    pub stored_environment: Option<EnvironmentId>,
    /// Its main site, which gets the tickets that name none.
    pub main_site: MainSite,
}

/// The main site of a customer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum MainSite {
    /// The service desk does not say.
    #[default]
    Unknown,
    /// There is none.
    Absent,
    /// This one.
    Site(SiteId),
}

/// A place of a customer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SiteInfo {
    /// Its identity.
    pub id: SiteId,
    /// Its name.
    pub name: String,
    /// Whose it is, where the service desk says so.
    pub client: Option<HaloClientId>,
    /// Whether it is in use.
    pub active: bool,
}

/// An application that may call the service desk's API.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApplicationInfo {
    /// Its name.
    pub name: String,
    /// Whether it is the one whose credential is used.
    pub is_own: bool,
    /// The technician it acts as, where the service desk says so.
    pub agent: Option<TechnicianId>,
    /// Whether it may be used.
    pub active: bool,
    /// What it may ask for; empty where the service desk does not say.
    pub scopes: Vec<String>,
}

/// A ticket type with what it asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TicketTypeInfo {
    /// Its name.
    pub name: String,
    /// Fields that a new ticket may have to carry.
    pub mandatory: Vec<MandatoryField>,
    /// The SLA of its tickets unless the customer has another.
    pub sla: Option<i64>,
}

/// A field a new ticket may have to carry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MandatoryField {
    /// Its number.
    pub id: u64,
    /// Its name.
    pub name: String,
}

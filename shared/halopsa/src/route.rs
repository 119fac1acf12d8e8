//! The endpoints this crate speaks to, each spelled as the vendor's description spells it.

use http::Method;

/// One endpoint: what is done, and where. The template is what errors and logs may show.
#[derive(Clone, Debug)]
pub(crate) struct HaloRoute {
    /// The HTTP method.
    pub(crate) method: Method,
    /// The path below `/api`, with `{id}` unfilled.
    pub(crate) template: &'static str,
    /// Whether a request to it only begins work: other requests must follow, or it was of no use.
    pub(crate) begins_work: bool,
}

impl HaloRoute {
    /// Reading at `template`.
    const fn get(template: &'static str) -> Self {
        Self {
            method: Method::GET,
            template,
            begins_work: false,
        }
    }

    /// Reading one record at `template`, to find out what is to be written.
    const fn get_one(template: &'static str) -> Self {
        Self {
            method: Method::GET,
            template,
            begins_work: true,
        }
    }

    /// Writing at `template`.
    const fn post(template: &'static str) -> Self {
        Self {
            method: Method::POST,
            template,
            begins_work: false,
        }
    }

    /// The path below `/api`, with `id` in its place.
    pub(crate) fn filled(&self, id: Option<&str>) -> String {
        match id {
            Some(id) => self.template.replace("{id}", id),
            None => self.template.to_owned(),
        }
    }
}

/// The template under which token requests are reported. Not below `/api`.
pub(crate) const TOKEN_TEMPLATE: &str = "/auth/token";

/// Where tokens are issued.
pub(crate) const TOKEN: HaloRoute = HaloRoute::post(TOKEN_TEMPLATE);
/// Where tokens are issued, for those who only know the host.
pub(crate) const AUTH_INFO: HaloRoute = HaloRoute::get("/AuthInfo");

/// Which build of HaloPSA answers.
pub(crate) const INSTANCE_INFO: HaloRoute = HaloRoute::get("/InstanceInfo");

/// Tickets.
pub(crate) const TICKETS: HaloRoute = HaloRoute::get("/Tickets");
/// One ticket.
pub(crate) const TICKET: HaloRoute = HaloRoute::get_one("/Tickets/{id}");
/// Creates and changes tickets.
pub(crate) const POST_TICKETS: HaloRoute = HaloRoute::post("/Tickets");
/// What was written on a ticket.
pub(crate) const ACTIONS: HaloRoute = HaloRoute::get_one("/Actions");
/// Writes on tickets.
pub(crate) const POST_ACTIONS: HaloRoute = HaloRoute::post("/Actions");

/// Ticket statuses.
pub(crate) const STATUSES: HaloRoute = HaloRoute::get("/Status");
/// Priorities, per SLA.
pub(crate) const PRIORITIES: HaloRoute = HaloRoute::get("/Priority");
/// Types of ticket.
pub(crate) const TICKET_TYPES: HaloRoute = HaloRoute::get("/TicketType");
/// One type of ticket, with its fields.
pub(crate) const TICKET_TYPE: HaloRoute = HaloRoute::get("/TicketType/{id}");
/// Teams.
pub(crate) const TEAMS: HaloRoute = HaloRoute::get("/Team");
/// Agents.
pub(crate) const AGENTS: HaloRoute = HaloRoute::get("/Agent");
/// The agent our application acts as.
pub(crate) const AGENT_ME: HaloRoute = HaloRoute::get("/Agent/me");
/// Applications that may call the API.
pub(crate) const APPLICATIONS: HaloRoute = HaloRoute::get("/Application");
/// Customers.
pub(crate) const CLIENTS: HaloRoute = HaloRoute::get("/Client");
/// One customer.
pub(crate) const CLIENT: HaloRoute = HaloRoute::get("/Client/{id}");
/// Sites of a customer.
pub(crate) const SITES: HaloRoute = HaloRoute::get("/Site");
/// Kinds of action.
pub(crate) const OUTCOMES: HaloRoute = HaloRoute::get("/Outcome");
/// Custom fields.
pub(crate) const FIELDS: HaloRoute = HaloRoute::get("/FieldInfo");
/// Categories of tickets.
pub(crate) const CATEGORIES: HaloRoute = HaloRoute::get("/Category");
/// Settings of the tenant.
pub(crate) const CONTROL: HaloRoute = HaloRoute::get("/Control");

/// Webhooks.
pub(crate) const WEBHOOKS: HaloRoute = HaloRoute::get("/Webhook");
/// One webhook.
pub(crate) const WEBHOOK: HaloRoute = HaloRoute::get("/Webhook/{id}");
/// Creates and changes webhooks.
pub(crate) const POST_WEBHOOK: HaloRoute = HaloRoute::post("/Webhook");
/// What webhooks delivered.
pub(crate) const WEBHOOK_EVENTS: HaloRoute = HaloRoute::get("/WebhookEvent");
/// Which events make a webhook fire.
pub(crate) const NOTIFICATIONS: HaloRoute = HaloRoute::get("/Notification");
/// Binds an event to a webhook.
pub(crate) const POST_NOTIFICATION: HaloRoute = HaloRoute::post("/Notification");

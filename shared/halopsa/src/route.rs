//! The endpoints this crate speaks to, each spelled as the vendor's description spells it.

use http::Method;

/// One endpoint: what is done, and where. The template is what errors and logs may show.
#[derive(Clone, Debug)]
pub(crate) struct Route {
    /// The HTTP method.
    pub(crate) method: Method,
    /// The path below `/api`, with `{id}` unfilled.
    pub(crate) template: &'static str,
}

impl Route {
    /// Reading at `template`.
    const fn get(template: &'static str) -> Self {
        Self {
            method: Method::GET,
            template,
        }
    }

    /// Writing at `template`.
    const fn post(template: &'static str) -> Self {
        Self {
            method: Method::POST,
            template,
        }
    }

    /// The path below `/api`, with `id` in its place.
    pub(crate) fn filled(&self, id: Option<u64>) -> String {
        match id {
            Some(id) => self.template.replace("{id}", &id.to_string()),
            None => self.template.to_owned(),
        }
    }
}

/// The template under which token requests are reported. Not below `/api`.
pub(crate) const TOKEN_TEMPLATE: &str = "/auth/token";

/// Where tokens are issued.
pub(crate) const TOKEN: Route = Route::post(TOKEN_TEMPLATE);
/// Where tokens are issued, for those who only know the host.
pub(crate) const AUTH_INFO: Route = Route::get("/AuthInfo");

/// Tickets.
pub(crate) const TICKETS: Route = Route::get("/Tickets");
/// One ticket.
pub(crate) const TICKET: Route = Route::get("/Tickets/{id}");
/// Creates and changes tickets.
pub(crate) const POST_TICKETS: Route = Route::post("/Tickets");
/// What was written on a ticket.
pub(crate) const ACTIONS: Route = Route::get("/Actions");
/// Writes on tickets.
pub(crate) const POST_ACTIONS: Route = Route::post("/Actions");

/// Ticket statuses.
pub(crate) const STATUSES: Route = Route::get("/Status");
/// Priorities, per SLA.
pub(crate) const PRIORITIES: Route = Route::get("/Priority");
/// Types of ticket.
pub(crate) const TICKET_TYPES: Route = Route::get("/TicketType");
/// One type of ticket, with its fields.
pub(crate) const TICKET_TYPE: Route = Route::get("/TicketType/{id}");
/// Teams.
pub(crate) const TEAMS: Route = Route::get("/Team");
/// Agents.
pub(crate) const AGENTS: Route = Route::get("/Agent");
/// The agent our application acts as.
pub(crate) const AGENT_ME: Route = Route::get("/Agent/me");
/// Customers.
pub(crate) const CLIENTS: Route = Route::get("/Client");
/// One customer.
pub(crate) const CLIENT: Route = Route::get("/Client/{id}");
/// Sites of a customer.
pub(crate) const SITES: Route = Route::get("/Site");
/// Kinds of action.
pub(crate) const OUTCOMES: Route = Route::get("/Outcome");
/// Settings of the tenant.
pub(crate) const CONTROL: Route = Route::get("/Control");

/// Webhooks.
pub(crate) const WEBHOOKS: Route = Route::get("/Webhook");
/// Creates and changes webhooks.
pub(crate) const POST_WEBHOOK: Route = Route::post("/Webhook");
/// Which events make a webhook fire.
pub(crate) const NOTIFICATIONS: Route = Route::get("/Notification");
/// Binds an event to a webhook.
pub(crate) const POST_NOTIFICATION: Route = Route::post("/Notification");

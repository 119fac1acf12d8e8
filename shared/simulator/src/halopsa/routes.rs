//! Which request goes where, in any letter case, and what it needs to get there.

use http::{Method, StatusCode};
use serde_json::{Value, json};

use crate::http_message::{SimRequest, SimResponse};

use super::state::{AccessToken, HaloState};
use super::{HaloPsa, auth, refusal};

/// Resources under `/api`, as the vendor writes them.
const RESOURCES: [&str; 23] = [
    "authinfo",
    "InstanceInfo",
    "Tickets",
    "Actions",
    "Status",
    "Priority",
    "TicketType",
    "Outcome",
    "Team",
    "Agent",
    "Application",
    "Client",
    "Site",
    "Users",
    "Control",
    "Webhook",
    "Notification",
    "WebhookEvent",
    "Lookup",
    "FieldInfo",
    "Category",
    "SLA",
    "Asset",
];

/// The template of a token request.
const TOKEN_ROUTE: &str = "POST /auth/token";

/// The template of an authinfo request.
const AUTHINFO_ROUTE: &str = "GET /authinfo";

/// The "METHOD /Route" template of a request, ids left out.
pub(super) fn template(call: &SimRequest) -> String {
    let lower: Vec<String> = call
        .segments
        .iter()
        .map(|part| part.to_lowercase())
        .collect();
    let parts: Vec<&str> = lower.iter().map(String::as_str).collect();
    let path = match parts.as_slice() {
        ["api", resource, rest @ ..] => {
            let known = RESOURCES
                .iter()
                .find(|known| known.eq_ignore_ascii_case(resource));
            let resource = known.copied().unwrap_or(*resource);
            match rest {
                [] => format!("/{resource}"),
                ["me"] => format!("/{resource}/me"),
                [..] => format!("/{resource}/{{id}}"),
            }
        }
        other => format!("/{}", other.join("/")),
    };
    format!("{} {path}", call.method)
}

/// Whether a template belongs to signing in.
pub(super) fn is_sign_in(route: &str) -> bool {
    route == TOKEN_ROUTE || route == AUTHINFO_ROUTE || route.contains("/.well-known/")
}

/// Answers a request.
pub(super) async fn serve(halo: &HaloPsa, call: &SimRequest) -> SimResponse {
    let lower: Vec<String> = call
        .segments
        .iter()
        .map(|part| part.to_lowercase())
        .collect();
    let parts: Vec<&str> = lower.iter().map(String::as_str).collect();
    let now = halo.clock.now_millis();
    match (&call.method, parts.as_slice()) {
        (&Method::POST, ["auth", "token"]) => return halo.state().issue_token(call, now),
        (&Method::GET, ["auth", ".well-known", "openid-configuration"]) => {
            return SimResponse::ok(&auth::discovery(&origin(call)));
        }
        (&Method::GET, ["api", "authinfo"]) => {
            let tenant = halo.state().settings.tenant.clone();
            return SimResponse::ok(&auth::authinfo(&origin(call), tenant.as_deref()));
        }
        (&Method::GET, ["api", "instanceinfo"]) => {
            return match halo.state().settings.build {
                Some(build) => SimResponse::ok(&json!({ "version": build })),
                None => SimResponse::empty(StatusCode::NOT_FOUND),
            };
        }
        (_, ["api", ..]) => {}
        _ => return SimResponse::empty(StatusCode::NOT_FOUND),
    }
    let rest = parts.get(1..).unwrap_or_default();
    let token = {
        let state = halo.state();
        let Some(token) = state.token_of(call, now).cloned() else {
            return refusal::unauthorised();
        };
        if !needs(&call.method, rest, &state).is_none_or(|scope| token.covers(scope)) {
            return refusal::forbidden();
        }
        token
    };
    match (&call.method, rest) {
        (&Method::POST, ["tickets"]) => halo.post_tickets(call, &token.author).await,
        _ => halo.state().answer(call, rest, &token, now),
    }
}

/// The scope a request needs; which endpoint needs which is this simulator's own reading.
fn needs(method: &Method, rest: &[&str], state: &HaloState) -> Option<&'static str> {
    let reading = *method == Method::GET;
    match rest.first().copied().unwrap_or_default() {
        "tickets" | "actions" if reading => Some("read:tickets"),
        "tickets" | "actions" => Some("edit:tickets"),
        "client" | "site" | "users" => Some("read:customers"),
        "application" | "webhook" | "notification" | "webhookevent"
            if state.settings.webhooks_need_admin =>
        {
            Some("admin")
        }
        _ => None,
    }
}

impl HaloState {
    /// Answers everything that needs no waiting.
    fn answer(
        &mut self,
        call: &SimRequest,
        rest: &[&str],
        token: &AccessToken,
        now: i64,
    ) -> SimResponse {
        let query = &call.query;
        let author = &token.author;
        let id = rest.get(1).and_then(|id| id.parse::<i64>().ok());
        match (&call.method, rest, id) {
            (&Method::GET, ["tickets"], _) => self.list_tickets(query, now),
            (&Method::GET, ["tickets", _], Some(id)) => self.one_ticket(id, call, now),
            (&Method::DELETE, ["tickets", _], Some(id)) => self.delete_ticket(id, author, now),
            (&Method::GET, ["actions"], _) => self.list_actions(query, now),
            (&Method::GET, ["actions", _], Some(id)) => self.one_action(id, query),
            (&Method::POST, ["actions"], _) => self.post_actions(call, author, now),
            (&Method::DELETE, ["actions", _], Some(id)) => self.delete_action(id, query, now),
            (&Method::GET, ["webhook"], _) => self.list_webhooks(query),
            (&Method::GET, ["webhook", webhook], _) => self.one_webhook(webhook, query),
            (&Method::POST, ["webhook"], _) => self.post_webhooks(call, now),
            (&Method::DELETE, ["webhook", webhook], _) => self.delete_webhook(webhook),
            (&Method::GET, ["notification"], _) => self.list_notifications(query),
            (&Method::POST, ["notification"], _) => self.post_notifications(call),
            (&Method::GET, ["webhookevent"], _) => self.list_deliveries(query),
            (&Method::GET, _, _) => self.reference(call, rest, id, token),
            _ => SimResponse::empty(StatusCode::NOT_FOUND),
        }
    }

    /// Serves reads of the service desk's configuration.
    fn reference(
        &self,
        call: &SimRequest,
        rest: &[&str],
        id: Option<i64>,
        token: &AccessToken,
    ) -> SimResponse {
        let query = &call.query;
        match (rest, id) {
            (["status"], _) => self.list_statuses(query),
            (["priority"], _) => self.list_priorities(query),
            (["tickettype"], _) => self.list_ticket_types(query),
            (["tickettype", _], Some(id)) => self.one_ticket_type(id, query),
            (["outcome"], _) => self.list_outcomes(query),
            (["team"], _) => self.list_teams(),
            (["agent"], _) => self.list_agents(query),
            (["agent", "me"], _) => self.own_agent(token),
            (["agent", _], Some(id)) => self.one_agent(id),
            (["application"], _) => self.list_applications(),
            (["client"], _) => self.list_clients(query),
            (["client", _], Some(id)) => self.one_client(id),
            (["site"], _) => self.list_sites(query),
            (["site", _], Some(id)) => self.one_site(id),
            (["users"], _) => self.list_users(query),
            (["control"], _) => self.control(),
            (["lookup"], _) => self.lookup(query),
            (["fieldinfo"], _) => self.list_fields(),
            (["category"], _) => self.list_categories(),
            (["sla"], _) => self.list_slas(),
            _ => SimResponse::empty(StatusCode::NOT_FOUND),
        }
    }

    /// `GET /Tickets/{id}`.
    fn one_ticket(&self, id: i64, call: &SimRequest, now: i64) -> SimResponse {
        match self.existing(id) {
            Some(ticket) => SimResponse::ok(&Value::Object(
                self.detail(self.as_read(ticket, now), call.query.flag("includedetails")),
            )),
            None => refusal::not_found(self.settings.missing_ticket_status),
        }
    }
}

/// Scheme and host the caller used; plain HTTP, as this server speaks nothing else.
fn origin(call: &SimRequest) -> String {
    format!("http://{}", call.host.as_deref().unwrap_or("127.0.0.1"))
}

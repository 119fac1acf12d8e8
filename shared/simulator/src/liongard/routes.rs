//! Which request goes where, after redirect and sign-in.

use http::{Method, StatusCode};
use serde_json::json;

use crate::http_message::{SimRequest, SimResponse};

use super::access_keys::Role;
use super::settings::{RedirectLocation, Redirects};
use super::state::LiongardState;

/// Second segments that are words of the API rather than ids.
const WORDS: [&str; 5] = ["count", "run", "bulk", "device-profiles", "identities"];

/// The "METHOD /Route" template of a request, ids left out; the second version is named.
pub(super) fn template(call: &SimRequest) -> String {
    let parts: Vec<&str> = call.segments.iter().map(String::as_str).collect();
    let (version, rest) = match parts.as_slice() {
        ["api", "v1", rest @ ..] => ("", rest),
        ["api", "v2", rest @ ..] => ("/v2", rest),
        other => ("", other),
    };
    let named = rest.iter().enumerate().map(|(place, part)| {
        if place == 1 && !WORDS.contains(part) {
            "/{id}".to_owned()
        } else {
            format!("/{part}")
        }
    });
    format!("{} {version}{}", call.method, named.collect::<String>())
}

impl LiongardState {
    /// Answers a request.
    pub(super) fn answer(&mut self, call: &SimRequest, now: i64) -> SimResponse {
        if let Some(redirect) = self.redirect(call) {
            return redirect;
        }
        let role = match self.authenticate(call, now) {
            Ok(role) => role,
            Err(refused) => return refused,
        };
        let parts: Vec<&str> = call.segments.iter().map(String::as_str).collect();
        if !self.settings.records_take_slash && is_slashed_record(call) {
            return no_route();
        }
        match parts.as_slice() {
            ["api", "v1", rest @ ..] => self.answer_v1(call, rest, role, now),
            ["api", "v2", rest @ ..] => self.answer_v2(call, rest),
            _ => no_route(),
        }
    }

    /// The redirect to the slashed form, where this instance sends one; needs no key.
    fn redirect(&self, call: &SimRequest) -> Option<SimResponse> {
        if call.path.ends_with('/') {
            return None;
        }
        let wanted = match self.settings.redirects {
            Redirects::Off => false,
            Redirects::CollectionRoots => call.segments.len() == 3,
            Redirects::EveryGet => call.method == Method::GET || call.segments.len() == 3,
        };
        if !wanted {
            return None;
        }
        let query = call
            .raw_query
            .as_deref()
            .map(|query| format!("?{query}"))
            .unwrap_or_default();
        let path = format!("{}/{query}", call.path);
        let location = match (&call.host, self.settings.redirect_location) {
            (Some(host), RedirectLocation::Absolute) => {
                format!("{}://{host}{path}", scheme_for(host))
            }
            _ => path,
        };
        let moved = SimResponse::empty(StatusCode::MOVED_PERMANENTLY);
        Some(moved.with_header(http::header::LOCATION, location))
    }

    /// The first version: bare JSON.
    fn answer_v1(&mut self, call: &SimRequest, rest: &[&str], role: Role, now: i64) -> SimResponse {
        let query = &call.query;
        let id = rest.get(1).and_then(|id| id.parse::<i64>().ok());
        match (&call.method, rest, id) {
            (&Method::POST, ["launchpoints", "run"], _) => self.run_many(call, role, now),
            (&Method::GET, ["launchpoints", _, "run"], Some(id)) => self.run_one(id, role, now),
            (&Method::POST, ["access-keys"], _) => self.create_key(call, role, now),
            (&Method::DELETE, ["access-keys", key], _) => self.delete_key(key, now),
            (&Method::POST, ["environments"], _) => self.create_environment(call, role),
            (&Method::GET, ["tasks"], _) => self.list_alerts(query),
            (&Method::GET, ["tasks", "count"], _) => self.count_alerts(),
            (&Method::GET, ["tasks", _], Some(id)) => self.one_alert(id, query),
            (&Method::GET, ["timeline"], _) => self.list_timeline(query, now),
            (&Method::GET, ["timeline", "count"], _) => self.count_timeline(query, now),
            (&Method::GET, ["timeline", _], Some(id)) => self.one_timeline_entry(id, now),
            (&Method::GET, ["environments"], _) => self.list_environments(query),
            (&Method::GET, ["environments", "count"], _) => self.count_environments(query),
            (&Method::GET, ["environments", _], Some(id)) => self.one_environment(id),
            (&Method::GET, ["environments", _, "relatedEntities"], Some(id)) => {
                self.related_entities(id)
            }
            (&Method::GET, ["launchpoints"], _) => self.list_launchpoints(query),
            (&Method::GET, ["launchpoints", "count"], _) => self.count_launchpoints(query),
            (&Method::GET, ["launchpoints", _], Some(id)) => self.one_launchpoint(id),
            (&Method::GET, ["inspectors"], _) => self.list_inspectors(),
            (&Method::GET, ["systems"], _) => self.list_systems(query),
            (&Method::GET, ["groups"], _) => self.list_groups(),
            (&Method::GET, ["access-keys"], _) => self.list_keys(),
            (&Method::GET, ["access-keys", "count"], _) => self.count_keys(),
            (&Method::GET, ["agents" | "detections" | "metrics" | "users"], _) => {
                SimResponse::ok(&json!([]))
            }
            _ => no_route(),
        }
    }

    /// The second version: an envelope around everything.
    fn answer_v2(&self, call: &SimRequest, rest: &[&str]) -> SimResponse {
        let id = rest.get(1).and_then(|id| id.parse::<i64>().ok());
        match (&call.method, rest, id) {
            (&Method::GET, ["environments"], _) => self.list_environments_v2(&call.query),
            (&Method::GET, ["environments", "count"], _) => self.count_environments_v2(&call.query),
            (&Method::GET, ["environments", _], Some(id)) => self.one_environment_v2(id),
            (&Method::GET, ["environments", _, "relatedEntities"], Some(id)) => {
                self.related_entities_v2(id)
            }
            (&Method::POST, ["inventory", "device-profiles", "query"], _) => {
                self.query_devices(call)
            }
            (&Method::POST, ["inventory", "identities", "query"], _) => self.query_identities(call),
            _ => super::environments::not_found_v2(),
        }
    }
}

/// Whether a single record is read, at an address that ends in a slash.
fn is_slashed_record(call: &SimRequest) -> bool {
    let id = call.segments.get(3).map(|part| part.parse::<i64>());
    call.method == Method::GET
        && call.path.ends_with('/')
        && call.segments.len() == 4
        && matches!(id, Some(Ok(_)))
}

/// Plain HTTP for a loopback host, as this server itself speaks; HTTPS for any other.
fn scheme_for(host: &str) -> &'static str {
    let name = host.rsplit_once(':').map_or(host, |(name, _)| name);
    let loopback = name == "localhost" || name == "[::1]" || name.starts_with("127.");
    if loopback { "http" } else { "https" }
}

/// There is nothing at this address; so it is with every write to alerts.
pub(super) fn no_route() -> SimResponse {
    SimResponse::json(StatusCode::NOT_FOUND, &json!({ "message": "Not Found" }))
}

//! Tokens: asked for by form, checked on every call.

use std::collections::BTreeSet;

use http::StatusCode;
use serde_json::{Value, json};

use crate::clock::whole_millis;
use crate::error::SimError;
use crate::http_message::{Query, SimRequest, SimResponse};

use super::HaloPsa;
use super::settings::ApiApplication;
use super::state::{AccessToken, Author, HaloState};

/// Areas that exist as a pair of `read:` and `edit:`.
const PAIRED_SCOPES: [&str; 19] = [
    "tickets",
    "calendar",
    "customers",
    "crm",
    "timesheets",
    "contracts",
    "suppliers",
    "items",
    "projects",
    "sales",
    "quotes",
    "sos",
    "pos",
    "invoices",
    "reporting",
    "software",
    "softwarelicensing",
    "kb",
    "assets",
];

/// Scopes without a pair.
const SINGLE_SCOPES: [&str; 6] = [
    "all",
    "all:standard",
    "admin",
    "editMine:timesheets",
    "access:chat",
    "access:adpasswordreset",
];

/// Scopes the sign-in itself understands.
const SIGN_IN_SCOPES: [&str; 4] = ["offline_access", "openid", "profile", "email"];

impl HaloPsa {
    /// Replaces an application's secret; the old one is refused from now on, while tokens already
    /// issued live out their time.
    ///
    /// # Errors
    ///
    /// [`SimError::NoSuchApplication`].
    pub fn replace_secret(&self, client_id: &str, secret: &str) -> Result<(), SimError> {
        let mut state = self.state();
        let application = state
            .settings
            .applications
            .iter_mut()
            .find(|application| application.client_id == client_id)
            .ok_or_else(|| SimError::NoSuchApplication(client_id.to_owned()))?;
        secret.clone_into(&mut application.client_secret);
        Ok(())
    }

    /// Ends every token at once.
    pub fn expire_tokens(&self) {
        self.state().tokens.clear();
    }
}

impl HaloState {
    /// `POST /auth/token`.
    pub(super) fn issue_token(&mut self, call: &SimRequest, now: i64) -> SimResponse {
        let form_sent = call
            .header("content-type")
            .is_some_and(|kind| kind.starts_with("application/x-www-form-urlencoded"));
        if !form_sent {
            return oauth_error(
                400,
                "invalid_request",
                "The mandatory 'Content-Type' header is missing or is not a form.",
            );
        }
        let form = Query::parse(&String::from_utf8_lossy(&call.body));
        let named = call.query.text("tenant").or_else(|| form.text("tenant"));
        if let (Some(tenant), Some(named)) = (&self.settings.tenant, named)
            && !named.eq_ignore_ascii_case(tenant)
        {
            return oauth_error(
                400,
                "invalid_request",
                "The specified tenant was not found.",
            );
        }
        match form.text("grant_type") {
            Some("client_credentials") => {}
            Some(_) => {
                return oauth_error(
                    400,
                    "unsupported_grant_type",
                    "The specified 'grant_type' is not supported.",
                );
            }
            None => {
                return oauth_error(
                    400,
                    "invalid_request",
                    "The mandatory 'grant_type' parameter is missing.",
                );
            }
        }
        let Some(application) = self.application_of(&form) else {
            return oauth_error(
                self.settings.invalid_client_status,
                "invalid_client",
                "The specified client credentials are invalid.",
            );
        };
        let scopes: BTreeSet<String> = form
            .text("scope")
            .unwrap_or_default()
            .split_whitespace()
            .map(str::to_owned)
            .collect();
        if !scopes
            .iter()
            .all(|scope| is_known(scope) && is_granted(&application, scope))
        {
            return oauth_error(
                400,
                "invalid_scope",
                "The specified 'scope' parameter is not valid.",
            );
        }
        self.tokens.retain(|_, token| token.expires_at > now);
        let text = format!("eyJhbGciOiJSUzI1NiJ9.{}", self.rng.hex(96));
        let life = self.settings.token_life;
        let author = Author::application(application.client_id, application.agent_id);
        let answer = json!({
            "scope": scopes.iter().cloned().collect::<Vec<_>>().join(" "),
            "token_type": "Bearer",
            "access_token": text,
            "expires_in": life.as_secs(),
            "refresh_token": self.rng.hex(40),
            "id_token": format!("eyJhbGciOiJSUzI1NiJ9.{}", self.rng.hex(32)),
        });
        let expires_at = now + whole_millis(life);
        self.tokens.insert(
            text,
            AccessToken {
                author,
                scopes,
                expires_at,
            },
        );
        SimResponse::ok(&answer)
    }

    /// The application whose id and secret the form brings.
    fn application_of(&self, form: &Query) -> Option<ApiApplication> {
        let (id, secret) = (form.text("client_id")?, form.text("client_secret")?);
        self.settings
            .applications
            .iter()
            .find(|known| known.client_id == id && known.client_secret == secret)
            .cloned()
    }

    /// The token a call brings, if it still counts.
    pub(super) fn token_of(&self, call: &SimRequest, now: i64) -> Option<&AccessToken> {
        let text = bearer(call)?;
        self.tokens.get(text).filter(|token| token.expires_at > now)
    }

    /// Ends the token a call brings.
    pub(super) fn forget_token(&mut self, call: &SimRequest) {
        if let Some(text) = bearer(call) {
            self.tokens.remove(text);
        }
    }
}

impl AccessToken {
    /// Whether the token covers `scope`; the right to edit an area includes reading it.
    pub(super) fn covers(&self, scope: &str) -> bool {
        let wider = scope
            .strip_prefix("read:")
            .map(|area| format!("edit:{area}"));
        let has = |wanted: &str| {
            self.scopes
                .iter()
                .any(|held| held.eq_ignore_ascii_case(wanted))
        };
        has(scope)
            || has("all")
            || (scope != "admin" && has("all:standard"))
            || wider.is_some_and(|wider| has(&wider))
    }
}

/// `GET /api/authinfo`, which needs no token.
pub(super) fn authinfo(origin: &str, tenant: Option<&str>) -> Value {
    json!({ "auth_url": format!("{origin}/auth"), "tenant_id": tenant.unwrap_or_default() })
}

/// The discovery document of the sign-in server.
pub(super) fn discovery(origin: &str) -> Value {
    json!({
        "issuer": format!("{origin}/auth/"),
        "authorization_endpoint": format!("{origin}/auth/authorize"),
        "token_endpoint": format!("{origin}/auth/token"),
        "jwks_uri": format!("{origin}/auth/.well-known/jwks"),
        "grant_types_supported":
            ["authorization_code", "implicit", "password", "refresh_token", "client_credentials"],
        "token_endpoint_auth_methods_supported": ["client_secret_post"],
    })
}

/// The token's text.
fn bearer(call: &SimRequest) -> Option<&str> {
    let (scheme, text) = call.header("authorization")?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| text.trim())
}

/// An error as OAuth words it.
fn oauth_error(status: u16, error: &str, description: &str) -> SimResponse {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_REQUEST);
    SimResponse::json(
        status,
        &json!({ "error": error, "error_description": description }),
    )
}

/// Whether HaloPSA has a scope of this name.
fn is_known(scope: &str) -> bool {
    let paired = scope
        .strip_prefix("read:")
        .or_else(|| scope.strip_prefix("edit:"))
        .is_some_and(|area| PAIRED_SCOPES.contains(&area));
    paired || SINGLE_SCOPES.contains(&scope) || SIGN_IN_SCOPES.contains(&scope)
}

/// Whether the application was given the scope, itself or by a wider one.
fn is_granted(application: &ApiApplication, scope: &str) -> bool {
    let has = |wanted: &str| application.scopes.iter().any(|held| held == wanted);
    has(scope)
        || has("all")
        || SIGN_IN_SCOPES.contains(&scope)
        || (has("all:standard") && scope != "admin" && scope != "all")
}

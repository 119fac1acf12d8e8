//! Access keys: who may ask, and how a key makes its successor.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::StatusCode;
use serde_json::{Map, Value, json};

use crate::clock::whole_millis;
use crate::http_message::{SimRequest, SimResponse};
use crate::wire_time;

use super::Liongard;
use super::state::LiongardState;
use super::timeline::forbidden;

/// What a key's owner may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Everything.
    Admin,
    /// Everything within environments, runs included.
    Manager,
    /// Reading only.
    Reader,
}

/// A key there is from the start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccessKeySpec {
    /// The key's id.
    pub id: String,
    /// Its secret.
    pub secret: String,
    /// What its owner may do.
    pub role: Role,
    /// How long it lives; `None` without expiry.
    pub life: Option<Duration>,
}

impl AccessKeySpec {
    /// The sample instance's key.
    #[must_use]
    pub fn sample() -> Self {
        Self {
            id: "0a1b2c3d4e5f60718293".to_owned(),
            secret: "sample-secret-of-the-first-liongard-key".to_owned(),
            role: Role::Admin,
            life: None,
        }
    }
}

/// A key, in force or not.
#[derive(Clone, Debug)]
pub(super) struct SimAccessKey {
    id: String,
    secret: String,
    /// What its owner may do.
    role: Role,
    /// When it was made.
    created_at: i64,
    /// When it ends, if it does.
    expires_at: Option<i64>,
    /// When it was revoked, if it was.
    revoked_at: Option<i64>,
    /// When it last opened anything.
    last_used_at: Option<i64>,
    /// Whether it only installs collectors.
    for_agents_only: bool,
}

impl SimAccessKey {
    /// A key that begins now.
    pub(super) fn of(spec: &AccessKeySpec, now: i64) -> Self {
        Self {
            id: spec.id.clone(),
            secret: spec.secret.clone(),
            role: spec.role,
            created_at: now,
            expires_at: spec.life.map(|life| now + whole_millis(life)),
            revoked_at: None,
            last_used_at: None,
            for_agents_only: false,
        }
    }

    /// Whether the key opens anything at this moment.
    fn is_valid(&self, now: i64) -> bool {
        self.revoked_at.is_none() && self.expires_at.is_none_or(|end| now < end)
    }

    /// The key as lists show it.
    fn row(&self) -> Map<String, Value> {
        let row = json!({
            "AccessKeyId": self.id,
            "Status": 1,
            "Visible": true,
            "CreatedOn": wire_time::liongard_iso(self.created_at),
            "LastUsedOn": self.last_used_at.map(wire_time::liongard_iso),
            "DeletedOn": self.revoked_at.map(wire_time::liongard_iso),
            "isAgentInstallKey": self.for_agents_only,
            "ExpirationDate": self.expires_at.map(wire_time::liongard_iso),
        });
        match row {
            Value::Object(members) => members,
            _ => Map::new(),
        }
    }
}

impl Liongard {
    /// Revokes a key at once, as a person can in the user interface.
    pub fn revoke_key(&self, id: &str) {
        let now = self.clock.now_millis();
        for key in self.state().keys.iter_mut().filter(|key| key.id == id) {
            key.revoked_at = key.revoked_at.or(Some(now));
        }
    }

    /// Adds a key, as a person creates one in the user interface.
    pub fn add_key(&self, spec: &AccessKeySpec) {
        let now = self.clock.now_millis();
        self.state().keys.push(SimAccessKey::of(spec, now));
    }

    /// Records that another client used a key just now.
    pub fn mark_key_used(&self, id: &str) {
        let now = self.clock.now_millis();
        for key in self.state().keys.iter_mut().filter(|key| key.id == id) {
            key.last_used_at = Some(now);
        }
    }

    /// Ids of the keys in force.
    #[must_use]
    pub fn valid_keys(&self) -> Vec<String> {
        let now = self.clock.now_millis();
        let state = self.state();
        state
            .keys
            .iter()
            .filter(|key| key.is_valid(now))
            .map(|key| key.id.clone())
            .collect()
    }
}

impl LiongardState {
    /// The role of the key a call brings.
    ///
    /// # Errors
    ///
    /// 401 for a missing, malformed, unknown, expired or revoked key, and for any bearer token.
    pub(super) fn authenticate(
        &mut self,
        call: &SimRequest,
        now: i64,
    ) -> Result<Role, SimResponse> {
        let Some(header) = call.header("x-roar-api-key") else {
            return Err(match call.header("authorization") {
                Some(_) => unauthorised("Malformed authorization header"),
                None => invalid_session(),
            });
        };
        // A "Basic " prefix is not base64 and falls through here.
        let pair = STANDARD
            .decode(header.trim())
            .ok()
            .and_then(|bytes| String::from_utf8(bytes).ok());
        let (id, secret) = pair
            .as_deref()
            .and_then(|pair| pair.split_once(':'))
            .ok_or_else(invalid_session)?;
        let key = self
            .keys
            .iter_mut()
            .find(|key| key.id == id && key.secret == secret && key.is_valid(now))
            .ok_or_else(invalid_session)?;
        key.last_used_at = Some(now);
        if key.for_agents_only {
            Err(forbidden())
        } else {
            Ok(key.role)
        }
    }

    /// `GET /access-keys/`.
    pub(super) fn list_keys(&self) -> SimResponse {
        let there = self.keys.iter().filter(|key| key.revoked_at.is_none());
        SimResponse::ok(&there.map(|key| Value::Object(key.row())).collect())
    }

    /// `GET /access-keys/count/`.
    pub(super) fn count_keys(&self) -> SimResponse {
        SimResponse::ok(&json!(
            self.keys
                .iter()
                .filter(|key| key.revoked_at.is_none())
                .count()
        ))
    }

    /// `POST /access-keys/`: the only time the secret is shown.
    pub(super) fn create_key(&mut self, call: &SimRequest, role: Role, now: i64) -> SimResponse {
        let body = call.json().unwrap_or_else(|| json!({}));
        let days = match body.get("daysUntilExpiration").map(|days| days.as_str()) {
            None | Some(Some("Unlimited")) => None,
            Some(Some(days @ ("30" | "90" | "180" | "360"))) => days.parse::<u64>().ok(),
            Some(_) => {
                let message = "daysUntilExpiration must be one of [30, 90, 180, 360, Unlimited]";
                return SimResponse::json(StatusCode::BAD_REQUEST, &json!({ "message": message }));
            }
        };
        let spec = AccessKeySpec {
            id: self.rng.hex(20),
            secret: self.rng.hex(64),
            role,
            life: days.map(|days| Duration::from_secs(days * 86_400)),
        };
        let mut key = SimAccessKey::of(&spec, now);
        key.for_agents_only = body.get("isAgentInstallKey") == Some(&json!(true));
        let mut row = key.row();
        row.insert("AccessKeySecret".to_owned(), json!(key.secret));
        row.insert("Secret".to_owned(), Value::Null);
        self.keys.push(key);
        self.single("POST /access-keys", row)
    }

    /// `DELETE /access-keys/{id}`: refused from the next request on.
    pub(super) fn delete_key(&mut self, id: &str, now: i64) -> SimResponse {
        let key = self
            .keys
            .iter_mut()
            .find(|key| key.id.eq_ignore_ascii_case(id) && key.revoked_at.is_none());
        match key {
            Some(key) => {
                key.revoked_at = Some(now);
                SimResponse::ok(&json!(1))
            }
            None => SimResponse::json(
                StatusCode::NOT_FOUND,
                &json!({ "message": "Access key not found" }),
            ),
        }
    }
}

/// 401 as the vendor words it when no key arrives, or none that counts.
pub(super) fn invalid_session() -> SimResponse {
    unauthorised("Session appears to be invalid")
}

/// 401 with a message.
fn unauthorised(message: &str) -> SimResponse {
    SimResponse::json(StatusCode::UNAUTHORIZED, &json!({ "message": message }))
}

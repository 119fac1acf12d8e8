//! Webhooks, and the notification rows that make them fire.

use std::fmt;

use halogard_wire::values;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize, Serializer};

/// A webhook, as read. Its `Debug` leaves the address out: ours carries a token.
#[derive(Clone, PartialEq, Eq, Deserialize)]
pub struct WebhookRow {
    /// A GUID.
    #[serde(deserialize_with = "values::required_text")]
    pub id: String,
    /// Its name, the only way to recognise ours.
    #[serde(default, deserialize_with = "values::text")]
    pub name: Option<String>,
    /// 0 is an outgoing webhook.
    #[serde(default, rename = "type", deserialize_with = "values::integer")]
    pub kind: Option<i64>,
    /// Where it sends to.
    #[serde(default, deserialize_with = "values::text")]
    pub url: Option<String>,
    /// Whether it is in use.
    #[serde(default, deserialize_with = "values::flag")]
    pub active: Option<bool>,
    /// Whether HaloPSA, or a person, switched it off.
    #[serde(default, deserialize_with = "values::flag")]
    pub disabled: Option<bool>,
    /// 0 none, 1 Basic, 3 HMAC.
    #[serde(default, deserialize_with = "values::integer")]
    pub authentication_type: Option<i64>,
    /// The header that carries the HMAC.
    #[serde(default, deserialize_with = "values::text")]
    pub authentication_header: Option<String>,
    /// The status of the last delivery.
    #[serde(default, deserialize_with = "values::integer")]
    pub last_status: Option<i64>,
}

impl fmt::Debug for WebhookRow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WebhookRow")
            .field("id", &self.id)
            .field("active", &self.active)
            .field("disabled", &self.disabled)
            .field("authentication_type", &self.authentication_type)
            .field("last_status", &self.last_status)
            .finish_non_exhaustive()
    }
}

/// A webhook to create, or with an id, what to change in one. Its `Debug` shows neither the
/// address nor the secret.
#[derive(Clone, Default, Serialize)]
pub struct WebhookWrite {
    /// The webhook to change; none creates one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// Its name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// 0 is an outgoing webhook.
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    pub kind: Option<u8>,
    /// Where it sends to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// 0 is POST.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub method: Option<u8>,
    /// `application/json`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub content_type: Option<String>,
    /// Whether it is in use.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub active: Option<bool>,
    /// 0 none, 1 Basic, 3 HMAC.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub authentication_type: Option<u8>,
    /// The user of Basic.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub basic_username: Option<String>,
    /// The password of Basic, or the key of the HMAC.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "exposed")]
    pub basic_password: Option<SecretString>,
    /// The header that carries the HMAC.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub authentication_header: Option<String>,
    /// 0 is HMAC-SHA-256.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub algorithm: Option<u8>,
}

/// Writes the secret into the request, the one place where it is needed.
fn exposed<S: Serializer>(secret: &Option<SecretString>, to: S) -> Result<S::Ok, S::Error> {
    secret
        .as_ref()
        .map(ExposeSecret::expose_secret)
        .serialize(to)
}

impl fmt::Debug for WebhookWrite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WebhookWrite")
            .field("id", &self.id)
            .field("active", &self.active)
            .field("authentication_type", &self.authentication_type)
            .finish_non_exhaustive()
    }
}

/// What binds an event to a webhook, as read.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct NotificationRow {
    /// The row.
    #[serde(deserialize_with = "values::required_id")]
    pub id: u64,
    /// The webhook it makes fire.
    #[serde(default, deserialize_with = "values::text")]
    pub webhook_id: Option<String>,
    /// The event, a row of lookup 64.
    #[serde(default, deserialize_with = "values::integer")]
    pub eventno: Option<i64>,
    /// Its name.
    #[serde(default, deserialize_with = "values::text")]
    pub name: Option<String>,
}

/// A row that binds one event to one webhook, without conditions.
///
/// The fixed numbers are those a shipped product sends; what most of them mean is not documented.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct NotificationWrite {
    /// The webhook that fires.
    webhook_id: String,
    /// What people see.
    name: String,
    /// The event, a row of lookup 64.
    eventno: u32,
    /// Fixed, as is every number below.
    #[serde(rename = "type")]
    kind: i8,
    delivery_method: u8,
    agent_id: u8,
    slack_id: u8,
    teams_id: u8,
    filter_type: u8,
    restriction_type: u8,
    interval: u8,
    useworkinghours: u8,
    emailtemplate_id: u8,
    conditions: [(); 0],
}

impl NotificationWrite {
    /// Makes webhook `webhook_id` fire on event number `eventno`.
    #[must_use]
    pub fn of_event(webhook_id: String, eventno: u32, name: String) -> Self {
        Self {
            webhook_id,
            name,
            eventno,
            kind: -2,
            delivery_method: 6,
            agent_id: 0,
            slack_id: 0,
            teams_id: 0,
            filter_type: 2,
            restriction_type: 0,
            interval: 0,
            useworkinghours: 0,
            emailtemplate_id: 32,
            conditions: [],
        }
    }
}

//! Webhooks, and the notification rows that make them fire.

use std::fmt;

use halogard_domain::Timestamp;
use halogard_wire::values;
use serde::{Deserialize, Serialize, Serializer};
use serde_json::{Map, Value};

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

/// One delivery in HaloPSA's own log.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct WebhookEventRow {
    /// A GUID or a number.
    #[serde(deserialize_with = "values::required_text")]
    pub id: String,
    /// When it was queued.
    #[serde(default, deserialize_with = "values::timestamp")]
    pub timestamp: Option<Timestamp>,
    /// How long it took, in milliseconds.
    #[serde(default, deserialize_with = "values::integer")]
    pub duration: Option<i64>,
    /// The status of our answer.
    #[serde(default, deserialize_with = "values::integer")]
    pub responsestatus: Option<i64>,
    /// Why there was no answer.
    #[serde(default, deserialize_with = "values::text")]
    pub error: Option<String>,
    /// What was sent.
    #[serde(default, deserialize_with = "values::text")]
    pub requestbody: Option<String>,
}

/// A webhook as a whole, every member as HaloPSA sent it: whether HaloPSA keeps what a write leaves out is not
/// known, so the whole is sent back. Its `Debug` shows nothing: the address holds a token.
#[derive(Clone, PartialEq, Deserialize)]
#[serde(transparent)]
pub struct WebhookDetail(Map<String, Value>);

/// Members that a change of ours must leave as they are, unless it is about them.
const KEPT: [&str; 12] = [
    "url",
    "name",
    "type",
    "method",
    "active",
    "disabled",
    "content_type",
    "payload_type",
    "authentication_type",
    "authentication_header",
    "basic_username",
    "events",
];

/// Members that hold a secret. HaloPSA shows them blank or masked, and what is shown must not be written back.
const SECRETS: [&str; 1] = ["basic_password"];

impl WebhookDetail {
    /// Its GUID.
    #[must_use]
    pub fn id(&self) -> Option<&str> {
        self.0.get("id")?.as_str()
    }

    /// Where it sends to.
    #[must_use]
    pub fn url(&self) -> Option<&str> {
        self.0.get("url")?.as_str()
    }

    /// 0 none, 1 Basic, 3 HMAC.
    #[must_use]
    pub fn authentication_type(&self) -> Option<i64> {
        whole_numbers(self.0.get("authentication_type")?.clone()).as_i64()
    }

    /// A webhook of these members, which HaloPSA does not have yet.
    #[must_use]
    pub fn new(members: &[(&str, Value)]) -> Self {
        Self(Map::new()).with(members)
    }

    /// What is written to change `members` of it: everything that was read, without masked secrets and without
    /// what HaloPSA only says about itself.
    #[must_use]
    pub fn with(&self, members: &[(&str, Value)]) -> Self {
        let mut whole: Map<String, Value> = self
            .0
            .iter()
            .filter(|(name, _)| !SECRETS.contains(&name.as_str()) && !name.starts_with('_'))
            .map(|(name, value)| (name.clone(), whole_numbers(value.clone())))
            .collect();
        for (name, value) in members {
            whole.insert((*name).to_owned(), value.clone());
        }
        Self(whole)
    }

    /// The members that `shown`, read after this was written, shows otherwise.
    #[must_use]
    pub fn differences(&self, shown: &Self) -> Vec<&'static str> {
        let value = |webhook: &Self, name: &str| match webhook.0.get(name) {
            // Events are compared by their numbers: the rest of them may be added to.
            Some(Value::Array(rows)) => {
                let ids = rows.iter().map(|row| row.get("id").cloned());
                let ids: Option<Vec<Value>> = ids.map(|id| id.map(whole_numbers)).collect();
                ids.map(Value::from)
            }
            Some(Value::Null) | None => None,
            Some(Value::String(text)) if text.is_empty() => None,
            Some(other) => Some(whole_numbers(other.clone())),
        };
        let differs = |name: &&'static str| value(self, name) != value(shown, name);
        KEPT.into_iter().filter(|name| differs(name)).collect()
    }
}

/// `value` with each number such as `3.0` as `3`: HaloPSA writes the one and reads the other.
fn whole_numbers(value: Value) -> Value {
    match value {
        Value::Number(number) => match number.as_f64() {
            Some(float) if !number.is_i64() && !number.is_u64() && float.fract() == 0.0 => {
                let whole = format!("{float:.0}").parse::<i64>();
                whole.map_or(Value::Number(number), Value::from)
            }
            _ => Value::Number(number),
        },
        Value::Array(items) => items.into_iter().map(whole_numbers).collect(),
        Value::Object(members) => members
            .into_iter()
            .map(|(name, value)| (name, whole_numbers(value)))
            .collect(),
        other => other,
    }
}

impl Serialize for WebhookDetail {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(to)
    }
}

impl fmt::Debug for WebhookDetail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WebhookDetail").finish_non_exhaustive()
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

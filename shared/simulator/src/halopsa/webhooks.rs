//! Webhook definitions: where deliveries go, how they prove themselves, what they carry.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use sha2::Sha256;

use crate::error::SimError;

use super::HaloPsa;
use super::settings::{EventNames, SignatureForm, WebhookForms};
use super::state::HaloState;
use super::ticket_rows::object;

/// Numbers of the events a webhook can be bound to.
///
/// The ticket events are those live tenants list; the numbers for sites, users and invoices are
/// this simulator's own, to be read from `GET /Lookup?lookupid=64` like all others.
pub mod event_numbers {
    /// New ticket logged.
    pub const NEW_TICKET: i64 = 3;
    /// Ticket updated by its end user.
    pub const UPDATED_BY_USER: i64 = 19;
    /// Ticket closed.
    pub const TICKET_CLOSED: i64 = 39;
    /// Ticket updated.
    pub const TICKET_UPDATED: i64 = 61;
    /// Ticket status changed.
    pub const STATUS_CHANGED: i64 = 76;
    /// Ticket deleted.
    pub const TICKET_DELETED: i64 = 1072;
    /// First of the nine events about sites, users and invoices.
    pub const FIRST_UNNUMBERED: i64 = 1101;

    /// Whether the event's object is a ticket.
    #[must_use]
    pub fn is_about_a_ticket(event: i64) -> bool {
        event < FIRST_UNNUMBERED
    }
}

/// Every event with its number and its words.
pub(super) const EVENTS: [(i64, &str); 18] = [
    (event_numbers::NEW_TICKET, "new ticket logged"),
    (event_numbers::UPDATED_BY_USER, "ticket updated by user"),
    (event_numbers::TICKET_CLOSED, "ticket closed"),
    (42, "first sla warning"),
    (46, "second sla warning"),
    (event_numbers::TICKET_UPDATED, "ticket updated"),
    (70, "ticket deadline reached"),
    (event_numbers::STATUS_CHANGED, "ticket status changed"),
    (event_numbers::TICKET_DELETED, "ticket deleted"),
    (1101, "site created"),
    (1102, "site updated"),
    (1103, "site deleted"),
    (1104, "user created"),
    (1105, "user updated"),
    (1106, "user deleted"),
    (1107, "invoice created"),
    (1108, "invoice updated"),
    (1109, "invoice deleted"),
];

/// The words of an event.
pub(super) fn event_name(event: i64) -> &'static str {
    EVENTS
        .iter()
        .find(|(number, _)| *number == event)
        .map_or("webhook test", |(_, name)| name)
}

/// The same words as a tenant writes them.
pub(super) fn event_words(event: i64, names: EventNames) -> String {
    let name = event_name(event);
    match names {
        EventNames::Guide => name.to_owned(),
        EventNames::Short => {
            let short = name.replace("ticket ", "").replace(" logged", "");
            let mut letters = short.chars();
            letters.next().map_or_else(String::new, |first| {
                first.to_uppercase().collect::<String>() + letters.as_str()
            })
        }
    }
}

/// How a delivery proves where it comes from.
///
/// The vendor documents the numbers 0, 1 and 3; 4 (bearer) and 5 (header) are this simulator's.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum WebhookAuth {
    /// Not at all.
    #[default]
    None,
    /// HTTP Basic.
    Basic {
        /// The user name.
        username: String,
        /// The password.
        password: String,
    },
    /// Base64 of the HMAC-SHA256 of the raw body, in a header of choice.
    Hmac {
        /// The header.
        header: String,
        /// The key.
        secret: String,
    },
    /// A bearer token.
    Bearer {
        /// The token.
        token: String,
    },
    /// A key in a header of choice.
    ApiKey {
        /// The header.
        header: String,
        /// The key.
        key: String,
    },
}

/// How much of the ticket a delivery carries.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PayloadSize {
    /// The members that matter most.
    #[default]
    Small,
    /// The whole ticket, and the action that brought the event about.
    Full,
    /// Neither: ids and the event's name.
    EventOnly,
}

/// Several events in one delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Batching {
    /// Whether only events of one kind share a delivery.
    #[serde(default)]
    pub same_event_only: bool,
    /// Seconds the first event of a batch waits.
    pub delay_seconds: u32,
    /// Events that send a batch at once.
    pub events_max: u32,
}

/// A webhook as an operator would set it up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WebhookSpec {
    /// Its name.
    pub name: String,
    /// Where deliveries go.
    pub url: String,
    /// How they prove themselves.
    pub auth: WebhookAuth,
    /// What they carry.
    pub payload: PayloadSize,
    /// Whether events wait for each other; the body is then an array.
    pub batching: Option<Batching>,
}

impl WebhookSpec {
    /// A webhook that sends small payloads one by one.
    #[must_use]
    pub fn to(url: &str, auth: WebhookAuth) -> Self {
        Self {
            name: "Halogard".to_owned(),
            url: url.to_owned(),
            auth,
            payload: PayloadSize::Small,
            batching: None,
        }
    }

    /// The definition as the API stores it.
    fn definition(&self) -> Map<String, Value> {
        let (kind, username, secret, header) = match &self.auth {
            WebhookAuth::None => (0, "", "", ""),
            WebhookAuth::Basic { username, password } => {
                (1, username.as_str(), password.as_str(), "")
            }
            WebhookAuth::Hmac { header, secret } => (3, "", secret.as_str(), header.as_str()),
            WebhookAuth::Bearer { token } => (4, "", token.as_str(), ""),
            WebhookAuth::ApiKey { header, key } => (5, "", key.as_str(), header.as_str()),
        };
        let mut definition = object(json!({
            "name": self.name,
            "url": self.url,
            "authentication_type": kind,
            "basic_username": username,
            "basic_password": secret,
            "authentication_header": header,
            "payload_type": match self.payload {
                PayloadSize::Small => 0,
                PayloadSize::Full => 1,
                PayloadSize::EventOnly => 2,
            },
        }));
        if let Some(batching) = self.batching {
            definition.insert(
                "batch_method".to_owned(),
                json!(if batching.same_event_only { 1 } else { 3 }),
            );
            definition.insert(
                "batch_delay_seconds".to_owned(),
                json!(batching.delay_seconds),
            );
            definition.insert("batch_limit".to_owned(), json!(batching.events_max));
        }
        definition
    }
}

/// A stored definition.
#[derive(Clone, Debug)]
pub(super) struct Webhook {
    /// Every member, secrets included.
    pub(super) definition: Map<String, Value>,
}

impl Webhook {
    /// A definition with the vendor's defaults for what was not said.
    pub(super) fn new(id: &str, given: Map<String, Value>) -> Self {
        let mut definition = object(json!({
            "id": id, "name": "", "type": 0, "url": "", "content_type": "application/json",
            "method": 0, "active": true, "disabled": false, "authentication_type": 0,
            "basic_username": "", "basic_password": "", "authentication_header": "",
            "algorithm": 0, "digest": 0, "signature_prefix": "", "payload_type": 0,
            "batch_method": 0, "batch_delay_seconds": 30, "batch_limit": 0,
            "infinite_loop_threshold": 5, "log_retention_policy_days": 30, "last_status": null,
        }));
        definition.extend(given);
        definition.insert("id".to_owned(), json!(id));
        Self { definition }
    }

    /// A number member; text is taken for its digits, as the vendor does here.
    pub(super) fn number(&self, name: &str) -> i64 {
        match self.definition.get(name) {
            Some(Value::String(text)) => text.trim().parse().unwrap_or(0),
            Some(value) => value.as_i64().unwrap_or(0),
            None => 0,
        }
    }

    /// A text member.
    pub(super) fn text(&self, name: &str) -> &str {
        self.definition
            .get(name)
            .and_then(Value::as_str)
            .unwrap_or_default()
    }

    /// Whether the webhook sends anything at all.
    pub(super) fn fires(&self) -> bool {
        let flag = |name: &str| self.definition.get(name).and_then(Value::as_bool);
        flag("active") != Some(false) && flag("disabled") != Some(true) && self.number("type") == 0
    }

    /// How much of the ticket deliveries carry.
    pub(super) fn payload(&self) -> PayloadSize {
        match self.number("payload_type") {
            1 => PayloadSize::Full,
            2 => PayloadSize::EventOnly,
            _ => PayloadSize::Small,
        }
    }

    /// How events wait for each other, if they do.
    pub(super) fn batching(&self) -> Option<Batching> {
        let method = self.number("batch_method");
        let positive = |name: &str| u32::try_from(self.number(name)).unwrap_or(0);
        (method > 0).then(|| Batching {
            same_event_only: method == 1,
            delay_seconds: positive("batch_delay_seconds"),
            events_max: positive("batch_limit"),
        })
    }

    /// The headers that go with a body.
    pub(super) fn headers(&self, body: &[u8], forms: &WebhookForms) -> Vec<(String, String)> {
        let mut headers = vec![
            (
                "content-type".to_owned(),
                self.text("content_type").to_owned(),
            ),
            ("user-agent".to_owned(), "Halo".to_owned()),
        ];
        let secret = self.text("basic_password");
        let named = self.text("authentication_header").to_owned();
        match self.number("authentication_type") {
            1 => {
                let pair = STANDARD.encode(format!("{}:{secret}", self.text("basic_username")));
                headers.push(("authorization".to_owned(), format!("Basic {pair}")));
            }
            3 if !forms.can_sign => {}
            3 => headers.push((
                named,
                format!(
                    "{}{}",
                    self.text("signature_prefix"),
                    signature(secret, body, forms.signature)
                ),
            )),
            4 => headers.push(("authorization".to_owned(), format!("Bearer {secret}"))),
            5 => headers.push((named, secret.to_owned())),
            _ => {}
        }
        headers
    }
}

/// The HMAC-SHA256 of `body` under `secret`, written as the tenant writes it.
fn signature(secret: &str, body: &[u8], form: SignatureForm) -> String {
    let hex = |bytes: &[u8]| -> String { bytes.iter().map(|byte| format!("{byte:02x}")).collect() };
    // HMAC takes keys of any length, so the error cannot come about; an empty signature would
    // be refused by any receiver.
    Hmac::<Sha256>::new_from_slice(secret.as_bytes()).map_or_else(
        |_| String::new(),
        |mut mac| {
            mac.update(body);
            let bytes = mac.finalize().into_bytes();
            match form {
                SignatureForm::Base64 => STANDARD.encode(bytes),
                SignatureForm::Hex => hex(&bytes),
                SignatureForm::PrefixedHex => format!("sha256={}", hex(&bytes)),
            }
        },
    )
}

/// One event bound to one webhook.
#[derive(Clone, Debug)]
pub(super) struct EventBinding {
    pub(super) id: i64,
    /// The webhook it fires.
    pub(super) webhook_id: String,
    /// The event that fires it.
    pub(super) event: i64,
    /// Every member as it came.
    pub(super) members: Map<String, Value>,
}

impl HaloPsa {
    /// Sets up a webhook as an operator would; returns its id. No event is bound to it yet.
    pub fn register_webhook(&self, spec: &WebhookSpec) -> String {
        self.state().add_webhook(spec.definition())
    }

    /// Removes every webhook, as a person can in the user interface.
    pub fn remove_webhooks(&self) {
        let mut state = self.state();
        state.webhooks.clear();
        state.notifications.clear();
    }

    /// Binds every event there is to a webhook, but for those that a misconfiguration leaves out.
    ///
    /// # Errors
    ///
    /// [`SimError::NoSuchWebhook`].
    pub fn bind_all_events(&self, webhook_id: &str) -> Result<(), SimError> {
        let mut state = self.state();
        if !state.webhooks.contains_key(webhook_id) {
            return Err(SimError::NoSuchWebhook(webhook_id.to_owned()));
        }
        let left_out = state.settings.misconfigurations.events_not_bound.clone();
        for (event, name) in EVENTS {
            if left_out.contains(&event) {
                continue;
            }
            let members = object(json!({
                "webhook_id": webhook_id, "type": -2, "delivery_method": 6, "eventno": event, "name": name,
            }));
            state.bind(webhook_id, event, members);
        }
        Ok(())
    }
}

impl HaloState {
    /// Stores a new definition and returns its id.
    pub(super) fn add_webhook(&mut self, definition: Map<String, Value>) -> String {
        let id = self.rng.guid();
        self.webhooks
            .insert(id.clone(), Webhook::new(&id, definition));
        id
    }

    /// Binds an event and returns the row's number.
    pub(super) fn bind(
        &mut self,
        webhook_id: &str,
        event: i64,
        mut members: Map<String, Value>,
    ) -> i64 {
        let id = self.notifications.last().map_or(41, |last| last.id + 1);
        members.insert("id".to_owned(), json!(id));
        let webhook_id = webhook_id.to_owned();
        self.notifications.push(EventBinding {
            id,
            webhook_id,
            event,
            members,
        });
        id
    }
}

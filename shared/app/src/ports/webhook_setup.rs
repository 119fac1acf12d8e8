//! Setting up the service desk's outgoing webhooks.

use std::fmt;
use std::future::Future;

use halogard_domain::Timestamp;
use secrecy::SecretString;

use super::PortError;

/// Creates, binds and examines outgoing webhooks. Takes an administrator's rights, which the daily work does not
/// have: every method may be refused as forbidden, and a person then does by hand what it would have done.
pub trait WebhookSetup: Send + Sync {
    /// Every outgoing webhook.
    fn outgoing(&self) -> impl Future<Output = Result<Vec<OutgoingWebhook>, PortError>> + Send;

    /// The numbers of the events that make the webhook `id` fire.
    fn bound_events(&self, id: &str) -> impl Future<Output = Result<Vec<i64>, PortError>> + Send;

    /// Creates a webhook. Not safe to repeat: check first whether it exists.
    fn create(&self, new: &NewWebhook) -> impl Future<Output = Result<(), PortError>> + Send;

    /// Makes the webhook `id` fire on an event. Not safe to repeat: an event bound twice is delivered twice.
    fn bind(
        &self,
        id: &str,
        event: WebhookEvent,
    ) -> impl Future<Output = Result<(), PortError>> + Send;

    /// Switches the webhook `id` on, whose deliveries show `authentication`, and reads it back.
    ///
    /// Fails permanently where the service desk changed more than that.
    fn activate(
        &self,
        id: &str,
        authentication: &WebhookAuthentication,
    ) -> impl Future<Output = Result<(), PortError>> + Send;

    /// Has the service desk send a delivery that only tries the webhook `id`, and reads the webhook back.
    ///
    /// Fails permanently where the service desk changed it.
    fn send_test(&self, id: &str) -> impl Future<Output = Result<(), PortError>> + Send;

    /// At most `max` of the newest deliveries of the webhook `id`, the newest first.
    fn deliveries(
        &self,
        id: &str,
        max: u32,
    ) -> impl Future<Output = Result<Vec<DeliveryRecord>, PortError>> + Send;
}

/// An outgoing webhook. Its `Debug` leaves the address out: ours carries a token.
#[derive(Clone, PartialEq, Eq)]
pub struct OutgoingWebhook {
    /// How the service desk names it in requests.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Where it sends to.
    pub url: String,
    /// Whether it sends.
    pub active: bool,
    /// The status of its last delivery, where the service desk says so.
    pub last_status: Option<i64>,
}

impl fmt::Debug for OutgoingWebhook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OutgoingWebhook")
            .field("id", &self.id)
            .field("active", &self.active)
            .field("last_status", &self.last_status)
            .finish_non_exhaustive()
    }
}

/// A webhook to be created.
#[derive(Debug)]
pub struct NewWebhook {
    /// What people see.
    pub name: String,
    /// Where it sends to, the token included.
    pub url: SecretString,
    /// How its deliveries show that they come from the service desk.
    pub authentication: WebhookAuthentication,
}

/// How deliveries are authenticated beside the token in their address.
#[derive(Debug)]
pub enum WebhookAuthentication {
    /// By nothing else.
    TokenOnly,
    /// By user name and password.
    Basic {
        /// The user name.
        username: String,
        /// The password.
        password: SecretString,
    },
    /// By a signature over the body.
    Hmac {
        /// The header that carries it.
        header: String,
        /// The key.
        key: SecretString,
    },
}

/// An event that makes a webhook fire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WebhookEvent {
    /// Its number in the service desk.
    pub number: u32,
    /// What people call it.
    pub name: &'static str,
}

/// One delivery, as the service desk recorded it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeliveryRecord {
    /// How the service desk names it.
    pub id: String,
    /// When it was queued.
    pub queued_at: Option<Timestamp>,
    /// How long it took, in milliseconds.
    pub duration_ms: Option<i64>,
    /// The status of the answer; `None` when there was none.
    pub status: Option<i64>,
    /// Why there was no answer.
    pub error: Option<String>,
    /// The event, if the record names it.
    pub event: Option<String>,
}

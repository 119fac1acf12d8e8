//! HaloPSA behind the port that sets up webhooks.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};

use halogard_app::ports::{
    Clock, DeliveryRecord, ErrorCode, NewWebhook, OutgoingWebhook, PortError, Refusal,
    RequestBudget, WebhookAuthentication, WebhookEvent, WebhookSetup,
};
use halogard_http::Transport;
use secrecy::ExposeSecret as _;
use serde_json::{Value, json};

use crate::client::{Client, HaloClientSettings};
use crate::rotation::{BASIC, DETAILS_MAX, HMAC, WEBHOOK_SCOPE, changed_otherwise, path_segment};
use crate::wire::{NotificationWrite, WebhookDetail, WebhookRow};

/// A tenant's webhooks, asked for with a token of an administrator's scope; where the application has none, with
/// the daily scopes, which some tenants accept.
pub struct HaloWebhookSetup<T, B, C> {
    admin: Client<T, B, C>,
    daily: Client<T, B, C>,
    /// Whether the administrator's scope was refused.
    is_daily: AtomicBool,
}

impl<T, B, C> HaloWebhookSetup<T, B, C>
where
    T: Transport + Clone,
    B: RequestBudget + Clone,
    C: Clock + Clone,
{
    /// The tenant of `settings`, with its credentials.
    #[must_use]
    pub fn new(settings: HaloClientSettings, transport: T, budget: B, clock: C) -> Self {
        let admin = HaloClientSettings {
            scopes: WEBHOOK_SCOPE.to_owned(),
            ..settings.clone()
        };
        let client = |settings| {
            let (transport, budget) = (transport.clone(), budget.clone());
            Client::new(settings, transport, budget, clock.clone())
        };
        Self {
            admin: client(admin),
            daily: client(settings),
            is_daily: AtomicBool::new(false),
        }
    }
}

impl<T: Transport, B: RequestBudget, C: Clock> HaloWebhookSetup<T, B, C> {
    /// The client whose scope was not refused.
    fn client(&self) -> &Client<T, B, C> {
        if self.is_daily.load(Ordering::Relaxed) {
            &self.daily
        } else {
            &self.admin
        }
    }

    /// The list of webhooks, by the first client that may read it.
    async fn rows(&self) -> Result<Vec<WebhookRow>, PortError> {
        match self.client().webhooks().await.map_err(PortError::from) {
            Err(refused) if refused.code == ErrorCode::HalopsaScope => {
                self.is_daily.store(true, Ordering::Relaxed);
                match self.daily.webhooks().await.map_err(PortError::from) {
                    Err(error) if error.refusal == Some(Refusal::Forbidden) => Err(refused),
                    rows => rows,
                }
            }
            rows => rows,
        }
    }

    /// Writes `whole` with `members`, and reads it back: HaloPSA may change more than was written.
    async fn change_webhook(
        &self,
        id: &str,
        whole: &WebhookDetail,
        members: &[(&str, Value)],
    ) -> Result<(), PortError> {
        let write = whole.with(members);
        let posted = self.client().post_webhook(&write).await;
        posted.map_err(crate::failure::repeatable)?;
        let shown = self.client().webhook(path_segment(id)?).await?;
        match write.differences(&shown).as_slice() {
            [] => Ok(()),
            others => Err(changed_otherwise(others, "")),
        }
    }

    /// The webhook `id` as a whole.
    async fn whole(&self, id: &str) -> Result<WebhookDetail, PortError> {
        Ok(self.client().webhook(path_segment(id)?).await?)
    }
}

impl<T: Transport, B: RequestBudget, C: Clock> WebhookSetup for HaloWebhookSetup<T, B, C> {
    /// Where the list does not show addresses, the first twenty webhooks are read one by one.
    async fn outgoing(&self) -> Result<Vec<OutgoingWebhook>, PortError> {
        let mut found = Vec::new();
        let mut details = 0;
        for row in self.rows().await? {
            let url = match row.url {
                Some(url) => Some(url),
                None if details < DETAILS_MAX => {
                    details += 1;
                    let whole = self.client().webhook(path_segment(&row.id)?).await?;
                    whole.url().map(str::to_owned)
                }
                None => None,
            };
            found.push(OutgoingWebhook {
                id: row.id,
                name: row.name.unwrap_or_default(),
                url: url.unwrap_or_default(),
                active: row.active != Some(false) && row.disabled != Some(true),
                last_status: row.last_status,
            });
        }
        Ok(found)
    }

    async fn bound_events(&self, id: &str) -> Result<Vec<i64>, PortError> {
        let bound = self.client().notifications(id).await?;
        Ok(bound.rows.iter().filter_map(|row| row.eventno).collect())
    }

    async fn create(&self, new: &NewWebhook) -> Result<(), PortError> {
        let mut members = vec![
            ("name", json!(new.name)),
            ("type", json!(0)),
            ("url", json!(new.url.expose_secret())),
            ("content_type", json!("application/json")),
            ("method", json!(0)),
            ("active", json!(true)),
        ];
        members.extend(authentication(&new.authentication));
        let webhook = WebhookDetail::new(&members);
        Ok(self.client().post_webhook(&webhook).await?)
    }

    async fn bind(&self, id: &str, event: WebhookEvent) -> Result<(), PortError> {
        let row = NotificationWrite::of_event(id.to_owned(), event.number, event.name.to_owned());
        let client = self.client();
        Ok(client.post_notification(&row).await.map(drop)?)
    }

    async fn activate(
        &self,
        id: &str,
        authentication: &WebhookAuthentication,
    ) -> Result<(), PortError> {
        let whole = self.whole(id).await?;
        let mut members = vec![("active", json!(true)), ("disabled", json!(false))];
        members.extend(secret_of(authentication, whole.authentication_type()));
        Box::pin(self.change_webhook(id, &whole, &members)).await
    }

    async fn send_test(&self, id: &str) -> Result<(), PortError> {
        let whole = self.whole(id).await?;
        let members = [("_test", json!(true))];
        Box::pin(self.change_webhook(id, &whole, &members)).await
    }

    async fn deliveries(&self, id: &str, max: u32) -> Result<Vec<DeliveryRecord>, PortError> {
        let rows = self.client().webhook_events(id, max).await?;
        Ok(rows
            .into_iter()
            .map(|row| DeliveryRecord {
                id: row.id,
                queued_at: row.timestamp,
                duration_ms: row.duration,
                status: row.responsestatus.filter(|status| *status > 0),
                error: row.error,
                event: row.requestbody.as_deref().and_then(event_of),
            })
            .collect())
    }
}

/// The members that say how deliveries are authenticated.
fn authentication(wanted: &WebhookAuthentication) -> Vec<(&'static str, Value)> {
    match wanted {
        WebhookAuthentication::TokenOnly => vec![("authentication_type", json!(0))],
        WebhookAuthentication::Basic { username, password } => vec![
            ("authentication_type", json!(BASIC)),
            ("basic_username", json!(username)),
            ("basic_password", json!(password.expose_secret())),
        ],
        WebhookAuthentication::Hmac { header, key } => vec![
            ("authentication_type", json!(HMAC)),
            ("authentication_header", json!(header)),
            ("basic_password", json!(key.expose_secret())),
        ],
    }
}

/// The member with the password or key of `wanted`, which HaloPSA never shows and may empty when a write leaves it
/// out; none where the webhook authenticates in another way than `wanted`.
fn secret_of(wanted: &WebhookAuthentication, kind: Option<i64>) -> Option<(&'static str, Value)> {
    let (wanted_kind, secret) = match wanted {
        WebhookAuthentication::TokenOnly => return None,
        WebhookAuthentication::Basic { password, .. } => (BASIC, password),
        WebhookAuthentication::Hmac { key, .. } => (HMAC, key),
    };
    (kind == Some(i64::from(wanted_kind)))
        .then(|| ("basic_password", json!(secret.expose_secret())))
}

/// The event that a delivered body names; of several in one body, the first.
fn event_of(body: &str) -> Option<String> {
    let body: Value = serde_json::from_str(body).ok()?;
    let first = body.get(0).unwrap_or(&body);
    first.get("event")?.as_str().map(str::to_owned)
}

impl<T, B, C> fmt::Debug for HaloWebhookSetup<T, B, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HaloWebhookSetup").finish_non_exhaustive()
    }
}

//! Webhooks. Very likely an administrator's scope: meant for set-up, not for run time.

use halogard_app::ports::{Clock, RequestBudget};
use halogard_http::Transport;

use super::pages::Listing;
use super::request::HaloRequest;
use super::{Client, route};
use crate::error::Error;
use crate::wire::{
    NotificationRow, NotificationWrite, OneOrManySeed, WebhookDetail, WebhookEventRow, WebhookRow,
};

impl<T: Transport, B: RequestBudget, C: Clock> Client<T, B, C> {
    /// `GET /Webhook`: the outgoing webhooks. HaloPSA does not say whose they are; ours is known
    /// by its name. Spends one request.
    ///
    /// # Errors
    ///
    /// When the vendor cannot be reached, refuses the read or answers in an unexpected form.
    pub async fn webhooks(&self) -> Result<Vec<WebhookRow>, Error> {
        self.rows(
            &HaloRequest::to(route::WEBHOOKS).with("type", 0),
            "webhooks",
        )
        .await
    }

    /// `GET /Webhook/{id}` with its events: every member of the webhook, as far as HaloPSA shows them. Spends one
    /// request.
    ///
    /// # Errors
    ///
    /// When the vendor cannot be reached, refuses the read or answers in an unexpected form.
    pub async fn webhook(&self, id: &str) -> Result<WebhookDetail, Error> {
        let call = HaloRequest::to(route::WEBHOOK)
            .of(id)
            .with("includedetails", true);
        let mut found = self
            .read(&call, OneOrManySeed::<WebhookDetail>::new())
            .await?;
        // The reader takes no empty list, so the first is there.
        Ok(found.swap_remove(0))
    }

    /// `POST /Webhook`: changes the webhook whose id it carries, which is safe to repeat; without an id it creates
    /// one. Spends one request.
    ///
    /// # Errors
    ///
    /// Of class `InDoubt` whenever the work may have been done.
    pub async fn post_webhook(&self, webhook: &WebhookDetail) -> Result<(), Error> {
        let call = HaloRequest::to(route::POST_WEBHOOK).posting(std::slice::from_ref(webhook))?;
        // The result is read afterwards.
        self.fetch(&call).await.map(|_body| ())
    }

    /// `GET /WebhookEvent`: at most `max` of the newest deliveries of webhook `webhook_id`. Spends one request.
    ///
    /// # Errors
    ///
    /// When the vendor cannot be reached, refuses the read or answers in an unexpected form.
    pub async fn webhook_events(
        &self,
        webhook_id: &str,
        max: u32,
    ) -> Result<Vec<WebhookEventRow>, Error> {
        let call = HaloRequest::to(route::WEBHOOK_EVENTS)
            .with("webhook_id", webhook_id)
            .with("pageinate", true)
            .with("page_size", max)
            .with("page_no", 1);
        self.rows(&call, "webhookevents").await
    }

    /// `GET /Notification`: the rows that make webhook `webhook_id` fire; without any it never
    /// does. Rows of other webhooks are set aside. Spends one request.
    ///
    /// # Errors
    ///
    /// When the vendor cannot be reached, refuses the read or answers in an unexpected form.
    pub async fn notifications(&self, webhook_id: &str) -> Result<Listing<NotificationRow>, Error> {
        let call = HaloRequest::to(route::NOTIFICATIONS).with("webhook_id", webhook_id);
        let belongs = |row: &NotificationRow| match &row.webhook_id {
            Some(found) => found.eq_ignore_ascii_case(webhook_id),
            None => true,
        };
        self.unpaged_list(&call, "notifications", belongs).await
    }

    /// `POST /Notification`: binds one event. Spends one request.
    ///
    /// Not safe to repeat: an event bound twice is delivered twice.
    ///
    /// # Errors
    ///
    /// Of class `InDoubt` whenever the work may have been done.
    pub async fn post_notification(
        &self,
        notification: &NotificationWrite,
    ) -> Result<NotificationRow, Error> {
        let call = HaloRequest::to(route::POST_NOTIFICATION)
            .posting(std::slice::from_ref(notification))?;
        let mut rows = self
            .read(&call, OneOrManySeed::<NotificationRow>::new())
            .await?;
        // The reader takes no empty list, so the first is there.
        Ok(rows.swap_remove(0))
    }
}

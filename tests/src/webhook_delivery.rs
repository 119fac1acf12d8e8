//! How HaloPSA's webhooks come to the bundle.

use std::time::Duration;

use halogard_app::intake::{Rejection, enqueue};
use halogard_app::ports::Clock as _;
use halogard_credentials::webhook_auth::WebhookRequest;
use halogard_domain::Timestamp;
use halogard_halopsa::webhook;
use halogard_simulator::halopsa::{DeliveryResult, OutgoingDelivery};

use crate::crash_point::Crashed;
use crate::scenario::Scenario;

/// How long deliveries are delayed before they arrive in reverse order.
const DELAY: Duration = Duration::from_secs(20);

/// How webhooks arrive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WebhookDelivery {
    /// As soon as HaloPSA sends them, in its order.
    Prompt,
    /// Late, the newest first, and each of them twice.
    TwiceInReverse,
    /// Not at all.
    Never,
}

/// Deliveries on their way.
#[derive(Debug)]
pub(crate) struct PendingDeliveries {
    webhook_delivery: WebhookDelivery,
    delayed: Vec<OutgoingDelivery>,
    release_at: Option<Timestamp>,
}

impl PendingDeliveries {
    /// An empty one.
    pub(crate) const fn new(webhook_delivery: WebhookDelivery) -> Self {
        Self {
            webhook_delivery,
            delayed: Vec::new(),
            release_at: None,
        }
    }

    /// Accepts the deliveries HaloPSA sends at `now`, and returns those that arrive at `now`.
    fn pass(&mut self, sent: Vec<OutgoingDelivery>, now: Timestamp) -> Vec<OutgoingDelivery> {
        match self.webhook_delivery {
            WebhookDelivery::Prompt => sent,
            WebhookDelivery::Never => Vec::new(),
            WebhookDelivery::TwiceInReverse => {
                if !sent.is_empty() && self.delayed.is_empty() {
                    self.release_at = Some(now.plus(DELAY));
                }
                self.delayed.extend(sent);
                if self.release_at.is_none_or(|at| at > now) {
                    return Vec::new();
                }
                self.release_at = None;
                let held = std::mem::take(&mut self.delayed);
                held.into_iter().rev().flat_map(twice).collect()
            }
        }
    }
}

/// The same delivery two times.
fn twice(delivery: OutgoingDelivery) -> [OutgoingDelivery; 2] {
    [delivery.clone(), delivery]
}

impl Scenario {
    /// Delivers every webhook that is due; returns how many arrived.
    pub(crate) async fn deliver_webhooks(&mut self) -> Result<usize, Crashed> {
        let now = self.time.now();
        let sent = self.halo.take_due(now.as_millis());
        let arriving = self.pending_deliveries.pass(sent, now);
        let count = arriving.len();
        let mut arriving = arriving.into_iter();
        for delivery in arriving.by_ref() {
            let answered = self.hand_over(&delivery).await;
            let status = answered.map(|taken| if taken.is_ok() { 200 } else { 401 });
            let result = DeliveryResult {
                status: status.ok(),
                ..DeliveryResult::default()
            };
            self.halo.record_delivery(&delivery, &result);
            status?;
        }
        Ok(count)
    }

    /// Delivers one webhook, as the program's HTTP server does.
    ///
    /// # Errors
    ///
    /// [`Crashed`] when the process died over it.
    pub async fn hand_over(
        &self,
        delivery: &OutgoingDelivery,
    ) -> Result<Result<usize, Rejection>, Crashed> {
        let life = self.process();
        let header = |name: &str| -> Vec<Vec<u8>> {
            let named = delivery
                .headers
                .iter()
                .filter(|(given, _)| given.eq_ignore_ascii_case(name));
            named.map(|(_, value)| value.clone().into_bytes()).collect()
        };
        let request = WebhookRequest {
            header: &header,
            header_names: &|| {
                delivery
                    .headers
                    .iter()
                    .map(|(name, _)| name.clone())
                    .collect()
            },
            body: &delivery.body,
        };
        // The server's routes take the address with and without a slash at its end.
        let path = delivery.url.trim_end_matches('/');
        let token = path.rsplit('/').next().unwrap_or_default();
        let now = self.time.now();
        let taken = async {
            let path = life.authenticator.verify_path(token).await?;
            let verified = life.authenticator.verify(&path, &request).await?;
            let messages = webhook::parse(verified.body, now)?;
            enqueue(&life.store, messages).await
        };
        self.crash_points.until_crash(taken).await
    }

    /// When the next webhook arrives.
    pub(crate) fn next_webhook_at(&self) -> Option<Timestamp> {
        let sent = self.halo.next_delivery_due().map(Timestamp::from_millis);
        sent.into_iter()
            .chain(self.pending_deliveries.release_at)
            .min()
    }
}

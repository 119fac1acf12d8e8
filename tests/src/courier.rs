//! How HaloPSA's webhooks come to the bundle.

use std::time::Duration;

use halogard_app::intake::{Knock, Turned, take_in};
use halogard_app::ports::Clock as _;
use halogard_domain::Timestamp;
use halogard_halopsa::webhook;
use halogard_simulator::halopsa::{DeliveryResult, OutgoingDelivery};

use crate::bundle::Bundle;
use crate::fuse::Stopped;

/// How long deliveries are held back to be told in reverse.
const HELD_BACK: Duration = Duration::from_secs(20);

/// How webhooks arrive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Courier {
    /// As soon as HaloPSA sends them, in its order.
    Prompt,
    /// Late, the newest first, and each of them twice.
    TwiceInReverse,
    /// Not at all.
    Never,
}

/// Deliveries on their way.
#[derive(Debug)]
pub(crate) struct Bag {
    courier: Courier,
    held: Vec<OutgoingDelivery>,
    open_at: Option<Timestamp>,
}

impl Bag {
    /// An empty one.
    pub(crate) const fn new(courier: Courier) -> Self {
        Self {
            courier,
            held: Vec::new(),
            open_at: None,
        }
    }

    /// Takes in what HaloPSA sends at `now`, and hands out what arrives at `now`.
    fn pass(&mut self, sent: Vec<OutgoingDelivery>, now: Timestamp) -> Vec<OutgoingDelivery> {
        match self.courier {
            Courier::Prompt => sent,
            Courier::Never => Vec::new(),
            Courier::TwiceInReverse => {
                if !sent.is_empty() && self.held.is_empty() {
                    self.open_at = Some(now.plus(HELD_BACK));
                }
                self.held.extend(sent);
                if self.open_at.is_none_or(|at| at > now) {
                    return Vec::new();
                }
                self.open_at = None;
                let held = std::mem::take(&mut self.held);
                held.into_iter().rev().flat_map(twice).collect()
            }
        }
    }
}

/// The same delivery two times.
fn twice(delivery: OutgoingDelivery) -> [OutgoingDelivery; 2] {
    [delivery.clone(), delivery]
}

impl Bundle {
    /// Delivers every webhook that is due; returns how many arrived.
    pub(crate) async fn deliver_webhooks(&mut self) -> Result<usize, Stopped> {
        let now = self.time.now();
        let sent = self.halo.take_due(now.as_millis());
        let arriving = self.bag.pass(sent, now);
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

    /// Delivers one webhook, as the program's front does.
    ///
    /// # Errors
    ///
    /// [`Stopped`] when the process died over it.
    pub async fn hand_over(
        &self,
        delivery: &OutgoingDelivery,
    ) -> Result<Result<usize, Turned>, Stopped> {
        let life = self.life();
        let header = |name: &str| -> Vec<Vec<u8>> {
            let named = delivery
                .headers
                .iter()
                .filter(|(given, _)| given.eq_ignore_ascii_case(name));
            named.map(|(_, value)| value.clone().into_bytes()).collect()
        };
        let knock = Knock {
            path_token: delivery.url.rsplit('/').next().unwrap_or_default(),
            header: &header,
            body: &delivery.body,
        };
        let now = self.time.now();
        let taken = take_in(&life.store, &life.door, &knock, |body| {
            webhook::read(body, now)
        });
        self.fuse.while_alive(taken).await
    }

    /// When the next webhook arrives.
    pub(crate) fn next_webhook_at(&self) -> Option<Timestamp> {
        let sent = self.halo.next_delivery_due().map(Timestamp::from_millis);
        sent.into_iter().chain(self.bag.open_at).min()
    }
}

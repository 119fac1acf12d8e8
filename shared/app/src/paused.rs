//! What an operator has paused, as the workers know it.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use halogard_domain::message::Message;
use halogard_domain::pause::{Pause, Pauses};
use halogard_domain::record::Singleton;
use halogard_domain::vendor::Vendor;
use halogard_domain::{Link, Timestamp};

use crate::env::Env;
use crate::ports::PortError;
use crate::ports::prelude::*;
use crate::reconciler::Reconciler;

/// How long a worker goes by what it has read: a pause is in force this much later at most.
pub const PAUSES_READ_EVERY: Duration = Duration::from_secs(5);

/// When paused work is checked again: an operator may end the pause earlier than planned.
const LOOK_AGAIN: Duration = Duration::from_secs(60);

/// The pauses that a process has read last, and when.
#[derive(Default)]
pub(crate) struct KnownPauses(Mutex<Option<(Timestamp, Arc<Pauses>)>>);

impl<E: Env> Reconciler<E> {
    /// The pauses, as of a few seconds ago.
    async fn pauses(&self) -> Result<Arc<Pauses>, PortError> {
        let now = self.clock.now();
        let known = self.pauses_read();
        if let Some((at, pauses)) = known
            && now.is_within(PAUSES_READ_EVERY, at)
        {
            return Ok(pauses);
        }
        let stored = self.store.load_record::<Pauses>(&Singleton).await?;
        let pauses = Arc::new(stored.value);
        let mut known = self.pauses.0.lock().unwrap_or_else(PoisonError::into_inner);
        *known = Some((now, Arc::clone(&pauses)));
        Ok(pauses)
    }

    fn pauses_read(&self) -> Option<(Timestamp, Arc<Pauses>)> {
        let known = self.pauses.0.lock();
        known.unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Whether `vendor` is to be asked nothing.
    pub(crate) async fn is_paused(&self, vendor: Vendor) -> Result<bool, PortError> {
        let pauses = self.pauses().await?;
        Ok(pauses.of_vendor(vendor, self.clock.now()).is_some())
    }

    /// When `message` is processed again, if the vendor that it mostly concerns is paused.
    pub(crate) async fn message_paused_until(
        &self,
        message: &Message,
    ) -> Result<Option<Timestamp>, PortError> {
        let vendor = match message {
            Message::ReconcileAlert { .. } | Message::ReconcileTicket { .. } => Vendor::HaloPsa,
            Message::AdvanceRun { .. } => Vendor::Liongard,
            Message::Poll { .. }
            | Message::RecordNotification { .. }
            | Message::KeepWebhookSample { .. } => return Ok(None),
        };
        let (pauses, now) = (self.pauses().await?, self.clock.now());
        Ok(pauses
            .of_vendor(vendor, now)
            .map(|pause| look_again(pause, now)))
    }

    /// When the pair of `link` is reconciled again, if it is paused.
    pub(crate) async fn pair_paused_until(
        &self,
        link: &Link,
    ) -> Result<Option<Timestamp>, PortError> {
        let (pauses, now) = (self.pauses().await?, self.clock.now());
        let environment = link.observed_alert.as_ref().map(|alert| alert.environment);
        let pause = pauses.of_pair(link.alert, environment, now);
        Ok(pause.map(|pause| look_again(pause, now)))
    }
}

/// When the work that `pause` holds back is processed again.
fn look_again(pause: &Pause, now: Timestamp) -> Timestamp {
    let soon = now.plus(LOOK_AGAIN);
    pause.until.map_or(soon, |until| until.min(soon))
}

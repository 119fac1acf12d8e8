//! Notices to people, after a sync cycle.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use halogard_app::ports::Clock as _;
use halogard_domain::Timestamp;
use halogard_lambda::{Instance, Platform};
use halogard_notices::MessageSender;
use halogard_operations::notify::NoticeRoutes;
use halogard_runtime::settings::{self, NotifySettings, OutboundSettings};
use tracing::warn;

/// Time between two rounds of an instance. A round reads the pairs that wait, and a cause has to last for as long
/// before it is announced.
const INTERVAL: Duration = Duration::from_secs(270);

/// What is left of an invocation for its end.
const MARGIN: Duration = Duration::from_secs(10);

/// The rounds of one instance of the function.
#[derive(Default)]
pub struct NoticeRounds {
    /// When the last one began, in milliseconds; 0 before the first.
    began_at: AtomicI64,
}

impl NoticeRounds {
    /// Sends the notices that are due, if the config names a channel and the last round is long enough ago. What
    /// fails is logged and tried again: it fails no sync cycle.
    pub async fn send_due<P: Platform>(&self, instance: &Instance<P>, deadline: Timestamp) {
        if let Err(reason) = self.try_to_send(instance, deadline).await {
            warn!(reason, "notices could not be sent; they are tried again");
        }
    }

    async fn try_to_send<P: Platform>(
        &self,
        instance: &Instance<P>,
        deadline: Timestamp,
    ) -> Result<(), String> {
        let invocation = instance
            .begin(deadline)
            .await
            .map_err(|it| it.to_string())?;
        let (Ok(reconciler), resources) = (&invocation.reconciler, &invocation.resources) else {
            // The cycle has said why.
            return Ok(());
        };
        let (policy, now) = (reconciler.policy(), resources.clock.now());
        let last = Timestamp::from_millis(self.began_at.load(Ordering::Relaxed));
        if policy.notify.is_none() || now.is_within(INTERVAL, last) {
            return Ok(());
        }
        self.began_at.store(now.as_millis(), Ordering::Relaxed);
        let values = resources
            .channel_settings()
            .await
            .map_err(|error| error.to_string())?;
        let (secrets, _) =
            settings::read::<NotifySettings>(&values).map_err(|error| error.to_string())?;
        let (outbound, _) =
            settings::read::<OutboundSettings>(&values).map_err(|error| error.to_string())?;
        let messenger = MessageSender::new(secrets, outbound).map_err(|error| error.to_string())?;
        let routes = NoticeRoutes {
            desk: &reconciler.desk,
            messenger: &messenger,
        };
        let left = invocation.deadline.left(now).saturating_sub(MARGIN);
        let round = Box::pin(routes.send_due(&resources.store, &policy, now));
        match tokio::time::timeout(left, round).await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(error)) => Err(error.chain()),
            Err(_) => Err("the invocation has no time left".to_owned()),
        }
    }
}

//! Notices to people while the process serves.

use std::sync::Arc;
use std::time::Duration;

use halogard_app::Reconciler;
use halogard_app::ports::Clock as _;
use halogard_operations::notify::NoticeRoutes;
use halogard_runtime::SystemClock;
use halogard_runtime::settings::SettingValues;
use tracing::warn;

use crate::connect::NetworkEnv;
use crate::opened_store::message_sender;
use crate::stored_credentials;

/// Time between two rounds. A cause has to last for some minutes before it is announced.
const INTERVAL: Duration = Duration::from_secs(60);

/// How long a round may take: a few deliveries by slow channels.
const ROUND_MAX: Duration = Duration::from_secs(240);

/// Sends notices of what needs a person, again and again, and never ends. Synchronisation does not wait for it.
pub(super) async fn send_notices(
    given: SettingValues,
    reconciler: Arc<Reconciler<NetworkEnv<SystemClock>>>,
) {
    loop {
        tokio::time::sleep(INTERVAL).await;
        let round = tokio::time::timeout(ROUND_MAX, send_due(&given, &reconciler));
        let failed = match round.await {
            Ok(Ok(())) => continue,
            Ok(Err(error)) => format!("{error:#}"),
            Err(_) => format!("they took longer than {} seconds", ROUND_MAX.as_secs()),
        };
        warn!(
            reason = failed,
            "notices could not be sent; they are tried again"
        );
    }
}

/// Sends the notices that are due, if the config names a channel. The secrets are read each time: `notify set` may
/// have stored others.
async fn send_due(
    given: &SettingValues,
    reconciler: &Reconciler<NetworkEnv<SystemClock>>,
) -> anyhow::Result<()> {
    let policy = reconciler.policy();
    if policy.notify.is_none() {
        return Ok(());
    }
    let complete = stored_credentials::complete(given.clone(), &reconciler.store).await?;
    let messenger = message_sender(&complete)?;
    let routes = NoticeRoutes {
        desk: &reconciler.desk,
        messenger: &messenger,
    };
    routes
        .send_due(&reconciler.store, &policy, SystemClock.now())
        .await?;
    Ok(())
}

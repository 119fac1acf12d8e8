//! Liongard's key, exchanged by the process itself while it serves.

use std::time::Duration;

use halogard_app::credentials::SecretFields;
use halogard_runtime::SystemClock;
use halogard_runtime::settings::Environment;
use halogard_sqlite::Store;

use super::RotateCommand;
use super::local_target::LocalTarget;
use crate::stored_credentials::{self, LIONGARD};

/// A look at the key that failed is repeated after this time, or after the interval if that is
/// shorter.
const FAILED_LOOK_PAUSE: Duration = Duration::from_secs(3600);

/// A key with fewer days left is rotated: with the usual life of 90 days, every month.
const ROTATE_WITH_DAYS_LEFT: i64 = 60;

/// Rotates Liongard's key on this machine's own schedule, with a look each `interval`, for as long as
/// the process serves. Only a key kept in the vault: one that stands in settings is its owner's
/// business.
pub async fn rotate_on_schedule(
    environment: Environment,
    store: Store<SystemClock>,
    interval: Duration,
) {
    let target = LocalTarget {
        environment,
        store,
        serve_runs: true,
    };
    let command = RotateCommand { target };
    loop {
        let pause = match command.check_key().await {
            Ok(()) => interval,
            Err(error) => {
                let pause = interval.min(FAILED_LOOK_PAUSE);
                tracing::warn!(
                    reason = format!("{error:#}"),
                    retry_after_ms = u64::try_from(pause.as_millis()).unwrap_or(u64::MAX),
                    "the look at Liongard's access key is repeated later"
                );
                pause
            }
        };
        tokio::time::sleep(pause).await;
    }
}

impl RotateCommand<LocalTarget> {
    /// Deletes what was replaced, and rotates the key when it is time.
    async fn check_key(&self) -> anyhow::Result<()> {
        let given = stored_credentials::is_given(&self.target.environment, LIONGARD);
        if given || self.is_unset(LIONGARD).await? {
            return Ok(());
        }
        let due_with = self
            .current(LIONGARD)
            .await?
            .map_or(0, |key| due_with(&key));
        let (rotation, _) = self.rotation().await?;
        let looked = rotation.delete_expired(LIONGARD).await?;
        let due = looked.expires_in_days.is_some_and(|days| days <= due_with);
        if due {
            let version = self.version(LIONGARD).await?;
            rotation.run_all(LIONGARD, &version).await?;
        }
        Ok(())
    }
}

/// The days left with which `key` is rotated. A successor that is made for fewer days than usual
/// must not be due from its first day on, so it is two thirds of its life at most.
fn due_with(key: &SecretFields) -> i64 {
    let life = key.number("liongard_access_key_days");
    let share = life.map(|days| days.saturating_mul(2) / 3);
    share.map_or(ROTATE_WITH_DAYS_LEFT, |days| {
        days.clamp(0, ROTATE_WITH_DAYS_LEFT)
    })
}

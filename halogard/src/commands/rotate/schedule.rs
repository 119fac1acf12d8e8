//! `serve` rotates Liongard's key on its own schedule.

use std::time::Duration;

use halogard_app::ports::{Clock as _, Records as _};
use halogard_credentials::{SecretFields, members};
use halogard_domain::credential_state::CredentialStates;
use halogard_domain::record::Singleton;
use halogard_runtime::SystemClock;
use halogard_runtime::settings::SettingValues;
use halogard_sqlite::Store;

use super::RotateCommand;
use super::local_target::LocalTarget;
use crate::stored_credentials::{self, LIONGARD};

/// A failed check of the key is repeated after this time, or after the interval if that is shorter.
const FAILED_CHECK_PAUSE: Duration = Duration::from_secs(3600);

/// A key with fewer days left is rotated: with the default of 90 days, once a month.
const ROTATE_WITH_DAYS_LEFT: i64 = 60;

/// Rotates Liongard's key while the process serves, with a check each `interval`. Only a key in the
/// vault: a key in the settings belongs to the operator.
pub async fn rotate_on_schedule(
    environment: SettingValues,
    store: Store<SystemClock>,
    interval: Duration,
) {
    let target = LocalTarget {
        environment,
        store,
        serve_runs: true,
    };
    let command = RotateCommand::of(target, false);
    loop {
        let pause = match command.check_key().await {
            Ok(()) => interval,
            Err(error) => {
                let pause = interval.min(FAILED_CHECK_PAUSE);
                tracing::warn!(
                    reason = format!("{error:#}"),
                    retry_after_ms = u64::try_from(pause.as_millis()).unwrap_or(u64::MAX),
                    "the check of Liongard's access key failed; it is repeated later"
                );
                pause
            }
        };
        tokio::time::sleep(pause).await;
    }
}

impl RotateCommand<LocalTarget> {
    /// Deletes replaced keys, and rotates the current key when it is due.
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
        let report = rotation.delete_expired(LIONGARD).await?;
        let now = SystemClock.now();
        let in_days = |days: i64| {
            let days = u64::try_from(days).unwrap_or_default();
            now.plus(Duration::from_secs(days * 24 * 3600))
        };
        let expires_at = report.expires_in_days.map(in_days);
        let rotates_at = report.expires_in_days.map(|days| in_days(days - due_with));
        let plan = |states: &mut CredentialStates| states.plan(LIONGARD, expires_at, rotates_at);
        self.target.store.update_record(&Singleton, plan).await?;
        let due = report.expires_in_days.is_some_and(|days| days <= due_with);
        if due {
            let version = self.version(LIONGARD).await?;
            rotation.run_all(LIONGARD, &version).await?;
        }
        Ok(())
    }
}

/// With how many days left `key` is rotated: two thirds of its validity at most, so that a key that is
/// valid for few days is not due on its first day.
fn due_with(key: &SecretFields) -> i64 {
    let life = key.number(members::LIONGARD_KEY_DAYS);
    let share = life.map(|days| days.saturating_mul(2) / 3);
    share.map_or(ROTATE_WITH_DAYS_LEFT, |days| {
        days.clamp(0, ROTATE_WITH_DAYS_LEFT)
    })
}

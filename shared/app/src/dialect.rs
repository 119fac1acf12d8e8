//! The dialect of a tenant: probed once, remembered, and probed again when HaloPSA's build changes.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use halogard_domain::Timestamp;
use halogard_domain::dialect::DialectReport;
use halogard_domain::record::Singleton;
use tracing::debug;

use crate::env::Env;
use crate::ports::prelude::*;
use crate::ports::{DialectProbe, PortError, Records, Swap, keys};
use crate::reconciler::Reconciler;
use crate::value_set::ValueSet;

/// How often a cycle asks for the build of HaloPSA: one request a day. Hosted tenants are updated every few weeks.
pub const BUILD_CHECK_INTERVAL: Duration = Duration::from_secs(24 * 3600);

/// When a tenant is probed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProbeWhen {
    /// Where nothing is remembered of it, or its build is another one now. One request where neither is so.
    Outdated,
    /// Now.
    Always,
}

/// What is known of the dialect of both vendors, after a probe if one is due. Both follow it from now on.
///
/// # Errors
///
/// The store failed.
pub async fn dialect<D: DialectProbe, L: DialectProbe, S: Records>(
    desk: &D,
    liongard: &L,
    store: &S,
    when: ProbeWhen,
    now: Timestamp,
) -> Result<DialectReport, PortError> {
    let remembered = store.load_record::<DialectReport>(&Singleton).await?;
    let build = desk.build().await;
    let is_due = when == ProbeWhen::Always || remembered.value.is_outdated(build.as_deref());
    let report = if is_due {
        let of_desk = desk.probe().await;
        let mut facts = of_desk.facts;
        facts.extend(liongard.probe().await.facts);
        let seen = DialectReport {
            build,
            probed_at: now,
            facts,
            teams: of_desk.teams,
        };
        let report = seen.completed_by(&remembered.value);
        tracing::info!(
            build = report.build.as_deref().unwrap_or("unknown"),
            facts = report.facts.len(),
            "both vendors were probed for their dialect"
        );
        match store
            .swap_record(&Singleton, &report, remembered.revision)
            .await?
        {
            Swap::Stored(_) | Swap::Conflict(_) => report,
        }
    } else {
        remembered.value
    };
    desk.follow(&report);
    liongard.follow(&report);
    Ok(report)
}

/// Whether this process follows what a probe found.
#[derive(Debug, Default)]
pub(crate) struct DialectHeeded(AtomicBool);

impl<E: Env> Reconciler<E> {
    /// Heeds what the last probe found, once in the life of this process. Nothing depends on it: without the store
    /// the next call tries again.
    pub(crate) async fn follow_dialect(&self) {
        if self.dialect_heeded.0.load(Ordering::Relaxed) {
            return;
        }
        match self.store.load_record::<DialectReport>(&Singleton).await {
            Ok(known) => {
                self.desk.follow(&known.value);
                self.liongard.follow(&known.value);
                self.dialect_heeded.0.store(true, Ordering::Relaxed);
            }
            Err(error) => debug!(%error, "what is known of the dialect could not be read"),
        }
    }

    /// Asks once in [`BUILD_CHECK_INTERVAL`] which build HaloPSA has, and probes both vendors if it is another one
    /// or none was ever probed.
    pub(crate) async fn probe_if_due(&self, values: &mut ValueSet) -> Result<(), PortError> {
        if !self.probes_dialect {
            return Ok(());
        }
        let now = self.clock.now();
        let checked_at = values.past_time(keys::BUILD_CHECKED_AT, now);
        if checked_at.is_some_and(|at| now.is_within(BUILD_CHECK_INTERVAL, at)) {
            return Ok(());
        }
        // Set before it begins: a probe that does not end must not be made again with every cycle.
        values.set(keys::BUILD_CHECKED_AT, now.as_millis());
        values.save(&self.store).await?;
        let (desk, liongard) = (&self.desk, &self.liongard);
        Box::pin(dialect(
            desk,
            liongard,
            &self.store,
            ProbeWhen::Outdated,
            now,
        ))
        .await?;
        Ok(())
    }
}

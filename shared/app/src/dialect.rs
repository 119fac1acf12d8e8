//! The dialect of a tenant: looked at once, remembered, and looked at again when HaloPSA's build changes.

use halogard_domain::Timestamp;
use halogard_domain::dialect::DialectReport;
use halogard_domain::record::Singleton;

use crate::ports::{DialectProbe, PortError, Records, ServiceDeskCatalog, Swap};

/// When a tenant is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProbeWhen {
    /// Where nothing is remembered of it, or its build is another one now. One request where neither is so.
    Outdated,
    /// Now.
    Always,
}

/// What is known of the dialect of both vendors, after a probe if one is due.
///
/// # Errors
///
/// The store failed.
pub async fn dialect<D: ServiceDeskCatalog + DialectProbe, L: DialectProbe, S: Records>(
    desk: &D,
    liongard: &L,
    store: &S,
    when: ProbeWhen,
    now: Timestamp,
) -> Result<DialectReport, PortError> {
    let remembered = store.load_record::<DialectReport>(&Singleton).await?;
    let build = desk.build().await;
    if when == ProbeWhen::Outdated && !remembered.value.is_outdated(build.as_deref()) {
        return Ok(remembered.value);
    }
    let mut facts = desk.probe().await;
    facts.extend(liongard.probe().await);
    let report = DialectReport {
        build,
        probed_at: now,
        facts,
    };
    tracing::info!(
        build = report.build.as_deref().unwrap_or("unknown"),
        facts = report.facts.len(),
        "both vendors were probed for their dialect"
    );
    match store
        .swap_record(&Singleton, &report, remembered.revision)
        .await?
    {
        Swap::Stored(_) | Swap::Conflict(_) => Ok(report),
    }
}

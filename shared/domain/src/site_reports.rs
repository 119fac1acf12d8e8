//! What HaloPSA's webhooks reported about sites that the config names: tickets are opened at them.

use serde::{Deserialize, Serialize};

use crate::ids::{EnvironmentId, SiteId};
use crate::policy::Policy;
use crate::record::{Record, Singleton};
use crate::time::Timestamp;

/// The newest report of each site that the config named when it came.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SiteReports {
    /// The reports, oldest first.
    pub reports: Vec<SiteReport>,
}

/// A report of a site.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SiteReport {
    /// The site.
    pub site: SiteId,
    /// What happened to it.
    pub change: SiteChange,
    /// When it was reported.
    pub at: Timestamp,
}

/// What happened to a site.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SiteChange {
    /// It was made, or restored.
    Created,
    /// It was changed: renamed, moved, or taken out of use.
    Updated,
    /// It was deleted.
    Deleted,
}

impl SiteChange {
    /// What a webhook of this kind reports; `None` where it is about no site.
    #[must_use]
    pub fn of_kind(kind: &str) -> Option<Self> {
        match kind {
            "site_created" => Some(Self::Created),
            "site_updated" => Some(Self::Updated),
            "site_deleted" => Some(Self::Deleted),
            _ => None,
        }
    }
}

impl SiteReports {
    /// Records `report`. Sites that `policy` does not name are left out.
    pub fn record(&mut self, report: SiteReport, policy: &Policy) {
        self.reports.retain(|known| known.site != report.site);
        self.reports.push(report);
        self.reports
            .retain(|known| environments_of(known.site, policy).next().is_some());
    }

    /// The reports of sites that `policy` names, each with the environments whose tickets are opened there.
    pub fn named<'a>(
        &'a self,
        policy: &'a Policy,
    ) -> impl Iterator<Item = (&'a SiteReport, Vec<EnvironmentId>)> {
        self.reports.iter().filter_map(|report| {
            let environments: Vec<_> = environments_of(report.site, policy).collect();
            (!environments.is_empty()).then_some((report, environments))
        })
    }
}

/// The environments whose tickets are opened at `site`.
fn environments_of(site: SiteId, policy: &Policy) -> impl Iterator<Item = EnvironmentId> {
    let mappings = policy.environments.values();
    mappings
        .filter(move |mapping| mapping.site == Some(site))
        .map(|mapping| mapping.environment)
}

impl Record for SiteReports {
    const PARTITION: &'static str = "site_reports";
    /// The next webhooks bring them again, and `doctor` asks HaloPSA itself.
    const REPLACE_UNREADABLE: bool = true;
    type Key = Singleton;
}

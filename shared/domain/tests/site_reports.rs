//! What webhooks report about sites, as far as the config names them.

use std::collections::BTreeSet;

use halogard_domain::ids::{EnvironmentId, HaloClientId, SiteId};
use halogard_domain::policy::{Mapping, Mode};
use halogard_domain::site_reports::{SiteChange, SiteReport, SiteReports};
use halogard_domain::{Policy, Timestamp};

/// A policy that names each of `sites`, from environment 1 on.
fn naming(sites: &[u64]) -> Policy {
    let mut policy = Policy::empty(Mode::Managed);
    for (environment, site) in (1..).zip(sites) {
        let environment = EnvironmentId::new(environment);
        let mapping = Mapping {
            environment,
            client: HaloClientId::new(17),
            site: Some(SiteId::new(*site)),
            template: None,
            groups: BTreeSet::new(),
        };
        policy.environments.insert(environment, mapping);
    }
    policy
}

fn report(site: u64, change: SiteChange, millis: i64) -> SiteReport {
    SiteReport {
        site: SiteId::new(site),
        change,
        at: Timestamp::from_millis(millis),
    }
}

/// Sites and what was reported of each, in order.
type Reports = &'static [(u64, SiteChange)];

#[test]
fn the_newest_report_of_each_site_that_the_config_names_is_kept() {
    use SiteChange::{Created, Deleted, Updated};
    let both = naming(&[21, 22, 21]);
    let cases: &[(Reports, Reports)] = &[
        (&[], &[]),
        (&[(99, Deleted)], &[]),
        (&[(21, Deleted)], &[(21, Deleted)]),
        (&[(21, Updated), (21, Deleted)], &[(21, Deleted)]),
        (&[(21, Deleted), (21, Created)], &[(21, Created)]),
        (
            &[(21, Deleted), (22, Updated)],
            &[(21, Deleted), (22, Updated)],
        ),
        (
            &[(21, Updated), (99, Deleted), (22, Deleted), (21, Deleted)],
            &[(22, Deleted), (21, Deleted)],
        ),
    ];
    for (came, kept) in cases {
        let mut reports = SiteReports::default();
        for (millis, (site, change)) in (1..).zip(*came) {
            reports.record(report(*site, *change, millis), &both);
        }
        let found: Vec<_> = reports
            .reports
            .iter()
            .map(|it| (it.site.get(), it.change))
            .collect();
        assert_eq!(found, *kept, "{came:?}");
    }
    let mut reports = SiteReports::default();
    reports.record(report(21, Deleted, 1), &both);
    let named: Vec<_> = reports.named(&both).map(|(_, it)| it).collect();
    assert_eq!(named, [[EnvironmentId::new(1), EnvironmentId::new(3)]]);
    // Another config names it no more.
    assert_eq!(reports.named(&naming(&[22])).count(), 0);
    reports.record(report(22, Updated, 2), &naming(&[22]));
    assert_eq!(reports.reports, [report(22, Updated, 2)]);
}

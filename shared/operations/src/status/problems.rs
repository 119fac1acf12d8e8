//! What needs a person, and why.

use std::time::Duration;

use halogard_app::Store;
use halogard_app::ports::{PortError, Records};
use halogard_domain::continuity::{Completeness, StoreContinuity};
use halogard_domain::key::Installation;
use halogard_domain::notify::{NoticeLog, NotifyChannel};
use halogard_domain::record::Singleton;
use halogard_domain::runs::FAILURES_MAX;
use halogard_domain::site_reports::{SiteChange, SiteReports};
use halogard_domain::{Policy, Timestamp};

use super::pairs::PairsRead;
use super::{Activity, StatusFinding, StatusProblem, VendorStatus, Verdict, WaitingCount};
use crate::inspect::InspectorFault;
use crate::moment::Moment;

/// A worker polls every minute. After this time without a poll no worker runs.
const POLL_AGE_MAX: Duration = Duration::from_secs(600);

/// How long a vendor may be away before a person is needed.
const AWAY_MAX: Duration = Duration::from_secs(600);

/// What it depends on whether a person is needed.
pub(super) struct ProblemFacts {
    has_policy: bool,
    pub(super) vendors: Vec<VendorStatus>,
    pub(super) waiting: Vec<WaitingCount>,
    pub(super) activity: Activity,
    pub(super) dead_letters: u64,
    pub(super) findings: Vec<StatusFinding>,
    /// What each channel of notices that fails answered.
    failing_channels: Vec<(NotifyChannel, String)>,
}

impl ProblemFacts {
    /// Reads them, but for the `pairs`, which were read under `policy`.
    pub(super) async fn read(
        store: &impl Store,
        policy: Option<&Policy>,
        pairs: &PairsRead,
    ) -> Result<Self, PortError> {
        let notices = store.load_record::<NoticeLog>(&Singleton).await?.value;
        let failing = notices.failures().into_iter();
        Ok(Self {
            failing_channels: failing.map(|(by, said)| (by, said.to_owned())).collect(),
            has_policy: policy.is_some(),
            vendors: super::vendors(store).await?,
            waiting: pairs.waiting(),
            activity: super::activity(store).await?,
            dead_letters: store.dead_letter_count().await?,
            findings: findings(store, policy, pairs).await?,
        })
    }

    /// What makes a person necessary at `now`, the most important first.
    pub(super) fn problems(&self, now: Timestamp) -> Vec<StatusProblem> {
        let mut problems = Vec::new();
        let mut add = |verdict, cause: &str, what: String, remedy: &str| {
            problems.push(StatusProblem {
                cause: cause.to_owned(),
                what,
                remedy: remedy.to_owned(),
                verdict,
            });
        };
        let polled = self.activity.last_poll.map(|Moment(at)| at);
        let is_away = |vendor: &VendorStatus| {
            let long = vendor
                .since
                .is_some_and(|Moment(since)| now.since(since) > AWAY_MAX);
            vendor.connected == Some(false) && long
        };
        match polled {
            _ if !self.has_policy => add(
                Verdict::CannotTell,
                "never_used",
                "no worker has used this store yet".to_owned(),
                "start `halogard serve`; on a stack, apply a config",
            ),
            None => add(
                Verdict::CannotTell,
                "never_polled",
                "Liongard's alerts were not read yet".to_owned(),
                "wait for the first poll; `halogard serve --check` says what keeps it from working",
            ),
            Some(at) if now.since(at) > POLL_AGE_MAX && !self.vendors.iter().any(is_away) => add(
                Verdict::CannotTell,
                "no_worker",
                format!("no worker has read Liongard's alerts since {}", Moment(at)),
                "start `halogard serve`, or read its log; on a stack, check the alarms",
            ),
            Some(_) => {}
        }
        for vendor in self.vendors.iter().filter(|vendor| is_away(vendor)) {
            let since = vendor.since.unwrap_or(Moment(Timestamp::EPOCH));
            let said = vendor.last_failure.as_deref().unwrap_or("nothing");
            add(
                Verdict::NeedsPerson,
                &format!("vendor_away:{}", vendor.vendor.to_lowercase()),
                format!("{} does not answer since {since}: {said}", vendor.vendor),
                "`halogard serve --check` names what is wrong and its remedy",
            );
        }
        for waiting in self.waiting.iter().filter(|it| it.needs_operator) {
            add(
                Verdict::NeedsPerson,
                &format!("waiting:{}", waiting.cause.name()),
                match waiting.count {
                    1 => format!("1 pair waits: {}", waiting.cause.words()),
                    count => format!("{count} pairs wait: {}", waiting.cause.words()),
                },
                "`halogard status waiting` lists them, each with what to do",
            );
        }
        if self.dead_letters > 0 {
            add(
                Verdict::NeedsPerson,
                "dead_letters",
                format!("{} dead letters", self.dead_letters),
                "`halogard dlq list` shows why",
            );
        }
        if self.activity.inspector_failures >= FAILURES_MAX {
            let said = self.activity.inspector_said.as_deref().unwrap_or_default();
            let fault = InspectorFault::of(said);
            add(
                Verdict::NeedsPerson,
                "inspector_failing",
                format!(
                    "Liongard's HaloPSA inspector failed {} times in a row: {said} ({})",
                    self.activity.inspector_failures,
                    fault.words()
                ),
                fault.remedy(),
            );
        }
        for (channel, said) in &self.failing_channels {
            add(
                Verdict::NeedsPerson,
                &format!("notices_failing:{channel}"),
                format!("notices by {channel} do not arrive: {said}"),
                "`halogard notify test` tries each channel",
            );
        }
        for finding in &self.findings {
            add(
                Verdict::NeedsPerson,
                finding.cause,
                finding.what.clone(),
                finding.remedy,
            );
        }
        problems
    }
}

/// What was noticed and is not a matter of one pair.
async fn findings(
    store: &impl Records,
    policy: Option<&Policy>,
    pairs: &PairsRead,
) -> Result<Vec<StatusFinding>, PortError> {
    let mut findings = Vec::new();
    let continuity = store
        .load_record::<StoreContinuity>(&Singleton)
        .await?
        .value;
    let installation = store.load_record::<Installation>(&Singleton).await?.value;
    if let Some(rival) = &continuity.rival {
        let former = policy.map_or(&[][..], |policy| &policy.former_installations);
        let is_former = rival
            .installation
            .as_ref()
            .is_some_and(|id| former.iter().any(|former| former == id.as_str()));
        let yields = installation
            .id()
            .is_some_and(|own| continuity.yields_to(&own, former).is_some());
        let id = rival
            .installation
            .as_ref()
            .map_or("of unknown id", |id| id.as_str());
        if !is_former {
            let meanwhile = if yields {
                "; this one opens no new tickets meanwhile"
            } else {
                ""
            };
            findings.push(StatusFinding {
                cause: "second_installation",
                what: format!(
                    "a second installation ({id}) opens tickets in the same HaloPSA, seen by ticket #{} at {}{meanwhile}",
                    rival.ticket,
                    Moment(rival.seen_at),
                ),
                remedy: "stop one of them, and name it in former_installations",
            });
        }
    }
    if continuity.on_probation {
        findings.push(StatusFinding {
            cause: "store_on_probation",
            what: "the store is new and found tickets of ours; it opens its first ticket when it is sure that no other \
                   installation runs"
                .to_owned(),
            remedy: "wait a quarter of an hour; see *Two installations* in the runbook",
        });
    }
    if continuity.completeness == Completeness::Behind {
        findings.push(StatusFinding {
            cause: "store_behind",
            what: "the store is older than HaloPSA's tickets; older alerts wait until a sweep has listed all of them"
                .to_owned(),
            remedy: "nothing but wait: sweeps go on by themselves",
        });
    }
    if let Some(policy) = policy {
        let sites = store.load_record::<SiteReports>(&Singleton).await?.value;
        let named = sites.named(policy);
        let deleted = named.filter(|(report, _)| report.change == SiteChange::Deleted);
        findings.extend(deleted.map(|(report, environments)| {
            let environments: Vec<String> = environments.iter().map(ToString::to_string).collect();
            StatusFinding {
                cause: "site_deleted",
                what: format!(
                    "HaloPSA reported at {} that site {} was deleted, where tickets of environment {} are opened",
                    Moment(report.at),
                    report.site,
                    environments.join(", ")
                ),
                remedy: "name another `site` in the config, or none; `halogard doctor --only halopsa.site` lists them",
            }
        }));
    }
    let mut reported = pairs.reported_tickets.iter();
    if let Some((alert, ticket)) = reported.next() {
        let count = pairs.reported_tickets.len();
        findings.push(StatusFinding {
            cause: "foreign_keys",
            what: format!(
                "{count} tickets carry the key of an alert whose ticket they are not, such as #{ticket} of alert \
                 {alert}"
            ),
            remedy: "`halogard explain` with the alert shows its history; close the ticket that is not its own",
        });
    }
    Ok(findings)
}

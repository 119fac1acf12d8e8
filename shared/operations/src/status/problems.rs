//! What needs a person, and why.

use std::time::Duration;

use halogard_app::Store;
use halogard_app::ports::{NamedValues, PortError, Records, keys};
use halogard_domain::continuity::{Completeness, StoreContinuity};
use halogard_domain::credential_state::CredentialStates;
use halogard_domain::key::Installation;
use halogard_domain::notify::{NoticeLog, NotifyChannel};
use halogard_domain::pause::PauseScope;
use halogard_domain::record::Singleton;
use halogard_domain::runs::FAILURES_MAX;
use halogard_domain::site_reports::{SiteChange, SiteReports};
use halogard_domain::vendor::Vendor;
use halogard_domain::verification::Verification;
use halogard_domain::words::{agreeing, counted};
use halogard_domain::{Policy, Timestamp};

use super::pairs::PairsRead;
use super::{Activity, StatusFinding, StatusProblem, VendorStatus, Verdict, WaitingCount};
use crate::inspect::InspectorFault;
use crate::moment::Moment;
use crate::pausing::{self, PauseLine, resume_command};

/// A worker polls every minute. After this time without a poll no worker runs.
const POLL_AGE_MAX: Duration = Duration::from_secs(600);

/// How long a vendor may be away before a person is needed.
const AWAY_MAX: Duration = Duration::from_secs(600);

/// Polls in a row that may fail, while both vendors answer, before a person is needed.
const POLLS_FAILED_MAX: i64 = 3;

/// A credential that expires within this time is a problem: its rotation has had the time to replace it.
const EXPIRES_SOON: Duration = Duration::from_secs(21 * 24 * 3600);

/// What it depends on whether a person is needed.
pub(super) struct ProblemFacts {
    has_policy: bool,
    pub(super) vendors: Vec<VendorStatus>,
    pub(super) waiting: Vec<WaitingCount>,
    pub(super) activity: Activity,
    pub(super) dead_letters: u64,
    pub(super) findings: Vec<StatusFinding>,
    /// Whether `serve` runs on this machine, where that is known.
    pub(super) serve_runs: Option<bool>,
    pub(super) paused: Vec<PauseLine>,
    pub(super) verification: Verification,
    pub(super) credentials: CredentialStates,
    /// What each channel of notices that fails answered.
    failing_channels: Vec<(NotifyChannel, String)>,
}

impl ProblemFacts {
    /// Reads them at `now`, but for the `pairs`, which were read under `policy`.
    pub(super) async fn read(
        store: &impl Store,
        policy: Option<&Policy>,
        pairs: &PairsRead,
        now: Timestamp,
    ) -> Result<Self, PortError> {
        let notices = store.load_record::<NoticeLog>(&Singleton).await?.value;
        let failing = notices.failures().into_iter();
        Ok(Self {
            failing_channels: failing.map(|(by, said)| (by, said.to_owned())).collect(),
            serve_runs: None,
            paused: pausing::list(store, now).await?.pauses,
            verification: store.load_record(&Singleton).await?.value,
            credentials: store.load_record(&Singleton).await?.value,
            has_policy: policy.is_some(),
            vendors: super::vendors(store).await?,
            waiting: pairs.waiting(),
            activity: super::activity(store).await?,
            dead_letters: store.dead_letter_count().await?,
            findings: {
                let mut found = findings(store, policy, pairs).await?;
                found.extend(refused_config(store).await?);
                found
            },
        })
    }

    /// What makes a person necessary at `now`, the most important first.
    pub(super) fn problems(&self, now: Timestamp) -> Vec<StatusProblem> {
        let mut problems: Vec<StatusProblem> = self.worker_problem(now).into_iter().collect();
        problems.extend(self.pause_problems());
        problems.extend(self.vendor_problems(now));
        problems.extend(self.pair_problems());
        problems.extend(self.credential_problems(now));
        problems.extend(self.failing_channels.iter().map(|(channel, said)| {
            needs_person(
                &format!("notices_failing:{channel}"),
                format!("notices by {channel} do not arrive: {said}"),
                "`halogard notify test` tries each channel",
            )
        }));
        let urgent = self.findings.iter().filter(|it| it.needs_person);
        problems.extend(
            urgent.map(|finding| needs_person(finding.cause, finding.what.clone(), finding.remedy)),
        );
        problems
    }

    /// Whether a worker runs and reads Liongard's alerts.
    fn worker_problem(&self, now: Timestamp) -> Option<StatusProblem> {
        if self.serve_runs == Some(false) {
            return Some(needs_person(
                "serve_stopped",
                "`halogard serve` does not run on this machine".to_owned(),
                "start it (`systemctl start halogard` where it is a service); its log says why it ended",
            ));
        }
        if !self.has_policy {
            return Some(cannot_tell(
                "never_used",
                "no worker has used this store yet".to_owned(),
                "start `halogard serve`; on a stack, apply a config",
            ));
        }
        let failed = self.activity.polls_failed;
        let is_connected = |vendor: &VendorStatus| vendor.connected != Some(false);
        if failed >= POLLS_FAILED_MAX && self.vendors.iter().all(is_connected) {
            return Some(needs_person(
                "polls_failing",
                format!("the last {failed} polls of Liongard's alerts failed"),
                "the log says why, as `error_type`; the runbook names each. A list that is suddenly much shorter is not used",
            ));
        }
        let Some(Moment(at)) = self.activity.last_poll else {
            return Some(cannot_tell(
                "never_polled",
                "Liongard's alerts were not read yet".to_owned(),
                "wait for the first poll; `halogard serve --check` says what keeps it from working",
            ));
        };
        let is_asked = !self.vendors.iter().any(|vendor| is_away(vendor, now));
        let is_paused = self.paused.iter().any(|pause| {
            let scopes = [PauseScope::All, PauseScope::Vendor(Vendor::Liongard)];
            pause.from.is_none() && scopes.contains(&pause.scope)
        });
        let is_silent = now.since(at) > POLL_AGE_MAX && is_asked && !is_paused;
        is_silent.then(|| {
            cannot_tell(
                "no_worker",
                format!("no worker has read Liongard's alerts since {}", Moment(at)),
                "start `halogard serve`, or read its log; on a stack, check the alarms",
            )
        })
    }

    /// Pauses that no time ends: they are forgotten.
    fn pause_problems(&self) -> impl Iterator<Item = StatusProblem> {
        let endless = self.paused.iter().filter(|pause| pause.until.is_none());
        endless.map(|pause| {
            needs_person(
                &format!("paused:{}", pause.what),
                format!(
                    "{} is paused since {}, without an end",
                    pause.what, pause.since
                ),
                &format!(
                    "`{}` ends it; `halogard pause … --until` gives it an end",
                    resume_command(pause.scope)
                ),
            )
        })
    }

    /// Vendors that do not answer, or refuse our credential.
    fn vendor_problems(&self, now: Timestamp) -> impl Iterator<Item = StatusProblem> {
        self.vendors.iter().filter_map(move |vendor| {
            let said = vendor.last_failure.as_deref().unwrap_or("nothing");
            let since = vendor.since.unwrap_or(Moment(Timestamp::EPOCH));
            let name = vendor.vendor.to_lowercase();
            if vendor.connected == Some(false) && vendor.refuses_credential {
                return Some(needs_person(
                    &format!("credential_refused:{name}"),
                    format!("{} refuses our credential since {since}: {said}", vendor.vendor),
                    match name.as_str() {
                        "halopsa" => {
                            "check the API application in HaloPSA, then `halogard rotate halopsa --id ID` stores its new secret"
                        }
                        _ => {
                            "check the access key in Liongard, then `halogard rotate liongard --id ID` stores a new one"
                        }
                    },
                ));
            }
            is_away(vendor, now).then(|| {
                needs_person(
                    &format!("vendor_away:{name}"),
                    format!("{} does not answer since {since}: {said}", vendor.vendor),
                    "`halogard serve --check` names what is wrong and its remedy",
                )
            })
        })
    }

    /// Pairs that wait or differ, messages that no worker could process, and Liongard's inspector.
    fn pair_problems(&self) -> Vec<StatusProblem> {
        let waiting = self.waiting.iter().filter(|it| it.needs_operator);
        let mut problems: Vec<StatusProblem> = waiting
            .map(|waiting| {
                needs_person(
                    &format!("waiting:{}", waiting.cause.name()),
                    format!(
                        "{} {}: {}",
                        counted(waiting.count, "pair"),
                        agreeing(waiting.count, "waits", "wait"),
                        waiting.cause.words()
                    ),
                    "`halogard status waiting` lists them, each with what to do",
                )
            })
            .collect();
        if self.dead_letters > 0 {
            problems.push(needs_person(
                "dead_letters",
                counted(self.dead_letters, "dead letter"),
                "`halogard dlq list` shows why",
            ));
        }
        if let Some(last) = &self.verification.last
            && last.tally.count() > 0
        {
            let example = last.tally.examples.first();
            let example = example.map(|it| format!(", such as alert {}: {}", it.alert, it.what));
            problems.push(needs_person(
                "differences",
                format!(
                    "{} {} without a known cause{} (compared at {})",
                    counted(last.tally.count(), "pair"),
                    agreeing(last.tally.count(), "differs", "differ"),
                    example.unwrap_or_default(),
                    Moment(last.ended_at)
                ),
                "`halogard verify` lists them as they are now; `halogard verify --repair` reconciles them again",
            ));
        }
        if self.activity.inspector_failures >= FAILURES_MAX {
            let said = self.activity.inspector_said.as_deref().unwrap_or_default();
            let fault = self.activity.inspector_fault;
            let fault = fault.unwrap_or(InspectorFault::Unknown);
            problems.push(needs_person(
                "inspector_failing",
                format!(
                    "Liongard's HaloPSA inspector failed {} times in a row: {said} ({})",
                    self.activity.inspector_failures,
                    fault.words()
                ),
                fault.remedy(),
            ));
        }
        problems
    }

    /// Rotations that wait for a person, and credentials that expire soon.
    fn credential_problems(&self, now: Timestamp) -> Vec<StatusProblem> {
        let mut problems = Vec::new();
        for (name, state) in &self.credentials.by_name {
            problems.extend(state.notices.iter().map(|(kind, notice)| {
                needs_person(
                    &format!("credential:{name}:{kind}"),
                    notice.text.trim_end_matches('.').to_owned(),
                    "`halogard rotate` with the credential continues or repeats it; see the rotation page",
                )
            }));
            let expires = state.expires_at.filter(|_| state.notices.is_empty());
            if let Some(at) = expires.filter(|at| at.since(now) < EXPIRES_SOON) {
                problems.push(needs_person(
                    &format!("credential_expires:{name}"),
                    format!("the credential {name} expires at {}", Moment(at)),
                    "`halogard rotate` with the credential replaces it",
                ));
            }
        }
        problems
    }
}

/// Whether `vendor` has not answered for long.
fn is_away(vendor: &VendorStatus, now: Timestamp) -> bool {
    let since = vendor.since.map(|Moment(since)| now.since(since));
    vendor.connected == Some(false) && since.is_some_and(|away| away > AWAY_MAX)
}

/// A problem that a person has to solve.
fn needs_person(cause: &str, what: String, remedy: &str) -> StatusProblem {
    problem(Verdict::NeedsPerson, cause, what, remedy)
}

/// A reason for which the store does not say whether all is well.
fn cannot_tell(cause: &str, what: String, remedy: &str) -> StatusProblem {
    problem(Verdict::CannotTell, cause, what, remedy)
}

fn problem(verdict: Verdict, cause: &str, what: String, remedy: &str) -> StatusProblem {
    StatusProblem {
        cause: cause.to_owned(),
        what,
        remedy: remedy.to_owned(),
        verdict,
    }
}

/// That `serve` refused the config file.
async fn refused_config(store: &impl NamedValues) -> Result<Option<StatusFinding>, PortError> {
    let refused_at = store.value(keys::CONFIG_REFUSED_AT).await?;
    let refused_at = refused_at.filter(|at| *at > 0).map(Timestamp::from_millis);
    Ok(refused_at.map(|at| StatusFinding {
        cause: "config_refused",
        needs_person: true,
        what: format!(
            "the config file was edited, and `serve` refused it at {}; the former config stays in force",
            Moment(at)
        ),
        remedy: "`halogard config plan` shows what is wrong with it; an edit that fits takes effect within a poll",
    }))
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
                needs_person: true,
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
            needs_person: false,
            what: "the store is new and found tickets of ours; it opens its first ticket when it is sure that no other \
                   installation runs"
                .to_owned(),
            remedy: "wait a quarter of an hour; see *Two installations* in the runbook",
        });
    }
    if continuity.completeness == Completeness::Behind {
        findings.push(StatusFinding {
            cause: "store_behind",
            needs_person: false,
            what: "the store is older than HaloPSA's tickets; older alerts wait until a sweep has listed all of them"
                .to_owned(),
            remedy: "wait: sweeps go on by themselves",
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
                needs_person: true,
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
            needs_person: true,
            what: format!(
                "{} {} the key of an alert of another ticket, such as #{ticket} of alert {alert}",
                counted(count, "ticket"),
                agreeing(count, "carries", "carry")
            ),
            remedy: "`halogard explain` with the alert shows its history; close the ticket that is not its own",
        });
    }
    Ok(findings)
}

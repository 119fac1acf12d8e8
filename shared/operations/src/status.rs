//! `status`: whether both sides are in sync, and what waits for a person.

mod answer;
mod pairs;
mod problems;

use std::time::Duration;

use halogard_app::Store;
use halogard_app::ports::{
    ErrorCode, Lane, LinkFilter, NotificationCount, PortError, Records, keys,
};
use halogard_domain::Timestamp;
use halogard_domain::budget::{Ledger, Limit};
use halogard_domain::contact::VendorContacts;
use halogard_domain::credential_state::{CredentialState, CredentialStates};
use halogard_domain::dialect::{DialectReport, FactReading, Seen};
use halogard_domain::record::Singleton;
use halogard_domain::runs::{RunTarget, Runs};
use halogard_domain::site_reports::{SiteChange, SiteReports};
use halogard_domain::sweep_cursor::SweepCursor;
use halogard_domain::time::SteadyTime;
use halogard_domain::vendor::Vendor;
use halogard_domain::verification::Verification;
use halogard_domain::version_history::VersionHistory;

use crate::audit::{self, AuditFilter};
use crate::config_changes;
use crate::inspect::InspectorFault;
use crate::moment::Moment;
use crate::policy::policy_in_force;
use crate::scan::for_each_link;
use crate::waiting::{WaitingPair, waiting_pair};

pub use answer::{
    Activity, BudgetStatus, ChangeLine, CredentialStatus, PairCounts, QueueStatus, StatusAnswer,
    StatusFinding, StatusProblem, TenantStatus, VendorStatus, Verdict, VerificationStatus,
    WaitingAnswer, WaitingCount, WebhookStatus,
};
use pairs::PairsRead;
use problems::ProblemFacts;

/// The failures that say that a vendor does not accept our credential.
const REFUSALS: [&str; 4] = [
    ErrorCode::HalopsaCredential.as_str(),
    ErrorCode::HalopsaTenant.as_str(),
    ErrorCode::HalopsaScope.as_str(),
    ErrorCode::LiongardCredential.as_str(),
];

/// Changes that are older are not recent.
const CHANGES_AGE: Duration = Duration::from_secs(7 * 24 * 3600);

/// The most changes that are shown.
const CHANGES_SHOWN: usize = 10;

/// What a status is computed with.
#[derive(Clone, Copy, Debug)]
pub struct StatusQuestion {
    /// The wall clock.
    pub now: Timestamp,
    /// The clock of this machine that no one sets.
    pub steady: SteadyTime,
    /// The request limit that is configured.
    pub limit: Limit,
    /// Whether `serve` runs on this machine; `None` where that is not known, as on a stack.
    pub serve_runs: Option<bool>,
}

/// Answers `status`.
///
/// # Errors
///
/// The store cannot be read.
pub async fn status<S: Store>(
    store: &S,
    question: StatusQuestion,
) -> Result<StatusAnswer, PortError> {
    let now = question.now;
    let policy = policy_in_force(store).await?;
    let pairs = PairsRead::read(store, policy.as_ref(), now).await?;
    let mut facts = ProblemFacts::read(store, policy.as_ref(), &pairs, now).await?;
    facts.serve_runs = question.serve_runs;
    let problems = facts.problems(now);
    let mut queues = Vec::new();
    for lane in Lane::ALL {
        let depth = store.depth(lane).await?;
        queues.push(QueueStatus {
            lane: lane.name(),
            depth,
            oldest: store.oldest(lane).await?.map(Moment),
        });
    }
    let verdicts = problems.iter().map(|problem| problem.verdict);
    Ok(StatusAnswer {
        at: now.into(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        verdict: verdicts.max().unwrap_or(Verdict::Ok),
        problems,
        vendors: facts.vendors,
        waiting: facts.waiting,
        lags: pairs.lags(),
        activity: facts.activity,
        budget: budget(store, question).await?,
        queues,
        dead_letters: facts.dead_letters,
        paused: facts.paused,
        findings: facts.findings,
        verification: verification_status(facts.verification),
        credentials: credentials(&facts.credentials),
        tenant: tenant(store).await?,
        changes: changes(store, now).await?,
        pairs: pairs.counts,
    })
}

/// What needs a person at `now`, as [`status`] says it. Reads the pairs that may wait and no others.
///
/// # Errors
///
/// The store cannot be read.
pub async fn current_problems(
    store: &impl Store,
    now: Timestamp,
) -> Result<Vec<StatusProblem>, PortError> {
    let policy = policy_in_force(store).await?;
    let pairs = PairsRead::read_waiting(store, policy.as_ref(), now).await?;
    let facts = ProblemFacts::read(store, policy.as_ref(), &pairs, now).await?;
    Ok(facts.problems(now))
}

/// Answers `status waiting` at `now`.
///
/// # Errors
///
/// The store cannot be read.
pub async fn waiting(store: &impl Store, now: Timestamp) -> Result<WaitingAnswer, PortError> {
    let policy = policy_in_force(store).await?;
    let mut waiting = Vec::new();
    if let Some(policy) = &policy {
        for_each_link(store, LinkFilter::Waiting, |link| {
            waiting.extend(waiting_pair(&link, policy, now));
        })
        .await?;
    }
    let place = |pair: &WaitingPair| (pair.customer.clone(), pair.name.clone(), pair.alert);
    waiting.sort_by_cached_key(place);
    Ok(WaitingAnswer {
        at: now.into(),
        waiting,
    })
}

/// Whether both vendors answer.
async fn vendors(store: &impl Records) -> Result<Vec<VendorStatus>, PortError> {
    let contacts = store.load_record::<VendorContacts>(&Singleton).await?.value;
    let mut vendors = Vec::new();
    for vendor in Vendor::ALL {
        let contact = contacts.of(vendor);
        let failure = contact.last_failure.as_ref();
        vendors.push(VendorStatus {
            vendor: vendor.words().to_owned(),
            connected: contact.since.map(|_| contact.answers),
            since: contact.since.map(Moment),
            refuses_credential: failure.is_some_and(|it| REFUSALS.contains(&it.code.as_str())),
            last_failure_code: failure.map(|failure| failure.code.clone()),
            last_failure: failure.map(|failure| failure.said.clone()),
            last_failure_at: failure.map(|failure| failure.at.into()),
        });
    }
    Ok(vendors)
}

/// When the workers last read and ran what.
async fn activity(store: &impl Store) -> Result<Activity, PortError> {
    let values = store.values().await?;
    let last_poll = values.get(keys::LAST_COMPLETE_POLL_AT).copied();
    let sweeps = store.load_record::<SweepCursor>(&Singleton).await?.value;
    let runs = store.load_record::<Runs>(&RunTarget::HaloPsa).await?.value;
    Ok(Activity {
        last_poll: last_poll.map(Timestamp::from_millis).map(Moment),
        alerts_listed: values.get(keys::ALERTS_LISTED).copied(),
        polls_failed: values.get(keys::POLLS_FAILED).copied().unwrap_or(0),
        last_sweep: sweeps.last_full_sweep.map(Moment),
        last_inspector_run: runs.last_started_at.map(Moment),
        inspector_failures: runs.last_end.as_ref().map_or(0, |end| end.failed_in_a_row),
        inspector_fault: runs.last_end.as_deref().and_then(InspectorFault::of_end),
        inspector_said: runs.last_end.and_then(|end| end.said),
        waiting_for_inspector: runs.waiting.len(),
        webhooks: store.counts().await?.into_iter().map(webhook).collect(),
    })
}

/// What was recorded of webhooks of one kind.
fn webhook(counted: NotificationCount) -> WebhookStatus {
    WebhookStatus {
        kind: counted.kind,
        count: counted.count,
        last_at: counted.last_at.into(),
    }
}

/// The scheduled comparisons, as far as there were any.
fn verification_status(verification: Verification) -> Option<VerificationStatus> {
    let Verification { pass, last } = verification;
    if pass.is_none() && last.is_none() {
        return None;
    }
    let ended_at = last.as_ref().map(|last| last.ended_at.into());
    let tally = last.map(|last| last.tally).unwrap_or_default();
    Some(VerificationStatus {
        ended_at,
        pairs: tally.pairs,
        differences: tally.differences,
        examples: tally.examples,
        under_way_since: pass.map(|pass| pass.began_at.into()),
    })
}

/// The credentials of which is known when they expire or are rotated.
fn credentials(states: &CredentialStates) -> Vec<CredentialStatus> {
    let known = states.by_name.iter();
    let known = known.filter(|(_, it)| it.expires_at.is_some() || it.rotates_at.is_some());
    let line = |(name, state): (&String, &CredentialState)| CredentialStatus {
        name: name.clone(),
        expires_at: state.expires_at.map(Moment),
        rotates_at: state.rotates_at.map(Moment),
    };
    known.map(line).collect()
}

/// The request budget.
async fn budget<S: Records>(
    store: &S,
    question: StatusQuestion,
) -> Result<BudgetStatus, PortError> {
    let ledger = store.load_record::<Ledger>(&Singleton).await?.value;
    let clock = if S::ONE_MACHINE {
        question.steady
    } else {
        SteadyTime {
            source: 0,
            at: question.now,
        }
    };
    Ok(BudgetStatus {
        used: ledger.follows(clock).then(|| ledger.in_use(clock.at)),
        limit: ledger.effective_limit(&question.limit),
        window_seconds: ledger.limit_in_force(&question.limit).window.as_secs(),
    })
}

/// The tenant, as it was seen last.
async fn tenant(store: &impl Records) -> Result<TenantStatus, PortError> {
    let report = store.load_record::<DialectReport>(&Singleton).await?.value;
    let seen = |reading: &&FactReading| matches!(reading.seen, Seen::As { .. });
    Ok(TenantStatus {
        probed_at: (report.probed_at > Timestamp::EPOCH).then(|| report.probed_at.into()),
        facts: report.facts.len(),
        facts_seen: report.facts.iter().filter(seen).count(),
        halopsa_build: report.build,
    })
}

/// What has changed lately: versions, configs, and what operators commanded.
///
/// # Errors
///
/// The store cannot be read.
pub async fn changes(store: &impl Records, now: Timestamp) -> Result<Vec<ChangeLine>, PortError> {
    let versions = store.load_record::<VersionHistory>(&Singleton).await?.value;
    let mut changes: Vec<ChangeLine> = versions
        .changes()
        .map(|(from, to)| ChangeLine {
            at: to.since.into(),
            what: format!("Halogard {} runs, after {}", to.version, from.version),
        })
        .collect();
    let configs = config_changes::history(store).await?.versions;
    changes.extend(configs.into_iter().map(|version| ChangeLine {
        at: version.applied_at,
        what: match version.actor {
            Some(actor) => format!(
                "config version {}: {} ({actor})",
                version.number, version.origin
            ),
            None => format!("config version {}: {}", version.number, version.origin),
        },
    }));
    let sites = store.load_record::<SiteReports>(&Singleton).await?.value;
    let changed = sites.reports.iter();
    let changed = changed.filter(|report| report.change != SiteChange::Deleted);
    changes.extend(changed.map(|report| ChangeLine {
        at: report.at.into(),
        what: format!(
            "HaloPSA changed site {}, which the config names",
            report.site
        ),
    }));
    let filter = AuditFilter {
        since: Some(now.minus(CHANGES_AGE).into()),
        ..AuditFilter::default()
    };
    let commands = audit::list(store, &filter, now).await?.entries.into_iter();
    // The history of the configs has these with their numbers.
    let others = commands.filter(|entry| !entry.command.starts_with("config "));
    changes.extend(others.map(|entry| ChangeLine {
        at: entry.at,
        what: format!(
            "{}: {} {} ({})",
            entry.command, entry.subject, entry.done, entry.actor
        ),
    }));
    changes.retain(|change| now.since(change.at.0) < CHANGES_AGE);
    changes.sort_by_key(|change| std::cmp::Reverse(change.at));
    changes.truncate(CHANGES_SHOWN);
    Ok(changes)
}

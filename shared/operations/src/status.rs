//! `status`: whether both sides are in sync, and what waits for a person.

mod pairs;
mod problems;

use std::collections::BTreeMap;
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
use halogard_domain::verification::{DifferenceExample, DifferenceKind, Verification};
use halogard_domain::version_history::VersionHistory;
use serde::Serialize;

use crate::audit::{self, AuditFilter};
use crate::config_changes;
use crate::inspect::InspectorFault;
use crate::lag::LagStatus;
use crate::moment::Moment;
use crate::pausing::PauseLine;
use crate::policy::policy_in_force;
use crate::scan::for_each_link;
use crate::waiting::{WaitingCause, WaitingPair, waiting_pair};

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

/// The answer of `status`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct StatusAnswer {
    /// When it was asked.
    pub at: Moment,
    /// The version of the program that was asked.
    pub version: String,
    /// Whether a person is needed.
    pub verdict: Verdict,
    /// What makes it so, the most important first; empty when all is well.
    pub problems: Vec<StatusProblem>,
    /// Both vendors.
    pub vendors: Vec<VendorStatus>,
    /// The pairs.
    pub pairs: PairCounts,
    /// What waits, by cause.
    pub waiting: Vec<WaitingCount>,
    /// How long changes took to reach the other side, each way.
    pub lags: Vec<LagStatus>,
    /// When the workers last read and ran what.
    pub activity: Activity,
    /// The request budget.
    pub budget: BudgetStatus,
    /// Messages that wait or are in flight, by lane.
    pub queues: Vec<QueueStatus>,
    /// Messages that no worker could process.
    pub dead_letters: u64,
    /// What an operator has paused.
    pub paused: Vec<PauseLine>,
    /// What was noticed and is not a matter of one pair.
    pub findings: Vec<StatusFinding>,
    /// The scheduled comparison of both sides; absent before the first.
    pub verification: Option<VerificationStatus>,
    /// When credentials expire and are rotated next, as far as that is known.
    pub credentials: Vec<CredentialStatus>,
    /// The tenant, as it was seen last.
    pub tenant: TenantStatus,
    /// What has changed lately, the newest first.
    pub changes: Vec<ChangeLine>,
}

/// The last scheduled comparison of both sides, and the one under way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct VerificationStatus {
    /// When the last one ended; absent while the first one is under way.
    pub ended_at: Option<Moment>,
    /// Pairs that it compared.
    pub pairs: u64,
    /// Differences without a known cause, by kind.
    pub differences: BTreeMap<DifferenceKind, u64>,
    /// The first of them.
    pub examples: Vec<DifferenceExample>,
    /// Since when another one is under way.
    pub under_way_since: Option<Moment>,
}

/// When a credential expires and is rotated.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct CredentialStatus {
    /// The credential.
    pub name: String,
    /// When it expires, if it does.
    pub expires_at: Option<Moment>,
    /// When it is rotated next by itself, as far as that is known.
    pub rotates_at: Option<Moment>,
}

/// Webhooks of one kind.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct WebhookStatus {
    /// The kind of event.
    pub kind: String,
    /// How many were recorded; repeats are not.
    pub count: u64,
    /// When the last of them was recorded.
    pub last_at: Moment,
}

/// The tenant, as it was seen last.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct TenantStatus {
    /// HaloPSA's build.
    pub halopsa_build: Option<String>,
    /// When both vendors were probed for their dialect.
    pub probed_at: Option<Moment>,
    /// Uncertain facts, and how many of them the probe has seen.
    pub facts: usize,
    /// How many of them it has seen.
    pub facts_seen: usize,
}

/// Something that has changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ChangeLine {
    /// When.
    pub at: Moment,
    /// What.
    pub what: String,
}

/// Whether a person is needed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Everything is in order, or resolves itself.
    Ok,
    /// Something needs a person.
    NeedsPerson,
    /// The store does not say, because no worker has used it lately.
    CannotTell,
}

/// Something that needs a person.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct StatusProblem {
    /// Why, as a stable word; the same for as long as it lasts.
    pub cause: String,
    /// What it is.
    pub what: String,
    /// What to do.
    pub remedy: String,
    /// How it counts.
    pub verdict: Verdict,
}

/// Something that was noticed and is not a matter of one pair.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct StatusFinding {
    /// Why, as a stable word.
    pub cause: &'static str,
    /// Whether a person has something to do about it; it is a problem then.
    pub needs_person: bool,
    /// What it is.
    pub what: String,
    /// What to do.
    pub remedy: &'static str,
}

/// Whether a vendor answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct VendorStatus {
    /// Which vendor.
    pub vendor: String,
    /// Whether it answers; `None` when it was never asked.
    pub connected: Option<bool>,
    /// Since when it does, or does not.
    pub since: Option<Moment>,
    /// Whether the last failure was a refusal of our credential.
    pub refuses_credential: bool,
    /// The last failure, as a stable word.
    pub last_failure_code: Option<String>,
    /// The same, with what the vendor said.
    pub last_failure: Option<String>,
    /// When that was.
    pub last_failure_at: Option<Moment>,
}

/// How many pairs there are.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct PairCounts {
    /// All of them, closed ones included.
    pub total: usize,
    /// Both sides agree.
    pub in_sync: usize,
    /// Work is under way or scheduled.
    pub behind: usize,
    /// When the alert of the oldest of them was queued.
    pub behind_since: Option<Moment>,
    /// The ticket is closed, and an inspection is awaited.
    pub awaiting_liongard: usize,
    /// The alert shares the ticket of a storm.
    pub in_storm: usize,
    /// A person deleted the ticket.
    pub ticket_deleted: usize,
    /// The config wants no ticket for the alert.
    pub watched_only: usize,
    /// They wait for something; see `waiting`.
    pub waiting: usize,
}

/// How many pairs wait for one cause.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct WaitingCount {
    /// The cause.
    pub cause: WaitingCause,
    /// How many.
    pub count: usize,
    /// Since when the oldest of them waits.
    pub oldest: Moment,
    /// Whether the operator has something to do about them.
    pub needs_operator: bool,
}

/// When the workers last read and ran what.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Activity {
    /// The last poll that read Liongard's alerts to the end.
    pub last_poll: Option<Moment>,
    /// Alerts in that list.
    pub alerts_listed: Option<i64>,
    /// Polls in a row that failed.
    pub polls_failed: i64,
    /// The last sweep that read HaloPSA's changed tickets to the end.
    pub last_sweep: Option<Moment>,
    /// The last start of Liongard's HaloPSA inspector.
    pub last_inspector_run: Option<Moment>,
    /// Runs in a row that failed.
    pub inspector_failures: u32,
    /// What the last run said, if it failed.
    pub inspector_said: Option<String>,
    /// Whose fault that seems to be.
    pub inspector_fault: Option<InspectorFault>,
    /// Alerts that wait for a run.
    pub waiting_for_inspector: usize,
    /// Webhooks received, by kind.
    pub webhooks: Vec<WebhookStatus>,
}

/// The request budget for HaloPSA.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct BudgetStatus {
    /// Requests of the window in use; `None` when another clock than this machine's counts them.
    pub used: Option<usize>,
    /// Requests that a window allows, as far as that was learned.
    pub limit: u32,
    /// The length of the window, in seconds.
    pub window_seconds: u64,
}

/// The messages of a lane.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct QueueStatus {
    /// The lane.
    pub lane: &'static str,
    /// Messages that wait or are in flight.
    pub depth: u64,
    /// When the oldest of them was sent, where the queue says so.
    pub oldest: Option<Moment>,
}

/// The answer of `status waiting`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct WaitingAnswer {
    /// When it was asked.
    pub at: Moment,
    /// Every pair that waits, by customer and alert name.
    pub waiting: Vec<WaitingPair>,
}

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

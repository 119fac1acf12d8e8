//! The answers of `status` and `status waiting`.

use std::collections::BTreeMap;

use halogard_domain::verification::{DifferenceExample, DifferenceKind};
use serde::Serialize;

use crate::inspect::InspectorFault;
use crate::lag::LagStatus;
use crate::moment::Moment;
use crate::pausing::PauseLine;
use crate::waiting::{WaitingCause, WaitingPair};
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

//! `inspect`: an inspection that an operator has Liongard run, and what came of it.

mod fault;

use std::collections::BTreeSet;

use halogard_app::Store;
use halogard_app::ports::{Lane, LinkFilter, Outgoing, PortError, SaveError};
use halogard_domain::ids::{AlertId, EnvironmentId, LaunchpointId, TicketId};
use halogard_domain::message::Message;
use halogard_domain::policy::Mode;
use halogard_domain::runs::{RunTarget, Runs};
use halogard_domain::{Link, Timestamp};
use serde::Serialize;

use crate::moment::Moment;
use crate::policy::policy_in_force;
use crate::scan::for_each_link;

pub use fault::InspectorFault;

/// How often a request is repeated because a worker came between.
const ATTEMPTS_MAX: usize = 20;

/// Links that are loaded at once.
const LOADED_AT_ONCE: usize = 200;

/// What is inspected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InspectSubject {
    /// HaloPSA, by Liongard's inspector of it.
    HaloPsa,
    /// What the open alerts of this environment came from.
    Environment(EnvironmentId),
    /// One launchpoint.
    Launchpoint(LaunchpointId),
}

/// The answer of `inspect`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct InspectAnswer {
    /// When it was asked.
    pub at: Moment,
    /// When the inspections were requested.
    pub requested_at: Moment,
    /// The inspections.
    pub runs: Vec<InspectedRun>,
    /// Alerts that polls have seen anew or changed since then.
    pub alerts: Vec<AlertId>,
    /// The tickets of those alerts.
    pub tickets: Vec<TicketId>,
}

impl InspectAnswer {
    /// Whether every inspection has ended.
    #[must_use]
    pub fn has_ended(&self) -> bool {
        let ended =
            |run: &InspectedRun| matches!(run.phase, RunPhase::Succeeded | RunPhase::Failed);
        self.runs.iter().all(ended)
    }

    /// Whether one of them has failed.
    #[must_use]
    pub fn has_failed(&self) -> bool {
        self.runs.iter().any(|run| run.phase == RunPhase::Failed)
    }
}

/// An inspection.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct InspectedRun {
    /// What is inspected: `halopsa`, or a launchpoint.
    pub target: String,
    /// How far it is.
    pub phase: RunPhase,
    /// When Liongard was asked to start it.
    pub started_at: Option<Moment>,
    /// What it said, if it failed.
    pub said: Option<String>,
    /// Whose fault that seems to be.
    pub fault: Option<InspectorFault>,
}

/// How far an inspection is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum RunPhase {
    /// A worker starts it when the least interval since the last one has passed.
    Requested,
    /// Liongard runs another one, which is waited for.
    Blocked,
    /// It runs.
    Running,
    /// It did its work.
    Succeeded,
    /// It ended without having done its work.
    Failed,
}

/// Why no inspection was requested.
#[derive(Debug, thiserror::Error)]
pub enum InspectError {
    /// The store failed.
    #[error(transparent)]
    Store(#[from] PortError),
    /// Workers kept writing the same record.
    #[error("workers kept writing the record of these runs; try again")]
    Contended,
    /// Nothing is started in this mode.
    #[error("`mode = \"observe\"` starts no inspection; start it in Liongard")]
    Observing,
    /// No open alert of the environment names where it came from.
    #[error("no open alert of environment {0} names a launchpoint; name one with --launchpoint")]
    NoLaunchpoint(EnvironmentId),
}

/// Requests the inspection of `subject` at `now`; returns what is to be followed. One that is under way already began
/// too early, so another one follows it. Workers start it: they keep the minimum interval and respect pauses.
///
/// # Errors
///
/// [`InspectError`]; nothing is started then, except where the store failed.
pub async fn request(
    store: &impl Store,
    subject: InspectSubject,
    now: Timestamp,
) -> Result<Vec<RunTarget>, InspectError> {
    let policy = policy_in_force(store).await?;
    if policy.is_some_and(|policy| policy.mode == Mode::Observe) {
        return Err(InspectError::Observing);
    }
    let targets = targets_of(store, subject).await?;
    for target in &targets {
        request_run(store, *target, now).await?;
    }
    Ok(targets)
}

/// How far the inspections of `targets` are at `now`, that were requested at `requested_at`.
///
/// # Errors
///
/// The store cannot be read.
pub async fn progress(
    store: &impl Store,
    targets: &[RunTarget],
    requested_at: Timestamp,
    now: Timestamp,
) -> Result<InspectAnswer, PortError> {
    let mut answer = InspectAnswer {
        at: now.into(),
        requested_at: requested_at.into(),
        runs: Vec::new(),
        alerts: Vec::new(),
        tickets: Vec::new(),
    };
    for target in targets {
        let runs = store.load_record::<Runs>(target).await?.value;
        answer.runs.push(run_of(*target, &runs, requested_at));
    }
    let index = store.load_index().await?;
    let new = index
        .into_iter()
        .filter(|(_, it)| it.queued_at >= requested_at);
    let new: Vec<AlertId> = new.map(|(alert, _)| alert).collect();
    for chunk in new.chunks(LOADED_AT_ONCE) {
        let chunk: BTreeSet<AlertId> = chunk.iter().copied().collect();
        for link in store.load_many(&chunk).await? {
            if is_of(&link, targets) {
                answer.alerts.push(link.alert);
                answer.tickets.extend(link.ticket);
            }
        }
    }
    answer.alerts.sort_unstable();
    answer.tickets.sort_unstable();
    answer.tickets.dedup();
    Ok(answer)
}

/// The runs that inspect `subject`.
async fn targets_of(
    store: &impl Store,
    subject: InspectSubject,
) -> Result<Vec<RunTarget>, InspectError> {
    let environment = match subject {
        InspectSubject::HaloPsa => return Ok(vec![RunTarget::HaloPsa]),
        InspectSubject::Launchpoint(id) => return Ok(vec![RunTarget::Launchpoint(id)]),
        InspectSubject::Environment(environment) => environment,
    };
    let mut launchpoints = BTreeSet::new();
    for_each_link(store, LinkFilter::All, |link| {
        if let Some(alert) = &link.observed_alert
            && alert.environment == environment
            && !alert.is_closed()
        {
            launchpoints.extend(alert.launchpoint);
        }
    })
    .await?;
    if launchpoints.is_empty() {
        return Err(InspectError::NoLaunchpoint(environment));
    }
    Ok(launchpoints
        .into_iter()
        .map(RunTarget::Launchpoint)
        .collect())
}

/// Requests a run of `target`, and a worker for it if none watches it.
async fn request_run(
    store: &impl Store,
    target: RunTarget,
    now: Timestamp,
) -> Result<(), InspectError> {
    for _ in 0..ATTEMPTS_MAX {
        let stored = store.load_record::<Runs>(&target).await?;
        let mut runs = stored.value;
        let is_watched = runs.is_watched(now);
        runs.request_alone();
        match store.save_record(&target, &runs, stored.revision).await {
            Ok(_) => {
                if !is_watched {
                    let watch = Outgoing::from(Message::advance_run(target));
                    store.send(Lane::Runs, &[watch]).await?;
                }
                return Ok(());
            }
            Err(SaveError::Conflict) => {}
            Err(SaveError::Store(error)) => return Err(error.into()),
        }
    }
    Err(InspectError::Contended)
}

/// How far the run of `target` is that was requested at `requested_at`.
fn run_of(target: RunTarget, runs: &Runs, requested_at: Timestamp) -> InspectedRun {
    let started_at = runs.last_started_at.filter(|at| *at >= requested_at);
    let end = runs.last_end.as_deref().filter(|end| match started_at {
        Some(started) => end.at >= started,
        // It was given up before it began.
        None => end.not_started && !runs.requested && end.at >= requested_at,
    });
    let phase = match end {
        Some(end) if end.said.is_none() => RunPhase::Succeeded,
        Some(_) => RunPhase::Failed,
        None if started_at.is_some() => RunPhase::Running,
        None if runs.blocked.is_some() => RunPhase::Blocked,
        None => RunPhase::Requested,
    };
    InspectedRun {
        target: target.to_string(),
        phase,
        started_at: started_at.map(Moment),
        said: end.and_then(|end| end.said.clone()),
        fault: end.and_then(InspectorFault::of_end),
    }
}

/// Whether the alert of `link` comes from what `targets` inspect. HaloPSA's inspector changes alerts of every one.
fn is_of(link: &Link, targets: &[RunTarget]) -> bool {
    let alert = link.observed_alert.as_ref();
    let launchpoint = alert.and_then(|alert| alert.launchpoint);
    targets.iter().any(|target| match target {
        RunTarget::HaloPsa => true,
        RunTarget::Launchpoint(id) => launchpoint == Some(*id),
    })
}

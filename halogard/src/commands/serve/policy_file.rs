//! Watches the config file: a change takes effect with the next sync cycle, once it was checked against both
//! vendors.

use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use halogard_app::outcome::OperatorNotice;
use halogard_app::ports::{Clock as _, NamedValues as _, ServiceDeskCatalog, keys};
use halogard_app::{Env, Reconciler};
use halogard_domain::Policy;
use halogard_domain::config_history::{ConfigText, VersionOrigin};
use halogard_operations::config_changes::{self, AlertsOf, ConfigCandidate, ConfigChangeError};
use halogard_operations::doctor::{self, DoctorReport, Extent, OwnFacts};
use tokio::time::Instant;
use tracing::{info, warn};

use crate::engine::PolicySource;

/// How often the policy is checked again while a part of it is set aside: what was wrong may have been
/// fixed at a vendor. A check costs about a dozen requests.
const RECHECK_INTERVAL: Duration = Duration::from_secs(900);

/// How long a change waits whose checks could not be made, before they are made again.
const UNCHECKED_PAUSE: Duration = Duration::from_secs(30);

/// The config file, and what is known of it.
pub struct PolicyFile {
    path: PathBuf,
    state: Mutex<FileState>,
}

struct FileState {
    /// The text that was last read and judged.
    text: Option<String>,
    /// When to check the whole policy again, if a part of it is set aside.
    recheck_at: Option<Instant>,
    /// Whether the log has the reason why a change waits.
    said: bool,
    /// Until when a change waits whose checks could not be made.
    waits_until: Option<Instant>,
}

impl PolicyFile {
    /// Watches `path`, whose policy is active now; a part of it is set aside if `is_reduced`.
    pub fn new(path: PathBuf, is_reduced: bool) -> Self {
        let state = FileState {
            text: std::fs::read_to_string(&path).ok(),
            recheck_at: is_reduced.then(|| Instant::now() + RECHECK_INTERVAL),
            said: false,
            waits_until: None,
        };
        Self {
            path,
            state: Mutex::new(state),
        }
    }

    /// Whether it is time to check the whole policy again.
    fn is_recheck_due(&self) -> bool {
        let mut state = self.state();
        let is_due = state.recheck_at.is_some_and(|at| at <= Instant::now());
        if is_due {
            state.recheck_at = Some(Instant::now() + RECHECK_INTERVAL);
        }
        is_due
    }

    fn state(&self) -> MutexGuard<'_, FileState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The policy of a file that changed. A file that cannot be read, or is wrong, changes nothing: the
    /// reason is logged once for each change.
    async fn changed_to<E: Env<Desk: ServiceDeskCatalog>>(
        &self,
        text: Option<String>,
        reconciler: &Reconciler<E>,
    ) -> Option<Policy> {
        let candidate = match halogard_config::load(&self.path) {
            Ok(config) => ConfigCandidate::from(config),
            Err(error) => {
                warn!(%error, "the config file changed and is invalid; the former config stays active");
                self.state().text = text;
                note_refusal(reconciler, reconciler.clock.now().as_millis()).await;
                return None;
            }
        };
        let report = check(reconciler, &candidate.policy).await;
        if let Some(unreachable) = report.unreachable() {
            self.wait_because(&unreachable.thing);
            return None;
        }
        let is_decided = is_in_force(reconciler, &candidate).await;
        if let Some(unmade) = report.findings.iter().find(|found| found.is_unmade)
            && !is_decided
        {
            self.wait_because(&unmade.thing);
            return None;
        }
        if is_decided
            && report.has_problems()
            && let Some(left) = report.policy_without_problems(&candidate.policy)
        {
            note_refusal(reconciler, 0).await;
            return Some(self.without_problems(text, left));
        }
        if report.has_problems() {
            for problem in report.problems() {
                warn!(
                    reason = %problem,
                    outcome = OperatorNotice::ConfigRefused.as_str(),
                    "the config file changed and does not fit both vendors; the former config stays active"
                );
            }
            note_refusal(reconciler, reconciler.clock.now().as_millis()).await;
            self.judged(text);
            return None;
        }
        if let Err(error) = take_up(reconciler, &candidate, report).await {
            warn!(%error, "the config file changed; it takes effect when the store can be written");
            return None;
        }
        note_refusal(reconciler, 0).await;
        self.judged(text);
        self.state().recheck_at = None;
        Some(candidate.policy)
    }

    /// Checks again later: a check costs requests, so not with the next poll.
    fn wait_because(&self, reason: &str) {
        let mut state = self.state();
        state.waits_until = Some(Instant::now() + UNCHECKED_PAUSE);
        if !state.said {
            state.said = true;
            warn!(
                reason,
                "the config file changed; it takes effect when every check of it can be made"
            );
        }
    }

    /// Whether a change waits that is not to be checked yet.
    fn is_waiting(&self) -> bool {
        let waits_until = self.state().waits_until;
        waits_until.is_some_and(|until| until > Instant::now())
    }

    /// Takes up what is left of a config that an operator applied in spite of its problems.
    fn without_problems(&self, text: Option<String>, left: Policy) -> Policy {
        warn!(
            outcome = OperatorNotice::ConfigChanged.as_str(),
            "a config with problems was applied anyway and is active; alerts that they affect stay parked"
        );
        self.judged(text);
        self.state().recheck_at = Some(Instant::now() + RECHECK_INTERVAL);
        left
    }

    /// Notes that `text` has been judged.
    fn judged(&self, text: Option<String>) {
        let mut state = self.state();
        state.text = text;
        state.said = false;
        state.waits_until = None;
    }

    /// The policy of the unchanged file, of which a part was set aside, with what is in order by now.
    async fn rechecked<E: Env<Desk: ServiceDeskCatalog>>(
        &self,
        reconciler: &Reconciler<E>,
    ) -> Option<Policy> {
        let policy = halogard_config::load(&self.path).ok()?.policy;
        let left = check(reconciler, &policy)
            .await
            .policy_without_problems(&policy)?;
        if left == policy {
            self.state().recheck_at = None;
        }
        if left == *reconciler.policy() {
            return None;
        }
        info!(
            outcome = OperatorNotice::ConfigChanged.as_str(),
            "the part of the config that was set aside is valid now and active"
        );
        Some(left)
    }
}

/// Stores for `status` when the config file was refused, in milliseconds; 0 where it is in force.
async fn note_refusal<E: Env>(reconciler: &Reconciler<E>, at: i64) {
    let stored = reconciler.store.set_value(keys::CONFIG_REFUSED_AT, at);
    if let Err(error) = stored.await {
        warn!(%error, "`status` does not show whether the config file was refused");
    }
}

/// Puts an edited config in force, as `config apply` does, and says what that changes.
async fn take_up<E: Env<Desk: ServiceDeskCatalog>>(
    reconciler: &Reconciler<E>,
    candidate: &ConfigCandidate,
    report: DoctorReport,
) -> Result<(), ConfigChangeError> {
    let (store, now) = (&reconciler.store, reconciler.clock.now());
    let plan = config_changes::plan_with(store, candidate, report, now).await?;
    let origin = VersionOrigin::Edited;
    let put = config_changes::put_in_force(store, candidate, origin, None, None, now).await?;
    let sum = |alerts: &[AlertsOf]| alerts.iter().map(|it| it.alerts).sum::<usize>();
    let effects = &plan.effects;
    info!(
        version = put.version,
        differences = plan.differences.len(),
        released = sum(&effects.released),
        waiting = sum(&effects.waiting),
        changed = sum(&effects.changed),
        outcome = OperatorNotice::ConfigChanged.as_str(),
        "the config file changed and is active"
    );
    Ok(())
}

/// Whether an operator has put `candidate` in force by a command, problems or not.
async fn is_in_force<E: Env>(reconciler: &Reconciler<E>, candidate: &ConfigCandidate) -> bool {
    let in_force = config_changes::in_force(&reconciler.store).await;
    let key = ConfigText::key(&candidate.text);
    in_force.is_ok_and(|it| it.is(&candidate.policy, &key))
}

/// Checks `policy` against both vendors.
async fn check<E: Env<Desk: ServiceDeskCatalog>>(
    reconciler: &Reconciler<E>,
    policy: &Policy,
) -> DoctorReport {
    let (desk, liongard) = (&reconciler.desk, &reconciler.liongard);
    doctor::check(
        desk,
        liongard,
        policy,
        &OwnFacts::default(),
        Extent::Everything,
    )
    .await
}

impl<E: Env<Desk: ServiceDeskCatalog>> PolicySource<E> for PolicyFile {
    async fn changed(&self, reconciler: &Reconciler<E>) -> Option<Policy> {
        let text = std::fs::read_to_string(&self.path).ok();
        if self.state().text != text {
            return match self.is_waiting() {
                true => None,
                false => self.changed_to(text, reconciler).await,
            };
        }
        if self.is_recheck_due() {
            return self.rechecked(reconciler).await;
        }
        None
    }
}

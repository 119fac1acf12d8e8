//! `config plan | apply | history | undo | test`: what a change of the config does, and the change itself.
//!
//! A [`ConfigPlan`] compares the config in force with a candidate, says what the difference does to the alerts and
//! tickets that are known, and checks the candidate against both systems. Its digest names both configs, so that
//! [`put_in_force`] does what was planned and nothing else. The start of `serve`, an edit of the file under a running
//! `serve` and the commands put a config in force by the same function.

mod digest;
mod effects;
mod samples;
mod texts;

use halogard_app::Store;
use halogard_app::ports::{
    AlertSource, DialectProbe, Inspectors, PortError, Records, SaveError, ServiceDeskCatalog,
};
use halogard_config::{Config, ConfigDifference, differences};
use halogard_domain::config_history::{ConfigInForce, ConfigText, ConfigVersion, VersionOrigin};
use halogard_domain::record::Singleton;
use halogard_domain::{Policy, Timestamp};
use serde::Serialize;

use crate::audit::Operator;
use crate::doctor::{self, CheckId, DoctorReport, Extent, Finding, Level, OwnFacts};
use crate::moment::Moment;

pub use digest::{NoDigest, PlanDigest};
pub use effects::{AlertsOf, ConfigEffects, RouteChange};
pub use samples::{SampleResult, SamplesAnswer, SamplesError, run_samples};
use texts::{keep_text, let_former_texts_expire};

/// A config that may come into force.
#[derive(Clone, Debug, PartialEq)]
pub struct ConfigCandidate {
    /// Its text.
    pub text: String,
    /// The policy of the text.
    pub policy: Policy,
}

impl From<Config> for ConfigCandidate {
    fn from(config: Config) -> Self {
        Self {
            text: config.text,
            policy: config.policy,
        }
    }
}

/// A change of the config, before it is made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ConfigPlan {
    /// What `apply` needs to make this change and no other.
    pub digest: PlanDigest,
    /// Whether there is anything to apply.
    pub has_changes: bool,
    /// The version in force.
    pub in_force: Option<VersionLine>,
    /// What differs; empty where only comments or the order of customers differ, and before the first config.
    pub differences: Vec<ConfigDifference>,
    /// What the change does to the alerts and tickets that are known.
    pub effects: ConfigEffects,
    /// What the check against both systems found; what is in order is left out.
    pub findings: Vec<Finding>,
    /// How many of the findings prevent work.
    pub problems: usize,
    /// The checks that could not be made: what they would have found is not known.
    pub unchecked: Vec<CheckId>,
}

/// A version of the config, as it is shown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct VersionLine {
    /// Its number.
    pub number: u64,
    /// When it was applied.
    pub applied_at: Moment,
    /// How it came into force.
    pub origin: String,
    /// Who applied it.
    pub actor: Option<String>,
    /// Why.
    pub reason: Option<String>,
}

impl From<&ConfigVersion> for VersionLine {
    fn from(version: &ConfigVersion) -> Self {
        let origin = match version.origin {
            VersionOrigin::Applied => "applied".to_owned(),
            VersionOrigin::Edited => "the file was edited under a running serve".to_owned(),
            VersionOrigin::Started => "serve started with the file".to_owned(),
            VersionOrigin::Restored(number) => format!("version {number} was restored"),
        };
        Self {
            number: version.number,
            applied_at: version.applied_at.into(),
            origin,
            actor: version.actor.clone(),
            reason: version.reason.clone(),
        }
    }
}

/// The answer of `config history`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ConfigHistory {
    /// The versions, oldest first; the last one is in force.
    pub versions: Vec<VersionLine>,
}

/// Whether a config came into force.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct PutInForce {
    /// Its number.
    pub version: u64,
    /// Whether it was in force already.
    pub was_in_force: bool,
}

/// Why a change was not made.
#[derive(Debug, thiserror::Error)]
pub enum ConfigChangeError {
    /// The store failed.
    #[error(transparent)]
    Store(#[from] PortError),
    /// Another config is in force than the plan was made against.
    #[error(
        "the plan is stale: the config in force has changed, {}; plan again",
        described(in_force.as_ref())
    )]
    StaleInForce {
        /// The version in force now.
        in_force: Option<VersionLine>,
    },
    /// The file differs from the planned one.
    #[error("the plan is stale: the file differs from the planned one; plan again")]
    StaleFile,
    /// Another change came between.
    #[error("another config was applied at the same moment; plan again")]
    Conflict,
    /// There is nothing to go back to.
    #[error("no earlier config is known; `halogard config history` lists the known ones")]
    NothingBefore,
    /// The history names no such version.
    #[error("no version {0} is known; `halogard config history` lists the known ones")]
    NoVersion(u64),
    /// The text of a version is gone.
    #[error(
        "the text of version {0} is kept no longer: another one took its place more than a year ago"
    )]
    NoText(u64),
}

fn described(version: Option<&VersionLine>) -> String {
    version.map_or_else(
        || "none".to_owned(),
        |it| format!("version {} of {} ({})", it.number, it.applied_at, it.origin),
    )
}

/// Plans the change from the config in force to `candidate`. Writes nothing.
///
/// # Errors
///
/// The store cannot be read. A vendor that cannot be asked is a problem among the findings.
pub async fn plan<S: Store, D: ServiceDeskCatalog + DialectProbe, L: AlertSource + Inspectors>(
    store: &S,
    desk: &D,
    liongard: &L,
    candidate: &ConfigCandidate,
    now: Timestamp,
) -> Result<ConfigPlan, PortError> {
    let own = OwnFacts::default();
    let report = doctor::check(desk, liongard, &candidate.policy, &own, Extent::Everything).await;
    plan_with(store, candidate, report, now).await
}

/// The same with the findings of a check that was made.
///
/// # Errors
///
/// The store cannot be read.
pub async fn plan_with<S: Store>(
    store: &S,
    candidate: &ConfigCandidate,
    report: DoctorReport,
    now: Timestamp,
) -> Result<ConfigPlan, PortError> {
    let in_force = in_force(store).await?;
    let has_changes = !in_force.is(&candidate.policy, &ConfigText::key(&candidate.text));
    let differences = match in_force.current() {
        Some(current) if has_changes => {
            let before = store.load_record::<ConfigText>(&current.text).await?;
            let before = before.value.text.unwrap_or_default();
            differences(&before, &candidate.text)
        }
        _ => Vec::new(),
    };
    let effects = match &in_force.policy {
        Some(policy) if *policy == candidate.policy => ConfigEffects::default(),
        policy => effects::of(store, policy.as_ref(), &candidate.policy, now).await?,
    };
    let (problems, unchecked) = (report.count(Level::Problem), report.unmade());
    let notable = report.findings.into_iter();
    let notable = notable.filter(|it| !matches!(it.level, Level::Ok | Level::Skipped));
    Ok(ConfigPlan {
        digest: PlanDigest::of(&in_force, candidate),
        has_changes,
        in_force: in_force.current().map(VersionLine::from),
        differences,
        effects,
        findings: notable.collect(),
        problems,
        unchecked,
    })
}

/// Whether the change that `planned` names may still be made: `Ok(true)` if so, `Ok(false)` if it has been made.
///
/// # Errors
///
/// What is stale, or the store cannot be read.
pub async fn is_due(
    store: &impl Records,
    planned: PlanDigest,
    candidate: &ConfigCandidate,
) -> Result<bool, ConfigChangeError> {
    let in_force = in_force(store).await?;
    let now = PlanDigest::of(&in_force, candidate);
    if now.candidate != planned.candidate {
        return Err(ConfigChangeError::StaleFile);
    }
    if in_force.is(&candidate.policy, &ConfigText::key(&candidate.text)) {
        return Ok(false);
    }
    if now.in_force != planned.in_force {
        return Err(ConfigChangeError::StaleInForce {
            in_force: in_force.current().map(VersionLine::from),
        });
    }
    Ok(true)
}

/// Puts `candidate` in force; where an earlier plan is given, only in the place of the config that it was made
/// against. Safe to repeat: a config that is in force gets no second version.
///
/// # Errors
///
/// The store failed, the plan is stale, or another config was put in force meanwhile.
pub async fn put_in_force(
    store: &impl Records,
    candidate: &ConfigCandidate,
    origin: VersionOrigin,
    operator: Option<&Operator>,
    planned: Option<PlanDigest>,
    now: Timestamp,
) -> Result<PutInForce, ConfigChangeError> {
    let key = ConfigText::key(&candidate.text);
    let stored = store.load_record::<ConfigInForce>(&Singleton).await?;
    let mut config = stored.value;
    if config.is(&candidate.policy, &key) {
        // What an earlier call did not come to.
        keep_text(store, &key, &candidate.text).await?;
        let_former_texts_expire(store, &config, now).await?;
        let version = config.current().map_or(0, |it| it.number);
        return Ok(PutInForce {
            version,
            was_in_force: true,
        });
    }
    let in_force = PlanDigest::of(&config, candidate).in_force;
    if planned.is_some_and(|planned| planned.in_force != in_force) {
        return Err(ConfigChangeError::StaleInForce {
            in_force: config.current().map(VersionLine::from),
        });
    }
    keep_text(store, &key, &candidate.text).await?;
    let version = ConfigVersion {
        number: 0,
        text: key,
        applied_at: now,
        origin,
        actor: operator.map(|it| it.account.clone()),
        reason: operator.and_then(|it| it.reason.clone()),
    };
    let version = config.put(candidate.policy.clone(), version);
    let saved = store.save_record(&Singleton, &config, stored.revision);
    match saved.await {
        Ok(_) => {
            let_former_texts_expire(store, &config, now).await?;
            Ok(PutInForce {
                version,
                was_in_force: false,
            })
        }
        Err(SaveError::Conflict) => Err(ConfigChangeError::Conflict),
        Err(SaveError::Store(error)) => Err(error.into()),
    }
}

/// The config in force and its history.
///
/// # Errors
///
/// The store cannot be read.
pub async fn in_force(store: &impl Records) -> Result<ConfigInForce, PortError> {
    let stored = store.load_record::<ConfigInForce>(&Singleton).await?;
    Ok(stored.value)
}

/// Answers `config history`.
///
/// # Errors
///
/// The store cannot be read.
pub async fn history(store: &impl Records) -> Result<ConfigHistory, PortError> {
    let config = in_force(store).await?;
    Ok(ConfigHistory {
        versions: config.versions.iter().map(VersionLine::from).collect(),
    })
}

/// The text of the version `number`, or of the one in force; `None` before the first config was applied.
///
/// # Errors
///
/// There is no such version, its text is gone, or the store cannot be read.
pub async fn text_of(
    store: &impl Records,
    number: Option<u64>,
) -> Result<Option<String>, ConfigChangeError> {
    let config = in_force(store).await?;
    let version = match number {
        Some(number) => {
            let named = config.version(number);
            named.ok_or(ConfigChangeError::NoVersion(number))?
        }
        None => match config.current() {
            Some(current) => current,
            None => return Ok(None),
        },
    };
    let text = store.load_record::<ConfigText>(&version.text).await?;
    let text = text.value.text;
    text.map(Some)
        .ok_or(ConfigChangeError::NoText(version.number))
}

/// What `config undo` does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UndoTarget {
    /// It brings this version back.
    Restore(u64),
    /// An undo has brought this version back already, so that a command which was interrupted can be given again. It
    /// goes no further back by itself.
    Restored {
        /// The version that was brought back.
        former: u64,
        /// Its number since then.
        current: u64,
    },
}

/// What `config undo` does, with the version `named` or the one before that in force.
///
/// # Errors
///
/// There is none, or the store cannot be read.
pub async fn undo_target(
    store: &impl Records,
    named: Option<u64>,
) -> Result<UndoTarget, ConfigChangeError> {
    let config = in_force(store).await?;
    if let Some(current) = config.current()
        && let VersionOrigin::Restored(former) = current.origin
        && named.is_none_or(|named| named == former)
    {
        let current = current.number;
        return Ok(UndoTarget::Restored { former, current });
    }
    match named {
        Some(number) => {
            let version = config.version(number);
            let version = version.ok_or(ConfigChangeError::NoVersion(number))?;
            Ok(UndoTarget::Restore(version.number))
        }
        None => {
            let former = config.former().ok_or(ConfigChangeError::NothingBefore)?;
            Ok(UndoTarget::Restore(former.number))
        }
    }
}

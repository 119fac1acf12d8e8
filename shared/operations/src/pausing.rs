//! `pause`, `resume` and `snooze`: what workers leave alone for a while.

use halogard_app::ports::{LinkFilter, Links, PortError, Records};
use halogard_domain::ids::EnvironmentId;
use halogard_domain::pause::{Pause, PauseScope, Pauses};
use halogard_domain::record::Singleton;
use halogard_domain::vendor::Vendor;
use halogard_domain::{Policy, Timestamp};
use serde::Serialize;

use crate::audit::OperatorError;
use crate::moment::Moment;
use crate::scan::find_in_links;

/// The answer of `pause`, `resume` and `snooze`: what is paused from now on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct PauseList {
    /// When it was asked.
    pub at: Moment,
    /// What is paused.
    pub pauses: Vec<PauseLine>,
}

/// A pause, as it is shown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct PauseLine {
    /// What is paused.
    pub scope: PauseScope,
    /// The same in words.
    pub what: String,
    /// When it was commanded.
    pub since: Moment,
    /// When it begins, if that is to come.
    pub from: Option<Moment>,
    /// Until when; until `resume` when absent.
    pub until: Option<Moment>,
    /// Why.
    pub reason: Option<String>,
}

/// What is paused at `now`, and the maintenance windows to come.
///
/// # Errors
///
/// The store cannot be read.
pub async fn list(store: &impl Records, now: Timestamp) -> Result<PauseList, PortError> {
    let stored = store.load_record::<Pauses>(&Singleton).await?;
    Ok(answer(&stored.value, now))
}

/// Adds `pause`, which replaces an earlier one of the same scope.
///
/// # Errors
///
/// The store failed, or there are too many pauses.
pub async fn pause(
    store: &impl Records,
    pause: &Pause,
    now: Timestamp,
) -> Result<PauseList, OperatorError> {
    let (_, pauses) = change(store, |pauses| pauses.add(pause.clone(), now)).await?;
    let is_there = pauses.pauses.iter().any(|known| known == pause);
    if !is_there {
        return Err(OperatorError::TooManyPauses);
    }
    Ok(answer(&pauses, now))
}

/// Ends the pause of `scope`; says whether there was one.
///
/// # Errors
///
/// The store failed.
pub async fn resume(
    store: &impl Records,
    scope: PauseScope,
    now: Timestamp,
) -> Result<(bool, PauseList), OperatorError> {
    let (had, pauses) = change(store, |pauses| pauses.end(scope, now)).await?;
    Ok((had, answer(&pauses, now)))
}

/// The environment of the customer of this name or id, as `policy` or the pairs name it; `None` where neither does.
/// Links are read until one names the customer: no list in the store is by name, and none is worth its writes for a
/// command that is rare.
///
/// # Errors
///
/// The store cannot be read.
pub async fn environment_of(
    store: &impl Links,
    policy: Option<&Policy>,
    customer: &str,
) -> Result<Option<EnvironmentId>, PortError> {
    let by_id: Option<EnvironmentId> = customer.trim().parse().ok();
    let in_config = by_id.filter(|id| {
        policy.is_some_and(|policy| {
            policy.environments.contains_key(id) || policy.ignored_environments.contains(id)
        })
    });
    if in_config.is_some() {
        return Ok(in_config);
    }
    find_in_links(store, LinkFilter::All, |link| {
        let alert = link.observed_alert.as_ref()?;
        let is_meant = by_id == Some(alert.environment)
            || alert.environment_name.eq_ignore_ascii_case(customer.trim());
        is_meant.then_some(alert.environment)
    })
    .await
}

/// Changes the pauses, however many operators do so at once.
async fn change(
    store: &impl Records,
    mut change: impl FnMut(&mut Pauses) -> bool + Send,
) -> Result<(bool, Pauses), OperatorError> {
    let update = store.update_record(&Singleton, |pauses: &mut Pauses| {
        (change(pauses), pauses.clone())
    });
    Ok(update.await?)
}

/// What `pauses` pause at `now`.
fn answer(pauses: &Pauses, now: Timestamp) -> PauseList {
    let line = |pause: &Pause| PauseLine {
        scope: pause.scope,
        what: in_words(pause.scope),
        since: pause.since.into(),
        from: pause.from.filter(|from| *from > now).map(Moment),
        until: pause.until.map(Moment),
        reason: pause.reason.clone(),
    };
    PauseList {
        at: now.into(),
        pauses: pauses.not_over(now).map(line).collect(),
    }
}

/// Why a pair that `pause` holds back may differ.
pub(crate) fn why_paused(pause: &Pause) -> String {
    let what = match pause.scope {
        PauseScope::All => "everything is paused",
        PauseScope::Vendor(_) => "HaloPSA is paused",
        PauseScope::Customer(_) => "its customer is paused",
        PauseScope::Alert(_) => "it is snoozed",
    };
    pause.until.map_or_else(
        || what.to_owned(),
        |until| format!("{what} until {}", Moment(until)),
    )
}

/// The command that ends a pause of `scope`.
#[must_use]
pub fn resume_command(scope: PauseScope) -> String {
    match scope {
        PauseScope::All => "halogard resume".to_owned(),
        PauseScope::Vendor(vendor) => format!("halogard resume --vendor {}", vendor.as_str()),
        PauseScope::Customer(environment) => format!("halogard resume --customer {environment}"),
        PauseScope::Alert(alert) => format!("halogard resume {alert}"),
    }
}

/// What is paused, in words.
#[must_use]
pub fn in_words(scope: PauseScope) -> String {
    match scope {
        PauseScope::All => "everything".to_owned(),
        PauseScope::Vendor(Vendor::HaloPsa) => "all requests to HaloPSA".to_owned(),
        PauseScope::Vendor(Vendor::Liongard) => "all requests to Liongard".to_owned(),
        PauseScope::Customer(environment) => format!("the customer of environment {environment}"),
        PauseScope::Alert(alert) => format!("alert {alert}"),
    }
}

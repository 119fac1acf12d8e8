//! Actions on alerts: raise, change, close, hide, remove.

use serde::Deserialize;

use crate::error::SimError;

use super::Liongard;
use super::alert::SimAlert;
use super::lookups;
use super::state::LiongardState;

/// An alert to be raised.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AlertSpec {
    /// The customer.
    pub environment: i64,
    /// The name of the inspector; `active-directory-inspector` when absent.
    #[serde(default = "active_directory")]
    pub inspector: String,
    /// The rule that fires.
    pub rule: String,
    /// The priority word.
    #[serde(default = "critical")]
    pub priority: String,
    /// The rendered text.
    #[serde(default)]
    pub description: String,
    /// The number of a ticket that is already linked.
    #[serde(default)]
    pub external_id: Option<i64>,
}

/// The inspector that every sample customer has.
fn active_directory() -> String {
    "active-directory-inspector".to_owned()
}

/// The priority of the vendor's own example.
fn critical() -> String {
    "Critical".to_owned()
}

impl AlertSpec {
    /// A critical alert of the Active Directory inspector.
    #[must_use]
    pub fn new(environment: i64, rule: &str, description: &str) -> Self {
        Self {
            environment,
            inspector: active_directory(),
            rule: rule.to_owned(),
            priority: critical(),
            description: description.to_owned(),
            external_id: None,
        }
    }
}

/// A change to an alert; a `None` leaves things as they are.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AlertChange {
    /// New text.
    #[serde(default)]
    pub description: Option<String>,
    /// New priority word, known or not.
    #[serde(default)]
    pub priority: Option<String>,
    /// New status word, known or not.
    #[serde(default)]
    pub status: Option<String>,
    /// New ticket number.
    #[serde(default)]
    pub external_id: Option<i64>,
}

impl Liongard {
    /// Raises an alert and returns its id. With native ticketing on, its ticket exists at once.
    ///
    /// # Errors
    ///
    /// [`SimError::NoSuchEnvironment`], [`SimError::NoSuchInspector`].
    pub fn raise(&self, spec: &AlertSpec) -> Result<i64, SimError> {
        let now = self.clock.now_millis();
        self.current_state().raise(spec, now)
    }

    /// Changes an alert, as an inspector's run or a person would.
    ///
    /// # Errors
    ///
    /// [`SimError::NoSuchAlert`].
    pub fn change(&self, id: i64, change: AlertChange) -> Result<(), SimError> {
        let now = self.clock.now_millis();
        let mut state = self.current_state();
        let alert = state.alert_mut(id)?;
        alert.description = change
            .description
            .unwrap_or_else(|| std::mem::take(&mut alert.description));
        alert.priority = change
            .priority
            .unwrap_or_else(|| std::mem::take(&mut alert.priority));
        alert.external_id = change.external_id.or(alert.external_id);
        alert.updated_at = Some(now);
        if let Some(status) = change.status {
            state.set_alert_status(id, &status, now);
        }
        Ok(())
    }

    /// Closes an alert in Liongard.
    ///
    /// # Errors
    ///
    /// [`SimError::NoSuchAlert`].
    pub fn close(&self, id: i64) -> Result<(), SimError> {
        self.set_status(id, lookups::CLOSED)
    }

    /// Reopens an alert in Liongard.
    ///
    /// # Errors
    ///
    /// [`SimError::NoSuchAlert`].
    pub fn reopen(&self, id: i64) -> Result<(), SimError> {
        self.set_status(id, lookups::NEW)
    }

    /// Sets any status word and, with native ticketing in step, the ticket's status with it.
    fn set_status(&self, id: i64, word: &str) -> Result<(), SimError> {
        self.change(
            id,
            AlertChange {
                status: Some(word.to_owned()),
                ..AlertChange::default()
            },
        )
    }

    /// Hides an alert: the API keeps listing it with `Visible` false.
    ///
    /// # Errors
    ///
    /// [`SimError::NoSuchAlert`].
    pub fn hide_alert(&self, id: i64) -> Result<(), SimError> {
        let now = self.clock.now_millis();
        let mut state = self.current_state();
        let alert = state.alert_mut(id)?;
        alert.visible = false;
        alert.updated_at = Some(now);
        Ok(())
    }

    /// Takes an alert out of the API altogether, without a word.
    ///
    /// # Errors
    ///
    /// [`SimError::NoSuchAlert`].
    pub fn remove_alert(&self, id: i64) -> Result<(), SimError> {
        self.current_state().alert_mut(id)?.removed = true;
        Ok(())
    }

    /// Removes an alert's cause: the next run of its launchpoint closes it.
    ///
    /// # Errors
    ///
    /// [`SimError::NoSuchAlert`].
    pub fn clear_condition(&self, id: i64) -> Result<(), SimError> {
        let now = self.clock.now_millis();
        let mut state = self.current_state();
        let alert = state.alert_mut(id)?;
        alert.condition_cleared_at = alert.condition_cleared_at.or(Some(now));
        Ok(())
    }

    /// Truncates the alert list to its first `rows` entries; `None` restores it.
    pub fn truncate_list(&self, rows: Option<usize>) {
        self.current_state().list_truncated_to = rows;
    }
}

impl LiongardState {
    /// Raises an alert.
    fn raise(&mut self, spec: &AlertSpec, now: i64) -> Result<i64, SimError> {
        self.environment(spec.environment)
            .ok_or(SimError::NoSuchEnvironment(spec.environment))?;
        let no_inspector = || SimError::NoSuchInspector {
            environment: spec.environment,
            inspector: spec.inspector.clone(),
        };
        let inspector = self
            .world
            .inspectors
            .iter()
            .find(|kind| kind.name.eq_ignore_ascii_case(&spec.inspector));
        let inspector_id = inspector.ok_or_else(no_inspector)?.id;
        let launchpoint = self.world.launchpoints.iter().find(|launchpoint| {
            launchpoint.environment_id == spec.environment
                && launchpoint.inspector_id == inspector_id
        });
        let launchpoint_id = launchpoint.ok_or_else(no_inspector)?.id;
        let latest = self.latest_finished_run(launchpoint_id, now);
        let id = self.alerts.keys().next_back().map_or(7501, |last| last + 1);
        self.alerts.insert(
            id,
            SimAlert {
                id,
                environment_id: spec.environment,
                launchpoint_id,
                inspector_id,
                timeline_id: latest.unwrap_or(0),
                rule: spec.rule.clone(),
                description: spec.description.clone(),
                status: lookups::NEW.to_owned(),
                priority: spec.priority.clone(),
                external_id: spec.external_id,
                ticket_seen_closed: false,
                visible: true,
                removed: false,
                condition_cleared_at: None,
                created_at: now,
                updated_at: None,
            },
        );
        if spec.external_id.is_none() {
            self.log_native_ticket(id);
        }
        Ok(id)
    }

    /// The alert with this id, unless it vanished.
    pub(super) fn alert_mut(&mut self, id: i64) -> Result<&mut SimAlert, SimError> {
        self.alerts
            .get_mut(&id)
            .filter(|alert| !alert.removed)
            .ok_or(SimError::NoSuchAlert(id))
    }

    /// Sets a status word, and lets native ticketing follow.
    pub(super) fn set_alert_status(&mut self, id: i64, word: &str, at: i64) {
        let Some(alert) = self.alerts.get_mut(&id) else {
            return;
        };
        let was_closed = lookups::is_closed(&alert.status);
        word.clone_into(&mut alert.status);
        alert.updated_at = Some(at);
        let closed = lookups::is_closed(word);
        if !closed {
            // The condition is back, or a person reopened the alert.
            alert.condition_cleared_at = alert.condition_cleared_at.filter(|_| !was_closed);
        }
        if closed != was_closed {
            self.sync_native_ticket(id, closed);
        }
    }
}

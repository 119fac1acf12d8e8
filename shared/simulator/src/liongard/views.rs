//! The true state of the instance, for assertions; reading it costs no request.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::counters::TrafficStats;

use super::Liongard;
use super::alert::SimAlert;
use super::lookups;

/// An alert in its true state.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct AlertView {
    /// Its id.
    pub id: i64,
    /// The customer.
    pub environment_id: i64,
    /// The launchpoint whose run raised it.
    pub launchpoint_id: i64,
    /// The rule.
    pub rule: String,
    /// The text.
    pub description: String,
    /// The status.
    pub status: String,
    /// Whether that status counts as closed.
    pub closed: bool,
    /// The priority.
    pub priority: String,
    /// The ticket's number.
    pub external_id: Option<i64>,
    /// Whether people see it in the user interface.
    pub visible: bool,
    /// Whether it was removed from the API.
    pub removed: bool,
    /// Whether its condition has cleared.
    pub condition_cleared: bool,
    /// When it was raised.
    pub created_at: i64,
    /// When it last changed, if it ever did.
    pub updated_at: Option<i64>,
}

/// A run in its current state.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RunView {
    /// The timeline entry's id.
    pub id: i64,
    /// The launchpoint that runs.
    pub launchpoint_id: i64,
    /// Whether it was requested rather than scheduled.
    pub ad_hoc: bool,
    /// The status that the timeline shows.
    pub status: String,
    /// When it was requested.
    pub scheduled_at: i64,
    /// When it ends or ended, if ever.
    pub finished_at: Option<i64>,
}

/// Counts over the whole life of the instance.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LiongardStats {
    /// Requests and refusals.
    #[serde(flatten)]
    pub traffic: TrafficStats,
    /// Alerts, removed ones excluded.
    pub alerts: usize,
    /// Open alerts among them.
    pub open_alerts: usize,
    /// Requested runs, by launchpoint.
    pub ad_hoc_runs: BTreeMap<i64, usize>,
}

impl Liongard {
    /// The counts so far.
    #[must_use]
    pub fn stats(&self) -> LiongardStats {
        let traffic = self.pipeline.stats();
        let state = self.current_state();
        let there = || state.alerts.values().filter(|alert| !alert.removed);
        let mut ad_hoc_runs = BTreeMap::new();
        for run in state.runs.values().filter(|run| run.ad_hoc) {
            *ad_hoc_runs.entry(run.launchpoint_id).or_default() += 1;
        }
        LiongardStats {
            traffic,
            alerts: there().count(),
            open_alerts: there()
                .filter(|alert| !lookups::is_closed(&alert.status))
                .count(),
            ad_hoc_runs,
        }
    }

    /// Every alert, vanished ones included, by id.
    #[must_use]
    pub fn alerts(&self) -> Vec<AlertView> {
        self.current_state().alerts.values().map(view).collect()
    }

    /// One alert, vanished or not.
    #[must_use]
    pub fn alert(&self, id: i64) -> Option<AlertView> {
        self.current_state().alerts.get(&id).map(view)
    }

    /// Every requested run, by id.
    #[must_use]
    pub fn runs(&self) -> Vec<RunView> {
        let now = self.clock.now_millis();
        let state = self.current_state();
        let asked_for = state.runs.values().filter(|run| run.ad_hoc);
        asked_for
            .map(|run| RunView {
                id: run.id,
                launchpoint_id: run.launchpoint_id,
                ad_hoc: run.ad_hoc,
                status: run.phase(now).word().to_owned(),
                scheduled_at: run.scheduled_at,
                finished_at: run.finished_at(),
            })
            .collect()
    }
}

/// The view of an alert.
fn view(alert: &SimAlert) -> AlertView {
    AlertView {
        id: alert.id,
        environment_id: alert.environment_id,
        launchpoint_id: alert.launchpoint_id,
        rule: alert.rule.clone(),
        description: alert.description.clone(),
        status: alert.status.clone(),
        closed: lookups::is_closed(&alert.status),
        priority: alert.priority.clone(),
        external_id: alert.external_id,
        visible: alert.visible,
        removed: alert.removed,
        condition_cleared: alert.condition_cleared_at.is_some(),
        created_at: alert.created_at,
        updated_at: alert.updated_at,
    }
}

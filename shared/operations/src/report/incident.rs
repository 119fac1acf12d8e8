//! `report incident`: what happened in a time.

use std::collections::BTreeMap;

use halogard_app::Store;
use halogard_app::ports::{LinkFilter, PortError};
use halogard_domain::Timestamp;
use halogard_domain::ids::AlertId;
use serde::Serialize;

use super::seconds_to_ticket;
use crate::moment::Moment;
use crate::scan::for_each_link;

/// Journal entries of one pair that an incident's report reads.
const ENTRIES_MAX: usize = 2_000;

/// The answer of `report incident`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct IncidentReport {
    /// When it was asked.
    pub at: Moment,
    /// The beginning of the time that it is about.
    pub since: Moment,
    /// Its end.
    pub until: Moment,
    /// Alerts that Liongard raised in this time.
    pub raised: usize,
    /// Of them, alerts that have a ticket now.
    pub with_ticket: usize,
    /// The longest that one of them waited for its ticket, in seconds.
    pub longest_seconds_to_ticket: Option<u64>,
    /// What was done in this time, by event.
    pub events: BTreeMap<String, usize>,
    /// The pairs that something happened to, without those that only wait.
    pub alerts: Vec<AlertId>,
}

/// Answers `report incident` at `now`: what happened from `since` until `until`.
///
/// # Errors
///
/// The store cannot be read.
pub async fn incident(
    store: &impl Store,
    since: Timestamp,
    until: Timestamp,
    now: Timestamp,
) -> Result<IncidentReport, PortError> {
    let mut report = IncidentReport {
        at: now.into(),
        since: since.into(),
        until: until.into(),
        raised: 0,
        with_ticket: 0,
        longest_seconds_to_ticket: None,
        events: BTreeMap::new(),
        alerts: Vec::new(),
    };
    let is_meant = |at: Timestamp| since <= at && at < until;
    let mut touched = Vec::new();
    for_each_link(store, LinkFilter::All, |link| {
        let Some(alert) = &link.observed_alert else {
            return;
        };
        if is_meant(alert.raised_at) {
            report.raised += 1;
            report.with_ticket += usize::from(link.ticket.is_some());
            report.longest_seconds_to_ticket = report
                .longest_seconds_to_ticket
                .max(seconds_to_ticket(&link));
        }
        let ticket = link.observed_ticket.as_ref();
        let changed = ticket.is_some_and(|ticket| ticket.changed_at >= since);
        if alert.raised_at < until && (alert.changed_at >= since || changed) {
            touched.push(link.alert);
        }
    })
    .await?;
    for alert in touched {
        let journal = store.journal(alert, ENTRIES_MAX).await?;
        let mut has_event = false;
        for entry in journal.iter().filter(|entry| is_meant(entry.at)) {
            *report.events.entry(entry.event.clone()).or_default() += 1;
            has_event = true;
        }
        if has_event {
            report.alerts.push(alert);
        }
    }
    Ok(report)
}

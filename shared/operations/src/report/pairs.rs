//! `report pairs`: one row for each pair.

use halogard_app::Store;
use halogard_app::ports::{LinkFilter, PortError};
use halogard_domain::ids::{AlertId, EnvironmentId, TicketId};
use halogard_domain::pair_status::pair_status;
use halogard_domain::{Link, Policy, Timestamp};
use serde::Serialize;

use super::seconds_to_ticket;
use super::table::{cell, number, time, written};
use crate::moment::Moment;
use crate::policy::policy_in_force;
use crate::scan::for_each_link;
use crate::waiting::waiting_pair;

/// The answer of `report pairs`: one row for each pair.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct PairReport {
    /// When it was asked.
    pub at: Moment,
    /// The pairs, by alert.
    pub pairs: Vec<PairRow>,
}

/// A pair. Columns are added at the end, and none is ever renamed: programs read them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct PairRow {
    /// The alert.
    pub alert: AlertId,
    /// The environment.
    pub environment: Option<EnvironmentId>,
    /// The customer, as Liongard names it.
    pub customer: String,
    /// The alert's name.
    pub name: String,
    /// The alert's status.
    pub alert_status: String,
    /// The alert's priority.
    pub alert_priority: String,
    /// The ticket.
    pub ticket: Option<TicketId>,
    /// The pair's state, as a stable word.
    pub state: String,
    /// Why it waits, as a stable word.
    pub waits_for: Option<String>,
    /// When Liongard raised the alert.
    pub raised_at: Option<Moment>,
    /// When its ticket was opened, as far as that is known.
    pub opened_at: Option<Moment>,
    /// The seconds between the two.
    pub seconds_to_ticket: Option<u64>,
    /// When the ticket was closed.
    pub closed_at: Option<Moment>,
}

/// Answers `report pairs` at `now`: the pairs of `customer`, by name or environment, or all of them.
///
/// # Errors
///
/// The store cannot be read.
pub async fn pairs(
    store: &impl Store,
    customer: Option<&str>,
    now: Timestamp,
) -> Result<PairReport, PortError> {
    let policy = policy_in_force(store).await?;
    let mut pairs = Vec::new();
    for_each_link(store, LinkFilter::All, |link| {
        let row = row(&link, policy.as_ref(), now);
        let is_meant = customer.is_none_or(|customer| {
            row.customer.eq_ignore_ascii_case(customer.trim())
                || row
                    .environment
                    .is_some_and(|it| it.to_string() == customer.trim())
        });
        if is_meant {
            pairs.push(row);
        }
    })
    .await?;
    Ok(PairReport {
        at: now.into(),
        pairs,
    })
}

impl PairReport {
    /// The rows as CSV with a header, for a spreadsheet: what a cell could take for a formula gets a leading
    /// apostrophe.
    ///
    /// # Errors
    ///
    /// A row cannot be written, which no row is.
    pub fn csv(&self) -> Result<String, csv::Error> {
        let rows = self.pairs.iter().map(|row| {
            [
                row.alert.to_string(),
                number(row.environment.map(EnvironmentId::get)),
                cell(&row.customer),
                cell(&row.name),
                cell(&row.alert_status),
                cell(&row.alert_priority),
                number(row.ticket.map(TicketId::get)),
                row.state.clone(),
                row.waits_for.clone().unwrap_or_default(),
                time(row.raised_at),
                time(row.opened_at),
                number(row.seconds_to_ticket),
                time(row.closed_at),
            ]
        });
        const HEADER: [&str; 13] = [
            "alert",
            "environment",
            "customer",
            "name",
            "alert_status",
            "alert_priority",
            "ticket",
            "state",
            "waits_for",
            "raised_at",
            "opened_at",
            "seconds_to_ticket",
            "closed_at",
        ];
        written(HEADER, rows)
    }
}

/// The row of `link`.
fn row(link: &Link, policy: Option<&Policy>, now: Timestamp) -> PairRow {
    let alert = link.observed_alert.as_ref();
    let word = |value: serde_json::Value| match value {
        serde_json::Value::String(word) => word,
        // `{"parked":"unmapped"}`
        other => other.to_string().replace(['{', '}', '"'], ""),
    };
    let state = policy.map(|policy| pair_status(link, policy, now));
    let waiting = policy.and_then(|policy| waiting_pair(link, policy, now));
    let closure = link.base.as_ref().and_then(|base| base.ticket_closed);
    PairRow {
        alert: link.alert,
        environment: alert.map(|alert| alert.environment),
        customer: alert
            .map(|it| it.environment_name.clone())
            .unwrap_or_default(),
        name: alert.map(|it| it.name.clone()).unwrap_or_default(),
        alert_status: alert.map(|it| it.status.to_string()).unwrap_or_default(),
        alert_priority: alert.map(|it| it.priority.to_string()).unwrap_or_default(),
        ticket: link.ticket,
        state: word(serde_json::to_value(state).unwrap_or_default()),
        waits_for: waiting.map(|it| word(serde_json::to_value(it.cause).unwrap_or_default())),
        raised_at: alert.map(|it| it.raised_at.into()),
        opened_at: link.initial.as_ref().map(|it| it.at.into()),
        seconds_to_ticket: seconds_to_ticket(link),
        closed_at: closure.map(|it| it.at.into()),
    }
}

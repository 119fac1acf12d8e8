//! `report lag`: how long changes took to reach the other side.

use halogard_app::Store;
use halogard_app::ports::{LinkFilter, PortError};
use halogard_domain::Timestamp;
use halogard_domain::ids::{AlertId, TicketId};
use serde::Serialize;

use super::table::{cell, number, time, written};
use crate::lag::{ChangeWay, LagSamples, LagStatus, reached_changes};
use crate::moment::Moment;
use crate::scan::for_each_link;

/// The answer of `report lag`: how long changes took to reach the other side.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct LagReport {
    /// When it was asked.
    pub at: Moment,
    /// Changes made since then are meant.
    pub since: Moment,
    /// The summary of each way.
    pub ways: Vec<LagStatus>,
    /// The changes, the slowest first.
    pub changes: Vec<LagRow>,
}

/// A change that reached the other side.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct LagRow {
    /// Which way it took.
    pub way: ChangeWay,
    /// The customer, as Liongard names it.
    pub customer: String,
    /// The alert.
    pub alert: AlertId,
    /// The ticket.
    pub ticket: Option<TicketId>,
    /// When the change was made.
    pub made_at: Moment,
    /// When it reached the other side.
    pub reached_at: Moment,
    /// The seconds between the two.
    pub seconds: u64,
}

/// Answers `report lag` at `now`: how long changes made since `since` took to reach the other side.
///
/// # Errors
///
/// The store cannot be read.
pub async fn lag(
    store: &impl Store,
    since: Timestamp,
    now: Timestamp,
) -> Result<LagReport, PortError> {
    let (mut changes, mut samples) = (Vec::new(), LagSamples::default());
    for_each_link(store, LinkFilter::All, |link| {
        let alert = link.observed_alert.as_ref();
        let customer = alert.map(|alert| alert.environment_name.clone());
        for change in reached_changes(&link).filter(|it| it.made_at >= since) {
            samples.add_change(&change);
            changes.push(LagRow {
                way: change.way,
                customer: customer.clone().unwrap_or_default(),
                alert: link.alert,
                ticket: link.ticket,
                made_at: change.made_at.into(),
                reached_at: change.reached_at.into(),
                seconds: change.reached_at.since(change.made_at).as_secs(),
            });
        }
    })
    .await?;
    changes.sort_by_key(|row| std::cmp::Reverse(row.seconds));
    Ok(LagReport {
        at: now.into(),
        since: since.into(),
        ways: samples.summary(),
        changes,
    })
}

impl LagReport {
    /// The changes as CSV with a header.
    ///
    /// # Errors
    ///
    /// A row cannot be written, which no row is.
    pub fn csv(&self) -> Result<String, csv::Error> {
        let rows = self.changes.iter().map(|row| {
            [
                row.way.words().to_owned(),
                cell(&row.customer),
                row.alert.to_string(),
                number(row.ticket.map(TicketId::get)),
                time(Some(row.made_at)),
                time(Some(row.reached_at)),
                row.seconds.to_string(),
            ]
        });
        const HEADER: [&str; 7] = [
            "way",
            "customer",
            "alert",
            "ticket",
            "made_at",
            "reached_at",
            "seconds",
        ];
        written(HEADER, rows)
    }
}

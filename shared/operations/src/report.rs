//! `report`: the pairs, their lags, an incident, as tables for people and programs.

mod health;
mod incident;
mod lag;
mod pairs;
mod table;

use halogard_domain::Link;
pub use health::{CustomerShare, HealthReport, PeriodEvents, health};
pub use incident::{IncidentReport, incident};
pub use lag::{LagReport, LagRow, lag};
pub use pairs::{PairReport, PairRow, pairs};

/// The seconds from the alert to its first ticket, as far as the opening was seen.
fn seconds_to_ticket(link: &Link) -> Option<u64> {
    let (alert, initial) = (link.observed_alert.as_ref()?, link.initial.as_ref()?);
    (link.recurrence == 1).then(|| initial.at.since(alert.raised_at).as_secs())
}

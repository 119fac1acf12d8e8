//! Alerts with their tickets, read from both simulated vendors rather than from our own store.

use std::collections::HashMap;

use halogard_domain::LinkKey;
use halogard_simulator::halopsa::TicketView;
use halogard_simulator::liongard::AlertView;

use super::script::Script;
use super::vendors::SimulatedVendors;

/// An alert of the script and every ticket for it that exists.
pub struct DemoPair {
    /// The alert.
    pub alert: AlertView,
    /// Its tickets, the oldest first.
    pub tickets: Vec<TicketView>,
}

/// Every alert that the script has raised, with its tickets.
pub fn pairs(vendors: &SimulatedVendors, script: &Script) -> Vec<DemoPair> {
    let mut by_id = HashMap::new();
    let mut by_key: HashMap<i64, Vec<i64>> = HashMap::new();
    for ticket in vendors.halo.tickets() {
        if ticket.deleted {
            continue;
        }
        let key = LinkKey::find_in(&ticket.summary, LinkKey::DEFAULT_PREFIX);
        if let Some(alert) = key.and_then(|key| i64::try_from(key.alert.get()).ok()) {
            by_key.entry(alert).or_default().push(ticket.id);
        }
        by_id.insert(ticket.id, ticket);
    }
    let pair = |alert: AlertView| {
        let mut ids = by_key.get(&alert.id).cloned().unwrap_or_default();
        ids.extend(alert.external_id);
        ids.sort_unstable();
        ids.dedup();
        let tickets = ids.iter().filter_map(|id| by_id.get(id).cloned());
        DemoPair {
            tickets: tickets.collect(),
            alert,
        }
    };
    let alerts = vendors.liongard.alerts().into_iter();
    let raised = alerts.filter(|alert| script.position(alert.id).is_some());
    raised.map(pair).collect()
}

/// Every ticket of `alert` among `tickets`.
pub fn tickets_of(alert: &AlertView, tickets: &[TicketView]) -> Vec<TicketView> {
    let belongs = |ticket: &&TicketView| {
        let has_key = LinkKey::find_in(&ticket.summary, LinkKey::DEFAULT_PREFIX)
            .is_some_and(|key| i64::try_from(key.alert.get()) == Ok(alert.id));
        !ticket.deleted && (has_key || alert.external_id == Some(ticket.id))
    };
    tickets.iter().filter(belongs).cloned().collect()
}

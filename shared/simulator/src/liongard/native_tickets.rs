//! Liongard's own ticketing: a ticket per alert, made and closed without us.

use crate::halopsa::IntegrationTicket;
use crate::world::status_ids;

use super::state::LiongardState;

/// How HaloPSA names the application Liongard's own ticketing uses.
pub(super) const APPLICATION: &str = "Liongard";

impl LiongardState {
    /// Logs the ticket of a new alert, where native ticketing is on and the customer is mapped.
    pub(super) fn log_native_ticket(&mut self, alert_id: i64) {
        let (Some(native), Some(halo)) = (self.settings.native_ticketing, self.halo.clone()) else {
            return;
        };
        let Some(alert) = self.alerts.get(&alert_id) else {
            return;
        };
        let Some(client_id) = self.world.client_of.get(&alert.environment_id) else {
            return;
        };
        let alias = self
            .inspector(alert.inspector_id)
            .map_or("", |inspector| inspector.alias.as_str());
        let ticket_id = halo.log_integration_ticket(IntegrationTicket {
            application: APPLICATION.to_owned(),
            agent_id: native.agent_id,
            client_id: *client_id,
            tickettype_id: native.tickettype_id,
            summary: format!("Liongard | {alias} | {}", alert.rule),
            details: alert.description.clone(),
        });
        if let Some(alert) = self.alerts.get_mut(&alert_id) {
            alert.external_id = Some(ticket_id);
        }
    }

    /// Closes or reopens an alert's ticket, where native ticketing is on and in step.
    pub(super) fn sync_native_ticket(&mut self, alert_id: i64, closed: bool) {
        let (Some(native), Some(halo)) = (self.settings.native_ticketing, self.halo.clone()) else {
            return;
        };
        let ticket = self
            .alerts
            .get(&alert_id)
            .and_then(|alert| alert.external_id);
        let Some(ticket_id) = ticket.filter(|_| !native.drifts) else {
            return;
        };
        let status = if closed {
            status_ids::CLOSED
        } else {
            status_ids::IN_PROGRESS
        };
        halo.set_integration_status(ticket_id, status, APPLICATION, native.agent_id);
    }
}

//! Whether both sides agree, judged from what the simulated vendors hold, not from our own store.

use halogard_simulator::halopsa::TicketView;
use halogard_simulator::liongard::AlertView;

use super::pairs::DemoPair;
use crate::output;

/// How many pairs are in which state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DemoVerdict {
    /// Alerts raised.
    pub alerts: usize,
    /// Tickets that exist for them.
    pub tickets: usize,
    /// Tickets beyond the first of an alert.
    pub duplicates: usize,
    /// Open alerts without a ticket.
    pub lost: usize,
    /// Alerts that were closed before they needed a ticket, and have none.
    pub closed_without_ticket: usize,
    /// Pairs that agree, or differ as the policy says.
    pub in_step: usize,
    /// Pairs that should not differ and do.
    pub out_of_step: usize,
    /// Of those in step: the ticket stays open because a technician has worked on it.
    pub left_to_technician: usize,
    /// Of those in step: closed in HaloPSA, and Liongard still finds the condition.
    pub resolved_in_psa_only: usize,
}

impl DemoVerdict {
    /// Whether nothing is lost, doubled or out of step.
    pub const fn is_good(&self) -> bool {
        self.lost == 0 && self.duplicates == 0 && self.out_of_step == 0
    }
}

/// The state of one pair.
enum PairState {
    InStep,
    LeftToTechnician,
    ResolvedInPsaOnly,
    OutOfStep,
}

impl DemoVerdict {
    /// The verdict on all `pairs`.
    pub fn of(pairs: &[DemoPair]) -> Self {
        let mut verdict = Self::default();
        for pair in pairs {
            verdict.add(pair);
        }
        verdict
    }

    fn add(&mut self, pair: &DemoPair) {
        self.alerts += 1;
        self.tickets += pair.tickets.len();
        self.duplicates += pair.tickets.len().saturating_sub(1);
        let Some(ticket) = pair.tickets.first() else {
            // Closed before a poll or webhook reported it: it needs no ticket.
            if pair.alert.closed {
                self.in_step += 1;
                self.closed_without_ticket += 1;
            } else {
                self.lost += 1;
            }
            return;
        };
        match state_of(&pair.alert, ticket) {
            PairState::InStep => self.in_step += 1,
            PairState::LeftToTechnician => {
                self.in_step += 1;
                self.left_to_technician += 1;
            }
            PairState::ResolvedInPsaOnly => {
                self.in_step += 1;
                self.resolved_in_psa_only += 1;
            }
            PairState::OutOfStep => self.out_of_step += 1,
        }
    }
}

/// The state of one pair.
fn state_of(alert: &AlertView, ticket: &TicketView) -> PairState {
    match (alert.closed, ticket.closed) {
        (true, true) | (false, false) => PairState::InStep,
        (true, false) if touched(ticket) => PairState::LeftToTechnician,
        // Liongard's own ticketing knows the ticket, so its inspector must have closed the alert; a
        // condition that is gone must have been noticed.
        (false, true)
            if alert.external_id.is_none() && !alert.condition_cleared && touched(ticket) =>
        {
            PairState::ResolvedInPsaOnly
        }
        _ => PairState::OutOfStep,
    }
}

/// Whether a person has worked on the ticket.
fn touched(ticket: &TicketView) -> bool {
    ticket
        .actions
        .iter()
        .any(|action| action.application.is_empty())
}

/// Prints some of the pairs that are not as they should be.
pub fn explain(pairs: &[DemoPair]) {
    let is_wrong = |pair: &&DemoPair| match pair.tickets.as_slice() {
        [] => !pair.alert.closed,
        [ticket] => matches!(state_of(&pair.alert, ticket), PairState::OutOfStep),
        _ => true,
    };
    for pair in pairs.iter().filter(is_wrong).take(5) {
        let described = pair.tickets.iter().map(|ticket| {
            let state = if ticket.closed { "closed" } else { "open" };
            format!("{} ({state})", ticket.id)
        });
        let described: Vec<String> = described.collect();
        output::remark(&format!(
            "  alert {} is {:?}; its tickets: {}",
            pair.alert.id,
            pair.alert.status,
            if described.is_empty() {
                "none".to_owned()
            } else {
                described.join(", ")
            }
        ));
    }
}

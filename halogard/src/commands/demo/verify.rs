//! Whether both sides agree, judged from what the simulated vendors hold, not from our own store.

use halogard_simulator::halopsa::TicketView;
use halogard_simulator::liongard::AlertView;

use crate::commands::demo::script::{Script, tickets_of};
use crate::commands::demo::vendors::SimulatedVendors;
use crate::output;

/// How the pairs stand.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Verdict {
    /// Alerts raised.
    pub alerts: usize,
    /// Tickets that exist for them.
    pub tickets: usize,
    /// Tickets beyond the first of an alert.
    pub duplicates: usize,
    /// Alerts without a ticket.
    pub lost: usize,
    /// Pairs that tell the same script, or differ as policy has it.
    pub in_step: usize,
    /// Pairs that should not differ and do.
    pub out_of_step: usize,
    /// Of those in step: the ticket stays open because a technician has worked on it.
    pub left_to_technician: usize,
    /// Of those in step: closed in HaloPSA, and Liongard still finds the condition.
    pub resolved_in_psa_only: usize,
}

impl Verdict {
    /// Whether nothing is lost, doubled or out of step.
    pub const fn is_good(&self) -> bool {
        self.lost == 0 && self.duplicates == 0 && self.out_of_step == 0
    }
}

/// How one pair stands.
enum PairState {
    InStep,
    LeftToTechnician,
    ResolvedInPsaOnly,
    OutOfStep,
}

/// Judges every alert of the script.
pub fn verdict(vendors: &SimulatedVendors, script: &Script) -> Verdict {
    let tickets = vendors.halo.tickets();
    let mut verdict = Verdict::default();
    for alert in vendors
        .liongard
        .alerts()
        .iter()
        .filter(|alert| script.raised.contains(&alert.id))
    {
        verdict.alerts += 1;
        let own = tickets_of(alert, &tickets);
        verdict.tickets += own.len();
        verdict.duplicates += own.len().saturating_sub(1);
        let Some(ticket) = own.first() else {
            // Over before it was heard of: nobody needs a ticket for it.
            if alert.closed {
                verdict.in_step += 1
            } else {
                verdict.lost += 1
            }
            continue;
        };
        match judge(alert, ticket) {
            PairState::InStep => verdict.in_step += 1,
            PairState::LeftToTechnician => {
                verdict.in_step += 1;
                verdict.left_to_technician += 1;
            }
            PairState::ResolvedInPsaOnly => {
                verdict.in_step += 1;
                verdict.resolved_in_psa_only += 1;
            }
            PairState::OutOfStep => verdict.out_of_step += 1,
        }
    }
    verdict
}

/// Judges one pair.
fn judge(alert: &AlertView, ticket: &TicketView) -> PairState {
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

/// Says which pairs are not as they should be, a few of them.
pub fn explain(vendors: &SimulatedVendors, script: &Script) {
    let tickets = vendors.halo.tickets();
    let bad = vendors
        .liongard
        .alerts()
        .into_iter()
        .filter(|alert| script.raised.contains(&alert.id));
    let bad = bad.filter_map(|alert| {
        let own = tickets_of(&alert, &tickets);
        let fine = match own.as_slice() {
            [] => alert.closed,
            [one] => !matches!(judge(&alert, one), PairState::OutOfStep),
            _ => false,
        };
        (!fine).then_some((alert, own))
    });
    for (alert, own) in bad.take(5) {
        let tickets: Vec<String> = own
            .iter()
            .map(|ticket| {
                format!(
                    "{} ({})",
                    ticket.id,
                    if ticket.closed { "closed" } else { "open" }
                )
            })
            .collect();
        output::remark(&format!(
            "  alert {} is {:?}; its tickets: {}",
            alert.id,
            alert.status,
            if tickets.is_empty() {
                "none".to_owned()
            } else {
                tickets.join(", ")
            }
        ));
    }
}

//! What this process remembers of tickets between two sweeps.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use halogard_domain::Timestamp;
use halogard_domain::ids::TicketId;

/// Tickets that are remembered before all are forgotten.
const SEEN_MAX: usize = 10_000;

/// Tickets that this process has processed, each with the time of its last change: with the same time they need no
/// second check.
#[derive(Default)]
pub(crate) struct SeenTickets(Mutex<BTreeMap<TicketId, Timestamp>>);

impl SeenTickets {
    /// Remembers the ticket as it was when it last changed; whether that is new.
    pub(crate) fn is_new(&self, ticket: TicketId, changed_at: Timestamp) -> bool {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= SEEN_MAX {
            known.clear();
        }
        known.insert(ticket, changed_at) != Some(changed_at)
    }

    /// Whether the ticket was seen in this state.
    pub(crate) fn knows(&self, ticket: TicketId, changed_at: Timestamp) -> bool {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.get(&ticket) == Some(&changed_at)
    }
}

//! Reading a ticket, which HaloPSA may no longer have.

use halogard_domain::ids::TicketId;
use halogard_domain::missing::{MISSING_MAX, Missing, MissingTickets};
use halogard_domain::record::Singleton;
use halogard_domain::ticket::Existence;
use tracing::warn;

use crate::env::Env;
use crate::outcome::Action;
use crate::ports::prelude::*;
use crate::reconcile::{PairSession, ReconcileError};
use crate::reconciler::Reconciler;

impl<E: Env> Reconciler<E> {
    /// Reads the ticket's current state; returns whether HaloPSA has the ticket. Only the second reading
    /// that says it has not, minutes after the first, makes it a deleted one.
    pub(in crate::reconcile) async fn read_ticket(
        &self,
        session: &mut PairSession<'_>,
        id: TicketId,
    ) -> Result<bool, ReconcileError> {
        if let Some(ticket) = self.desk.read(id).await? {
            if session.link.is_ticket_deleted() {
                // What a clock stamped on the ticket before says nothing against what is there now.
                session.link.observed_ticket = None;
            }
            session.link.observe_current_ticket(ticket);
            session.link.missing = None;
            return Ok(true);
        }
        let now = self.clock.now();
        if session.link.is_ticket_deleted() {
            if let Some(seen) = &mut session.link.observed_ticket {
                seen.observed_at = now;
            }
            return Ok(false);
        }
        let missing_at_once = self.note_missing(id).await?;
        let Some(missing) = session.link.missing else {
            let is_closed = session.link.is_alert_closed();
            session.link.missing = Some(Missing::since(now, is_closed));
            session.record(now, Action::TicketMissing, None);
            return Ok(false);
        };
        // While many are missing, a list says more than a ticket that cannot be read: HaloPSA itself marks
        // deleted ones.
        let is_due = missing.is_due(now);
        let is_marked =
            is_due && missing_at_once > MISSING_MAX && self.desk.is_marked_deleted(id).await?;
        if !is_marked && !missing.is_proven(now, missing_at_once) {
            if missing_at_once > MISSING_MAX {
                warn!(
                    alert_id = session.link.alert.get(),
                    ticket_id = id.get(),
                    missing = missing_at_once,
                    "many tickets are missing at once; this is taken for an outage, so none counts as deleted \
                     that HaloPSA does not list as deleted"
                );
            }
            session.link.missing = Some(missing.read_again(now));
            return Ok(false);
        }
        if let Some(seen) = &mut session.link.observed_ticket {
            seen.existence = Existence::Deleted;
            seen.observed_at = now;
        } else {
            session.link.terminal_reason = Some(session.link.reason_of_deletion());
            session.link.missing = None;
            session.record(now, Action::TicketDeleted, None);
        }
        Ok(false)
    }

    /// Notes that `ticket` is missing; returns how many tickets are at this time.
    async fn note_missing(&self, ticket: TicketId) -> Result<usize, ReconcileError> {
        let now = self.clock.now();
        let update = self
            .store
            .update_record(&Singleton, |it: &mut MissingTickets| it.note(ticket, now));
        Ok(update.await?)
    }
}

//! Alerts that share a ticket because people merged tickets: each knows of the others.

use std::collections::BTreeSet;
use std::time::Duration;

use halogard_domain::co_owners::CoOwners;
use halogard_domain::ids::{AlertId, TicketId};
use halogard_domain::message::{Cause, Message};
use halogard_domain::{Link, Ticket};

use crate::env::Env;
use crate::outcome::Action;
use crate::ports::prelude::*;
use crate::ports::{Lane, Outgoing, PortError};
use crate::reconcile::PairSession;
use crate::reconciler::Reconciler;

/// The others are reconciled this long after the alert: by then its change is stored.
const OTHERS_RECONCILED_AFTER: Duration = Duration::from_secs(10);

impl<E: Env> Reconciler<E> {
    /// Updates what the link knows of the alerts that share its ticket.
    pub(in crate::reconcile) async fn refresh_co_owners(
        &self,
        session: &mut PairSession<'_>,
    ) -> Result<(), PortError> {
        let Some(ticket) = session.link.ticket else {
            session.link.co_owners = None;
            return Ok(());
        };
        let owners = self.store.owners(ticket).await?;
        self.share_with(&owners, session).await
    }

    /// The same, where the owners of the ticket are known.
    pub(in crate::reconcile) async fn share_with(
        &self,
        owners: &BTreeSet<AlertId>,
        session: &mut PairSession<'_>,
    ) -> Result<(), PortError> {
        let mut links = Vec::new();
        for owner in owners {
            if *owner != session.link.alert
                && let Some(stored) = self.store.load(*owner).await?
            {
                links.push(stored.value);
            }
        }
        session.link.co_owners = CoOwners::of(&session.link, &links);
        Ok(())
    }

    /// Enqueues the alerts that shared the ticket or share it now, if what they need to know of this
    /// one differs from what is stored. Enqueued before the save: a redundant reconciliation does no
    /// harm, a missing one would leave a ticket open permanently.
    pub(in crate::reconcile) async fn enqueue_sharing(
        &self,
        session: &PairSession<'_>,
    ) -> Result<(), PortError> {
        let before = session.stored.as_ref();
        if before.map(part_of) == Some(part_of(&session.link)) {
            return Ok(());
        }
        let co_owners = before
            .into_iter()
            .chain([&session.link])
            .filter_map(|link| link.co_owners.as_ref());
        let others: BTreeSet<AlertId> = co_owners.flat_map(CoOwners::alerts).collect();
        if others.is_empty() {
            return Ok(());
        }
        let not_before = Some(self.clock.now().plus(OTHERS_RECONCILED_AFTER));
        let messages: Vec<Outgoing> = others
            .into_iter()
            .map(|alert| Outgoing {
                message: Message::reconcile_alert(alert, Cause::SharedTicket),
                not_before,
            })
            .collect();
        self.store.send(Lane::Urgent, &messages).await
    }

    /// Goes back to `ticket` if it was merged into the current one and no longer is. A report may be
    /// older than the merge, and rows of lists need not say that a ticket was merged, so it is read.
    pub(in crate::reconcile) async fn undo_merge(
        &self,
        ticket: TicketId,
        session: &mut PairSession<'_>,
    ) -> Result<bool, PortError> {
        if !session.link.merged_tickets.contains(&ticket) {
            return Ok(false);
        }
        let read = self.desk.read(ticket).await?;
        let Some(present) = read.filter(Ticket::is_present) else {
            return Ok(false);
        };
        session.link.undo_merge(ticket);
        session.link.observe_ticket(present);
        self.refresh_co_owners(session).await?;
        session.record(self.clock.now(), Action::MergeUndone, None);
        Ok(true)
    }
}

/// What the alerts that share a ticket need to know of each other: which ticket it has, whether that
/// was its own, and whether its cause is resolved.
fn part_of(link: &Link) -> (Option<TicketId>, bool, bool) {
    let is_own = link.merged_tickets.is_empty();
    (link.ticket, is_own, link.has_open_cause())
}

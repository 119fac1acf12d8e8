//! Looking for open tickets: one that was deleted is in no list of changes, and its webhook may be lost.

use std::collections::BTreeSet;

use halogard_domain::Timestamp;
use halogard_domain::ids::TicketId;
use halogard_domain::message::{Cause, Message};
use halogard_domain::missing::ExistenceCheck;
use halogard_domain::vendor::Vendor;
use tracing::debug;

use crate::env::Env;
use crate::ports::prelude::*;
use crate::ports::{Lane, Outgoing, PortError, keys};
use crate::reconciler::Reconciler;
use crate::value_set::ValueSet;

impl<E: Env> Reconciler<E> {
    /// Which open tickets are to be looked for.
    pub(super) fn existence_check(&self, values: &ValueSet) -> ExistenceCheck {
        let done_until = values.get(keys::TICKETS_LOOKED_FOR_UNTIL);
        ExistenceCheck::due(done_until.map(Timestamp::from_millis), self.clock.now())
    }

    /// Queues those of `tickets` that no list shows, so that each is read. What cannot be asked now is asked in
    /// the next hour.
    pub(super) async fn look_for_tickets(
        &self,
        tickets: &BTreeSet<TicketId>,
        check: ExistenceCheck,
        values: &mut ValueSet,
    ) -> Result<(), PortError> {
        if !tickets.is_empty() && self.is_paused(Vendor::HaloPsa).await? {
            return Ok(());
        }
        let ids: Vec<TicketId> = tickets.iter().copied().collect();
        for ids in ids.chunks(E::Desk::LISTED_MAX) {
            let ids = ids.iter().copied().collect();
            let listed: BTreeSet<TicketId> = match self.desk.listed(&ids).await {
                Ok(listed) => listed.into_iter().map(|row| row.id).collect(),
                Err(error) => {
                    debug!(%error, "open tickets could not be looked for");
                    return Ok(());
                }
            };
            let unseen: Vec<Outgoing> = ids
                .difference(&listed)
                .map(|id| Message::reconcile_ticket(*id, Cause::Sweep).into())
                .collect();
            if !unseen.is_empty() {
                self.store.send(Lane::Bulk, &unseen).await?;
            }
        }
        values.set(
            keys::TICKETS_LOOKED_FOR_UNTIL,
            check.done_until().as_millis(),
        );
        Ok(())
    }

    /// Since when HaloPSA can be asked, as far as that is known; `None` while it gives no useful answer.
    pub(super) async fn desk_answers_since(&self) -> Result<Option<Timestamp>, PortError> {
        let contacts = self.contacts.load(&self.store).await?;
        let contact = contacts.value.of(Vendor::HaloPsa);
        let was_asked = contact.since.is_some();
        Ok((contact.answers || !was_asked).then(|| contact.since.unwrap_or_default()))
    }
}

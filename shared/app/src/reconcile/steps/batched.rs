//! Sending writes out, together with those of the looks in company.

use std::time::Duration;

use halogard_domain::ids::NoteId;
use halogard_domain::link::CLAIM_TTL;
use halogard_domain::storm::Membership;
use halogard_domain::ticket::{NewNote, NewTicket, TicketChange};
use halogard_domain::{Alert, Ticket};
use tracing::warn;

use crate::env::Env;
use crate::ports::prelude::*;
use crate::ports::{LeaseOutcome, PortError};
use crate::reconcile::write_batcher::{Batch, OpenOutcome, WriteBatcher, deliver, unanswered};
use crate::reconciler::Reconciler;

/// The right to open tickets. HaloPSA hands one number to two tickets that are opened at the same
/// moment, so one worker at a time opens tickets.
const OPENING_LEASE: &str = "opening";

/// How long whoever finds another worker opening tickets stays away at the most.
const OPENING_PAUSE: Duration = Duration::from_secs(2);

impl<E: Env> Reconciler<E> {
    /// Gives `alert` its place in the storms, in company.
    pub(super) async fn resolve_membership_batched(
        &self,
        alert: Alert,
        batcher: &WriteBatcher,
    ) -> Result<Membership, PortError> {
        let (answer, due) = batcher.submit(alert, |due| &mut due.memberships);
        self.send_batch(due).await;
        answer.await.unwrap_or_else(|_| Err(unanswered()))
    }

    /// Opens `ticket`, in company.
    pub(super) async fn open_batched(
        &self,
        ticket: NewTicket,
        batcher: &WriteBatcher,
    ) -> Result<OpenOutcome, PortError> {
        let (answer, due) = batcher.submit(ticket, |due| &mut due.opens);
        self.send_batch(due).await;
        answer.await.unwrap_or_else(|_| Err(unanswered()))
    }

    /// Makes `change`, in company.
    pub(super) async fn change_batched(
        &self,
        change: TicketChange,
        batcher: &WriteBatcher,
    ) -> Result<Ticket, PortError> {
        let (answer, due) = batcher.submit(change, |due| &mut due.changes);
        self.send_batch(due).await;
        answer.await.unwrap_or_else(|_| Err(unanswered()))
    }

    /// Adds `note`, in company.
    pub(super) async fn add_note_batched(
        &self,
        note: NewNote,
        batcher: &WriteBatcher,
    ) -> Result<NoteId, PortError> {
        let (answer, due) = batcher.submit(note, |due| &mut due.notes);
        self.send_batch(due).await;
        answer.await.unwrap_or_else(|_| Err(unanswered()))
    }

    /// A look is over: its company waits for it no longer.
    pub(crate) async fn finish_batched(&self, batcher: &WriteBatcher) {
        self.send_batch(batcher.finish()).await;
    }

    /// Sends out what is due, one array for each kind.
    async fn send_batch(&self, due: Batch) {
        if !due.memberships.is_empty() {
            let alerts: Vec<_> = due.memberships.iter().map(|it| it.asked.clone()).collect();
            deliver(due.memberships, self.resolve_memberships(&alerts).await);
        }
        if !due.changes.is_empty() {
            let changes: Vec<_> = due.changes.iter().map(|it| it.asked.clone()).collect();
            deliver(due.changes, self.desk.change(&changes).await);
        }
        if !due.notes.is_empty() {
            let notes: Vec<_> = due.notes.iter().map(|it| it.asked.clone()).collect();
            deliver(due.notes, self.desk.add_notes(&notes).await);
        }
        if !due.opens.is_empty() {
            let tickets: Vec<_> = due.opens.iter().map(|it| it.asked.clone()).collect();
            deliver(due.opens, self.open_under_lease(&tickets).await);
        }
    }

    /// Opens tickets, alone among all workers. Whoever finds another at it comes back a little later.
    async fn open_under_lease(&self, tickets: &[NewTicket]) -> Vec<Result<OpenOutcome, PortError>> {
        let now = self.clock.now();
        let until = now.plus(CLAIM_TTL);
        match self
            .store
            .acquire_lease(OPENING_LEASE, &self.worker, until)
            .await
        {
            Ok(LeaseOutcome::Acquired) => {}
            Ok(LeaseOutcome::HeldByOther { until }) => {
                let until = until.min(now.plus(OPENING_PAUSE));
                return tickets
                    .iter()
                    .map(|_| Ok(OpenOutcome::LeaseHeld(until)))
                    .collect();
            }
            Err(error) => return tickets.iter().map(|_| Err(error.clone())).collect(),
        }
        let opened = self.desk.open(tickets).await;
        if let Err(error) = self.store.release_lease(OPENING_LEASE, &self.worker).await {
            // It runs out by itself; others wait until then.
            warn!(error_type = error.error_type, "a right was not given back");
        }
        let here = |opened: Result<Ticket, PortError>| opened.map(OpenOutcome::Opened);
        opened.into_iter().map(here).collect()
    }
}

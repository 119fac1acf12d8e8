//! Submitting writes to the batcher, and sending a batch.

use std::collections::BTreeSet;
use std::time::Duration;

use halogard_domain::ids::TicketId;
use halogard_domain::link::CLAIM_TTL;
use halogard_domain::ticket::{NewTicket, TicketChange};
use tracing::warn;

use crate::env::Env;
use crate::ports::prelude::*;
use crate::ports::{LeaseOutcome, PortError};
use crate::reconcile::write_batcher::{
    AssignGroup, Batch, BatchedWrite, OpenOutcome, PendingWrite, WriteBatcher, deliver, unanswered,
};
use crate::reconciler::Reconciler;

/// The lease for opening tickets. HaloPSA gives the same number to two tickets that are opened at the
/// same moment, so one worker at a time opens tickets.
const OPENING_LEASE: &str = "opening";

/// The longest pause of a worker that finds the lease held by another.
const OPENING_PAUSE: Duration = Duration::from_secs(2);

impl<E: Env> Reconciler<E> {
    /// Submits a write and waits until it was sent, in one array with those of the other
    /// reconciliations.
    pub(super) async fn submit<W: BatchedWrite>(
        &self,
        write: W,
        batcher: &WriteBatcher,
    ) -> Result<W::Answer, PortError> {
        let (answer, complete) = batcher.submit(write);
        self.flush(complete).await;
        answer.await.unwrap_or_else(|_| Err(unanswered()))
    }

    /// A reconciliation has finished: the others no longer wait for it.
    pub(crate) async fn finish(&self, batcher: &WriteBatcher) {
        self.flush(batcher.finish()).await;
    }

    /// Sends a batch, one array for each kind, and delivers the answers.
    async fn flush(&self, batch: Batch) {
        if !batch.assignments.is_empty() {
            let alerts: Vec<_> = writes(&batch.assignments)
                .map(|AssignGroup(alert)| alert)
                .collect();
            deliver(batch.assignments, self.assign_groups(&alerts).await);
        }
        if !batch.sweeps.is_empty() {
            let count = batch.sweeps.len();
            let swept = self.sweep_for_activity(count).await;
            deliver(batch.sweeps, vec![swept; count]);
        }
        for round in one_of_each_ticket(batch.changes) {
            let changes: Vec<_> = writes(&round).collect();
            deliver(round, self.desk.change(&changes).await);
        }
        if !batch.notes.is_empty() {
            let notes: Vec<_> = writes(&batch.notes).collect();
            deliver(batch.notes, self.desk.add_notes(&notes).await);
        }
        if !batch.opens.is_empty() {
            let tickets: Vec<_> = writes(&batch.opens).collect();
            deliver(batch.opens, self.open_under_lease(&tickets).await);
        }
    }

    /// Opens tickets while holding the lease; a worker that does not get it retries a little later.
    async fn open_under_lease(&self, tickets: &[NewTicket]) -> Vec<Result<OpenOutcome, PortError>> {
        let now = self.clock.now();
        let until = now.plus(CLAIM_TTL);
        let lease = self.store.acquire_lease(OPENING_LEASE, &self.worker, until);
        match lease.await {
            Ok(LeaseOutcome::Acquired) => {}
            Ok(LeaseOutcome::HeldByOther { until }) => {
                let retry_at = until.min(now.plus(OPENING_PAUSE));
                let held = |_| Ok(OpenOutcome::LeaseHeld(retry_at));
                return tickets.iter().map(held).collect();
            }
            Err(error) => return tickets.iter().map(|_| Err(error.clone())).collect(),
        }
        let opened = self.desk.open(tickets).await;
        if let Err(error) = self.store.release_lease(OPENING_LEASE, &self.worker).await {
            // It expires by itself; other workers wait until then.
            warn!(error_type = error.code.as_str(), "lease not released");
        }
        let opened = opened.into_iter();
        opened.map(|it| it.map(OpenOutcome::Opened)).collect()
    }
}

/// The changes in rounds, no two of a round about one ticket: alerts that share a ticket may change it
/// at the same time, and the answers of an array are matched by ticket.
fn one_of_each_ticket(
    changes: Vec<PendingWrite<TicketChange>>,
) -> Vec<Vec<PendingWrite<TicketChange>>> {
    let mut rounds: Vec<(BTreeSet<TicketId>, Vec<PendingWrite<TicketChange>>)> = Vec::new();
    for change in changes {
        let ticket = change.write.id;
        let free = rounds
            .iter_mut()
            .find(|(taken, _)| !taken.contains(&ticket));
        match free {
            Some((taken, round)) => {
                taken.insert(ticket);
                round.push(change);
            }
            None => rounds.push((BTreeSet::from([ticket]), vec![change])),
        }
    }
    rounds.into_iter().map(|(_, round)| round).collect()
}

/// What the pending writes are, without the channels for their answers.
fn writes<W: BatchedWrite + Clone>(pending: &[PendingWrite<W>]) -> impl Iterator<Item = W> {
    pending.iter().map(|pending| pending.write.clone())
}

//! Submitting writes to the batcher, and sending a batch.

use std::collections::BTreeSet;

use halogard_domain::ids::TicketId;
use halogard_domain::link::WRITE_AGE_MAX;
use halogard_domain::ticket::TicketChange;

use crate::env::Env;
use crate::ports::PortError;
use crate::ports::prelude::*;
use crate::reconcile::write_batcher::{
    AssignGroup, Batch, BatchedWrite, PendingWrite, WriteBatcher, deliver, unanswered,
};
use crate::reconciler::Reconciler;

impl<E: Env> Reconciler<E> {
    /// Submits a write and waits until it was sent, in one array with those of the other
    /// reconciliations.
    pub(super) async fn submit<W: BatchedWrite>(
        &self,
        write: W,
        batcher: &WriteBatcher,
    ) -> Result<W::Answer, PortError> {
        let (answer, complete) = batcher.submit(write);
        self.send_batch(complete).await;
        answer.await.unwrap_or_else(|_| Err(unanswered()))
    }

    /// A reconciliation has finished: the others no longer wait for it.
    pub(crate) async fn finish(&self, batcher: &WriteBatcher) {
        self.send_batch(batcher.finish()).await;
    }

    /// Sends a batch, if it holds anything. Boxed: the futures of all ports are nested in this one, deeper
    /// than a compiler that has to lay them out as one value goes.
    async fn send_batch(&self, batch: Batch) {
        if !batch.is_empty() {
            Box::pin(self.flush(batch)).await;
        }
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
            let swept = self.sweep_for_writes(WRITE_AGE_MAX, count).await;
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
            let requests = writes(&batch.opens).collect();
            deliver(batch.opens, self.open_claimed(requests).await);
        }
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

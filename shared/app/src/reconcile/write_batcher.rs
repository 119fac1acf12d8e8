//! Batches the writes of reconciliations that run concurrently.
//!
//! HaloPSA accepts an array with every write and counts it as one request. All reconciliations of one
//! queue batch share a [`WriteBatcher`]. Each [submits](WriteBatcher::submit) its write and waits. The
//! batch is sent when every reconciliation that still runs has a write in it, or earlier when an array is
//! full. There is no timer: the last reconciliation to submit, or to [finish](WriteBatcher::finish), gets
//! the [`Batch`] and sends it for all. A reconciliation that runs alone sends at once.
//!
//! Three reconciliations, of which the second needs no write and the third takes longest:
//!
//! ```text
//! time   A                     B              C                     running  waiting  sent
//!  0     reads                 reads          reads                 3        –
//!  1     submits change 1      reads          reads                 3        A
//!  2     waits                 finishes       reads                 2        A
//!  3     waits                 –              submits change 2      2        A, C     [1, 2], by C
//!  4     has its answer        –              has its answer        2        –
//!  5     submits note 3        –              saves                 2        A
//!  6     waits                 –              finishes              1        A        [3], by C
//!  7     has its answer        –              –                     1        –
//! ```
//!
//! C sends at 3 because both reconciliations that still run have submitted, and at 6 because it was the
//! only one A was waiting for. If C is cancelled before it sends, A's answer is [`unanswered`]: in doubt,
//! as after a crash.

use std::sync::{Mutex, MutexGuard, PoisonError};

use futures_channel::oneshot;
use halogard_domain::ids::NoteId;
use halogard_domain::storm::Membership;
use halogard_domain::ticket::{NewNote, NewTicket, TicketChange};
use halogard_domain::write_result::ClaimId;
use halogard_domain::{Alert, FailureClass, Link, Ticket, Timestamp};

use crate::ports::{ErrorCode, JournalEntry, PortError, Stored};

/// Where the reconciliations of one queue batch submit their writes.
pub(crate) struct WriteBatcher {
    /// The most writes in one array.
    batch_max: usize,
    state: Mutex<BatcherState>,
}

/// How many reconciliations run, and the writes of those that wait.
#[derive(Default)]
struct BatcherState {
    running: usize,
    waiting: Batch,
}

/// Writes that are sent together, by kind.
#[derive(Default)]
pub(crate) struct Batch {
    pub(super) assignments: Vec<PendingWrite<AssignGroup>>,
    pub(super) sweeps: Vec<PendingWrite<SweepForChanges>>,
    pub(super) opens: Vec<PendingWrite<OpenRequest>>,
    pub(super) changes: Vec<PendingWrite<TicketChange>>,
    pub(super) notes: Vec<PendingWrite<NewNote>>,
}

/// A kind of write that can be batched.
pub(crate) trait BatchedWrite: Sized {
    /// What it returns.
    type Answer;

    /// The position of writes of this kind in `batch`.
    fn pending_in(batch: &mut Batch) -> &mut Vec<PendingWrite<Self>>;
}

/// Counts an alert among those of its storm. A write to the store, batched for the same reason: the
/// alerts of one storm are counted by one write.
#[derive(Clone)]
pub(crate) struct AssignGroup(pub(super) Alert);

/// Sweeps HaloPSA's tickets, so that it is known which of them changed. A read, batched for the same
/// reason: one list answers for every ticket, where reading the notes of each takes one request each.
#[derive(Clone)]
pub(crate) struct SweepForChanges;

/// A write and the channel for its answer.
pub(crate) struct PendingWrite<W: BatchedWrite> {
    pub(super) write: W,
    answer: oneshot::Sender<Result<W::Answer, PortError>>,
}

/// A ticket to open, with the link in which the right to do so is acquired when the batch is sent: a claim
/// that was acquired before the wait could run out in it.
#[derive(Clone)]
pub(crate) struct OpenRequest {
    pub(super) ticket: NewTicket,
    pub(super) link: Stored<Link>,
    /// Journal entries that are saved with the claim.
    pub(super) journal: Vec<JournalEntry>,
}

/// What the request to open a ticket led to.
pub(crate) struct OpenAnswer {
    /// The link with the claim, once that was stored.
    pub(super) claimed: Option<ClaimedLink>,
    /// What was opened.
    pub(super) outcome: Result<OpenOutcome, PortError>,
}

/// A link in which the right to open the ticket was acquired.
#[derive(Clone)]
pub(crate) struct ClaimedLink {
    pub(super) link: Stored<Link>,
    pub(super) claim: ClaimId,
}

/// What was opened, if HaloPSA or the store did not fail.
#[derive(Clone)]
pub(crate) enum OpenOutcome {
    /// The ticket is open.
    Opened(Ticket),
    /// It may not be opened yet; nothing was sent. Worth a retry at this time.
    NotYet(Timestamp),
    /// Another installation opens the tickets; this one checks again at this time.
    Yielded(Timestamp),
    /// Another worker has saved the link, or has taken the claim over; nothing was sent since.
    Superseded,
}

/// The answer to a write, once it is known.
pub(crate) type Answer<W> = oneshot::Receiver<Result<<W as BatchedWrite>::Answer, PortError>>;

impl BatchedWrite for AssignGroup {
    type Answer = Membership;

    fn pending_in(batch: &mut Batch) -> &mut Vec<PendingWrite<Self>> {
        &mut batch.assignments
    }
}

impl BatchedWrite for SweepForChanges {
    type Answer = ();

    fn pending_in(batch: &mut Batch) -> &mut Vec<PendingWrite<Self>> {
        &mut batch.sweeps
    }
}

impl BatchedWrite for OpenRequest {
    type Answer = OpenAnswer;

    fn pending_in(batch: &mut Batch) -> &mut Vec<PendingWrite<Self>> {
        &mut batch.opens
    }
}

impl BatchedWrite for TicketChange {
    type Answer = Ticket;

    fn pending_in(batch: &mut Batch) -> &mut Vec<PendingWrite<Self>> {
        &mut batch.changes
    }
}

impl BatchedWrite for NewNote {
    type Answer = NoteId;

    fn pending_in(batch: &mut Batch) -> &mut Vec<PendingWrite<Self>> {
        &mut batch.notes
    }
}

impl WriteBatcher {
    /// A batcher for `running` reconciliations and arrays of at most `batch_max` writes.
    pub(crate) fn new(running: usize, batch_max: usize) -> Self {
        let state = BatcherState {
            running,
            waiting: Batch::default(),
        };
        Self {
            batch_max: batch_max.max(1),
            state: Mutex::new(state),
        }
    }

    /// Submits a write. The caller sends the returned batch, which is empty unless this write completed
    /// it, and then awaits the answer.
    pub(super) fn submit<W: BatchedWrite>(&self, write: W) -> (Answer<W>, Batch) {
        let (sender, answer) = oneshot::channel();
        let mut state = self.lock();
        let pending = W::pending_in(&mut state.waiting);
        pending.push(PendingWrite {
            write,
            answer: sender,
        });
        if pending.len() >= self.batch_max {
            let mut full = Batch::default();
            *W::pending_in(&mut full) = std::mem::take(pending);
            return (answer, full);
        }
        (answer, state.take_complete())
    }

    /// A reconciliation has finished and submits no more. The caller sends the returned batch, which is
    /// empty unless the others were waiting for this one only.
    pub(super) fn finish(&self) -> Batch {
        let mut state = self.lock();
        state.running = state.running.saturating_sub(1);
        state.take_complete()
    }

    fn lock(&self) -> MutexGuard<'_, BatcherState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl BatcherState {
    /// Everything that waits, if every running reconciliation does; otherwise nothing.
    fn take_complete(&mut self) -> Batch {
        if self.waiting.len() < self.running {
            return Batch::default();
        }
        std::mem::take(&mut self.waiting)
    }
}

impl Batch {
    /// Whether there is nothing to send.
    pub(super) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The number of writes.
    fn len(&self) -> usize {
        self.assignments.len()
            + self.sweeps.len()
            + self.opens.len()
            + self.changes.len()
            + self.notes.len()
    }
}

/// Gives each write its answer; `answers` has one for each, in order.
pub(super) fn deliver<W: BatchedWrite>(
    pending: Vec<PendingWrite<W>>,
    answers: Vec<Result<W::Answer, PortError>>,
) {
    let mut answers = answers.into_iter();
    for write in pending {
        let answer = answers.next().unwrap_or_else(|| Err(unanswered()));
        // A receiver that no longer exists was cancelled; its write is looked up as after a crash.
        write.answer.send(answer).unwrap_or_default();
    }
}

/// The reconciliation that was to send the write was cancelled before or while sending it.
pub(super) fn unanswered() -> PortError {
    PortError::new(FailureClass::InDoubt, ErrorCode::WriteBatchUnanswered)
}

#[cfg(test)]
mod tests {
    use halogard_domain::ids::{OutcomeId, TicketId};

    use super::*;

    fn note(html: &str) -> NewNote {
        NewNote {
            ticket: TicketId::new(4242),
            outcome: OutcomeId::new(1),
            html: html.to_owned(),
            reference: String::new(),
        }
    }

    #[test]
    fn a_batch_is_complete_when_every_running_reconciliation_waits() {
        let batcher = WriteBatcher::new(3, 10);
        assert_eq!(batcher.submit(note("a")).1.len(), 0);
        assert_eq!(batcher.finish().len(), 0, "one still runs");
        let (_, batch) = batcher.submit(note("b"));
        assert_eq!(batch.notes.len(), 2);
        assert_eq!(batcher.submit(note("c")).1.len(), 0);
        assert_eq!(batcher.finish().len(), 1, "nothing else runs");
    }

    #[test]
    fn a_full_array_is_sent_before_the_others_have_submitted() {
        let batcher = WriteBatcher::new(5, 2);
        assert_eq!(batcher.submit(note("a")).1.len(), 0);
        assert_eq!(batcher.submit(note("b")).1.len(), 2);
        assert_eq!(batcher.submit(note("c")).1.len(), 0);
    }
}

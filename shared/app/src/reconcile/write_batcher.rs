//! Where looks that are under way together meet, so that their writes go out together.
//!
//! HaloPSA takes an array with every write and counts it as one request. A look waits here with its
//! write until every other look of its company waits as well, or is over; then all writes of a kind
//! go out in one array. A look on its own waits for nobody.

use std::sync::{Mutex, MutexGuard, PoisonError};

use futures_channel::oneshot;
use halogard_domain::ids::NoteId;
use halogard_domain::storm::Membership;
use halogard_domain::ticket::{NewNote, NewTicket, TicketChange};
use halogard_domain::{Alert, FailureClass, Ticket, Timestamp};

use crate::ports::PortError;

/// The company of looks.
pub(crate) struct WriteBatcher {
    /// The most writes in one array.
    batch_max: usize,
    state: Mutex<State>,
}

/// Who is there, and who waits with what.
#[derive(Default)]
struct State {
    /// Looks that are not over.
    looks: usize,
    waiting: Batch,
}

/// Writes that go out together.
#[derive(Default)]
pub(crate) struct Batch {
    pub(super) memberships: Vec<PendingWrite<Alert, Membership>>,
    pub(super) opens: Vec<PendingWrite<NewTicket, OpenOutcome>>,
    pub(super) changes: Vec<PendingWrite<TicketChange, Ticket>>,
    pub(super) notes: Vec<PendingWrite<NewNote, NoteId>>,
}

/// A write and who waits for its answer.
pub(crate) struct PendingWrite<Q, A> {
    pub(super) asked: Q,
    answer: oneshot::Sender<Result<A, PortError>>,
}

/// What became of a ticket that was to be opened.
pub(crate) enum OpenOutcome {
    /// It is open.
    Opened(Ticket),
    /// Another worker opens tickets at this moment; nothing was sent.
    LeaseHeld(Timestamp),
}

/// The answer to a write, once it is there.
pub(crate) type Answer<A> = oneshot::Receiver<Result<A, PortError>>;

impl WriteBatcher {
    /// A company of `looks`, whose writes go out in arrays of at most `batch_max`.
    pub(crate) fn of(looks: usize, batch_max: usize) -> Self {
        let state = State {
            looks,
            waiting: Batch::default(),
        };
        Self {
            batch_max: batch_max.max(1),
            state: Mutex::new(state),
        }
    }

    /// Leaves a write here; with it come the writes that are to be sent out now, if it was the last
    /// that the others waited for.
    pub(super) fn submit<Q, A>(
        &self,
        asked: Q,
        kind: impl Fn(&mut Batch) -> &mut Vec<PendingWrite<Q, A>>,
    ) -> (Answer<A>, Batch) {
        let (sender, answer) = oneshot::channel();
        let mut state = self.open();
        let waiting = kind(&mut state.waiting);
        waiting.push(PendingWrite {
            asked,
            answer: sender,
        });
        if waiting.len() >= self.batch_max {
            let mut due = Batch::default();
            *kind(&mut due) = std::mem::take(waiting);
            return (answer, due);
        }
        (answer, state.due())
    }

    /// A look is over; what the others waited for it with is to be sent out now.
    pub(super) fn finish(&self) -> Batch {
        let mut state = self.open();
        state.looks = state.looks.saturating_sub(1);
        state.due()
    }

    fn open(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Everything that waits, if every look does.
    fn due(&mut self) -> Batch {
        if self.waiting.len() < self.looks {
            return Batch::default();
        }
        std::mem::take(&mut self.waiting)
    }
}

impl Batch {
    /// Writes in it.
    fn len(&self) -> usize {
        self.memberships.len() + self.opens.len() + self.changes.len() + self.notes.len()
    }
}

/// Hands each of those who wait its answer.
pub(super) fn deliver<Q, A>(waiting: Vec<PendingWrite<Q, A>>, answers: Vec<Result<A, PortError>>) {
    let mut answers = answers.into_iter();
    for waiting in waiting {
        let answer = answers.next().unwrap_or_else(|| Err(unanswered()));
        // Who no longer waits was stopped; the write is then looked for as after a crash.
        waiting.answer.send(answer).unwrap_or_default();
    }
}

/// Whoever was to send the write was stopped before it came to it, or in the middle.
pub(super) fn unanswered() -> PortError {
    PortError::new(FailureClass::InDoubt, "write_batch.unanswered")
}

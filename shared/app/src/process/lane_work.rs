//! The kinds of work that lanes carry. A function that takes one kind links the code of that kind only.

use halogard_domain::message::Message;

use super::disposition::Dispatched;
use crate::env::Env;
use crate::ports::{Delivery, Lane};
use crate::reconcile::write_batcher::WriteBatcher;
use crate::reconciler::Reconciler;

/// A kind of work: [`PairWork`](super::PairWork) or [`RunWork`](super::RunWork).
#[expect(private_bounds, reason = "the kinds are those of this module")]
pub trait LaneWork: Dispatch {
    /// The lanes that carry it.
    const LANES: &'static [Lane];
}

/// Calling the use case that a message names.
pub(super) trait Dispatch {
    /// Processes `message`, and says how it is settled. A message of another kind of work is dead-lettered.
    fn dispatch<E: Env>(
        reconciler: &Reconciler<E>,
        message: &Message,
        delivery: &Delivery,
        batcher: &WriteBatcher,
    ) -> impl Future<Output = Dispatched> + Send;
}

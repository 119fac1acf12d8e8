//! Work nobody could do.
//!
//! SQS cannot list a queue: it hands messages out. So a list receives every letter, keeps the oldest,
//! and shows all of them again. While that lasts the letters are hidden from others who look; one who
//! dies meanwhile hides them for [`HIDDEN`] at most, and loses none.

use std::collections::BTreeSet;
use std::time::Duration;

use halogard_app::ports::{Clock, DeadLetter, Lane, PortError};

use super::attributes::{Burial, Mark};
use super::calls::{BATCH_MAX, Parcel, Wait};
use super::error::QueueError;
use super::incoming::Received;
use crate::store::Store;

/// How long letters are hidden while we look: longer than looking through the most of them takes.
const HIDDEN: Duration = Duration::from_secs(300);

/// Letters that are looked through on one lane. Source of the bound: SQS hands out 120,000 messages
/// of a standard queue at a time, and a few hundred a second to one who asks for ten at a time.
const LETTERS_MAX: usize = 50_000;

/// What looking through one lane brought.
#[derive(Default)]
struct Look {
    /// The oldest letters, oldest first.
    letters: Vec<DeadLetter>,
    /// The letter that was looked for, hidden for [`HIDDEN`].
    found: Option<Received>,
    /// What names the other letters, to show them again.
    handles: Vec<String>,
}

/// What is looked for.
#[derive(Clone, Copy)]
enum Wanted<'a> {
    /// The oldest letters, so many at most.
    Oldest(usize),
    /// The one of this message id.
    One(&'a str),
}

impl<C: Clock> Store<C> {
    /// Dead letters of every lane, oldest first.
    pub(super) async fn list_dead_letters(
        &self,
        limit: usize,
    ) -> Result<Vec<DeadLetter>, PortError> {
        if limit == 0 {
            return Ok(Vec::new());
        }
        let mut letters = Vec::new();
        for lane in self.lanes_with_dead_letters() {
            letters.extend(self.look(lane, Wanted::Oldest(limit)).await?.letters);
        }
        keep_oldest(&mut letters, limit);
        Ok(letters)
    }

    /// Sends the letter `id` back to its lane, as new. `false` also while somebody else looks at it.
    pub(super) async fn drive_back(&self, id: &str) -> Result<bool, PortError> {
        let Some((lane, message)) = read_id(id) else {
            return Ok(false);
        };
        let queue = self.work_queue(lane)?;
        let dead_letters = self.dead_letter_queue(lane)?;
        let Some(letter) = self.look(lane, Wanted::One(message)).await?.found else {
            return Ok(false);
        };
        let sent = self
            .post(
                queue,
                Parcel {
                    body: letter.body,
                    attributes: Mark::new(self.now()).attributes(),
                    delay: Duration::ZERO,
                },
            )
            .await;
        if let Err(error) = sent {
            self.show_again(lane, &[letter.handle]).await;
            return Err(error);
        }
        if let Err(error) = self.delete(dead_letters, &letter.handle).await {
            // It is on its way again; as a letter it comes to light once more.
            tracing::warn!(
                error = error.chain(),
                lane = lane.name(),
                "a dead letter was sent back but not deleted"
            );
        }
        Ok(true)
    }

    /// Looks through the letters of `lane`, and shows again what was not looked for.
    async fn look(&self, lane: Lane, wanted: Wanted<'_>) -> Result<Look, PortError> {
        let mut look = Look::default();
        let outcome = self.look_through(lane, wanted, &mut look).await;
        self.show_again(lane, &look.handles).await;
        outcome.map(|()| look)
    }

    /// Receives letters until there are no more, or the one that is wanted has come.
    async fn look_through(
        &self,
        lane: Lane,
        wanted: Wanted<'_>,
        look: &mut Look,
    ) -> Result<(), PortError> {
        let queue = self.dead_letter_queue(lane)?;
        let mut seen = BTreeSet::new();
        while seen.len() < LETTERS_MAX {
            let before = seen.len();
            for message in self.fetch(queue, BATCH_MAX, HIDDEN, Wait::ForAll).await? {
                let received = Received::of(message);
                if matches!(wanted, Wanted::One(id) if id == received.id) {
                    look.found = Some(received);
                    continue;
                }
                look.handles.push(received.handle.clone());
                if seen.insert(received.id.clone())
                    && let Wanted::Oldest(limit) = wanted
                {
                    look.letters.push(letter(lane, received));
                    keep_oldest(&mut look.letters, limit);
                }
            }
            // Nothing new: none are left, or the first ones come round again.
            if look.found.is_some() || seen.len() == before {
                return Ok(());
            }
        }
        Err(QueueError::TooManyDeadLetters {
            lane: lane.name(),
            most: LETTERS_MAX,
        }
        .into())
    }

    /// Shows letters again. Those for which it fails show themselves after [`HIDDEN`].
    async fn show_again(&self, lane: Lane, handles: &[String]) {
        let Ok(queue) = self.dead_letter_queue(lane) else {
            return;
        };
        for some in handles.chunks(BATCH_MAX) {
            let failed = match self.show(queue, some).await {
                Ok(0) => continue,
                Ok(failed) => failed,
                Err(error) => {
                    tracing::warn!(
                        error = error.chain(),
                        lane = lane.name(),
                        "letters stay hidden"
                    );
                    some.len()
                }
            };
            tracing::warn!(
                failed,
                lane = lane.name(),
                seconds = HIDDEN.as_secs(),
                "dead letters that were listed stay hidden for some time"
            );
        }
    }
}

/// The letter in `received`, a message of the dead-letter queue of `lane`.
fn letter(lane: Lane, received: Received) -> DeadLetter {
    let burial = Burial::read(&received.texts, &received.mark, received.sent);
    DeadLetter {
        id: format!("{}.{}", lane.name(), received.id),
        lane,
        body: received.body,
        reason: burial.reason,
        at: burial.at,
        receive_count: burial.receive_count,
    }
}

/// Lane and message id in the id of a letter.
fn read_id(id: &str) -> Option<(Lane, &str)> {
    let (lane, message) = id.split_once('.')?;
    let lane = Lane::ALL.into_iter().find(|known| known.name() == lane)?;
    Some((lane, message))
}

/// Sorts `letters`, oldest first, and drops all but the first `limit`.
fn keep_oldest(letters: &mut Vec<DeadLetter>, limit: usize) {
    letters.sort_by(|one, other| (one.at, &one.id).cmp(&(other.at, &other.id)));
    letters.truncate(limit);
}

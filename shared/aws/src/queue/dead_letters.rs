//! Dead letters.
//!
//! SQS cannot list a queue, only receive from it. So listing receives every letter, keeps the oldest,
//! and then makes all of them visible again. Meanwhile other readers do not see them; a reader that
//! crashes hides them for [`SCAN_VISIBILITY`] at most, and loses none.

use std::collections::BTreeSet;
use std::time::Duration;

use halogard_app::ports::{Clock, DeadLetter, Lane, PortError};

use super::attributes::{DeadLetterMetadata, MessageMetadata};
use super::calls::{BATCH_MAX, EncodedMessage, Wait};
use super::error::QueueError;
use super::received::Received;
use super::sending::QueueTarget;
use crate::store::Store;

/// How long letters are hidden while we read: longer than reading the most of them takes.
const SCAN_VISIBILITY: Duration = Duration::from_secs(300);

/// Letters that one listing of a lane receives. Source of the bound: SQS has at most 120,000 messages
/// of a standard queue at a time, and a few hundred a second to one who asks for ten at a time.
const DEAD_LETTERS_SCANNED_MAX: usize = 50_000;

/// What reading one lane found.
#[derive(Default)]
struct DeadLetterScan {
    /// The oldest letters, oldest first.
    letters: Vec<DeadLetter>,
    /// The letters that were looked for, hidden for [`SCAN_VISIBILITY`].
    found: Vec<Received>,
    /// What names the other letters, to show them again.
    handles: Vec<String>,
}

/// What is looked for.
#[derive(Clone, Copy)]
enum ScanFor<'a> {
    /// The oldest letters, at most this many.
    Oldest(usize),
    /// Those of these message ids.
    Ids(&'a BTreeSet<&'a str>),
}

impl ScanFor<'_> {
    /// Whether the letter `id` is looked for by its id.
    fn names(self, id: &str) -> bool {
        match self {
            Self::Oldest(_) => false,
            Self::Ids(ids) => ids.contains(id),
        }
    }

    /// Whether `found` letters are all that are looked for.
    fn is_done(self, found: usize) -> bool {
        match self {
            Self::Oldest(_) => false,
            Self::Ids(ids) => found >= ids.len(),
        }
    }
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
            letters.extend(self.scan(lane, ScanFor::Oldest(limit)).await?.letters);
        }
        keep_oldest(&mut letters, limit);
        Ok(letters)
    }

    /// Sends the letter `id` back to its lane, as new. `false` also while another process has it in flight.
    pub(super) async fn redrive_dead_letter(&self, id: &str) -> Result<bool, PortError> {
        let Some((lane, message)) = read_id(id) else {
            return Ok(false);
        };
        let queue = self.work_queue(lane)?;
        let dead_letters = self.dead_letter_queue(lane)?;
        let wanted = BTreeSet::from([message]);
        let mut found = self.scan(lane, ScanFor::Ids(&wanted)).await?.found;
        let Some(letter) = found.pop() else {
            return Ok(false);
        };
        let again = EncodedMessage {
            body: letter.body,
            attributes: MessageMetadata::new(self.now()).attributes(),
            delay: Duration::ZERO,
        };
        let target = QueueTarget {
            sqs: self.sqs(),
            queue,
        };
        if let Err(error) = target.send_encoded(vec![again]).await {
            self.make_visible_again(lane, &[letter.handle]).await;
            return Err(error);
        }
        if let Err(error) = self.delete(dead_letters, &letter.handle).await {
            // It is on its way again; as a letter it is listed again.
            tracing::warn!(
                error = error.chain(),
                lane = lane.name(),
                "a dead letter was sent back but not deleted"
            );
        }
        Ok(true)
    }

    /// Deletes the letters `ids`. One that another process has in flight stays.
    pub(super) async fn delete_dead_letters(&self, ids: &[String]) -> Result<usize, PortError> {
        let mut deleted = 0;
        for lane in self.lanes_with_dead_letters() {
            let wanted: BTreeSet<&str> = ids
                .iter()
                .filter_map(|id| read_id(id))
                .filter(|(of, _)| *of == lane)
                .map(|(_, message)| message)
                .collect();
            if wanted.is_empty() {
                continue;
            }
            let queue = self.dead_letter_queue(lane)?;
            for letter in self.scan(lane, ScanFor::Ids(&wanted)).await?.found {
                self.delete(queue, &letter.handle).await?;
                deleted += 1;
            }
        }
        Ok(deleted)
    }

    /// Reads the letters of `lane`, and makes those visible again that were not searched for.
    async fn scan(&self, lane: Lane, wanted: ScanFor<'_>) -> Result<DeadLetterScan, PortError> {
        let mut scan = DeadLetterScan::default();
        let outcome = self.scan_into(lane, wanted, &mut scan).await;
        self.make_visible_again(lane, &scan.handles).await;
        outcome.map(|()| scan)
    }

    /// Receives letters until there are no more, or those that are wanted have come.
    async fn scan_into(
        &self,
        lane: Lane,
        wanted: ScanFor<'_>,
        scan: &mut DeadLetterScan,
    ) -> Result<(), PortError> {
        let queue = self.dead_letter_queue(lane)?;
        let mut seen = BTreeSet::new();
        while seen.len() < DEAD_LETTERS_SCANNED_MAX {
            let before = (seen.len(), scan.found.len());
            for message in self
                .fetch(queue, BATCH_MAX, SCAN_VISIBILITY, Wait::ForAll)
                .await?
            {
                let received = Received::of(message);
                if wanted.names(&received.id) {
                    scan.found.push(received);
                    continue;
                }
                scan.handles.push(received.handle.clone());
                if seen.insert(received.id.clone())
                    && let ScanFor::Oldest(limit) = wanted
                {
                    scan.letters.push(letter(lane, received));
                    keep_oldest(&mut scan.letters, limit);
                }
            }
            // Nothing new: none are left, or the first ones come round again.
            if wanted.is_done(scan.found.len()) || (seen.len(), scan.found.len()) == before {
                return Ok(());
            }
        }
        Err(QueueError::TooManyDeadLetters {
            lane: lane.name(),
            most: DEAD_LETTERS_SCANNED_MAX,
        }
        .into())
    }

    /// Shows letters again. Those for which it fails show themselves after [`SCAN_VISIBILITY`].
    async fn make_visible_again(&self, lane: Lane, handles: &[String]) {
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
                        "dead letters stay hidden until their visibility timeout"
                    );
                    some.len()
                }
            };
            tracing::warn!(
                failed,
                lane = lane.name(),
                seconds = SCAN_VISIBILITY.as_secs(),
                "listed dead letters stay hidden until their visibility timeout"
            );
        }
    }
}

/// The letter in `received`, a message of the dead-letter queue of `lane`.
fn letter(lane: Lane, received: Received) -> DeadLetter {
    let dead_letter =
        DeadLetterMetadata::read(&received.attributes, &received.metadata(), received.sent);
    DeadLetter {
        id: format!("{}.{}", lane.name(), received.id),
        lane,
        body: received.body,
        reason: dead_letter.reason,
        at: dead_letter.at,
        receive_count: dead_letter.receive_count,
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

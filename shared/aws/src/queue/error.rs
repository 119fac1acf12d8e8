//! What a queue cannot take.

use halogard_app::ports::{ErrorCode, PortError};
use halogard_domain::FailureClass;

use crate::error::AwsError;

/// A message that did not get onto a queue, or off it.
#[derive(Debug, thiserror::Error)]
pub enum QueueError {
    /// The message has no JSON form.
    #[error(transparent)]
    Unwritten(#[from] AwsError),
    /// The message is too large even without its news.
    #[error(
        "a message {kind} takes {bytes} bytes and a queue holds {most} in one; what it was made from \
         must be shorter"
    )]
    TooLarge {
        /// What it asks for.
        kind: &'static str,
        /// Its size.
        bytes: usize,
        /// The most that fits.
        most: usize,
    },
    /// Some messages of a batch were not taken.
    #[error("{left} of {all} messages were not taken after {rounds} rounds")]
    NotTaken {
        /// Messages that were not taken.
        left: usize,
        /// Messages there were.
        all: usize,
        /// How often they were sent.
        rounds: u32,
        /// What the queue answered about one of them.
        source: AwsError,
    },
    /// A message that another process received cannot be copied here.
    #[error("another process has received the message, and only that process can dead-letter it")]
    NotInFlight,
    /// More dead letters than are read.
    #[error(
        "the lane {lane} has more than {most} dead letters; drive some back or purge its dead-letter \
         queue"
    )]
    TooManyDeadLetters {
        /// The lane.
        lane: &'static str,
        /// The most that are read.
        most: usize,
    },
}

impl From<QueueError> for PortError {
    fn from(error: QueueError) -> Self {
        let (class, code) = match &error {
            QueueError::Unwritten(_) | QueueError::TooLarge { .. } => {
                (FailureClass::Permanent, ErrorCode::QueueTooLarge)
            }
            QueueError::NotTaken { source, .. } => (source.class().0, ErrorCode::QueueNotTaken),
            QueueError::NotInFlight => (FailureClass::Transient, ErrorCode::QueueNotInFlight),
            QueueError::TooManyDeadLetters { .. } => {
                (FailureClass::Transient, ErrorCode::QueueTooManyDeadLetters)
            }
        };
        Self::new(class, code).with_source(error)
    }
}
